//! The affine denoiser that minimises the training loss exactly: normal equations, of samples or of a law.
//!
//! The loss is L = E‖ε̂(x) − ε‖² + λ·E‖R‖², with R the residual of equivariance or of invariance. With x = a·x₀ + s·ε
//! every term is (a/s)² times a square in D̂ (E1): ε̂ − ε = −(a/s)(D̂ − x₀), and for an affine D̂ = A·x + c the
//! residual is −(a/s)(A·ρω − κω), ρ and κ as in [`Penalty`]. So the minimiser solves A·M = N, c = E x₀ − A·E x, with
//! M = Cov x + λρ²·E ωωᵀ and N = Cov(x₀, x) + λκρ·E ωωᵀ.
//!
//! Floor 5. Uses `arith`, `channel`, `denoiser`, `error`, `objective`. Spec: E1, E2, E3, N4.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use rayon::prelude::*;

use crate::arith::eigen::symmetric_eigen;
use crate::arith::matrix::multiply;
use crate::arith::sum::SUM_BLOCK;
use crate::arith::{mean, sum_depth};
use crate::channel::Channel;
use crate::denoiser::check_finite;
use crate::error::{Error, Result};
use crate::objective::{Constraint, Units};

const U: f64 = 1.0 / (1u64 << 53) as f64;

/// k·u/(1 − k·u), Higham's γ.
fn gamma(k: usize) -> f64 {
    let ku = k as f64 * U;
    ku / (1.0 - ku)
}

/// λ times the mean square of the residual that `constraint` names, with perturbations in `units`.
///
/// For D̂(x) = A·x + c the residual is −(a/s)(A·ρω − κω): ρ is `Units::scale` and κ the share of
/// D̂ in `Constraint::expected`: 0 (equivariance, noise), s/a (invariance, noise), (1 − s)/a (equivariance, input), 1/a
/// (invariance, input).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Penalty {
    /// Equivariance or invariance.
    pub constraint: Constraint,
    /// Noise or input units.
    pub units: Units,
    /// λ ≥ 0.
    pub weight: f64,
}

impl Penalty {
    /// (λρ², λκρ). Errors: `Error::Domain` where λ is negative or not finite, or a = 0, where the loss does not depend
    /// on D̂.
    fn factors(&self, channel: Channel) -> Result<(f64, f64)> {
        let a = channel.a();
        if !(self.weight >= 0.0 && self.weight.is_finite()) {
            let expected = "a finite number, at least 0";
            return Err(Error::Domain { what: "lambda", value: self.weight, expected });
        }
        if a == 0.0 {
            return Err(Error::Domain { what: "a", value: a, expected: "a number above 0" });
        }
        let step = self.units.scale(channel);
        let [_, target] = self.constraint.expected(self.units, channel);
        Ok((self.weight * step * step, self.weight * target * step))
    }
}

/// A·M = N and c = mean x₀ − A·mean x.
#[derive(Clone, Debug, PartialEq)]
pub struct NormalEquations {
    /// M, d×d, symmetric and positive semidefinite.
    pub left: Array2<f64>,
    /// N, d×d.
    pub right: Array2<f64>,
    /// The mean of x, d.
    pub mean_noised: Array1<f64>,
    /// The mean of x₀, d.
    pub mean_clean: Array1<f64>,
    /// An upper bound of what rounding moved M by, in the Frobenius norm (first order in u).
    pub rounding: f64,
}

/// The affine minimiser D̂(x) = A·x + c, with its accuracy measured from the result.
#[derive(Clone, Debug, PartialEq)]
pub struct Solution {
    /// A, d×d.
    pub matrix: Array2<f64>,
    /// c, d.
    pub offset: Array1<f64>,
    /// Eigenvalues of M that are certainly not zero; directions that the data does not move in are left out, and A is 0
    /// on them (the solution of least norm).
    pub rank: usize,
    /// The largest over the smallest of those eigenvalues; 1 where there is none.
    pub condition: f64,
    /// An upper bound of ‖A·M − N‖ in the Frobenius norm, its own rounding included.
    pub residual: f64,
    /// Where M has full rank, an upper bound of ‖A − N·M⁻¹‖ in the Frobenius norm for M and N as given: the residual
    /// over a lower bound of M's smallest eigenvalue.
    pub distance: Option<f64>,
}

/// The normal equations of the samples (x₀, ε, ω), each n×d, at x = a·x₀ + s·ε.
///
/// Means are `arith::mean`; second moments are of differences from the means, in blocks of 256 rows, one chain a block,
/// blocks added in order, so the result is the same bits for any number of threads. E ωωᵀ is not centred: the
/// residual has no offset. Errors: `Error::Empty` where there is no sample; `Error::Shape` where shapes differ;
/// `Error::NotFinite`; `Error::Domain` where a = 0 or λ is negative.
pub fn normal_equations(
    channel: Channel,
    clean: ArrayView2<'_, f64>,
    noise: ArrayView2<'_, f64>,
    perturbations: ArrayView2<'_, f64>,
    penalty: Penalty,
) -> Result<NormalEquations> {
    let (on_left, on_right) = penalty.factors(channel)?;
    check_samples(clean, &[("noise", noise), ("perturbations", perturbations)])?;
    let mut noised = clean.to_owned();
    noised.zip_mut_with(&noise, |x, &e| *x = channel.s().mul_add(e, channel.a() * *x));
    let (mean_noised, mean_clean) = (means(noised.view()), means(clean));
    let (noised, clean) = (&noised - &mean_noised, &clean - &mean_clean);
    let mut left = moment(noised.view(), noised.view())?;
    let mut right = moment(clean.view(), noised.view())?;
    if on_left != 0.0 {
        let own = moment(perturbations, perturbations)?;
        left.zip_mut_with(&own, |sum, &w| *sum = on_left.mul_add(w, *sum));
        right.zip_mut_with(&own, |sum, &w| *sum = on_right.mul_add(w, *sum));
    }
    // A chain in a block, the blocks, and about six more: two differences, the mean, the weight, the sum.
    let n = noised.nrows();
    let depth = n.min(SUM_BLOCK) + n.div_ceil(SUM_BLOCK) + sum_depth(n) + 6;
    let rounding = gamma(depth) * left.diag().sum();
    finished(NormalEquations { left, right, mean_noised, mean_clean, rounding })
}

/// The normal equations of a law with mean m and covariance C, and ω of covariance τ²I: E2 and E3 in noise units.
///
/// M = a²C + (s² + λρ²τ²)I, N = a·C + λκρτ²·I. Errors: `Error::Shape` where C is not d×d; `Error::NotFinite`;
/// `Error::Domain` where a = 0, or λ or τ² is negative. Symmetry of C is the caller's; only the upper triangle of M is
/// solved with.
pub fn normal_equations_of_law(
    channel: Channel,
    mean: ArrayView1<'_, f64>,
    covariance: ArrayView2<'_, f64>,
    perturbation_variance: f64,
    penalty: Penalty,
) -> Result<NormalEquations> {
    let (on_left, on_right) = penalty.factors(channel)?;
    let (a, s, d) = (channel.a(), channel.s(), mean.len());
    if covariance.dim() != (d, d) || d == 0 {
        return Err(Error::Shape {
            what: "covariance",
            found: covariance.shape().to_vec(),
            expected: format!("{d}×{d}, and at least 1×1"),
        });
    }
    if !(perturbation_variance >= 0.0 && perturbation_variance.is_finite()) {
        return Err(Error::Domain {
            what: "variance of the perturbation",
            value: perturbation_variance,
            expected: "a finite number, at least 0",
        });
    }
    let mut left = covariance.mapv(|c| a * a * c);
    let mut right = covariance.mapv(|c| a * c);
    let ridge = on_left.mul_add(perturbation_variance, s * s);
    left.diag_mut().mapv_inplace(|v| v + ridge);
    right.diag_mut().mapv_inplace(|v| on_right.mul_add(perturbation_variance, v));
    let rounding = gamma(6) * left.diag().sum();
    let (mean_noised, mean_clean) = (mean.mapv(|m| a * m), mean.to_owned());
    finished(NormalEquations { left, right, mean_noised, mean_clean, rounding })
}

fn finished(equations: NormalEquations) -> Result<NormalEquations> {
    check_finite("left side of the normal equations", equations.left.view())?;
    check_finite("right side of the normal equations", equations.right.view())?;
    check_finite("mean of the clean samples", equations.mean_clean.view().insert_axis(Axis(0)))?;
    check_finite("mean of the noised samples", equations.mean_noised.view().insert_axis(Axis(0)))?;
    Ok(equations)
}

impl NormalEquations {
    /// The minimiser, by the eigen-decomposition of M; see [`Solution`].
    ///
    /// An eigenvalue counts as zero where it is within what rounding can have made of zero: the decomposition's
    /// residual plus `rounding`. Errors: `Error::NotFinite`, `Error::Shape` where the fields were changed to
    /// disagree.
    pub fn solve(&self) -> Result<Solution> {
        let d = self.left.nrows();
        if self.right.dim() != (d, d)
            || [&self.mean_clean, &self.mean_noised].iter().any(|m| m.len() != d)
        {
            return Err(Error::Shape {
                what: "right side of the normal equations",
                found: self.right.shape().to_vec(),
                expected: format!("{d}×{d}, with means of {d}"),
            });
        }
        let eigen = symmetric_eigen(self.left.view())?;
        let zero = eigen.residual + self.rounding;
        let kept: Vec<bool> = eigen.values.iter().map(|&value| value > zero).collect();
        let rank = kept.iter().filter(|kept| **kept).count();
        let inverse: Array1<f64> = eigen
            .values
            .iter()
            .zip(&kept)
            .map(|(v, kept)| if *kept { 1.0 / v } else { 0.0 })
            .collect();
        let turned = multiply(self.right.view(), eigen.vectors.view())? * &inverse;
        let matrix = multiply(turned.view(), eigen.vectors.t())?;
        let product = multiply(matrix.view(), self.left.view())?;
        let moved = multiply(matrix.view(), self.mean_noised.view().insert_axis(Axis(1)))?;
        let residual = self.residual(&matrix, &product)?;
        let largest = eigen.values.last().copied().unwrap_or(0.0);
        let smallest = eigen.values.iter().zip(&kept).find(|(_, kept)| **kept).map(|(v, _)| *v);
        // λ_min(QΛQᵀ) ≥ λ_1·(1 − ‖QᵀQ − I‖), and M is within the residual of it.
        let lowest = smallest.map_or(0.0, |v| v * (1.0 - eigen.orthogonality) - eigen.residual);
        let full = rank == d && lowest > 0.0;
        check_finite("solution of the normal equations", matrix.view())?;
        Ok(Solution {
            offset: &self.mean_clean - &moved.column(0),
            rank,
            condition: smallest.map_or(1.0, |smallest| largest / smallest),
            residual,
            distance: full.then(|| residual / lowest * (1.0 + 4.0 * U)),
            matrix,
        })
    }

    /// ‖A·M − N‖_F as computed, and what computing it rounds: γ(d + 1)·(|A||M| + |N|) an entry.
    fn residual(&self, matrix: &Array2<f64>, product: &Array2<f64>) -> Result<f64> {
        let d = matrix.nrows();
        let sizes = multiply(matrix.mapv(f64::abs).view(), self.left.mapv(f64::abs).view())?;
        let mut squares = 0.0f64;
        for (at, size) in sizes.indexed_iter() {
            let right = self.right[at];
            let own = (product[at] - right).abs() + gamma(d + 2) * (size + right.abs());
            squares = own.mul_add(own, squares);
        }
        // The rounding of the norm itself, d² squares and a root.
        Ok(squares.sqrt() * (1.0 + gamma(d * d + 2)))
    }
}

/// Σ_n x_n·y_nᵀ/n.
fn moment(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
    let starts: Vec<usize> = (0..x.nrows()).step_by(SUM_BLOCK).collect();
    let blocks: Result<Vec<Array2<f64>>> = starts
        .into_par_iter()
        .map(|start| {
            let rows = start..x.nrows().min(start + SUM_BLOCK);
            let x = x.slice(ndarray::s![rows.clone(), ..]);
            multiply(x.t(), y.slice(ndarray::s![rows, ..]))
        })
        .collect();
    let mut total = Array2::zeros((x.ncols(), y.ncols()));
    for block in blocks? {
        total += &block;
    }
    Ok(total / x.nrows() as f64)
}

fn means(x: ArrayView2<'_, f64>) -> Array1<f64> {
    x.columns().into_iter().map(|column| mean(&column.to_vec())).collect()
}

fn check_samples(
    clean: ArrayView2<'_, f64>,
    others: &[(&'static str, ArrayView2<'_, f64>)],
) -> Result<()> {
    if clean.is_empty() {
        return Err(Error::Empty { what: "samples", expected: "sample" });
    }
    check_finite("clean", clean)?;
    for (what, other) in others {
        if other.dim() != clean.dim() {
            return Err(Error::Shape {
                what,
                found: other.shape().to_vec(),
                expected: format!("the shape of the clean samples, {:?}", clean.shape()),
            });
        }
        check_finite(what, *other)?;
    }
    Ok(())
}
