//! The mean and covariance of a law: all that an affine optimum knows of it.
//!
//! Floor 5. Uses `denoiser`, `error`, `law`. Spec: E2, N4.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use crate::denoiser::affine::{check_mean, check_square};
use crate::error::{Error, Result};
use crate::law::{Covariance, Mixture};

/// m and C, with C ≈ Q·diag(c)·Qᵀ, c ≥ 0.
///
/// An eigenvalue that the decomposition's own error cannot tell from 0 is 0 exactly. So directions in which the law has no
/// extent get a gain of exactly 0 from the formula, however small the noise is.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    mean: Array1<f64>,
    covariance: Array2<f64>,
    values: Vec<f64>,
    vectors: Array2<f64>,
    orthogonality: f64,
    error: f64,
}

impl Moments {
    /// Of m (d) and C (d×d), symmetric and semidefinite up to d·u·trace, as `law::Covariance::full` takes it.
    ///
    /// Errors: `Error::Empty` where d = 0; `Error::Shape`; `Error::NotFinite`; those of `law::Covariance::full`.
    pub fn new(mean: ArrayView1<'_, f64>, covariance: ArrayView2<'_, f64>) -> Result<Self> {
        check_mean(mean)?;
        check_square("covariance", mean.len(), covariance)?;
        let full = Covariance::full(covariance.insert_axis(Axis(0)).to_owned())?;
        let Covariance::Full(parts) = full else {
            return Err(Error::Empty { what: "covariance", expected: "matrix" });
        };
        let part = parts.first().ok_or(Error::Empty { what: "covariance", expected: "matrix" })?;
        let eigen = part.eigen();
        let (mut values, mut dropped) = (eigen.values.clone(), 0.0_f64);
        for value in values.iter_mut().filter(|value| **value <= part.error()) {
            dropped = dropped.max(*value);
            *value = 0.0;
        }
        Ok(Moments {
            mean: mean.to_owned(),
            covariance: part.matrix().to_owned(),
            values,
            vectors: eigen.vectors.clone(),
            orthogonality: eigen.orthogonality,
            // ‖Q·diag(dropped)·Qᵀ‖ ≤ max·‖QᵀQ‖; the factor covers the rounding of these few operations.
            error: 1.01 * (part.error() + dropped * (1.0 + eigen.orthogonality)),
        })
    }

    /// Of a mixture: its mean and its total covariance, as computed.
    ///
    /// Errors: as `new`.
    pub fn of_law(law: &Mixture) -> Result<Self> {
        Moments::new(Array1::from_vec(law.mean()).view(), law.total_covariance().view())
    }

    /// d.
    pub fn dimension(&self) -> usize {
        self.mean.len()
    }

    /// m.
    pub fn mean(&self) -> ArrayView1<'_, f64> {
        self.mean.view()
    }

    /// C, exactly symmetric.
    pub fn covariance(&self) -> ArrayView2<'_, f64> {
        self.covariance.view()
    }

    /// c, ascending; exactly 0 where it cannot be told from 0.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Q, a column an eigenvector.
    pub fn vectors(&self) -> ArrayView2<'_, f64> {
        self.vectors.view()
    }

    /// An upper bound of ‖QᵀQ − I‖ in the Frobenius norm.
    pub fn orthogonality(&self) -> f64 {
        self.orthogonality
    }

    /// An upper bound of ‖Q·diag(c)·Qᵀ − C‖₂.
    pub fn error(&self) -> f64 {
        self.error
    }
}
