//! What the benches share: laws of a given size with points of their own, and a number of threads to run on.
//!
//! Uses `law`, `channel`, `arith`, rayon.

// Each bench compiles this file for itself and uses a part of it.
#![allow(dead_code)]

use ndarray::{Array2, Array3};
use rayon::{ThreadPool, ThreadPoolBuilder};
use tweedie::arith::{Real, fill_normal, fill_uniform};
use tweedie::channel::Channel;
use tweedie::law::{Covariance, Mixture};

/// The noise level of every bench: components overlap, and no responsibility is trivial.
pub const SIGMA: f64 = 0.5;

pub fn channel() -> Channel {
    Channel::variance_exploding(SIGMA).expect("a positive deviation")
}

fn normals(stream: u64, count: usize) -> Vec<f64> {
    let mut values = vec![0.0; count];
    fill_normal(0, stream, 0, &mut values);
    values
}

fn uniforms(stream: u64, count: usize) -> Vec<f64> {
    let mut values = vec![0.0; count];
    fill_uniform(0, stream, 0, &mut values);
    values
}

/// K means in d dimensions, about as crowded whatever d is.
fn means(k: usize, d: usize) -> Array2<f64> {
    let spread = 2.0 / (d as f64 / 8.0).max(1.0).sqrt();
    let values = normals(0, k * d).into_iter().map(|z| spread * z).collect();
    Array2::from_shape_vec((k, d), values).expect("k·d numbers")
}

fn mixture(k: usize, d: usize, covariance: Covariance) -> Mixture {
    let raw: Vec<f64> = uniforms(1, k).into_iter().map(|u| 0.1 + u).collect();
    let total: f64 = raw.iter().sum();
    let weights = raw.into_iter().map(|w| w / total).collect();
    Mixture::new(weights, means(k, d), covariance).expect("a legal mixture")
}

/// Isotropic components of deviations between 0.2 and 0.6.
pub fn isotropic(k: usize, d: usize) -> Mixture {
    let variances = uniforms(2, k).into_iter().map(|u| (0.2 + 0.4 * u).powi(2)).collect();
    mixture(k, d, Covariance::isotropic(variances).expect("variances"))
}

/// Full covariances B·Bᵀ/d.
pub fn full(k: usize, d: usize) -> Mixture {
    let factors = Array3::from_shape_vec((k, d, d), normals(3, k * d * d)).expect("k·d² numbers");
    let mut matrices = Array3::zeros((k, d, d));
    for (mut matrix, b) in matrices.outer_iter_mut().zip(factors.outer_iter()) {
        matrix.assign(&(b.dot(&b.t()) / d as f64));
    }
    mixture(k, d, Covariance::full(matrices).expect("semidefinite matrices"))
}

/// A training set: K point masses of equal weight.
pub fn training_set(k: usize, d: usize) -> Mixture {
    Mixture::point_masses(means(k, d)).expect("finite points")
}

/// n draws of the law through the channel.
pub fn points<T: Real>(law: &Mixture, n: usize) -> Array2<T> {
    let drawn = law.sample_noised(channel(), 0, 1, n).expect("at least one point");
    drawn.noised.mapv(T::from_f64)
}

/// A pool of so many threads; what its `install` runs stays on them.
pub fn pool(threads: usize) -> ThreadPool {
    ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool of threads")
}

/// The name that criterion shows for a format.
pub fn format_name<T: Real>() -> &'static str {
    T::NAME
}
