//! Toy laws by name: small distributions whose every quantity is known, each made to show one thing.
//!
//! Floor 1. Uses `law`, `arith`. Spec: notation of T.

use ndarray::{Array2, Array3, array};

use super::covariance::Covariance;
use super::digits;
use super::mixture::Mixture;
use crate::arith::scalar::sin_cos_turns;
use crate::error::{Error, Result};

/// The seed of the one toy law that is drawn at random.
const TRAINING_SEED: u64 = 2026;

/// A law that can be asked for by name.
#[derive(Clone, Copy, Debug)]
pub struct ToyLaw {
    /// The name, as on the command line.
    pub name: &'static str,
    /// What it is and what it is for, in one sentence.
    pub about: &'static str,
    make: fn() -> Result<Mixture>,
}

/// Every toy law.
pub const TOY_LAWS: &[ToyLaw] = &[
    ToyLaw {
        name: "oblique-plane",
        about: "a Gaussian of rank 2 in ℝ³, on the plane through 0 with normal (1, 2, 2)/3",
        make: oblique_plane,
    },
    ToyLaw {
        name: "two-modes",
        about: "two Gaussians of deviation 0.3 at −1 and 1 on the line",
        make: two_modes,
    },
    ToyLaw {
        name: "three-gaussians",
        about: "three Gaussians of unequal weight, size and direction in the plane",
        make: three_gaussians,
    },
    ToyLaw {
        name: "ring",
        about: "eight equal Gaussians of deviation 0.1 on the circle of radius 2",
        make: ring,
    },
    ToyLaw {
        name: "two-moons",
        about: "two interleaved half circles, sixteen Gaussians of deviation 0.08 each",
        make: two_moons,
    },
    ToyLaw {
        name: "training-set",
        about: "a training set: 64 points drawn once from two-moons, as point masses",
        make: training_set,
    },
    ToyLaw {
        name: "digits",
        about: "the 1,797 handwritten 8×8 digits of UCI as point masses in [−1, 1]⁶⁴",
        make: digits::training_set,
    },
    ToyLaw {
        name: "digits-subspace",
        about: "the Gaussian of rank 20 on the leading principal components of the digits",
        make: || digits::subspace(20),
    },
];

/// The toy law of that name.
///
/// Errors: `Error::Unknown`, listing the names.
pub fn toy_law(name: &str) -> Result<Mixture> {
    match TOY_LAWS.iter().find(|law| law.name == name) {
        Some(law) => (law.make)(),
        None => Err(Error::Unknown {
            what: "law",
            name: name.to_string(),
            expected: TOY_LAWS.iter().map(|law| law.name).collect::<Vec<_>>().join(", "),
        }),
    }
}

/// Σ = (9I − nnᵀ)/8 with n = (1, 2, 2): every entry is exact, and so is Σ·n = 0.
fn oblique_plane() -> Result<Mixture> {
    let sigma = array![[8.0, -2.0, -2.0], [-2.0, 5.0, -4.0], [-2.0, -4.0, 5.0]] / 8.0;
    let sigma = sigma.insert_axis(ndarray::Axis(0));
    Mixture::new(vec![1.0], Array2::zeros((1, 3)), Covariance::full(sigma)?)
}

fn two_modes() -> Result<Mixture> {
    Mixture::new(vec![0.5; 2], array![[-1.0], [1.0]], Covariance::isotropic(vec![0.09; 2])?)
}

fn three_gaussians() -> Result<Mixture> {
    let covariance = Array3::from_shape_vec(
        (3, 2, 2),
        vec![0.25, 0.125, 0.125, 0.125, 0.0625, 0.0, 0.0, 0.0625, 0.125, -0.1875, -0.1875, 0.375],
    );
    let covariance = covariance.map_err(|error| Error::Shape {
        what: "covariance",
        found: Vec::new(),
        expected: error.to_string(),
    })?;
    let means = array![[-2.0, 0.0], [1.5, 1.5], [1.0, -2.0]];
    Mixture::new(vec![0.5, 0.3, 0.2], means, Covariance::full(covariance)?)
}

fn ring() -> Result<Mixture> {
    let means = Array2::from_shape_fn((8, 2), |(k, i)| {
        let (sin, cos) = sin_cos_turns(k as f64 / 8.0);
        2.0 * if i == 0 { cos } else { sin }
    });
    Mixture::new(vec![0.125; 8], means, Covariance::isotropic(vec![0.01; 8])?)
}

fn two_moons() -> Result<Mixture> {
    let means = Array2::from_shape_fn((32, 2), |(k, i)| {
        let (sin, cos) = sin_cos_turns((k % 16) as f64 / 30.0);
        match (k < 16, i) {
            (true, 0) => cos,
            (true, _) => sin,
            (false, 0) => 1.0 - cos,
            (false, _) => 0.5 - sin,
        }
    });
    Mixture::new(vec![1.0 / 32.0; 32], means, Covariance::isotropic(vec![0.0064; 32])?)
}

fn training_set() -> Result<Mixture> {
    Mixture::point_masses(two_moons()?.sample(TRAINING_SEED, 0, 64)?.points)
}
