//! Points so far out that their squared distances would overflow: the same law, in scaled coordinates.
//!
//! With c a power of two, x̃ = c·x and μ̃ = c·μ are exact, and every quadratic form is c² times what it
//! was. Differences of logits are formed from differences of the scaled forms, so the nearest component
//! keeps its place however far away the point is, and nothing is ∞ − ∞ (N1). A result that is beyond the
//! format's range is its largest finite number of the right sign.
//!
//! Floor 1. Uses `law::{noised, reference}`, `arith`. Spec: N1.

use super::noised::Noised;
use super::reference::AtPoint;
use crate::arith::{MulAdd, Real, exp, ln};

/// The component weights at a far point, and the coordinates that they were found in.
pub(crate) struct FarWeights<T> {
    /// c, at most 1.
    pub scale: T,
    /// P(component k | x).
    pub responsibilities: Vec<T>,
    /// The component with the smallest scaled form, that form, and ln Σ of the weights relative to it.
    nearest: usize,
    distance: T,
    log_total: T,
}

impl<T: Real> Noised<T> {
    /// Everything first-order at a point of length d, near or far.
    pub(crate) fn at<M: MulAdd>(&self, x: &[T]) -> AtPoint<T> {
        if self.is_near(x) { self.reference_at::<M>(x) } else { self.far_at::<M>(x) }
    }

    /// Whether nothing can overflow at the point, or at any of several points in a row.
    #[inline(always)]
    pub(crate) fn is_near(&self, x: &[T]) -> bool {
        x.iter().all(|x| x.abs() <= self.safe_radius)
    }

    fn far_at<M: MulAdd>(&self, x: &[T]) -> AtPoint<T> {
        let d = x.len();
        let weights = self.far_weights::<M>(x);
        let c = weights.scale;
        let (mut precision, mut denoised) = (vec![T::ZERO; d], vec![T::ZERO; d]);
        for (k, &weight) in weights.responsibilities.iter().enumerate() {
            if weight == T::ZERO {
                continue;
            }
            let pull = self.pull::<M>(k, &self.scaled_difference::<M>(k, x, c));
            for i in 0..d {
                let summand = M::mul_add(self.shifted[k * d + i], c, pull.gain[i]);
                precision[i] = M::mul_add(weight, pull.precision[i], precision[i]);
                denoised[i] = M::mul_add(weight, summand, denoised[i]);
            }
        }
        let squared = -T::HALF * weights.distance;
        let logit = unscaled(unscaled(squared, c), c);
        let log_density =
            logit + (self.offset[weights.nearest] + weights.log_total) + self.reference;
        AtPoint {
            log_density: saturated(log_density),
            score: precision.iter().map(|&sum| saturated(unscaled(-sum, c))).collect(),
            noise: precision.iter().map(|&sum| saturated(unscaled(self.s * sum, c))).collect(),
            denoiser: denoised
                .iter()
                .zip(&self.origin)
                .map(|(&sum, &origin)| saturated(origin + unscaled(sum, c)))
                .collect(),
            responsibilities: weights.responsibilities,
        }
    }

    /// Responsibilities from differences of scaled quadratic forms.
    pub(crate) fn far_weights<M: MulAdd>(&self, x: &[T]) -> FarWeights<T> {
        let scale = self.far_scale(x);
        let distances: Vec<T> = (0..self.components())
            .map(|k| self.distance::<M>(k, &self.scaled_difference::<M>(k, x, scale)))
            .collect();
        let nearest = (1..distances.len())
            .fold(0, |best, k| if distances[k] < distances[best] { k } else { best });
        let relative: Vec<T> = distances
            .iter()
            .zip(&self.offset)
            .map(|(&q, &offset)| {
                let further = -T::HALF * (q - distances[nearest]);
                // Divided by c twice: further/c² may be −∞, which is a weight of exactly 0.
                unscaled(unscaled(further, scale), scale) + (offset - self.offset[nearest])
            })
            .collect();
        let largest = relative.iter().fold(-T::INFINITY, |m, &l| m.larger(l));
        let weights: Vec<T> = relative.iter().map(|&l| exp::exp::<T, M>(l - largest)).collect();
        let total = weights.iter().fold(T::ZERO, |sum, &w| sum + w);
        FarWeights {
            scale,
            responsibilities: weights.iter().map(|&w| w / total).collect(),
            nearest,
            distance: distances[nearest],
            log_total: largest + ln::ln::<T, M>(total),
        }
    }

    /// c·(x − a·μ_k).
    pub(crate) fn scaled_difference<M: MulAdd>(&self, k: usize, x: &[T], c: T) -> Vec<T> {
        let means = self.mean[k * x.len()..].iter();
        x.iter().zip(means).map(|(&x, &mu)| M::mul_add(-self.a, c * mu, c * x)).collect()
    }

    /// A power of two c with c·(‖x‖∞ + a·max|μ|) well inside the safe radius about the origin.
    fn far_scale(&self, x: &[T]) -> T {
        let far = x.iter().fold(T::ZERO, |m, x| m.larger(x.abs()));
        let means = self.mean.iter().fold(T::ZERO, |m, mu| m.larger(mu.abs()));
        let quarter = T::HALF * T::HALF;
        // Quartered before they are added, since the sum itself may leave the range.
        let mut reach = far * quarter + self.a.larger(T::ONE) * (means * quarter);
        let mut scale = T::ONE;
        // Any fixed target below the safe radius would do; 1 is below it for every legal table.
        while reach > T::ONE {
            reach *= quarter;
            scale *= quarter;
        }
        scale
    }
}

/// x/c for a power of two c, exactly, or ±∞.
fn unscaled<T: Real>(x: T, c: T) -> T {
    x / c
}

/// The nearest finite number.
pub(crate) fn saturated<T: Real>(x: T) -> T {
    if x > T::MAX {
        T::MAX
    } else if x < -T::MAX {
        -T::MAX
    } else {
        x
    }
}
