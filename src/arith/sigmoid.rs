//! The logistic function.
//!
//! Floor 0. Uses `arith::exp`. Spec: N3.

use super::exp::exp;
use super::real::{MulAdd, Real};

/// 1/(1 + e⁻ˣ) for every x: 0 at −∞, 1 at +∞, NaN at NaN; nothing overflows.
///
/// Error: `BOUNDS` in `arith::bounds`. With z = e^−|x| it is 1/(1 + z) for x ≥ 0 and z/(1 + z) for x < 0.
#[inline(always)]
pub fn sigmoid<T: Real, M: MulAdd>(x: T) -> T {
    let z = exp::<T, M>(-x.abs());
    let numerator = if x < T::ZERO { z } else { T::ONE };
    numerator / (T::ONE + z)
}
