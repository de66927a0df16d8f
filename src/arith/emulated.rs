//! Fused multiply–add from additions and multiplications alone, for processors without the instruction.
//!
//! Both functions round once, to nearest with ties to even, so they equal the instruction bit for bit
//! (a NaN is a NaN: its payload is no part of the arithmetic). Floor 0. Uses nothing of the crate. Spec: N3.
//! Source: Boldo and Melquiond, "Emulation of FMA and correctly rounded sums: proved algorithms using rounding
//! to odd", IEEE Transactions on Computers 57(4), 2008.

/// a·b + c rounded once.
///
/// a·b is exact in f64; the sum is rounded to odd there, which leaves 53 ≥ 2·24 + 2 bits, so that rounding it to
/// f32 rounds the exact sum.
#[inline(always)]
pub fn mul_add_f32(a: f32, b: f32, c: f32) -> f32 {
    sum_to_odd(a as f64 * b as f64, c as f64) as f32
}

/// a·b + c rounded once.
///
/// Inside the range below no product, error term or sum over- or underflows, and the algorithm of Boldo and
/// Melquiond applies. Outside it the platform's function is called, which is exact everywhere, only slower.
#[inline(always)]
pub fn mul_add_f64(a: f64, b: f64, c: f64) -> f64 {
    let inside = |x: f64| x.abs() < LARGEST_FACTOR && x.abs() > SMALLEST_FACTOR;
    if inside(a) && inside(b) && c.abs() < LARGEST_TERM {
        return fused(a, b, c);
    }
    let finite = a.abs() < LARGEST_FACTOR && b.abs() < LARGEST_FACTOR && c.abs() < LARGEST_TERM;
    if finite && (a == 0.0 || b == 0.0) {
        return a * b + c;
    }
    a.mul_add(b, c)
}

/// Factors between 2^−480 and 2^480: their product's error is a multiple of 2^−1066, splitting does not overflow.
const LARGEST_FACTOR: f64 = f64::from_bits((1023 + 480) << 52);
const SMALLEST_FACTOR: f64 = f64::from_bits((1023 - 480) << 52);
/// 2^1000: no sum with a product below 2^960 overflows.
const LARGEST_TERM: f64 = f64::from_bits((1023 + 1000) << 52);

/// RN(a·b + c): with a·b = uh + ul, c + ul = th + tl and uh + th = vh + vl, all exact, it is
/// RN(vh + odd(tl + vl)).
#[inline(always)]
fn fused(a: f64, b: f64, c: f64) -> f64 {
    let (uh, ul) = product(a, b);
    let (th, tl) = sum(c, ul);
    let (vh, vl) = sum(uh, th);
    vh + sum_to_odd(tl, vl)
}

/// (s, e) with s = RN(a + b) and s + e = a + b (Knuth).
#[inline(always)]
fn sum(a: f64, b: f64) -> (f64, f64) {
    let s = a + b;
    let b_part = s - a;
    (s, (a - (s - b_part)) + (b - b_part))
}

/// (p, e) with p = RN(a·b) and p + e = a·b (Dekker, with Veltkamp's splitting).
#[inline(always)]
fn product(a: f64, b: f64) -> (f64, f64) {
    let (a_hi, a_lo) = halves(a);
    let (b_hi, b_lo) = halves(b);
    let p = a * b;
    (p, a_lo * b_lo - (((p - a_hi * b_hi) - a_lo * b_hi) - a_hi * b_lo))
}

/// x as the sum of two numbers of at most 26 bits.
#[inline(always)]
fn halves(x: f64) -> (f64, f64) {
    let scaled = x * 134217729.0;
    let hi = scaled - (scaled - x);
    (hi, x - hi)
}

/// a + b rounded to odd: itself where it is representable, otherwise the neighbour with an odd last bit.
#[inline(always)]
fn sum_to_odd(a: f64, b: f64) -> f64 {
    let (s, e) = sum(a, b);
    let bits = s.to_bits();
    // Where s is not finite, e is NaN.
    let inexact = e.abs() > 0.0;
    let step = if (e > 0.0) == (s > 0.0) { 1 } else { u64::MAX };
    let moved = if inexact && bits & 1 == 0 { step } else { 0 };
    f64::from_bits(bits.wrapping_add(moved))
}
