//! The posterior covariance Σ_post(x) = Cov[x₀ | x] and its products with vectors (T2).
//!
//! With b_k the posterior mean of component k and P_k = s²Σ_kV_k⁻¹ its covariance,
//! Σ_post = Σ_k r_k·(P_k + e_k e_kᵀ), e_k = b_k − Σ_j r_j b_j: a sum of semidefinite matrices, nothing
//! subtracted. What needs care is e_k. With the heaviest component as the reference o,
//!
//!   b_k − b_o = (μ_k − μ_o) + (aΣ_kV_k⁻¹z_k − aΣ_oV_o⁻¹z_o) = −(s²/a)·(V_k⁻¹z_k − V_o⁻¹z_o).
//!
//! The first form loses digits where noise is weak (both means are near x/a), the second where it is
//! strong. Each coordinate takes the form whose terms are smaller.
//!
//! Floor 1. Uses `law::{noised, reference, far, lanes}`, `arith`. Spec: T2, N2.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::evaluate::shaped;
use super::noised::{Form, Noised};
use super::reference::Pull;
use crate::arith::{Kernel, MulAdd, Real};
use crate::error::{Error, Result};

/// The components that have a part in the posterior at a point, and where their means lie.
struct Posterior<T> {
    /// Components with a responsibility above zero, in index order, with it.
    active: Vec<(usize, T)>,
    /// active×d: e_k.
    deviations: Vec<T>,
}

impl<T: Real> Noised<T> {
    /// Σ_post(x_n)·v_n for N points and N vectors, N×d; O(K·d) a point for isotropic and diagonal kinds.
    ///
    /// Errors: as [`Noised::evaluate`] for the points; `Shape` and `NotFinite` for the vectors, and
    /// `NotFinite` for a product that leaves the format. Spec: T2.
    pub fn posterior_covariance_product(
        &self,
        points: ArrayView2<'_, T>,
        vectors: ArrayView2<'_, T>,
    ) -> Result<Array2<T>> {
        self.check_points(points)?;
        if vectors.dim() != points.dim() {
            return Err(Error::Shape {
                what: "vectors",
                found: vectors.shape().to_vec(),
                expected: format!("the shape of the points, {:?}", points.shape()),
            });
        }
        if let Some(((n, i), v)) = vectors.indexed_iter().find(|(_, v)| !v.is_finite()) {
            let (index, value) = (vec![n, i], v.to_f64());
            return Err(Error::NotFinite { what: "vectors", index, value });
        }
        let (points, vectors) = (points.as_standard_layout(), vectors.as_standard_layout());
        let (n, d) = points.dim();
        let mut out = vec![T::ZERO; n * d];
        let given = points.as_slice().unwrap_or(&[]).par_chunks(d);
        let given = given.zip(vectors.as_slice().unwrap_or(&[]).par_chunks(d));
        out.par_chunks_mut(d)
            .zip(given)
            .for_each(|(out, (x, v))| self.isa().run(Product { law: self, x, v, out }));
        if let Some((at, value)) = out.iter().enumerate().find(|(_, value)| !value.is_finite()) {
            let (index, value) = (vec![at / d, at % d], value.to_f64());
            return Err(Error::NotFinite { what: "covariance product", index, value });
        }
        shaped(n, d, out)
    }

    /// Σ_post at points of length d one after another, d×d each.
    pub(crate) fn covariances(&self, points: &[T]) -> Vec<T> {
        let d = self.dimension();
        let mut out = vec![T::ZERO; points.len() * d];
        out.par_chunks_mut(d * d)
            .zip(points.par_chunks(d))
            .for_each(|(out, x)| self.isa().run(Covariances { law: self, x, out }));
        out
    }

    #[inline(always)]
    fn posterior<M: MulAdd>(&self, x: &[T]) -> Posterior<T> {
        let d = x.len();
        let (scale, responsibilities) = self.weights::<M>(x);
        let active: Vec<(usize, T)> =
            responsibilities.into_iter().enumerate().filter(|(_, r)| *r > T::ZERO).collect();
        let heaviest = active
            .iter()
            .fold((0, T::ZERO), |best, &(k, r)| if r > best.1 { (k, r) } else { best })
            .0;
        let origin = self.pull::<M>(heaviest, &self.scaled_difference::<M>(heaviest, x, scale));
        let mut deviations = Vec::with_capacity(active.len() * d);
        for &(k, _) in &active {
            let pull = self.pull::<M>(k, &self.scaled_difference::<M>(k, x, scale));
            self.push_deviation(k, heaviest, &pull, &origin, scale, &mut deviations);
        }
        let mut mean = vec![T::ZERO; d];
        for (&(_, r), deviation) in active.iter().zip(deviations.chunks_exact(d)) {
            for (mean, &e) in mean.iter_mut().zip(deviation) {
                *mean = M::mul_add(r, e, *mean);
            }
        }
        let limit = Self::largest_deviation();
        for deviation in deviations.chunks_exact_mut(d) {
            for (e, &mean) in deviation.iter_mut().zip(&mean) {
                *e = (*e - mean) / scale;
                *e = if *e > limit { limit } else { *e };
                *e = if *e < -limit { -limit } else { *e };
            }
        }
        Posterior { active, deviations }
    }

    /// Deviations are held to half the root of the largest number, so that their products, weighted by numbers
    /// that sum to one, stay within a quarter of it. Where one is held, [`Noised::bounds`] is infinite.
    pub(crate) fn largest_deviation() -> T {
        T::from_f64(T::MAX.to_f64().sqrt() / 2.0)
    }

    /// b_k − b_o in coordinates scaled by c, each coordinate by the form with the smaller terms.
    fn push_deviation(
        &self,
        k: usize,
        o: usize,
        pull: &Pull<T>,
        origin: &Pull<T>,
        c: T,
        out: &mut Vec<T>,
    ) {
        let d = self.dimension();
        let factor = self.s * self.s / self.a;
        for i in 0..d {
            let means = c * (self.mean[k * d + i] - self.mean[o * d + i]);
            let (gain, gain_o) = (pull.gain[i], origin.gain[i]);
            let (precision, precision_o) = (pull.precision[i], origin.precision[i]);
            let by_means = means.abs() + (gain.abs() + gain_o.abs());
            let by_scores = factor * (precision.abs() + precision_o.abs());
            // False also where a = 0 and the second form does not exist.
            out.push(if by_scores < by_means {
                factor * (precision_o - precision)
            } else {
                means + (gain - gain_o)
            });
        }
    }

    /// The scale of the coordinates and the responsibilities at a point.
    fn weights<M: MulAdd>(&self, x: &[T]) -> (T, Vec<T>) {
        if self.is_near(x) {
            (T::ONE, self.reference_responsibilities::<M>(x))
        } else {
            let far = self.far_weights::<M>(x);
            (far.scale, far.responsibilities)
        }
    }
}

struct Covariances<'a, T: Real> {
    law: &'a Noised<T>,
    x: &'a [T],
    out: &'a mut [T],
}

impl<T: Real> Kernel for Covariances<'_, T> {
    type Output = ();

    /// Row by row of the lower triangle, components in index order: r_k·P_k first, then r_k·e_k e_kᵀ.
    #[inline(always)]
    fn run<M: MulAdd>(self) {
        let (d, out) = (self.x.len(), self.out);
        let posterior = self.law.posterior::<M>(self.x);
        let members = posterior.active.iter().zip(posterior.deviations.chunks_exact(d));
        for (&(k, r), e) in members {
            for i in 0..d {
                let scaled = r * e[i];
                let row = &mut out[i * d..i * d + i + 1];
                match &self.law.form {
                    Form::Isotropic { within, .. } => row[i] = M::mul_add(r, within[k], row[i]),
                    Form::Diagonal { within, .. } => {
                        row[i] = M::mul_add(r, within[k * d + i], row[i]);
                    }
                    Form::Full { .. } => {
                        let within = &self.law.full_within()[(k * d + i) * d..];
                        for (out, &p) in row.iter_mut().zip(within) {
                            *out = M::mul_add(r, p, *out);
                        }
                    }
                }
                for (out, &e) in row.iter_mut().zip(e) {
                    *out = M::mul_add(scaled, e, *out);
                }
            }
        }
        for i in 0..d {
            for j in 0..i {
                out[j * d + i] = out[i * d + j];
            }
        }
    }
}

struct Product<'a, T: Real> {
    law: &'a Noised<T>,
    x: &'a [T],
    v: &'a [T],
    out: &'a mut [T],
}

impl<T: Real> Kernel for Product<'_, T> {
    type Output = ();

    /// Components in index order: r_k·(P_k·v)_i first, then r_k·(e_k·v)·e_k.
    #[inline(always)]
    fn run<M: MulAdd>(self) {
        let (d, v, out) = (self.x.len(), self.v, self.out);
        let posterior = self.law.posterior::<M>(self.x);
        let members = posterior.active.iter().zip(posterior.deviations.chunks_exact(d));
        for (&(k, r), e) in members {
            let along = e.iter().zip(v).fold(T::ZERO, |sum, (&e, &v)| M::mul_add(e, v, sum));
            for i in 0..d {
                let own = match &self.law.form {
                    Form::Isotropic { within, .. } => within[k] * v[i],
                    Form::Diagonal { within, .. } => within[k * d + i] * v[i],
                    Form::Full { .. } => self.law.full_within()[(k * d + i) * d..]
                        .iter()
                        .zip(v)
                        .fold(T::ZERO, |sum, (&p, &v)| M::mul_add(p, v, sum)),
                };
                out[i] = M::mul_add(r, own, out[i]);
                out[i] = M::mul_add(r * along, e[i], out[i]);
            }
        }
    }
}
