//! The activations of a network, with their slopes.
//!
//! Floor 3. Uses `arith`. Spec: N3.
//!
//! Errors are absolute, in units of u·max(1, |x|): a network adds these numbers to others of size one, so that is
//! the measure that reaches the result. `tests/mlp_activation.rs` asserts the table in [`Activation::bound`].

use std::str::FromStr;

use crate::arith::{MulAdd, Real, exp, ln, sigmoid};
use crate::error::{Error, Result};

/// A function that acts on each number of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Activation {
    /// x·σ(x), σ the logistic function; slope σ(x)·(1 + x·σ(−x)). (Elfwing et al. 2018; Ramachandran et al. 2017.)
    Silu,
    /// tanh x = (1 − z)/(1 + z) with z = e^(−2|x|), with the sign of x; slope (1 − tanh x)(1 + tanh x).
    Tanh,
    /// ln(1 + eˣ) = max(x, 0) + ln(1 + e^(−|x|)); slope σ(x).
    Softplus,
}

impl Activation {
    /// All of them.
    pub const ALL: [Activation; 3] = [Activation::Silu, Activation::Tanh, Activation::Softplus];

    /// The name that `from_str` reads.
    pub fn name(self) -> &'static str {
        match self {
            Activation::Silu => "silu",
            Activation::Tanh => "tanh",
            Activation::Softplus => "softplus",
        }
    }

    /// What value and slope may be off by, in units of u·max(1, |x|).
    ///
    /// With σ and e^(−|x|) within 3 ULP, that is 6u relative, of their values (`arith::bounds`):
    /// silu: 6 for σ and 1 for the product; slope: 6 of σ + 6 + 1 of x·σ(−x) (at most 0.28) + 1.
    /// tanh: z is within 2u (exp's bound doubled to u), 1 − z and 1 + z add a rounding each, the quotient one more,
    /// none of size above 1: 2·2 + 1 + 1 + 1; slope: the same twice, and a product.
    /// softplus: ln(1 + z) has 1 + z rounded (u) and made good by its remainder, ln 1 ULP, two additions: 4; slope: 6.
    pub fn bound(self) -> [f64; 2] {
        match self {
            Activation::Silu => [7.0, 10.0],
            Activation::Tanh => [7.0, 16.0],
            Activation::Softplus => [4.0, 6.0],
        }
    }

    /// Replaces every pre-activation by its value and writes its slope.
    #[inline(always)]
    pub fn apply<T: Real, M: MulAdd>(self, values: &mut [T], slopes: &mut [T]) {
        let places = values.iter_mut().zip(slopes);
        match self {
            Activation::Silu => places.for_each(|(x, slope)| (*x, *slope) = silu::<T, M>(*x)),
            Activation::Tanh => places.for_each(|(x, slope)| (*x, *slope) = tanh::<T, M>(*x)),
            Activation::Softplus => {
                places.for_each(|(x, slope)| (*x, *slope) = softplus::<T, M>(*x));
            }
        }
    }

    /// Value and slope of one number.
    #[inline(always)]
    pub fn at<T: Real, M: MulAdd>(self, x: T) -> (T, T) {
        match self {
            Activation::Silu => silu::<T, M>(x),
            Activation::Tanh => tanh::<T, M>(x),
            Activation::Softplus => softplus::<T, M>(x),
        }
    }
}

impl FromStr for Activation {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = Activation::ALL.into_iter().find(|activation| activation.name() == name);
        found.ok_or_else(|| Error::Unknown {
            what: "activation",
            name: name.to_string(),
            expected: Activation::ALL.map(Activation::name).join(", "),
        })
    }
}

#[inline(always)]
fn silu<T: Real, M: MulAdd>(x: T) -> (T, T) {
    // Both σ(x) and σ(−x) from one exponential: neither is one minus the other.
    let z = exp::<T, M>(-x.abs());
    let large = T::ONE / (T::ONE + z);
    let small = z * large;
    let (up, down) = if x < T::ZERO { (small, large) } else { (large, small) };
    let value = x * up;
    (value, M::mul_add(value, down, up))
}

#[inline(always)]
fn tanh<T: Real, M: MulAdd>(x: T) -> (T, T) {
    let z = exp::<T, M>(-(x.abs() + x.abs()));
    let size = (T::ONE - z) / (T::ONE + z);
    let value = if x < T::ZERO { -size } else { size };
    (value, (T::ONE - size) * (T::ONE + size))
}

#[inline(always)]
fn softplus<T: Real, M: MulAdd>(x: T) -> (T, T) {
    let z = exp::<T, M>(-x.abs());
    let sum = T::ONE + z;
    // What the rounding of 1 + z lost moves its logarithm by lost/(1 + z).
    let lost = z - (sum - T::ONE);
    let positive = if x > T::ZERO { x } else { T::ZERO };
    (positive + (ln::<T, M>(sum) + lost / sum), sigmoid::<T, M>(x))
}
