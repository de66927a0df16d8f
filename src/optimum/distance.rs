//! The 2-Wasserstein distance of two Gaussian laws, by a transport that is exact for the matrices as computed.
//!
//! W₂² = ‖m₁ − m₂‖² + min over orthogonal U of ‖F₁ − F₂U‖_F², F = Q·√Λ·Qᵀ the roots of the covariances; the best U is the
//! orthogonal polar factor of F₂F₁ (Bures; Bhatia, Jain and Lim 2019). The usual form, tr C₁ + tr C₂ − 2 tr (…)^½, subtracts
//! numbers that are nearly equal where the laws are near; this one does not.
//!
//! Floor 5. Uses `arith`, `error`, `law`, `sampler`. Spec: T8.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use crate::arith::eigen::symmetric_eigen;
use crate::arith::matrix::multiply;
use crate::error::{Error, Result};
use crate::law::Covariance;
use crate::sampler::GaussianLaw;

/// W₂ of two Gaussian laws of the same dimension.
///
/// Never below W₂ by more than the rounding of a root of a covariance, √(d·u) of its deviations where it is singular and a
/// few u where it is not: any orthogonal U gives an upper bound. Errors: `Error::Shape` where the dimensions differ; those of
/// `law::Covariance::full`.
pub fn bures(one: &GaussianLaw, other: &GaussianLaw) -> Result<f64> {
    if one.mean.len() != other.mean.len() {
        return Err(Error::Shape {
            what: "mean",
            found: other.mean.shape().to_vec(),
            expected: format!("{} numbers", one.mean.len()),
        });
    }
    let apart = &one.mean - &other.mean;
    let square = apart.iter().fold(0.0_f64, |sum, v| v.mul_add(*v, sum));
    let (first, second) = (root(one.covariance.view())?, root(other.covariance.view())?);
    let turn = polar(multiply(second.view(), first.view())?)?;
    let difference = &first - &multiply(second.view(), turn.view())?;
    let moved = difference.iter().fold(square, |sum, v| v.mul_add(*v, sum));
    Ok(moved.sqrt())
}

/// Q·√Λ·Qᵀ.
fn root(covariance: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
    let Covariance::Full(parts) =
        Covariance::full(covariance.insert_axis(Axis(0)).to_owned())?
    else {
        return Err(Error::Empty { what: "covariance", expected: "matrix" });
    };
    let part = parts.first().ok_or(Error::Empty { what: "covariance", expected: "matrix" })?;
    let roots: Array1<f64> = part.eigen().values.iter().map(|value| value.sqrt()).collect();
    let vectors = &part.eigen().vectors;
    multiply((vectors * &roots).view(), vectors.t())
}

/// An orthogonal U that makes tr UᵀM as large as rounding lets it: U = P·Qᵀ of the singular vectors of M.
///
/// Q from MᵀM; P by orthonormalising M·q in falling order of singular values, and completed by unit vectors where they are 0.
fn polar(matrix: Array2<f64>) -> Result<Array2<f64>> {
    let d = matrix.nrows();
    let eigen = symmetric_eigen(multiply(matrix.t(), matrix.view())?.view())?;
    let moved = multiply(matrix.view(), eigen.vectors.view())?;
    let mut left: Array2<f64> = Array2::zeros((d, d));
    for k in (0..d).rev() {
        let candidates = std::iter::once(moved.column(k).to_owned())
            .chain((0..d).map(|i| Array1::from_shape_fn(d, |j| if i == j { 1.0 } else { 0.0 })));
        // Of d + 1 candidates one keeps at least 1/√d of its length beside the k' columns that are there.
        let mut best = (0.0, Array1::zeros(d));
        for candidate in candidates {
            let length = norm(&candidate);
            let mut rest = candidate;
            // Twice is enough (Kahan, Parlett).
            for _ in 0..2 {
                for j in k + 1..d {
                    let column = left.column(j).to_owned();
                    let along = rest.iter().zip(&column).fold(0.0_f64, |s, (x, y)| x.mul_add(*y, s));
                    rest.zip_mut_with(&column, |x, y| *x = (-along).mul_add(*y, *x));
                }
            }
            let kept = norm(&rest);
            let share = if length > 0.0 { kept / length } else { 0.0 };
            if share > 0.5 {
                best = (share, rest / kept);
                break;
            }
            if share > best.0 {
                best = (share, rest / kept);
            }
        }
        left.column_mut(k).assign(&best.1);
    }
    multiply(left.view(), eigen.vectors.t())
}

fn norm(vector: &Array1<f64>) -> f64 {
    vector.iter().fold(0.0_f64, |sum, v| v.mul_add(*v, sum)).sqrt()
}
