//! T1, Tweedie: a·D*(x) = x + s²·S(x) and ε*(x) = −s·S(x).
//!
//! The library computes S and D from different sums, so that the relation holds is no tautology. Three checks:
//!
//! 1. The relation itself. With D, S, ε known within δD, δS, δε ([`Noised::bounds`](crate::law::Noised::bounds)),
//!    |a·D − x − s²·S| ≤ a·δD + s²·δS + ρ, ρ the rounding of the comparison: with t = fl(a·D − x) one rounding,
//!    s·(s·S) two and their difference one, ρ = u(|t| + 2|s²S| + |t − s²S|)(1 + 2u). Likewise
//!    |ε + s·S| ≤ δε + s·δS + u|ε + s·S|.
//! 2. Both sides against what they mean, where neither Tweedie nor a Gaussian posterior is used: on the line, ln p and D
//!    against integrals over x₀ (`claims::quadrature` has the bound).
//! 3. The score against what it means, the derivative of ln p: a central difference with an exact step h, along each
//!    coordinate (three of them in 64 dimensions). It is within h²/6·M + (δ₊ + δ₋)/2h + 3u·(the values over 2h) of the
//!    derivative, δ± the bounds of ln p and M the bound of the third derivative that `claims::component` derives.
//!
//! Floor 7. Uses `claims`, `law`, `figure`. Spec: T1. Source: Robbins 1956, Efron 2011.

use ndarray::{Array1, Array2, ArrayView2};

use super::cases::{self, NamedChannel, Study};
use super::component::Components;
use super::pictures::{curve, pairs, square_grid};
use super::quadrature::definition;
use super::stencil::{Stencil, balanced};
use super::subject::given;
use super::worst::{U, Worst};
use super::{Case, Claim, Context, Findings};
use crate::arith::scalar::exp;
use crate::channel::Channel;
use crate::error::Result;
use crate::figure::{Axis, Figure, Layer};
use crate::law::{Evaluation, Noised, Quantity, toy_law};

pub(super) const CLAIM: Claim = Claim {
    id: "T1",
    title: "Tweedie's relation",
    statement: "a·D*(x) = x + s²·S(x) and ε*(x) = −s·S(x), for S = ∇log p, D* = E[x₀ | x] and ε* = E[ε | x].",
    source: "Robbins 1956; Efron, Tweedie's formula and selection bias, JASA 2011; theory T1",
    hypothesis: "x = a·x₀ + s·ε with s > 0 and ε standard normal, independent of x₀. Nothing is assumed of x₀.",
    measured: "the two sides against each other; on the line both against integrals over x₀; the score against differences of log p",
    bound: "the evaluation's proven rounding bounds (N4), the quadrature's and the difference's truncation bounds, derived from the law",
    find,
};

const WANTED: [Quantity; 4] =
    [Quantity::LogDensity, Quantity::Score, Quantity::Denoiser, Quantity::Noise];

/// The four quantities at N points, or their bounds.
struct Values {
    log_density: Array1<f64>,
    score: Array2<f64>,
    denoiser: Array2<f64>,
    noise: Array2<f64>,
}

impl Values {
    fn new(found: Evaluation<f64>) -> Result<Self> {
        Ok(Values {
            log_density: given(found.log_density, "log density")?,
            score: given(found.score, "score")?,
            denoiser: given(found.denoiser, "denoiser")?,
            noise: given(found.noise, "noise")?,
        })
    }
}

/// The worst of each check on one law.
#[derive(Default)]
struct Checks {
    relation: Worst,
    noise: Worst,
    density: Worst,
    denoiser: Worst,
    derivative: Worst,
}

impl Checks {
    fn cases(&self, law: &str) -> Vec<Case> {
        [
            self.relation.case(law, "|a·D − x − s²·S|"),
            self.noise.case(law, "|ε + s·S|"),
            self.density.case(law, "|log p − its integral over x₀|"),
            self.denoiser.case(law, "|D − the mean of x₀ given x by quadrature|"),
            self.derivative.case(law, "|S − difference quotient of log p|"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn find(context: &Context<'_>) -> Result<Findings> {
    let studies = cases::studies(context)?;
    let cases = cases::examine_each(context, CLAIM.id, &studies, examine)?;
    Ok(Findings { cases, statistics: None, figures: figures(context)? })
}

fn examine(context: &Context<'_>, study: &Study) -> Result<Vec<Case>> {
    let mut checks = Checks::default();
    let draws = if context.quick { 4 } else { 16 };
    for (at, named) in study.channels.iter().enumerate() {
        let noised = study.mixture.through::<f64>(named.channel)?;
        let points = cases::points(&study.mixture, named.channel, context.seed + at as u64, draws)?;
        let values = Values::new(context.subject.evaluate(&noised, points.view(), &WANTED)?)?;
        let bounds = Values::new(noised.bounds(points.view(), &WANTED)?)?;
        relation(named, points.view(), &values, &bounds, &mut checks);
        if study.dimension() == 1 {
            against_definition(study, named, points.view(), &values, &bounds, &mut checks);
        }
        against_differences(context, study, named, &noised, points.view(), &mut checks)?;
    }
    Ok(checks.cases(study.law))
}

/// Check 1.
fn relation(
    named: &NamedChannel,
    points: ArrayView2<'_, f64>,
    values: &Values,
    bounds: &Values,
    checks: &mut Checks,
) {
    let (a, s) = (named.channel.a(), named.channel.s());
    for (at, &x) in points.indexed_iter() {
        let (score, denoiser) = (values.score[at], values.denoiser[at]);
        let moved = a.mul_add(denoiser, -x);
        let pull = s * (s * score);
        let residual = moved - pull;
        let comparison = U * (moved.abs() + 2.0 * pull.abs() + residual.abs()) * (1.0 + 2.0 * U);
        let bound = a * bounds.denoiser[at] + s * s * bounds.score[at] + comparison;
        // The bound's own few roundings, all of positive terms, and products that underflow.
        checks.relation.add(
            &named.name,
            residual.abs(),
            bound * (1.0 + 8.0 * U) + f64::MIN_POSITIVE,
        );
        let residual = s.mul_add(score, values.noise[at]);
        let bound = bounds.noise[at] + s * bounds.score[at] + U * residual.abs();
        checks.noise.add(&named.name, residual.abs(), bound * (1.0 + 8.0 * U) + f64::MIN_POSITIVE);
    }
}

/// Check 2, on the line.
fn against_definition(
    study: &Study,
    named: &NamedChannel,
    points: ArrayView2<'_, f64>,
    values: &Values,
    bounds: &Values,
    checks: &mut Checks,
) {
    for (n, &x) in points.iter().enumerate() {
        let meant = definition(&study.mixture, named.channel, x);
        let difference = (values.log_density[n] - meant.log_density.value).abs();
        let bound = bounds.log_density[n] + meant.log_density.error + U * difference;
        checks.density.add(&named.name, difference, bound);
        let difference = (values.denoiser[[n, 0]] - meant.mean.value).abs();
        let bound = bounds.denoiser[[n, 0]] + meant.mean.error + U * difference;
        checks.denoiser.add(&named.name, difference, bound);
    }
}

/// At most this many coordinates of a point are differenced.
const COORDINATES: usize = 3;

/// The coordinates along which differences are taken: all up to three, else three spread over the d.
pub(super) fn coordinates(d: usize) -> Vec<usize> {
    let count = d.min(COORDINATES);
    (0..count).map(|i| (2 * i + 1) * d / (2 * count)).collect()
}

/// Check 3.
fn against_differences(
    context: &Context<'_>,
    study: &Study,
    named: &NamedChannel,
    noised: &Noised<f64>,
    points: ArrayView2<'_, f64>,
    checks: &mut Checks,
) -> Result<()> {
    let channel = named.channel;
    let components = Components::new(&study.mixture, channel);
    let rounding = given(noised.bounds(points, &WANTED[..1])?.log_density, "log density")?;
    let step = |n: usize, j: usize| {
        let x = points.row(n).to_vec();
        let third = components.third_derivatives(&x, j, 0.0).log_density;
        balanced(rounding[n], third, channel.s())
    };
    let stencil = Stencil::new(points, &coordinates(study.dimension()), step)?;
    let wanted = &WANTED[..2];
    let values = context.subject.evaluate(noised, stencil.points.view(), wanted)?;
    let (density, score) =
        (given(values.log_density, "log density")?, given(values.score, "score")?);
    let bounds = noised.bounds(stencil.points.view(), wanted)?;
    let (density_bound, score_bound) =
        (given(bounds.log_density, "log density")?, given(bounds.score, "score")?);
    for (n, difference) in stencil.differences.iter().enumerate() {
        let (j, h) = (difference.coordinate, difference.h);
        let (centre, plus, minus) = (3 * n, 3 * n + 1, 3 * n + 2);
        let rise = density[plus] - density[minus];
        let quotient = rise / (2.0 * h);
        let x = stencil.points.row(centre).to_vec();
        let third = components.third_derivatives(&x, j, h).log_density;
        let residual = (quotient - score[[centre, j]]).abs();
        let bound = h * h / 6.0 * third
            + (density_bound[plus] + density_bound[minus]) / (2.0 * h)
            + score_bound[[centre, j]]
            + U * (quotient.abs() + residual);
        checks.derivative.add(&named.name, residual, bound * (1.0 + 8.0 * U));
    }
    Ok(())
}

fn figures(context: &Context<'_>) -> Result<Vec<Figure>> {
    let mut figures = vec![residuals(context)?];
    for (law, s, r) in [("three-gaussians", 0.4, 4.0), ("ring", 0.3, 3.0), ("two-moons", 0.15, 2.0)]
    {
        figures.push(field(context, law, s, r)?);
    }
    Ok(figures)
}

/// The score over the density, and draws.
fn field(context: &Context<'_>, name: &'static str, s: f64, r: f64) -> Result<Figure> {
    let law = toy_law(name)?;
    let channel = Channel::variance_exploding(s)?;
    let noised = law.through::<f64>(channel)?;
    let mean = law.mean();
    let centre = [mean[0], mean[1]];
    let cells = if context.quick { 40 } else { 96 };
    let grid = square_grid(centre, r, cells)?;
    let density = given(
        context.subject.evaluate(&noised, grid.view(), &WANTED[..1])?.log_density,
        "log density",
    )?;
    let density = super::pictures::table(cells, cells, density.iter().map(|&l| exp(l)).collect())?;
    let points = square_grid(centre, r, 17)?;
    let score = given(context.subject.evaluate(&noised, points.view(), &WANTED)?.score, "score")?;
    let arrows = points
        .outer_iter()
        .zip(score.outer_iter())
        .map(|(x, score)| [x[0], x[1], s * s * score[0], s * s * score[1]])
        .collect();
    let draws = law.sample_noised(channel, context.seed, 1, 150)?.noised;
    let range = |i: usize| [centre[i] - r, centre[i] + r];
    Ok(Figure::new(format!("score-{name}"), format!("The score of {name} through σ = {s}"))
        .caption(
            "Arrows: s²·S(x), by Tweedie the step from x to the exact denoiser D*(x). Shade: the density of x. Dots: draws of x.",
        )
        .axes(Axis::linear("x₁"), Axis::linear("x₂"))
        .equal()
        .layer(Layer::heat("density", range(0), range(1), density))
        .layer(Layer::points("draws", pairs(draws.view())))
        .layer(Layer::arrows("s²·score", arrows)))
}

/// |a·D − x − s²·S| and its bound as the noise grows, on the law 1e6 away from the origin and on the ring.
fn residuals(context: &Context<'_>) -> Result<Figure> {
    let mut figure = Figure::new("tweedie-residual", "Tweedie's relation in floating point")
        .caption(
            "The largest |a·D − x − s²·S| over draws, and the proven bound at the same point, for variance-exploding channels. A wrong factor or sign would stand at the size of s²·S itself. Exact zeros are not drawn.",
        )
        .axes(Axis::log("σ"), Axis::log("residual, in units of x"));
    for name in ["ring", "training-set"] {
        let law = toy_law(name)?;
        let sigmas: Vec<f64> = (-24..=24).map(|e| exp(0.25 * e as f64)).collect();
        let (mut measured, mut bounded, mut pulls) = (Vec::new(), Vec::new(), Vec::new());
        for &sigma in &sigmas {
            let named = cases::ve(sigma)?;
            let noised = law.through::<f64>(named.channel)?;
            let points = law.sample_noised(named.channel, context.seed, 2, 64)?.noised;
            let values = Values::new(context.subject.evaluate(&noised, points.view(), &WANTED)?)?;
            let bounds = Values::new(noised.bounds(points.view(), &WANTED)?)?;
            let mut residual = 0.0f64;
            let mut bound = 0.0f64;
            let mut pull = 0.0f64;
            for (at, &x) in points.indexed_iter() {
                let step = sigma * sigma * values.score[at];
                residual = residual.max((values.denoiser[at] - x - step).abs());
                bound = bound
                    .max(bounds.denoiser[at] + sigma * sigma * bounds.score[at] + U * step.abs());
                pull = pull.max(step.abs());
            }
            measured.push(residual);
            bounded.push(bound);
            pulls.push(pull);
        }
        figure = figure
            .layer(Layer::points(format!("{name}: residual"), curve(&sigmas, measured)))
            .layer(Layer::dashed(format!("{name}: bound"), curve(&sigmas, bounded)))
            .layer(Layer::line(format!("{name}: largest s²·S"), curve(&sigmas, pulls)));
    }
    Ok(figure)
}
