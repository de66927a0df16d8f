//! What the kernels of a training step read of the levels, of the law and of the optimiser's steps: tables made in f64 and rounded once.
//!
//! Beside the floors. Uses `arith`, `channel`, `denoiser`, `law`, `objective`, `train`. Spec: T3, E1, N3.

use super::launch_list::{Array, Arrays};
use super::part::{LEVEL_NUMBERS, LEVEL_WIDE};
use crate::arith::Real;
use crate::channel::Channel;
use crate::denoiser::mlp::Architecture;
use crate::error::Result;
use crate::law::{Covariance, Mixture};
use crate::objective::{Matching, Mix};
use crate::train::plan::Constrained;

/// The tables of levels.
#[derive(Clone, Copy, Debug)]
pub struct Levels {
    /// L × `LEVEL_NUMBERS`.
    pub numbers: Array,
    /// L × `LEVEL_WIDE`, f64.
    pub wide: Array,
    /// e, a row a level.
    pub embedding: Array,
}

impl Levels {
    /// The tables of a network at channels, and of the objective, whose numbers are 0 where there is none.
    ///
    /// Errors: those of the head; `Error::Domain` where a constraint is not defined at a level.
    pub fn new<T: Real>(
        channels: &[Channel],
        architecture: &Architecture,
        objective: Option<(&Matching, Option<&Constrained>)>,
        arrays: &mut Arrays,
    ) -> Result<Self> {
        let (mut numbers, mut wide, mut embedding) = (Vec::new(), Vec::new(), Vec::new());
        for &channel in channels {
            let head = architecture.head.at::<T>(channel)?;
            let (mut mix, mut weight, mut shares) = ([0.0; 2], 0.0, [0.0; 2]);
            let (mut strength, mut scale, mut radius) = (0.0, 0.0, 0.0);
            if let Some((matching, constrained)) = objective {
                let of = Mix::of(matching.parametrisation, channel);
                (mix, weight) = ([of.noise, of.denoised], matching.weighting.at(channel));
                if let Some(constrained) = constrained {
                    let consistency = &constrained.consistency;
                    shares = consistency.shares(of, channel)?;
                    strength = consistency.strength.at(channel) * weight;
                    scale = consistency.units.scale(channel);
                    radius = constrained.radius.at(channel);
                }
            }
            let of_level: [T; LEVEL_NUMBERS.len()] = [
                head.input,
                head.denoised_of_x,
                head.denoised_of_output,
                head.noise_of_x,
                head.noise_of_output,
                T::from_f64(channel.a()),
                T::from_f64(channel.s()),
                T::from_f64(mix[0]),
                T::from_f64(mix[1]),
                T::from_f64(weight),
                T::from_f64(shares[0]),
                T::from_f64(shares[1]),
                T::from_f64(strength),
                T::from_f64(scale),
            ];
            numbers.extend(of_level);
            let in_f64: [f64; LEVEL_WIDE.len()] = [radius, channel.a() / channel.s()];
            wide.extend(in_f64);
            embedding.extend(architecture.embedding.at::<T>(channel));
        }
        Ok(Levels {
            numbers: arrays.holding("levels", &numbers),
            wide: arrays.holding("levels in f64", &wide),
            embedding: arrays.holding("embedding", &embedding),
        })
    }
}

/// A mixture as `rows_sample` reads it, all f64.
pub(super) struct Law {
    /// 0 isotropic, 1 diagonal, 2 full.
    pub form: usize,
    /// K: cumulative weights.
    pub cumulative: Array,
    /// K×d.
    pub mean: Array,
    /// K or K×d: deviations, for full covariances square roots of eigenvalues.
    pub deviation: Array,
    /// K×d×d: eigenvectors in columns; none but for full covariances.
    pub vectors: Option<Array>,
}

impl Law {
    pub fn new(law: &Mixture, arrays: &mut Arrays) -> Self {
        let mean: Vec<f64> = law.means().iter().copied().collect();
        let (form, deviation, vectors): (usize, Vec<f64>, Vec<f64>) = match law.covariance() {
            Covariance::Isotropic(v) => (0, v.iter().map(|v| v.sqrt()).collect(), Vec::new()),
            Covariance::Diagonal(v) => (1, v.iter().map(|v| v.sqrt()).collect(), Vec::new()),
            Covariance::Full(v) => (
                2,
                v.iter().flat_map(|v| v.eigen().values.iter().map(|v| v.sqrt())).collect(),
                v.iter().flat_map(|v| v.eigen().vectors.iter().copied()).collect(),
            ),
        };
        Law {
            form,
            cumulative: arrays.holding("cumulative weights", &law.cumulative_weights()),
            mean: arrays.holding("means", &mean),
            deviation: arrays.holding("deviations", &deviation),
            vectors: (!vectors.is_empty()).then(|| arrays.holding("eigenvectors", &vectors)),
        }
    }
}
