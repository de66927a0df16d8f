//! Ancestral sampling: the exact bridge between two channels, with D̂ in the place of x₀ (DDPM).
//!
//! Floor 5. Uses `channel`, `error`. Spec: T8.

use super::step::{Step, Weights, ratio};
use crate::channel::Channel;
use crate::error::Result;

/// The step of Ho et al. 2020, eq. 6 and 7 (variance β̃), for any two channels.
///
/// Let x = (a/a')·x' + n be the forward step, n ~ N(0, s² − (a/a')²s'²), and q = a·s'/(a'·s). Given x and x₀, Bayes'
/// rule for x' ~ N(a'x₀, s'²) gives the precision 1/(s'²(1 − q²)) and so
///
/// x' ~ N(q·(s'/s)·x + a'(1 − q²)·x₀, s'²(1 − q²)I).
///
/// For a variance-preserving pair (a/a')² = 1 − β, and q(s'/s) = √(1−β)(1−ᾱ')/(1−ᾱ), a'(1−q²) = √ᾱ'·β/(1−ᾱ),
/// s'²(1−q²) = β(1−ᾱ')/(1−ᾱ): their eq. 7. Each weight is within 12u of its formula. Legal at a = 0, where x' is
/// drawn afresh around D̂.
/// Errors: `Error::Domain` where `to` is not cleaner than `from`.
pub fn step(from: Channel, to: Channel) -> Result<Step> {
    let (q, rest) = ratio(from, to)?;
    Ok(Step::Single(Weights {
        state: q * (to.s() / from.s()),
        denoised: to.a() * rest,
        noise: 0.0,
        random: to.s() * rest.sqrt(),
    }))
}
