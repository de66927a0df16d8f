//! Euler–Maruyama for the reverse stochastic equation, in the scaled variable.
//!
//! Floor 5. Uses `channel`, `error`. Spec: T8.

use super::step::{Step, Weights, gain, scaled};
use crate::channel::Channel;
use crate::error::Result;

/// y' = y − ((σ² − σ'²)/σ)·ε̂ + √(σ² − σ'²)·z with y = x/a, σ = s/a.
///
/// Every channel's forward process is, in y, the Brownian motion dy = dw of variance σ² (Song et al. 2021, VE), whose
/// reverse is dy = −∇log p dτ + dw with τ = σ² running down; the score of y is −ε̂/σ. One step of Euler–Maruyama
/// with the clock σ² is the line above; in x it is
/// x' = (a'/a)·x − (g/a)(1 + σ'/σ)·ε̂ + a'·√((σ − σ')(σ + σ'))·z, g = a's − as', so no square is subtracted.
/// The clock matters: other clocks are other discretisations of the same equation. Each weight is within 10u.
/// Errors: `Error::Domain` where a = 0, or `to` is not cleaner than `from`.
pub fn step(from: Channel, to: Channel) -> Result<Step> {
    let a = scaled(from)?;
    let gain = gain(from, to)?;
    let sum = (to.a() * from.s() + from.a() * to.s()) / a;
    let q = from.a() * to.s() / (to.a() * from.s());
    Ok(Step::Single(Weights {
        state: to.a() / a,
        denoised: 0.0,
        noise: -(gain / a) * (1.0 + q),
        random: (gain / a).sqrt() * sum.sqrt(),
    }))
}
