//! The rows of a step, each addressed by (seed, purpose, step, row).
//!
//! Floor 5. Uses `arith`, `channel`, `denoiser`, `error`, `law`, `train::plan`. Spec: notation, N3.

use std::sync::OnceLock;

use ndarray::{Array2, Axis};

use super::plan::Plan;
use crate::arith::{Real, fill_normal, uniform_index};
use crate::channel::Channel;
use crate::denoiser::Trainable;
use crate::error::Result;
use crate::law::{Noised, Quantity};

/// What a random number of a step is for. The data takes the streams below 2⁵⁶, four a step (`law::sample`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Which point of a training set.
    Point = 1,
    /// Which level.
    Level = 2,
    /// ε.
    Noise = 3,
    /// b of the radius.
    Radius = 4,
    /// ω, its restarts included.
    Perturbation = 5,
    /// The weights to start from.
    Weights = 6,
}

impl Purpose {
    /// The stream of this purpose at a step; a step is below 2⁴⁰. Bits 48 to 55 are left to the attack's restarts
    /// and bit 63 to its second draw.
    pub fn stream(self, step: u64) -> u64 {
        ((self as u64) << 56) | step
    }
}

/// Levels made ready for a model, and, where targets are exact, the law at them.
pub struct Table<T: Real, L> {
    /// The channels.
    pub channels: Vec<Channel>,
    /// What the model needs at each.
    pub levels: Vec<L>,
    noised: Vec<OnceLock<Noised<T>>>,
}

impl<T: Real, L> Table<T, L> {
    /// The plan's levels for a model.
    ///
    /// Errors: `Error::Domain` where the model has no prediction at a level.
    pub fn new<M: Trainable<T, Level = L>>(plan: &Plan, model: &M) -> Result<Self> {
        let channels = plan.steps.channels().to_vec();
        let levels = channels.iter().map(|&c| model.level(c)).collect::<Result<Vec<L>>>()?;
        let noised = channels.iter().map(|_| OnceLock::new()).collect();
        Ok(Table { channels, levels, noised })
    }

    /// The trained law at level l, made when it is first asked for.
    fn law_at(&self, plan: &Plan, level: usize) -> Result<&Noised<T>> {
        if let Some(law) = self.noised[level].get() {
            return Ok(law);
        }
        let law = plan.trained.through::<T>(self.channels[level])?;
        Ok(self.noised[level].get_or_init(|| law))
    }
}

/// Rows of a step: x = a·x₀ + s·ε (two products and a sum a coordinate) and the targets.
pub struct Rows<T> {
    /// The level of each row.
    pub levels: Vec<usize>,
    /// Their channels.
    pub channels: Vec<Channel>,
    /// x.
    pub x: Array2<T>,
    /// x₀, or D*(x).
    pub clean: Array2<T>,
    /// ε, or ε*(x).
    pub noise: Array2<T>,
}

impl<T: Real> Rows<T> {
    /// Rows `first` to `first` + n − 1 of a step.
    ///
    /// Errors: those of the law.
    pub fn draw<L>(
        plan: &Plan,
        table: &Table<T, L>,
        step: u64,
        first: u64,
        n: usize,
    ) -> Result<Self> {
        let seed = plan.config.seed;
        let clean = if plan.set {
            let points = plan.trained.means();
            let (stream, count) = (Purpose::Point.stream(step), points.nrows() as u64);
            let chosen: Vec<usize> = (first..first + n as u64)
                .map(|row| uniform_index(seed, stream, row, count) as usize)
                .collect();
            points.select(Axis(0), &chosen)
        } else {
            plan.trained.sample_rows(seed, step, first, n)?.points
        };
        let d = clean.ncols();
        let count = table.channels.len() as u64;
        let stream = Purpose::Level.stream(step);
        let levels: Vec<usize> = (first..first + n as u64)
            .map(|row| uniform_index(seed, stream, row, count) as usize)
            .collect();
        let channels: Vec<Channel> = levels.iter().map(|&l| table.channels[l]).collect();
        let mut clean = clean.mapv(T::from_f64);
        let mut noise = Array2::default(clean.dim());
        if let Some(out) = noise.as_slice_mut() {
            let start = first.wrapping_mul(d as u64);
            fill_normal(seed, Purpose::Noise.stream(step), start, out);
        }
        let mut x = clean.clone();
        for ((mut row, noise), channel) in x.rows_mut().into_iter().zip(noise.rows()).zip(&channels)
        {
            let (a, s) = (T::from_f64(channel.a()), T::from_f64(channel.s()));
            row.iter_mut().zip(noise).for_each(|(x, &noise)| *x = a * *x + s * noise);
        }
        if plan.exact_target {
            for (n, &level) in levels.iter().enumerate() {
                let law = table.law_at(plan, level)?;
                let point = x.select(Axis(0), &[n]);
                let found = law.evaluate(point.view(), &[Quantity::Denoiser, Quantity::Noise])?;
                if let (Some(denoised), Some(predicted)) = (found.denoiser, found.noise) {
                    clean.row_mut(n).assign(&denoised.row(0));
                    noise.row_mut(n).assign(&predicted.row(0));
                }
            }
        }
        Ok(Rows { levels, channels, x, clean, noise })
    }
}
