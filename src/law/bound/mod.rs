//! Rigorous bounds of the error of every evaluated quantity, at given points (N4).
//!
//! The bound at a point is of |value computed in T − exact value for the inputs as given|, where the inputs
//! (law, channel, points) are f64: for T = f32 what rounding the inputs moves is counted too, and is zero
//! where they are representable. It is derived from the operations of `law::reference` and from the measured
//! residual of the factorisations, with no constant that was tuned; `docs/arithmetic.md` has the derivation.
//!
//! Floor 1. Uses `law`, `arith`, `error`. Spec: N4.

mod component;
mod covariance;
mod weights;

use ndarray::{Array1, Array2, Array3, ArrayView2};
use rayon::prelude::*;

use super::evaluate::shaped;
use super::noised::Noised;
use super::quantity::{Evaluation, Quantity};
use crate::arith::Real;
use crate::error::Result;
use component::{Component, Inputs};
use weights::Weights;

/// The bounds at one point; the covariance is empty unless wanted.
struct AtPoint {
    log_density: f64,
    score: Vec<f64>,
    denoiser: Vec<f64>,
    noise: Vec<f64>,
    covariance: Vec<f64>,
    responsibilities: Vec<f64>,
}

impl<T: Real> Noised<T> {
    /// Bounds of the error of the wanted quantities at N×d points, entry by entry in the same shapes.
    ///
    /// An entry is infinite where nothing can be said: a condition number of V beyond 1/(2u), or a point
    /// whose squared distance overflows f64.
    /// Errors: as [`Noised::evaluate`]. Spec: N4.
    pub fn bounds(
        &self,
        points: ArrayView2<'_, f64>,
        wanted: &[Quantity],
    ) -> Result<Evaluation<f64>> {
        self.check_points(points)?;
        let (n, d, k) = (points.nrows(), self.dimension(), self.components());
        let points = points.as_standard_layout();
        let second_order = wanted.contains(&Quantity::Covariance);
        let all: Vec<AtPoint> = points
            .as_slice()
            .unwrap_or(&[])
            .par_chunks(d)
            .map(|x| self.bounds_at(x, second_order))
            .collect();
        let wants = |quantity| wanted.contains(&quantity);
        let matrix =
            |quantity, width, pick: fn(&AtPoint) -> &[f64]| -> Result<Option<Array2<f64>>> {
                let values = || all.iter().flat_map(|b| pick(b).iter().copied()).collect();
                wants(quantity).then(|| shaped(n, width, values())).transpose()
            };
        Ok(Evaluation {
            log_density: wants(Quantity::LogDensity)
                .then(|| all.iter().map(|b| b.log_density).collect::<Array1<f64>>()),
            score: matrix(Quantity::Score, d, |b| &b.score)?,
            denoiser: matrix(Quantity::Denoiser, d, |b| &b.denoiser)?,
            noise: matrix(Quantity::Noise, d, |b| &b.noise)?,
            covariance: match matrix(Quantity::Covariance, d * d, |b| &b.covariance)? {
                None => None,
                Some(flat) => {
                    Array3::from_shape_vec((n, d, d), flat.into_raw_vec_and_offset().0).ok()
                }
            },
            responsibilities: matrix(Quantity::Responsibilities, k, |b| &b.responsibilities)?,
        })
    }

    fn bounds_at(&self, x: &[f64], second_order: bool) -> AtPoint {
        let inputs = Inputs::new(self, x);
        let components: Vec<Component> =
            (0..self.components()).map(|k| Component::new(self, &inputs, k)).collect();
        let weights = Weights::new(&components, &inputs, self.reference.to_f64());
        let score = self.score_bounds(&components, &weights, &inputs);
        let s_moved = (inputs.s - self.s.to_f64()).abs();
        let noise = score
            .iter()
            .map(|(score, bound)| {
                let rounding = score.abs() * (s_moved + 2.0 * inputs.unit * inputs.s);
                known(inputs.s * score, inputs.s * bound + rounding + inputs.tiny, &inputs)
            })
            .collect();
        AtPoint {
            log_density: known(weights.log_density.0, weights.log_density.1, &inputs),
            noise,
            score: score.into_iter().map(|(score, bound)| known(score, bound, &inputs)).collect(),
            denoiser: self.denoiser_bounds(&components, &weights, &inputs),
            covariance: if second_order {
                self.covariance_bounds(&components, &weights, &inputs)
            } else {
                Vec::new()
            },
            responsibilities: (0..components.len())
                .map(|k| known(weights.centre[k], weights.radius(k), &inputs))
                .collect(),
        }
    }

    /// The score in f64 and the bound of its error, a coordinate.
    fn score_bounds(
        &self,
        components: &[Component],
        weights: &Weights,
        inputs: &Inputs<'_>,
    ) -> Vec<(f64, f64)> {
        (0..inputs.x.len())
            .map(|i| {
                let terms = components.iter().map(|c| Term {
                    centre: c.precision[i].0,
                    radius: c.precision[i].1,
                    reach: c.reach[i],
                });
                let (mean, bound) = mean_bound(terms, weights, inputs);
                (-mean, 1.01 * (bound + 2.0 * inputs.unit * mean.abs()))
            })
            .collect()
    }

    fn denoiser_bounds(
        &self,
        components: &[Component],
        weights: &Weights,
        inputs: &Inputs<'_>,
    ) -> Vec<f64> {
        let d = inputs.x.len();
        let means = self.law().means();
        (0..d)
            .map(|i| {
                let origin = self.origin[i].to_f64();
                let terms = components.iter().enumerate().map(|(k, c)| {
                    let (shifted, (gain, radius)) = (means[[k, i]] - origin, c.gain[i]);
                    let rounding = inputs.unit * (2.0 * shifted.abs() + (shifted + gain).abs());
                    Term { centre: shifted + gain, radius: radius + rounding, reach: 0.0 }
                });
                let (mean, bound) = mean_bound(terms, weights, inputs);
                let rounding = inputs.unit * (3.0 * mean.abs() + (origin + mean).abs());
                known(origin + mean, 1.01 * (bound + rounding), inputs)
            })
            .collect()
    }
}

/// What one component adds to a mean.
struct Term {
    centre: f64,
    radius: f64,
    /// What the weight is multiplied with before it meets the term, where the product may underflow.
    reach: f64,
}

/// Σ_k r_k t_k in f64, and how far rounding can move it when each t_k has a radius.
///
/// Σ_k (r'_k − r_k)(t_k − c) for any c bounds the change of the weights, since both sum to one. The last term is for numbers
/// below the normal range: those of the sum, at most twice it (`proofs/Reported.v`), and those of this evaluation.
fn mean_bound(
    terms: impl Iterator<Item = Term> + Clone,
    weights: &Weights,
    inputs: &Inputs<'_>,
) -> (f64, f64) {
    let mean: f64 = terms.clone().zip(&weights.centre).map(|(t, r)| r * t.centre).sum();
    let mut bound = 0.0;
    for (k, Term { centre, radius, reach }) in terms.enumerate() {
        let size = centre.abs() + radius;
        bound += weights.width[k] * (centre - mean).abs()
            + weights.highest[k] * (radius + size * weights.rounding[k])
            + 8.0 * weights.blocks * inputs.tiny * (1.0 + size + reach);
    }
    (mean, bound)
}

/// The bound, or infinity where it could not be formed or where the value may be beyond the format.
fn known(centre: f64, bound: f64, inputs: &Inputs<'_>) -> f64 {
    if centre.abs() + bound <= inputs.largest { bound } else { f64::INFINITY }
}
