//! T4 by sampling, with an interval that needs no limit theorem.
//!
//! Y = ‖D̂ − x₀‖² − ‖D̂ − D*‖² − tr Σ_post has mean 0 given x. Given all the x, the Y are independent, and the moment
//! generating function of each is known in closed form: x₀ is Gaussian N(b_k, P_k) with probability r_k, so with
//! Q = ‖D̂ − x₀‖², p_l the eigenvalues of P_k and u_l the coordinates of D̂ − b_k along its eigenvectors,
//!
//!   E[e^(λQ) | x] = Σ_k r_k Π_l (1 − 2λp_l)^(−1/2)·exp(λu_l²/(1 − 2λp_l)),   2λp_l < 1,
//!
//! and ψ(λ) = ln E[e^(λ(Q − E Q)) | x]. Chernoff: for every λ > 0 that does not depend on the x₀, the mean of n exceeds
//! (ln(2/α) + Σψ(λ))/(nλ) with probability at most α/2, and falls below −(ln(2/α) + Σψ(−λ))/(nλ) with as much. λ is the best
//! of a fixed list of multiples of 1/(√n·E Q). For point masses P_k = 0.
//!
//! In 64 dimensions tr Σ_post comes from the responsibilities, Σ_k r_k‖μ_k − D*‖² (point masses only), since the matrix
//! costs K·d² a draw. Rounding of D* and Σ_post moves Y by at most 2(‖D̂ − D*‖ + ‖δD‖)·‖δD‖ + Σδ_ii. The same errors of
//! r_k and b_k move ψ(λ)/λ by at most twice that for the small λ here; four times its mean over the draws is added.
//!
//! Floor 7. Uses `claims`, `law`, `arith`. Spec: T4.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::cases::{self, NamedChannel};
use super::component::{Components, Square};
use super::subject::given;
use super::t4::squared_distances;
use super::worst::U;
use super::wrong::{Predictor, Wrong};
use super::{Case, Context};
use crate::arith::scalar::{exp, ln};
use crate::arith::sum;
use crate::error::Result;
use crate::law::{Mixture, Quantity, toy_law};

/// The probability that one sampled case fails although T4 is true.
pub(super) const ALARM: f64 = 1e-10;

/// λ in units of 1/(√n·E Q): the tail is Gaussian to good accuracy, so the best λ is near √(2 ln(2/α)) deviations.
const MULTIPLES: [f64; 4] = [2.0, 4.0, 8.0, 16.0];

/// A law through a channel, and how many draws.
pub(super) struct Setting {
    law: &'static str,
    mixture: Mixture,
    named: NamedChannel,
    draws: usize,
    stream: u64,
}

pub(super) fn settings(context: &Context<'_>) -> Result<Vec<Setting>> {
    let (few, many) = if context.quick { (1000, 10_000) } else { (4000, 20_000) };
    let mut all = Vec::new();
    let laws = ["training-set", "three-gaussians", "ring", "oblique-plane"];
    for law in laws {
        let channels = if context.quick {
            vec![cases::ve(1.0)?]
        } else {
            vec![cases::ve(0.3)?, cases::ve(1.0)?, cases::vp(0.5)?]
        };
        for named in channels {
            all.push((law, toy_law(law)?, named, many));
        }
    }
    let images = cases::some_digits(if context.quick { 50 } else { 200 })?;
    for named in [cases::ve(2.0)?, cases::vp(0.2)?] {
        all.push(("digits", images.clone(), named, few));
    }
    let numbered = all.into_iter().enumerate();
    Ok(numbered
        .map(|(at, (law, mixture, named, draws))| Setting {
            law,
            mixture,
            named,
            draws,
            stream: 4000 + at as u64,
        })
        .collect())
}

/// The subject's D*, tr Σ_post and the bounds of their errors at the draws.
struct Exact {
    denoiser: Array2<f64>,
    /// ‖δD‖, a row.
    denoiser_error: Vec<f64>,
    trace: Vec<f64>,
    trace_error: Vec<f64>,
}

/// A case, and its interval as a share of the floor, for each wrong denoiser.
pub(super) fn examine(context: &Context<'_>, setting: &Setting) -> Result<Vec<(Case, f64)>> {
    let channel = setting.named.channel;
    let draw =
        setting.mixture.sample_noised(channel, context.seed, setting.stream, setting.draws)?;
    let exact = exact(context, setting, draw.noised.view())?;
    let predictor = Predictor::new(&setting.mixture, channel)?;
    let floor = sum::mean(&exact.trace);
    let noised = setting.mixture.through::<f64>(channel)?;
    let responsibilities = noised.responsibilities(draw.noised.view())?;
    let mut cases = Vec::new();
    for wrong in Wrong::ALL {
        let guess = predictor.predict(wrong, draw.noised.view())?;
        let loss = squared_distances(&guess, &draw.clean);
        let apart = squared_distances(&guess, &exact.denoiser);
        let y: Vec<f64> = (0..setting.draws).map(|i| loss[i] - apart[i] - exact.trace[i]).collect();
        let rounding: Vec<f64> = (0..setting.draws)
            .map(|i| {
                let error = exact.denoiser_error[i];
                // Three sums of d squares, and their differences.
                let sums = (setting.mixture.dimension() as f64 + 6.0) * U;
                2.0 * (apart[i].sqrt() + error) * error
                    + exact.trace_error[i]
                    + sums * (loss[i] + apart[i] + exact.trace[i].abs())
            })
            .collect();
        let mean = sum::mean(&y);
        let tail = Tail::new(setting, &responsibilities, draw.noised.view(), guess.view());
        let interval = tail.interval(if mean > 0.0 { 1.0 } else { -1.0 });
        // The mean's own sum: its depth is below 1000.
        let size = sum::mean(&loss) + sum::mean(&apart) + floor.abs();
        let bound = 1.01 * (interval + 4.0 * sum::mean(&rounding) + 1e3 * U * size);
        let quantity = format!("|mean of ‖D̂ − x₀‖² − ‖D̂ − D*‖² − tr Σ|, {}", wrong.name());
        let name = setting.named.name.clone();
        cases.push((Case::new(setting.law, name, quantity, mean.abs(), bound), bound / floor));
    }
    Ok(cases)
}

fn exact(context: &Context<'_>, setting: &Setting, points: ArrayView2<'_, f64>) -> Result<Exact> {
    let noised = setting.mixture.through::<f64>(setting.named.channel)?;
    let small = setting.mixture.dimension() <= 3;
    let second = if small { Quantity::Covariance } else { Quantity::Responsibilities };
    let wanted = [Quantity::Denoiser, second];
    let values = context.subject.evaluate(&noised, points, &wanted)?;
    let bounds = noised.bounds(points, &wanted)?;
    let denoiser = given(values.denoiser, "denoiser")?;
    let denoiser_error: Vec<f64> = given(bounds.denoiser, "denoiser")?
        .outer_iter()
        .map(|row| row.iter().fold(0.0f64, |sum, v| v.mul_add(*v, sum)).sqrt() * 1.01)
        .collect();
    let (trace, trace_error) = if small {
        let covariance = given(values.covariance, "covariance")?;
        let errors = given(bounds.covariance, "covariance")?;
        let of = |array: &ndarray::Array3<f64>| -> Vec<f64> {
            array.outer_iter().map(|matrix| matrix.diag().sum()).collect()
        };
        (of(&covariance), of(&errors))
    } else {
        let weights = given(values.responsibilities, "responsibilities")?;
        let errors = given(bounds.responsibilities, "responsibilities")?;
        let means = setting.mixture.means();
        let mut traces = (Vec::new(), Vec::new());
        for n in 0..points.nrows() {
            let centre = denoiser.row(n);
            let (mut trace, mut error) = (0.0f64, 0.0);
            for (k, mu) in means.outer_iter().enumerate() {
                let apart = mu
                    .iter()
                    .zip(centre)
                    .fold(0.0f64, |sum, (mu, x)| (mu - x).mul_add(mu - x, sum));
                trace = weights[[n, k]].mul_add(apart, trace);
                error += errors[[n, k]] * apart;
            }
            // Moving D by δ about the mean moves Σ r_k‖μ_k − D‖² by ‖δ‖² and what the weights leave of the mean;
            // 2‖δ‖·√trace bounds the latter by Cauchy–Schwarz.
            let moved = denoiser_error[n] * (denoiser_error[n] + 2.0 * trace.sqrt());
            let terms = (setting.mixture.components() + setting.mixture.dimension() + 8) as f64;
            traces.0.push(trace);
            traces.1.push(1.01 * (error + moved + terms * U * trace));
        }
        traces
    };
    Ok(Exact { denoiser, denoiser_error, trace, trace_error })
}

/// The conditional law of Q at every draw: for each component that has weight, r_k and the (p, u², multiplicity) of its
/// distinct eigenvalues.
struct Tail {
    draws: Vec<Vec<(f64, Vec<Square>)>>,
    /// E[Q | x].
    means: Vec<f64>,
}

impl Tail {
    fn new(
        setting: &Setting,
        responsibilities: &Array2<f64>,
        points: ArrayView2<'_, f64>,
        guesses: ArrayView2<'_, f64>,
    ) -> Self {
        let components = Components::new(&setting.mixture, setting.named.channel);
        let draws: Vec<Vec<(f64, Vec<Square>)>> = (0..points.nrows())
            .into_par_iter()
            .map(|n| {
                let (x, guess) = (points.row(n).to_vec(), guesses.row(n).to_vec());
                let weights = responsibilities.row(n);
                let active = weights.iter().enumerate().filter(|(_, r)| **r > 0.0);
                active.map(|(k, &r)| (r, components.squares(k, &x, &guess))).collect()
            })
            .collect();
        let mean = |draw: &Vec<(f64, Vec<Square>)>| -> f64 {
            draw.iter().map(|(r, squares)| r * squares.iter().map(Square::mean).sum::<f64>()).sum()
        };
        let means = draws.iter().map(mean).collect();
        Tail { draws, means }
    }

    /// How far the mean of Y may be from 0 on the side of this sign.
    fn interval(&self, sign: f64) -> f64 {
        let n = self.draws.len() as f64;
        let scale = 1.0 / (n.sqrt() * sum::mean(&self.means));
        let widest = self.draws.iter().flatten().flat_map(|(_, squares)| squares);
        let widest = widest.fold(0.0f64, |m, square| m.max(square.variance));
        let candidates = MULTIPLES.iter().map(|multiple| multiple * scale);
        candidates
            .filter(|lambda| 4.0 * lambda * widest < 1.0)
            .map(|lambda| {
                let psi: Vec<f64> = self
                    .draws
                    .par_iter()
                    .zip(&self.means)
                    .map(|(draw, mean)| cumulant(draw, *mean, sign * lambda))
                    .collect();
                (ln(2.0 / ALARM) + sum::sum(&psi)) / (n * lambda)
            })
            .fold(f64::INFINITY, f64::min)
    }
}

/// ψ(λ).
fn cumulant(draw: &[(f64, Vec<Square>)], mean: f64, lambda: f64) -> f64 {
    let exponents: Vec<f64> = draw
        .iter()
        .map(|(_, squares)| {
            let of = |square: &Square| {
                let shrink = 1.0 - 2.0 * lambda * square.variance;
                let spread = if square.variance > 0.0 { ln(shrink) } else { 0.0 };
                lambda * square.square / shrink - 0.5 * square.count * spread
            };
            squares.iter().map(of).sum::<f64>() - lambda * mean
        })
        .collect();
    let largest = exponents.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let terms = draw.iter().zip(&exponents).map(|((r, _), e)| r * exp(e - largest));
    largest + ln(terms.sum::<f64>())
}
