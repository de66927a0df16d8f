//! T3, parametrisations: score, noise, denoised and velocity determine one another.
//!
//! Through x = a·D + s·ε, S = −ε/s and v = a·ε − s·D each is an affine function of each other at a fixed x, with the
//! slope that [`condition`] gives. Two checks, for all twelve conversions:
//!
//! 1. Agreement: the law's own D, S, ε are computed by sums of their own. Converting one, known within δ_from, must give
//!    the other within δ_to + condition·δ_from + [`error_bound`]. The law's v is fl(a·ε − s·D): one product, one fused
//!    operation, so δ_v = a·δ_ε + s·δ_D + u|s·D| + u|v|.
//! 2. Round trips: from → to → from returns within condition(to, from)·error_bound(from, to) + error_bound(to, from).
//!
//! Where a = 0, noise and score say nothing of the data, and those conversions are refused by name; they are left out.
//!
//! Floor 7. Uses `claims`, `tweedie`, `law`, `figure`. Spec: T3. Source: Salimans and Ho 2022 (velocity).

use ndarray::{Array2, ArrayView2};

use super::cases::{self, NamedChannel, Study};
use super::pictures::{curve, table};
use super::subject::given;
use super::worst::{U, Worst};
use super::{Case, Claim, Context, Findings};
use crate::arith::scalar::exp;
use crate::channel::Channel;
use crate::error::Result;
use crate::figure::{Axis, Figure, Layer};
use crate::law::{Evaluation, Quantity, toy_law};
use crate::tweedie::{Kind, condition, error_bound};

pub(super) const CLAIM: Claim = Claim {
    id: "T3",
    title: "one prediction from another",
    statement: "Score, noise, denoised and velocity predictions determine one another through x = a·D + s·ε, S = −ε/s and v = a·ε − s·D.",
    source: "Salimans and Ho, Progressive distillation, ICLR 2022 (velocity); theory T3",
    hypothesis: "s > 0, and a > 0 where the data are asked from the noise or the score.",
    measured: "all twelve conversions of the law's own score, noise, denoised and velocity against one another, and their round trips",
    bound: "each conversion's rounding bound, its condition number times the bound of what is converted, and the bound of what it is compared with (N4)",
    find,
};

const WANTED: [Quantity; 3] = [Quantity::Score, Quantity::Denoiser, Quantity::Noise];

/// A prediction at N×d points with its bounds.
struct Known {
    kind: Kind,
    values: Array2<f64>,
    bounds: Array2<f64>,
}

fn find(context: &Context<'_>) -> Result<Findings> {
    let studies = cases::studies(context)?;
    let cases = cases::examine_each(context, CLAIM.id, &studies, examine)?;
    Ok(Findings { cases, statistics: None, figures: figures(context)? })
}

fn examine(context: &Context<'_>, study: &Study) -> Result<Vec<Case>> {
    let (mut agreement, mut trips) = (Worst::default(), Worst::default());
    let draws = if context.quick { 4 } else { 16 };
    for (at, named) in study.channels.iter().enumerate() {
        let seed = context.seed.wrapping_add(2000 + at as u64);
        let points = cases::points(&study.mixture, named.channel, seed, draws)?;
        let noised = study.mixture.through::<f64>(named.channel)?;
        let values = context.subject.evaluate(&noised, points.view(), &WANTED)?;
        let all = predictions(named.channel, values, noised.bounds(points.view(), &WANTED)?)?;
        for from in &all {
            for to in all.iter().filter(|to| to.kind != from.kind) {
                // Refused, by name, where a = 0: nothing to compare.
                if condition(named.channel, from.kind, to.kind).is_err() {
                    continue;
                }
                agree(context, named, points.view(), from, to, &mut agreement)?;
                if condition(named.channel, to.kind, from.kind).is_ok() {
                    round_trip(context, named, points.view(), from, to.kind, &mut trips)?;
                }
            }
        }
    }
    let found = [
        agreement.case(study.law, "|converted − the law's own|"),
        trips.case(study.law, "|there and back − what was given|"),
    ];
    Ok(found.into_iter().flatten().collect())
}

/// The law's own four predictions and their bounds.
fn predictions(
    channel: Channel,
    values: Evaluation<f64>,
    bounds: Evaluation<f64>,
) -> Result<Vec<Known>> {
    let (a, s) = (channel.a(), channel.s());
    let known = |kind, values: Option<Array2<f64>>, bounds: Option<Array2<f64>>| -> Result<Known> {
        Ok(Known {
            kind,
            values: given(values, kind_name(kind))?,
            bounds: given(bounds, kind_name(kind))?,
        })
    };
    let score = known(Kind::Score, values.score, bounds.score)?;
    let denoised = known(Kind::Denoised, values.denoiser, bounds.denoiser)?;
    let noise = known(Kind::Noise, values.noise, bounds.noise)?;
    let mut velocity =
        Known { kind: Kind::Velocity, values: noise.values.clone(), bounds: noise.bounds.clone() };
    for (at, value) in velocity.values.indexed_iter_mut() {
        let pull = s * denoised.values[at];
        *value = a.mul_add(*value, -pull);
        let own = U * (pull.abs() + value.abs());
        velocity.bounds[at] = a * noise.bounds[at] + s * denoised.bounds[at] + own;
    }
    Ok(vec![score, noise, denoised, velocity])
}

fn kind_name(kind: Kind) -> &'static str {
    kind.name()
}

fn agree(
    context: &Context<'_>,
    named: &NamedChannel,
    x: ArrayView2<'_, f64>,
    from: &Known,
    to: &Known,
    worst: &mut Worst,
) -> Result<()> {
    let channel = named.channel;
    let slope = condition(channel, from.kind, to.kind)? * (1.0 + 8.0 * U);
    let found = context.subject.convert(channel, x, from.kind, to.kind, from.values.view())?;
    for (at, &value) in found.indexed_iter() {
        let own = error_bound(channel, x[at], from.kind, to.kind, from.values[at])?;
        let residual = (value - to.values[at]).abs();
        let bound = own + slope * from.bounds[at] + to.bounds[at] + U * residual;
        worst.add(&named.name, residual, bound * (1.0 + 8.0 * U) + f64::MIN_POSITIVE);
    }
    Ok(())
}

fn round_trip(
    context: &Context<'_>,
    named: &NamedChannel,
    x: ArrayView2<'_, f64>,
    from: &Known,
    to: Kind,
    worst: &mut Worst,
) -> Result<()> {
    let channel = named.channel;
    let slope = condition(channel, to, from.kind)? * (1.0 + 8.0 * U);
    let there = context.subject.convert(channel, x, from.kind, to, from.values.view())?;
    let back = context.subject.convert(channel, x, to, from.kind, there.view())?;
    for (at, &value) in back.indexed_iter() {
        let out = error_bound(channel, x[at], from.kind, to, from.values[at])?;
        let home = error_bound(channel, x[at], to, from.kind, there[at])?;
        let residual = (value - from.values[at]).abs();
        let bound = slope * (out + f64::MIN_POSITIVE) + home + U * residual;
        worst.add(&named.name, residual, bound * (1.0 + 8.0 * U) + f64::MIN_POSITIVE);
    }
    Ok(())
}

/// How much conversions multiply an error, along the variance-preserving channels.
fn figures(context: &Context<'_>) -> Result<Vec<Figure>> {
    let lambdas: Vec<f64> = (-24..=24).map(|l| 0.75 * l as f64).collect();
    let pairs = [
        (Kind::Noise, Kind::Denoised),
        (Kind::Denoised, Kind::Noise),
        (Kind::Velocity, Kind::Denoised),
        (Kind::Velocity, Kind::Noise),
    ];
    let mut conditions = Figure::new("conversion-condition", "What a conversion does to an error")
        .caption(
            "The factor by which converting multiplies an error of the prediction, over the log signal-to-noise ratio of variance-preserving channels. The noise is a poor carrier of the data at high noise (left), the denoised of the noise at low noise (right); the velocity is good for both.",
        )
        .axes(Axis::linear("log signal-to-noise ratio"), Axis::log("error out / error in"));
    for (from, to) in pairs {
        let values: Result<Vec<f64>> = lambdas
            .iter()
            .map(|&lambda| condition(Channel::from_log_snr(lambda)?, from, to))
            .collect();
        conditions =
            conditions.layer(Layer::line(format!("{from} → {to}"), curve(&lambdas, values?)));
    }
    Ok(vec![conditions, relative_errors(context, &lambdas)?])
}

/// The error of the data found from the noise, measured against the denoiser and bounded.
fn relative_errors(context: &Context<'_>, lambdas: &[f64]) -> Result<Figure> {
    let law = toy_law("ring")?;
    let (mut measured, mut bounded) = (Vec::new(), Vec::new());
    for &lambda in lambdas {
        let channel = Channel::from_log_snr(lambda)?;
        let noised = law.through::<f64>(channel)?;
        let x = law.sample_noised(channel, context.seed, 3, 64)?.noised;
        let values = context.subject.evaluate(&noised, x.view(), &WANTED)?;
        let bounds = noised.bounds(x.view(), &WANTED)?;
        let all = predictions(channel, values, bounds)?;
        let (noise, denoised) = (&all[1], &all[2]);
        let found = context.subject.convert(
            channel,
            x.view(),
            Kind::Noise,
            Kind::Denoised,
            noise.values.view(),
        )?;
        let slope = condition(channel, Kind::Noise, Kind::Denoised)?;
        let (mut residual, mut bound) = (0.0f64, 0.0f64);
        for (at, &value) in found.indexed_iter() {
            residual = residual.max((value - denoised.values[at]).abs());
            let own = error_bound(channel, x[at], Kind::Noise, Kind::Denoised, noise.values[at])?;
            bound = bound.max(own + slope * noise.bounds[at] + denoised.bounds[at]);
        }
        measured.push(residual);
        bounded.push(bound);
    }
    let level: Vec<f64> = lambdas.iter().map(|&l| U * exp(-0.5 * l)).collect();
    // One row, so that the CSV has the level too.
    let level = table(lambdas.len(), 1, level)?;
    Ok(Figure::new("data-from-noise", "The data found from the noise prediction")
        .caption(
            "On the ring: the largest |(x − s·ε)/a − D| over draws, its bound, and u·s/a, the conditioning alone. The law's own D does not lose these digits: it is not found by subtraction.",
        )
        .axes(Axis::linear("log signal-to-noise ratio"), Axis::log("error of the data"))
        .layer(Layer::points("measured", curve(lambdas, measured)))
        .layer(Layer::dashed("bound", curve(lambdas, bounded)))
        .layer(Layer::line("u·s/a", curve(lambdas, level.iter().copied()))))
}
