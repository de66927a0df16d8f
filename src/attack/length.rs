//! Lengths of rows from above, and rows scaled to a length from below: the two loops of ℓ2 that must be fast.
//!
//! Floor 5. Uses `arith`, `attack::exact`. Spec: E4, N3, N4.

use super::exact::{Power, exponent, floor_to, product_below};
use crate::arith::{Isa, Kernel, MulAdd, Real};

/// Partial sums side by side.
const LANES: usize = 8;

/// max_i |x_i|; NaN where an entry is.
pub(super) fn largest<T: Real>(row: &[T]) -> f64 {
    row.iter().fold(0.0, |most: f64, x| {
        let x = x.to_f64().abs();
        if x > most || x.is_nan() { x } else { most }
    })
}

/// ‖2^(−e)·row‖₂, never below it and at most 7u of it above, for 2^e the power of two of the row's largest entry.
///
/// The squares and their sum are formed with their errors (Ogita, Rump and Oishi 2005, Dot2), entry i in lane i mod 8,
/// the lanes added in order. For d < 2²⁰ the sum is within u(1 + 2⁻¹⁰) of itself, so its root within 1.6u; the factor
/// 1 + 4u, rounded, is above that. What underflows is below 2⁻¹⁰⁰⁰ of the sum, which is at least 1. For more entries
/// the factor grows with the error γ(d)².
pub(super) fn length_above<T: Real>(row: &[T], e: i32) -> f64 {
    let root = Isa::best().run(Squares { row, power: Power::new(-e) }).sqrt();
    let d = row.len() as f64 * f64::UNIT_ROUNDOFF;
    root * (1.0 + (4.0 * f64::UNIT_ROUNDOFF + 16.0 * d * d))
}

/// Σ (2^k·x_i)².
struct Squares<'a, T> {
    row: &'a [T],
    power: Power,
}

impl<T: Real> Kernel for Squares<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn run<M: MulAdd>(self) -> f64 {
        let (mut sums, mut errors) = ([0.0; LANES], [0.0; LANES]);
        for chunk in self.row.chunks(LANES) {
            let mut part = [0.0; LANES];
            for (part, x) in part.iter_mut().zip(chunk) {
                *part = self.power.times(x.to_f64());
            }
            for ((sum, error), x) in sums.iter_mut().zip(&mut errors).zip(part) {
                let square = x * x;
                let (next, lost) = two_sum(*sum, square);
                *error += lost + M::mul_add(x, x, -square);
                *sum = next;
            }
        }
        let (mut total, mut rest) = (0.0, 0.0);
        for (sum, error) in sums.into_iter().zip(errors) {
            let (next, lost) = two_sum(total, sum);
            rest += lost + error;
            total = next;
        }
        total + rest
    }
}

/// a + b and its rounding error, exactly.
#[inline(always)]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let s = a + b;
    let (a1, b1) = (s - (s - a), s - a);
    (s, (a - a1) + (b - b1))
}

/// out_i = (r/‖x‖₂)·x_i from below in magnitude, for a finite row x that is not 0 and r > 0.
///
/// Σ out_i² ≤ r² in real arithmetic: the factor is below r/‖x‖ by more than the roundings of a product and of the
/// scalar. Where the product is too small for a relative error it is rounded toward zero instead, and an entry below
/// 2⁻¹⁰⁰⁰ of the largest becomes 0. |out_i| is below the exact one by at most (4u + 14·2⁻⁵³) of it, 2⁻¹⁰⁰⁰·r and 12
/// subnormal steps.
pub(super) fn shrink<S: Real, T: Real>(x: &[S], r: f64, out: &mut [T]) {
    let e = exponent(largest(x));
    let ratio = (r / length_above(x, e)).next_down().max(0.0);
    let margin = (1.0 - 4.0 * f64::UNIT_ROUNDOFF) * (1.0 - 2.0 * T::UNIT_ROUNDOFF);
    let power = Power::new(-e);
    Isa::best().run(Scale { x, power, factor: ratio * margin, out });
    // Any factor below this one has small products; then every entry takes the careful way.
    let limit = 4.0 * T::MIN_POSITIVE.to_f64().max(SMALL);
    for (out, x) in out.iter_mut().zip(x) {
        let part = power.times(x.to_f64().abs());
        if part < LEAST {
            *out = T::ZERO;
        } else if ratio * part < limit {
            *out = signed(floor_to(product_below(ratio, part)), x.to_f64());
        }
    }
}

/// 2⁻⁹⁰⁰: products above it have a relative error.
const SMALL: f64 = 1.2e-271;
/// 2⁻¹⁰⁰⁰.
const LEAST: f64 = 9.332636185032189e-302;

/// The magnitude with the sign of x; 0 has none.
pub(super) fn signed<T: Real>(magnitude: T, x: f64) -> T {
    if x < 0.0 && magnitude > T::ZERO { -magnitude } else { magnitude }
}

/// out = factor·(2^k·x), rounded to f64 and then to the scalar.
struct Scale<'a, S, T> {
    x: &'a [S],
    power: Power,
    factor: f64,
    out: &'a mut [T],
}

impl<S: Real, T: Real> Kernel for Scale<'_, S, T> {
    type Output = ();

    #[inline(always)]
    fn run<M: MulAdd>(self) {
        for (out, x) in self.out.iter_mut().zip(self.x) {
            *out = T::from_f64(self.factor * self.power.times(x.to_f64()));
        }
    }
}
