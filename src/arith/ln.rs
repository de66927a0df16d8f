//! The natural logarithm.
//!
//! Floor 0. Uses `arith::real`. Spec: N3.

use super::polynomial::horner;
use super::real::{MulAdd, Real};

/// ln x for every x: −∞ at ±0, +∞ at +∞, NaN below zero and at NaN, correct for subnormal x.
///
/// Error: `BOUNDS` in `arith::bounds`. x = m·2ᵏ with √½ ≤ m < √2, f = m − 1 (exact), s = f/(2 + f);
/// ln m = f − f²/2 + s·(f²/2 + s²·P(s²)). What the roundings of k·ln 2 + f, f² and − f²/2 lost is added to the
/// small term. Source: the identity is that of Sun's fdlibm.
#[inline(always)]
pub fn ln<T: Real, M: MulAdd>(x: T) -> T {
    let (k, m) = T::split(x);
    let f = m - T::ONE;
    let s = f / (T::TWO + f);
    let z = s * s;
    let series = z * horner::<T, M>(z, T::LN_TAIL);

    let square = f * f;
    let half_square = T::HALF * square;
    let square_lo = M::mul_add(f, f, -square);

    let shift = k * T::LN2_HI;
    let shift_lo = M::mul_add(k, T::LN2_LO, M::mul_add(k, T::LN2_HI, -shift));
    let line = shift + f;
    let line_lo = (shift - line) + f;
    let parabola = line - half_square;
    let parabola_lo = (line - parabola) - half_square;

    let lost = M::mul_add(-T::HALF, square_lo, line_lo + parabola_lo) + shift_lo;
    let y = parabola + M::mul_add(s, half_square + series, lost);

    let y = if x == T::INFINITY { T::INFINITY } else { y };
    let y = if x == T::ZERO { -T::INFINITY } else { y };
    if x >= T::ZERO { y } else { T::NAN }
}
