//! Heun's method for the probability flow, in the scaled variable.
//!
//! Floor 5. Uses `channel`, `error`. Spec: T8.

use super::euler;
use super::step::Step;
use crate::channel::Channel;
use crate::error::Result;

/// y₁ = y + (σ' − σ)·ε̂(y), y' = y + (σ' − σ)·(ε̂(y) + ε̂'(y₁))/2 with y = x/a, σ = s/a (Karras et al. 2022, Algorithm 1).
///
/// Two evaluations a step; to σ = 0 the sampler takes Euler's step, which is D̂, as they do.
/// Errors: `Error::Domain` where a = 0, or `to` is not cleaner than `from`.
pub fn step(from: Channel, to: Channel) -> Result<Step> {
    let predictor = euler::weights(from, to)?;
    Ok(Step::Corrected {
        predictor,
        state: predictor.state,
        noise: 0.5 * predictor.noise,
        noise_after: 0.5 * predictor.noise,
    })
}
