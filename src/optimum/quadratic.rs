//! The loss of an affine denoiser at one channel: a quadratic in its matrix, and its minimiser with a proven distance.
//!
//! Over D̂(x) = m + A(x − a·m), with T the covariance of ω,
//!
//! L(A; T) = tr (aA − I)C(aA − I)ᵀ + s²·‖A‖_F² + λ·tr E·T·Eᵀ, E = hA − κI,
//!
//! whose minimiser solves A·W = N with W = a²C + s²I + λh²T and N = aC + λhκT, and L(A; T) − min L = tr (A − A_T)W(A − A_T)ᵀ.
//! What predicts the noise is B = (I − aA)/s = (sI + λh·c_ε·T)·W⁻¹, c_ε the share of ω that is expected of ε̂ (1 for
//! equivariance, 0 for invariance), because h − aκ = s·c_ε. Neither A nor B is found from the other, so neither cancels.
//!
//! Everything is divided by s once, so that s² is never formed.
//!
//! Floor 5. Uses `arith`, `channel`, `denoiser`, `error`, `law`, `objective`. Spec: E2, E3, N2, N4.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::moments::Moments;
use super::{UNIT, frobenius, gamma};
use crate::arith::eigen::symmetric_eigen;
use crate::arith::matrix::multiply;
use crate::channel::Channel;
use crate::denoiser::affine::check_square;
use crate::denoiser::check_finite;
use crate::error::{Error, Result};
use crate::law::Covariance;
use crate::objective::{Constraint, Units};

/// The covariance T of a perturbation: semidefinite, known to within an error.
#[derive(Clone, Debug, PartialEq)]
pub struct Spread {
    matrix: Array2<f64>,
    error: f64,
    floor: f64,
}

impl Spread {
    /// τ²I, exactly.
    pub fn isotropic(dimension: usize, tau_squared: f64) -> Self {
        let matrix = Array2::from_diag_elem(dimension, tau_squared);
        Spread { matrix, error: 0.0, floor: tau_squared }
    }

    /// Any symmetric semidefinite matrix, as `law::Covariance::full` takes it.
    ///
    /// Errors: `Error::Empty`, `Error::Shape` and those of `law::Covariance::full`.
    pub fn covariance(matrix: ArrayView2<'_, f64>) -> Result<Self> {
        check_square("covariance of the perturbation", matrix.nrows(), matrix)?;
        match Covariance::full(matrix.insert_axis(Axis(0)).to_owned())? {
            Covariance::Full(parts) if !parts.is_empty() => Ok(Spread {
                matrix: parts[0].matrix().to_owned(),
                error: parts[0].error(),
                floor: 0.0,
            }),
            _ => Err(Error::Empty { what: "covariance of the perturbation", expected: "matrix" }),
        }
    }

    /// Σ_k p_k·ω_kω_kᵀ for points ω_k (K×d) and weights p_k ≥ 0: each entry is a chain of K fused additions.
    ///
    /// Errors: `Error::Shape` where there is not one weight a point.
    pub fn of_points(points: ArrayView2<'_, f64>, weights: &[f64]) -> Result<Self> {
        if points.nrows() != weights.len() {
            return Err(Error::Shape {
                what: "weights",
                found: vec![weights.len()],
                expected: format!("{} numbers, one a point", points.nrows()),
            });
        }
        let weighted = &points * &Array1::from_vec(weights.to_vec()).insert_axis(Axis(1));
        let product = multiply(weighted.t(), points)?;
        // (p·ω_i)ω_j and its mirror round differently.
        let matrix = (&product + &product.t()) * 0.5;
        let size: f64 = points
            .rows()
            .into_iter()
            .zip(weights)
            .map(|(row, p)| p * row.iter().fold(0.0_f64, |sum, w| w.mul_add(*w, sum)))
            .sum();
        let error = gamma(points.nrows() + points.ncols() + 8) * size;
        Ok(Spread { matrix, error, floor: 0.0 })
    }

    /// f·T for f ≥ 0.
    pub fn scaled(&self, factor: f64) -> Self {
        let rounding = UNIT * frobenius(self.matrix.view());
        let rounding = if self.floor > 0.0 { 0.0 } else { rounding };
        Spread {
            matrix: self.matrix.mapv(|t| factor * t),
            error: factor * (self.error + rounding) * (1.0 + 4.0 * UNIT),
            floor: factor * self.floor,
        }
    }

    /// T, symmetric, d×d.
    pub fn matrix(&self) -> ArrayView2<'_, f64> {
        self.matrix.view()
    }

    /// An upper bound of the distance (spectral norm) of `matrix` from the T that is meant.
    pub fn error(&self) -> f64 {
        self.error
    }
}

/// A minimiser of L(·; T) as computed.
#[derive(Clone, Debug, PartialEq)]
pub struct Minimiser {
    /// A, d×d.
    pub denoised: Array2<f64>,
    /// B, d×d.
    pub noise: Array2<f64>,
    /// An upper bound of the distance of `denoised` from the exact minimiser, in the Frobenius norm, for every semidefinite
    /// C within `Moments::error` of the one given and every T within `Spread::error`. Infinite where s is so small that
    /// rounding leaves nothing known.
    pub error: f64,
    /// The same for `noise`.
    pub noise_error: f64,
    /// An upper bound of L(A; T) − min L.
    pub excess: f64,
}

/// The loss at one channel, but for T.
#[derive(Clone, Copy, Debug)]
pub struct Quadratic<'a> {
    moments: &'a Moments,
    a: f64,
    s: f64,
    /// h, κ and c_ε.
    step: f64,
    share: f64,
    of_noise: f64,
    lambda: f64,
}

/// A linear system X·W = N, divided by s, with the sums of magnitudes that its entries were formed from.
struct System {
    left: Array2<f64>,
    left_size: Array2<f64>,
    denoised: [Array2<f64>; 2],
    noise: [Array2<f64>; 2],
}

impl<'a> Quadratic<'a> {
    /// The loss of a constraint in units at a channel, with weight λ ≥ 0.
    ///
    /// Errors: `Error::Domain` where λ is negative or not finite, or where κ is not finite: a = 0 for all but equivariance in
    /// noise units (there D̂ does not enter the noise loss, and the optimum is A = 0).
    pub fn new(
        moments: &'a Moments,
        (constraint, units): (Constraint, Units),
        lambda: f64,
        channel: Channel,
    ) -> Result<Self> {
        if !(lambda.is_finite() && lambda >= 0.0) {
            let expected = "a finite number, at least 0";
            return Err(Error::Domain { what: "lambda", value: lambda, expected });
        }
        let [of_noise, share] = constraint.expected(units, channel);
        let share = if lambda == 0.0 { 0.0 } else { share };
        if !share.is_finite() {
            return Err(Error::Domain {
                what: "a",
                value: channel.a(),
                expected: "more than 0: the denoised prediction's share of the perturbation is divided by it",
            });
        }
        let (a, s, step) = (channel.a(), channel.s(), units.scale(channel));
        Ok(Quadratic { moments, a, s, step, share, of_noise, lambda })
    }

    /// The law's moments.
    pub fn moments(&self) -> &'a Moments {
        self.moments
    }

    /// a, s, h, κ.
    pub fn numbers(&self) -> [f64; 4] {
        [self.a, self.s, self.step, self.share]
    }

    /// λ.
    pub fn lambda(&self) -> f64 {
        self.lambda
    }

    /// (a²c + s²)/s, the noised variance of a direction in which the law has variance c, over s.
    pub fn noised_variance(&self, variance: f64) -> f64 {
        self.a * (self.a * (variance / self.s)) + self.s
    }

    /// E = hA − κI: the residual of a perturbation ω, in the units of x₀, is E·ω at every point.
    pub fn effect(&self, denoised: ArrayView2<'_, f64>) -> Array2<f64> {
        let mut effect = denoised.mapv(|entry| self.step * entry);
        effect.diag_mut().mapv_inplace(|entry| entry - self.share);
        effect
    }

    /// The gains of A and B in a direction where C has the eigenvalue c and T has τ², sharing the eigenvector:
    /// g = (ac + λhκτ²)/(a²c + s² + λh²τ²) and b = (s + λh·c_ε·τ²)/(the same).
    ///
    /// Sums of terms of one sign, and so within 12u, except for κ < 0 (equivariance in input units at s > 1).
    /// Spec: E2, E3.
    pub fn gains(&self, variance: f64, tau_squared: f64) -> [f64; 2] {
        let extra = self.lambda * (self.step / self.s) * tau_squared;
        let below = self.noised_variance(variance) + self.step * extra;
        let above = self.a * (variance / self.s) + self.share * extra;
        [above / below, (1.0 + self.of_noise * extra) / below]
    }

    /// The minimiser for T = Σ_i τ²_i·q_iq_iᵀ in C's own eigenvectors: the gains, turned.
    ///
    /// Errors: `Error::Shape` where there is not one τ² an eigenvector; `Error::NotFinite` where a number overflows.
    /// Spec: E2, E3.
    pub fn minimiser_along(&self, tau_squared: &[f64]) -> Result<Minimiser> {
        let (vectors, values) = (self.moments.vectors(), self.moments.values());
        if tau_squared.len() != values.len() {
            return Err(Error::Shape {
                what: "variances of the perturbation",
                found: vec![tau_squared.len()],
                expected: format!("{} numbers, one an eigenvector", values.len()),
            });
        }
        let gains = || values.iter().zip(tau_squared).map(|(&c, &tau)| self.gains(c, tau));
        let turned = |which: usize| -> Result<Array2<f64>> {
            let gains: Array1<f64> = gains().map(|pair| pair[which]).collect();
            multiply((&vectors * &gains).view(), vectors.t())
        };
        let (denoised, noise) = (turned(0)?, turned(1)?);
        let spread = match tau_squared.iter().skip(1).all(|tau| *tau == tau_squared[0]) {
            true => Spread::isotropic(values.len(), tau_squared[0]),
            false => Spread::of_points(vectors.t(), tau_squared)?,
        };
        self.certified(denoised, noise, &self.system(&spread), &spread)
    }

    /// The minimiser for any T, by the eigen-decomposition of W.
    ///
    /// Errors: `Error::Shape` where T is not d×d; `Error::NotFinite` where a number overflows. Spec: E2, E3.
    pub fn minimiser(&self, spread: &Spread) -> Result<Minimiser> {
        let d = self.moments.dimension();
        check_square("covariance of the perturbation", d, spread.matrix())?;
        let system = self.system(spread);
        let inverse = self.inverse(&system, spread)?;
        let solve = |right: &Array2<f64>| multiply(right.view(), inverse.view());
        let (denoised, noise) = (solve(&system.denoised[0])?, solve(&system.noise[0])?);
        self.certified(denoised, noise, &system, spread)
    }

    /// A and s·W⁻¹ alone, for a search that needs no proof on its way.
    pub(super) fn minimiser_and_inverse(
        &self,
        spread: &Spread,
    ) -> Result<(Array2<f64>, Array2<f64>)> {
        let system = self.system(spread);
        let inverse = self.inverse(&system, spread)?;
        let denoised = multiply(system.denoised[0].view(), inverse.view())?;
        check_finite("optimum", denoised.view())?;
        Ok((denoised, inverse))
    }

    /// (W/s)⁻¹ by the eigen-decomposition.
    fn inverse(&self, system: &System, spread: &Spread) -> Result<Array2<f64>> {
        check_finite("left side of the normal equations", system.left.view())?;
        let eigen = symmetric_eigen(system.left.view())?;
        // W ⪰ floor·I exactly, so an eigenvalue below it is rounding.
        let floor = self.floor(spread);
        let inverse: Array1<f64> = eigen.values.iter().map(|v| 1.0 / v.max(floor)).collect();
        multiply((&eigen.vectors * &inverse).view(), eigen.vectors.t())
    }

    /// The least eigenvalue that W/s can have: s + λh²/s·(that of T).
    fn floor(&self, spread: &Spread) -> f64 {
        let extra = self.lambda * self.step * (self.step / self.s) * spread.floor;
        (self.s + extra) * (1.0 - 8.0 * UNIT)
    }

    /// W/s, N/s and (sI + λh·c_ε·T)/s, each entry within γ(8) of what it stands for, relative to its magnitudes.
    fn system(&self, spread: &Spread) -> System {
        let extra = self.lambda * (self.step / self.s);
        let (on_noise, on_left, on_right) =
            (extra * self.of_noise, extra * self.step, extra * self.share);
        let (c, t) = (self.moments.covariance(), spread.matrix());
        let formed = |identity: f64, on_c: f64, on_t: f64, magnitudes: bool| {
            Array2::from_shape_fn(c.dim(), |(i, j)| {
                let size = |x: f64| if magnitudes { x.abs() } else { x };
                let own = if i == j { identity } else { 0.0 };
                size(on_t * t[[i, j]]) + (size(on_c * (self.a * (c[[i, j]] / self.s))) + own)
            })
        };
        let both = |identity, on_c, on_t| {
            [formed(identity, on_c, on_t, false), formed(identity, on_c, on_t, true)]
        };
        let [left, left_size] = both(self.s, self.a, on_left);
        System {
            left,
            left_size,
            denoised: both(0.0, 1.0, on_right),
            noise: both(1.0, 0.0, on_noise),
        }
    }

    /// The distance of X from N·W⁻¹ is at most ‖X·W − N‖_F over W's least eigenvalue, all as meant: what is computed, what
    /// computing it rounds, and what C and T are off by.
    fn certified(
        &self,
        denoised: Array2<f64>,
        noise: Array2<f64>,
        system: &System,
        spread: &Spread,
    ) -> Result<Minimiser> {
        check_finite("optimum", denoised.view())?;
        check_finite("optimum's noise prediction", noise.view())?;
        let floor = self.floor(spread);
        let extra = self.lambda * (self.step / self.s);
        let inputs = |size: f64, of_c: f64, of_t: f64| {
            self.moments.error() * (self.a * (self.a * size + of_c) / self.s)
                + spread.error() * extra * (self.step * size + of_t.abs())
        };
        let own = residual(&denoised, system, &system.denoised)?
            + inputs(frobenius(denoised.view()), 1.0, self.share);
        let of_noise = residual(&noise, system, &system.noise)?
            + inputs(frobenius(noise.view()), 0.0, self.of_noise);
        Ok(Minimiser {
            error: bound(own / floor),
            noise_error: bound(of_noise / floor),
            excess: bound(own / floor * (self.s * own)),
            denoised,
            noise,
        })
    }

    /// E‖D̂ − x₀‖² = s²·(tr B·C·Bᵀ + ‖A‖_F²), since aA − I = −sB: a sum of terms that are not negative where C has no error.
    ///
    /// Errors: `Error::Shape` where the matrices are not d×d.
    pub fn matching(&self, minimiser: &Minimiser) -> Result<f64> {
        let (a, b) = (&minimiser.denoised, &minimiser.noise);
        let c = multiply(b.view(), self.moments.covariance())?;
        let of_data = c.iter().zip(b).fold(0.0_f64, |sum, (x, y)| x.mul_add(*y, sum));
        let of_noise = a.iter().fold(0.0_f64, |sum, x| x.mul_add(*x, sum));
        Ok(self.s * (self.s * (of_data + of_noise)))
    }

    /// λ·tr E·T·Eᵀ; what rounding takes below 0 is 0.
    ///
    /// Errors: `Error::Shape` where the matrices are not d×d.
    pub fn penalty(&self, minimiser: &Minimiser, spread: &Spread) -> Result<f64> {
        let effect = self.effect(minimiser.denoised.view());
        let turned = multiply(effect.view(), spread.matrix())?;
        let sum = turned.iter().zip(&effect).fold(0.0_f64, |sum, (x, y)| x.mul_add(*y, sum));
        Ok(self.lambda * if sum < 0.0 { 0.0 } else { sum })
    }
}

/// ‖X·W − N‖_F from above, but for the errors of C and T.
///
/// Entries of W and N are within γ(8) of their magnitudes, the product is a chain of d, the difference one rounding.
fn residual(x: &Array2<f64>, system: &System, right: &[Array2<f64>; 2]) -> Result<f64> {
    let product = multiply(x.view(), system.left.view())?;
    let sizes = multiply(x.mapv(f64::abs).view(), system.left_size.view())?;
    let rounding = gamma(x.nrows() + 12);
    let entries = Array2::from_shape_fn(x.dim(), |at| {
        (product[at] - right[0][at]).abs() + rounding * (sizes[at] + right[1][at])
    });
    Ok(frobenius(entries.view()) * (1.0 + 8.0 * rounding))
}

/// A bound with its own few roundings; what is not a number bounds nothing.
fn bound(value: f64) -> f64 {
    if value.is_nan() { f64::INFINITY } else { value * (1.0 + 16.0 * UNIT) }
}
