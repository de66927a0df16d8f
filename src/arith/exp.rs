//! The exponential.
//!
//! Floor 0. Uses `arith::real`. Spec: N3.

use super::polynomial::horner;
use super::real::{MulAdd, Real};

/// eˣ for every x: 0 at −∞, +∞ from the overflow threshold on, NaN at NaN, correct in the subnormal range.
///
/// Error: `BOUNDS` in `arith::bounds`. The integer n nearest x/ln 2 is found by adding 1.5·2^(p−1), p the bits
/// of the significand, which leaves n in the low bits. x − n·ln 2 = r + r_lo to twice the precision, and
/// eˣ = 2ⁿ·(1 + r + r²/2 + (r³q(r) + r_lo·(1 + r + r²/2) + what the roundings of r², 1 + r and + r²/2 lost)).
/// Source: the reduction is Cody and Waite's, with fused multiply–add.
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

    let square = r * r;
    let half_square = T::HALF * square;
    let square_lo = M::mul_add(r, r, -square);
    let line = T::ONE + r;
    let line_lo = (T::ONE - line) + r;
    let parabola = line + half_square;
    let parabola_lo = (line - parabola) + half_square;

    let lost = M::mul_add(r_lo, parabola, M::mul_add(T::HALF, square_lo, line_lo + parabola_lo));
    let tail = M::mul_add(square * r, horner::<T, M>(r, T::EXP_TAIL), lost);
    let y = parabola + tail;

    // 2ⁿ in two factors, because n reaches beyond the exponents of normal numbers at both ends.
    let first_shifted = M::mul_add(n, T::HALF, T::SHIFT);
    let first = first_shifted - T::SHIFT;
    let second_shifted = (n - first) + T::SHIFT;
    y * T::power_of_two(first_shifted) * T::power_of_two(second_shifted)
}
