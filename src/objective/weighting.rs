//! How a level's loss is weighed.
//!
//! Floor 4. Uses `channel`, `error`. Spec: T4.

use crate::channel::Channel;
use crate::error::{Error, Result};

/// The factor w of a level's squared error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Weighting {
    /// w = 1.
    Uniform,
    /// w = a²/s²: of the denoised error it makes the noise error (T4).
    SignalToNoise,
    /// w = (σ² + σ_d²)/(σ·σ_d)², σ = s/a: Karras et al. 2022 for the denoised error, with which the loss of the
    /// preconditioned network's output has weight one at every level.
    Preconditioned {
        /// σ_d.
        sigma_data: f64,
    },
}

impl Weighting {
    /// The names that `new` reads.
    pub const NAMES: [&'static str; 3] = ["uniform", "snr", "edm"];

    /// The weighting of a name; σ_d is for `edm`.
    ///
    /// Errors: `Error::Unknown`; `Error::Domain` where σ_d is not finite or not above 0.
    pub fn new(name: &str, sigma_data: f64) -> Result<Self> {
        match name {
            "uniform" => Ok(Weighting::Uniform),
            "snr" => Ok(Weighting::SignalToNoise),
            "edm" if sigma_data.is_finite() && sigma_data > 0.0 => {
                Ok(Weighting::Preconditioned { sigma_data })
            }
            "edm" => Err(Error::Domain {
                what: "sigma_data",
                value: sigma_data,
                expected: "a finite number above 0",
            }),
            other => Err(Error::Unknown {
                what: "weighting",
                name: other.to_string(),
                expected: Weighting::NAMES.join(", "),
            }),
        }
    }

    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Weighting::Uniform => "uniform",
            Weighting::SignalToNoise => "snr",
            Weighting::Preconditioned { .. } => "edm",
        }
    }

    /// w at a channel, a few roundings from its formula.
    pub fn at(self, channel: Channel) -> f64 {
        match self {
            Weighting::Uniform => 1.0,
            Weighting::SignalToNoise => channel.signal_to_noise(),
            // 1/σ_d² + 1/σ²: the fraction taken apart, so that neither end overflows early.
            Weighting::Preconditioned { sigma_data } => {
                let of_data = 1.0 / sigma_data;
                of_data.mul_add(of_data, channel.signal_to_noise())
            }
        }
    }
}
