//! Norms compared with a radius in real arithmetic, and roundings that go one way.
//!
//! Every finite number of either format is an integer times 2⁻¹⁰⁷⁴, and its square an integer times 2⁻²¹⁴⁸. So a sum
//! of magnitudes, or of squares, is an integer that a fixed array of words holds, and ‖ω‖ ≤ r is decided, not
//! estimated. A filter in f64 with a proven margin answers first; the integers are formed only at the border.
//!
//! Floor 5. Uses `arith`. Spec: E4, N4.

use std::cmp::Ordering;

use crate::arith::Real;

/// Words of an integer that holds 2⁶⁴ squares of the largest f64 in units of 2⁻²¹⁴⁸: 2148 + 2048 + 64 bits.
const WORDS: usize = 67;
/// The exponent of the unit.
const UNIT: i32 = -2148;

/// A sum of non-negative numbers, exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ExactSum {
    /// The integer, lowest word first.
    words: [u64; WORDS],
}

impl ExactSum {
    fn zero() -> Self {
        ExactSum { words: [0; WORDS] }
    }

    /// Adds m·2^e, e at least [`UNIT`].
    fn add(&mut self, m: u128, e: i32) {
        let shift = (e - UNIT).max(0) as usize;
        let (first, bits) = (shift / 64, shift % 64);
        let low = m << bits;
        // Shifting by 128 − bits in two steps is defined for bits = 0.
        let high = (m >> 64) >> (64 - bits.max(1)) >> usize::from(bits == 0);
        let parts = [low as u64, (low >> 64) as u64, high as u64];
        let mut carry = false;
        for (k, word) in self.words.iter_mut().skip(first).enumerate() {
            let part = parts.get(k).copied().unwrap_or(0);
            if k >= parts.len() && !carry {
                return;
            }
            let (sum, over) = word.overflowing_add(part);
            let (sum, more) = sum.overflowing_add(u64::from(carry));
            (*word, carry) = (sum, over || more);
        }
    }

    fn add_magnitude(&mut self, x: f64) {
        let (m, e) = decompose(x);
        self.add(u128::from(m), e);
    }

    fn add_square(&mut self, x: f64) {
        let (m, e) = decompose(x);
        self.add(u128::from(m) * u128::from(m), 2 * e);
    }
}

impl PartialOrd for ExactSum {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.words.iter().rev().cmp(other.words.iter().rev()))
    }
}

/// |x| = m·2^e for a finite x, m below 2⁵³ and e at least −1074.
fn decompose(x: f64) -> (u64, i32) {
    let (field, fraction) = ((x.to_bits() >> 52) as i32 & 0x7ff, x.to_bits() & ((1 << 52) - 1));
    if field == 0 { (fraction, -1074) } else { (fraction | 1 << 52, field - 1075) }
}

/// What the filter answers: relative to r^p the margin is twice what the two sides can be off by.
///
/// With n terms the sum of magnitudes or squares is within (n + 1)·u·(1 + 2⁻⁴⁰) of itself and r^p within u for n below
/// 2³⁰; between 2^±400 nothing that matters overflows or underflows.
fn filtered(sum: f64, bound: f64, terms: usize) -> Option<bool> {
    let margin = (terms as f64 + 8.0) * (2.0 * f64::UNIT_ROUNDOFF);
    let known = (1e-200..1e200).contains(&bound) && terms < 1 << 30;
    match known {
        true if sum <= bound * (1.0 - margin) => Some(true),
        true if sum >= bound * (1.0 + margin) => Some(false),
        _ => None,
    }
}

/// Whether Σ|x_i| ≤ r in real arithmetic, for finite x and r ≥ 0.
pub(super) fn sum_within<T: Real>(row: &[T], radius: f64) -> bool {
    let sum = row.iter().fold(0.0, |sum, x| sum + x.to_f64().abs());
    filtered(sum, radius, row.len()).unwrap_or_else(|| {
        let (mut left, mut right) = (ExactSum::zero(), ExactSum::zero());
        row.iter().for_each(|x| left.add_magnitude(x.to_f64()));
        right.add_magnitude(radius);
        left <= right
    })
}

/// Whether Σx_i² ≤ r² in real arithmetic, for finite x and r ≥ 0.
pub(super) fn squares_within<T: Real>(row: &[T], radius: f64) -> bool {
    let sum = row.iter().fold(0.0, |sum, x| sum + x.to_f64() * x.to_f64());
    filtered(sum, radius * radius, row.len()).unwrap_or_else(|| {
        let (mut left, mut right) = (ExactSum::zero(), ExactSum::zero());
        row.iter().for_each(|x| left.add_square(x.to_f64()));
        right.add_square(radius);
        left <= right
    })
}

/// The exponent e with 2^e ≤ x < 2^(e+1), for x > 0 and finite; 0 for x = 0.
pub(super) fn exponent(x: f64) -> i32 {
    let (m, e) = decompose(x);
    if m == 0 { 0 } else { e + 63 - m.leading_zeros() as i32 }
}

/// 2^k for |k| ≤ 1100, as two factors that f64 holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Power(f64, f64);

impl Power {
    pub(super) fn new(k: i32) -> Self {
        let power = |k: i32| f64::from_bits(((1023 + k) as u64) << 52);
        Power(power(k / 2), power(k - k / 2))
    }

    /// x·2^k; exact where the result is a normal number.
    #[inline(always)]
    pub(super) fn times(self, x: f64) -> f64 {
        x * self.0 * self.1
    }
}

/// x·2^k for |k| ≤ 1100; exact where the result is a normal number.
pub(super) fn scale(x: f64, k: i32) -> f64 {
    Power::new(k).times(x)
}

/// The largest f64 not above x·2^k, for 0 ≤ x ≤ 4.
pub(super) fn scale_down(x: f64, k: i32) -> f64 {
    let scaled = scale(x, k);
    // Scaling back is exact: what was lost shows here.
    if scale(scaled, -k) > x { scaled.next_down() } else { scaled }
}

/// A number not above x·y for x, y ≥ 0 whose product is finite, within 2u of it or one subnormal step.
///
/// The product's error says which way it was rounded; where that error may itself underflow the step down is taken
/// unasked.
pub(super) fn product_below(x: f64, y: f64) -> f64 {
    let product = x * y;
    let step = product < scale(1.0, -900) || x.mul_add(y, -product) < 0.0;
    if step { product.next_down().max(0.0) } else { product }
}

/// The largest number of the format not above x ≥ 0, for x at most `T::MAX`.
pub(super) fn floor_to<T: Real>(x: f64) -> T {
    if T::UNIT_ROUNDOFF == f64::UNIT_ROUNDOFF {
        return T::from_f64(x);
    }
    // The spacing of the format at x, a power of two that f64 holds with room: the quotient is exact.
    let spacing = scale(2.0 * T::UNIT_ROUNDOFF, exponent(x)).max(T::TINY);
    T::from_f64((x / spacing).floor() * spacing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_border_is_decided() {
        assert!(squares_within(&[3.0_f64, 4.0], 5.0));
        assert!(!squares_within(&[3.0_f64, 4.0_f64.next_up()], 5.0));
        assert!(squares_within(&[3.0_f64, 4.0_f64.next_down()], 5.0));
        assert!(!squares_within(&[1.0_f64, 5e-324], 1.0));
        assert!(!squares_within(&[f64::MAX, 5e-324], f64::MAX));
        assert!(squares_within(&[5e-324_f64], 5e-324));
        assert!(!sum_within(&[1.0_f64, 5e-324], 1.0));
        assert!(sum_within(&[0.5_f64, -0.25, 0.25], 1.0));
        assert!(!sum_within(&[f64::MAX; 64], f64::MAX));
        assert!(sum_within(&[0.0_f32; 3], 0.0) && !sum_within(&[f32::MIN_POSITIVE], 0.0));
    }

    #[test]
    fn carries_travel() {
        let mut sum = ExactSum::zero();
        sum.add(u128::MAX, UNIT + 63);
        sum.add(1, UNIT + 63);
        let mut power = ExactSum::zero();
        power.add(1, UNIT + 63 + 128);
        assert_eq!(sum, power);
        let mut sum = ExactSum::zero();
        sum.add(u128::MAX, UNIT);
        sum.add(1, UNIT);
        let mut power = ExactSum::zero();
        power.add(1, UNIT + 128);
        assert_eq!(sum, power);
    }

    #[test]
    fn floors_go_down() {
        for x in [0.0, 1.0, 1.0 + 1e-9, 1.0 - 1e-9, 1e-40, 1.5e-45, 1e-46, 3.4e38] {
            let found = floor_to::<f32>(x);
            assert!(f64::from(found) <= x && f64::from(found.next_up()) > x, "{x}: {found}");
        }
        assert_eq!(scale_down(1.75, -1074), 5e-324);
        assert_eq!(scale_down(0.75, -1074), 0.0);
        assert_eq!(scale_down(1.5, 1000), 1.5 * 2.0_f64.powi(1000));
        assert_eq!((exponent(1.5), exponent(5e-324), exponent(f64::MAX)), (0, -1074, 1023));
    }
}
