//! What was learned against the truth: E‖D̂ − D*‖² at a few levels, beside the floor of T4.
//!
//! Floor 5. Uses `arith`, `channel`, `denoiser`, `error`, `law`. Spec: T4.

use ndarray::{Array2, ArrayView2, Axis};

use crate::arith::Real;
use crate::channel::{Channel, Steps};
use crate::denoiser::Denoiser;
use crate::error::{Error, Result};
use crate::law::{Mixture, Quantity};

/// Levels of a measurement, evenly spaced in the table.
pub const LEVELS: usize = 8;
/// The half width of an interval in standard errors: a normal mean leaves it with probability 1e-6 on either side.
pub const DEVIATIONS: f64 = 4.75;
/// The random stream of the points; a run's own streams lie elsewhere.
const STREAM: u64 = (1 << 54) - 2;

/// A denoiser against the exact one at a level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// The level.
    pub channel: Channel,
    /// The estimate of E‖D̂(x) − D*(x)‖², x the law seen through the channel.
    pub error: f64,
    /// Its standard error.
    pub deviation: f64,
    /// The estimate of E tr Σ_post(x), T4's floor: the loss of the exact denoiser.
    pub floor: f64,
}

/// The levels that a table is measured at: the ends and what lies between.
pub fn levels(steps: &Steps) -> Vec<Channel> {
    let count = LEVELS.min(steps.len());
    let gaps = (count - 1).max(1);
    (0..count).map(|j| steps.channels()[j * (steps.len() - 1) / gaps]).collect()
}

/// E‖D̂ − D*‖² at each level by n independent draws of the noised law, the same draws for every model and step.
///
/// Monte Carlo: the error is a mean of n independent numbers, its standard error is their deviation over √n. For the
/// floor ‖D*(x) − x₀‖² is averaged over the same draws (T4 says that its mean is E tr Σ_post).
/// Errors: those of the law and the denoiser.
pub fn against_truth<T: Real, D: Denoiser<T> + ?Sized>(
    denoiser: &D,
    law: &Mixture,
    channels: &[Channel],
    n: usize,
    seed: u64,
) -> Result<Vec<Measured>> {
    channels
        .iter()
        .enumerate()
        .map(|(level, &channel)| {
            let stream = STREAM - level as u64;
            let drawn = law.sample_noised(channel, seed, stream, n)?;
            let x = drawn.noised.mapv(T::from_f64);
            let predicted = denoiser.denoise(channel, x.view())?.mapv(Real::to_f64);
            let noised = law.through::<f64>(channel)?;
            let points = x.mapv(Real::to_f64);
            let exact = noised.evaluate(points.view(), &[Quantity::Denoiser])?;
            let exact =
                exact.denoiser.ok_or(Error::Empty { what: "denoiser", expected: "value" })?;
            let errors = squared_rows(predicted.view(), exact.view());
            let floors = squared_rows(exact.view(), drawn.clean.view());
            let (error, deviation) = mean_and_error(&errors);
            Ok(Measured { channel, error, deviation, floor: mean_and_error(&floors).0 })
        })
        .collect()
}

/// ‖a_n − b_n‖² a row.
pub fn squared_rows(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> Vec<f64> {
    let difference: Array2<f64> = &a - &b;
    difference.axis_iter(Axis(0)).map(|row| row.iter().fold(0.0, |s, e| s + e * e)).collect()
}

/// The mean of independent numbers and its standard error; the latter is infinite for a single one.
pub fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = crate::arith::mean(values);
    let spread = crate::arith::sum_by(values.len(), |i| (values[i] - mean) * (values[i] - mean));
    let error = if values.len() > 1 { (spread / (n - 1.0) / n).sqrt() } else { f64::INFINITY };
    (mean, error)
}
