//! Numbers in bf16 parts, and a matrix unit that adds in order and rounds to nearest.
//!
//! Uses nothing of the crate. Spec: N4.

/// In how many bf16 numbers an f32 number is split, and so how much of a product is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Parts {
    /// 16 bits of 24, by 3 products.
    Two,
    /// All 24 bits, by 6 products.
    Three,
}

impl Parts {
    /// P.
    pub fn count(self) -> usize {
        match self {
            Parts::Two => 2,
            Parts::Three => 3,
        }
    }

    /// Products of parts that are formed: those of parts i and j (from 0) with i + j < P.
    pub fn products(self) -> usize {
        self.count() * (self.count() + 1) / 2
    }
}

/// The nearest bf16 number, ties to even, by its bits. The number is finite and not within a half unit of bf16's end.
pub(super) fn nearest_bf16(x: f32) -> u16 {
    let bits = x.to_bits();
    ((bits + 0x7fff + ((bits >> 16) & 1)) >> 16) as u16
}

/// The number that bf16 bits stand for.
pub(super) fn widened(bits: u16) -> f32 {
    f32::from_bits((bits as u32) << 16)
}

/// The parts of a number: the nearest bf16, the nearest of what is left, and so on; those beyond P are zero.
pub(super) fn split(x: f32, parts: Parts) -> [f32; 3] {
    let (mut out, mut left) = ([0.0; 3], x);
    for part in out.iter_mut().take(parts.count()) {
        *part = widened(nearest_bf16(left));
        left -= *part;
    }
    out
}

/// The parts of an f64 number, by their bits.
pub(super) fn split_wide(x: f64, parts: Parts) -> [u16; 3] {
    let (mut out, mut left) = ([0; 3], x);
    for part in out.iter_mut().take(parts.count()) {
        // Rounded twice, so the nearest but for 2⁻²⁴ of it.
        *part = nearest_bf16(left as f32);
        left -= f64::from(widened(*part));
    }
    out
}

/// Which products of parts there are beside that of the first ones, in their order.
pub(super) fn small_products(parts: Parts) -> impl Iterator<Item = (usize, usize)> {
    (1..parts.count()).flat_map(|order| (0..=order).map(move |p| (p, order - p)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_parts_are_the_number_and_two_are_near() {
        for i in 0..100_000u32 {
            let x = f32::from_bits(0x3f80_0000 + i * 83);
            let of = |parts| -> f64 { split(x, parts).iter().map(|&p| f64::from(p)).sum() };
            assert_eq!(of(Parts::Three), f64::from(x));
            assert!((of(Parts::Two) - f64::from(x)).abs() <= f64::from(x) * 2f64.powi(-16));
            let wide = f64::from(x) * (1.0 + 1e-9);
            let parts = split_wide(wide, Parts::Three);
            let sum: f64 = parts.iter().map(|&p| f64::from(widened(p))).sum();
            assert!((sum - wide).abs() <= wide * 2f64.powi(-24));
        }
    }
}
