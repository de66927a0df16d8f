//! Steps of a sampler as `kernels/sampler.cu` reads them, and what its outcomes mean.
//!
//! Uses `arith`, `channel`, `denoiser`, `error`, `law`, `sampler`. Spec: T8, N3.

use std::ops::Range;

use ndarray::ArrayView2;

use super::tables::{Kind, Tables};
use crate::arith::Real;
use crate::channel::Steps;
use crate::denoiser::check_finite;
use crate::error::{Error, Result};
use crate::law::Mixture;
use crate::sampler::{End, Method, Step, Weights, moves, prior_deviation};

/// The bit of a corrected step in `kinds`, and how much higher the bits of its first guess are.
const CORRECTED: u32 = 256;
const GUESS: u32 = 4;

/// Everything of some steps of a run that the kernel reads, row-major: M steps, and the L levels that they evaluate the law at (M, or
/// M + 1 where the last step is a corrected one).
///
/// What a law has at a level is computed here, by the CPU, as for the CPU. It is about L·K·(1 + 2d) numbers, for full covariances
/// L·K·(1 + d + d²): where a device has not the room for a whole run, it is made in parts, each a range of steps.
#[derive(Clone, Debug, PartialEq)]
pub struct SamplerTables<T> {
    /// The kind of covariance.
    pub kind: Kind,
    /// d.
    pub dimension: usize,
    /// K.
    pub components: usize,
    /// How many steps come before.
    pub done: u64,
    /// The deviation of the customary start, `prior_deviation` of the first channel.
    pub deviation: T,
    /// M: which weights of a step are not zero (bits 0 to 3), which of its first guess (bits 4 to 7), and whether it is a corrected
    /// step (bit 8).
    pub kinds: Vec<u32>,
    /// M×8: the weights on x, D̂, ε̂ and z (in a corrected step ε̂'), and the same of the first guess.
    pub weights: Vec<T>,
    /// L×3: a, s and the safe radius.
    pub levels: Vec<T>,
    /// K×d: μ.
    pub mean: Vec<T>,
    /// d: a fixed point among the means.
    pub origin: Vec<T>,
    /// K×d: μ − origin.
    pub shifted: Vec<T>,
    /// L×K, as in [`Tables`].
    pub offset: Vec<T>,
    /// L×K or L×K×d, empty for full covariances.
    pub precision: Vec<T>,
    /// L×K or L×K×d.
    pub gain: Vec<T>,
    /// L×K×d×d for full covariances, else empty.
    pub whitener: Vec<T>,
    /// max |μ|.
    pub largest_mean: T,
}

impl<T: Real> SamplerTables<T> {
    /// How many steps a run has: one fewer than channels, and one more to the data.
    pub fn count(steps: &Steps, end: End) -> usize {
        steps.len() - 1 + usize::from(end == End::Data)
    }

    /// The steps `range` (from 0) of the run that `sample` makes with the exact denoiser of this law.
    ///
    /// Spec: T8. Errors: `Error::Domain` where the range goes beyond the run; those of `Method::step` and `Mixture::through`.
    pub fn new(
        law: &Mixture,
        steps: &Steps,
        method: Method,
        end: End,
        range: Range<usize>,
    ) -> Result<Self> {
        let moves = moves(steps, method, end)?;
        let Some(chosen) = moves.get(range.clone()) else {
            return Err(Error::Domain {
                what: "last step",
                value: range.end as f64,
                expected: "a range of steps within the run",
            });
        };
        let (done, deviation) = (range.start, prior_deviation(steps.first()));
        let mut tables = SamplerTables {
            kind: Kind::of(law.covariance()),
            dimension: law.dimension(),
            components: law.components(),
            done: done as u64,
            deviation: T::from_f64(deviation),
            kinds: Vec::with_capacity(chosen.len()),
            weights: Vec::with_capacity(8 * chosen.len()),
            levels: Vec::new(),
            mean: Vec::new(),
            origin: Vec::new(),
            shifted: Vec::new(),
            offset: Vec::new(),
            precision: Vec::new(),
            gain: Vec::new(),
            whitener: Vec::new(),
            largest_mean: T::ZERO,
        };
        for (_, _, step) in chosen {
            tables.push_step(step);
        }
        let corrected = matches!(chosen.last(), Some((_, _, Step::Corrected { .. })));
        let levels = chosen.len() + usize::from(corrected);
        for &channel in steps.channels().iter().skip(done).take(levels) {
            tables.push_level(&Tables::of(&law.through::<T>(channel)?));
        }
        Ok(tables)
    }

    fn push_step(&mut self, step: &Step) {
        let (weights, guess, corrected) = match *step {
            Step::Single(weights) => (weights, Weights::default(), 0),
            Step::Corrected { predictor, state, noise, noise_after } => {
                let weights = Weights { state, denoised: 0.0, noise, random: noise_after };
                (weights, predictor, CORRECTED)
            }
        };
        let mut kind = corrected;
        for (shift, set) in [(0, weights), (GUESS, guess)] {
            let numbers = [set.state, set.denoised, set.noise, set.random];
            for (bit, number) in numbers.into_iter().enumerate() {
                // Asked of the number itself: a weight that rounds to zero is still a term.
                kind |= u32::from(number != 0.0) << (shift + bit as u32);
                self.weights.push(T::from_f64(number));
            }
        }
        self.kinds.push(kind);
    }

    fn push_level(&mut self, level: &Tables<'_, T>) {
        if self.levels.is_empty() {
            self.mean = level.mean.to_vec();
            self.origin = level.origin.to_vec();
            self.shifted = level.shifted.to_vec();
            self.largest_mean = level.largest_mean;
        }
        self.levels.extend([level.a, level.s, level.safe_radius]);
        self.offset.extend_from_slice(level.offset);
        self.precision.extend_from_slice(level.precision);
        self.gain.extend_from_slice(level.gain);
        self.whitener.extend_from_slice(level.whitener);
    }
}

/// What `sample` says of the states that the kernel left, an outcome a row: 0, or where the row left the format (1 at the start, 2k at the
/// first guess of step k, 2k + 1 after step k). The row holds what was found there.
///
/// Errors: `Error::NotFinite` with the entry that `sample` would name, of the earliest of these places; `Error::Shape` where there is not
/// an outcome a row. Spec: T8.
pub fn check_outcomes<T: Real>(outcomes: &[u64], states: ArrayView2<'_, T>) -> Result<()> {
    if outcomes.len() != states.nrows() {
        return Err(Error::Shape {
            what: "outcomes",
            found: vec![outcomes.len()],
            expected: format!("{} numbers, one a row", states.nrows()),
        });
    }
    let Some(earliest) = outcomes.iter().copied().filter(|&o| o > 0).min() else { return Ok(()) };
    let what = if earliest == 1 { "start" } else { "state" };
    let rows = outcomes.iter().zip(states.outer_iter()).enumerate();
    for (row, (_, state)) in rows.filter(|(_, (outcome, _))| **outcome == earliest) {
        if let Some((column, value)) = state.iter().enumerate().find(|(_, x)| !x.is_finite()) {
            let value = value.to_f64();
            return Err(Error::NotFinite { what, index: vec![row, column], value });
        }
    }
    // Outcomes that the states do not bear out: refused by what is there.
    check_finite(what, states)
}
