//! Samplers: from noise to data through a table of channels, by a denoiser.
//!
//! One file a method gives the step between two channels; `run` carries it out, `gaussian` computes the law that it
//! generates for an affine denoiser without sampling, `line` for any denoiser on the line (T8).
//!
//! Floor 5. Uses `arith`, `channel`, `denoiser`, `error`. Spec: T8.

pub mod ancestral;
pub mod ddim;
pub mod euler;
pub mod euler_maruyama;
pub mod gaussian;
pub mod heun;
pub mod line;
mod run;
mod step;

use std::fmt;
use std::str::FromStr;

use crate::channel::Channel;
use crate::error::{Error, Result};

pub use gaussian::{GaussianLaw, law_of_sampler};
pub use line::{LineLaw, law_on_line};
pub use run::{
    BLOCK, End, Intervene, Options, Record, Run, Snapshot, Start, prior_deviation, sample,
};
pub(crate) use run::{check_size, moves, start};
pub use step::{Step, TO_DATA, Weights};

/// How one step is taken.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Method {
    /// DDPM's ancestral sampling (`ancestral::step`).
    Ancestral,
    /// DDIM (`ddim::step`).
    Ddim {
        /// η in [0, 1]: 0 is deterministic, 1 is ancestral.
        eta: f64,
    },
    /// The probability flow by Euler (`euler::step`).
    Euler,
    /// The probability flow by Heun (`heun::step`).
    Heun,
    /// The reverse stochastic equation by Euler–Maruyama (`euler_maruyama::step`).
    EulerMaruyama,
}

impl Method {
    /// The names that `from_str` reads. `"ddim"` is η = 0; `"ddim:0.3"` gives η.
    pub const NAMES: [&'static str; 5] = ["ancestral", "ddim", "euler", "heun", "euler-maruyama"];

    /// The step from a channel to a cleaner one.
    ///
    /// Errors: `Error::Domain` where `to` is not cleaner, η is not in [0, 1], or a = 0 for a method in x/a.
    pub fn step(self, from: Channel, to: Channel) -> Result<Step> {
        match self {
            Method::Ancestral => ancestral::step(from, to),
            Method::Ddim { eta } => ddim::step(from, to, eta),
            Method::Euler => euler::step(from, to),
            Method::Heun => heun::step(from, to),
            Method::EulerMaruyama => euler_maruyama::step(from, to),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Method::Ancestral => f.write_str("ancestral"),
            Method::Ddim { eta } => write!(f, "ddim:{eta}"),
            Method::Euler => f.write_str("euler"),
            Method::Heun => f.write_str("heun"),
            Method::EulerMaruyama => f.write_str("euler-maruyama"),
        }
    }
}

impl FromStr for Method {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let unknown = || Error::Unknown {
            what: "sampler",
            name: name.to_owned(),
            expected: format!("{} (ddim:ETA sets eta)", Method::NAMES.join(", ")),
        };
        match name {
            "ancestral" => Ok(Method::Ancestral),
            "ddim" => Ok(Method::Ddim { eta: 0.0 }),
            "euler" => Ok(Method::Euler),
            "heun" => Ok(Method::Heun),
            "euler-maruyama" => Ok(Method::EulerMaruyama),
            _ => {
                let eta = name.strip_prefix("ddim:").ok_or_else(unknown)?;
                let eta: f64 = eta.parse().map_err(|_| unknown())?;
                if !(0.0..=1.0).contains(&eta) {
                    let expected = "a number in [0, 1]";
                    return Err(Error::Domain { what: "eta", value: eta, expected });
                }
                Ok(Method::Ddim { eta })
            }
        }
    }
}
