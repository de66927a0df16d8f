//! Comparisons of trials as cases, and the words that all findings share.
//!
//! Floor 7. Uses `error`, `figure`, `law`, `sampler`, `claims`.

use super::super::interval::{Estimate, SEEDS};
use super::super::{Case, Context, Statistics};
use super::yardstick::{Quality, Yardstick};
use super::{Reading, Recipe, Size, Way, optimum, over_seeds, seeds, table};
use crate::error::Result;
use crate::figure::{Axis, Figure, Layer};
use crate::law::toy_law;
use crate::sampler::{End, Method, Options, law_on_line, sample};

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
    pub of: fn(&Quality) -> Reading,
}

/// How far points leave the law's subspace.
pub(crate) const OFF: Aspect = Aspect {
    name: "distance from the subspace",
    of: |quality| Reading::exact(quality.off_subspace),
};
/// The Fréchet distance to the clean law.
pub(crate) const FRECHET: Aspect = Aspect {
    name: "Fréchet distance to the clean law",
    of: |quality| Reading::exact(quality.frechet),
};
/// The total variance.
pub(crate) const SPREAD: Aspect =
    Aspect { name: "total variance", of: |quality| Reading::exact(quality.spread) };
/// The energy distance to the clean law.
pub(crate) const ENERGY: Aspect =
    Aspect { name: "energy distance to the clean law", of: |quality| quality.energy };
/// How far the shares of the law's components are from its weights.
pub(crate) const MODE_WEIGHTS: Aspect =
    Aspect { name: "error of the mode weights", of: |quality| quality.mode_weights };

/// What several recipes of one law generate: from trained models, and from the exact optima.
pub(crate) struct Measured {
    law: &'static str,
    gaussian: bool,
    trained: Vec<[Quality; SEEDS]>,
    exact: Vec<Option<Exactly>>,
}

/// What an exact optimum generates.
enum Exactly {
    /// A law that is known with no sampling (T8): of a Gaussian law's affine optimum, or on the line.
    Law(Quality),
    /// The optimum over all functions in the plane, by as many points a seed as a model generates.
    Drawn(Box<[Quality; SEEDS]>),
}

impl Exactly {
    fn centre(&self, aspect: Aspect) -> f64 {
        match self {
            Exactly::Law(quality) => (aspect.of)(quality).value,
            Exactly::Drawn(seeds) => {
                let values = seeds.each_ref().map(|quality| (aspect.of)(quality).value);
                Estimate::ratio(&values, &[1.0; SEEDS]).centre
            }
        }
    }
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
        let gaussian = yardstick.law().components() == 1;
        let exact = |recipe: &Recipe| -> Result<Option<Exactly>> {
            if gaussian {
                let law = optimum::generated(recipe, size, method, steps)?;
                return Ok(Some(Exactly::Law(yardstick.quality_of(&law, steps)?)));
            }
            over_functions(context, recipe, &yardstick)
        };
        let exact: Result<Vec<Option<Exactly>>> = recipes.iter().map(exact).collect();
        Ok(Measured { law, gaussian, trained, exact: exact? })
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
        let mut cases = vec![read(self.law, "trained", condition, &quantity, pair, bound)];
        match (&self.exact[above.0], &self.exact[below.0]) {
            (Some(Exactly::Law(above)), Some(Exactly::Law(below))) => {
                let pair = ((aspect.of)(above), (aspect.of)(below));
                cases.push(exactly(self.law, condition, &quantity, pair, bound));
            }
            (Some(Exactly::Drawn(above)), Some(Exactly::Drawn(below))) => {
                let [above, below] = [above, below].map(|seeds| seeds.each_ref().map(aspect.of));
                let pair = (&above, &below);
                cases.push(read(self.law, "exact optimum", condition, &quantity, pair, bound));
            }
            _ => {}
        }
        cases
    }

    /// Whether the law is one Gaussian, so that moments say all of it.
    pub fn is_gaussian(&self) -> bool {
        self.gaussian
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
        let values = self.trained[which].map(|quality| (aspect.of)(&quality).value);
        let mut cases =
            vec![trained(self.law, condition, &quantity, (&values, &[1.0; SEEDS]), bound)];
        if let Some(found) = &self.exact[which] {
            let pair = (found.centre(aspect), 1.0);
            cases.push(exact(self.law, condition, &quantity, pair, bound));
        }
        cases
    }

    /// A mark with its interval at each x for the recipes of these numbers.
    pub fn marks(&self, label: &str, aspect: Aspect, places: &[(f64, usize)]) -> Layer {
        let mark_at = |&(x, which): &(f64, usize)| {
            mark(x, &self.trained[which].map(|quality| (aspect.of)(&quality).value))
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
            self.exact[which].as_ref().map(|found| [x, found.centre(aspect)])
        };
        places.iter().filter_map(at).collect()
    }
}

/// What the optimum over all functions generates, where there is one (`optimum::over_functions`).
fn over_functions(
    context: &Context<'_>,
    recipe: &Recipe,
    yardstick: &Yardstick,
) -> Result<Option<Exactly>> {
    let size = Size::of(context);
    let steps = table(size.sampler_steps)?;
    let Some(optimum) = optimum::at_levels(recipe, size, &steps, context.seed)? else {
        return Ok(None);
    };
    if optimum.dimension() == 1 {
        let law = law_on_line(&*optimum, &steps, Method::Ancestral, End::Data)?;
        return Ok(Some(Exactly::Law(yardstick.quality_on_line(&law)?)));
    }
    let of_seed = |seed: u64| {
        let told = Options::default();
        let run = sample(&*optimum, &steps, Method::Ancestral, size.generated, seed, &told)?;
        yardstick.quality(run.points.view(), seed)
    };
    let found: Result<Vec<Quality>> = seeds(context).into_iter().map(of_seed).collect();
    let found = found?;
    Ok(Some(Exactly::Drawn(Box::new(std::array::from_fn(|k| found[k])))))
}

/// The statistics of findings.
pub(crate) fn statistics(cases: &[Case]) -> Statistics {
    let proper = |[low, high]: &[f64; 2]| 0.0 < *low && low < high && high.is_finite();
    let trained = cases.iter().filter_map(|case| case.interval).filter(proper);
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

/// The ratio of what points of two exact optima give, seed by seed.
pub(crate) fn sampled(
    law: &str,
    condition: &str,
    quantity: &str,
    (above, below): (&[f64; SEEDS], &[f64; SEEDS]),
    bound: f64,
) -> Case {
    let estimate = Estimate::ratio(above, below);
    Case::estimated(format!("{law}, exact optimum"), condition, quantity, estimate, bound)
}

/// The same of readings: a ratio of numbers that cannot be told from 0 may be anything.
pub(crate) fn read(
    law: &str,
    what: &str,
    condition: &str,
    quantity: &str,
    (above, below): (&[Reading; SEEDS], &[Reading; SEEDS]),
    bound: f64,
) -> Case {
    let ratios = std::array::from_fn(|k| above[k].over(below[k]));
    let estimate = ratio_of(&ratios);
    Case::estimated(format!("{law}, {what}"), condition, quantity, estimate, bound)
}

/// The geometric mean of ratios, a seed each: the interval reaches from the lower end for what they may be at least to the upper end
/// for what they may be at most.
fn ratio_of(ratios: &[Reading; SEEDS]) -> Estimate {
    let of = |end: fn(&Reading) -> f64| {
        let ends = ratios.each_ref().map(end);
        match ends.iter().find(|end| **end == 0.0 || **end == f64::INFINITY) {
            Some(&end) => Estimate::exact(end),
            None => Estimate::ratio(&ends, &[1.0; SEEDS]),
        }
    };
    let [least, most] = [of(|r| r.least).interval()[0], of(|r| r.most).interval()[1]];
    Estimate::new(of(|r| r.value).centre, least, most)
}

/// The ratio of readings of two exact optima.
pub(crate) fn exactly(
    law: &str,
    condition: &str,
    quantity: &str,
    (above, below): (Reading, Reading),
    bound: f64,
) -> Case {
    if above == Reading::exact(above.value) && below == Reading::exact(below.value) {
        return exact(law, condition, quantity, (above.value, below.value), bound);
    }
    let Reading { value, least, most } = above.over(below);
    let law = format!("{law}, exact optimum");
    Case::estimated(law, condition, quantity, Estimate::new(value, least, most), bound)
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
pub(crate) fn part<T: Copy, const N: usize>(values: &[[T; N]; SEEDS], which: usize) -> [T; SEEDS] {
    values.map(|of_seed| of_seed[which])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of five seeds, 0.1 being the resolution.
    fn readings(values: [f64; SEEDS]) -> [Reading; SEEDS] {
        values.map(|value| Reading::resolved(value, 0.1))
    }

    #[test]
    fn what_cannot_be_told_from_nothing_shows_nothing() {
        let (none, some) = (readings([0.02, 0.0, 0.05, 0.01, 0.03]), readings([0.2; SEEDS]));
        let of = |above, below| read("law", "trained", "condition", "ratio", (above, below), 1.0);
        // Every ratio of the values is 1, with no width: a verdict on those would be "shown".
        let both = of(&none, &none);
        assert_eq!((both.measured, both.interval), (1.0, Some([0.0, f64::INFINITY])));
        assert!(!both.holds);
        // At most a half, and at least twice: these are known though one of the two is not.
        let half = of(&none, &some);
        assert!(half.holds && half.interval.is_some_and(|[least, _]| least == 0.0));
        let twice = of(&some, &none);
        assert!(
            !twice.holds
                && twice.interval.is_some_and(|[least, most]| least > 1.9 && most == f64::INFINITY)
        );
    }

    #[test]
    fn one_seed_that_is_not_resolved_opens_its_side_alone() {
        let mut above = readings([0.3, 0.32, 0.28, 0.31, 0.29]);
        let below = readings([0.6; SEEDS]);
        let known = ratio_of(&std::array::from_fn(|k| above[k].over(below[k]))).interval();
        let values = |of: [Reading; SEEDS]| of.map(|reading| reading.value);
        let plain = Estimate::ratio(&values(above), &values(below)).interval();
        // The logarithm of a quotient for the difference of logarithms: some ten roundings of numbers below 2.
        assert!((0..2).all(|end| (known[end] - plain[end]).abs() <= 32.0 * f64::EPSILON));
        above[2] = Reading::resolved(0.01, 0.1);
        let open = ratio_of(&std::array::from_fn(|k| above[k].over(below[k]))).interval();
        assert!(open[0] == 0.0 && open[1].is_finite());
    }
}
