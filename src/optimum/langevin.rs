//! E5 in any dimension by Monte Carlo: D_κ(x) = E[D*(X_T)], dX = S(X)dt + √2·dW from x, T exponential of mean κs².
//!
//! A path of length T takes n = ⌈mT/(κs²)⌉ steps of Euler and Maruyama on each of three meshes, n, 2n and 4n steps of equal length,
//! driven by the same Brownian motion. With M₁, M₂, M₄ the means of D* at their ends the weak error of Euler is C·η + O(η²)
//! (Talay and Tubaro 1990), so 2M₄ − M₂ is off by O(η²), and 2M₂ − M₁ by four times as much to leading order: their
//! difference, three times what is left, is reported and is part of the interval. Steps are at most κs²/m ≤ κ/m times the
//! smallest variance of x, since V ⪰ s²I: stable for m ≥ κ.
//!
//! Floor 5. Uses `arith`, `channel`, `error`, `law`. Spec: E5, N3.

use ndarray::{Array1, Array2, ArrayView1};
use rayon::prelude::*;

use crate::arith::scalar::ln;
use crate::arith::{fill_normal, fill_uniform, sum};
use crate::channel::Channel;
use crate::error::{Error, Result};
use crate::law::{Mixture, Noised, Quantity};

/// Paths that one thread takes at a time.
const BLOCK: usize = 64;

/// Half-widths of an interval in standard errors: a normal mean is outside with probability 2.04e-6.
pub const DEVIATIONS: f64 = 4.75;

/// How many paths, on how fine a mesh, from which random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Langevin {
    /// N, at least 2.
    pub paths: usize,
    /// m, the steps of the coarsest mesh in a time κs², at least 1.
    pub steps: usize,
    /// Keys every random number.
    pub seed: u64,
}

/// A mean with the interval mean ± (noise + bias), coordinate by coordinate.
#[derive(Clone, Debug, PartialEq)]
pub struct Interval {
    /// The mean of 2·D*(X⁽⁴⁾) − D*(X⁽²⁾) over the paths.
    pub mean: Array1<f64>,
    /// [`DEVIATIONS`] standard errors of it. The central limit theorem stands behind it: N in the hundreds at least.
    pub noise: Array1<f64>,
    /// An estimate of what is left of Euler's bias and more: the size of (2M₄ − M₂) − (2M₂ − M₁), to leading order three
    /// times the bias, and [`DEVIATIONS`] standard errors of that.
    pub bias: Array1<f64>,
}

impl Interval {
    /// noise + bias: how far the exact D_κ may be from the mean, with a probability of 2.04e-6 a coordinate, or less, of
    /// being further where the bias is in its asymptotic range.
    pub fn half_width(&self) -> Array1<f64> {
        &self.noise + &self.bias
    }
}

/// D_κ(x) at one point of d coordinates, for any d.
///
/// Path i takes its time from uniform i of stream 0 and its increments from stream i + 1, so N paths are the first of any more;
/// sums are in the order of the paths in blocks of 64. The same bits for any number of threads.
/// Errors: `Error::Shape` where x has not d coordinates; `Error::Domain` where N < 2, m = 0, κ is negative or not finite, or m < κ,
/// where Euler's steps may not be stable; those of [`Mixture::through`] and [`Noised::evaluate`]. Spec: E5, N3.
pub fn resolvent_by_paths(
    law: &Mixture,
    channel: Channel,
    kappa: f64,
    x: ArrayView1<'_, f64>,
    how: Langevin,
) -> Result<Interval> {
    check(law, kappa, x, how)?;
    let noised = law.through::<f64>(channel)?;
    let span = kappa * channel.s() * channel.s();
    let blocks: Result<Vec<Vec<[f64; 4]>>> = (0..how.paths.div_ceil(BLOCK))
        .into_par_iter()
        .map(|block| block_sums(&noised, span, x, how, block))
        .collect();
    let blocks = blocks?;
    let n = how.paths as f64;
    let d = law.dimension();
    let mut found =
        Interval { mean: Array1::zeros(d), noise: Array1::zeros(d), bias: Array1::zeros(d) };
    for c in 0..d {
        let total = |k: usize| sum(&blocks.iter().map(|b| b[c][k]).collect::<Vec<f64>>());
        let (mean, left) = (total(0) / n, total(2) / n);
        // Moments are about D*(x), which every path is near of.
        let error = |square: f64, mean: f64| {
            DEVIATIONS * ((square / n - mean * mean).max(0.0) / (n - 1.0)).sqrt()
        };
        found.noise[c] = error(total(1), mean);
        found.bias[c] = left.abs() + error(total(3), left);
        found.mean[c] = mean;
    }
    let own = noised.denoiser(x.insert_axis(ndarray::Axis(0)))?;
    found.mean += &own.row(0);
    Ok(found)
}

fn check(law: &Mixture, kappa: f64, x: ArrayView1<'_, f64>, how: Langevin) -> Result<()> {
    if x.len() != law.dimension() {
        return Err(Error::Shape {
            what: "x",
            found: vec![x.len()],
            expected: format!("{} numbers", law.dimension()),
        });
    }
    if !(kappa >= 0.0 && kappa.is_finite()) {
        let expected = "a finite number, at least 0";
        return Err(Error::Domain { what: "kappa", value: kappa, expected });
    }
    if how.paths < 2 {
        let value = how.paths as f64;
        return Err(Error::Domain { what: "paths", value, expected: "at least 2" });
    }
    if how.steps == 0 || (how.steps as f64) < kappa {
        let value = how.steps as f64;
        return Err(Error::Domain {
            what: "steps",
            value,
            expected: "at least 1, and at least kappa",
        });
    }
    Ok(())
}

/// Paths of a block, one row each, on the meshes of n, 2n and 4n steps.
struct Paths {
    states: [Array2<f64>; 3],
    step: Vec<f64>,
    left: Vec<usize>,
    seed: u64,
    drawn: Vec<u64>,
    stream: Vec<u64>,
    /// Where a path's result goes.
    place: Vec<usize>,
}

/// A row a coordinate: sums over the paths of a block of g, g², b and b², g the estimate less D*(x), b its change from the
/// coarser mesh.
fn block_sums(
    law: &Noised<f64>,
    span: f64,
    x: ArrayView1<'_, f64>,
    how: Langevin,
    block: usize,
) -> Result<Vec<[f64; 4]>> {
    let first = block * BLOCK;
    let count = BLOCK.min(how.paths - first);
    let mut uniforms = vec![0.0; count];
    fill_uniform(how.seed, 0, first as u64, &mut uniforms);
    let d = x.len();
    let mut paths = Paths {
        states: [0; 3].map(|_| Array2::from_shape_fn((count, d), |(_, i)| x[i])),
        step: Vec::new(),
        left: Vec::new(),
        seed: how.seed,
        drawn: vec![0; count],
        stream: (0..count).map(|i| (first + i) as u64 + 1).collect(),
        place: (0..count).collect(),
    };
    for &u in &uniforms {
        let time = -ln(u);
        let n = (how.steps as f64 * time).ceil().max(1.0);
        paths.left.push(n as usize);
        paths.step.push(span * time / n);
    }
    let mut ends = [0; 3].map(|_| Array2::<f64>::zeros((count, d)));
    while !paths.place.is_empty() {
        paths.advance(law)?;
        paths.retire(&mut ends);
    }
    let own = law.denoiser(x.insert_axis(ndarray::Axis(0)))?;
    let [one, two, four] = [
        law.denoiser(ends[0].view())?,
        law.denoiser(ends[1].view())?,
        law.denoiser(ends[2].view())?,
    ];
    let mut sums = vec![[0.0; 4]; d];
    for i in 0..count {
        for (c, sums) in sums.iter_mut().enumerate() {
            let from = |m: &Array2<f64>| m[[i, c]] - own[[0, c]];
            let g = 2.0 * from(&four) - from(&two);
            let b = g - (2.0 * from(&two) - from(&one));
            for (sum, term) in sums.iter_mut().zip([g, g * g, b, b * b]) {
                *sum += term;
            }
        }
    }
    Ok(sums)
}

impl Paths {
    /// One step of the coarsest mesh: two and four of the others, on the same Brownian motion.
    fn advance(&mut self, law: &Noised<f64>) -> Result<()> {
        let (n, d) = self.states[0].dim();
        let mut normals = vec![0.0; n * 4 * d];
        for (i, out) in normals.chunks_mut(4 * d).enumerate() {
            fill_normal(self.seed, self.stream[i], self.drawn[i], out);
            self.drawn[i] += 4 * d as u64;
        }
        // The increment of quarter k is z_k·√(2η/4).
        for (mesh, state) in self.states.iter_mut().enumerate() {
            let parts = 1usize << mesh;
            let joined = 4 / parts;
            for part in 0..parts {
                let score = law.evaluate(state.view(), &[Quantity::Score])?;
                let score = score.score.unwrap_or_default();
                for i in 0..n {
                    let step = self.step[i] / parts as f64;
                    let quarter = (0.5 * self.step[i]).sqrt();
                    for c in 0..d {
                        let z = |k: usize| normals[i * 4 * d + k * d + c];
                        let quarters = part * joined..(part + 1) * joined;
                        let moved = quarters.fold(0.0f64, |sum, k| sum + z(k));
                        state[[i, c]] += step * score[[i, c]] + quarter * moved;
                    }
                }
            }
        }
        Ok(())
    }

    /// Paths that have come to their end leave the batch.
    fn retire(&mut self, ends: &mut [Array2<f64>; 3]) {
        let mut staying = Vec::with_capacity(self.place.len());
        for i in 0..self.place.len() {
            self.left[i] -= 1;
            if self.left[i] > 0 {
                staying.push(i);
                continue;
            }
            for (end, state) in ends.iter_mut().zip(&self.states) {
                end.row_mut(self.place[i]).assign(&state.row(i));
            }
        }
        if staying.len() == self.place.len() {
            return;
        }
        for state in &mut self.states {
            *state = state.select(ndarray::Axis(0), &staying);
        }
        self.step = staying.iter().map(|&i| self.step[i]).collect();
        self.left = staying.iter().map(|&i| self.left[i]).collect();
        self.drawn = staying.iter().map(|&i| self.drawn[i]).collect();
        self.stream = staying.iter().map(|&i| self.stream[i]).collect();
        self.place = staying.iter().map(|&i| self.place[i]).collect();
    }
}
