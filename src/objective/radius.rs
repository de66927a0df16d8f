//! The radius of a perturbation: large where there is noise, small where structure forms.
//!
//! Floor 4. Uses `arith`, `channel`, `error`. Spec: section E, perturbations.

use super::consistency::power;
use crate::arith::fill_uniform;
use crate::channel::Channel;
use crate::error::{Error, Result};

/// r = r_max·s^ρ + b, b uniform in (0, b_max) for every row anew.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Radius {
    /// r_max, in the perturbation's units, at least 0.
    pub max: f64,
    /// ρ.
    pub power: f64,
    /// b_max, at least 0.
    pub offset: f64,
}

/// The customary b_max, as a part of the data's range.
pub const OFFSET_OF_RANGE: f64 = 8.0 / 255.0;

impl Radius {
    /// Errors: `Error::Domain` where r_max or b_max is negative or a number is not finite.
    pub fn new(max: f64, power: f64, offset: f64) -> Result<Self> {
        for (what, value) in [("radius", max), ("radius' offset", offset)] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(Error::Domain { what, value, expected: "a finite number, at least 0" });
            }
        }
        if !power.is_finite() {
            return Err(Error::Domain {
                what: "radius' power",
                value: power,
                expected: "a finite number",
            });
        }
        Ok(Radius { max, power, offset })
    }

    /// r_max·s^ρ; two roundings from its formula.
    pub fn at(self, channel: Channel) -> f64 {
        self.max * power(channel.s(), self.power)
    }

    /// E r² over b: c² + c·b_max + b_max²/3 with c = r_max·s^ρ, a sum of non-negative terms; 5 roundings from its formula.
    ///
    /// The square of the radius enters every affine optimum by its mean alone. Spec: E2, E4.
    pub fn mean_square(self, channel: Channel) -> f64 {
        let c = self.at(channel);
        c.mul_add(c + self.offset, self.offset * self.offset / 3.0)
    }

    /// The radii of rows `first_row`, `first_row` + 1, …: row n's b is element n of the stream.
    pub fn draw(self, channels: &[Channel], seed: u64, stream: u64, first_row: u64) -> Vec<f64> {
        let mut uniforms = vec![0.0; channels.len()];
        fill_uniform(seed, stream, first_row, &mut uniforms);
        channels.iter().zip(uniforms).map(|(&c, u)| self.at(c) + self.offset * u).collect()
    }
}
