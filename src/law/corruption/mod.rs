//! Corruption of training data: of a law, so that the score of what a model is trained on is known, and of a sample.
//!
//! A fraction f of the samples is corrupted, each independently of the others: the law is (1 − f)·p₀ + f·p₁ with p₁
//! that of a corrupted sample. Every kind here takes a mixture to a mixture, exactly.
//!
//! Floor 1. Uses `law`, `arith`, `error`. Spec: notation of T, N3.

mod of_law;
mod of_sample;

pub use of_law::MOST_COMPONENTS;
pub use of_sample::Corrupted;

use super::mixture::{LARGEST_PARAMETER, Mixture};
use crate::error::{Error, Result};

/// What happens to a sample x₀ that is corrupted.
#[derive(Clone, Debug, PartialEq)]
pub enum CorruptionKind {
    /// x₀ + σ·z with z ~ N(0, I): p₁ = p₀ ∗ N(0, σ²I).
    Gaussian {
        /// σ, in the data's units.
        deviation: f64,
    },
    /// Replaced by a draw from N(c, σ²I), whatever it was.
    Outliers {
        /// c, of length d.
        centre: Vec<f64>,
        /// σ, in the data's units.
        deviation: f64,
    },
    /// Each coordinate is missing with the same probability, independently: replaced by one fixed value.
    MissingCoordinates {
        /// What a missing coordinate reads as.
        fill: f64,
        /// The probability that a coordinate of a corrupted sample is missing.
        probability: f64,
    },
    /// One coordinate, each as likely as the others, is missing: replaced by one fixed value.
    MissingCoordinate {
        /// What the missing coordinate reads as.
        fill: f64,
    },
}

/// A fraction of samples, and what happens to them.
#[derive(Clone, Debug, PartialEq)]
pub struct Corruption {
    fraction: f64,
    kind: CorruptionKind,
}

impl Corruption {
    /// Corruption of a fraction f of the samples, 0 ≤ f ≤ 1.
    ///
    /// Errors: `Error::Domain` where f or a probability is not in [0, 1], a deviation is not in [0, 1e150] (its square
    /// is a variance), or a fill value is not within ±1e300; `Error::Empty`, `Error::Entry` for the centre.
    pub fn new(fraction: f64, kind: CorruptionKind) -> Result<Self> {
        check_probability("fraction", fraction)?;
        match &kind {
            CorruptionKind::Gaussian { deviation } => check_deviation(*deviation)?,
            CorruptionKind::Outliers { centre, deviation } => {
                check_deviation(*deviation)?;
                check_centre(centre)?;
            }
            CorruptionKind::MissingCoordinates { fill, probability } => {
                check_fill(*fill)?;
                check_probability("probability", *probability)?;
            }
            CorruptionKind::MissingCoordinate { fill } => check_fill(*fill)?,
        }
        Ok(Corruption { fraction, kind })
    }

    /// Outliers around a law: from N(m, (spread·R)²·I), m the law's mean and R its `deviation`. So `spread` is in units of the data's own size.
    ///
    /// Errors: `Error::Domain` where the law is a single point (R = 0), and as [`Corruption::new`].
    pub fn outliers_of(law: &Mixture, fraction: f64, spread: f64) -> Result<Self> {
        let deviation = law.deviation();
        if deviation == 0.0 {
            let expected = "a law that is not a single point";
            return Err(Error::Domain { what: "the law's deviation", value: deviation, expected });
        }
        let kind = CorruptionKind::Outliers { centre: law.mean(), deviation: spread * deviation };
        Corruption::new(fraction, kind)
    }

    /// f.
    pub fn fraction(&self) -> f64 {
        self.fraction
    }

    /// What happens to a corrupted sample.
    pub fn kind(&self) -> &CorruptionKind {
        &self.kind
    }

    /// Errors where outliers have another dimension than the data.
    fn check_dimension(&self, dimension: usize) -> Result<()> {
        match &self.kind {
            CorruptionKind::Outliers { centre, .. } if centre.len() != dimension => {
                Err(Error::Shape {
                    what: "centre of the outliers",
                    found: vec![centre.len()],
                    expected: format!("{dimension} numbers, the dimension of the data"),
                })
            }
            _ => Ok(()),
        }
    }
}

fn check_probability(what: &'static str, value: f64) -> Result<()> {
    if (0.0..=1.0).contains(&value) {
        return Ok(());
    }
    Err(Error::Domain { what, value, expected: "a number in [0, 1]" })
}

fn check_deviation(value: f64) -> Result<()> {
    if (0.0..=1e150).contains(&value) {
        return Ok(());
    }
    Err(Error::Domain { what: "deviation", value, expected: "a number in [0, 1e150]" })
}

fn check_fill(value: f64) -> Result<()> {
    if value.abs() <= LARGEST_PARAMETER {
        return Ok(());
    }
    Err(Error::Domain { what: "fill", value, expected: "a number within 1e300" })
}

fn check_centre(centre: &[f64]) -> Result<()> {
    let what = "centre of the outliers";
    if centre.is_empty() {
        return Err(Error::Empty { what, expected: "coordinate" });
    }
    let within = |value: &f64| value.abs() <= LARGEST_PARAMETER;
    match centre.iter().position(|value| !within(value)) {
        None => Ok(()),
        Some(i) => {
            let expected = "a finite number within 1e300";
            Err(Error::Entry { what, index: vec![i], value: centre[i], expected })
        }
    }
}
