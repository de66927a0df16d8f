//! C6: slower loss of quality when the sampler takes fewer steps.
//!
//! For affine optima the law after any number of steps follows by recursion (T8), so the exact loss is known beside the measured.
//!
//! Floor 7. Uses `claims`, `figure`, `law`, `sampler`. Spec: T8.

use super::interval::SEEDS;
use super::trials::compare::{INTERVAL, exact, mark, part, sampled, statistics, trained};
use super::trials::yardstick::Quality;
use super::trials::{Recipe, Size, Way, Yardstick, optimum, over_seeds, seeds, table};
use super::{Case, Claim, Context, Findings};
use crate::error::Result;
use crate::figure::{Axis, Figure, Layer};
use crate::law::toy_law;
use crate::sampler::{Method, Options, sample};

pub(super) const CLAIM: Claim = Claim {
    id: "C6",
    title: "fewer sampling steps",
    statement: "When the sampler's steps fall from 1,000 to 500, 300, 100 and 30, quality falls less with equivariant training than \
                with plain training.",
    source: "Why Adversarially Train Diffusion Models?, ICLR 2026: fewer sampling steps",
    hypothesis: "Theory (T8): for affine optima the generated law follows by recursion for any number of steps.",
    measured: "Fréchet distance (Gaussian laws) or energy distance (others) to the clean law with few steps over that with 1,000 steps, and as it is, as ratios of two ways of \
               training: the former is also smaller where the distance with 1,000 steps is larger, the latter is not",
    bound: INTERVAL,
    find,
};

const WAYS: [Way; 3] = [Way::Plain, Way::Random, Way::Adversarial];
const STEPS: [usize; 5] = [1000, 500, 300, 100, 30];

fn find(context: &Context<'_>) -> Result<Findings> {
    let whole = ["oblique-plane", "two-modes"];
    let laws = if context.full { &whole[..] } else { &whole[..1] };
    let (mut cases, mut figures) = (Vec::new(), Vec::new());
    for &law in laws {
        let study = Study::of(context, law)?;
        study.cases(&mut cases);
        figures.push(study.figure());
    }
    let statistics = Some(statistics(&cases));
    Ok(Findings { cases, statistics, figures })
}

/// Distances to a law, a row a way and a number each of [`STEPS`].
struct Study {
    law: &'static str,
    gaussian: bool,
    trained: Vec<[[f64; STEPS.len()]; SEEDS]>,
    /// One row in place of the seeds where the generated law is known with no sampling.
    ideal: Vec<[[f64; STEPS.len()]; SEEDS]>,
}

impl Study {
    fn of(context: &Context<'_>, law: &'static str) -> Result<Study> {
        let size = Size::of(context);
        let yardstick = Yardstick::new(toy_law(law)?)?;
        let gaussian = yardstick.law().components() == 1;
        let nearness = |quality: Quality| if gaussian { quality.frechet } else { quality.energy };
        let recipes = WAYS.map(|way| Recipe::new(law, way));
        let trained = over_seeds(context, "C6", &recipes, |model| {
            over_steps(|steps| {
                let points = model.generate(Method::Ancestral, steps, size.generated)?;
                Ok(nearness(yardstick.quality(points.view(), model.seed)?))
            })
        })?;
        let mut ideal = Vec::new();
        for recipe in &recipes {
            if gaussian {
                let found = over_steps(|steps| {
                    let generated = optimum::generated(recipe, size, Method::Ancestral, steps)?;
                    Ok(nearness(yardstick.quality_of(&generated, steps)?))
                })?;
                ideal.push([found; SEEDS]);
                continue;
            }
            let mut seed_by_seed = [[0.0; STEPS.len()]; SEEDS];
            for (at, steps) in STEPS.into_iter().enumerate() {
                let levels = table(steps)?;
                let Some(best) = optimum::at_levels(recipe, size, &levels, context.seed)? else {
                    continue;
                };
                for (found, seed) in seed_by_seed.iter_mut().zip(seeds(context)) {
                    let told = Options::default();
                    let n = size.generated;
                    let run = sample(&*best, &levels, Method::Ancestral, n, seed, &told)?;
                    found[at] = nearness(yardstick.quality(run.points.view(), seed)?);
                }
            }
            ideal.push(seed_by_seed);
        }
        Ok(Study { law, gaussian, trained, ideal })
    }

    fn cases(&self, cases: &mut Vec<Case>) {
        let name = if self.gaussian { "distance" } else { "energy distance" };
        let loss = |found: &[[f64; STEPS.len()]; SEEDS], few: usize| {
            let (many, few) = (part(found, 0), part(found, few));
            std::array::from_fn(|k| few[k] / many[k])
        };
        for (which, way) in WAYS.iter().enumerate().skip(1) {
            for few in 1..STEPS.len() {
                let condition = format!("{} steps", STEPS[few]);
                let quantity = format!("{name} relative to 1,000 steps: {} / plain", way.name());
                self.pair(cases, &condition, &quantity, which, |found| loss(found, few));
                let quantity = format!("{name}: {} / plain", way.name());
                self.pair(cases, &condition, &quantity, which, |found| part(found, few));
            }
        }
    }

    /// A quantity of a way over that of plain training, trained and exact.
    fn pair(
        &self,
        cases: &mut Vec<Case>,
        condition: &str,
        quantity: &str,
        which: usize,
        of: impl Fn(&[[f64; STEPS.len()]; SEEDS]) -> [f64; SEEDS],
    ) {
        let pair = (&of(&self.trained[which]), &of(&self.trained[0]));
        cases.push(trained(self.law, condition, quantity, pair, 1.0));
        let (above, below) = (of(&self.ideal[which]), of(&self.ideal[0]));
        cases.push(match self.gaussian {
            true => exact(self.law, condition, quantity, (above[0], below[0]), 1.0),
            false => sampled(self.law, condition, quantity, (&above, &below), 1.0),
        });
    }

    fn figure(&self) -> Figure {
        let distance = if self.gaussian { "Fréchet distance" } else { "Energy distance" };
        let title = format!("Quality against the number of sampling steps: {}", self.law);
        let mut figure = Figure::new(format!("few-steps-{}", self.law), title)
            .caption(format!(
                "{distance} to the law, over its deviation, of points generated by ancestral sampling: five seeds with 99 % \
                 intervals, and (dashed) the exact optimum of each objective.",
            ))
            .axes(Axis::log("steps"), Axis::log(format!("{distance} / deviation")));
        for (which, way) in WAYS.iter().enumerate() {
            let at = |found: &[[f64; STEPS.len()]; SEEDS], i: usize| {
                mark(STEPS[i] as f64, &part(found, i))
            };
            let marks = (0..STEPS.len()).map(|i| at(&self.trained[which], i));
            let curve = (0..STEPS.len()).map(|i| {
                let [x, centre, ..] = at(&self.ideal[which], i);
                [x, centre]
            });
            figure = figure
                .layer(Layer::errorbars(way.name(), marks.collect()))
                .layer(Layer::dashed(way.name(), curve.collect()));
        }
        figure
    }
}

/// A distance for each number of steps.
fn over_steps(of: impl Fn(usize) -> Result<f64>) -> Result<[f64; STEPS.len()]> {
    let mut distances = [0.0; STEPS.len()];
    for (distance, steps) in distances.iter_mut().zip(STEPS) {
        *distance = of(steps)?;
    }
    Ok(distances)
}
