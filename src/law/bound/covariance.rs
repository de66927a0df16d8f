//! The bound of the error of the posterior covariance at a point.
//!
//! Floor 1. Uses `law::bound`, `law::noised`, `arith`. Spec: N4, T2.

use super::super::covariance::Covariance;
use super::super::noised::Noised;
use super::component::{Backward, Component, Inputs, W};
use super::known;
use super::weights::Weights;
use crate::arith::Real;

/// b_k − b_o a coordinate, with its radius; b_o the posterior mean of the heaviest component.
struct Deviations {
    centre: Vec<f64>,
    radius: Vec<f64>,
}

impl<T: Real> Noised<T> {
    /// d×d bounds.
    pub(super) fn covariance_bounds(
        &self,
        components: &[Component],
        weights: &Weights,
        inputs: &Inputs<'_>,
    ) -> Vec<f64> {
        let (d, count) = (inputs.x.len(), components.len());
        let heaviest =
            (1..count).fold(0, |o, k| if weights.centre[k] > weights.centre[o] { k } else { o });
        let mut all: Vec<Deviations> =
            (0..count).map(|k| self.deviations(components, inputs, k, heaviest)).collect();
        // The evaluation may take another component for the heaviest; it then knows e_k by that one's radii.
        let low = weights.centre[heaviest] - weights.radius(heaviest);
        let may_be = |&o: &usize| o != heaviest && weights.centre[o] + weights.radius(o) >= low;
        for o in (0..count).filter(may_be) {
            for (k, e) in all.iter_mut().enumerate() {
                let other = self.deviations(components, inputs, k, o).radius;
                e.radius.iter_mut().zip(other).for_each(|(radius, o)| *radius = radius.max(o));
            }
        }
        centre(&mut all, weights, inputs);
        let (mut sum, mut bound) = (vec![0.0; d * d], vec![0.0; d * d]);
        let members: Vec<(Vec<f64>, Vec<f64>)> =
            (0..count).map(|k| self.within_bounds(inputs, k)).collect();
        for (k, own) in members.iter().enumerate() {
            for at in 0..d * d {
                let e = &all[k].centre;
                sum[at] += weights.centre[k] * (own.0[at] + e[at / d] * e[at % d]);
            }
        }
        let additions = (2.0 * count as f64 + 4.0) * inputs.unit;
        for (k, own) in members.iter().enumerate() {
            let Deviations { centre: e, radius } = &all[k];
            for at in 0..d * d {
                let (i, j) = (at / d, at % d);
                let outer = e[i] * e[j];
                let moved = own.1[at]
                    + (e[i].abs() + radius[i]) * radius[j]
                    + (e[j].abs() + radius[j]) * radius[i];
                let size = own.0[at].abs() + outer.abs() + moved;
                bound[at] += weights.width[k] * (own.0[at] + outer - sum[at]).abs()
                    + weights.highest[k] * (moved + size * (additions + weights.rounding[k]))
                    + inputs.tiny * (1.0 + size);
            }
        }
        // `law::posterior` holds deviations to its limit; a value that this may have changed is not bounded.
        let limit = Self::largest_deviation().to_f64();
        let held = |e: &Deviations| {
            e.centre.iter().zip(&e.radius).any(|(centre, radius)| {
                let inside = centre.abs() + radius < limit;
                !inside
            })
        };
        if all.iter().zip(&weights.highest).any(|(e, r)| *r > 0.0 && held(e)) {
            return vec![f64::INFINITY; d * d];
        }
        sum.into_iter().zip(bound).map(|(value, b)| known(value, 1.01 * b, inputs)).collect()
    }

    /// The two forms of `law::posterior`, and the radius of the one that is taken.
    fn deviations(
        &self,
        components: &[Component],
        inputs: &Inputs<'_>,
        k: usize,
        o: usize,
    ) -> Deviations {
        let (d, unit) = (inputs.x.len(), inputs.unit);
        let means = self.law().means();
        let factor = inputs.s * inputs.s / inputs.a;
        let (s_moved, a_moved) = (inputs.s - self.s.to_f64(), inputs.a - self.a.to_f64());
        // The last term: s² and s²/a may be below the smallest normal number.
        let factor_rounding = 3.0 * unit
            + 2.1 * (s_moved / inputs.s).abs()
            + 1.1 * (a_moved / inputs.a).abs()
            + T::TINY / (inputs.s * inputs.s)
            + T::TINY / factor;
        let (mut centre, mut radius) = (Vec::new(), Vec::new());
        for i in 0..d {
            let moved = |k: usize| (means[[k, i]] - self.mean[k * d + i].to_f64()).abs();
            let apart = means[[k, i]] - means[[o, i]];
            let (gain, gain_o) = (components[k].gain[i], components[o].gain[i]);
            let (pull, pull_o) = (components[k].precision[i], components[o].precision[i]);
            let by_means = apart.abs() + gain.0.abs() + gain_o.0.abs();
            let by_scores = factor * (pull.0.abs() + pull_o.0.abs());
            let means_radius =
                moved(k) + moved(o) + gain.1 + gain_o.1 + 3.0 * unit * by_means + inputs.tiny;
            let scores_radius = factor * (pull.1 + pull_o.1)
                + (factor_rounding + 2.0 * unit) * by_scores
                + inputs.tiny;
            // Within the radii of both sizes the evaluation in T may take the other form.
            let tie = 1.01 * (means_radius + scores_radius);
            let scores = by_scores < by_means;
            centre.push(if scores {
                factor * (pull_o.0 - pull.0)
            } else {
                apart + (gain.0 - gain_o.0)
            });
            radius.push(if k == o {
                0.0
            } else if by_scores.is_finite() && (by_scores - by_means).abs() <= tie {
                means_radius.max(scores_radius)
            } else if scores {
                scores_radius
            } else {
                means_radius
            });
        }
        Deviations { centre, radius }
    }

    /// The posterior covariance s²ΣV⁻¹ of one component, and the radius of each entry of its table.
    fn within_bounds(&self, inputs: &Inputs<'_>, k: usize) -> (Vec<f64>, Vec<f64>) {
        let d = inputs.x.len();
        let spread =
            |variance: f64| inputs.s * inputs.s * (variance / inputs.noised_variance(variance));
        let table = inputs.unit + 7.0 * W;
        let (mut centre, mut radius) = (vec![0.0; d * d], vec![0.0; d * d]);
        let mut on_diagonal = |i: usize, variance: f64| {
            centre[i * d + i] = spread(variance);
            radius[i * d + i] = table * spread(variance) + inputs.tiny;
        };
        match self.law().covariance() {
            Covariance::Isotropic(v) => (0..d).for_each(|i| on_diagonal(i, v[k])),
            Covariance::Diagonal(v) => (0..d).for_each(|i| on_diagonal(i, v[[k, i]])),
            Covariance::Full(v) => {
                let eigen = v[k].eigen();
                let backward = Backward::new(inputs, &v[k]);
                let backward = backward.within(inputs);
                for at in 0..d * d {
                    let (i, j) = (at / d, at % d);
                    let mut magnitude = 0.0;
                    for (l, &value) in eigen.values.iter().enumerate() {
                        let term = spread(value) * eigen.vectors[[i, l]] * eigen.vectors[[j, l]];
                        centre[at] += term;
                        magnitude += term.abs();
                    }
                    radius[at] = 1.01
                        * ((d as f64 + 8.0) * W * magnitude
                            + inputs.unit * centre[at].abs()
                            + backward);
                }
            }
        }
        (centre, radius)
    }
}

impl Backward {
    /// Bound of ‖P̂ − s²ΣV⁻¹‖: the better of two, for weak and for strong noise.
    fn within(&self, inputs: &Inputs<'_>) -> f64 {
        let ratio = inputs.s / inputs.a;
        let by_noise = ratio * ratio * (self.orthogonality + self.relative);
        let by_data = inputs.s * inputs.s / self.lowest
            * (1.01 * self.largest_variance * (self.orthogonality + self.relative)
                + self.residual * (1.0 + self.relative));
        if by_noise < by_data { by_noise } else { by_data }
    }
}

/// Subtracts the mean of the deviations, and adds what is not known of it to every radius.
fn centre(all: &mut [Deviations], weights: &Weights, inputs: &Inputs<'_>) {
    let d = inputs.x.len();
    for i in 0..d {
        let mean: f64 = all.iter().zip(&weights.centre).map(|(e, r)| r * e.centre[i]).sum();
        let additions = (all.len() as f64 + 2.0) * inputs.unit;
        let mut moved = 0.0;
        for (k, e) in all.iter().enumerate() {
            let size = e.centre[i].abs() + e.radius[i];
            moved += weights.width[k] * (e.centre[i] - mean).abs()
                + weights.highest[k] * (e.radius[i] + size * (additions + weights.rounding[k]));
        }
        for e in all.iter_mut() {
            e.centre[i] -= mean;
            e.radius[i] += moved + 2.0 * inputs.unit * e.centre[i].abs();
        }
    }
}
