//! The covariances of a mixture's components: isotropic, diagonal or full, each semidefinite.
//!
//! Floor 1. Uses `arith` and `error`. Spec: notation of T, N4.

use ndarray::{Array2, Array3, ArrayView2};
use rayon::prelude::*;

use super::mixture::LARGEST_PARAMETER;
use crate::arith::eigen::{SymmetricEigen, symmetric_eigen};
use crate::error::{Error, Result};

const U: f64 = 1.0 / (1u64 << 53) as f64;

/// Σ_k for every component k, all of one kind. Values are variances, never standard deviations.
#[derive(Clone, Debug, PartialEq)]
pub enum Covariance {
    /// Σ_k = σ²_k·I: K variances.
    Isotropic(Vec<f64>),
    /// Σ_k diagonal: K×d variances.
    Diagonal(Array2<f64>),
    /// Σ_k any symmetric positive semidefinite matrix.
    Full(Vec<FullCovariance>),
}

/// One full covariance: the matrix as given, made symmetric, and its factorisation.
#[derive(Clone, Debug, PartialEq)]
pub struct FullCovariance {
    matrix: Array2<f64>,
    eigen: SymmetricEigen,
    error: f64,
}

impl FullCovariance {
    /// Σ, exactly symmetric.
    pub fn matrix(&self) -> ArrayView2<'_, f64> {
        self.matrix.view()
    }

    /// Σ ≈ QΛQᵀ with every eigenvalue at least 0.
    pub fn eigen(&self) -> &SymmetricEigen {
        &self.eigen
    }

    /// An upper bound of ‖QΛQᵀ − Σ_given‖, clipping and symmetrisation included (N4).
    pub fn error(&self) -> f64 {
        self.error
    }
}

impl Covariance {
    /// Isotropic covariances from K variances.
    ///
    /// Errors: `NotFinite`, `Entry` for a negative variance.
    pub fn isotropic(variances: Vec<f64>) -> Result<Self> {
        for (k, &value) in variances.iter().enumerate() {
            check_variance(&[k], value)?;
        }
        Ok(Covariance::Isotropic(variances))
    }

    /// Diagonal covariances from K×d variances.
    ///
    /// Errors: as [`Covariance::isotropic`].
    pub fn diagonal(variances: Array2<f64>) -> Result<Self> {
        for ((k, i), &value) in variances.indexed_iter() {
            check_variance(&[k, i], value)?;
        }
        Ok(Covariance::Diagonal(variances))
    }

    /// Full covariances from K×d×d numbers.
    ///
    /// Entries mirrored across the diagonal may differ by d·u·trace, and eigenvalues may be below zero by
    /// as much (what rounding does to an exactly semidefinite matrix): they are averaged and clipped, and
    /// the change is counted in [`FullCovariance::error`].
    ///
    /// Errors: `NotFinite`, `Asymmetric`, `Indefinite`, `Shape`.
    pub fn full(matrices: Array3<f64>) -> Result<Self> {
        let (_, rows, columns) = matrices.dim();
        if rows != columns {
            return Err(Error::Shape {
                what: "covariance",
                found: matrices.shape().to_vec(),
                expected: "K square matrices".into(),
            });
        }
        if let Some(((k, i, j), &value)) = matrices.indexed_iter().find(|(_, v)| !v.is_finite()) {
            return Err(Error::NotFinite { what: "covariance", index: vec![k, i, j], value });
        }
        if let Some(((k, i, j), &value)) =
            matrices.indexed_iter().find(|(_, v)| v.abs() > LARGEST_PARAMETER)
        {
            let (index, expected) = (vec![k, i, j], "at most 1e300");
            return Err(Error::Entry { what: "covariance", index, value, expected });
        }
        let all: Vec<ArrayView2<'_, f64>> = matrices.outer_iter().collect();
        let factored: Vec<Result<FullCovariance>> =
            all.into_par_iter().enumerate().map(|(k, given)| factor(k, given)).collect();
        // The first component's error, whichever was found first.
        Ok(Covariance::Full(factored.into_iter().collect::<Result<_>>()?))
    }

    /// Refuses covariances that are not K of dimension d.
    pub(crate) fn check_shape(&self, k: usize, d: usize) -> Result<()> {
        let (found, fits) = match self {
            Covariance::Isotropic(v) => (vec![v.len()], v.len() == k),
            Covariance::Diagonal(v) => (v.shape().to_vec(), v.dim() == (k, d)),
            Covariance::Full(v) => {
                let side = v.first().map_or(0, |c| c.matrix.nrows());
                (vec![v.len(), side, side], v.len() == k && side == d)
            }
        };
        if fits {
            return Ok(());
        }
        Err(Error::Shape {
            what: "covariance",
            found,
            expected: format!("one entry for each of {k} components of dimension {d}"),
        })
    }

    /// `"isotropic"`, `"diagonal"` or `"full"`, as in the mixture's file.
    pub fn kind(&self) -> &'static str {
        match self {
            Covariance::Isotropic(_) => "isotropic",
            Covariance::Diagonal(_) => "diagonal",
            Covariance::Full(_) => "full",
        }
    }

    /// Σ_k as a d×d matrix.
    pub fn matrix(&self, k: usize, d: usize) -> Array2<f64> {
        match self {
            Covariance::Isotropic(v) => Array2::from_diag_elem(d, v[k]),
            Covariance::Diagonal(v) => Array2::from_diag(&v.row(k)),
            Covariance::Full(v) => v[k].matrix.clone(),
        }
    }

    /// The largest eigenvalue of Σ_k.
    pub fn largest_variance(&self, k: usize) -> f64 {
        match self {
            Covariance::Isotropic(v) => v[k],
            Covariance::Diagonal(v) => v.row(k).iter().fold(0.0, |m: f64, &x| m.max(x)),
            Covariance::Full(v) => v[k].eigen.values.last().copied().unwrap_or(0.0),
        }
    }

    /// The smallest eigenvalue of Σ_k, at least 0.
    pub fn least_variance(&self, k: usize) -> f64 {
        match self {
            Covariance::Isotropic(v) => v[k],
            Covariance::Diagonal(v) => v.row(k).iter().fold(f64::INFINITY, |m, &x| m.min(x)),
            Covariance::Full(v) => v[k].eigen.values.first().map_or(0.0, |v| v.max(0.0)),
        }
    }
}

fn check_variance(index: &[usize], value: f64) -> Result<()> {
    if !value.is_finite() {
        return Err(Error::NotFinite { what: "covariance", index: index.to_vec(), value });
    }
    if !(0.0..=LARGEST_PARAMETER).contains(&value) {
        return Err(Error::Entry {
            what: "covariance",
            index: index.to_vec(),
            value,
            expected: "a variance between 0 and 1e300",
        });
    }
    Ok(())
}

fn factor(component: usize, given: ArrayView2<'_, f64>) -> Result<FullCovariance> {
    let d = given.nrows();
    // d·u·trace, formed so that it cannot overflow: entries near the largest number are legal input.
    let tolerance = given.diag().iter().fold(0.0, |sum, v| sum + d as f64 * U * v.abs());
    let mut matrix = given.to_owned();
    let mut asymmetry = 0.0f64;
    for row in 0..d {
        for column in 0..row {
            let difference = (given[[row, column]] - given[[column, row]]).abs();
            if difference > tolerance {
                return Err(Error::Asymmetric { component, row, column, difference, tolerance });
            }
            asymmetry = asymmetry.max(difference);
            let middle = 0.5 * given[[row, column]] + 0.5 * given[[column, row]];
            matrix[[row, column]] = middle;
            matrix[[column, row]] = middle;
        }
    }
    let mut eigen = symmetric_eigen(matrix.view())?;
    let lowest = eigen.values.first().copied().unwrap_or(0.0);
    // The computed eigenvalue itself is only known to within the residual of the factorisation.
    if lowest < -(tolerance + eigen.residual) {
        return Err(Error::Indefinite { component, eigenvalue: lowest, tolerance });
    }
    let clipped = (-lowest).max(0.0);
    for value in &mut eigen.values {
        *value = value.max(0.0);
    }
    // ‖·‖₂ ≤ ‖·‖_F; the averaging moves each entry by at most half the asymmetry, plus one rounding.
    let moved = d as f64 * (asymmetry + if asymmetry > 0.0 { tolerance * U } else { 0.0 });
    let error = 1.01 * (eigen.residual + clipped * (1.0 + eigen.orthogonality) + moved);
    Ok(FullCovariance { matrix, eigen, error })
}
