//! What a claim found: the record that the report prints, draws and writes as JSON.
//!
//! Floor 7. Uses `figure`, `claims::interval`. No time and no thread count is in it, so that equal arithmetic gives equal bytes.

use serde::{Serialize, Serializer};

use super::interval::Estimate;
use crate::figure::Figure;

/// What the cases of a claim say together.
///
/// A theorem holds or fails. A finding about training, whose every case has an interval, can also hold in some of the
/// cases, in none, or be left open; none of these is a fault of the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every case is within its bound.
    Holds,
    /// At least one case of a theorem is not, or nothing was measured.
    Fails,
    /// A finding that is shown in some cases: `Outcome::condition` names them.
    HoldsUnder,
    /// A finding that is shown in no case, and whose contrary is shown in one at least.
    DoesNotHold,
    /// A finding of which no case shows anything.
    Undecided,
}

impl Verdict {
    /// The verdict of these cases. Where every case has an interval they are a finding: a case shows it where the whole
    /// interval is within the bound, and its contrary where the whole interval is beyond.
    pub fn of(cases: &[Case]) -> Self {
        let shown = cases.iter().filter(|case| case.holds).count();
        if cases.is_empty() {
            Verdict::Fails
        } else if shown == cases.len() {
            Verdict::Holds
        } else if cases.iter().any(|case| case.interval.is_none()) {
            Verdict::Fails
        } else if shown > 0 {
            Verdict::HoldsUnder
        } else if cases.iter().any(Case::contrary) {
            Verdict::DoesNotHold
        } else {
            Verdict::Undecided
        }
    }

    /// The words that are printed: `holds`, `fails`, `holds under`, `does not hold`, `undecided`.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::Fails => "fails",
            Verdict::HoldsUnder => "holds under",
            Verdict::DoesNotHold => "does not hold",
            Verdict::Undecided => "undecided",
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
    /// For a finding: the interval in which the figure lies, with the confidence that the claim states.
    #[serde(serialize_with = "ends", skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
    /// Whether the comparison holds: of the figure, or of the upper end of its interval.
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
            interval: None,
            holds: measured <= bound,
        }
    }

    /// A case of a finding: it holds where the whole interval is within the bound.
    pub fn estimated(
        law: impl Into<String>,
        channel: impl Into<String>,
        quantity: impl Into<String>,
        estimate: Estimate,
        bound: f64,
    ) -> Self {
        let interval = Some(estimate.interval());
        let holds = estimate.interval()[1] <= bound;
        let case = Case::new(law, channel, quantity, estimate.centre, bound);
        Case { interval, holds, ..case }
    }

    /// Whether the whole interval is beyond the bound.
    fn contrary(&self) -> bool {
        self.interval.is_some_and(|[low, _]| low > self.bound)
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
    /// Where the verdict is `HoldsUnder`: the laws and conditions whose every case shows it, or the single cases that do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
}

/// The laws and conditions whose every case holds, in their order; the single cases that hold where there is none.
pub(super) fn condition(cases: &[Case]) -> String {
    let place = |case: &Case| format!("{}, {}", case.law, case.channel);
    let mut whole: Vec<String> = Vec::new();
    for case in cases {
        let here = place(case);
        let all = cases.iter().filter(|other| place(other) == here).all(|other| other.holds);
        if all && !whole.contains(&here) {
            whole.push(here);
        }
    }
    if whole.is_empty() {
        let holding = cases.iter().filter(|case| case.holds);
        whole = holding.map(|case| format!("{}: {}", place(case), case.quantity)).collect();
    }
    whole.join("; ")
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

/// Both ends of an interval for JSON.
fn ends<S: Serializer>(value: &Option<[f64; 2]>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Number(#[serde(serialize_with = "number")] f64);
    value.map(|ends| ends.map(Number)).serialize(serializer)
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
