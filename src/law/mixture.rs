//! The data law: a Gaussian mixture with semidefinite covariances, checked once and then trusted.
//!
//! Floor 1. Uses `arith` and `error`. Spec: notation, T1, N1.

use ndarray::{Array2, ArrayView1, ArrayView2};

use super::covariance::Covariance;
use crate::error::{Error, Result};

/// How far from one the sum of the weights may be before it is refused instead of normalised.
pub const WEIGHT_SUM_TOLERANCE: f64 = 1e-6;

/// Parameters beyond this are refused, so that differences and sums of a few of them stay finite.
pub const LARGEST_PARAMETER: f64 = 1e300;

/// The law p₀ = Σ_k w_k N(μ_k, Σ_k) on ℝᵈ, with w_k > 0, Σ w_k = 1 and Σ_k symmetric positive semidefinite.
///
/// Σ_k = 0 (a point mass) and rank-deficient Σ_k are legal. All parameters are f64; evaluation in f32
/// rounds them when its tables are made. Spec: notation of T.
#[derive(Clone, Debug, PartialEq)]
pub struct Mixture {
    weights: Vec<f64>,
    means: Array2<f64>,
    covariance: Covariance,
}

impl Mixture {
    /// The mixture with K weights, K×d means and K covariances.
    ///
    /// Weights are divided by their sum, which must be within 1e-6 of 1.
    /// Errors: `Empty` for K = 0 or d = 0, `Shape` where counts differ, `NotFinite`, `Entry` for a weight
    /// that is not positive, `WeightSum`.
    pub fn new(weights: Vec<f64>, means: Array2<f64>, covariance: Covariance) -> Result<Self> {
        let (k, d) = means.dim();
        if weights.is_empty() || k == 0 {
            return Err(Error::Empty { what: "mixture", expected: "component" });
        }
        if d == 0 {
            return Err(Error::Empty { what: "means", expected: "coordinate" });
        }
        if k != weights.len() {
            return Err(Error::Shape {
                what: "means",
                found: vec![k, d],
                expected: format!("{} rows, one a weight", weights.len()),
            });
        }
        if let Some(((row, column), &value)) = means.indexed_iter().find(|(_, v)| !v.is_finite()) {
            return Err(Error::NotFinite { what: "means", index: vec![row, column], value });
        }
        if let Some(((row, column), &value)) =
            means.indexed_iter().find(|(_, v)| v.abs() > LARGEST_PARAMETER)
        {
            let index = vec![row, column];
            return Err(Error::Entry { what: "means", index, value, expected: "at most 1e300" });
        }
        covariance.check_shape(k, d)?;
        let weights = normalised(weights)?;
        Ok(Mixture { weights, means, covariance })
    }

    /// The empirical law of a training set: N points of equal weight, as N×d rows.
    ///
    /// Errors: as [`Mixture::new`].
    pub fn point_masses(points: Array2<f64>) -> Result<Self> {
        let n = points.nrows();
        let covariance = Covariance::isotropic(vec![0.0; n])?;
        Mixture::new(vec![1.0 / n.max(1) as f64; n], points, covariance)
    }

    /// K, the number of components.
    pub fn components(&self) -> usize {
        self.weights.len()
    }

    /// d, the dimension of the space.
    pub fn dimension(&self) -> usize {
        self.means.ncols()
    }

    /// w, of length K, summing to one up to rounding.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// μ, K×d.
    pub fn means(&self) -> ArrayView2<'_, f64> {
        self.means.view()
    }

    /// μ_k.
    pub(crate) fn component_mean(&self, k: usize) -> ArrayView1<'_, f64> {
        self.means.row(k)
    }

    /// Σ, one a component.
    pub fn covariance(&self) -> &Covariance {
        &self.covariance
    }

    /// m = Σ_k w_k μ_k, the mean of the law.
    ///
    /// Summed in component order around the first mean, so that an offset common to all costs no digits.
    pub fn mean(&self) -> Vec<f64> {
        let first = self.component_mean(0);
        (0..self.dimension())
            .map(|i| {
                let mut sum = 0.0f64;
                for k in 0..self.components() {
                    sum = self.weights[k].mul_add(self.means[[k, i]] - first[i], sum);
                }
                first[i] + sum
            })
            .collect()
    }

    /// C = Σ_k w_k (Σ_k + (μ_k − m)(μ_k − m)ᵀ), the d×d covariance of the law.
    pub fn total_covariance(&self) -> Array2<f64> {
        let (d, mean) = (self.dimension(), self.mean());
        let mut total = Array2::zeros((d, d));
        for k in 0..self.components() {
            let own = self.covariance.matrix(k, d);
            for i in 0..d {
                let from_mean = self.means[[k, i]] - mean[i];
                for j in 0..=i {
                    let outer = from_mean * (self.means[[k, j]] - mean[j]);
                    total[[i, j]] = self.weights[k].mul_add(own[[i, j]] + outer, total[[i, j]]);
                    total[[j, i]] = total[[i, j]];
                }
            }
        }
        total
    }

    /// √(tr C/d): the root mean square deviation of a coordinate of x₀. 0 for a single point.
    pub fn deviation(&self) -> f64 {
        let trace = self.total_covariance().diag().iter().fold(0.0, |sum, v| sum + v);
        (trace / self.dimension() as f64).sqrt()
    }

    /// The largest distance of a component's mean from m: for point masses, the radius R of T6 about m.
    pub fn radius(&self) -> f64 {
        let mean = self.mean();
        let squared = self.means.rows().into_iter().map(|row| {
            row.iter().zip(&mean).fold(0.0f64, |sum, (x, m)| (x - m).mul_add(x - m, sum))
        });
        squared.fold(0.0, f64::max).sqrt()
    }
}

fn normalised(weights: Vec<f64>) -> Result<Vec<f64>> {
    let mut sum = 0.0;
    for (k, &value) in weights.iter().enumerate() {
        if !value.is_finite() {
            return Err(Error::NotFinite { what: "weights", index: vec![k], value });
        }
        if value <= 0.0 {
            return Err(Error::Entry {
                what: "weights",
                index: vec![k],
                value,
                expected: "a number above 0",
            });
        }
        sum += value;
    }
    if (sum - 1.0).abs() > WEIGHT_SUM_TOLERANCE {
        return Err(Error::WeightSum { sum });
    }
    Ok(weights.into_iter().map(|w| w / sum).collect())
}
