//! What one step of a sampler is: numbers on the state, the two predictions and the random normal.
//!
//! The sampler and the closed recursion of T8 read the same numbers, so they cannot disagree on a method.
//!
//! Floor 5. Uses `channel`, `error`. Spec: T8.

use crate::channel::Channel;
use crate::error::{Error, Result};

/// x' = state·x + denoised·D̂(x) + noise·ε̂(x) + random·z, z ~ N(0, I).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Weights {
    /// On x.
    pub state: f64,
    /// On D̂(x).
    pub denoised: f64,
    /// On ε̂(x).
    pub noise: f64,
    /// On z: the deviation of the fresh noise.
    pub random: f64,
}

/// One step from a channel to a cleaner one.
///
/// Every step has state·a + denoised = a': it carries a·m to a'·m where the noise predicted is zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// One evaluation of the denoiser.
    Single(Weights),
    /// x₁ by `predictor`, then x' = state·x + noise·ε̂(x) + noise_after·ε̂'(x₁), ε̂' at the next channel.
    Corrected {
        /// The first guess x₁ of the next state.
        predictor: Weights,
        /// On x.
        state: f64,
        /// On ε̂(x).
        noise: f64,
        /// On ε̂'(x₁).
        noise_after: f64,
    },
}

/// The last move of a sampler, from its last channel to the data: x' = D̂(x).
///
/// Every method here tends to it as the next s falls to 0 with a = 1.
pub const TO_DATA: Step =
    Step::Single(Weights { state: 0.0, denoised: 1.0, noise: 0.0, random: 0.0 });

/// a'·s − a·s', above 0 where `to` is cleaner than `from`; relative error 2u.
///
/// Errors: `Error::Domain` where `to` is not cleaner.
pub(super) fn gain(from: Channel, to: Channel) -> Result<f64> {
    let gain = to.advantage(from);
    if gain > 0.0 {
        return Ok(gain);
    }
    Err(Error::Domain {
        what: "next sigma",
        value: to.sigma(),
        expected: "a noise level below the one before",
    })
}

/// Errors where a = 0: the methods of the scaled variable x/a cannot start there.
pub(super) fn scaled(from: Channel) -> Result<f64> {
    if from.a() > 0.0 {
        return Ok(from.a());
    }
    Err(Error::Domain {
        what: "a",
        value: from.a(),
        expected: "a number above 0 for a method in the scaled variable x/a (ancestral and DDIM take a = 0)",
    })
}

/// q = a·s'/(a'·s) = σ'/σ, and 1 − q² = (1 − q)(1 + q) with 1 − q = (a's − as')/(a's): neither cancels where the
/// levels are close. Relative errors 3u and 7u.
pub(super) fn ratio(from: Channel, to: Channel) -> Result<(f64, f64)> {
    let gain = gain(from, to)?;
    let whole = to.a() * from.s();
    let q = from.a() * to.s() / whole;
    Ok((q, gain / whole * (1.0 + q)))
}
