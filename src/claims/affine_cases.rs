//! The laws and channels of the claims about affine optima, and the quadratic losses there.
//!
//! One and two dimensions, the oblique plane, a rank of 2 in five dimensions, a training set, one point: what an affine
//! optimum sees of a law is its mean and covariance.
//!
//! Floor 7. Uses `claims::cases`, `law`, `objective`, `optimum`, `error`. Spec: E2, E3, E4, E7.

use ndarray::{Array1, Array2, array};

use super::cases::{self, NamedChannel};
use crate::error::Result;
use crate::law::{Covariance, Mixture, toy_law};
use crate::objective::{Constraint, Units};
use crate::optimum::Moments;

/// A law as an affine optimum sees it.
pub(super) struct Setting {
    pub law: &'static str,
    pub mixture: Mixture,
    pub moments: Moments,
    /// Integer vectors that C annihilates exactly.
    pub kernel: Vec<Array1<f64>>,
}

impl Setting {
    fn new(law: &'static str, mixture: Mixture, kernel: &[&[f64]]) -> Result<Self> {
        let moments = Moments::of_law(&mixture)?;
        let kernel = kernel.iter().map(|vector| Array1::from_vec(vector.to_vec())).collect();
        Ok(Setting { law, mixture, moments, kernel })
    }

    pub fn dimension(&self) -> usize {
        self.moments.dimension()
    }

    /// The Gaussian with the law's mean and covariance, of which an affine optimum is a Wiener filter.
    pub fn gaussian(&self) -> Result<Mixture> {
        let (mean, covariance) = (self.moments.mean(), self.moments.covariance());
        let covariance = Covariance::full(covariance.to_owned().insert_axis(ndarray::Axis(0)))?;
        Mixture::new(vec![1.0], mean.to_owned().insert_axis(ndarray::Axis(0)), covariance)
    }
}

/// Every law.
pub(super) fn settings() -> Result<Vec<Setting>> {
    let line = Mixture::new(vec![1.0], array![[0.5]], Covariance::isotropic(vec![0.49])?)?;
    let point = Mixture::point_masses(array![[1.0, -2.0]])?;
    Ok(vec![
        Setting::new("oblique-plane", toy_law("oblique-plane")?, &[&[1.0, 2.0, 2.0]])?,
        Setting::new("three-gaussians", toy_law("three-gaussians")?, &[])?,
        Setting::new("training-set", toy_law("training-set")?, &[])?,
        Setting::new("rank 2 in five dimensions", rank_two()?, RANK_TWO_KERNEL)?,
        Setting::new("one Gaussian on the line", line, &[])?,
        Setting::new("one point", point, &[&[1.0, 0.0], &[0.0, 1.0]])?,
    ])
}

/// Vectors that both rows of `rank_two`'s factor are perpendicular to.
const RANK_TWO_KERNEL: &[&[f64]] =
    &[&[1.0, -1.0, 1.0, 0.0, 0.0], &[1.0, -1.0, 0.0, 1.0, 0.0], &[0.0, 0.0, 0.0, 0.0, 1.0]];

/// BᵀDB with B of integers and D dyadic: every entry, and the kernel, is exact.
fn rank_two() -> Result<Mixture> {
    let b = [[1.0, 1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 1.0, 1.0, 0.0]];
    let variances = [0.5, 0.0625];
    let covariance = Array2::from_shape_fn((5, 5), |(i, j)| {
        (0..2).fold(0.0, |sum, l| sum + b[l][i] * variances[l] * b[l][j])
    });
    let covariance = Covariance::full(covariance.insert_axis(ndarray::Axis(0)))?;
    Mixture::new(vec![1.0], array![[0.25, -1.0, 0.0, 2.0, 0.5]], covariance)
}

/// Channels from little noise to much.
pub(super) fn channels(quick: bool) -> Result<Vec<NamedChannel>> {
    if quick {
        return [cases::ve(0.05)?, cases::ve(1.0)?, cases::vp(0.5)?].into_iter().map(Ok).collect();
    }
    let ve = [1e-3, 0.05, 0.3, 1.0, 5.0, 1e3].into_iter().map(cases::ve);
    ve.chain([0.99, 0.5, 0.01].into_iter().map(cases::vp)).collect()
}

/// λτ² of the cases.
pub(super) fn strengths(quick: bool) -> &'static [f64] {
    if quick { &[0.0, 0.1, 10.0] } else { &[0.0, 1e-3, 0.1, 1.0, 10.0, 1e6] }
}

/// The four readings of the loss, with names.
pub(super) const READINGS: [(Constraint, Units, &str); 4] = [
    (Constraint::Equivariance, Units::Noise, "equivariance, noise units"),
    (Constraint::Invariance, Units::Noise, "invariance, noise units"),
    (Constraint::Equivariance, Units::Input, "equivariance, input units"),
    (Constraint::Invariance, Units::Input, "invariance, input units"),
];
