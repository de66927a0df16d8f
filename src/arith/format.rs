//! What the functions of this room need of the two formats beyond arithmetic: their bits.
//!
//! Private to the room, so that it also seals `Real`. Floor 0. Uses nothing of the crate. Spec: N3.

/// The bits of a format. Every operation is an integer addition, shift or mask that each instruction set has
/// in vector form, so that loops over lanes stay vectorised.
pub trait Format: Copy + Sized {
    /// 1.5·2^(p−1), p the bits of the significand: adding it rounds |x| < 2^(p−2) to an integer (ties to even)
    /// and leaves that integer in the low bits.
    const SHIFT: Self;
    /// 2^(p−1): every number from here on is an integer.
    const INTEGERS: Self;
    /// 1/4, 2 and 4.
    const QUARTER: Self;
    const TWO: Self;
    const FOUR: Self;
    /// Elements of a random stream that one call of Philox gives.
    const PER_CALL: usize;

    /// 2ⁿ as the product of two normal powers of two, from `SHIFT` + n and any number with the sign of n (either
    /// for n = 0). The first lies far enough inside the exponent range that its product with a number near 1 is
    /// normal, so only the second product can round or overflow.
    fn two_factors(shifted: Self, sign: Self) -> (Self, Self);
    /// (k, m) with x = m·2ᵏ and m from just √½ up to √2, for a positive x that is normal or subnormal.
    /// Anything else gives two numbers without meaning.
    fn split(x: Self) -> (Self, Self);
    /// The uniform number (2k + 1)·2^−p of the open interval (0, 1), k the top p − 1 bits of the first word
    /// (of the pair of words, low first, in f64).
    fn uniform(words: [u32; 2]) -> Self;
    /// (w + 1/2)·2^−32 rounded once, w the first word; in f64 (w + 1/2)·2^−64, w the pair, low first.
    /// In (0, 1]: finer than `uniform` near zero, where a normal number's tail comes from.
    fn fine_uniform(words: [u32; 2]) -> Self;
}

impl Format for f64 {
    const SHIFT: Self = 6755399441055744.0;
    const INTEGERS: Self = 4503599627370496.0;
    const QUARTER: Self = 0.25;
    const TWO: Self = 2.0;
    const FOUR: Self = 4.0;
    const PER_CALL: usize = 2;

    #[inline(always)]
    fn two_factors(shifted: Self, sign: Self) -> (Self, Self) {
        let negative = (sign.to_bits() as i64) < 0;
        let offset: u64 = if negative { (1023 + 128) << 52 } else { (1023 - 128) << 52 };
        let second: u64 = if negative { (1023 - 128) << 52 } else { (1023 + 128) << 52 };
        (f64::from_bits((shifted.to_bits() << 52).wrapping_add(offset)), f64::from_bits(second))
    }

    #[inline(always)]
    fn split(x: Self) -> (Self, Self) {
        const SQRT_HALF: u64 = std::f64::consts::FRAC_1_SQRT_2.to_bits();
        let subnormal = x < f64::MIN_POSITIVE;
        let normal = if subnormal { x * 18014398509481984.0 } else { x };
        let correction = if subnormal { 54.0 } else { 0.0 };
        let bits = normal.to_bits().wrapping_add(1.0f64.to_bits() - SQRT_HALF);
        let m = f64::from_bits((bits & ((1 << 52) - 1)) + SQRT_HALF);
        let biased = f64::from_bits(Self::INTEGERS.to_bits() | (bits >> 52));
        (biased - (Self::INTEGERS + 1023.0) - correction, m)
    }

    #[inline(always)]
    fn uniform(words: [u32; 2]) -> Self {
        let w = (words[0] as u64) | ((words[1] as u64) << 32);
        // 1 + k·2^−52 lies in [1, 2); subtracting 1 − 2^−53 is exact.
        f64::from_bits(1.0f64.to_bits() | (w >> 12)) - (1.0 - f64::EPSILON / 2.0)
    }

    #[inline(always)]
    fn fine_uniform(words: [u32; 2]) -> Self {
        // 2^32·high + (low + 1/2): both terms are exact, the sum rounds once.
        const SCALE: f64 = 1.0 / (4294967296.0 * 4294967296.0);
        (words[1] as f64 * 4294967296.0 + (words[0] as f64 + 0.5)) * SCALE
    }
}

impl Format for f32 {
    const SHIFT: Self = 12582912.0;
    const INTEGERS: Self = 8388608.0;
    const QUARTER: Self = 0.25;
    const TWO: Self = 2.0;
    const FOUR: Self = 4.0;
    const PER_CALL: usize = 4;

    #[inline(always)]
    fn two_factors(shifted: Self, sign: Self) -> (Self, Self) {
        let negative = (sign.to_bits() as i32) < 0;
        let offset: u32 = if negative { (127 + 32) << 23 } else { (127 - 32) << 23 };
        let second: u32 = if negative { (127 - 32) << 23 } else { (127 + 32) << 23 };
        (f32::from_bits((shifted.to_bits() << 23).wrapping_add(offset)), f32::from_bits(second))
    }

    #[inline(always)]
    fn split(x: Self) -> (Self, Self) {
        const SQRT_HALF: u32 = std::f32::consts::FRAC_1_SQRT_2.to_bits();
        let subnormal = x < f32::MIN_POSITIVE;
        let normal = if subnormal { x * 33554432.0 } else { x };
        let correction = if subnormal { 25.0 } else { 0.0 };
        let bits = normal.to_bits().wrapping_add(1.0f32.to_bits() - SQRT_HALF);
        let m = f32::from_bits((bits & ((1 << 23) - 1)) + SQRT_HALF);
        let biased = f32::from_bits(Self::INTEGERS.to_bits() | (bits >> 23));
        (biased - (Self::INTEGERS + 127.0) - correction, m)
    }

    #[inline(always)]
    fn uniform(words: [u32; 2]) -> Self {
        f32::from_bits(1.0f32.to_bits() | (words[0] >> 9)) - (1.0 - f32::EPSILON / 2.0)
    }

    #[inline(always)]
    fn fine_uniform(words: [u32; 2]) -> Self {
        // 2^16·high + (low + 1/2): both terms are exact, the sum rounds once.
        let (high, low) = ((words[0] >> 16) as f32, (words[0] & 0xffff) as f32);
        (high * 65536.0 + (low + 0.5)) * (1.0 / 4294967296.0)
    }
}
