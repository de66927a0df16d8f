//! The functions of one number, for code outside kernels.
//!
//! The same bits as inside a kernel. Each call chooses the instruction set anew, so loops belong in kernels.
//! Floor 0. Uses `arith::isa` and the functions beside it. Spec: N3.

use super::isa::{Isa, Kernel};
use super::real::{MulAdd, Real};

/// eˣ: `arith::exp`.
pub fn exp<T: Real>(x: T) -> T {
    Isa::best().run(Exp(x))
}

/// ln x: `arith::ln`.
pub fn ln<T: Real>(x: T) -> T {
    Isa::best().run(Ln(x))
}

/// (sin 2πu, cos 2πu): `arith::sin_cos_turns`.
pub fn sin_cos_turns<T: Real>(u: T) -> (T, T) {
    Isa::best().run(SinCosTurns(u))
}

/// 1/(1 + e⁻ˣ): `arith::sigmoid`.
pub fn sigmoid<T: Real>(x: T) -> T {
    Isa::best().run(Sigmoid(x))
}

struct Exp<T>(T);
struct Ln<T>(T);
struct SinCosTurns<T>(T);
struct Sigmoid<T>(T);

impl<T: Real> Kernel for Exp<T> {
    type Output = T;
    #[inline(always)]
    fn run<M: MulAdd>(self) -> T {
        super::exp::exp::<T, M>(self.0)
    }
}

impl<T: Real> Kernel for Ln<T> {
    type Output = T;
    #[inline(always)]
    fn run<M: MulAdd>(self) -> T {
        super::ln::ln::<T, M>(self.0)
    }
}

impl<T: Real> Kernel for SinCosTurns<T> {
    type Output = (T, T);
    #[inline(always)]
    fn run<M: MulAdd>(self) -> (T, T) {
        super::circle::sin_cos_turns::<T, M>(self.0)
    }
}

impl<T: Real> Kernel for Sigmoid<T> {
    type Output = T;
    #[inline(always)]
    fn run<M: MulAdd>(self) -> T {
        super::sigmoid::sigmoid::<T, M>(self.0)
    }
}
