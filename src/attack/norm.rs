//! The norms of perturbations: their values, their balls, and the steepest direction in each.
//!
//! Floor 5. Uses `arith`, `error`, `attack::{exact, length}`. Spec: E4, N4.

use std::fmt;
use std::str::FromStr;

use super::exact::{Power, exponent, squares_within, sum_within};
use super::length::{largest, length_above};
use crate::arith::Real;
use crate::arith::wide::Wide;
use crate::error::{Error, Result};

/// ℓ∞ (the largest magnitude), ℓ2 (Euclid's) or ℓ1 (the sum of magnitudes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Norm {
    /// max_i |ω_i|.
    Linf,
    /// √Σ ω_i².
    L2,
    /// Σ |ω_i|.
    L1,
}

impl Norm {
    /// Every norm.
    pub const ALL: [Norm; 3] = [Norm::Linf, Norm::L2, Norm::L1];

    /// The name that `from_str` reads.
    pub fn name(self) -> &'static str {
        match self {
            Norm::Linf => "linf",
            Norm::L2 => "l2",
            Norm::L1 => "l1",
        }
    }

    /// ‖row‖, never below it and at most 7·2⁻⁵³ of it above (two subnormal steps below the normal range; infinite where
    /// it passes the largest f64). Exact for ℓ∞ and where at most one entry is not 0. NaN where an entry is.
    ///
    /// Spec: N4.
    pub fn of<T: Real>(self, row: &[T]) -> f64 {
        let largest = largest(row);
        let plain = self == Norm::Linf || row.iter().filter(|x| **x != T::ZERO).count() < 2;
        if plain || !largest.is_finite() {
            return largest;
        }
        let e = exponent(largest);
        let scaled = match self {
            // The nearest f64 to the sum, one step up.
            Norm::L1 => {
                let power = Power::new(-e);
                let add = |sum: Wide, x: &T| sum.plus(Wide::new(power.times(x.to_f64().abs())));
                row.iter().fold(Wide::ZERO, add).to_f64().next_up()
            }
            _ => length_above(row, e),
        };
        let whole = Power::new(e).times(scaled);
        if whole < f64::MIN_POSITIVE { whole.next_up() } else { whole }
    }

    /// Whether ‖row‖ ≤ radius, in real arithmetic: no rounding enters the answer. False where an entry is not finite
    /// or the radius is not a number of at least 0.
    ///
    /// Spec: E4.
    pub fn contains<T: Real>(self, row: &[T], radius: T) -> bool {
        let r = radius.to_f64();
        if r.is_nan() || r < 0.0 || !row.iter().all(|x| x.to_f64().abs() <= r && x.is_finite()) {
            return false;
        }
        r.is_infinite()
            || match self {
                Norm::Linf => true,
                Norm::L2 => squares_within(row, r),
                Norm::L1 => sum_within(row, r),
            }
    }

    /// The direction v of norm 1 that maximises ⟨gradient, v⟩, up to rounding: the signs (ℓ∞), gradient/‖gradient‖₂
    /// (ℓ2), or the sign of the entry of largest magnitude, the first of equal ones (ℓ1). 0 where the gradient is 0,
    /// and for ℓ∞ in each coordinate where it is.
    ///
    /// The gradient enters by its direction alone: one that is scaled by a power of two gives the same bits, as long
    /// as nothing underflows. `out` has the length of `gradient`.
    ///
    /// Spec: E4. Source: Goodfellow et al. 2015 (ℓ∞); Boyd and Vandenberghe, Convex Optimization, 9.4 (every norm).
    pub fn steepest<T: Real>(self, gradient: &[T], out: &mut [T]) {
        match self {
            Norm::Linf => {
                for (out, &g) in out.iter_mut().zip(gradient) {
                    *out = sign(g);
                }
            }
            Norm::L2 => {
                let e = exponent(largest(gradient));
                let (length, power) = (length_above(gradient, e), Power::new(-e));
                for (out, &g) in out.iter_mut().zip(gradient) {
                    let part = power.times(g.to_f64());
                    *out = if length > 0.0 { T::from_f64(part / length) } else { T::ZERO };
                }
            }
            Norm::L1 => {
                let first = first_largest(gradient);
                for (i, (out, &g)) in out.iter_mut().zip(gradient).enumerate() {
                    *out = if i == first { sign(g) } else { T::ZERO };
                }
            }
        }
    }
}

/// Where the entry of largest magnitude is, the first of equal ones.
fn first_largest<T: Real>(row: &[T]) -> usize {
    let mut first = 0;
    for (i, x) in row.iter().enumerate() {
        if x.abs() > row[first].abs() {
            first = i;
        }
    }
    first
}

fn sign<T: Real>(x: T) -> T {
    if x > T::ZERO {
        T::ONE
    } else if x < T::ZERO {
        -T::ONE
    } else {
        T::ZERO
    }
}

impl fmt::Display for Norm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Norm {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Norm::ALL.into_iter().find(|norm| norm.name() == name).ok_or_else(|| Error::Unknown {
            what: "norm",
            name: name.to_owned(),
            expected: Norm::ALL.map(Norm::name).join(", "),
        })
    }
}
