//! Objectives: what training asks of a denoiser, each as a value a row and an exact gradient.
//!
//! The loss of a row at the channel (a, s), with x = a·x₀ + s·ε and a perturbed x′ = x + s·ω (noise units) or
//! x′ = x + ω (input units), is
//!
//! w·{‖P̂(x) − P‖² + λ·‖the same of the constraint's residual‖²},
//!
//! P one of noise, denoised, score and velocity. Equivariance has the residual R = ε̂(x′) − ε̂(x) − ω, invariance
//! Q = ε̂(x′) − ε̂(x). In every parametrisation both terms are the noise loss times one factor that depends on the level
//! alone, so that w and P change how levels are weighed against each other and never what is best at one level.
//!
//! Gradients are with respect to the predictions: a [`Cotangent`], which a model pulls
//! back to its parameters. Source: "Why Adversarially Train Diffusion Models?" (ICLR 2026).
//!
//! Floor 4. Uses `arith`, `channel`, `denoiser`, `error`, `tweedie`. Spec: E1, T3, T4.

pub mod consistency;
pub mod matching;
pub mod radius;
pub mod weighting;

pub use consistency::{Consistency, Consistent, Constraint, Strength, Units};
pub use matching::{Matched, Matching};
pub use radius::Radius;
pub use weighting::Weighting;

use ndarray::{Array2, ArrayView2, Axis, Zip};

use crate::arith::Real;
use crate::channel::Channel;
use crate::denoiser::Cotangent;
use crate::tweedie::Kind;

/// How P̂ − P is made of the errors in noise and in denoised: α·(ε̂ − ε) + β·(D̂ − x₀). Both terms have the same sign
/// where both are there, so nothing cancels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Mix {
    /// α.
    pub noise: f64,
    /// β.
    pub denoised: f64,
}

impl Mix {
    pub fn of(kind: Kind, channel: Channel) -> Mix {
        match kind {
            Kind::Noise => Mix { noise: 1.0, denoised: 0.0 },
            Kind::Denoised => Mix { noise: 0.0, denoised: 1.0 },
            Kind::Score => Mix { noise: -1.0 / channel.s(), denoised: 0.0 },
            Kind::Velocity => Mix { noise: channel.a(), denoised: -channel.s() },
        }
    }
}

/// ‖r_n‖²·f_n a row, and the gradients of their sum with respect to what r was mixed of, where
/// r = α·e + β·d, e = `noise`, d = `denoised`: 2f·α·r and 2f·β·r.
///
/// Order: each r is two products and a sum; a row's squares are added in index order, from zero.
fn squares<T: Real>(
    mixes: &[Mix],
    factors: &[f64],
    noise: ArrayView2<'_, T>,
    denoised: ArrayView2<'_, T>,
) -> (Vec<T>, Cotangent<T>) {
    let mut values = Vec::with_capacity(mixes.len());
    let (mut of_noise, mut of_denoised) =
        (Array2::default(noise.dim()), Array2::default(noise.dim()));
    for (n, (mix, &factor)) in mixes.iter().zip(factors).enumerate() {
        let (alpha, beta) = (T::from_f64(mix.noise), T::from_f64(mix.denoised));
        let factor = T::from_f64(factor);
        let twice = factor + factor;
        let mut sum = T::ZERO;
        Zip::from(of_noise.index_axis_mut(Axis(0), n))
            .and(of_denoised.index_axis_mut(Axis(0), n))
            .and(noise.row(n))
            .and(denoised.row(n))
            .for_each(|of_noise, of_denoised, &e, &d| {
                let r = alpha * e + beta * d;
                sum += r * r;
                let slope = twice * r;
                *of_noise = alpha * slope;
                *of_denoised = beta * slope;
            });
        values.push(factor * sum);
    }
    let used = |any: bool, array| if any { Some(array) } else { None };
    let cotangent = Cotangent {
        noise: used(mixes.iter().any(|mix| mix.noise != 0.0), of_noise),
        denoised: used(mixes.iter().any(|mix| mix.denoised != 0.0), of_denoised),
    };
    (values, cotangent)
}
