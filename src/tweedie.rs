//! The relation: score, noise, denoised and velocity, each from each, and their derivatives from the posterior
//! covariance.
//!
//! At a point x under a channel (a, s) every prediction is one unknown seen in four ways, tied by
//!
//! - x = a·D + s·E (denoised D, noise E),
//! - S = −E/s (score), which with the line above is Tweedie's a·D = x + s²·S,
//! - v = a·E − s·D (velocity), which inverts to D = (a·x − s·v)/n, E = (s·x + a·v)/n with n = a² + s². For a
//!   variance-preserving channel n = 1; n is divided by for every channel, so none is a special case.
//!
//! Every conversion goes through the pair (D, E), in f64 for either scalar, and is rounded to the scalar once: it
//! is one pass over memory, so the wider arithmetic is free. Sums of two products are Kahan's (relative error
//! 2u), so where a conversion loses accuracy it is the input's error grown by `condition`, not the arithmetic's.
//!
//! Floor 2. Uses `arith`, `channel`, `error`. Spec: T1, T2, T3.

use std::fmt;
use std::str::FromStr;

use ndarray::{Array2, ArrayView2};

use crate::arith::Real;
use crate::channel::{Channel, difference_of_products};
use crate::error::{Error, Result};

/// Which of the four a prediction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// S = ∇log p(x) (exact), in units of 1/x.
    Score,
    /// E = E[ε | x], in noise units.
    Noise,
    /// D = E[x₀ | x], in units of the data.
    Denoised,
    /// v = a·E − s·D (Salimans and Ho 2022).
    Velocity,
}

impl Kind {
    /// All four.
    pub const ALL: [Kind; 4] = [Kind::Score, Kind::Noise, Kind::Denoised, Kind::Velocity];

    /// The name that `from_str` reads.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Score => "score",
            Kind::Noise => "noise",
            Kind::Denoised => "denoised",
            Kind::Velocity => "velocity",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| Error::Unknown {
            what: "prediction",
            name: name.to_owned(),
            expected: Kind::ALL.map(Kind::name).join(", "),
        })
    }
}

/// u of f64, in which conversions are carried out.
const U: f64 = f64::EPSILON / 2.0;

/// Covers the products of rounding errors (below 2⁻⁴⁹ of their sum) and the rounding of a bound itself.
const SECOND_ORDER: f64 = 1.0 + 1.0 / (1_u64 << 40) as f64;

/// A number and a bound on its distance from the exact one.
#[derive(Clone, Copy)]
struct Bounded {
    value: f64,
    error: f64,
}

/// The predictions `to` that the predictions `from` determine at the points x: both N×d, and so is the result.
///
/// Spec: T3 (T1 between score and denoised). The error of each entry is at most `error_bound`.
/// Errors: `Error::Shape` where `values` has not the shape of x; `Error::NotFinite` for an input entry that is not
/// finite, or a result that the scalar cannot hold; `Error::Domain` where a = 0 and the denoised or the velocity
/// is asked from the noise or the score, which then say nothing of it.
pub fn convert<T: Real>(
    channel: Channel,
    x: ArrayView2<'_, T>,
    from: Kind,
    to: Kind,
    values: ArrayView2<'_, T>,
) -> Result<Array2<T>> {
    if values.dim() != x.dim() {
        return Err(Error::Shape {
            what: from.name(),
            found: values.shape().to_vec(),
            expected: format!("the shape of x, {:?}", x.shape()),
        });
    }
    determined(channel, from, to)?;
    let mut out = Array2::default(x.dim());
    for ((index, result), (&x, &value)) in out.indexed_iter_mut().zip(x.iter().zip(values.iter())) {
        finite("x", index, x)?;
        finite(from.name(), index, value)?;
        *result = if from == to {
            value
        } else {
            T::from_f64(one(channel, x.to_f64(), from, to, value.to_f64()).value)
        };
        finite(to.name(), index, *result)?;
    }
    Ok(out)
}

/// A bound on the distance of `convert`'s entry from the exact conversion of the numbers given.
///
/// With u = 2⁻⁵³, u_T the scalar's unit roundoff (0 for f64), and all of D, E, S, v the results, it is, to first
/// order,
///
/// | from | δE | δD |
/// |---|---|---|
/// | noise | 0 | 2u·\|D\| |
/// | denoised | 2u·\|E\| | 0 |
/// | score | u·\|E\| | u·(s/a)·\|E\| + 2u·\|D\| |
/// | velocity | 5u·\|E\| | 5u·\|D\| |
///
/// and then δE, δD, δE/s + u·|S| or a·δE + s·δD + 2u·|v| for noise, denoised, score and velocity, and u_T·|result|
/// for the rounding to the scalar. The second-order terms are included. It holds where no intermediate over- or
/// underflows in f64.
///
/// Spec: T3, N4. Errors: `Error::Domain` as `convert`.
pub fn error_bound<T: Real>(channel: Channel, x: T, from: Kind, to: Kind, value: T) -> Result<f64> {
    determined(channel, from, to)?;
    if from == to {
        return Ok(0.0);
    }
    let result = one(channel, x.to_f64(), from, to, value.to_f64());
    let narrowing = if T::UNIT_ROUNDOFF > U {
        T::UNIT_ROUNDOFF * (result.value.abs() + result.error) + T::TINY
    } else {
        0.0
    };
    Ok((result.error + narrowing) * SECOND_ORDER)
}

/// |∂result/∂value|: how much a conversion multiplies an absolute error of the prediction given. Exact up to 6u.
///
/// | from \ to | score | noise | denoised | velocity |
/// |---|---|---|---|---|
/// | score | 1 | s | s²/a | s·n/a |
/// | noise | 1/s | 1 | s/a | n/a |
/// | denoised | a/s² | a/s | 1 | n/s |
/// | velocity | a/(s·n) | a/n | s/n | 1 |
///
/// with n = a² + s². So a small s spoils the noise and the score found from the denoised, and a small a the
/// denoised found from the noise. Spec: T3. Errors: `Error::Domain` as `convert`.
pub fn condition(channel: Channel, from: Kind, to: Kind) -> Result<f64> {
    determined(channel, from, to)?;
    if from == to {
        return Ok(1.0);
    }
    let (a, s) = (channel.a(), channel.s());
    let to_noise = match from {
        Kind::Score => s,
        Kind::Noise => 1.0,
        Kind::Denoised => a / s,
        Kind::Velocity => a / norm(channel),
    };
    Ok(match (from, to) {
        (_, Kind::Noise) => to_noise,
        (_, Kind::Score) => to_noise / s,
        (Kind::Velocity, _) => s / norm(channel),
        (Kind::Denoised, _) => norm(channel) / s,
        (_, Kind::Denoised) => to_noise * (s / a),
        (_, Kind::Velocity) => to_noise * (norm(channel) / a),
    })
}

/// n = a² + s², relative error 2u.
fn norm(channel: Channel) -> f64 {
    channel.a().mul_add(channel.a(), channel.s() * channel.s())
}

/// Errors where a = 0 and what is asked depends on the denoised, which noise or score do not determine then.
fn determined(channel: Channel, from: Kind, to: Kind) -> Result<()> {
    let given = matches!(from, Kind::Denoised | Kind::Velocity) || from == to;
    let asked = matches!(to, Kind::Denoised | Kind::Velocity);
    if channel.a() > 0.0 || given || !asked {
        return Ok(());
    }
    Err(Error::Domain {
        what: "a",
        value: channel.a(),
        expected: "a number above 0 to find the denoised or the velocity from the noise or the score",
    })
}

/// One conversion between different kinds, with its error bound as `error_bound` documents it.
fn one(channel: Channel, x: f64, from: Kind, to: Kind, value: f64) -> Bounded {
    let s = channel.s();
    match to {
        Kind::Noise => noise(channel, x, from, value),
        Kind::Score => {
            let noise = noise(channel, x, from, value);
            let score = -noise.value / s;
            Bounded { value: score, error: noise.error / s + U * score.abs() }
        }
        Kind::Denoised => denoised(channel, x, from, value),
        Kind::Velocity => {
            let a = channel.a();
            let (noise, denoised) =
                (noise(channel, x, from, value), denoised(channel, x, from, value));
            let velocity = difference_of_products(a, noise.value, s, denoised.value);
            let error = a * noise.error + s * denoised.error + 2.0 * U * velocity.abs();
            Bounded { value: velocity, error }
        }
    }
}

/// E from any kind.
fn noise(channel: Channel, x: f64, from: Kind, value: f64) -> Bounded {
    let (a, s) = (channel.a(), channel.s());
    let (noise, roundings) = match from {
        Kind::Noise => (value, 0.0),
        Kind::Score => (-s * value, 1.0),
        Kind::Denoised => ((-a).mul_add(value, x) / s, 2.0),
        Kind::Velocity => (difference_of_products(s, x, -a, value) / norm(channel), 5.0),
    };
    Bounded { value: noise, error: roundings * U * noise.abs() }
}

/// D from any kind.
fn denoised(channel: Channel, x: f64, from: Kind, value: f64) -> Bounded {
    let (a, s) = (channel.a(), channel.s());
    let (denoised, roundings, inherited) = match from {
        Kind::Denoised => (value, 0.0, 0.0),
        Kind::Noise => ((-s).mul_add(value, x) / a, 2.0, 0.0),
        Kind::Score => {
            let noise = noise(channel, x, from, value);
            ((-s).mul_add(noise.value, x) / a, 2.0, noise.error * (s / a))
        }
        Kind::Velocity => (difference_of_products(a, x, s, value) / norm(channel), 5.0, 0.0),
    };
    Bounded { value: denoised, error: roundings * U * denoised.abs() + inherited }
}

/// The derivative in x of the exact prediction of a kind, from the posterior covariance Σ = Cov[x₀ | x] (d×d).
///
/// With G = (a²/s²)·Σ: ∇D = (a/s²)·Σ, ∇E = (I − G)/s, ∇S = (G − I)/s², ∇v = (a/s)·(I − G − Σ).
///
/// Each entry is within 9u·(sum of its terms' magnitudes), u = 2⁻⁵³, and one rounding to the scalar.
/// Spec: T2. Errors: `Error::Shape` where Σ is not square; `Error::NotFinite` as `convert`.
pub fn jacobian<T: Real>(
    channel: Channel,
    kind: Kind,
    covariance: ArrayView2<'_, T>,
) -> Result<Array2<T>> {
    let s = channel.s();
    let ratio = channel.a() / s;
    entrywise("covariance", covariance, |identity, sigma| {
        let g = ratio * (ratio * sigma);
        match kind {
            Kind::Denoised => ratio * sigma / s,
            Kind::Noise => (identity - g) / s,
            Kind::Score => (g - identity) / s / s,
            Kind::Velocity => ratio * (identity - g - sigma),
        }
    })
}

/// Σ = Cov[x₀ | x] from the derivative J (d×d) of the exact prediction of a kind: the inverse of `jacobian`.
///
/// Σ = (s²/a)·∇D = (s²/a²)·(I − s·∇E) = (s²/a²)·(I + s²·∇S) = (s²/n)·(I − (s/a)·∇v), n = a² + s².
///
/// Each entry is within 9u·(sum of its terms' magnitudes) and one rounding to the scalar.
/// Spec: T2. Errors: `Error::Shape`, `Error::NotFinite` as `jacobian`; `Error::Domain` where a = 0.
pub fn posterior_covariance<T: Real>(
    channel: Channel,
    kind: Kind,
    jacobian: ArrayView2<'_, T>,
) -> Result<Array2<T>> {
    let (a, s) = (channel.a(), channel.s());
    if a == 0.0 {
        return Err(Error::Domain {
            what: "a",
            value: a,
            expected: "a number above 0 to find the posterior covariance",
        });
    }
    let ratio = s / a;
    // s²/n = 1/(1 + (a/s)²).
    let share = 1.0 / (a / s).mul_add(a / s, 1.0);
    entrywise("jacobian", jacobian, |identity, j| match kind {
        Kind::Denoised => s * (ratio * j),
        Kind::Noise => ratio * (ratio * (-s).mul_add(j, identity)),
        Kind::Score => ratio * (ratio * s.mul_add(s * j, identity)),
        Kind::Velocity => share * (-ratio).mul_add(j, identity),
    })
}

/// The matrix of f(1 on the diagonal and 0 off it, entry), in f64.
fn entrywise<T: Real>(
    what: &'static str,
    matrix: ArrayView2<'_, T>,
    f: impl Fn(f64, f64) -> f64,
) -> Result<Array2<T>> {
    if !matrix.is_square() {
        return Err(Error::Shape {
            what,
            found: matrix.shape().to_vec(),
            expected: "a square matrix".to_owned(),
        });
    }
    let mut out = Array2::default(matrix.dim());
    for ((index, result), &entry) in out.indexed_iter_mut().zip(matrix.iter()) {
        finite(what, index, entry)?;
        let identity = if index.0 == index.1 { 1.0 } else { 0.0 };
        *result = T::from_f64(f(identity, entry.to_f64()));
        finite("result", index, *result)?;
    }
    Ok(out)
}

fn finite<T: Real>(what: &'static str, (row, column): (usize, usize), value: T) -> Result<()> {
    if value.is_finite() {
        return Ok(());
    }
    Err(Error::NotFinite { what, index: vec![row, column], value: value.to_f64() })
}
