//! E1, what equivariance is: R(x, ω) = ε̂(x + sω) − ε̂(x) − ω = −(a/s)·(D̂(x + sω) − D̂(x)), for every prediction.
//!
//! With g = x − a·D̂ − s·ε̂, zero but for how a predictor makes the two, s·R + a·(D̂′ − D̂) = (x′ − x − s·ω) − g′ + g. So both
//! sides differ by |g| + |g′|, the one rounding of x′ and those of the comparison. |g| is bounded for each predictor: by the
//! evaluation's bounds (N4) for the exact denoiser; by the rounding of two products for an affine one; by two roundings of
//! each prediction and eight of a coefficient for a network's head.
//!
//! Three checks: the identity, coordinate by coordinate; the library's losses in noise and in denoised prediction, whose
//! roots differ by no more than the length of those bounds; and, in input units, that the residual vanishes for
//! ∇D̂ = ((1 − s)/a)·I.
//!
//! Floor 7. Uses `claims`, `denoiser`, `law`, `objective`, `arith`. Spec: E1.

use ndarray::{Array1, Array2, ArrayView2};

use super::affine_cases::{self, Setting};
use super::cases::{self, NamedChannel};
use super::pictures::table;
use super::subject::given;
use super::worst::{U, Worst};
use super::{Claim, Context, Findings, Stage};
use crate::arith::fill_normal;
use crate::channel::Channel;
use crate::denoiser::mlp::{Activation, Architecture, Embedding};
use crate::denoiser::{Affine, Denoiser, Exact, Head, Mlp, Prediction};
use crate::error::Result;
use crate::law::Quantity;
use crate::objective::consistency::perturbed;
use crate::objective::{Consistency, Constraint, Strength, Units};
use crate::tweedie::Kind;

pub(super) const CLAIM: Claim = Claim {
    id: "E1",
    title: "an equivariant noise prediction is an invariant denoised one",
    statement: "ε̂(x + sω) − ε̂(x) − ω = −(a/s)·(D̂(x + sω) − D̂(x)) for every prediction; in input units the residual vanishes for ∇D̂ = ((1 − s)/a)·I instead.",
    source: "x = a·D̂ + s·ε̂ at both points; theory E1",
    hypothesis: "s > 0; D̂ and ε̂ are two forms of one prediction.",
    measured: "both sides for the exact denoiser, an affine one and a network; the library's loss in either parametrisation; the input-units residual of its own fixed point",
    bound: "what x − a·D̂ − s·ε̂ can be by rounding (N4 for the exact denoiser), and the roundings of the comparison",
    find,
};

fn find(context: &Context<'_>) -> Result<Findings> {
    let settings = affine_cases::settings()?;
    let channels = affine_cases::channels(context.quick)?;
    let stage = Stage::new(context, CLAIM.id, settings.len());
    let mut cases = Vec::new();
    for setting in &settings {
        let mut checks = Checks::default();
        for (at, named) in channels.iter().enumerate() {
            examine(context, setting, named, at as u64, &mut checks)?;
        }
        cases.extend(checks.identity.case(setting.law, "|s·R + a·(D̂′ − D̂)|"));
        let quantity = "|s·√(loss in noise) − a·√(loss in denoised)|";
        cases.extend(checks.losses.case(setting.law, quantity));
        cases.extend(checks.input.case(setting.law, "|R| in input units at ∇D̂ = ((1 − s)/a)·I"));
        stage.step();
    }
    Ok(Findings { cases, statistics: None, figures: Vec::new() })
}

#[derive(Default)]
struct Checks {
    identity: Worst,
    losses: Worst,
    input: Worst,
}

/// A bound of |x − a·D̂ − s·ε̂| at N×d points.
type Gap<'a> = Box<dyn Fn(ArrayView2<'_, f64>) -> Result<Array2<f64>> + 'a>;

/// A predictor and a bound of |x − a·D̂ − s·ε̂| at the points given.
struct Predictor<'a> {
    denoiser: Box<dyn Denoiser<f64>>,
    gap: Gap<'a>,
}

fn predictors<'a>(setting: &'a Setting, channel: Channel, seed: u64) -> Result<Vec<Predictor<'a>>> {
    let d = setting.dimension();
    let (a, s) = (channel.a(), channel.s());
    let exact = move |x: ArrayView2<'_, f64>| {
        let noised = setting.mixture.through::<f64>(channel)?;
        let bounds = noised.bounds(x, &[Quantity::Denoiser, Quantity::Noise])?;
        let (denoised, noise) =
            (given(bounds.denoiser, "denoiser")?, given(bounds.noise, "noise")?);
        Ok(denoised * a + noise * s)
    };
    let architecture = Architecture {
        dimension: d,
        width: 16,
        layers: 2,
        activation: Activation::Silu,
        embedding: Embedding::Fourier { waves: 2 },
        head: Head::new("edm", 1.0)?,
    };
    let network = Mlp::<f64>::initial(architecture, seed)?;
    let copy = network.clone();
    let of_network = move |x: ArrayView2<'_, f64>| {
        let head = copy.architecture().head.at::<f64>(channel)?;
        let found = copy.predict(channel, x)?;
        Ok(Array2::from_shape_fn(x.dim(), |at| {
            let denoised = a * (found.denoised[at].abs() + 2.0 * head.denoised_of_x * x[at].abs());
            let noise = s * (found.noise[at].abs() + 2.0 * head.noise_of_x * x[at].abs());
            1.01 * 11.0 * U * (denoised + noise)
        }))
    };
    let mut entries = vec![0.0; d * d];
    fill_normal(seed, 71, 0, &mut entries);
    let matrix = table(d, d, entries)? * 0.25;
    let affine = Affine::fixed(setting.moments.mean(), matrix.view())?;
    let of_affine = affine_gap(affine.clone(), channel);
    Ok(vec![
        Predictor { denoiser: Box::new(Exact::new(setting.mixture.clone())), gap: Box::new(exact) },
        Predictor { denoiser: Box::new(network), gap: Box::new(of_network) },
        Predictor { denoiser: Box::new(affine), gap: Box::new(of_affine) },
    ])
}

/// δ = x − a·m is rounded once; A·δ and B·δ have d + 3 roundings of their terms, D̂ one more, and B's entries three.
fn affine_gap(
    affine: Affine,
    channel: Channel,
) -> impl Fn(ArrayView2<'_, f64>) -> Result<Array2<f64>> {
    let (a, s) = (channel.a(), channel.s());
    move |x| {
        let maps = affine.maps(channel)?;
        let mean = affine.mean();
        let d = mean.len();
        Ok(Array2::from_shape_fn(x.dim(), |(n, i)| {
            let spread: f64 = (0..d)
                .map(|j| {
                    let reach = x[[n, j]].abs() + a * mean[j].abs();
                    (a * maps.denoised[[i, j]].abs() + s * maps.noise[[i, j]].abs()) * reach
                })
                .sum();
            let own = x[[n, i]].abs() + 2.0 * a * mean[i].abs();
            1.01 * U * ((d as f64 + 14.0) * spread + 2.0 * own)
        }))
    }
}

fn examine(
    context: &Context<'_>,
    setting: &Setting,
    named: &NamedChannel,
    at: u64,
    checks: &mut Checks,
) -> Result<()> {
    let channel = named.channel;
    let seed = context.seed.wrapping_add(11_000 + at);
    let draws = if context.quick { 4 } else { 16 };
    let x = cases::points(&setting.mixture, channel, seed, draws)?;
    let mut omega = vec![0.0; x.len()];
    fill_normal(seed, 70, 0, &mut omega);
    let omega = table(x.nrows(), x.ncols(), omega)?;
    let channels = vec![channel; x.nrows()];
    let moved = perturbed(&channels, Units::Noise, x.view(), omega.view())?;
    for Predictor { denoiser, gap } in predictors(setting, channel, seed)? {
        let here = context.subject.predict(&*denoiser, channel, x.view())?;
        let there = context.subject.predict(&*denoiser, channel, moved.view())?;
        let gaps = gap(x.view())? + gap(moved.view())?;
        let bounds = identity(named, [&here, &there], (&omega, &moved), &gaps, checks);
        let loss = |kind: Kind| -> Result<Vec<f64>> {
            let consistency = equivariance(Units::Noise)?;
            let both = [&here, &there];
            let found =
                context.subject.consistency(&consistency, &channels, kind, both, omega.view())?;
            Ok(found.values)
        };
        let (noise, denoised) = (loss(Kind::Noise)?, loss(Kind::Denoised)?);
        let (a, s) = (channel.a(), channel.s());
        for (n, row) in bounds.rows().into_iter().enumerate() {
            let (left, right) = (s * noise[n].sqrt(), a * denoised[n].sqrt());
            let length = row.iter().fold(0.0_f64, |sum, b| b.mul_add(*b, sum)).sqrt();
            // A loss is a sum of d squares of two roundings each; its root and the product two more.
            let rounding = (x.ncols() as f64 + 10.0) * U * (left + right);
            checks.losses.add(&named.name, (left - right).abs(), 1.01 * (length + rounding));
        }
    }
    if channel.a() > 0.0 {
        input_units(context, setting, named, (&x, &omega), checks)?;
    }
    Ok(())
}

fn equivariance(units: Units) -> Result<Consistency> {
    let strength = Strength::new(1.0, 0.0)?;
    Ok(Consistency { constraint: Constraint::Equivariance, units, strength, stop_gradient: false })
}

/// Check 1; gives the bounds, N×d.
fn identity(
    named: &NamedChannel,
    [here, there]: [&Prediction<f64>; 2],
    (omega, moved): (&Array2<f64>, &Array2<f64>),
    gaps: &Array2<f64>,
    checks: &mut Checks,
) -> Array2<f64> {
    let (a, s) = (named.channel.a(), named.channel.s());
    Array2::from_shape_fn(omega.dim(), |at| {
        let residual = there.noise[at] - here.noise[at] - omega[at];
        let change = there.denoised[at] - here.denoised[at];
        let noise = there.noise[at].abs() + here.noise[at].abs() + omega[at].abs();
        let denoised = there.denoised[at].abs() + here.denoised[at].abs();
        let rounding = 1.01 * U * (4.0 * s * noise + 4.0 * a * denoised + 2.0 * moved[at].abs());
        let bound = gaps[at] + rounding;
        checks.identity.add(&named.name, (s * residual + a * change).abs(), bound);
        bound
    })
}

/// Check 3: B = (I − aA)/s = I for A = ((1 − s)/a)·I, so ε̂(x + ω) − ε̂(x) − ω = 0.
fn input_units(
    context: &Context<'_>,
    setting: &Setting,
    named: &NamedChannel,
    (x, omega): (&Array2<f64>, &Array2<f64>),
    checks: &mut Checks,
) -> Result<()> {
    let channel = named.channel;
    let (a, s) = (channel.a(), channel.s());
    let gain = (1.0 - s) / a;
    let matrix = Array2::from_diag(&Array1::from_elem(x.ncols(), gain));
    let affine = Affine::fixed(setting.moments.mean(), matrix.view())?;
    let channels = vec![channel; x.nrows()];
    let moved = perturbed(&channels, Units::Input, x.view(), omega.view())?;
    let here = context.subject.predict(&affine, channel, x.view())?;
    let there = context.subject.predict(&affine, channel, moved.view())?;
    let consistency = equivariance(Units::Input)?;
    let both = [&here, &there];
    let found =
        context.subject.consistency(&consistency, &channels, Kind::Noise, both, omega.view())?;
    let mean = setting.moments.mean();
    for (n, value) in found.values.iter().enumerate() {
        let mut square = 0.0_f64;
        for i in 0..x.ncols() {
            // 1 − a·gain is within 3u·(1 + |1 − s|) of s; B·δ has d + 3 roundings of terms (1 + that/s)·|δ|.
            let reach = x[[n, i]].abs() + moved[[n, i]].abs() + 2.0 * a * mean[i].abs();
            let slope = 6.0 * U * (1.0 + (1.0 - s).abs()) / s;
            let products = (x.ncols() as f64 + 8.0) * U * (1.0 + slope);
            let bound = (slope + products) * reach + 4.0 * U * (omega[[n, i]].abs() + reach);
            square = bound.mul_add(bound, square);
        }
        checks.input.add(&named.name, value.sqrt(), 1.01 * square.sqrt());
    }
    Ok(())
}
