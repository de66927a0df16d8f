//! The exponential.
//!
//! Floor 0. Uses `arith::real`. Spec: N3.

use super::polynomial::even_odd;
use super::real::{MulAdd, Real};

/// eˣ for every x: 0 at −∞, +∞ from the overflow threshold on, NaN at NaN, correct in the subnormal range.
///
/// Error: `BOUNDS` in `arith::bounds`. The integer n nearest x/ln 2 is found by adding 1.5·2^(p−1), p the bits
/// of the significand, which leaves n in the low bits. x − n·ln 2 = r + r_lo to twice the precision, and
/// eˣ = 2ⁿ·((1 + r) + (r²·(1/2 + r·q(r)) + r_lo·(1 + r) + what the rounding of 1 + r lost)), q even and odd
/// powers apart. Source: the reduction is Cody and Waite's, with fused multiply–add.
#[inline(always)]
pub fn exp<T: Real, M: MulAdd>(x: T) -> T {
    let x = if x > T::EXP_OVERFLOW { T::EXP_OVERFLOW } else { x };
    let x = if x < T::EXP_UNDERFLOW { T::EXP_UNDERFLOW } else { x };

    let shifted = M::mul_add(x, T::LOG2_E, T::SHIFT);
    let n = shifted - T::SHIFT;
    // Exact: a multiple of the last place of both x and n·ln 2, below 1/2.
    let r_hi = M::mul_add(-n, T::LN2_HI, x);
    let r = M::mul_add(-n, T::LN2_LO, r_hi);
    let r_lo = M::mul_add(-n, T::LN2_LO, r_hi - r);

    let line = T::ONE + r;
    let line_lo = (T::ONE - line) + r;
    let square = r * r;
    let curve = M::mul_add(r, even_odd::<T, M>(r, square, T::EXP_TAIL), T::HALF);
    let y = line + M::mul_add(square, curve, M::mul_add(r_lo, line, line_lo));

    // 2ⁿ in two factors, because n reaches beyond the exponents of normal numbers at both ends.
    let (first, second) = T::two_factors(shifted, x);
    y * first * second
}
