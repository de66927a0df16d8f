//! What was learned against the truth: E‖D̂ − D*‖² at a few levels, beside the floor of T4.
//!
//! Floor 5. Uses `arith`, `channel`, `denoiser`, `error`, `law`. Spec: T4.

use ndarray::{Array2, ArrayView2, Axis};

use crate::arith::Real;
use crate::channel::{Channel, Steps};
use crate::denoiser::Denoiser;
use crate::error::Result;
use crate::law::Mixture;

/// Levels of a measurement, evenly spaced in the table.
pub const LEVELS: usize = 8;
/// The half width of an interval in standard errors: a mean that is normal leaves it with probability 1e-6 on either side.
/// For few points, or errors of heavy tails, it is only near normal.
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

/// The exact denoiser at n independent draws of a noised law for each of some levels: made once, compared with a model
/// as often as wanted, at the same draws each time.
pub struct Truth<T> {
    levels: Vec<Level<T>>,
}

struct Level<T> {
    channel: Channel,
    /// x, n×d.
    points: Array2<T>,
    /// D*(x).
    exact: Array2<f64>,
    floor: f64,
}

impl<T: Real> Truth<T> {
    /// Draws the points and evaluates D* there, in f64 at x as T holds it.
    ///
    /// For the floor ‖D*(x) − x₀‖² is averaged over the draws (T4 says that its mean is E tr Σ_post).
    /// Errors: those of the law.
    pub fn new(law: &Mixture, channels: &[Channel], n: usize, seed: u64) -> Result<Self> {
        let levels = channels.iter().enumerate().map(|(level, &channel)| {
            let drawn = law.sample_noised(channel, seed, STREAM - level as u64, n)?;
            let points = drawn.noised.mapv(T::from_f64);
            let wide = points.mapv(Real::to_f64);
            let exact = law.through::<f64>(channel)?.denoiser(wide.view())?;
            let floor = mean_and_error(&squared_rows(exact.view(), drawn.clean.view())).0;
            Ok(Level { channel, points, exact, floor })
        });
        Ok(Truth { levels: levels.collect::<Result<_>>()? })
    }

    /// E‖D̂ − D*‖² at each level: the mean of n independent numbers, with their deviation over √n as its standard error.
    ///
    /// Errors: those of the denoiser.
    pub fn against<D: Denoiser<T> + ?Sized>(&self, denoiser: &D) -> Result<Vec<Measured>> {
        let measured = self.levels.iter().map(|Level { channel, points, exact, floor }| {
            let predicted = denoiser.denoise(*channel, points.view())?.mapv(Real::to_f64);
            let (error, deviation) = mean_and_error(&squared_rows(predicted.view(), exact.view()));
            Ok(Measured { channel: *channel, error, deviation, floor: *floor })
        });
        measured.collect()
    }
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
