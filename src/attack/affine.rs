//! The adversary of an affine denoiser in closed form (E4): the largest effect of a perturbation, enclosed.
//!
//! The effect of ω on an affine prediction is a linear map B·ω, wherever the point is, so the inner objective ‖Bω‖² is
//! a convex quadratic: over a ball it is largest at an extreme point.
//!
//! Floor 5. Uses `arith`, `channel`, `denoiser`, `error`, `attack::{exact, inner, norm}`. Spec: E4, N4.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

use super::exact::{exponent, scale};
use super::inner::Inner;
use super::norm::Norm;
use crate::arith::Real;
use crate::arith::eigen::symmetric_eigen;
use crate::arith::matrix::multiply;
use crate::channel::Channel;
use crate::denoiser::{AffineMaps, check_finite};
use crate::error::{Error, Result};
use crate::objective::Units;

/// The largest dimension in which every vertex of the ℓ∞ box is visited: 2¹⁹ of them, a vertex and its opposite being
/// one.
pub const VERTEX_DIMENSION: usize = 20;

/// max ‖Bω‖² over a ball, enclosed, and where it is met.
#[derive(Clone, Debug, PartialEq)]
pub struct Largest {
    /// At most the maximum.
    pub lower: f64,
    /// At least the maximum.
    pub upper: f64,
    /// A point of the ball, up to its own rounding, with an effect of about `lower`, d numbers: an eigenvector (ℓ2), a
    /// vertex (ℓ∞, ℓ1).
    pub at: Array1<f64>,
}

/// B of an affine denoiser (d×d): the effect of ω is B·ω at every point of the channel.
///
/// With D̂ = m + A(x − a·m): I − a·A (prediction difference) and −a·A (residual) in noise units; (I − a·A)/s and
/// (I − a·A)/s − I in input units. Each entry is that of `AffineMaps::maps` and one rounding more.
///
/// Spec: E4. Errors: those of `AffineMaps::maps`; `Error::NotFinite` where an entry overflows.
pub fn effect<A: AffineMaps + ?Sized>(
    affine: &A,
    channel: Channel,
    inner: Inner,
    units: Units,
) -> Result<Array2<f64>> {
    let maps = affine.maps(channel)?;
    let matrix = match (inner, units) {
        (Inner::PredictionDifference, Units::Noise) => maps.noise.mapv(|b| channel.s() * b),
        (Inner::Residual, Units::Noise) => maps.denoised.mapv(|entry| -channel.a() * entry),
        (Inner::PredictionDifference, Units::Input) => maps.noise,
        (Inner::Residual, Units::Input) => {
            let mut matrix = maps.noise;
            matrix.diag_mut().mapv_inplace(|b| b - 1.0);
            matrix
        }
    };
    check_finite("effect of a perturbation", matrix.view())?;
    Ok(matrix)
}

/// max ‖Bω‖₂² over ‖ω‖ ≤ r, for B m×d, in f64.
///
/// - ℓ2: r²·‖B‖₂², the largest eigenvalue of BᵀB; the enclosure is as wide as the decomposition's own measured error.
/// - ℓ1: r² times the largest squared column, at a vertex ±r·e_j.
/// - ℓ∞: at a vertex of the box. Up to d = [`VERTEX_DIMENSION`] all are visited, and the enclosure is as wide as the
///   rounding of that. Above, `lower` is a vertex that no single change of sign improves, and `upper` is
///   r²·min(d·‖B‖₂², Σ_i(Σ_j |B_ij|)²): a bound of the maximum, not its rounding.
///
/// `upper` is infinite where the maximum passes f64. Spec: E4, N4. Source: E4 of the theory; a convex function is
/// largest at an extreme point (Rockafellar, Convex Analysis, 32.3). Errors: `Error::Empty` where B has no entry;
/// `Error::NotFinite`; `Error::Domain` where r is not a finite number of at least 0.
pub fn largest_effect(norm: Norm, matrix: ArrayView2<'_, f64>, radius: f64) -> Result<Largest> {
    if matrix.is_empty() {
        return Err(Error::Empty { what: "effect of a perturbation", expected: "entry" });
    }
    check_finite("effect of a perturbation", matrix)?;
    if !(radius >= 0.0 && radius.is_finite()) {
        let expected = "a finite number, at least 0";
        return Err(Error::Domain { what: "radius", value: radius, expected });
    }
    let e = exponent(matrix.iter().fold(0.0, |most: f64, x| most.max(x.abs())));
    let scaled = matrix.mapv(|x| scale(x, -e));
    let found = match norm {
        Norm::L2 => by_eigenvalue(&scaled)?,
        Norm::L1 => by_column(&scaled),
        Norm::Linf if scaled.ncols() <= VERTEX_DIMENSION => by_vertices(&scaled),
        Norm::Linf => by_bounds(&scaled)?,
    };
    // Two factors r·2^e, each product rounded once: four roundings, and a step where a product is subnormal.
    let factor = scale(radius, e);
    let outward = |x: f64, sign: f64| x * factor * factor * (1.0 + sign * 8.0 * UNIT);
    let lower = outward(found.lower, -1.0).next_down();
    // 0·∞, where the factor overflows, is NaN: then 0 is what is known.
    let lower = if lower > 0.0 { lower.min(f64::MAX) } else { 0.0 };
    let upper = outward(found.upper, 1.0);
    let zero = radius == 0.0 || matrix.iter().all(|b| *b == 0.0);
    let upper = if zero { 0.0 } else { upper.next_up() };
    Ok(Largest { lower, upper, at: found.at.mapv(|x| x * radius) })
}

/// √3·r: in one dimension the box of this radius, whose τ² is r², has the mean effect B²r² that the adversary of radius
/// r has at most. Within 2 roundings.
///
/// Spec: E4.
pub fn equivalent_box_radius(radius: f64) -> f64 {
    3.0_f64.sqrt() * radius
}

const UNIT: f64 = f64::UNIT_ROUNDOFF;
/// More than what underflow takes from any sum here: entries are at most 2, and one of them at least 1.
const LOST: f64 = 1e-280;

/// An upper bound of k·u/(1 − k·u), for k below 2³⁰.
fn gamma(k: usize) -> f64 {
    (k as f64 + 1.0) * UNIT * (1.0 + 1e-6)
}

/// ‖Bω‖², enclosed, for numbers that are not near the ends of the range: each coordinate is a chain of d fused multiply–adds, off by at most γ(d)·Σ_j |B_ij·ω_j|.
pub(crate) fn enclosed(matrix: &Array2<f64>, omega: ArrayView1<'_, f64>) -> (f64, f64) {
    let (mut lower, mut upper) = (0.0, 0.0);
    for row in matrix.rows() {
        let (mut sum, mut size) = (0.0_f64, 0.0_f64);
        for (b, w) in row.iter().zip(omega) {
            sum = b.mul_add(*w, sum);
            size = b.abs().mul_add(w.abs(), size);
        }
        let error = gamma(2 * row.len()) * size + LOST;
        let (low, high) = ((sum.abs() - error).max(0.0), sum.abs() + error);
        lower = low.mul_add(low, lower);
        upper = high.mul_add(high, upper);
    }
    let rounding = gamma(2 * matrix.nrows() + 4);
    (lower * (1.0 - rounding), upper * (1.0 + rounding))
}

fn by_column(matrix: &Array2<f64>) -> Largest {
    let d = matrix.ncols();
    let mut found = Largest { lower: -1.0, upper: 0.0, at: Array1::zeros(d) };
    for j in 0..d {
        let mut vertex = Array1::zeros(d);
        vertex[j] = 1.0;
        let (lower, upper) = enclosed(matrix, vertex.view());
        found.upper = found.upper.max(upper);
        if lower > found.lower {
            (found.lower, found.at) = (lower, vertex);
        }
    }
    found
}

/// The eigenvalues of Q·diag(λ)·Qᵀ differ from λ by at most |λ|·‖QᵀQ − I‖ (Ostrowski), those of BᵀB from these by the
/// residual (Weyl), and its product as computed from BᵀB by at most γ(m)·‖B‖_F².
fn by_eigenvalue(matrix: &Array2<f64>) -> Result<Largest> {
    let eigen = symmetric_eigen(multiply(matrix.t(), matrix.view())?.view())?;
    let value = eigen.values.last().copied().unwrap_or(0.0);
    let squares = matrix.iter().fold(0.0, |sum, b| sum + b * b);
    let error = (eigen.residual
        + eigen.orthogonality * value.abs()
        + gamma(matrix.nrows()) * squares * (1.0 + gamma(matrix.len() + 1)))
        * (1.0 + 8.0 * UNIT)
        + LOST;
    let at = eigen.vectors.column(matrix.ncols() - 1).to_owned();
    Ok(Largest {
        lower: ((value - error) * (1.0 - UNIT)).max(0.0),
        upper: (value + error) * (1.0 + 2.0 * UNIT),
        at,
    })
}

/// Vertices whose product is carried on from the one before, until it is formed anew.
const CARRIED: usize = 256;

/// Every vertex with the last sign +, by Gray code: each differs from the one before in one sign.
///
/// A coordinate of the product is formed by d roundings and carried over at most [`CARRIED`] changes, each rounded
/// once at a magnitude of at most ρ_i = Σ_j |B_ij|. So it is within γ(d + CARRIED)·ρ_i, and the largest ‖Bσ‖ exceeds
/// the largest found by at most γ(d + CARRIED)·‖ρ‖₂.
fn by_vertices(matrix: &Array2<f64>) -> Largest {
    let (m, d) = matrix.dim();
    let sign = |code: usize, j: usize| if code >> j & 1 == 1 { -1.0 } else { 1.0 };
    let columns = matrix.t().as_standard_layout().into_owned();
    let mut product = vec![0.0; m];
    let (mut most, mut best, mut last) = (-1.0, 0, 0);
    for count in 0..1_usize << (d - 1) {
        let code = count ^ count >> 1;
        if count % CARRIED == 0 {
            product.fill(0.0);
            for (j, column) in columns.rows().into_iter().enumerate() {
                let turn = sign(code, j);
                product.iter_mut().zip(column).for_each(|(sum, b)| *sum += turn * b);
            }
        } else {
            let j = (code ^ last).trailing_zeros() as usize;
            let turn = 2.0 * sign(code, j);
            product.iter_mut().zip(columns.row(j)).for_each(|(sum, b)| *sum += turn * b);
        }
        last = code;
        let square = product.iter().fold(0.0, |sum, v| sum + v * v);
        if square > most {
            (most, best) = (square, code);
        }
    }
    let at = Array1::from_shape_fn(d, |j| sign(best, j));
    let lower = enclosed(matrix, at.view()).0;
    let length = (most * (1.0 + gamma(m + 1))).sqrt();
    let above = length + gamma(d + CARRIED) * row_sums(matrix).sqrt() * (1.0 + 4.0 * UNIT) + LOST;
    let upper = above * above * (1.0 + 8.0 * UNIT);
    Largest { lower, upper, at }
}

/// Σ_i(Σ_j |B_ij|)², from above.
fn row_sums(matrix: &Array2<f64>) -> f64 {
    let sums = matrix.rows().into_iter().map(|row| row.iter().fold(0.0, |sum, b| sum + b.abs()));
    let total = sums.fold(0.0_f64, |sum, row: f64| row.mul_add(row, sum));
    total * (1.0 + gamma(2 * matrix.ncols() + matrix.nrows() + 4)) + LOST
}

/// In more dimensions than can be searched: from below by ascent in single signs, from above by two bounds.
fn by_bounds(matrix: &Array2<f64>) -> Result<Largest> {
    let d = matrix.ncols();
    let spectral = by_eigenvalue(matrix)?;
    let mut at = spectral.at.mapv(|x| if x < 0.0 { -1.0 } else { 1.0 });
    let gram = multiply(matrix.t(), matrix.view())?;
    // A change of sign j gains 4(G_jj − σ_j(Gσ)_j). Each pass gains, so the number of passes bounds the work only.
    for _ in 0..d {
        let mut moved = false;
        for j in 0..d {
            let pull = gram.row(j).iter().zip(&at).fold(0.0, |sum, (g, s)| sum + g * s);
            if gram[[j, j]] > at[j] * pull {
                at[j] = -at[j];
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    let upper = (spectral.upper * d as f64 * (1.0 + 2.0 * UNIT)).min(row_sums(matrix));
    Ok(Largest { lower: enclosed(matrix, at.view()).0, upper, at })
}
