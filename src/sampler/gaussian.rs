//! The law that a sampler generates, computed with no sampling (T8).
//!
//! For an affine denoiser D̂ = m + A·δ, ε̂ = B·δ with δ = x − a·m, and every step here has state·a + denoised = a', so
//! a single step is δ' = M·δ + c·z with M = state·I + denoised·A + noise·B, c = random. A corrected step is δ' = M·δ with
//! M = state·I + noise·B + noise_after·B'·M₁, M₁ the predictor's. So the law stays Gaussian:
//! E δ' = M·E δ, Cov' = M·Cov·Mᵀ + c²·I, and the mean of x' is a'·m + E δ'.
//!
//! Floor 5. Uses `arith`, `channel`, `denoiser`, `error`. Spec: T8.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use super::Method;
use super::run::{End, prior_deviation};
use super::step::{Step, TO_DATA, Weights};
use crate::arith::matrix::multiply;
use crate::channel::{Channel, Steps};
use crate::denoiser::{AffineMaps, Maps, check_finite};
use crate::error::{Error, Result};

/// N(mean, covariance) in d dimensions, in f64.
#[derive(Clone, Debug, PartialEq)]
pub struct GaussianLaw {
    /// d numbers.
    pub mean: Array1<f64>,
    /// d×d, symmetric.
    pub covariance: Array2<f64>,
}

impl GaussianLaw {
    /// N(mean, F·Fᵀ), as `Start::Moments`.
    ///
    /// Errors: `Error::Shape` where F is not d×d; `Error::Empty` where d = 0; `Error::NotFinite`.
    pub fn from_factor(mean: ArrayView1<'_, f64>, factor: ArrayView2<'_, f64>) -> Result<Self> {
        GaussianLaw::check(mean, factor)?;
        Ok(GaussianLaw { mean: mean.to_owned(), covariance: multiply(factor, factor.t())? })
    }

    /// N(0, σ²I) with σ = `prior_deviation`, as `Start::Standard`.
    pub fn standard(channel: Channel, dimension: usize) -> Self {
        let deviation = prior_deviation(channel);
        GaussianLaw {
            mean: Array1::zeros(dimension),
            covariance: Array2::from_diag_elem(dimension, deviation * deviation),
        }
    }

    /// Errors where the two do not make a d-dimensional law, d at least 1.
    pub(super) fn check(mean: ArrayView1<'_, f64>, matrix: ArrayView2<'_, f64>) -> Result<()> {
        if mean.is_empty() {
            return Err(Error::Empty { what: "mean", expected: "coordinate" });
        }
        if matrix.dim() != (mean.len(), mean.len()) {
            return Err(Error::Shape {
                what: "covariance or factor",
                found: matrix.shape().to_vec(),
                expected: format!("{0}×{0}, as the mean has {0} numbers", mean.len()),
            });
        }
        check_finite("mean", mean.insert_axis(Axis(0)))?;
        check_finite("covariance or factor", matrix)
    }
}

/// The law of the last state of `sample` with this denoiser, table, method and end, from the law of its start.
///
/// Exact but for f64's rounding. With M̄ the magnitudes of the terms of M summed, each step's M is within γ(3d + 45)·M̄
/// (12u a weight, d + 6 roundings a map, a product of two maps for a corrected step), and the two products with it add
/// d roundings each. Where no term of M is negative and the covariance has no negative entry, as in one dimension for
/// every method but the flow's, each variance is therefore within (8d + 96)·u of itself a step.
/// Spec: T8. Errors: those of `Method::step` and `AffineMaps::maps`; `Error::Shape`, `Error::NotFinite` for the start.
pub fn law_of_sampler<A: AffineMaps + ?Sized>(
    affine: &A,
    steps: &Steps,
    method: Method,
    start: &GaussianLaw,
    end: End,
) -> Result<GaussianLaw> {
    GaussianLaw::check(start.mean.view(), start.covariance.view())?;
    if start.mean.len() != affine.mean().len() {
        return Err(Error::Shape {
            what: "start's mean",
            found: start.mean.shape().to_vec(),
            expected: format!("{} numbers", affine.mean().len()),
        });
    }
    let centre = |a: f64, deviation: &Array1<f64>, sign: f64| {
        let pairs = deviation.iter().zip(affine.mean());
        Array1::from_iter(pairs.map(|(x, m)| (sign * a).mul_add(*m, *x)))
    };
    let mut law = GaussianLaw {
        mean: centre(steps.first().a(), &start.mean, -1.0),
        covariance: start.covariance.clone(),
    };
    let mut scale = steps.first().a();
    let mut maps = affine.maps(steps.first())?;
    for pair in steps.channels().windows(2) {
        let next = affine.maps(pair[1])?;
        law = after(&law, &method.step(pair[0], pair[1])?, &maps, &next)?;
        (scale, maps) = (pair[1].a(), next);
    }
    if end == End::Data {
        law = after(&law, &TO_DATA, &maps, &maps)?;
        scale = 1.0;
    }
    law.mean = centre(scale, &law.mean, 1.0);
    check_finite("mean", law.mean.view().insert_axis(Axis(0)))?;
    check_finite("covariance", law.covariance.view())?;
    Ok(law)
}

/// The law of δ' from that of δ.
fn after(law: &GaussianLaw, step: &Step, here: &Maps, next: &Maps) -> Result<GaussianLaw> {
    let (matrix, random) = match step {
        Step::Single(weights) => (linear(weights, here), weights.random),
        Step::Corrected { predictor, state, noise, noise_after } => {
            let guess = linear(predictor, here);
            let second = multiply(next.noise.view(), guess.view())?;
            let first = Weights { state: *state, noise: *noise, ..Weights::default() };
            (linear(&first, here) + second * *noise_after, 0.0)
        }
    };
    let mean = multiply(law.mean.view().insert_axis(Axis(0)), matrix.t())?.remove_axis(Axis(0));
    let half = multiply(matrix.view(), law.covariance.view())?;
    let mut covariance = multiply(half.view(), matrix.t())?;
    for entry in covariance.diag_mut() {
        *entry = random.mul_add(random, *entry);
    }
    // M·Cov·Mᵀ is symmetric; the mean of the two roundings keeps it so.
    let symmetric = (&covariance + &covariance.t()) * 0.5;
    Ok(GaussianLaw { mean, covariance: symmetric })
}

/// state·I + denoised·A + noise·B.
fn linear(weights: &Weights, maps: &Maps) -> Array2<f64> {
    let mut matrix = &maps.denoised * weights.denoised + &maps.noise * weights.noise;
    for entry in matrix.diag_mut() {
        *entry += weights.state;
    }
    matrix
}
