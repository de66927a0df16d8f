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
