//! Real numbers to 320 bits with ordinary operators, as the judge of double precision in tests.

// Each test binary compiles this file for itself and uses a part of it.
#![allow(dead_code)]

use std::cell::RefCell;
use std::ops::{Add, Div, Mul, Neg, Sub};

use astro_float::{BigFloat, Consts, RoundingMode};

const BITS: usize = 320;
const ROUND: RoundingMode = RoundingMode::ToEven;

thread_local! {
    static CONSTS: RefCell<Consts> = RefCell::new(Consts::new().expect("memory for constants"));
}

/// A number to 320 bits.
#[derive(Clone, Debug)]
pub struct Big(BigFloat);

/// The number, exactly.
pub fn big(x: f64) -> Big {
    Big(BigFloat::from_f64(x, BITS))
}

impl Big {
    pub fn exp(&self) -> Big {
        Big(CONSTS.with_borrow_mut(|consts| self.0.exp(BITS, ROUND, consts)))
    }

    pub fn ln(&self) -> Big {
        Big(CONSTS.with_borrow_mut(|consts| self.0.ln(BITS, ROUND, consts)))
    }

    pub fn sin(&self) -> Big {
        Big(CONSTS.with_borrow_mut(|consts| self.0.sin(BITS, ROUND, consts)))
    }

    pub fn cos(&self) -> Big {
        Big(CONSTS.with_borrow_mut(|consts| self.0.cos(BITS, ROUND, consts)))
    }

    pub fn sqrt(&self) -> Big {
        Big(self.0.sqrt(BITS, ROUND))
    }

    pub fn pi() -> Big {
        Big(CONSTS.with_borrow_mut(|consts| consts.pi(BITS, ROUND)))
    }

    /// The first 53 bits (toward zero), for magnitudes and comparisons with bounds; 0 below the normal range.
    pub fn to_f64(&self) -> f64 {
        let Some((words, _, sign, exponent, _)) = self.0.as_raw_parts() else { return f64::NAN };
        let Some(top) = words.last().filter(|_| !self.0.is_zero()) else { return 0.0 };
        let magnitude = (top >> 11) as f64 / 9_007_199_254_740_992.0;
        let value = magnitude * 2.0_f64.powi(exponent);
        if sign == astro_float::Sign::Neg { -value } else { value }
    }

    /// |self − x| in units in the last place of x.
    pub fn ulps_from(&self, x: f64) -> f64 {
        let gap = x.abs().next_up() - x.abs();
        ((self.clone() - big(x)) / big(gap)).to_f64().abs()
    }
}

impl Add for Big {
    type Output = Big;
    fn add(self, other: Big) -> Big {
        Big(self.0.add(&other.0, BITS, ROUND))
    }
}

impl Sub for Big {
    type Output = Big;
    fn sub(self, other: Big) -> Big {
        Big(self.0.sub(&other.0, BITS, ROUND))
    }
}

impl Mul for Big {
    type Output = Big;
    fn mul(self, other: Big) -> Big {
        Big(self.0.mul(&other.0, BITS, ROUND))
    }
}

impl Div for Big {
    type Output = Big;
    fn div(self, other: Big) -> Big {
        Big(self.0.div(&other.0, BITS, ROUND))
    }
}

impl Neg for Big {
    type Output = Big;
    fn neg(self) -> Big {
        Big(self.0.neg())
    }
}
