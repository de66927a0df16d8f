//! The judge of the scalar functions: values in double-double, good to about 2⁻⁹⁰ relative.
//!
//! It shares nothing with the crate: Taylor series of its own constants, two doubles a number. It is itself
//! checked against 200-bit arithmetic in `tests/arith_judge.rs`. A value is (hi + lo)·2^exponent, so that
//! nothing over- or underflows.

// Each test binary compiles this file for itself and uses a part of it.
#![allow(dead_code)]

use std::f64::consts::LN_2;

/// hi + lo with |lo| ≤ ulp(hi)/2; every operation below is good to a few units of 2⁻¹⁰⁴ relative.
#[derive(Clone, Copy, Debug)]
pub struct Dd(pub f64, pub f64);

/// ln 2 and 2π to 106 bits.
const LN2: Dd = Dd(LN_2, 2.3190468138462996e-17);
const TAU: Dd = Dd(std::f64::consts::TAU, 2.4492935982947064e-16);

fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let s = a + b;
    let part = s - a;
    (s, (a - (s - part)) + (b - part))
}

impl Dd {
    pub fn of(x: f64) -> Dd {
        Dd(x, 0.0)
    }
    pub fn add(self, b: Dd) -> Dd {
        let (s, e) = two_sum(self.0, b.0);
        let (t, f) = two_sum(self.1, b.1);
        let (s, e) = two_sum(s, e + t);
        let (s, e) = two_sum(s, e + f);
        Dd(s, e)
    }
    pub fn neg(self) -> Dd {
        Dd(-self.0, -self.1)
    }
    pub fn mul(self, b: Dd) -> Dd {
        let p = self.0 * b.0;
        let e = self.0.mul_add(b.0, -p) + (self.0 * b.1 + self.1 * b.0);
        let (s, e) = two_sum(p, e);
        Dd(s, e)
    }
    pub fn div(self, b: Dd) -> Dd {
        let first = self.0 / b.0;
        let rest = self.add(b.mul(Dd::of(first)).neg());
        let second = rest.0 / b.0;
        let rest = rest.add(b.mul(Dd::of(second)).neg());
        Dd::of(first).add(Dd::of(second)).add(Dd::of(rest.0 / b.0))
    }
}

/// The value (hi + lo)·2^exponent.
#[derive(Clone, Copy, Debug)]
pub struct Truth {
    pub value: Dd,
    pub exponent: i32,
}

/// Bits of the significand and exponent of the smallest normal number.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    pub bits: i32,
    pub smallest: i32,
    pub largest: i32,
}

pub const F32: Layout = Layout { bits: 24, smallest: -126, largest: 127 };
pub const F64: Layout = Layout { bits: 53, smallest: -1022, largest: 1023 };

pub fn power(n: i32) -> f64 {
    let half = n / 2;
    let piece = |k: i32| f64::from_bits(((k + 1023) as u64) << 52);
    piece(half) * piece(n - half)
}

/// x·2ⁿ where the result is exact, n beyond the exponent range included.
fn scaled(x: f64, n: i32) -> f64 {
    let step = n / 3;
    x * power(step) * power(step) * power(n - 2 * step)
}

impl Truth {
    pub fn of(x: f64) -> Truth {
        Truth { value: Dd::of(x), exponent: 0 }
    }

    /// Whether |truth| is below the smallest normal number.
    pub fn is_subnormal(self, layout: Layout) -> bool {
        let Dd(hi, lo) = self.value;
        let edge = scaled(1.0, layout.smallest - self.exponent);
        hi != 0.0
            && (hi.abs() < edge || (hi.abs() == edge && (lo < 0.0) == (hi > 0.0) && lo != 0.0))
    }

    /// |y − truth| in units of the last place that `layout` has at the truth; an infinite y counts as the
    /// power of two after the largest number.
    pub fn ulps(self, y: f64, layout: Layout) -> f64 {
        let Dd(hi, lo) = self.value;
        if hi == 0.0 {
            return if y == 0.0 { 0.0 } else { f64::INFINITY };
        }
        if y.is_nan() {
            return f64::INFINITY;
        }
        // The exponent of |truth|: lo can only take it down when hi is a power of two.
        let mut top = ((hi.to_bits() >> 52 & 0x7ff) as i32) - 1023;
        if hi.to_bits() << 12 == 0 && (lo < 0.0) == (hi > 0.0) && lo != 0.0 {
            top -= 1;
        }
        let place = (top + self.exponent).max(layout.smallest) - layout.bits + 1;
        let y_scaled = if y.is_infinite() {
            y.signum() * power(layout.largest + 1 - self.exponent)
        } else {
            scaled(y, -self.exponent)
        };
        let (d, e) = two_sum(y_scaled, -hi);
        let distance = (d + (e - lo)).abs();
        scaled(distance, self.exponent - place)
    }
}

/// Σ termₖ with term₀ = first and termₖ₊₁ = termₖ·x/(ratio(k)), until it no longer matters.
fn series(first: Dd, x: Dd, ratio: impl Fn(f64) -> f64) -> Dd {
    let (mut term, mut total, mut k) = (first, first, 0.0);
    while term.0.abs() > total.0.abs() * 1e-34 {
        term = term.mul(x).div(Dd::of(ratio(k)));
        total = total.add(term);
        k += 1.0;
    }
    total
}

/// eˣ for |x| ≤ 1000.
pub fn exp(x: f64) -> Truth {
    let n = (x / LN_2).round();
    let r = Dd::of(x).add(LN2.mul(Dd::of(-n)));
    // e^r = (e^(r/64))^64.
    let small = Dd(r.0 / 64.0, r.1 / 64.0);
    let mut value = series(Dd::of(1.0), small, |k| k + 1.0);
    for _ in 0..6 {
        value = value.mul(value);
    }
    Truth { value, exponent: n as i32 }
}

/// ln x for x > 0.
pub fn ln(x: f64) -> Truth {
    let lift = if x < f64::MIN_POSITIVE { 200 } else { 0 };
    let x = scaled(x, lift);
    let mut k = ((x.to_bits() >> 52) as i32) - 1023;
    let mut m = scaled(x, -k);
    if m > 1.4 {
        m /= 2.0;
        k += 1;
    }
    // ln m = 2 artanh((m − 1)/(m + 1)); near 1 the numerator is exact, so the result keeps its precision.
    let (up, up_lo) = two_sum(m, 1.0);
    let s = Dd::of(m - 1.0).div(Dd(up, up_lo));
    let square = s.mul(s);
    let (mut power, mut total, mut odd) = (s, s, 1.0);
    while power.0.abs() > total.0.abs() * 1e-34 {
        power = power.mul(square);
        odd += 2.0;
        total = total.add(power.div(Dd::of(odd)));
    }
    let value = Dd(2.0 * total.0, 2.0 * total.1).add(LN2.mul(Dd::of((k - lift) as f64)));
    Truth { value, exponent: 0 }
}

/// (sin 2πu, cos 2πu) for finite u.
pub fn sin_cos_turns(u: f64) -> (Truth, Truth) {
    // Exact: the remainder of a division by 1, then by 1/4 to the nearest.
    let w = u % 1.0;
    let q = (4.0 * w).round();
    let f = w - q / 4.0;
    // Lifted where f is small, so that no part of the product underflows.
    let lift = if f.abs() < 1e-100 { 600 } else { 0 };
    let angle = TAU.mul(Dd::of(scaled(f, lift)));
    let (sin, cos) = if lift > 0 {
        (angle, Dd::of(1.0))
    } else {
        let minus_square = angle.mul(angle).neg();
        (
            series(angle, minus_square, |k| (2.0 * k + 2.0) * (2.0 * k + 3.0)),
            series(Dd::of(1.0), minus_square, |k| (2.0 * k + 1.0) * (2.0 * k + 2.0)),
        )
    };
    let sin = Truth { value: sin, exponent: -lift };
    let cos = Truth { value: cos, exponent: 0 };
    let minus = |t: Truth| Truth { value: t.value.neg(), exponent: t.exponent };
    match (q as i64).rem_euclid(4) {
        0 => (sin, cos),
        1 => (cos, minus(sin)),
        2 => (minus(sin), minus(cos)),
        _ => (minus(cos), sin),
    }
}

/// 1/(1 + e⁻ˣ) for |x| ≤ 1000.
pub fn sigmoid(x: f64) -> Truth {
    let z = exp(-x.abs());
    let one = Dd::of(1.0);
    // Below 2^−200 adding z to 1 changes nothing at this precision.
    let denominator = if z.exponent < -200 {
        one
    } else {
        let p = power(z.exponent);
        one.add(Dd(z.value.0 * p, z.value.1 * p))
    };
    if x < 0.0 {
        Truth { value: z.value.div(denominator), exponent: z.exponent }
    } else {
        Truth { value: one.div(denominator), exponent: 0 }
    }
}
