//! Exact samples of a mixture, and of what a channel makes of them, addressed by (seed, stream, index).
//!
//! Sample n is the same whichever samples are drawn with it, on any number of threads.
//!
//! Floor 1. Uses `law::{mixture, covariance}`, `channel`, `arith`. Spec: notation of T, N3.

use ndarray::Array2;

use super::covariance::Covariance;
use super::evaluate::shaped;
use super::mixture::Mixture;
use crate::arith::{fill_normal, fill_uniform};
use crate::channel::Channel;
use crate::error::{Error, Result};

/// n draws of x₀, and the component that each came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// n×d.
    pub points: Array2<f64>,
    /// n indices below K.
    pub components: Vec<usize>,
}

/// n draws through a channel: x = a·x₀ + s·ε.
#[derive(Clone, Debug, PartialEq)]
pub struct NoisedSample {
    /// x₀, n×d.
    pub clean: Array2<f64>,
    /// ε, n×d.
    pub noise: Array2<f64>,
    /// x, n×d.
    pub noised: Array2<f64>,
}

/// Four random streams belong to one stream number of a sample: which component, where in it, the noise, and what
/// `law::corruption` draws.
const COMPONENT: u64 = 0;
const POSITION: u64 = 1;
const NOISE: u64 = 2;
pub(super) const CORRUPTION: u64 = 3;

pub(super) fn substream(stream: u64, part: u64) -> u64 {
    stream.wrapping_mul(4).wrapping_add(part)
}

impl Mixture {
    /// n independent draws of x₀ ~ p₀.
    ///
    /// The component is the first whose cumulative weight exceeds a uniform number; within it,
    /// x₀ = μ + Q·√λ·z with z standard normal (λ = 0 adds exactly 0, so a rank-deficient law stays on its
    /// subspace up to the rounding of Q). Streams below 2⁶² do not meet.
    /// Errors: `Empty` for n = 0. Source: inverse transform; Box–Muller in `arith::random`.
    pub fn sample(&self, seed: u64, stream: u64, n: usize) -> Result<Sample> {
        self.sample_rows(seed, stream, 0, n)
    }

    /// Draws `first` to `first` + n − 1 of [`Mixture::sample`], without the others.
    ///
    /// Errors: `Empty` for n = 0.
    pub fn sample_rows(&self, seed: u64, stream: u64, first: u64, n: usize) -> Result<Sample> {
        if n == 0 {
            return Err(Error::Empty { what: "sample", expected: "point" });
        }
        let d = self.dimension();
        let components = self.sample_components(seed, substream(stream, COMPONENT), first, n);
        let mut normals = vec![0.0; n * d];
        let start = first.wrapping_mul(d as u64);
        fill_normal(seed, substream(stream, POSITION), start, &mut normals);
        for (row, &k) in normals.chunks_exact_mut(d).zip(&components) {
            self.place(k, row);
        }
        Ok(Sample { points: shaped(n, d, normals)?, components })
    }

    /// n independent draws of x₀, of ε, and of x = a·x₀ + s·ε (one multiplication and one fused
    /// multiply–add a coordinate).
    ///
    /// Errors: as [`Mixture::sample`].
    pub fn sample_noised(
        &self,
        channel: Channel,
        seed: u64,
        stream: u64,
        n: usize,
    ) -> Result<NoisedSample> {
        let clean = self.sample(seed, stream, n)?.points;
        let mut noise = vec![0.0; clean.len()];
        fill_normal(seed, substream(stream, NOISE), 0, &mut noise);
        let noise = shaped(n, self.dimension(), noise)?;
        let (a, s) = (channel.a(), channel.s());
        let mut noised = clean.clone();
        noised.zip_mut_with(&noise, |x, &e| *x = s.mul_add(e, a * *x));
        Ok(NoisedSample { clean, noise, noised })
    }

    fn sample_components(&self, seed: u64, stream: u64, first: u64, n: usize) -> Vec<usize> {
        let mut uniforms = vec![0.0; n];
        fill_uniform(seed, stream, first, &mut uniforms);
        let (steps, last) = (self.cumulative_weights(), self.components() - 1);
        uniforms.iter().map(|u| steps.partition_point(|step| step <= u).min(last)).collect()
    }

    /// w_1, w_1 + w_2, …, each one addition from the last.
    pub(crate) fn cumulative_weights(&self) -> Vec<f64> {
        let mut cumulative = 0.0;
        let add = |w: &f64| {
            cumulative += w;
            cumulative
        };
        self.weights().iter().map(add).collect()
    }

    /// Turns standard normals into a point of component k.
    fn place(&self, k: usize, z: &mut [f64]) {
        let mean = self.component_mean(k);
        match self.covariance() {
            Covariance::Isotropic(v) => {
                let deviation = v[k].sqrt();
                for (z, mu) in z.iter_mut().zip(mean) {
                    *z = deviation.mul_add(*z, *mu);
                }
            }
            Covariance::Diagonal(v) => {
                for ((z, mu), v) in z.iter_mut().zip(mean).zip(v.row(k)) {
                    *z = v.sqrt().mul_add(*z, *mu);
                }
            }
            Covariance::Full(v) => {
                let eigen = v[k].eigen();
                let scaled: Vec<f64> =
                    z.iter().zip(&eigen.values).map(|(z, value)| value.sqrt() * z).collect();
                for (i, (z, mu)) in z.iter_mut().zip(mean).enumerate() {
                    let row = eigen.vectors.row(i);
                    let moved =
                        row.iter().zip(&scaled).fold(0.0f64, |sum, (q, z)| q.mul_add(*z, sum));
                    *z = mu + moved;
                }
            }
        }
    }
}
