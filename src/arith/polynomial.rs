//! Horner's rule with one rounding a step.
//!
//! Private to the room. Floor 0. Uses `arith::real`. Spec: N3.

use super::real::{MulAdd, Real};

/// c₀ + x(c₁ + x(c₂ + …)), each step one fused multiply–add, from the last coefficient down.
#[inline(always)]
pub fn horner<T: Real, M: MulAdd>(x: T, coefficients: &[T]) -> T {
    let mut value = T::ZERO;
    if let Some((&last, rest)) = coefficients.split_last() {
        value = last;
        for &c in rest.iter().rev() {
            value = M::mul_add(value, x, c);
        }
    }
    value
}

/// The same polynomial with the even and the odd powers each by Horner's rule in x², `square` = x² rounded:
/// (c₀ + x²(c₂ + …)) + x·(c₁ + x²(c₃ + …)), the last step fused. Half the latency of one chain.
#[inline(always)]
pub fn even_odd<T: Real, M: MulAdd>(x: T, square: T, coefficients: &[T]) -> T {
    let mut even = T::ZERO;
    let mut odd = T::ZERO;
    for (i, &c) in coefficients.iter().enumerate().rev() {
        let half = if i % 2 == 0 { &mut even } else { &mut odd };
        *half = if i + 2 < coefficients.len() { M::mul_add(*half, square, c) } else { c };
    }
    M::mul_add(odd, x, even)
}
