//! Claims: each statement of the theory, measured against a bound that is derived.
//!
//! Floor 7. Uses the floors below it.

pub mod outcome;

pub use outcome::{Case, Outcome, Statistics, Verdict};
