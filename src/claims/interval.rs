//! Intervals over seeds: the mean of a few independent runs, with Student's t.
//!
//! Floor 7. Uses `arith`, `train`.

use crate::arith::scalar::{exp, ln};
use crate::train::measure::mean_and_error;

/// Runs of everything that is trained: each with its own weights, data and noise.
pub(super) const SEEDS: usize = 5;
/// The 99.5 % point of Student's t with 4 degrees of freedom, to the double. With z = t²/(4 + t²) its distribution function
/// is 1/2 + (3√z/4)·(1 − z/3), which the tests evaluate.
const STUDENT: f64 = 4.604_094_871_349_993;

/// A figure with the half width of its interval on either side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The middle, or what is known exactly.
    pub centre: f64,
    low: f64,
    high: f64,
}

impl Estimate {
    /// A figure and the ends of its interval.
    pub fn new(centre: f64, low: f64, high: f64) -> Self {
        Estimate { centre, low, high }
    }

    /// What has no chance in it.
    pub fn exact(value: f64) -> Self {
        Estimate { centre: value, low: value, high: value }
    }

    /// The mean of independent runs: mean ± t·(deviation)/√5.
    pub(super) fn mean(values: &[f64; SEEDS]) -> Self {
        let (centre, error) = mean_and_error(values);
        let half = STUDENT * error;
        Estimate { centre, low: centre - half, high: centre + half }
    }

    /// The geometric mean of the ratios of runs that share a seed: the interval is that of the mean logarithm.
    ///
    /// NaN where a number is not above 0, which no comparison satisfies.
    pub(super) fn ratio(above: &[f64; SEEDS], below: &[f64; SEEDS]) -> Self {
        let logarithms = std::array::from_fn(|k| ln(above[k]) - ln(below[k]));
        let Estimate { centre, low, high } = Estimate::mean(&logarithms);
        Estimate { centre: exp(centre), low: exp(low), high: exp(high) }
    }

    /// Its two ends.
    pub fn interval(self) -> [f64; 2] {
        [self.low, self.high]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that are normal leave an interval with probability 1/100.
    const CONFIDENCE: f64 = 0.99;

    #[test]
    fn student_s_point_is_that_of_its_distribution() {
        let distribution = |t: f64| {
            let z = t * t / (4.0 + t * t);
            0.5 + 0.75 * z.sqrt() * (1.0 - z / 3.0)
        };
        // The density there is 0.0046; four roundings of numbers near 1 are all that is in the way.
        assert!((distribution(STUDENT) - (1.0 + CONFIDENCE) / 2.0).abs() <= 8.0 * f64::EPSILON);
        assert!(distribution(STUDENT * (1.0 - 1e-9)) < (1.0 + CONFIDENCE) / 2.0);
    }

    #[test]
    fn an_interval_knows_its_spread() {
        let same = Estimate::mean(&[2.0; SEEDS]);
        assert_eq!(same, Estimate::exact(2.0));
        let [low, high] = Estimate::mean(&[1.0, 2.0, 3.0, 4.0, 5.0]).interval();
        // Mean 3, variance 5/2, standard error √(1/2): every number before the root is exact, so the bits are known.
        let half = STUDENT * 0.5_f64.sqrt();
        assert_eq!([low, high], [3.0 - half, 3.0 + half]);
        let ratio = Estimate::ratio(&[2.0; SEEDS], &[8.0; SEEDS]);
        // Within one unit of the last place below 1/2, less than the worst of some ten roundings; the arithmetic is canonical,
        // so what holds once holds on every machine.
        assert!((ratio.centre - 0.25).abs() <= f64::EPSILON);
        assert_eq!(Estimate::ratio(&[8.0; SEEDS], &[8.0; SEEDS]), Estimate::exact(1.0));
        let nothing = Estimate::ratio(&[0.0, 1.0, 1.0, 1.0, 1.0], &[1.0; SEEDS]);
        assert!(nothing.interval()[1].is_nan());
    }
}
