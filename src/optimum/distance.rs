//! The 2-Wasserstein distance of two Gaussian laws, by a transport that is exact for the matrices as computed.
//!
//! W₂² = ‖m₁ − m₂‖² + min over orthogonal U of ‖F₁ − F₂U‖_F², F = Q·√Λ·Qᵀ the roots of the covariances; the best U is the
//! orthogonal polar factor of F₂F₁ (Bures; Bhatia, Jain and Lim 2019). The usual form, tr C₁ + tr C₂ − 2 tr (…)^½, subtracts
//! numbers that are nearly equal where the laws are near; this one does not.
//!
//! Floor 5. Uses `arith`, `error`, `optimum::moments`, `sampler`. Spec: T8.

use ndarray::{Array1, Array2, ArrayView1};

use super::UNIT;
use super::moments::Moments;
use crate::arith::matrix::multiply;
use crate::error::{Error, Result};
use crate::sampler::GaussianLaw;

/// W₂ of two Gaussian laws of the same dimension.
///
/// Any orthogonal U gives an upper bound, so what is computed is off by the roundings of the roots, and by the square of U's
/// own error. Errors: `Error::Shape` where the dimensions differ; those of `Moments::new`.
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
    let (first, second) = (root(one)?, root(other)?);
    let turn = polar(multiply(second.view(), first.view())?)?;
    let difference = &first - &multiply(second.view(), turn.view())?;
    let moved = difference.iter().fold(square, |sum, v| v.mul_add(*v, sum));
    Ok(moved.sqrt())
}

/// Q·√Λ·Qᵀ, with what cannot be told from 0 as 0.
fn root(law: &GaussianLaw) -> Result<Array2<f64>> {
    let moments = Moments::new(law.mean.view(), law.covariance.view())?;
    let roots: Array1<f64> = moments.values().iter().map(|value| value.sqrt()).collect();
    multiply((&moments.vectors() * &roots).view(), moments.vectors().t())
}

/// A sweep visits every pair once; convergence is quadratic.
const SWEEPS: usize = 40;

/// An orthogonal U that makes tr UᵀM as large as rounding lets it: U = P·Qᵀ of the singular vectors of M.
///
/// M·Q has orthogonal columns by one-sided rotations, which keep small singular values as exact as large ones; P is those
/// columns made orthonormal in falling order, completed by unit vectors where they are 0.
/// Source: Golub & Van Loan, Matrix Computations, 8.6.3 (Hestenes).
fn polar(mut moved: Array2<f64>) -> Result<Array2<f64>> {
    let d = moved.nrows();
    let mut right = Array2::eye(d);
    for _ in 0..SWEEPS {
        let mut rotated = false;
        for p in 0..d {
            for q in p + 1..d {
                if let Some((cos, sin)) = rotation(moved.column(p), moved.column(q)) {
                    rotated = true;
                    turn(&mut moved, (p, q), (cos, sin));
                    turn(&mut right, (p, q), (cos, sin));
                }
            }
        }
        if !rotated {
            break;
        }
    }
    let lengths: Vec<f64> = moved.columns().into_iter().map(norm).collect();
    let mut order: Vec<usize> = (0..d).collect();
    order.sort_by(|&i, &j| lengths[j].total_cmp(&lengths[i]).then(i.cmp(&j)));
    let mut left = Array2::zeros((d, d));
    for (done, &k) in order.iter().enumerate() {
        let column = perpendicular(&left, &order[..done], moved.column(k));
        left.column_mut(k).assign(&column);
    }
    multiply(left.view(), right.t())
}

/// The rotation that makes two columns orthogonal; none where they are, to rounding.
fn rotation(x: ArrayView1<'_, f64>, y: ArrayView1<'_, f64>) -> Option<(f64, f64)> {
    let (alpha, beta, gamma) = (dot(x, x), dot(y, y), dot(x, y));
    if gamma.abs() <= 4.0 * UNIT * (alpha * beta).sqrt() {
        return None;
    }
    let zeta = (beta - alpha) / (2.0 * gamma);
    let root = if zeta.abs() > 1e100 { zeta.abs() } else { zeta.mul_add(zeta, 1.0).sqrt() };
    let t = 1.0_f64.copysign(zeta) / (zeta.abs() + root);
    let cos = 1.0 / t.mul_add(t, 1.0).sqrt();
    Some((cos, t * cos))
}

/// Columns p and q become cos·p − sin·q and sin·p + cos·q.
fn turn(matrix: &mut Array2<f64>, (p, q): (usize, usize), (cos, sin): (f64, f64)) {
    for mut row in matrix.rows_mut() {
        let (x, y) = (row[p], row[q]);
        row[p] = cos.mul_add(x, -(sin * y));
        row[q] = sin.mul_add(x, cos * y);
    }
}

/// What is left of a column beside those of `left` that are done, of length 1; of a unit vector where nothing is.
///
/// Of a column and the d unit vectors one keeps at least 1/√d of its length beside fewer than d others.
fn perpendicular(left: &Array2<f64>, done: &[usize], column: ArrayView1<'_, f64>) -> Array1<f64> {
    let d = left.nrows();
    let unit = |i: usize| Array1::from_shape_fn(d, |j| if i == j { 1.0 } else { 0.0 });
    let mut best = (0.0, Array1::zeros(d));
    for candidate in std::iter::once(column.to_owned()).chain((0..d).map(unit)) {
        let length = norm(candidate.view());
        let mut rest = candidate;
        // Twice is enough (Kahan, Parlett).
        for _ in 0..2 {
            for &j in done {
                let along = dot(rest.view(), left.column(j));
                rest.zip_mut_with(&left.column(j), |x, y| *x = (-along).mul_add(*y, *x));
            }
        }
        let kept = norm(rest.view());
        let share = if length > 0.0 { kept / length } else { 0.0 };
        if share > best.0 {
            best = (share, rest / kept);
        }
        if share > 0.5 {
            break;
        }
    }
    best.1
}

fn dot(x: ArrayView1<'_, f64>, y: ArrayView1<'_, f64>) -> f64 {
    x.iter().zip(y).fold(0.0_f64, |sum, (x, y)| x.mul_add(*y, sum))
}

fn norm(vector: ArrayView1<'_, f64>) -> f64 {
    dot(vector, vector).sqrt()
}
