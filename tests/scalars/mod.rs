//! Three kinds of number for the judges of derivatives: double-double, dual numbers over any of them, and balls.
//!
//! A formula that is written once over [`Scalar`] gives its exact derivative in `Dual<Dd>`, and in `Ball` the error
//! that rounding can have made in it: a running error analysis of the operations that are done (N4).
#![allow(dead_code)]

use std::cell::Cell;

#[path = "../double_double/mod.rs"]
pub mod double_double;

pub use double_double::Dd;

pub trait Scalar: Copy {
    fn of(x: f64) -> Self;
    /// The nearest f64, for choosing the largest of some numbers.
    fn near(self) -> f64;
    fn plus(self, b: Self) -> Self;
    fn times(self, b: Self) -> Self;
    fn over(self, b: Self) -> Self;
    fn exp(self) -> Self;
    fn ln(self) -> Self;
    fn minus(self, b: Self) -> Self {
        self.plus(b.times(Self::of(-1.0)))
    }
    fn squared(self) -> Self {
        self.times(self)
    }
}

/// Below e^−690 (10^−299) the exponential is 0: the low word of a double-double would underflow.
const LEAST_EXPONENT: f64 = -690.0;

impl Scalar for Dd {
    fn of(x: f64) -> Dd {
        Dd(x, 0.0)
    }
    fn near(self) -> f64 {
        self.0
    }
    fn plus(self, b: Dd) -> Dd {
        self.add(b)
    }
    fn times(self, b: Dd) -> Dd {
        self.mul(b)
    }
    fn over(self, b: Dd) -> Dd {
        self.div(b)
    }
    fn exp(self) -> Dd {
        if self.0 < LEAST_EXPONENT {
            return Dd(0.0, 0.0);
        }
        let whole = double_double::exp(self.0);
        let scale = double_double::power(whole.exponent);
        let value = Dd(whole.value.0 * scale, whole.value.1 * scale);
        // e^lo = 1 + lo + lo²/2, lo below 2⁻⁴³ here.
        let low = Dd(self.1, 0.0).add(Dd(0.5 * self.1 * self.1, 0.0));
        value.add(value.mul(low))
    }
    fn ln(self) -> Dd {
        let small = self.1 / self.0;
        double_double::ln(self.0).value.add(Dd(small, 0.0)).add(Dd(-0.5 * small * small, 0.0))
    }
}

/// value + slope·ι with ι² = 0.
#[derive(Clone, Copy, Debug)]
pub struct Dual<S> {
    pub value: S,
    pub slope: S,
}

impl<S: Scalar> Dual<S> {
    pub fn new(value: f64, slope: f64) -> Self {
        Dual { value: S::of(value), slope: S::of(slope) }
    }
}

impl<S: Scalar> Scalar for Dual<S> {
    fn of(x: f64) -> Self {
        Dual::new(x, 0.0)
    }
    fn near(self) -> f64 {
        self.value.near()
    }
    fn plus(self, b: Self) -> Self {
        Dual { value: self.value.plus(b.value), slope: self.slope.plus(b.slope) }
    }
    fn times(self, b: Self) -> Self {
        let slope = self.slope.times(b.value).plus(self.value.times(b.slope));
        Dual { value: self.value.times(b.value), slope }
    }
    fn over(self, b: Self) -> Self {
        let value = self.value.over(b.value);
        Dual { value, slope: self.slope.minus(value.times(b.slope)).over(b.value) }
    }
    fn exp(self) -> Self {
        let value = self.value.exp();
        Dual { value, slope: value.times(self.slope) }
    }
    fn ln(self) -> Self {
        Dual { value: self.value.ln(), slope: self.slope.over(self.value) }
    }
}

thread_local! {
    /// One rounding of whatever is being analysed and of the centre here, relative.
    static UNIT: Cell<f64> = const { Cell::new(f64::EPSILON) };
    /// What an underflow can add.
    static TINY: Cell<f64> = const { Cell::new(0.0) };
}

/// The roundings that balls count from here on: `u` of the format analysed and 2⁻⁵³ of the centre.
pub fn count_roundings(u: f64, tiny: f64) {
    UNIT.set(u + f64::EPSILON / 2.0);
    TINY.set(tiny);
}

/// The roundings of double-double, 2⁻⁹⁸ an operation and what its underflow or cut exponential leaves out: balls then
/// say how far the judge itself can be off. The centres are f64's, near enough for the sizes of the terms.
pub fn count_the_judge() {
    UNIT.set(1.0 / (1u64 << 49) as f64 / (1u64 << 49) as f64);
    TINY.set(1e-290);
}

/// Room for the rounding of a radius: fewer than 16 operations of 2⁻⁵³ each.
const RADIUS: f64 = 1.0 + 1.0 / (1u64 << 48) as f64;

/// Every number within `radius` of `centre`: the exact result, and that of the same operations in the format analysed.
#[derive(Clone, Copy, Debug)]
pub struct Ball {
    pub centre: f64,
    pub radius: f64,
}

impl Ball {
    fn new(centre: f64, radius: f64) -> Ball {
        Ball { centre, radius: radius * RADIUS }
    }
    /// One rounding of the format.
    fn round(self) -> f64 {
        UNIT.get() * (self.centre.abs() + self.radius) + TINY.get()
    }
    pub fn rounded(self) -> Ball {
        Ball::new(self.centre, self.radius + self.round())
    }
    /// The centre as an exact number, where the exact result does not depend on it.
    pub fn exact(self) -> Ball {
        Ball::of(self.centre)
    }
    fn product_radius(self, b: Ball) -> f64 {
        self.centre.abs() * b.radius + b.centre.abs() * self.radius + self.radius * b.radius
    }
    /// self·b + c, one rounding.
    pub fn mul_add(self, b: Ball, c: Ball) -> Ball {
        let centre = self.centre.mul_add(b.centre, c.centre);
        Ball::new(centre, self.product_radius(b) + c.radius).rounded()
    }
    /// Within what is known about it: |x| ≤ most.
    pub fn at_most(self, most: f64) -> Ball {
        Ball { radius: if self.radius < most { self.radius } else { most }, ..self }
    }
    /// The error that is allowed, infinite where nothing is known.
    pub fn error(self) -> f64 {
        if self.radius.is_nan() { f64::INFINITY } else { self.radius }
    }
}

impl Scalar for Ball {
    fn of(x: f64) -> Ball {
        Ball { centre: x, radius: 0.0 }
    }
    fn near(self) -> f64 {
        self.centre
    }
    fn plus(self, b: Ball) -> Ball {
        Ball::new(self.centre + b.centre, self.radius + b.radius).rounded()
    }
    fn minus(self, b: Ball) -> Ball {
        Ball::new(self.centre - b.centre, self.radius + b.radius).rounded()
    }
    fn times(self, b: Ball) -> Ball {
        Ball::new(self.centre * b.centre, self.product_radius(b)).rounded()
    }
    fn over(self, b: Ball) -> Ball {
        let centre = self.centre / b.centre;
        let room = b.centre.abs() - b.radius;
        if room.is_nan() || room <= 0.0 {
            return Ball { centre, radius: f64::INFINITY };
        }
        Ball::new(centre, (self.radius + centre.abs() * b.radius) / room).rounded()
    }
    fn exp(self) -> Ball {
        let centre = tweedie::arith::scalar::exp(self.centre);
        // The format's exponential is within 0.85 ULP, at most 1.7 units: two roundings.
        Ball::new(centre, centre * self.radius.exp_m1()).rounded().rounded()
    }
    fn ln(self) -> Ball {
        let centre = tweedie::arith::scalar::ln(self.centre);
        let room = self.centre - self.radius;
        if room.is_nan() || room <= 0.0 {
            return Ball { centre, radius: f64::INFINITY };
        }
        Ball::new(centre, self.radius / room).rounded().rounded()
    }
}
