//! What a claim found: the record that the report prints, draws and writes as JSON.
//!
//! Floor 7. Uses `figure`. No time and no thread count is in it, so that equal arithmetic gives equal bytes.

use serde::{Serialize, Serializer};

use crate::figure::Figure;

/// Whether every case of a claim stayed within its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every case is within its bound.
    Holds,
    /// At least one case is not, or was not measured.
    Fails,
}

impl Verdict {
    /// `Holds` where there is at least one case and every case holds: a claim that measured nothing does not hold.
    pub fn of(cases: &[Case]) -> Self {
        if !cases.is_empty() && cases.iter().all(|case| case.holds) {
            Verdict::Holds
        } else {
            Verdict::Fails
        }
    }

    /// The word that is printed: `holds` or `fails`.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::Fails => "fails",
        }
    }
}

/// One measurement: a quantity on one law and one channel, against the bound that it must not exceed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Case {
    /// The data law.
    pub law: String,
    /// The channel, or the schedule.
    pub channel: String,
    /// What is measured, in words or as a formula.
    pub quantity: String,
    /// The measured figure.
    #[serde(serialize_with = "number")]
    pub measured: f64,
    /// The bound it is compared with.
    #[serde(serialize_with = "number")]
    pub bound: f64,
    /// Whether the comparison holds.
    pub holds: bool,
}

impl Case {
    /// A case that holds where measured ≤ bound; a NaN on either side does not hold.
    pub fn new(
        law: impl Into<String>,
        channel: impl Into<String>,
        quantity: impl Into<String>,
        measured: f64,
        bound: f64,
    ) -> Self {
        Case {
            law: law.into(),
            channel: channel.into(),
            quantity: quantity.into(),
            measured,
            bound,
            holds: measured <= bound,
        }
    }

    /// measured / bound: 0 where measured is 0 (also against a bound of 0), NaN where either is NaN or the bound is
    /// negative.
    pub fn ratio(&self) -> f64 {
        if self.measured.is_nan() || self.bound.is_nan() || self.bound < 0.0 {
            f64::NAN
        } else if self.measured == 0.0 {
            0.0
        } else {
            self.measured / self.bound
        }
    }

    /// The ratio as an order from mild to grave: a case without a ratio is graver than any other.
    fn gravity(&self) -> f64 {
        let ratio = self.ratio();
        if ratio.is_nan() { f64::INFINITY } else { ratio }
    }
}

/// How sharp a statistical claim is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Statistics {
    /// The probability that the claim fails although it is true.
    #[serde(serialize_with = "number")]
    pub false_alarm: f64,
    /// Which effect it would catch, and with which probability.
    pub power: String,
}

/// A claim with what was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// The spec id, such as `T1`.
    pub id: String,
    /// A few words.
    pub title: String,
    /// The statement.
    pub statement: String,
    /// Who proved it, and where.
    pub source: String,
    /// What is assumed.
    pub hypothesis: String,
    /// What is measured.
    pub measured: String,
    /// Where the bound comes from.
    pub bound: String,
    /// For statistical claims: false-alarm rate and power.
    pub statistics: Option<Statistics>,
    /// The measurements.
    pub cases: Vec<Case>,
    /// What to look at; written as SVG and CSV, not as JSON.
    #[serde(skip)]
    pub figures: Vec<Figure>,
    /// Whether the claim holds.
    pub verdict: Verdict,
}

impl Outcome {
    /// The case to show in a summary: the one of largest ratio measured/bound among those that do not hold, or among
    /// all where all hold. A ratio that is no number counts as the largest. `None` where there is no case.
    pub fn worst(&self) -> Option<&Case> {
        let mut worst: Option<&Case> = None;
        for case in &self.cases {
            let graver = worst.is_none_or(|held| {
                if case.holds == held.holds { case.gravity() > held.gravity() } else { held.holds }
            });
            if graver {
                worst = Some(case);
            }
        }
        worst
    }

    /// How many cases do not hold.
    pub fn failures(&self) -> usize {
        self.cases.iter().filter(|case| !case.holds).count()
    }
}

/// A number for JSON, which has no NaN and no infinity: those become the strings `NaN`, `Infinity` and `-Infinity`.
fn number<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if value.is_finite() {
        serializer.serialize_f64(*value)
    } else if value.is_nan() {
        serializer.serialize_str("NaN")
    } else if *value > 0.0 {
        serializer.serialize_str("Infinity")
    } else {
        serializer.serialize_str("-Infinity")
    }
}
