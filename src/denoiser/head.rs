//! The head of a learned denoiser: how the numbers that a network gives become D̂ and ε̂.
//!
//! A network sees c_in·x and gives F(c_in·x, level). Every parametrisation of the field is then a pair of lines,
//! D̂ = d_x·x + d_F·F and ε̂ = e_x·x + e_F·F, whose four numbers depend on the level alone and satisfy x = a·D̂ + s·ε̂.
//!
//! Floor 3. Uses `arith`, `channel`, `error`, `tweedie`. Spec: T3.

use std::fmt;
use std::str::FromStr;

use crate::arith::Real;
use crate::channel::Channel;
use crate::error::{Error, Result};
use crate::tweedie::Kind;

/// What the network's numbers mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Head {
    /// F is one of the four predictions, c_in = 1.
    Predicts(Kind),
    /// The preconditioning of Karras et al. 2022 (table 1), for any channel: with n = a²σ_d² + s²,
    /// c_in = 1/√n, D̂ = (aσ_d²/n)·x + (sσ_d/√n)·F, ε̂ = (s/n)·x − (aσ_d/√n)·F. With F = 0 it is the Wiener filter
    /// of N(0, σ_d²I), and inputs and targets of the network have about unit variance at every level.
    Preconditioned {
        /// σ_d, the deviation of a coordinate of the data, above 0.
        sigma_data: f64,
    },
}

/// The numbers of a head at one level, computed in f64 and rounded once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coefficients<T> {
    /// c_in.
    pub input: T,
    /// d_x.
    pub denoised_of_x: T,
    /// d_F.
    pub denoised_of_output: T,
    /// e_x.
    pub noise_of_x: T,
    /// e_F.
    pub noise_of_output: T,
}

impl Head {
    /// The names that `from_str` reads.
    pub const NAMES: [&'static str; 5] = ["edm", "noise", "denoised", "score", "velocity"];

    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Head::Predicts(kind) => kind.name(),
            Head::Preconditioned { .. } => "edm",
        }
    }

    /// The head of a name; σ_d is for `edm` and unused by the others.
    ///
    /// Errors: `Error::Unknown`; `Error::Domain` where σ_d is not finite or not above 0.
    pub fn new(name: &str, sigma_data: f64) -> Result<Self> {
        if name != "edm" {
            return match Kind::from_str(name) {
                Ok(kind) => Ok(Head::Predicts(kind)),
                Err(_) => Err(Error::Unknown {
                    what: "head",
                    name: name.to_string(),
                    expected: Head::NAMES.join(", "),
                }),
            };
        }
        if !(sigma_data.is_finite() && sigma_data > 0.0) {
            return Err(Error::Domain {
                what: "sigma_data",
                value: sigma_data,
                expected: "a finite number above 0",
            });
        }
        Ok(Head::Preconditioned { sigma_data })
    }

    /// The five numbers at a channel.
    ///
    /// Each is a few roundings of f64 from its formula and then rounded to T. Errors: `Error::Domain` where a = 0
    /// and the head predicts noise or the score (x then says nothing of D̂), or where a number leaves T's range.
    pub fn at<T: Real>(self, channel: Channel) -> Result<Coefficients<T>> {
        let (a, s) = (channel.a(), channel.s());
        let [input, denoised_of_x, denoised_of_output, noise_of_x, noise_of_output] = match self {
            Head::Predicts(Kind::Noise) => [1.0, 1.0 / a, -s / a, 0.0, 1.0],
            Head::Predicts(Kind::Denoised) => [1.0, 0.0, 1.0, 1.0 / s, -a / s],
            Head::Predicts(Kind::Score) => [1.0, 1.0 / a, s / a * s, 0.0, -s],
            Head::Predicts(Kind::Velocity) => {
                let n = a.mul_add(a, s * s);
                [1.0, a / n, -s / n, s / n, a / n]
            }
            Head::Preconditioned { sigma_data } => {
                let spread = a * sigma_data;
                let n = spread.mul_add(spread, s * s);
                let root = n.sqrt();
                [1.0 / root, spread * sigma_data / n, s * sigma_data / root, s / n, -spread / root]
            }
        };
        let narrow = |value: f64| {
            let rounded = T::from_f64(value);
            if rounded.is_finite() {
                return Ok(rounded);
            }
            Err(Error::Domain {
                what: "a head's coefficient",
                value,
                expected: "a number of the format: a > 0 and s not too small",
            })
        };
        Ok(Coefficients {
            input: narrow(input)?,
            denoised_of_x: narrow(denoised_of_x)?,
            denoised_of_output: narrow(denoised_of_output)?,
            noise_of_x: narrow(noise_of_x)?,
            noise_of_output: narrow(noise_of_output)?,
        })
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
