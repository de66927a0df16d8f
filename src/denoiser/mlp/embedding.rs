//! How a network is told the level: numbers made of λ = ln(a²/s²).
//!
//! Floor 3. Uses `arith`, `channel`, `error`. Spec: notation, N3.

use std::f64::consts::LN_2;

use crate::arith::Real;
use crate::arith::scalar::{exp, sin_cos_turns};
use crate::channel::Channel;
use crate::error::{Error, Result};

/// λ is held within ±`LAMBDA_LIMIT`: beyond it x is noise, or data, to more digits than f64 has.
pub const LAMBDA_LIMIT: f64 = 80.0;
/// What λ is divided by where it is a feature itself, so that usual levels give numbers of size one.
pub const LAMBDA_SCALE: f64 = 8.0;
/// The slowest wave, in turns a unit of λ; the fastest is `OCTAVES` octaves above it, one turn in 4 units.
pub const SLOWEST: f64 = 1.0 / 64.0;
/// From the slowest to the fastest wave.
pub const OCTAVES: f64 = 4.0;

/// The numbers that stand for a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Embedding {
    /// λ/8 alone.
    LogSnr,
    /// λ/8, then sin 2πf_jλ and cos 2πf_jλ for j = 0 … m − 1, f_j from 1/64 to 1/4 in equal ratios (1/64 alone for
    /// m = 1). Fourier features of the level, as in Vaswani et al. 2017 and Tancik et al. 2020.
    Fourier {
        /// m, at least 1.
        waves: usize,
    },
}

impl Embedding {
    /// The names that `new` reads.
    pub const NAMES: [&'static str; 2] = ["log-snr", "fourier"];

    /// The embedding of a name; `waves` is for `fourier` and unused by the other.
    ///
    /// Errors: `Error::Unknown`; `Error::Domain` where waves is 0 or above 1024.
    pub fn new(name: &str, waves: usize) -> Result<Self> {
        match name {
            "log-snr" => Ok(Embedding::LogSnr),
            "fourier" if (1..=1024).contains(&waves) => Ok(Embedding::Fourier { waves }),
            "fourier" => Err(Error::Domain {
                what: "waves",
                value: waves as f64,
                expected: "a number from 1 to 1024",
            }),
            other => Err(Error::Unknown {
                what: "embedding",
                name: other.to_string(),
                expected: Embedding::NAMES.join(", "),
            }),
        }
    }

    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Embedding::LogSnr => "log-snr",
            Embedding::Fourier { .. } => "fourier",
        }
    }

    /// m; 0 where there is no wave.
    pub fn waves(self) -> usize {
        match self {
            Embedding::LogSnr => 0,
            Embedding::Fourier { waves } => waves,
        }
    }

    /// How many numbers.
    pub fn len(self) -> usize {
        1 + 2 * self.waves()
    }

    /// Never: a level is told in every embedding.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The numbers at a channel, computed in f64 and rounded once.
    pub fn at<T: Real>(self, channel: Channel) -> Vec<T> {
        let lambda = channel.log_snr().clamp(-LAMBDA_LIMIT, LAMBDA_LIMIT);
        let mut features = vec![T::from_f64(lambda / LAMBDA_SCALE)];
        let waves = self.waves();
        for j in 0..waves {
            let octaves = OCTAVES * (j as f64 / (waves.max(2) - 1) as f64);
            let frequency = SLOWEST * exp(LN_2 * octaves);
            let (sin, cos) = sin_cos_turns(frequency * lambda);
            features.extend([T::from_f64(sin), T::from_f64(cos)]);
        }
        features
    }
}
