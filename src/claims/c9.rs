//! C9: what λ and r do.
//!
//! λ and r enter the affine optimum by λτ² alone, so their curves are one (E2): what the sampler leaves off the subspace falls, and so
//! does the total variance, from which on detail is lost.
//!
//! Floor 7. Uses `claims`, `figure`. Spec: E2, T8.

use super::trials::compare::{Aspect, INTERVAL, Measured, OFF, SPREAD, statistics};
use super::trials::recipe::Harm;
use super::trials::{Recipe, Size, Way, Yardstick, optimum};
use super::{Claim, Context, Findings};
use crate::error::Result;
use crate::figure::{Axis, Figure, Layer};
use crate::law::toy_law;
use crate::sampler::Method;

pub(super) const CLAIM: Claim = Claim {
    id: "C9",
    title: "what λ and r do",
    statement: "On noisy data λ = 0.3 denoises, λ = 0.5 over-smooths, a small λ does little; a larger r does what a larger λ does.",
    source: "Why Adversarially Train Diffusion Models?, ICLR 2026: its ablation of λ and r",
    hypothesis: "Theory (E2): λ and r enter the affine optimum by λτ² alone, τ² growing with r².",
    measured: "distance from the subspace (to denoise is to lower it by a tenth or more; a small λ does less than half of that) and total \
               variance of generated points (over-smoothing is to fall below the clean law's), as ratios",
    bound: INTERVAL,
    find,
};

const LAW: &str = "oblique-plane";
const HARM: Harm = Harm::Noise { fraction: 0.9, deviation: 0.1 };
const LAMBDAS: [f64; 5] = [0.03, 0.1, 0.3, 0.5, 2.0];
const RADII: [f64; 3] = [0.3, 1.0, 2.0];

fn find(context: &Context<'_>) -> Result<Findings> {
    let way = Way::Adversarial;
    let base = Recipe::new(LAW, way).harmed(HARM);
    let mut recipes = vec![Recipe { way: Way::Plain, ..base }];
    recipes.extend(LAMBDAS.map(|lambda| Recipe { lambda, ..base }));
    recipes.extend(RADII.map(|radius| Recipe { radius, ..base }));
    let measured = Measured::of(context, "C9", &recipes)?;
    let (plain, small, usual, strong) =
        ((0, "plain"), (1, "λ = 0.03"), (3, "λ = 0.3"), (4, "λ = 0.5"));
    let (narrow, wide) = ((6, "r = 0.3"), (8, "r = 2"));
    let condition = "90 % with σ_c = 0.1 of the range, adversarial";
    let mut cases = measured.cases(condition, OFF, (usual, plain), 0.9);
    cases.extend(measured.cases(condition, OFF, (plain, small), 1.0 / 0.95));
    cases.extend(measured.cases(condition, SPREAD, (strong, usual), 1.0));
    cases.extend(measured.totals(condition, SPREAD, strong, 1.0));
    cases.extend(measured.cases(condition, OFF, (wide, narrow), 1.0));
    let figures = vec![
        figure(
            "lambda",
            "λ",
            &measured,
            context,
            &LAMBDAS.map(|l| Recipe { lambda: l, ..base }),
            (1, &LAMBDAS),
        )?,
        figure(
            "radius",
            "r",
            &measured,
            context,
            &RADII.map(|r| Recipe { radius: r, ..base }),
            (6, &RADII),
        )?,
    ];
    let statistics = Some(statistics(&cases));
    Ok(Findings { cases, statistics, figures })
}

/// Both qualities against λ or r, the exact curve through finer steps than were trained.
fn figure(
    name: &str,
    axis: &str,
    measured: &Measured,
    context: &Context<'_>,
    recipes: &[Recipe],
    (first, values): (usize, &[f64]),
) -> Result<Figure> {
    let places: Vec<(f64, usize)> =
        values.iter().enumerate().map(|(i, &x)| (x, first + i)).collect();
    let mut figure = Figure::new(format!("effect-of-{name}"), format!("What {axis} does"))
        .caption(
            "Points generated from noisy data by adversarial training: their distance from the plane over the law's \
             deviation and their total variance over the clean law's, five seeds with 99 % intervals. Dashed: the exact \
             affine optimum.",
        )
        .axes(Axis::log(axis), Axis::linear("ratio to the clean law"));
    for aspect in [OFF, SPREAD] {
        figure = figure
            .layer(measured.marks(aspect.name, aspect, &places))
            .layer(Layer::dashed(aspect.name, curve(context, aspect, recipes, values)?));
    }
    Ok(figure)
}

/// The exact optimum's curve through four points for each interval between trained ones.
fn curve(
    context: &Context<'_>,
    aspect: Aspect,
    recipes: &[Recipe],
    values: &[f64],
) -> Result<Vec<[f64; 2]>> {
    let (size, yardstick) = (Size::of(context), Yardstick::new(toy_law(LAW)?)?);
    let mut points = Vec::new();
    for (ends, recipes) in values.windows(2).zip(recipes.windows(2)) {
        for part in 0..=4 {
            let share = f64::from(part) / 4.0;
            let between = |low: f64, high: f64| low + share * (high - low);
            let recipe = Recipe {
                lambda: between(recipes[0].lambda, recipes[1].lambda),
                radius: between(recipes[0].radius, recipes[1].radius),
                ..recipes[0]
            };
            let law = optimum::generated(&recipe, size, Method::Ancestral, size.sampler_steps)?;
            points.push([
                between(ends[0], ends[1]),
                (aspect.of)(&yardstick.quality_of(&law, size.sampler_steps)?).value,
            ]);
        }
    }
    Ok(points)
}
