//! The affine minimiser of a training loss, at every channel: random perturbations (E2, E3) and adversaries (E4, E7).
//!
//! Floor 5. Uses `arith`, `attack`, `channel`, `denoiser`, `error`, `objective`, `optimum`. Spec: E2, E3, E4, E7, N4.

use std::sync::{Arc, PoisonError, RwLock};

use ndarray::{Array2, ArrayView1};

use super::minmax::{Saddle, Strategy, saddle};
use super::moments::Moments;
use super::quadratic::{Minimiser, Quadratic, Spread};
use super::source::equilibrium;
use crate::attack::{Norm, Shape};
use crate::channel::Channel;
use crate::denoiser::{AffineMaps, Maps};
use crate::error::{Error, Result};
use crate::objective::{Constraint, Radius, Strength, Units};

/// The constraint of a loss, with its weight and radius by level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AffineObjective {
    /// Equivariance or invariance.
    pub constraint: Constraint,
    /// What ω is measured in.
    pub units: Units,
    /// λ by level.
    pub strength: Strength,
    /// r by level; it enters by E r² alone ([`Radius::mean_square`]).
    pub radius: Radius,
}

/// Who chooses ω.
#[derive(Clone, Debug, PartialEq)]
pub enum Perturbation {
    /// Chance, by a shape: covariance τ²I.
    Random(Shape),
    /// Chance, with the covariance r²T for this T.
    Covariance(Spread),
    /// An adversary who makes the loss's own residual large: the min–max optimum over the ball of a norm.
    Adversary(Norm),
    /// The source method's adversary, who makes the prediction difference large over the ℓ2 ball: the equilibrium of
    /// `optimum::source`.
    SourceAdversary,
}

/// The two parts of a loss, in the units of x₀'s square. Times (a/s)² they are those in noise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loss {
    /// E‖D̂ − x₀‖².
    pub matching: f64,
    /// λ·E‖residual‖², at the perturbations that the optimum is for.
    pub penalty: f64,
}

/// The optimum at one channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimum {
    /// A, B and how far they can be from the exact optimum.
    pub minimiser: Minimiser,
    /// The covariance of ω, r² included: for an adversary that of the mixed strategy.
    pub spread: Spread,
    /// The duality gap for an adversary, the shortfall for the source method's; `None` for chance.
    pub gap: Option<f64>,
    /// The adversary's mixed strategy over the unit ball; `None` for chance.
    pub strategy: Option<Strategy>,
    /// The loss there.
    pub loss: Loss,
}

/// The affine minimiser of a loss over a law with mean m and covariance C, at every channel.
///
/// A denoiser like any other. What was found at a channel is kept: an adversary's optimum may cost a search, and samplers ask
/// for the same channels again and again. Spec: E2, E3, E4, T8.
#[derive(Debug)]
pub struct AffineOptimum {
    moments: Moments,
    objective: AffineObjective,
    perturbation: Perturbation,
    found: RwLock<Vec<(Channel, Arc<Optimum>)>>,
}

/// Channels whose optimum is kept; a table of samplers has a thousand.
const KEPT: usize = 4096;

impl AffineOptimum {
    /// Errors: `Error::Shape` where a perturbation's covariance is not d×d.
    pub fn new(
        moments: Moments,
        objective: AffineObjective,
        perturbation: Perturbation,
    ) -> Result<Self> {
        if let Perturbation::Covariance(spread) = &perturbation {
            let d = moments.dimension();
            if spread.matrix().dim() != (d, d) {
                return Err(Error::Shape {
                    what: "covariance of the perturbation",
                    found: spread.matrix().shape().to_vec(),
                    expected: format!("{d}×{d}"),
                });
            }
        }
        Ok(AffineOptimum { moments, objective, perturbation, found: RwLock::default() })
    }

    /// m and C.
    pub fn moments(&self) -> &Moments {
        &self.moments
    }

    /// The constraint, its weight and radius.
    pub fn objective(&self) -> &AffineObjective {
        &self.objective
    }

    /// Who chooses ω.
    pub fn perturbation(&self) -> &Perturbation {
        &self.perturbation
    }

    /// The optimum at a channel.
    ///
    /// λ and E r² are taken as the numbers that `Strength::at` and `Radius::mean_square` give, τ² as that of
    /// `Shape::tau_squared`.
    /// Errors: those of `Quadratic::new`, `minmax::saddle` and `source::equilibrium`; `Error::NotFinite` where a number
    /// overflows.
    pub fn at(&self, channel: Channel) -> Result<Arc<Optimum>> {
        let found = |list: &[(Channel, Arc<Optimum>)]| {
            list.iter().find(|(known, _)| *known == channel).map(|(_, optimum)| optimum.clone())
        };
        // A thread that stopped while it held the list left it whole.
        let known = found(&self.found.read().unwrap_or_else(PoisonError::into_inner));
        if let Some(optimum) = known {
            return Ok(optimum);
        }
        let optimum = Arc::new(self.optimum(channel)?);
        let mut list = self.found.write().unwrap_or_else(PoisonError::into_inner);
        if list.len() < KEPT && found(&list).is_none() {
            list.push((channel, optimum.clone()));
        }
        Ok(optimum)
    }

    fn optimum(&self, channel: Channel) -> Result<Optimum> {
        let AffineObjective { constraint, units, strength, radius } = self.objective;
        let quadratic =
            Quadratic::new(&self.moments, (constraint, units), strength.at(channel), channel)?;
        let square = radius.mean_square(channel);
        let d = self.moments.dimension();
        let (minimiser, spread, gap, strategy) = match &self.perturbation {
            Perturbation::Random(shape) => {
                let tau_squared = shape.tau_squared(1.0, d) * square;
                let minimiser = quadratic.minimiser_along(&vec![tau_squared; d])?;
                (minimiser, Spread::isotropic(d, tau_squared), None, None)
            }
            Perturbation::Covariance(spread) => {
                let spread = spread.scaled(square);
                (quadratic.minimiser(&spread)?, spread, None, None)
            }
            Perturbation::Adversary(norm) => {
                let Saddle { minimiser, spread, gap, strategy, .. } =
                    saddle(&quadratic, *norm, square)?;
                (minimiser, spread, Some(gap), Some(strategy))
            }
            Perturbation::SourceAdversary => {
                let found = equilibrium(&quadratic, square)?;
                (found.minimiser, found.spread, Some(found.shortfall), Some(found.strategy))
            }
        };
        let loss = Loss {
            matching: quadratic.matching(&minimiser)?,
            penalty: quadratic.penalty(&minimiser, &spread)?,
        };
        for (what, value) in [("matching loss", loss.matching), ("penalty", loss.penalty)] {
            if !value.is_finite() {
                return Err(Error::NotFinite { what, index: Vec::new(), value });
            }
        }
        Ok(Optimum { minimiser, spread, gap, strategy, loss })
    }

    /// A (d×d) and the offset m − a·A·m (d×1): D̂(x) = A·x + offset.
    ///
    /// Errors: as `at`.
    pub fn matrix_and_offset(&self, channel: Channel) -> Result<(Array2<f64>, Vec<f64>)> {
        let optimum = self.at(channel)?;
        let matrix = optimum.minimiser.denoised.clone();
        let mean = self.moments.mean();
        let offset = matrix.rows().into_iter().zip(mean).map(|(row, m)| {
            let moved = row.iter().zip(mean).fold(0.0_f64, |sum, (a, m)| a.mul_add(*m, sum));
            (-channel.a()).mul_add(moved, *m)
        });
        let offset = offset.collect();
        Ok((matrix, offset))
    }
}

impl AffineMaps for AffineOptimum {
    fn mean(&self) -> ArrayView1<'_, f64> {
        self.moments.mean()
    }

    /// Errors: as `AffineOptimum::at`.
    fn maps(&self, channel: Channel) -> Result<Maps> {
        let optimum = self.at(channel)?;
        Ok(Maps {
            denoised: optimum.minimiser.denoised.clone(),
            noise: optimum.minimiser.noise.clone(),
        })
    }
}
