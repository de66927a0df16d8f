//! Euler's method for the probability flow, in the scaled variable.
//!
//! Floor 5. Uses `channel`, `error`. Spec: T8.

use super::step::{Step, Weights, gain, scaled};
use crate::channel::Channel;
use crate::error::Result;

/// y = x/a, σ = s/a, dy/dσ = ε̂: y' = y + (σ' − σ)·ε̂ (Song et al. 2021, eq. 13 and 14; Karras et al. 2022, eq. 4).
///
/// In x: x' = (a'/a)·x − ((a's − as')/a)·ε̂. It is DDIM with η = 0, by x = a·D̂ + s·ε̂. Each weight is within 4u.
/// Errors: `Error::Domain` where a = 0, or `to` is not cleaner than `from`.
pub fn step(from: Channel, to: Channel) -> Result<Step> {
    weights(from, to).map(Step::Single)
}

pub(super) fn weights(from: Channel, to: Channel) -> Result<Weights> {
    let a = scaled(from)?;
    let gain = gain(from, to)?;
    Ok(Weights { state: to.a() / a, denoised: 0.0, noise: -(gain / a), random: 0.0 })
}
