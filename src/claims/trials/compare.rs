//! Comparisons of trials as cases, and the words that all findings share.
//!
//! Floor 7. Uses `error`, `figure`, `law`, `sampler`, `claims`.

use super::super::interval::{Estimate, SEEDS};
use super::super::{Case, Context, Statistics};
use super::yardstick::{Quality, Yardstick};
use super::{Recipe, Size, Way, optimum, over_seeds};
use crate::error::Result;
use crate::figure::{Axis, Figure, Layer};
use crate::law::toy_law;
use crate::sampler::Method;

/// What the interval of a finding is.
pub(crate) const INTERVAL: &str = "99 % intervals by Student's t over five seeds, of ratios seed by seed; exact optima have \
                                   none. A finding is shown where the whole interval is within the bound, and refuted \
                                   where it is wholly beyond.";

/// The probability with which a number that is normal lies beyond one end of its interval.
const ONE_SIDED: f64 = 0.005;

/// One of the qualities, and its name.
#[derive(Clone, Copy)]
pub(crate) struct Aspect {
    pub name: &'static str,
    pub of: fn(&Quality) -> f64,
}

/// How far points leave the law's subspace.
pub(crate) const OFF: Aspect =
    Aspect { name: "distance from the subspace", of: |quality| quality.off_subspace };
/// The Fréchet distance to the clean law.
pub(crate) const FRECHET: Aspect =
    Aspect { name: "Fréchet distance to the clean law", of: |quality| quality.frechet };
/// The total variance.
pub(crate) const SPREAD: Aspect = Aspect { name: "total variance", of: |quality| quality.spread };
/// The energy distance to the clean law.
pub(crate) const ENERGY: Aspect =
    Aspect { name: "energy distance to the clean law", of: |quality| quality.energy };

/// What several recipes of one law generate: from trained models, and from the exact affine optima.
pub(crate) struct Measured {
    law: &'static str,
    trained: Vec<[Quality; SEEDS]>,
    /// Empty where the law is no Gaussian, so that affine optima say little.
    exact: Vec<Quality>,
}

impl Measured {
    /// Ancestral sampling with the size's number of steps, against the clean law.
    pub fn of(context: &Context<'_>, claim: &'static str, recipes: &[Recipe]) -> Result<Measured> {
        let (size, law) = (Size::of(context), recipes.first().map_or("oblique-plane", |r| r.law));
        let (method, steps) = (Method::Ancestral, size.sampler_steps);
        let yardstick = Yardstick::new(toy_law(law)?)?;
        let trained = over_seeds(context, claim, recipes, |model| {
            let points = model.generate(method, steps, size.generated)?;
            yardstick.quality(points.view(), model.seed)
        })?;
        let exact =
            |recipe| yardstick.quality_of(&optimum::generated(recipe, size, method, steps)?, steps);
        let exact: Result<Vec<Quality>> = match yardstick.law().components() {
            1 => recipes.iter().map(exact).collect(),
            _ => Ok(Vec::new()),
        };
        Ok(Measured { law, trained, exact: exact? })
    }

    /// Recipe `above` over recipe `below`, trained and exact, against a bound.
    pub fn cases(
        &self,
        condition: &str,
        aspect: Aspect,
        (above, below): ((usize, &str), (usize, &str)),
        bound: f64,
    ) -> Vec<Case> {
        let quantity = format!("{}: {} / {}", aspect.name, above.1, below.1);
        let numbers = |which: usize| self.trained[which].map(|quality| (aspect.of)(&quality));
        let pair = (&numbers(above.0), &numbers(below.0));
        let mut cases = vec![trained(self.law, condition, &quantity, pair, bound)];
        if !self.exact.is_empty() {
            let pair = ((aspect.of)(&self.exact[above.0]), (aspect.of)(&self.exact[below.0]));
            cases.push(exact(self.law, condition, &quantity, pair, bound));
        }
        cases
    }

    /// Whether the law is one Gaussian, so that the affine optima are those over all affine and other functions.
    pub fn is_gaussian(&self) -> bool {
        !self.exact.is_empty()
    }

    /// What one recipe gives, against a bound.
    pub fn totals(
        &self,
        condition: &str,
        aspect: Aspect,
        (which, name): (usize, &str),
        bound: f64,
    ) -> Vec<Case> {
        let quantity = format!("{} over the clean law's: {name}", aspect.name);
        let values = self.trained[which].map(|quality| (aspect.of)(&quality));
        let mut cases =
            vec![trained(self.law, condition, &quantity, (&values, &[1.0; SEEDS]), bound)];
        if let Some(quality) = self.exact.get(which) {
            let pair = ((aspect.of)(quality), 1.0);
            cases.push(exact(self.law, condition, &quantity, pair, bound));
        }
        cases
    }

    /// A mark with its interval at each x for the recipes of these numbers.
    pub fn marks(&self, label: &str, aspect: Aspect, places: &[(f64, usize)]) -> Layer {
        let mark_at = |&(x, which): &(f64, usize)| {
            mark(x, &self.trained[which].map(|quality| (aspect.of)(&quality)))
        };
        Layer::errorbars(label, places.iter().map(mark_at).collect())
    }

    /// A figure with a mark for each way of training, side by side, and discs for the exact optima.
    pub fn by_way(&self, figure: Figure, ways: &[Way], aspect: Aspect, y: Axis) -> Figure {
        let places: Vec<(f64, usize)> =
            (0..ways.len()).map(|which| (which as f64, which)).collect();
        let mut figure = figure.axes(Axis::linear("way of training, as in the legend"), y);
        for (way, place) in ways.iter().zip(places.chunks(1)) {
            figure = figure.layer(self.marks(way.name(), aspect, place));
        }
        figure.layer(Layer::points("exact optimum", self.exact_points(aspect, &places)))
    }

    /// What the exact optima give at the same places; nothing where there are none.
    pub fn exact_points(&self, aspect: Aspect, places: &[(f64, usize)]) -> Vec<[f64; 2]> {
        let at = |&(x, which): &(f64, usize)| {
            self.exact.get(which).map(|quality| [x, (aspect.of)(quality)])
        };
        places.iter().filter_map(at).collect()
    }
}

/// The statistics of findings.
pub(crate) fn statistics(cases: &[Case]) -> Statistics {
    let trained = cases.iter().filter_map(|case| case.interval).filter(|[low, high]| low < high);
    let (count, widest) = trained.fold((0, 1.0_f64), |(count, widest), [low, high]| {
        (count + 1, widest.max((high / low).sqrt()))
    });
    Statistics {
        false_alarm: ONE_SIDED * f64::from(count),
        power: format!(
            "each of {count} trained cases that lies at its bound is taken for shown with probability 1/200; the widest \
             interval here is a factor of {widest:.2} to either side"
        ),
    }
}

/// The ratio of what two trained models gave, seed by seed, against a bound.
pub(crate) fn trained(
    law: &str,
    condition: &str,
    quantity: &str,
    (above, below): (&[f64; SEEDS], &[f64; SEEDS]),
    bound: f64,
) -> Case {
    let estimate = Estimate::ratio(above, below);
    Case::estimated(format!("{law}, trained"), condition, quantity, estimate, bound)
}

/// The ratio of what two exact optima give; 1 where both are 0.
pub(crate) fn exact(
    law: &str,
    condition: &str,
    quantity: &str,
    (above, below): (f64, f64),
    bound: f64,
) -> Case {
    let ratio = if above == 0.0 && below == 0.0 { 1.0 } else { above / below };
    let law = format!("{law}, exact optimum");
    Case::estimated(law, condition, quantity, Estimate::exact(ratio), bound)
}

/// (x, geometric mean, lower, upper) of one quantity over the seeds, for a figure.
pub(crate) fn mark(x: f64, values: &[f64; SEEDS]) -> [f64; 4] {
    let estimate = Estimate::ratio(values, &[1.0; SEEDS]);
    let [low, high] = estimate.interval();
    [x, estimate.centre, low, high]
}

/// One of several quantities that were measured together.
pub(crate) fn part<const N: usize>(values: &[[f64; N]; SEEDS], which: usize) -> [f64; SEEDS] {
    values.map(|of_seed| of_seed[which])
}
