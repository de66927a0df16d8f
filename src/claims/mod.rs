//! Claims: each statement of the theory, measured on laws whose truth is known, against a bound that is derived.
//!
//! [`CLAIMS`] is the registry, one file a claim. A claim asks its [`Subject`] for every quantity it tests, so the
//! same code that tells a user that the theory holds here is run by the test suite against planted mistakes.
//!
//! Floor 7. Uses `law`, `channel`, `tweedie`, `denoiser`, `objective`, `sampler`, `attack`, `optimum`, `train`, `arith`, `figure`,
//! `error`. Spec: T1 to T8, E1 to E7.

mod affine_cases;
mod c0;
mod c1;
mod c10;
mod c11;
mod c12;
mod c2;
mod c3;
mod c4;
mod c5;
mod c6;
mod c7;
mod c8;
mod c9;
mod cases;
mod component;
mod e1;
mod e2;
mod e3;
mod e4;
mod e5;
mod e6;
mod e7;
mod e7_affine;
mod interval;
pub mod outcome;
mod path;
mod pictures;
mod quadrature;
mod stencil;
mod subject;
mod t1;
mod t2;
mod t3;
mod t4;
mod t4_line;
mod t4_sample;
mod t5;
mod t6;
mod t7;
mod t8;
mod t8_closed;
mod t8_sample;
mod trials;
mod worst;
mod wrong;

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::{Error, Result};
use crate::figure::Figure;

pub use interval::Estimate;
pub use outcome::{Case, Outcome, Statistics, Verdict};
pub use subject::{Library, Subject};
pub use trials::models::Models;

/// Every claim, in the order of its ids.
pub const CLAIMS: &[Claim] = &[
    t1::CLAIM,
    t2::CLAIM,
    t3::CLAIM,
    t4::CLAIM,
    t5::CLAIM,
    t6::CLAIM,
    t7::CLAIM,
    t8::CLAIM,
    e1::CLAIM,
    e2::CLAIM,
    e3::CLAIM,
    e4::CLAIM,
    e5::CLAIM,
    e6::CLAIM,
    e7::CLAIM,
    c0::CLAIM,
    c1::CLAIM,
    c2::CLAIM,
    c3::CLAIM,
    c4::CLAIM,
    c5::CLAIM,
    c6::CLAIM,
    c7::CLAIM,
    c8::CLAIM,
    c9::CLAIM,
    c10::CLAIM,
    c11::CLAIM,
    c12::CLAIM,
];

/// A claim: what is stated, and how it is measured.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// The spec id, such as `T1`.
    pub id: &'static str,
    /// A few words.
    pub title: &'static str,
    /// The statement.
    pub statement: &'static str,
    /// Who proved it, and where.
    pub source: &'static str,
    /// What is assumed.
    pub hypothesis: &'static str,
    /// What is measured.
    pub measured: &'static str,
    /// Where the bound comes from.
    pub bound: &'static str,
    find: fn(&Context<'_>) -> Result<Findings>,
}

/// How claims are run.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Keys every random number; the same seed gives the same outcomes on any machine and any number of threads.
    pub seed: u64,
    /// Fewer channels, points and samples: seconds instead of a minute. The bounds are as rigorous.
    pub quick: bool,
    /// What is tested.
    pub subject: &'a dyn Subject,
    /// The whole study of the findings C1 to C12: larger networks, more steps, laws and conditions; hours. Not with `quick`.
    pub full: bool,
    /// The models that findings are measured on, each trained once.
    pub models: &'a Models,
    /// Told after each part of a claim, from any thread.
    pub progress: &'a (dyn Fn(Progress) + Sync),
}

/// How far a claim has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The claim's id.
    pub claim: &'static str,
    /// Parts done.
    pub done: usize,
    /// Parts in all.
    pub total: usize,
}

/// What a claim's measurements gave.
struct Findings {
    cases: Vec<Case>,
    statistics: Option<Statistics>,
    figures: Vec<Figure>,
}

/// Counts the parts of a claim for [`Context::progress`].
struct Stage<'a> {
    context: &'a Context<'a>,
    claim: &'static str,
    total: usize,
    done: AtomicUsize,
}

impl<'a> Stage<'a> {
    fn new(context: &'a Context<'a>, claim: &'static str, total: usize) -> Self {
        Stage { context, claim, total, done: AtomicUsize::new(0) }
    }

    fn step(&self) {
        let done = 1 + self.done.fetch_add(1, Ordering::Relaxed);
        (self.context.progress)(Progress { claim: self.claim, done, total: self.total });
    }
}

impl Claim {
    /// Measures the claim.
    ///
    /// Errors: where the subject refuses an input that the library accepts.
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome> {
        let Findings { cases, statistics, figures } = (self.find)(context)?;
        let verdict = Verdict::of(&cases);
        let condition = (verdict == Verdict::HoldsUnder).then(|| outcome::condition(&cases));
        Ok(Outcome {
            id: self.id.into(),
            title: self.title.into(),
            statement: self.statement.into(),
            source: self.source.into(),
            hypothesis: self.hypothesis.into(),
            measured: self.measured.into(),
            bound: self.bound.into(),
            statistics,
            cases,
            figures,
            verdict,
            condition,
        })
    }
}

/// The claims of these ids (all for `None`), in the order of the registry.
///
/// Errors: `Error::Unknown` for an id that is not in the registry, compared without regard to case.
pub fn select(only: Option<&[String]>) -> Result<Vec<Claim>> {
    let Some(only) = only else { return Ok(CLAIMS.to_vec()) };
    let named = |claim: &Claim, id: &String| claim.id.eq_ignore_ascii_case(id);
    if let Some(id) = only.iter().find(|id| !CLAIMS.iter().any(|claim| named(claim, id))) {
        return Err(Error::Unknown {
            what: "claim",
            name: id.clone(),
            expected: CLAIMS.iter().map(|claim| claim.id).collect::<Vec<_>>().join(", "),
        });
    }
    let wanted = |claim: &&Claim| only.iter().any(|id| named(claim, id));
    Ok(CLAIMS.iter().filter(wanted).copied().collect())
}

/// Runs the claims of these ids, or all.
///
/// Errors: as [`select`] and [`Claim::run`].
pub fn run_all(context: &Context<'_>, only: Option<&[String]>) -> Result<Vec<Outcome>> {
    select(only)?.iter().map(|claim| claim.run(context)).collect()
}
