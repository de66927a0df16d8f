//! Multi-precision numbers for the judge: a thin wrapper of `astro-float` with ordinary operators.
//!
//! A `Big` carries its precision in bits; an operation rounds to nearest at the larger precision
//! of its operands. Only + - * /, sqrt, exp and ln are used, each correctly rounded or within
//! 2 units of the last of its bits (measured against mpmath).

use astro_float::{BigFloat, Consts, Radix, RoundingMode, Sign};
use std::cell::RefCell;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};

const NEAREST: RoundingMode = RoundingMode::ToEven;

/// Below minus this argument exp is taken as zero, far below any f64: the exponents of
/// `astro-float` end at 2^(−2³¹).
const EXP_RANGE: f64 = 1e9;

thread_local! {
    static CONSTANTS: RefCell<Consts> = RefCell::new(Consts::new().expect("memory for constants"));
}

/// A multi-precision number with its working precision in bits.
#[derive(Clone, Debug)]
pub struct Big {
    value: BigFloat,
    bits: usize,
}

/// |x| = m·2^e with m an integer below 2⁵³, and the sign.
fn decompose(x: f64) -> (u64, i32, Sign) {
    let raw = x.to_bits();
    let field = ((raw >> 52) & 0x7ff) as i32;
    let fraction = raw & ((1 << 52) - 1);
    let sign = if x.is_sign_negative() { Sign::Neg } else { Sign::Pos };
    if field == 0 { (fraction, -1074, sign) } else { (fraction | 1 << 52, field - 1075, sign) }
}

impl Big {
    /// The exact value of a finite f64.
    ///
    /// Built from the integer mantissa because `BigFloat::from_f64` (astro-float-num 0.3.7)
    /// halves every subnormal number.
    pub fn new(x: f64, bits: usize) -> Big {
        assert!(x.is_finite(), "the judge takes finite numbers, not {x}");
        let (mantissa, exponent, sign) = decompose(x);
        let value = if mantissa == 0 {
            BigFloat::from_word(0, bits)
        } else {
            BigFloat::from_words(&[mantissa], sign, exponent + 64)
        };
        Big { value, bits }.checked()
    }

    /// Reads a decimal string.
    pub fn parse(text: &str, bits: usize) -> Big {
        let value =
            CONSTANTS.with_borrow_mut(|c| BigFloat::parse(text, Radix::Dec, bits, NEAREST, c));
        Big { value, bits }.checked()
    }

    fn checked(self) -> Big {
        assert!(!self.value.is_nan() && !self.value.is_inf(), "the judge met {:?}", self.value);
        self
    }

    /// The working precision in bits.
    pub fn bits(&self) -> usize {
        self.bits
    }

    pub fn is_zero(&self) -> bool {
        self.value.is_zero()
    }

    /// Strictly above zero.
    pub fn is_positive(&self) -> bool {
        self.value.is_positive() && !self.value.is_zero()
    }

    pub fn abs(&self) -> Big {
        Big { value: self.value.abs(), bits: self.bits }
    }

    pub fn sqrt(&self) -> Big {
        Big { value: self.value.sqrt(self.bits, NEAREST), bits: self.bits }.checked()
    }

    pub fn ln(&self) -> Big {
        let value = CONSTANTS.with_borrow_mut(|c| self.value.ln(self.bits, NEAREST, c));
        Big { value, bits: self.bits }.checked()
    }

    /// e^self; exactly zero below −10⁹, and refused above 10⁹.
    ///
    /// With n = round(self/ln 2) and r = (self − n·ln 2)/2^m: 2ⁿ·(Taylor sum of eʳ)^(2^m). Two
    /// to four times as fast as the exp of `astro-float`; the self-tests hold it against its ln.
    pub fn exp(&self) -> Big {
        if self < &Big::new(-EXP_RANGE, 64) {
            return Big::new(0.0, self.bits);
        }
        assert!(self < &Big::new(EXP_RANGE, 64), "exp of {self:?}");
        let m = self.bits.isqrt();
        // The squarings lose m bits, the product n·ln 2 at most 31.
        let bits = self.bits + m + 64;
        let ln2 = CONSTANTS.with_borrow_mut(|c| c.ln_2(bits, NEAREST));
        let ln2 = Big { value: ln2, bits };
        let n = (self / &ln2).to_f64().round();
        let r = (self - Big::new(n, bits) * ln2).times_power_of_two(-(m as i32));
        // |r| < 2^(−m−1), so the terms after the last are below 2^(−bits).
        let last = bits.div_ceil(m + 1);
        // Horner's rule on N!·Σ rʲ/j!, whose coefficients N!/j! are integers.
        let mut coefficient = Big::new(1.0, bits);
        let mut sum = coefficient.clone();
        for j in (1..=last).rev() {
            coefficient = coefficient * Big::new(j as f64, 64);
            sum = sum * &r + &coefficient;
        }
        let mut power = sum / coefficient;
        for _ in 0..m {
            power = &power * &power;
        }
        let mut value = power.times_power_of_two(n as i32).value;
        value.set_precision(self.bits, NEAREST).expect("memory");
        Big { value, bits: self.bits }.checked()
    }

    fn times_power_of_two(mut self, e: i32) -> Big {
        if let Some(exponent) = self.value.exponent().filter(|_| !self.is_zero()) {
            self.value.set_exponent(exponent + e);
        }
        self
    }

    /// π.
    pub fn pi(bits: usize) -> Big {
        let value = CONSTANTS.with_borrow_mut(|c| c.pi(bits, NEAREST));
        Big { value, bits }
    }

    /// The nearest f64, ties to even; infinite on overflow.
    pub fn to_f64(&self) -> f64 {
        self.round(false)
    }

    /// The least f64 that is not below |self|.
    pub fn abs_to_f64_up(&self) -> f64 {
        self.abs().round(true)
    }

    /// Rounds to f64: away from zero (`outward`), or to nearest with ties to even.
    fn round(&self, outward: bool) -> f64 {
        if self.is_zero() {
            return 0.0;
        }
        let (words, _, sign, exponent, _) = self.value.as_raw_parts().expect("finite");
        let top = words[words.len() - 1];
        assert!(top >> 63 == 1, "a normalised number");
        // |self| = 0.b₁b₂… · 2^exponent. A normal result keeps 53 bits, a subnormal one fewer.
        let keep = (exponent + 1074).min(53);
        if exponent > 1024 {
            return if sign == Sign::Neg { f64::NEG_INFINITY } else { f64::INFINITY };
        }
        let (kept, rest) = match keep {
            1.. => (top >> (64 - keep), top << keep),
            0 => (0, top),
            _ => (0, 0),
        };
        let sticky = keep < 0 || words[..words.len() - 1].iter().any(|w| *w != 0);
        let half = 1u64 << 63;
        let up = if outward {
            rest != 0 || sticky
        } else {
            rest > half || (rest == half && (sticky || kept & 1 == 1))
        };
        // The integer `kept` (at most 2⁵³) times 2^(exponent − keep) is exact or overflows.
        let unit = (exponent - keep.max(0)).max(-1074);
        let magnitude = scale((kept + up as u64) as f64, unit);
        if sign == Sign::Neg { -magnitude } else { magnitude }
    }

    /// A decimal string of all the digits.
    pub fn to_decimal(&self) -> String {
        CONSTANTS
            .with_borrow_mut(|c| self.value.format(Radix::Dec, NEAREST, c))
            .expect("a finite number has digits")
    }
}

/// x·2^e for an integer x ≤ 2⁵³ and e ≥ −1074, exact or infinite.
fn scale(x: f64, e: i32) -> f64 {
    let power = |e: i32| f64::from_bits(((e + 1023) as u64) << 52);
    if e >= -1022 {
        let high = e.min(1023 - 53);
        x * power(high) * power((e - high).min(1023))
    } else {
        // 2^−1074 times an integer below 2⁵²: two exact factors.
        x * power(e + 100) * power(-100)
    }
}

/// |truth − value| rounded up to f64; NaN where `value` is NaN, infinite where it is infinite.
pub fn abs_difference(truth: &Big, value: f64) -> f64 {
    if !value.is_finite() {
        return value.abs();
    }
    let value = Big::new(value, 64);
    let difference = truth.value.sub(&value.value, truth.bits, RoundingMode::FromZero);
    Big { value: difference, bits: truth.bits }.checked().abs_to_f64_up()
}

impl PartialEq for Big {
    fn eq(&self, other: &Big) -> bool {
        self.value.cmp(&other.value) == Some(0)
    }
}

impl PartialOrd for Big {
    fn partial_cmp(&self, other: &Big) -> Option<std::cmp::Ordering> {
        self.value.cmp(&other.value).map(|c| c.cmp(&0))
    }
}

impl Neg for &Big {
    type Output = Big;
    fn neg(self) -> Big {
        Big { value: BigFloat::neg(&self.value), bits: self.bits }
    }
}

impl Neg for Big {
    type Output = Big;
    fn neg(self) -> Big {
        -&self
    }
}

/// One operator for values and references alike.
macro_rules! operator {
    ($trait:ident, $method:ident) => {
        impl $trait<&Big> for &Big {
            type Output = Big;
            fn $method(self, other: &Big) -> Big {
                let bits = self.bits.max(other.bits);
                Big { value: self.value.$method(&other.value, bits, NEAREST), bits }.checked()
            }
        }
        impl $trait<Big> for &Big {
            type Output = Big;
            fn $method(self, other: Big) -> Big {
                self.$method(&other)
            }
        }
        impl $trait<&Big> for Big {
            type Output = Big;
            fn $method(self, other: &Big) -> Big {
                (&self).$method(other)
            }
        }
        impl $trait<Big> for Big {
            type Output = Big;
            fn $method(self, other: Big) -> Big {
                (&self).$method(&other)
            }
        }
    };
}
operator!(Add, add);
operator!(Sub, sub);
operator!(Mul, mul);
operator!(Div, div);

impl AddAssign<Big> for Big {
    fn add_assign(&mut self, other: Big) {
        *self = &*self + other;
    }
}

impl SubAssign<Big> for Big {
    fn sub_assign(&mut self, other: Big) {
        *self = &*self - other;
    }
}
