//! The law of the noised data at one point, in the clearest code: what the fast paths are tested against.
//!
//! This file *is* the canonical order of operations for a point (`docs/arithmetic.md`): `law::lanes`
//! performs the same operations on many points at once and must return the same bits.
//!
//! Floor 1. Uses `law::noised`, `arith`. Spec: T1, N1, N2, N3.

use super::noised::{COMPONENT_BLOCK, Form, Noised};
use crate::arith::{MulAdd, Real, exp, ln};

/// Everything first-order at one point.
#[derive(Clone, Debug, PartialEq)]
pub struct AtPoint<T> {
    /// ln p(x).
    pub log_density: T,
    /// S = ∇ln p(x), of length d.
    pub score: Vec<T>,
    /// D* = E[x₀ | x], of length d.
    pub denoiser: Vec<T>,
    /// ε* = E[ε | x], of length d.
    pub noise: Vec<T>,
    /// P(component k | x), of length K.
    pub responsibilities: Vec<T>,
}

/// What one component contributes before it is weighted.
pub(crate) struct Pull<T> {
    /// V⁻¹z, of length d.
    pub precision: Vec<T>,
    /// aΣV⁻¹z, of length d: the posterior mean of the component is μ plus this.
    pub gain: Vec<T>,
}

/// Sums over some components relative to the largest logit among them.
struct Partial<T> {
    largest: T,
    total: T,
    /// Σ e^(l−M) V⁻¹z.
    precision: Vec<T>,
    /// Σ e^(l−M) (μ − origin + aΣV⁻¹z).
    denoised: Vec<T>,
}

impl<T: Real> Noised<T> {
    /// The reference evaluation at a point of length d within the safe radius.
    pub(crate) fn reference_at<M: MulAdd>(&self, x: &[T]) -> AtPoint<T> {
        let logits: Vec<T> = (0..self.components()).map(|k| self.logit::<M>(k, x)).collect();
        let first = logits.len().min(COMPONENT_BLOCK);
        let mut sums = self.partial::<M>(0, &logits[..first], x);
        for (block, logits) in logits.chunks(COMPONENT_BLOCK).enumerate().skip(1) {
            sums = combine::<T, M>(sums, self.partial::<M>(block * COMPONENT_BLOCK, logits, x));
        }
        self.finish::<M>(sums, &logits)
    }

    /// P(component k | x) alone, by the same operations as in [`Noised::reference_at`].
    pub(crate) fn reference_responsibilities<M: MulAdd>(&self, x: &[T]) -> Vec<T> {
        let logits: Vec<T> = (0..self.components()).map(|k| self.logit::<M>(k, x)).collect();
        let mut blocks = logits.chunks(COMPONENT_BLOCK).map(|block| {
            let largest = block.iter().fold(block[0], |m, &l| m.larger(l));
            let weights = block.iter().map(|&l| exp::exp::<T, M>(l - largest));
            (largest, weights.fold(T::ZERO, |sum, w| sum + w))
        });
        let first = blocks.next().unwrap_or((T::ZERO, T::ONE));
        let (largest, total) = blocks.fold(first, |(before, sum), (block, partial)| {
            let largest = before.larger(block);
            let old = exp::exp::<T, M>(before - largest);
            let new = exp::exp::<T, M>(block - largest);
            (largest, M::mul_add(sum, old, partial * new))
        });
        logits.iter().map(|&l| exp::exp::<T, M>(l - largest) / total).collect()
    }

    /// z = x − a·μ_k, each coordinate rounded once.
    pub(crate) fn difference<M: MulAdd>(&self, k: usize, x: &[T]) -> Vec<T> {
        let means = self.mean[k * x.len()..].iter();
        x.iter().zip(means).map(|(&x, &mu)| M::mul_add(-self.a, mu, x)).collect()
    }

    /// l_k = offset_k − ½·zᵀV⁻¹z: ln w_k N(x; aμ_k, V_k) less what is common to all components.
    pub(crate) fn logit<M: MulAdd>(&self, k: usize, x: &[T]) -> T {
        M::mul_add(-T::HALF, self.distance::<M>(k, &self.difference::<M>(k, x)), self.offset[k])
    }

    /// zᵀV⁻¹z.
    pub(crate) fn distance<M: MulAdd>(&self, k: usize, z: &[T]) -> T {
        let d = z.len();
        let square = |sum: T, z: &T| M::mul_add(*z, *z, sum);
        match &self.form {
            Form::Isotropic { precision, .. } => z.iter().fold(T::ZERO, square) * precision[k],
            Form::Diagonal { precision, .. } => {
                let row = &precision[k * d..(k + 1) * d];
                z.iter().zip(row).fold(T::ZERO, |sum, (&z, &p)| M::mul_add(z * p, z, sum))
            }
            Form::Full { whitener, .. } => {
                whitened::<T, M>(&whitener[k * d * d..], z).iter().fold(T::ZERO, square)
            }
        }
    }

    /// V⁻¹z and aΣV⁻¹z.
    pub(crate) fn pull<M: MulAdd>(&self, k: usize, z: &[T]) -> Pull<T> {
        let d = z.len();
        let times = |table: &[T]| z.iter().zip(table).map(|(&z, &t)| t * z).collect();
        match &self.form {
            Form::Isotropic { precision, gain, .. } => Pull {
                precision: z.iter().map(|&z| precision[k] * z).collect(),
                gain: z.iter().map(|&z| gain[k] * z).collect(),
            },
            Form::Diagonal { precision, gain, .. } => {
                Pull { precision: times(&precision[k * d..]), gain: times(&gain[k * d..]) }
            }
            Form::Full { whitener, gain } => {
                let rows = &whitener[k * d * d..(k + 1) * d * d];
                let u = whitened::<T, M>(rows, z);
                let scaled: Vec<T> = u.iter().zip(&gain[k * d..]).map(|(&u, &g)| g * u).collect();
                Pull {
                    precision: unwhitened::<T, M>(rows, &u),
                    gain: unwhitened::<T, M>(rows, &scaled),
                }
            }
        }
    }

    fn partial<M: MulAdd>(&self, first: usize, logits: &[T], x: &[T]) -> Partial<T> {
        let d = x.len();
        let largest = logits.iter().fold(logits[0], |m, &l| m.larger(l));
        let mut sums = Partial {
            largest,
            total: T::ZERO,
            precision: vec![T::ZERO; d],
            denoised: vec![T::ZERO; d],
        };
        for (k, &logit) in (first..).zip(logits) {
            let weight = exp::exp::<T, M>(logit - largest);
            sums.total += weight;
            self.accumulate::<M>(k, &self.difference::<M>(k, x), weight, &mut sums);
        }
        sums
    }

    /// Adds weight·V⁻¹z and weight·(μ − origin + aΣV⁻¹z).
    fn accumulate<M: MulAdd>(&self, k: usize, z: &[T], weight: T, sums: &mut Partial<T>) {
        let d = z.len();
        let shifted = &self.shifted[k * d..];
        let mut add = |i: usize, scale: T, direction: T, summand: T| {
            sums.precision[i] = M::mul_add(scale, direction, sums.precision[i]);
            sums.denoised[i] = M::mul_add(weight, summand, sums.denoised[i]);
        };
        match &self.form {
            Form::Isotropic { precision, gain, .. } => {
                let scale = weight * precision[k];
                for i in 0..d {
                    add(i, scale, z[i], M::mul_add(gain[k], z[i], shifted[i]));
                }
            }
            Form::Diagonal { precision, gain, .. } => {
                for i in 0..d {
                    let scale = weight * precision[k * d + i];
                    add(i, scale, z[i], M::mul_add(gain[k * d + i], z[i], shifted[i]));
                }
            }
            Form::Full { .. } => {
                let pull = self.pull::<M>(k, z);
                for (i, (&pull_i, &shifted_i)) in pull.precision.iter().zip(shifted).enumerate() {
                    add(i, weight, pull_i, shifted_i + pull.gain[i]);
                }
            }
        }
    }

    fn finish<M: MulAdd>(&self, sums: Partial<T>, logits: &[T]) -> AtPoint<T> {
        let score: Vec<T> = sums.precision.iter().map(|&sum| -(sum / sums.total)).collect();
        AtPoint {
            log_density: (sums.largest + ln::ln::<T, M>(sums.total)) + self.reference,
            noise: score.iter().map(|&score| -self.s * score).collect(),
            score,
            denoiser: sums
                .denoised
                .iter()
                .zip(&self.origin)
                .map(|(&sum, &origin)| origin + sum / sums.total)
                .collect(),
            responsibilities: logits
                .iter()
                .map(|&l| exp::exp::<T, M>(l - sums.largest) / sums.total)
                .collect(),
        }
    }
}

/// Both partial sums relative to the larger of their two logits.
fn combine<T: Real, M: MulAdd>(before: Partial<T>, block: Partial<T>) -> Partial<T> {
    let largest = before.largest.larger(block.largest);
    let old = exp::exp::<T, M>(before.largest - largest);
    let new = exp::exp::<T, M>(block.largest - largest);
    let add = |before: T, block: T| M::mul_add(before, old, block * new);
    let add_all =
        |before: Vec<T>, block: Vec<T>| before.iter().zip(block).map(|(&b, n)| add(b, n)).collect();
    Partial {
        largest,
        total: add(before.total, block.total),
        precision: add_all(before.precision, block.precision),
        denoised: add_all(before.denoised, block.denoised),
    }
}

/// W·z, each row summed in coordinate order; W is the first d rows of length d in `rows`.
pub(crate) fn whitened<T: Real, M: MulAdd>(rows: &[T], z: &[T]) -> Vec<T> {
    let dot = |row: &[T]| row.iter().zip(z).fold(T::ZERO, |sum, (&w, &z)| M::mul_add(w, z, sum));
    rows.chunks_exact(z.len()).take(z.len()).map(dot).collect()
}

/// Wᵀ·u, each coordinate summed in row order.
pub(crate) fn unwhitened<T: Real, M: MulAdd>(rows: &[T], u: &[T]) -> Vec<T> {
    let mut out = vec![T::ZERO; u.len()];
    for (row, &u) in rows.chunks_exact(out.len()).zip(u) {
        for (out, &w) in out.iter_mut().zip(row) {
            *out = M::mul_add(w, u, *out);
        }
    }
    out
}
