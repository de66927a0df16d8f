//! T8 against formulas for one eigenvalue, and the order of the probability-flow methods.
//!
//! With y = x/a, σ = s/a and a Gaussian of variance λ, D(y) − m = (y − m)·λ/(λ + σ²). So a step from σ to σ' < σ takes the
//! deviation y − m to M·(y − m) + c·z, with (r = σ'²/σ², 1 − r = (σ − σ')(σ + σ')/σ²; no sum below has a negative term)
//!
//! | method | M | c² |
//! |---|---|---|
//! | Euler | (λ + σσ')/(λ + σ²) =: m | 0 |
//! | Heun | ½m + ½(λ² + λ(σ(σ − σ') + 2σ'²) + σσ'³)/((λ + σ'²)(λ + σ²)) | 0 |
//! | DDIM η | (λ + √((1−η)(1+η) + η²r)·σσ')/(λ + σ²) | η²σ'²(1 − r) |
//! | ancestral | r + (1 − r)λ/(λ + σ²) | σ'²(1 − r) |
//! | Euler–Maruyama | (λ + σ'²)/(λ + σ²) | (σ − σ')(σ + σ') |
//!
//! from the papers' own formulas, not from the library's weights. Rounding: each M and c² here is within (24 + 2κ)u,
//! κ = 1, or 1 + (σ + σ')/(σ − σ') where σ and σ' are rounded quotients s/a. The library's matrix is within
//! (2d + 20)u·ρ of itself, ρ = (sum of the magnitudes of its terms)/M, and each step adds (2d + 8)u
//! (`sampler::gaussian`); ρ is 1 for DDIM and ancestral, at most (2(λ + σ²))/(λ + σσ') for Euler,
//! 2(λ + σ²)/(λ + σ'²) for Euler–Maruyama and 4/M for Heun, whose terms are at most 1 + ½ + ½·3 in all. Relative errors of
//! positive sums and products add up along the steps.
//!
//! Order. In the plane of √λ and σ let θ = arctan(σ/√λ). The exact flow takes y − m to √((λ + σ'²)/(λ + σ²)) times it,
//! and Euler's step is cos(θ − θ') times that. With t = tan(θ − θ') = √λ(σ − σ')/(λ + σσ') the generated variance is the
//! true one times Π 1/(1 + t²): the logarithm of the ratio is E = Σ ln(1 + t²), so |E − Σt²| ≤ ½Σt⁴: first order, with the
//! constant known. For Heun the step is 1 + e times the exact one, with
//! e = (1 − cos δ)(½cos θ'(1 − cos δ) − sin θ' sin δ)/cos θ, δ = θ' − θ, so |e| ≤ ½t²(¼t² + t)·√(1 + σ²/λ): second order.
//!
//! Floor 7. Uses `claims`, `sampler`, `denoiser`, `channel`, `arith`. Spec: T8.

use ndarray::{Array1, Array2, array};

use super::cases::NamedChannel;
use super::t8::{ENDS, METHODS, VARIANCES, mean};
use super::worst::{U, Worst};
use super::{Case, Context};
use crate::arith::scalar::{ln, sin_cos_turns};
use crate::channel::{Channel, Steps};
use crate::denoiser::Affine;
use crate::error::Result;
use crate::sampler::{End, GaussianLaw, Method};

/// A step table and its name.
pub(super) struct Table {
    pub name: String,
    pub steps: Steps,
}

impl Table {
    pub fn all(quick: bool) -> Result<Vec<Table>> {
        let sizes: &[(&str, usize)] = if quick {
            &[("ddpm", 20), ("edm", 12)]
        } else {
            &[("ddpm", 20), ("ddpm", 250), ("edm", 12), ("edm", 80), ("ve", 40), ("vp-linear", 50)]
        };
        sizes
            .iter()
            .map(|&(name, n)| {
                Ok(Table { name: format!("{name}, {n} levels"), steps: Steps::by_name(name, n)? })
            })
            .collect()
    }
}

/// A positive number and its relative error in units of u.
#[derive(Clone, Copy)]
struct Positive {
    value: f64,
    error: f64,
}

/// M, c² and the relative errors of this file's and of the library's M, in units of u.
struct Formula {
    factor: f64,
    random: f64,
    own: f64,
    library: f64,
}

fn formula(method: Method, variance: f64, from: Channel, to: Channel) -> Formula {
    let (sigma, next) = (from.s() / from.a(), to.s() / to.a());
    let exact = from.a() == 1.0 && to.a() == 1.0;
    let kappa = if exact { 1.0 } else { 1.0 + (sigma + next) / (sigma - next) };
    let before = variance + sigma * sigma;
    let after = variance + next * next;
    let mixed = variance + sigma * next;
    let kept = (next / sigma) * (next / sigma);
    let lost = (sigma - next) * (sigma + next) / (sigma * sigma);
    let (factor, random, ratio) = match method {
        Method::Ancestral => (kept + lost * (variance / before), next * next * lost, 1.0),
        Method::Ddim { eta } => {
            let root = ((1.0 - eta) * (1.0 + eta) + eta * eta * kept).sqrt();
            let factor = (variance + root * sigma * next) / before;
            (factor, eta * eta * next * next * lost, 1.0)
        }
        Method::Euler => (mixed / before, 0.0, 2.0 * before / mixed),
        Method::Heun => {
            let middle = sigma * (sigma - next) + 2.0 * next * next;
            let top = variance * variance + variance * middle + sigma * next * next * next;
            let factor = 0.5 * (mixed / before) + 0.5 * (top / (after * before));
            (factor, 0.0, 4.0 / factor)
        }
        Method::EulerMaruyama => {
            (after / before, (sigma - next) * (sigma + next), 2.0 * before / after)
        }
    };
    let d = VARIANCES.len() as f64;
    Formula { factor, random, own: 24.0 + 2.0 * kappa, library: (2.0 * d + 20.0) * ratio }
}

/// The variance and the deviation of the mean at the end, in units of x, with the errors of both sides.
fn closed_form(
    method: Method,
    variance: f64,
    steps: &Steps,
    end: End,
    start: (f64, f64),
) -> (Positive, Positive) {
    let first = steps.first();
    let d = VARIANCES.len() as f64;
    let mut spread = Positive { value: start.0 / first.a() / first.a(), error: 6.0 };
    let mut offset = Positive { value: start.1 / first.a(), error: 3.0 };
    let mut last = first;
    for pair in steps.channels().windows(2) {
        let step = formula(method, variance, pair[0], pair[1]);
        let both = step.own + step.library;
        spread.value = step.factor * step.factor * spread.value + step.random;
        spread.error = (spread.error + 2.0 * both).max(both + 24.0) + 2.0 * d + 12.0;
        offset.value *= step.factor;
        offset.error += both + d + 8.0;
        last = pair[1];
    }
    let scale = match end {
        End::LastLevel => last.a(),
        End::Data => {
            let sigma = last.s() / last.a();
            variance / (variance + sigma * sigma)
        }
    };
    spread.value *= scale * scale;
    offset.value *= scale;
    spread.error += 2.0 * (2.0 * d + 30.0);
    offset.error += 2.0 * d + 30.0;
    (spread, offset)
}

/// The recursion on four independent coordinates, for every method and both ends.
pub(super) fn examine(context: &Context<'_>, table: &Table) -> Result<Vec<Case>> {
    let values = Array1::from_vec(VARIANCES.to_vec());
    let affine = Affine::wiener(mean().view(), values.view(), Array2::eye(VARIANCES.len()).view())?;
    let first = table.steps.first();
    let (a, s) = (first.a(), first.s());
    // Not the law's own mean, so that the recursion of the mean is seen.
    let start_mean = mean().mapv(|m| a.mul_add(m, 1.0));
    let starts: Vec<f64> = VARIANCES.iter().map(|v| (a * a).mul_add(*v, s * s)).collect();
    let start = GaussianLaw {
        mean: start_mean.clone(),
        covariance: Array2::from_diag(&Array1::from_vec(starts.clone())),
    };
    let mut cases = Vec::new();
    for method in METHODS {
        for (end, place) in ENDS {
            let found =
                context.subject.law_of_sampler(&affine, &table.steps, method, &start, end)?;
            let scale = match (end, table.steps.channels().last()) {
                (End::LastLevel, Some(last)) => last.a(),
                _ => 1.0,
            };
            let mut worst = Worst::default();
            for (i, &variance) in VARIANCES.iter().enumerate() {
                let centre = (-a).mul_add(mean()[i], start_mean[i]);
                let (spread, offset) =
                    closed_form(method, variance, &table.steps, end, (starts[i], centre));
                let residual = (found.covariance[[i, i]] - spread.value).abs();
                let bound = 1.01 * U * spread.error * spread.value + f64::MIN_POSITIVE;
                worst.add(&table.name, residual, bound);
                let meant = scale.mul_add(mean()[i], offset.value);
                let residual = (found.mean[i] - meant).abs();
                let bound = 1.01 * U * (offset.error * offset.value.abs() + 3.0 * meant.abs());
                worst.add(&table.name, residual, bound + f64::MIN_POSITIVE);
                for j in (0..VARIANCES.len()).filter(|&j| j != i) {
                    worst.add(&table.name, found.covariance[[i, j]].abs(), 0.0);
                }
            }
            let quantity = format!("|recursion − closed form|, {method} {place}");
            cases.extend(worst.case("four eigenvalues", &quantity));
        }
    }
    Ok(cases)
}

/// n steps from σ = 20 to σ = 0.1 of equal angle arctan σ.
pub(super) fn angular(n: usize) -> Result<Steps> {
    // arctan 20 and arctan 0.1 in turns.
    let (high, low) = (0.242_048_865, 0.015_863_063);
    let channels: Result<Vec<Channel>> = (0..=n)
        .map(|i| {
            let (sin, cos) = sin_cos_turns(high - (high - low) * (i as f64 / n as f64));
            Channel::variance_exploding(sin / cos)
        })
        .collect();
    Steps::new(channels?)
}

/// The generated and the true variance at the last level for variance 1, started from the law itself.
pub(super) fn unit_variance(
    context: &Context<'_>,
    steps: &Steps,
    method: Method,
) -> Result<(f64, f64)> {
    let affine = Affine::wiener(array![0.0].view(), array![1.0].view(), array![[1.0]].view())?;
    let variance = |channel: Channel| channel.s().mul_add(channel.s(), 1.0);
    let start = GaussianLaw { mean: array![0.0], covariance: array![[variance(steps.first())]] };
    let found = context.subject.law_of_sampler(&affine, steps, method, &start, End::LastLevel)?;
    let last = steps.channels().last().copied().unwrap_or(steps.first());
    Ok((found.covariance[[0, 0]], variance(last)))
}

/// The orders of Euler (and DDIM with η = 0, the same method) and of Heun.
pub(super) fn orders(context: &Context<'_>) -> Result<Vec<Case>> {
    let mut euler = [Worst::default(), Worst::default()];
    let mut heun = Worst::default();
    let largest = if context.quick { 6 } else { 10 };
    for exponent in 2..=largest {
        let n = 1usize << exponent;
        let steps = angular(n)?;
        let name = format!("VE, {n} steps of equal angle");
        let (mut square, mut fourth, mut third) = (0.0f64, 0.0f64, 0.0f64);
        for pair in steps.channels().windows(2) {
            let (sigma, next) = (pair[0].s(), pair[1].s());
            let t = (sigma - next) / sigma.mul_add(next, 1.0);
            square += t * t;
            fourth += t * t * t * t;
            let e = 0.5 * t * t * (0.25 * t * t + t) * sigma.mul_add(sigma, 1.0).sqrt();
            third += e * (1.0 + e);
        }
        let named = NamedChannel { name, channel: steps.first() };
        let logarithm = |method: Method| -> Result<(f64, f64)> {
            let (found, exact) = unit_variance(context, &steps, method)?;
            let (closed, _) = closed_form(method, 1.0, &steps, End::LastLevel, (1.0, 1.0));
            // ln(exact/found), whose error is that of the two numbers and of ln.
            Ok((ln(exact / found), U * (closed.error + 12.0)))
        };
        for (worst, method) in euler.iter_mut().zip([Method::Euler, Method::Ddim { eta: 0.0 }]) {
            let (found, rounding) = logarithm(method)?;
            let bound = 0.5 * fourth + rounding + (n as f64 + 8.0) * U * square;
            worst.add(&named.name, (found - square).abs(), 1.01 * bound);
        }
        let (found, rounding) = logarithm(Method::Heun)?;
        heun.add(&named.name, found.abs(), 1.01 * (2.0 * third + rounding));
    }
    let law = "N(0, 1)";
    let cases = [
        euler[0].case(law, "|ln(true/generated variance) − Σ tan²(angle)|, euler"),
        euler[1].case(law, "|ln(true/generated variance) − Σ tan²(angle)|, ddim:0"),
        heun.case(law, "|ln(true/generated variance)|, heun, second order"),
    ];
    Ok(cases.into_iter().flatten().collect())
}
