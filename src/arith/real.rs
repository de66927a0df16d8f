//! The two scalars, f32 and f64, and the fused multiply–add that everything above is written in.
//!
//! Floor 0. Uses nothing of the crate but `arith::emulated` and the room's private tables. Spec: N3.

use std::fmt::{Debug, Display};
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub, SubAssign};

use super::coefficients::Coefficients;
use super::emulated;

/// A binary floating-point format in which the canonical arithmetic is carried out: `f32` or `f64`.
///
/// Only operations that IEEE 754 rounds correctly are here, so a value computed through this trait is
/// the same on every machine. Sealed: what it extends is private to this room. Spec: N3.
pub trait Real:
    Coefficients
    + Copy
    + Send
    + Sync
    + 'static
    + Default
    + Debug
    + Display
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
{
    /// `"f32"` or `"f64"`.
    const NAME: &'static str;
    const ZERO: Self;
    const ONE: Self;
    const HALF: Self;
    /// Largest finite value.
    const MAX: Self;
    /// Smallest positive normal value.
    const MIN_POSITIVE: Self;
    const INFINITY: Self;
    const NAN: Self;
    /// u, the unit roundoff: 2⁻²⁴ or 2⁻⁵³.
    const UNIT_ROUNDOFF: f64;
    /// The smallest positive (subnormal) value, the absolute error that an underflow can add.
    const TINY: f64;

    /// Nearest value of this format (ties to even); overflows to infinity.
    fn from_f64(x: f64) -> Self;
    /// The same value in f64, exactly.
    fn to_f64(self) -> f64;
    /// self·b + c rounded once, by the processor's instruction where the caller's instruction set has it.
    fn hardware_mul_add(self, b: Self, c: Self) -> Self;
    /// self·b + c rounded once, from additions and multiplications alone.
    fn emulated_mul_add(self, b: Self, c: Self) -> Self;
    fn sqrt(self) -> Self;
    fn abs(self) -> Self;
    fn is_finite(self) -> bool;
    fn is_nan(self) -> bool;
    /// The bit pattern, widened; for comparing results bit by bit.
    fn bits(self) -> u64;

    /// The larger of two numbers; `self` where they are equal or either is NaN.
    #[inline(always)]
    fn larger(self, other: Self) -> Self {
        if other > self { other } else { self }
    }
}

macro_rules! real {
    ($t:ident, $u:expr, $tiny:expr, $emulated:path) => {
        impl Real for $t {
            const NAME: &'static str = stringify!($t);
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const HALF: Self = 0.5;
            const MAX: Self = $t::MAX;
            const MIN_POSITIVE: Self = $t::MIN_POSITIVE;
            const INFINITY: Self = $t::INFINITY;
            const NAN: Self = $t::NAN;
            const UNIT_ROUNDOFF: f64 = $u;
            const TINY: f64 = $tiny;

            #[inline(always)]
            fn from_f64(x: f64) -> Self {
                x as $t
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                self as f64
            }
            #[inline(always)]
            fn hardware_mul_add(self, b: Self, c: Self) -> Self {
                self.mul_add(b, c)
            }
            #[inline(always)]
            fn emulated_mul_add(self, b: Self, c: Self) -> Self {
                $emulated(self, b, c)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                $t::sqrt(self)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                $t::abs(self)
            }
            #[inline(always)]
            fn is_finite(self) -> bool {
                $t::is_finite(self)
            }
            #[inline(always)]
            fn is_nan(self) -> bool {
                $t::is_nan(self)
            }
            #[inline(always)]
            fn bits(self) -> u64 {
                self.to_bits() as u64
            }
        }
    };
}

real!(f32, 1.0 / (1u64 << 24) as f64, 1.401298464324817e-45, emulated::mul_add_f32);
real!(f64, 1.0 / (1u64 << 53) as f64, 5e-324, emulated::mul_add_f64);

/// How a + b·c is fused. Both ways round once, so both give the same bits; the parameter only lets a
/// kernel be compiled for processors with the instruction and for those without. Spec: N3.
pub trait MulAdd: Copy + Send + Sync + 'static {
    /// a·b + c, rounded once.
    fn mul_add<T: Real>(a: T, b: T, c: T) -> T;
}

/// The processor's fused multiply–add (or, outside a function compiled for it, the platform's exact one).
#[derive(Clone, Copy, Debug)]
pub struct Hardware;

/// Error-free transformations in place of the instruction.
#[derive(Clone, Copy, Debug)]
pub struct Emulated;

impl MulAdd for Hardware {
    #[inline(always)]
    fn mul_add<T: Real>(a: T, b: T, c: T) -> T {
        a.hardware_mul_add(b, c)
    }
}

impl MulAdd for Emulated {
    #[inline(always)]
    fn mul_add<T: Real>(a: T, b: T, c: T) -> T {
        a.emulated_mul_add(b, c)
    }
}
