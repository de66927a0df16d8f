//! Sine and cosine of an angle measured in turns.
//!
//! Floor 0. Uses `arith::real`. Spec: N3.

use super::polynomial::horner;
use super::real::{MulAdd, Real};

/// (sin 2πu, cos 2πu) for every finite u; (NaN, NaN) otherwise.
///
/// Error: `BOUNDS` in `arith::bounds`. Exactly 0 and ±1 at multiples of 1/4. The reduction is exact: w is |u|
/// less its nearest integer, q the integer nearest 4w, f = w − q/4, |f| ≤ 1/8. Then
/// sin 2πf = 2πf + f³·S(f²) and cos 2πf = 1 − 2π²f² + f⁴·C(f²), with 2π and 2π² in two parts and the roundings
/// of the leading products added to the small term.
#[inline(always)]
pub fn sin_cos_turns<T: Real, M: MulAdd>(u: T) -> (T, T) {
    let a = u.abs();
    let near = (a + T::INTEGERS) - T::INTEGERS;
    let whole = if a < T::INTEGERS { near } else { a };
    let w = a - whole;
    let q = (T::FOUR * w + T::SHIFT) - T::SHIFT;
    let f = M::mul_add(-q, T::QUARTER, w);

    let (sine, cosine) = (sine_of_eighth::<T, M>(f), cosine_of_eighth::<T, M>(f));
    let odd = q * q == T::ONE;
    let sin_part = if odd { cosine } else { sine };
    let cos_part = if odd { sine } else { cosine };
    // q is one of −2, −1, 0, 1, 2; −2 and 2 are the same half turn.
    let half_turn = q * q > T::TWO;
    let sin_minus = half_turn || q == -T::ONE;
    let cos_minus = half_turn || q == T::ONE;
    let sin_of_a = if sin_minus { -sin_part } else { sin_part };
    let cos = if cos_minus { -cos_part } else { cos_part };
    (if u < T::ZERO { -sin_of_a } else { sin_of_a }, cos)
}

/// sin 2πf, |f| ≤ 1/8.
#[inline(always)]
fn sine_of_eighth<T: Real, M: MulAdd>(f: T) -> T {
    let square = f * f;
    let line = f * T::TAU_HI;
    let line_lo = M::mul_add(f, T::TAU_LO, M::mul_add(f, T::TAU_HI, -line));
    line + M::mul_add(square * f, horner::<T, M>(square, T::SIN_TAIL), line_lo)
}

/// cos 2πf, |f| ≤ 1/8.
#[inline(always)]
fn cosine_of_eighth<T: Real, M: MulAdd>(f: T) -> T {
    let square = f * f;
    let square_lo = M::mul_add(f, f, -square);
    let bend = square * T::TAU2_HI;
    let bend_lo = M::mul_add(
        square_lo,
        T::TAU2_HI,
        M::mul_add(square, T::TAU2_LO, M::mul_add(square, T::TAU2_HI, -bend)),
    );
    let parabola = T::ONE - bend;
    let parabola_lo = (T::ONE - parabola) - bend;
    let quartic = square * square;
    parabola + M::mul_add(quartic, horner::<T, M>(square, T::COS_TAIL), parabola_lo - bend_lo)
}
