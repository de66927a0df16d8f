//! C6: slower loss of quality when the sampler takes fewer steps.
//!
//! For affine optima the law after any number of steps follows by recursion (T8), so the exact loss is known beside the measured.
//!
//! Floor 7. Uses `claims`, `figure`, `law`, `sampler`. Spec: T8.

use super::interval::SEEDS;
use super::trials::compare::{INTERVAL, exactly, mark, part, read, statistics};
use super::trials::yardstick::Quality;
use super::trials::{Reading, Recipe, Size, Way, Yardstick, optimum, over_seeds, table};
use super::{Case, Claim, Context, Findings};
use crate::error::Result;
use crate::figure::{Axis, Figure, Layer};
use crate::law::toy_law;
use crate::sampler::{End, Method, law_on_line};

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
    trained: Vec<[[Reading; STEPS.len()]; SEEDS]>,
    /// With no sampling: by recursion, or by quadrature on the line.
    ideal: Vec<[Reading; STEPS.len()]>,
}

impl Study {
    fn of(context: &Context<'_>, law: &'static str) -> Result<Study> {
        let size = Size::of(context);
        let yardstick = Yardstick::new(toy_law(law)?)?;
        let gaussian = yardstick.law().components() == 1;
        let nearness = |quality: Quality| {
            if gaussian { Reading::exact(quality.frechet) } else { quality.energy }
        };
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
                ideal.push(found);
                continue;
            }
            let found = over_steps(|steps| {
                let levels = table(steps)?;
                let Some(best) = optimum::at_levels(recipe, size, &levels, context.seed)? else {
                    return Ok(Reading::exact(f64::NAN));
                };
                let law = law_on_line(&*best, &levels, Method::Ancestral, End::Data)?;
                Ok(nearness(yardstick.quality_on_line(&law)?))
            })?;
            ideal.push(found);
        }
        Ok(Study { law, gaussian, trained, ideal })
    }

    fn cases(&self, cases: &mut Vec<Case>) {
        let name = if self.gaussian { "distance" } else { "energy distance" };
        for (which, way) in WAYS.iter().enumerate().skip(1) {
            for few in 1..STEPS.len() {
                let condition = format!("{} steps", STEPS[few]);
                let quantity = format!("{name} relative to 1,000 steps: {} / plain", way.name());
                self.pair(cases, &condition, &quantity, which, |of| of[few].over(of[0]));
                let quantity = format!("{name}: {} / plain", way.name());
                self.pair(cases, &condition, &quantity, which, |of| of[few]);
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
        of: impl Fn(&[Reading; STEPS.len()]) -> Reading,
    ) {
        let [above, below] = [which, 0].map(|way| self.trained[way].map(|seed| of(&seed)));
        cases.push(read(self.law, "trained", condition, quantity, (&above, &below), 1.0));
        let pair = (of(&self.ideal[which]), of(&self.ideal[0]));
        cases.push(exactly(self.law, condition, quantity, pair, 1.0));
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
            let trained = &self.trained[which];
            let at = |i| part(trained, i).map(|reading| reading.value);
            let marks = (0..STEPS.len()).map(|i| mark(STEPS[i] as f64, &at(i)));
            let curve = (0..STEPS.len()).map(|i| [STEPS[i] as f64, self.ideal[which][i].value]);
            figure = figure
                .layer(Layer::errorbars(way.name(), marks.collect()))
                .layer(Layer::dashed(way.name(), curve.collect()));
        }
        figure
    }
}

/// A distance for each number of steps.
fn over_steps(of: impl Fn(usize) -> Result<Reading>) -> Result<[Reading; STEPS.len()]> {
    let mut distances = [Reading::exact(0.0); STEPS.len()];
    for (distance, steps) in distances.iter_mut().zip(STEPS) {
        *distance = of(steps)?;
    }
    Ok(distances)
}
