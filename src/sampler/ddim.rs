//! DDIM: the family of Song et al. 2021 between the deterministic flow (η = 0) and ancestral sampling (η = 1).
//!
//! Floor 5. Uses `channel`, `error`. Spec: T8.

use super::step::{Step, Weights, ratio};
use crate::channel::Channel;
use crate::error::{Error, Result};

/// x' = a'·D̂ + √(s'² − ς²)·ε̂ + ς·z with ς = η·s'·√(1 − q²), q = a·s'/(a'·s) (Song et al. 2021, eq. 12 and 16).
///
/// √(s'² − ς²) = s'·√((1 − η)(1 + η) + (ηq)²), a sum of what is not negative. Each weight is within 10u of its
/// formula. Legal at a = 0.
/// Errors: `Error::Domain` where η is not in [0, 1] or `to` is not cleaner than `from`.
pub fn step(from: Channel, to: Channel, eta: f64) -> Result<Step> {
    if !(0.0..=1.0).contains(&eta) {
        return Err(Error::Domain { what: "eta", value: eta, expected: "a number in [0, 1]" });
    }
    let (q, rest) = ratio(from, to)?;
    let kept = (1.0 - eta) * (1.0 + eta) + (eta * q) * (eta * q);
    Ok(Step::Single(Weights {
        state: 0.0,
        denoised: to.a(),
        noise: to.s() * kept.sqrt(),
        random: eta * (to.s() * rest.sqrt()),
    }))
}
