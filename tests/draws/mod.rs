//! Random numbers of a seed and a stream, by the crate's own generator.

use tweedie::arith::{fill_normal, fill_uniform};

pub fn normals(seed: u64, stream: u64, n: usize) -> Vec<f64> {
    let mut out = vec![0.0; n];
    fill_normal(seed, stream, 0, &mut out);
    out
}

pub fn uniforms(seed: u64, stream: u64, n: usize) -> Vec<f64> {
    let mut out = vec![0.0; n];
    fill_uniform(seed, stream, 0, &mut out);
    out
}
