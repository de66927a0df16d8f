//! What a mixture-parametrised denoiser needs at a level, beside the point: functions of (a, s) and θ.
//!
//! Each number is found in f64 from V = a²·e^ℓ + s², with nothing subtracted, and rounded once to T, as `law::noised`
//! does.
//!
//! Floor 3. Uses `arith`, `channel`, `denoiser::mixture`. Spec: T1, N1, N2.

use super::MixtureDenoiser;
use crate::arith::Real;
use crate::arith::scalar::{exp, ln};
use crate::channel::Channel;

/// The tables at one channel. All but `offset` (K) are K×width, width 1 or d.
#[derive(Clone, Debug)]
pub(super) struct Table<T> {
    pub a: T,
    /// logit − ½·ln det V, less the largest of them.
    pub offset: Vec<T>,
    /// 1/V.
    pub precision: Vec<T>,
    /// s/V: ε̂ of a component is that times δ.
    pub pull: Vec<T>,
    /// a·e^ℓ/V: D̂ of a component is μ plus that times δ.
    pub gain: Vec<T>,
    /// s²/V = 1 − a·gain.
    pub rest: Vec<T>,
    /// a²·e^ℓ/V, the derivative of ln V by ℓ.
    pub share: Vec<T>,
    /// Coordinates up to this need no scaling (N1).
    pub safe: T,
}

/// e^ℓ in f64, K×width.
pub(super) fn variances<T: Real>(model: &MixtureDenoiser<T>) -> Vec<f64> {
    model.log_variances().iter().map(|l| exp(l.to_f64())).collect()
}

impl<T: Real> Table<T> {
    pub(super) fn new(model: &MixtureDenoiser<T>, variances: &[f64], channel: Channel) -> Self {
        let (a, s) = (channel.a(), channel.s());
        let noised: Vec<f64> = variances.iter().map(|v| (a * a).mul_add(*v, s * s)).collect();
        let each = |f: &dyn Fn(f64, f64) -> f64| -> Vec<T> {
            variances.iter().zip(&noised).map(|(&v, &noised)| T::from_f64(f(v, noised))).collect()
        };
        let smallest = noised.iter().copied().fold(1.0, f64::min);
        Table {
            a: T::from_f64(a),
            offset: offsets(model, &noised),
            precision: each(&|_, noised| 1.0 / noised),
            pull: each(&|_, noised| s / noised),
            gain: each(&|v, noised| a * v / noised),
            rest: each(&|_, noised| s * s / noised),
            share: each(&|v, noised| a * a * v / noised),
            safe: T::from_f64(safe_radius::<T>(model.dimension, smallest)),
        }
    }
}

/// logit_k − ½·Σ_i ln V_ki, less the largest, so that rounding to T is relative to what the softmax sees.
fn offsets<T: Real>(model: &MixtureDenoiser<T>, noised: &[f64]) -> Vec<T> {
    let repeat = (model.dimension / model.width()) as f64;
    let offsets: Vec<f64> = noised
        .chunks_exact(model.width())
        .zip(model.logits())
        .map(|(noised, logit)| {
            let log_determinant = noised.iter().fold(0.0, |sum, &v| sum + ln(v));
            (-0.5 * repeat).mul_add(log_determinant, logit.to_f64())
        })
        .collect();
    let largest = offsets.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    offsets.iter().map(|offset| T::from_f64(offset - largest)).collect()
}

/// The largest ‖δ‖∞ for which d·‖δ‖∞²/V is at most a 64th of the largest number; V at least `smallest` ≤ 1.
fn safe_radius<T: Real>(dimension: usize, smallest: f64) -> f64 {
    (T::MAX.to_f64() / 64.0).sqrt() * (smallest / dimension as f64).sqrt()
}
