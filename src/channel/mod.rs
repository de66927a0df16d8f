//! The Gaussian channel x = a·x₀ + s·ε.
//!
//! Floor 1. Uses `error`. Spec: notation, T3.

use crate::error::{Error, Result};

/// The Gaussian channel (a, s): x = a·x₀ + s·ε with ε ~ N(0, I), a ≥ 0, s > 0, both finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Channel {
    a: f64,
    s: f64,
}

impl Channel {
    /// The channel with signal factor `a` ≥ 0 and noise deviation `s` > 0.
    ///
    /// Errors: `Error::Domain` where a number is not finite, a < 0 or s ≤ 0.
    pub fn new(a: f64, s: f64) -> Result<Self> {
        if !(a.is_finite() && a >= 0.0) {
            return Err(Error::Domain {
                what: "a",
                value: a,
                expected: "a finite number, at least 0",
            });
        }
        if !(s.is_finite() && s > 0.0) {
            return Err(Error::Domain { what: "s", value: s, expected: "a finite number above 0" });
        }
        Ok(Channel { a, s })
    }

    /// The signal factor a.
    pub fn a(self) -> f64 {
        self.a
    }

    /// The noise deviation s.
    pub fn s(self) -> f64 {
        self.s
    }
}
