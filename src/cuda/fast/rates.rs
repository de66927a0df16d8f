//! How far a product on matrix units is from the exact one, relative to the sum of the magnitudes of its terms (docs/fast.md).
//!
//! Uses `arith`. Spec: N4.

use super::split::Parts;
use crate::arith::Real;

/// u of f32.
pub(super) const UNIT: f64 = <f32 as Real>::UNIT_ROUNDOFF;
/// θ: what one instruction may err, relative to the sum of the magnitudes of its 17 terms.
///
/// Assumption M: the products are exact, and a sum over 17 terms is a tree of additions of two or more numbers each, in any shape. An addition of
/// m + 1 numbers may cut all but the largest at a 24-bit number's last place as aligned to the largest, and cut or round its sum to 24 bits: (m + 1)·2⁻²³ of the
/// magnitudes. The m of a tree add up to 16, and there are at most 16 additions: 32·2⁻²³; one more is for the growth of the partial sums.
/// Spec: N4. Source: docs/fast.md.
pub const fn unit_error() -> f64 {
    33.0 * 2.0 * UNIT
}

/// The small products' magnitudes, relative to those of the whole: (2·2⁻⁸ + 3·2⁻¹⁶)(1 + 2⁻⁸), rounded up.
const SMALL: f64 = 0.008;
/// The first parts' product is at most (1 + 2⁻⁸)² of the whole.
const FIRST: f64 = 1.01;

/// (1 + θ)ⁿ − 1: a chain of n instructions.
fn growth(n: usize) -> f64 {
    1.0001 * (n as f64 * unit_error().ln_1p()).exp_m1()
}

/// A product over `steps` times 16 inner indices: what the split loses, what the units round, and the addition of both sums.
pub(super) fn product_rate(steps: usize, parts: Parts) -> f64 {
    let count = parts.count() as i32;
    let lost = f64::from(count + 1) * 2f64.powi(-8 * count) * 1.02;
    let small = steps * (parts.products() - 1);
    lost + FIRST * growth(steps) + SMALL * growth(small) + 1.1 * UNIT
}
