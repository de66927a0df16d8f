//! The affine optimum against an adversary: min over A of max over ‖ω‖ ≤ r of the loss, with a duality gap.
//!
//! φ(A) = E‖D̂ − x₀‖² + λr²·max over ‖ω‖ ≤ 1 of ‖Eω‖², E = hA − κI, is convex in A. The maximum is also that of tr E·T·Eᵀ over
//! the mixed strategies T in conv{ωωᵀ}; L(A; T) is convex in A and linear in T, so min and max change places (Sion 1958)
//! and the dual is the largest, over T, of the random-perturbation optimum with covariance r²T. A strategy T and its own
//! minimiser A_T prove how good they are: φ(A_T) − min φ is at most
//!
//! gap = λr²·(max ‖Eω‖² − tr E·T·Eᵀ) + (what A_T's own error costs).
//!
//! - **ℓ2.** T is any semidefinite matrix of trace at most 1. Averaging over the reflections that keep C shows that an
//!   optimum shares C's eigenvectors, which leaves a problem of water filling ([`spectral_strategy`]).
//! - **ℓ1** and **ℓ∞**. Pure strategies are vertices, ±e_j or ±1ᵈ; `optimum::atoms` searches the best mixture.
//!
//! From the gap, ‖A − A*‖² in the norm of W at T, and so ‖A − A*‖_F ≤ √gap/s. (L(·; T*) has its minimum at A* and grows by
//! that square; φ is above it everywhere and equal at A*.)
//!
//! Floor 5. Uses `arith`, `attack`, `error`, `optimum::{atoms, quadratic}`. Spec: E4, N4.

use ndarray::{Array2, ArrayView2, Axis};

use super::atoms;
use super::quadratic::{Minimiser, Quadratic, Spread};
use super::{UNIT, frobenius, gamma};
use crate::attack::Norm;
use crate::attack::affine::{enclosed, largest_effect};
use crate::error::{Error, Result};

/// A mixed strategy over the unit ball of a norm.
#[derive(Clone, Debug, PartialEq)]
pub struct Strategy {
    /// ω_k, K×d, each in the unit ball up to its own rounding.
    pub points: Array2<f64>,
    /// p_k ≥ 0, which sum to at most 1.
    pub weights: Vec<f64>,
}

/// The min–max optimum with what proves it.
#[derive(Clone, Debug, PartialEq)]
pub struct Saddle {
    /// A and B: the minimiser for T, with bounds of the distance from the min–max optimum.
    pub minimiser: Minimiser,
    /// r²T.
    pub spread: Spread,
    /// T as a strategy over the unit ball.
    pub strategy: Strategy,
    /// An upper bound of φ(A) − min φ, in the units of x₀'s square.
    pub gap: f64,
    /// An upper bound of max ‖Eω‖² over ‖ω‖ ≤ r.
    pub largest: f64,
}

/// The affine denoiser that is best against the adversary of a norm with mean square radius r².
///
/// ℓ2 in closed form; ℓ1 and ℓ∞ by search over mixed strategies. Above `attack::affine::VERTEX_DIMENSION` the largest
/// effect over the ℓ∞ box is itself only enclosed, and the gap says so. Spec: E4. Errors: `Error::Domain` where r² is not
/// a finite number of at least 0; `Error::NotFinite` where a number overflows.
pub fn saddle(quadratic: &Quadratic<'_>, norm: Norm, square_radius: f64) -> Result<Saddle> {
    check_square_radius(square_radius)?;
    if norm == Norm::L2 {
        let strategy = spectral_strategy(quadratic, square_radius);
        let scaled: Vec<f64> = strategy.weights.iter().map(|p| square_radius * p).collect();
        let minimiser = quadratic.minimiser_along(&scaled)?;
        return certified(quadratic, norm, square_radius, strategy, minimiser);
    }
    search(quadratic, norm, square_radius)
}

/// The same by search over mixed strategies, for every norm: what the closed form for ℓ2 is judged by.
///
/// Spec: E4. Errors: as `saddle`.
pub fn search(quadratic: &Quadratic<'_>, norm: Norm, square_radius: f64) -> Result<Saddle> {
    check_square_radius(square_radius)?;
    let strategy = atoms::best_strategy(quadratic, norm, square_radius)?;
    proven(quadratic, norm, square_radius, strategy)
}

/// What a given strategy over the unit ball proves: its own minimiser, and how far that can be from the min–max optimum.
///
/// The caller vouches that the points are in the ball and the weights sum to at most 1.
/// Spec: E4. Errors: `Error::Shape` where there is not one weight a point or the points are not of dimension d; as `saddle`.
pub fn proven(
    quadratic: &Quadratic<'_>,
    norm: Norm,
    square_radius: f64,
    strategy: Strategy,
) -> Result<Saddle> {
    check_square_radius(square_radius)?;
    let spread = Spread::of_points(strategy.points.view(), &strategy.weights)?;
    let minimiser = quadratic.minimiser(&spread.scaled(square_radius))?;
    certified(quadratic, norm, square_radius, strategy, minimiser)
}

/// The best mixed strategy of the ℓ2 ball: weights p_i on the eigenvectors of C.
///
/// With v_i = a²c_i + s² and e_i = h·ac_i/v_i − κ, the residual gains without adversary, the min–max gains are e_i held to
/// [−t, t], t = Σ v_i|e_i|/(Σ v_i + λr²h²) over the directions with |e_i| > t, and p_i = v_i(|e_i| − t)/(λr²h²t): the
/// adversary's weight fills the highest gains to one level and leaves the others alone.
///
/// Spec: E4. Source: the first-order conditions of the problem in the eigenbasis.
pub fn spectral_strategy(quadratic: &Quadratic<'_>, square_radius: f64) -> Strategy {
    let moments = quadratic.moments();
    let [_, s, step, _] = quadratic.numbers();
    let d = moments.dimension();
    let noised: Vec<f64> = moments.values().iter().map(|&c| quadratic.noised_variance(c)).collect();
    let gains: Vec<f64> =
        moments.values().iter().map(|&c| quadratic.residual_gain(c).abs()).collect();
    let mut order: Vec<usize> = (0..d).collect();
    order.sort_by(|&i, &j| gains[j].total_cmp(&gains[i]).then(i.cmp(&j)));
    let paid = quadratic.lambda() * square_radius * step * (step / s);
    let (mut above, mut below, mut level) = (0.0, paid, f64::INFINITY);
    let mut active = 0;
    while active < d && (active == 0 || gains[order[active]] > level) {
        above += noised[order[active]] * gains[order[active]];
        below += noised[order[active]];
        level = above / below;
        active += 1;
    }
    let mut weights = vec![0.0; d];
    for &i in &order[..active] {
        weights[i] = noised[i] * (gains[i] - level).max(0.0);
    }
    let total: f64 = weights.iter().sum();
    if total > 0.0 {
        weights.iter_mut().for_each(|p| *p /= total);
    } else if let Some(&first) = order.first() {
        // Nothing to gain or nothing to pay: any strategy is best.
        weights[first] = 1.0;
    }
    // Trace of Σ p·qqᵀ at most 1, whatever Q and the division round to.
    let longest = (1.0 + moments.orthogonality()) * (1.0 + gamma(d + 4));
    weights.iter_mut().for_each(|p| *p /= longest);
    Strategy { points: moments.vectors().t().as_standard_layout().into_owned(), weights }
}

/// The proof for a strategy and its minimiser.
fn certified(
    quadratic: &Quadratic<'_>,
    norm: Norm,
    square_radius: f64,
    strategy: Strategy,
    mut minimiser: Minimiser,
) -> Result<Saddle> {
    let [a, s, ..] = quadratic.numbers();
    let effect = quadratic.effect(minimiser.denoised.view());
    let most = largest_effect(norm, effect.view(), 1.0)?.upper;
    let got = payoff(effect.view(), &strategy);
    // E is off by 3u of its terms, and ‖ω‖₂² is at most d (ℓ∞) or 1.
    let reach = if norm == Norm::Linf { effect.nrows() as f64 } else { 1.0 };
    let size = quadratic.effect_size(minimiser.denoised.view());
    let formed = 3.0 * UNIT * size * (2.0 * size) * reach * (1.0 + 64.0 * UNIT);
    let weight = quadratic.lambda() * square_radius;
    let lost = (most - got + 2.0 * formed).max(0.0);
    let lost = if weight == 0.0 { 0.0 } else { weight * lost };
    let gap = (lost + minimiser.excess) * (1.0 + 8.0 * UNIT);
    // B = (I − aA)/s: what A is off by, times a/s, and what B is off from its own A.
    let apart = (gap.sqrt() / s) * (1.0 + 8.0 * UNIT);
    minimiser.noise_error += (a / s) * (apart + minimiser.error) * (1.0 + 8.0 * UNIT);
    minimiser.error = apart;
    let scaled =
        Spread::of_points(strategy.points.view(), &strategy.weights)?.scaled(square_radius);
    let largest = (most + formed) * square_radius * (1.0 + 4.0 * UNIT);
    Ok(Saddle { minimiser, spread: scaled, strategy, gap, largest })
}

/// Σ_k p_k·‖Eω_k‖², from below.
fn payoff(effect: ArrayView2<'_, f64>, strategy: &Strategy) -> f64 {
    let effect = effect.to_owned();
    let pairs = strategy.points.axis_iter(Axis(0)).zip(&strategy.weights);
    let sum = pairs.fold(0.0_f64, |sum, (point, p)| p.mul_add(enclosed(&effect, point).0, sum));
    sum * (1.0 - gamma(strategy.weights.len() + 2))
}

fn check_square_radius(square_radius: f64) -> Result<()> {
    if square_radius.is_finite() && square_radius >= 0.0 {
        return Ok(());
    }
    Err(Error::Domain {
        what: "mean square of the radius",
        value: square_radius,
        expected: "a finite number, at least 0",
    })
}

impl Quadratic<'_> {
    /// h·g − κ for the gain g = ac/v without perturbation, v = a²c + s², in the form that does not cancel:
    /// h·g for κ = 0, −(h/a)·s²/v for invariance, the difference otherwise.
    fn residual_gain(&self, variance: f64) -> f64 {
        let [a, s, step, share] = self.numbers();
        let [gain, noise] = self.gains(variance, 0.0);
        if share == 0.0 {
            step * gain
        } else if share == step / a {
            // c_ε = 0, and b = s/v.
            -(step / a) * s * noise
        } else {
            step * gain - share
        }
    }

    /// h·‖A‖_F + |κ|·√d, from above.
    fn effect_size(&self, denoised: ArrayView2<'_, f64>) -> f64 {
        let [_, _, step, share] = self.numbers();
        let identity = (denoised.nrows() as f64).sqrt() * share.abs();
        (step * frobenius(denoised) + identity) * (1.0 + 8.0 * UNIT)
    }
}
