//! T4 by sampling, with an interval that needs no limit theorem.
//!
//! Y = ‖D̂ − x₀‖² − ‖D̂ − D*‖² − tr Σ_post = ‖D* − x₀‖² + 2(D̂ − D*)·(D* − x₀) − tr Σ_post has mean 0 (given x too).
//! If |Y| ≤ B/2, the mean of n independent Y is, with probability 1 − α, within √(2V·ln(4/α)/n) + 7B·ln(4/α)/(3(n − 1))
//! of 0, V their sample variance (Maurer and Pontil 2009, theorem 4, once for each side).
//!
//! B. Let everything be measured from the law's mean m, R the largest ‖μ_k − m‖, σ² the largest variance in a component
//! and, for a law with σ > 0, let T = √d + t, t = 9.5. Draws with ‖g‖ ≤ T and ‖ε‖ ≤ T, g the standard normal that
//! placed x₀ in its component, have ‖x₀ − m‖ ≤ ρ₀ = R + σT; ‖D* − m‖ ≤ ρ₁ = R + γ(a(ρ₀ + R) + sT) with
//! γ = aσ²/(a²σ² + s²); tr Σ_post ≤ dσ² + 4ρ₁²; and D̂ is at a distance of at most q from m + D*'s ball:
//! ‖D̂ − D*‖ ≤ q. So |Y| ≤ (ρ₀ + ρ₁)² + 2q(ρ₀ + ρ₁) + dσ² + 4ρ₁² = B(T)/2. For point masses σ = 0 and nothing is
//! left out. Otherwise the law is conditioned on the event, of which the complement has probability at most 2e^(−t²/2) a
//! draw (Gaussian concentration), 2e5·2·2.6e-20 < 1e-13 in all; and since B(T)/T² falls,
//! E[|Y|; complement] ≤ B(T)·(2 + 4/t²)e^(−t²/2) < 1e-19·B(T), which is added.
//!
//! In 64 dimensions tr Σ_post comes from the responsibilities, Σ_k r_k‖μ_k − D*‖² (point masses only), since the matrix
//! costs K·d² a draw. Rounding of D* and Σ_post moves Y by at most 2‖D̂ − x₀‖... in all by
//! 2(‖D̂ − D*‖ + ‖δ‖)·‖δ‖ + Σδ_ii; its mean over the draws is added.
//!
//! Floor 7. Uses `claims`, `law`, `arith`. Spec: T4.

use ndarray::{Array2, ArrayView2};

use super::cases::{self, NamedChannel};
use super::subject::given;
use super::t4::squared_distances;
use super::worst::U;
use super::wrong::{Predictor, Wrong};
use super::{Case, Context};
use crate::arith::scalar::ln;
use crate::arith::sum;
use crate::error::Result;
use crate::law::{Mixture, Quantity, toy_law};

/// The probability that one sampled case fails although T4 is true.
pub(super) const ALARM: f64 = 1e-10;

/// t: draws further out than √d + t are not in the interval's theorem.
const REACH: f64 = 9.5;

/// A law through a channel, and how many draws.
pub(super) struct Setting {
    law: &'static str,
    mixture: Mixture,
    named: NamedChannel,
    draws: usize,
    stream: u64,
}

pub(super) fn settings(context: &Context<'_>) -> Result<Vec<Setting>> {
    let (few, many) = if context.quick { (1000, 10_000) } else { (4000, 30_000) };
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
    let n = setting.draws as f64;
    let log = ln(4.0 / ALARM);
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
        let squares: Vec<f64> = y.iter().map(|y| (y - mean) * (y - mean)).collect();
        let variance = sum::sum(&squares) / (n - 1.0);
        let range = range(setting, wrong);
        let interval = (2.0 * variance * log / n).sqrt() + 7.0 * range * log / (3.0 * (n - 1.0));
        // The mean of n numbers of magnitude at most B: the sum's depth is below 1000.
        let bound = 1.01 * (interval + sum::mean(&rounding) + 1e-19 * range + 1e3 * U * range);
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

/// B.
fn range(setting: &Setting, wrong: Wrong) -> f64 {
    let law = &setting.mixture;
    let (a, s) = (setting.named.channel.a(), setting.named.channel.s());
    let d = law.dimension() as f64;
    let components = 0..law.components();
    let variance = components.fold(0.0f64, |m, k| m.max(law.covariance().largest_variance(k)));
    let radius = law.radius();
    let reach = d.sqrt() + REACH;
    let data = radius + variance.sqrt() * reach;
    let ball = |s: f64| {
        let gain = a * variance / (a * a * variance + s * s);
        // x was drawn with the channel's own s, whichever denoiser looks at it.
        radius + gain * (a * (data + radius) + setting.named.channel.s() * reach)
    };
    let exact = ball(s);
    let mean = law.mean().iter().fold(0.0f64, |sum, m| m.mul_add(*m, sum)).sqrt();
    let apart = match wrong {
        Wrong::Zero => mean + exact,
        Wrong::Shrunk => 0.25 * (mean + exact),
        Wrong::OtherNoise => ball(1.5 * s) + exact,
        Wrong::Wiener => radius + exact,
    };
    let trace = d * variance + 4.0 * exact * exact;
    2.0 * 1.01 * ((data + exact) * (data + exact) + 2.0 * apart * (data + exact) + trace)
}
