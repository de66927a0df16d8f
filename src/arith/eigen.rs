//! Eigen-decomposition of a symmetric matrix by cyclic Jacobi rotations, with its own error measured.
//!
//! Written here and not taken from a library because every bit of a law's tables must be the same on
//! every machine: a library's dense product chooses its order of operations by the processor. `nalgebra`
//! and (feature `lapack`) LAPACK judge it in the tests.
//!
//! Floor 0. Uses `arith::{isa, real}` and `error`. Spec: N3, N4.

use ndarray::{Array2, ArrayView2};

use super::isa::{Isa, Kernel};
use super::real::MulAdd;
use crate::error::{Error, Result};

/// A sweep visits every pair once; convergence is quadratic, and the largest count seen for n = 64 is 9.
const MAX_SWEEPS: usize = 40;

/// A ≈ Q·diag(λ)·Qᵀ with the columns of Q nearly orthonormal, and how nearly.
#[derive(Clone, Debug, PartialEq)]
pub struct SymmetricEigen {
    /// λ, in ascending order.
    pub values: Vec<f64>,
    /// Q: column j belongs to λ_j.
    pub vectors: Array2<f64>,
    /// An upper bound of ‖Q·diag(λ)·Qᵀ − A‖ in the Frobenius norm.
    pub residual: f64,
    /// An upper bound of ‖QᵀQ − I‖ in the Frobenius norm.
    pub orthogonality: f64,
}

/// Eigenvalues and eigenvectors of the symmetric n×n matrix A; only the upper triangle is read.
///
/// The two error fields bound what this very result is off by: they are computed from it, with a margin
/// for their own rounding (N4), so nothing rests on the convergence of the iteration.
///
/// Errors: `Error::Shape` where A is not square, `Error::NotFinite` where an entry is not finite.
/// Spec: N3, N4. Source: Golub & Van Loan, Matrix Computations, 8.5; rotations as in Rutishauser (1966).
pub fn symmetric_eigen(a: ArrayView2<'_, f64>) -> Result<SymmetricEigen> {
    symmetric_eigen_with(Isa::best(), a)
}

/// [`symmetric_eigen`] in a chosen instruction set (the same bits in each).
pub fn symmetric_eigen_with(isa: Isa, a: ArrayView2<'_, f64>) -> Result<SymmetricEigen> {
    let n = a.nrows();
    if a.ncols() != n {
        return Err(Error::Shape {
            what: "matrix",
            found: a.shape().to_vec(),
            expected: "a square matrix".into(),
        });
    }
    if let Some(((i, j), &value)) = a.indexed_iter().find(|(_, v)| !v.is_finite()) {
        return Err(Error::NotFinite { what: "matrix", index: vec![i, j], value });
    }
    let mut matrix = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..n {
            matrix[i * n + j] = if i <= j { a[[i, j]] } else { a[[j, i]] };
        }
    }
    Ok(isa.run(Decompose { n, matrix }))
}

struct Decompose {
    n: usize,
    matrix: Vec<f64>,
}

impl Kernel for Decompose {
    type Output = SymmetricEigen;

    #[inline(always)]
    fn run<M: MulAdd>(self) -> SymmetricEigen {
        let n = self.n;
        let largest = self.matrix.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        // A power of two, so that scaling is exact and neither squares nor products leave the range.
        let scale = power_of_two_near(largest);
        let original: Vec<f64> = self.matrix.iter().map(|v| v / scale).collect();
        let mut work = original.clone();
        let mut rows = identity(n);
        let mut sweeps = 0;
        while sweeps < MAX_SWEEPS && sweep::<M>(n, &mut work, &mut rows) {
            sweeps += 1;
        }
        let mut found = sorted::<M>(n, &work, &rows, &original, scale);
        if is_diagonal(n, &original) {
            // Nothing was rotated or rounded: the columns are unit vectors.
            (found.residual, found.orthogonality) = (0.0, 0.0);
        }
        found
    }
}

fn is_diagonal(n: usize, matrix: &[f64]) -> bool {
    (0..n * n).all(|at| at / n == at % n || matrix[at] == 0.0)
}

fn identity(n: usize) -> Vec<f64> {
    let mut q = vec![0.0; n * n];
    for i in 0..n {
        q[i * n + i] = 1.0;
    }
    q
}

/// 2^e with 2^e ≤ x < 2^(e+1), kept away from the ends of the range; 1 for x = 0.
fn power_of_two_near(x: f64) -> f64 {
    let exponent = (x.to_bits() >> 52) & 0x7ff;
    if x == 0.0 { 1.0 } else { f64::from_bits(exponent.clamp(60, 1980) << 52) }
}

/// Rotates every pair (p, q) whose off-diagonal entry is not negligible; tells whether one was.
#[inline(always)]
fn sweep<M: MulAdd>(n: usize, a: &mut [f64], rows: &mut [f64]) -> bool {
    const U: f64 = 1.0 / (1u64 << 53) as f64;
    let mut rotated = false;
    for p in 0..n {
        for q in p + 1..n {
            let (app, aqq, apq) = (a[p * n + p], a[q * n + q], a[p * n + q]);
            let negligible = apq.abs() <= U * U || apq * apq <= U * U * (app * aqq).abs();
            if negligible {
                continue;
            }
            rotated = true;
            let (c, s, t) = rotation::<M>(app, aqq, apq);
            rotate_pair::<M>(n, a, p, q, c, s);
            for j in 0..n {
                if j != p && j != q {
                    a[j * n + p] = a[p * n + j];
                    a[j * n + q] = a[q * n + j];
                }
            }
            a[p * n + p] = M::mul_add(-t, apq, app);
            a[q * n + q] = M::mul_add(t, apq, aqq);
            a[p * n + q] = 0.0;
            a[q * n + p] = 0.0;
            rotate_pair::<M>(n, rows, p, q, c, s);
        }
    }
    rotated
}

/// Cosine, sine and tangent of the rotation that makes a_pq zero, by the smaller angle.
#[inline(always)]
fn rotation<M: MulAdd>(app: f64, aqq: f64, apq: f64) -> (f64, f64, f64) {
    let theta = (aqq - app) / (2.0 * apq);
    // Past 1e100, √(θ² + 1) = |θ| in this format and θ² could leave the range.
    let root = if theta.abs() > 1e100 { theta.abs() } else { M::mul_add(theta, theta, 1.0).sqrt() };
    let t = 1.0f64.copysign(theta) / (theta.abs() + root);
    let c = 1.0 / M::mul_add(t, t, 1.0).sqrt();
    (c, t * c, t)
}

/// Rows p and q become c·p − s·q and s·p + c·q.
#[inline(always)]
fn rotate_pair<M: MulAdd>(n: usize, rows: &mut [f64], p: usize, q: usize, c: f64, s: f64) {
    let (head, tail) = rows.split_at_mut(q * n);
    let (row_p, row_q) = (&mut head[p * n..(p + 1) * n], &mut tail[..n]);
    for (x, y) in row_p.iter_mut().zip(row_q) {
        let (old_x, old_y) = (*x, *y);
        *x = M::mul_add(c, old_x, -(s * old_y));
        *y = M::mul_add(s, old_x, c * old_y);
    }
}

/// Sorts the eigenvalues, undoes the scaling and measures the two errors.
#[inline(always)]
fn sorted<M: MulAdd>(
    n: usize,
    work: &[f64],
    rows: &[f64],
    original: &[f64],
    scale: f64,
) -> SymmetricEigen {
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| work[i * n + i].total_cmp(&work[j * n + j]));
    let values: Vec<f64> = order.iter().map(|&i| work[i * n + i]).collect();
    let mut sorted_rows = vec![0.0; n * n];
    for (j, &i) in order.iter().enumerate() {
        sorted_rows[j * n..(j + 1) * n].copy_from_slice(&rows[i * n..(i + 1) * n]);
    }
    let (residual, orthogonality) = errors::<M>(n, &values, &sorted_rows, original);
    let vectors = Array2::from_shape_fn((n, n), |(i, j)| sorted_rows[j * n + i]);
    let values = values.iter().map(|v| v * scale).collect();
    SymmetricEigen { values, vectors, residual: residual * scale, orthogonality }
}

/// Frobenius norms of QΛQᵀ − A and QᵀQ − I as computed, plus the bound of what computing them rounds.
///
/// Every entry is a sum of n products, so its rounding is at most γ_(n+2) times the sum of the
/// magnitudes; over a row pair that sum is at most ‖q_i‖·‖q_j‖·max|λ| (Cauchy–Schwarz), and over all
/// entries at most n·max|λ|·(1 + ‖QᵀQ − I‖). The factor 1.01 covers the rounding of the norms themselves.
#[inline(always)]
fn errors<M: MulAdd>(n: usize, values: &[f64], rows: &[f64], original: &[f64]) -> (f64, f64) {
    const U: f64 = 1.0 / (1u64 << 53) as f64;
    let (mut residual, mut gram) = (0.0f64, 0.0f64);
    let mut sums = vec![0.0; n];
    for i in 0..n {
        // Row i of QΛQᵀ − A, accumulated over the eigenvectors so that the inner loop runs along a row.
        for (sum, entry) in sums.iter_mut().zip(&original[i * n..(i + 1) * n]) {
            *sum = -entry;
        }
        for (j, &value) in values.iter().enumerate() {
            let factor = value * rows[j * n + i];
            for (sum, &entry) in sums.iter_mut().zip(&rows[j * n..(j + 1) * n]) {
                *sum = M::mul_add(factor, entry, *sum);
            }
        }
        for &sum in &sums {
            residual = M::mul_add(sum, sum, residual);
        }
        for j in 0..n {
            let mut sum = if i == j { -1.0 } else { 0.0 };
            for (&x, &y) in rows[i * n..(i + 1) * n].iter().zip(&rows[j * n..(j + 1) * n]) {
                sum = M::mul_add(x, y, sum);
            }
            gram = M::mul_add(sum, sum, gram);
        }
    }
    let count = n as f64;
    let largest = values.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let rounding = 1.01 * (count + 3.0) * U * count;
    let orthogonality = 1.01 * gram.sqrt() + rounding * 1.01;
    let residual = 1.01 * residual.sqrt() + rounding * (largest + 2.0) * (1.0 + orthogonality);
    (residual, orthogonality)
}
