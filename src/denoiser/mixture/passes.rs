//! The arithmetic of one row of the mixture-parametrised denoiser: prediction, and derivatives to point and parameters.
//!
//! Notation of a row: c a power of two (1 unless the point is so far out that squares would overflow, N1);
//! δ̃_k = c·(x − a·μ_k); h the component with the largest logit; t̃_k = c·(μ_k − μ_h) + gain_k·δ̃_k, which is
//! c·(E[x₀ | x, k] − μ_h); ẽ_k = pull_k·δ̃_k = c·E[ε | x, k]. Sums over components run in index order, sums over
//! coordinates likewise, each one chain of fused multiply–adds from zero. Components with r_k = 0 are left out.
//!
//! Floor 3. Uses `arith`, `denoiser::mixture`. Spec: T1, T2, N1, N2, N3.

use super::table::Table;
use crate::arith::{MulAdd, Real, exp};

/// What every pass over a row needs: the parameters' means, the tables of its level, and the point.
pub(super) struct Row<'a, T> {
    pub means: &'a [T],
    pub table: &'a Table<T>,
    /// Numbers a component in the tables: 1 or d.
    pub width: usize,
    pub x: &'a [T],
}

/// What a forward pass finds of a row.
pub(super) struct Found<'a, T> {
    /// c.
    pub scale: T,
    /// h.
    pub heavy: usize,
    /// r, K.
    pub weights: &'a [T],
    /// Σ_k r_k·t̃_k = c·(D̂ − μ_h), d.
    pub denoised: &'a [T],
    /// Σ_k r_k·ẽ_k = c·ε̂, d.
    pub noise: &'a [T],
}

/// The same, to be written.
pub(super) struct Finding<'a, T> {
    pub scale: &'a mut T,
    pub heavy: &'a mut usize,
    pub weights: &'a mut [T],
    pub denoised: &'a mut [T],
    pub noise: &'a mut [T],
}

impl<T: Real> Row<'_, T> {
    /// The largest power of four, at most 1, with c·(‖x‖∞ + a·max|μ|) within the safe radius.
    fn scale(&self, largest_mean: T) -> T {
        let quarter = T::HALF * T::HALF;
        let far = self.x.iter().fold(T::ZERO, |far, x| far.larger(x.abs()));
        // Quartered before they are added, since the sum may leave the range.
        let mut reach = far * quarter + self.table.a * (largest_mean * quarter);
        let (mut scale, safe) = (T::ONE, self.table.safe * quarter);
        while reach > safe {
            reach *= quarter;
            scale *= quarter;
        }
        scale
    }

    /// δ̃, K×d.
    #[inline(always)]
    pub fn differences<M: MulAdd>(&self, scale: T, out: &mut [T]) {
        let d = self.x.len();
        for (means, out) in self.means.chunks_exact(d).zip(out.chunks_exact_mut(d)) {
            for ((out, &mean), &x) in out.iter_mut().zip(means).zip(self.x) {
                *out = M::mul_add(-self.table.a, scale * mean, scale * x);
            }
        }
    }

    /// Where component k's number for coordinate i stands in a table.
    #[inline(always)]
    fn at(&self, k: usize, i: usize) -> usize {
        k * self.width + i.min(self.width - 1)
    }

    /// t̃_ki.
    #[inline(always)]
    fn centred<M: MulAdd>(&self, found: &Found<'_, T>, delta: &[T], k: usize, i: usize) -> T {
        let d = self.x.len();
        let shift = found.scale * (self.means[k * d + i] - self.means[found.heavy * d + i]);
        M::mul_add(self.table.gain[self.at(k, i)], delta[k * d + i], shift)
    }

    /// Fills in what a forward pass finds; `delta` and `logits` are room for K×d and K numbers.
    #[inline(always)]
    pub fn forward<M: MulAdd>(
        &self,
        largest_mean: T,
        out: Finding<'_, T>,
        delta: &mut [T],
        logits: &mut [T],
    ) {
        let d = self.x.len();
        *out.scale = self.scale(largest_mean);
        self.differences::<M>(*out.scale, delta);
        *out.heavy = self.relative_logits::<M>(*out.scale, delta, logits);
        softmax::<T, M>(logits, logits[*out.heavy], out.weights);
        out.denoised.fill(T::ZERO);
        out.noise.fill(T::ZERO);
        let none: &[T] = &[];
        let frame = Found {
            scale: *out.scale,
            heavy: *out.heavy,
            weights: none,
            denoised: none,
            noise: none,
        };
        for (k, &weight) in out.weights.iter().enumerate() {
            if weight == T::ZERO {
                continue;
            }
            for i in 0..d {
                let pulled = self.table.pull[self.at(k, i)] * delta[k * d + i];
                let centred = self.centred::<M>(&frame, delta, k, i);
                out.denoised[i] = M::mul_add(weight, centred, out.denoised[i]);
                out.noise[i] = M::mul_add(weight, pulled, out.noise[i]);
            }
        }
    }

    /// Logits less that of the component nearest in its own metric, and the index of the largest.
    ///
    /// The quadratic forms are subtracted in scaled coordinates, so that far out nothing is ∞ − ∞.
    #[inline(always)]
    fn relative_logits<M: MulAdd>(&self, scale: T, delta: &[T], logits: &mut [T]) -> usize {
        let d = self.x.len();
        for (k, (form, delta)) in logits.iter_mut().zip(delta.chunks_exact(d)).enumerate() {
            *form = T::ZERO;
            for (i, &delta) in delta.iter().enumerate() {
                *form = M::mul_add(delta * self.table.precision[self.at(k, i)], delta, *form);
            }
        }
        let first = |better: fn(&T, &T) -> bool, values: &[T]| {
            (1..values.len())
                .fold(0, |best, k| if better(&values[k], &values[best]) { k } else { best })
        };
        let nearest = first(|new, best| new < best, logits);
        let (form, offset) = (logits[nearest], self.table.offset[nearest]);
        for (logit, &own) in logits.iter_mut().zip(&self.table.offset) {
            *logit = (-T::HALF * (*logit - form)) / scale / scale + (own - offset);
        }
        first(|new, best| new > best, logits)
    }

    /// ∇D̂·v: Σ_k r_k·(gain_k∘v + (β̄ − β_k)·(t_k − D̂)) with β_k = δ_kᵀV_k⁻¹v and β̄ its mean.
    #[inline(always)]
    pub fn push<M: MulAdd>(
        &self,
        found: &Found<'_, T>,
        v: &[T],
        out: &mut [T],
        delta: &mut [T],
        slopes: &mut [T],
    ) {
        let d = self.x.len();
        self.differences::<M>(found.scale, delta);
        let mut mean = T::ZERO;
        for (k, (slope, &weight)) in slopes.iter_mut().zip(found.weights).enumerate() {
            *slope = T::ZERO;
            if weight == T::ZERO {
                continue;
            }
            for (i, &v) in v.iter().enumerate() {
                let precise = delta[k * d + i] * self.table.precision[self.at(k, i)];
                *slope = M::mul_add(precise, v, *slope);
            }
            mean = M::mul_add(weight, *slope, mean);
        }
        out.fill(T::ZERO);
        for (k, (&slope, &weight)) in slopes.iter().zip(found.weights).enumerate() {
            if weight == T::ZERO {
                continue;
            }
            let moved = weight * (mean - slope) / found.scale / found.scale;
            for (i, out) in out.iter_mut().enumerate() {
                let from_mean = self.centred::<M>(found, delta, k, i) - found.denoised[i];
                let within = weight * self.table.gain[self.at(k, i)];
                *out = M::mul_add(moved, from_mean, M::mul_add(within, v[i], *out));
            }
        }
    }

    /// The derivative of ⟨v_D, D̂⟩ + ⟨v_ε, ε̂⟩ by logit k: r_k·(⟨v_D, t_k − D̂⟩ + ⟨v_ε, e_k − ε̂⟩).
    #[inline(always)]
    fn to_logit<M: MulAdd>(
        &self,
        found: &Found<'_, T>,
        (v, w): (&[T], &[T]),
        delta: &[T],
        k: usize,
    ) -> T {
        let d = self.x.len();
        let mut sum = T::ZERO;
        for i in 0..d {
            let centred = self.centred::<M>(found, delta, k, i) - found.denoised[i];
            // Rounded before it is subtracted: exactly 0 where one component has all the weight.
            let noise = self.table.pull[self.at(k, i)] * delta[k * d + i] - found.noise[i];
            sum = M::mul_add(w[i], noise, M::mul_add(v[i], centred, sum));
        }
        found.weights[k] * sum / found.scale
    }

    /// ∇D̂ᵀv + ∇ε̂ᵀw: Σ_k r_k·(gain_k∘v + pull_k∘w) − Λ_k·V_k⁻¹δ_k, with Λ_k of `to_logit`.
    #[inline(always)]
    pub fn to_point<M: MulAdd>(
        &self,
        found: &Found<'_, T>,
        (v, w): (&[T], &[T]),
        out: &mut [T],
        delta: &mut [T],
    ) {
        let d = self.x.len();
        self.differences::<M>(found.scale, delta);
        out.fill(T::ZERO);
        for (k, &weight) in found.weights.iter().enumerate() {
            if weight == T::ZERO {
                continue;
            }
            let slope = self.to_logit::<M>(found, (v, w), delta, k) / found.scale;
            for (i, out) in out.iter_mut().enumerate() {
                let at = self.at(k, i);
                let own = M::mul_add(self.table.gain[at], v[i], self.table.pull[at] * w[i]);
                let precise = delta[k * d + i] * self.table.precision[at];
                *out = M::mul_add(-slope, precise, M::mul_add(weight, own, *out));
            }
        }
    }

    /// Adds the derivatives of ⟨v_D, D̂⟩ + ⟨v_ε, ε̂⟩ to `gradient`: logits, means, log variances.
    ///
    /// By μ_k: r_k(s²/V∘v − (a·s/V)∘w) + Λ_k·a·V_k⁻¹δ_k. By ℓ_ki, with h = a²e^ℓ/V:
    /// r_k·δ_i·(gain·s²/V·v_i − s/V·h·w_i) + ½·Λ_k·h·(δ_i²/V − 1); isotropic: their sum over i.
    #[inline(always)]
    pub fn to_parameters<M: MulAdd>(
        &self,
        found: &Found<'_, T>,
        (v, w): (&[T], &[T]),
        gradient: &mut [T],
        delta: &mut [T],
    ) {
        let (k_all, d) = (found.weights.len(), self.x.len());
        self.differences::<M>(found.scale, delta);
        let (logits, rest) = gradient.split_at_mut(k_all);
        let (means, log_variances) = rest.split_at_mut(k_all * d);
        for (k, &weight) in found.weights.iter().enumerate() {
            if weight == T::ZERO {
                continue;
            }
            let logit = self.to_logit::<M>(found, (v, w), delta, k);
            logits[k] += logit;
            let slope = logit / found.scale;
            let means = &mut means[k * d..(k + 1) * d];
            self.to_means::<M>((weight, slope), (v, w), &delta[k * d..], k, means);
            let own = &mut log_variances[k * self.width..(k + 1) * self.width];
            self.to_log_variances::<M>(
                (weight, slope),
                found.scale,
                (v, w),
                &delta[k * d..],
                k,
                own,
            );
        }
    }

    #[inline(always)]
    fn to_means<M: MulAdd>(
        &self,
        (weight, slope): (T, T),
        (v, w): (&[T], &[T]),
        delta: &[T],
        k: usize,
        gradient: &mut [T],
    ) {
        let a = self.table.a;
        for (i, gradient) in gradient.iter_mut().enumerate() {
            let at = self.at(k, i);
            let own = M::mul_add(self.table.rest[at], v[i], -(a * self.table.pull[at] * w[i]));
            let precise = a * (delta[i] * self.table.precision[at]);
            *gradient += M::mul_add(slope, precise, weight * own);
        }
    }

    #[inline(always)]
    fn to_log_variances<M: MulAdd>(
        &self,
        (weight, slope): (T, T),
        scale: T,
        (v, w): (&[T], &[T]),
        delta: &[T],
        k: usize,
        gradient: &mut [T],
    ) {
        let mut sum = T::ZERO;
        for (i, &delta) in delta.iter().take(self.x.len()).enumerate() {
            let at = self.at(k, i);
            let share = self.table.share[at];
            let data = self.table.gain[at] * self.table.rest[at] * v[i];
            let own = M::mul_add(-(self.table.pull[at] * share), w[i], data);
            let excess = M::mul_add(delta * self.table.precision[at], delta, -(scale * scale));
            let curve = T::HALF * share * slope * excess;
            let term = (curve + weight * (delta * own)) / scale;
            if self.width == 1 {
                sum += term;
            } else {
                gradient[i] += term;
            }
        }
        if self.width == 1 {
            gradient[0] += sum;
        }
    }
}

/// e^(l_k − l_h)/Σ_j e^(l_j − l_h).
#[inline(always)]
fn softmax<T: Real, M: MulAdd>(logits: &[T], largest: T, weights: &mut [T]) {
    for (weight, &logit) in weights.iter_mut().zip(logits) {
        *weight = exp::<T, M>(logit - largest);
    }
    let total = weights.iter().fold(T::ZERO, |total, &weight| total + weight);
    for weight in weights {
        *weight = *weight / total;
    }
}
