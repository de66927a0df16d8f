//! The kernels of a block: forward, along a direction, and back to points and parameters.
//!
//! Every number is made by the operations of `reference.rs`, in the same order; a product of a block is
//! `arith::product`, whose entries are chains over the inner index, from the value that stands there.
//!
//! Floor 3. Uses `arith`, `denoiser::mlp`. Spec: T3, N3.

use super::block::{MlpBlock, Pass};
use crate::arith::product::{Strided, add_product};
use crate::arith::{Kernel, MulAdd, Real};
use crate::denoiser::cotangents::Pair;

/// The first layer's sums before x: the chain from the bias on over the embedding.
pub struct Base<'b, 'a, T: Real>(pub &'b MlpBlock<'a, T>);

impl<T: Real> Kernel for Base<'_, '_, T> {
    type Output = Vec<T>;

    #[inline(always)]
    fn run<M: MulAdd>(self) -> Vec<T> {
        let (block, sizes) = (self.0, Sizes::of(self.0));
        let mut base = repeated(block.mlp.biases(0), sizes.rows);
        let weights = &block.mlp.turned(0)[sizes.d * sizes.width..];
        let embedded = rows_of(&block.embedded, sizes.embedded);
        let shape = (sizes.rows, sizes.embedded, sizes.width);
        add_product::<T, M>(embedded, weights, &mut base, shape, &mut Vec::new());
        base
    }
}

/// D̂, ε̂ and what the passes back need.
pub struct Forward<'b, 'a, T: Real> {
    pub block: &'b MlpBlock<'a, T>,
    pub x: &'b [T],
}

impl<T: Real> Kernel for Forward<'_, '_, T> {
    type Output = (Vec<T>, Vec<T>, Pass<T>);

    #[inline(always)]
    fn run<M: MulAdd>(self) -> Self::Output {
        let (block, sizes, mlp) = (self.block, Sizes::of(self.block), self.block.mlp);
        let Sizes { rows, d, width, hidden, .. } = sizes;
        let mut pack = Vec::new();
        let mut scaled = self.x.to_vec();
        for (row, level) in scaled.chunks_exact_mut(d).zip(&block.levels) {
            row.iter_mut().for_each(|x| *x = level.head.input * *x);
        }
        let mut pass = Pass { scaled, values: Vec::new(), slopes: Vec::new() };
        for layer in 0..hidden {
            let mut sums;
            if layer == 0 {
                sums = block.base.clone();
                let weights = &mlp.turned(0)[..d * width];
                let y = rows_of(&pass.scaled, d);
                add_product::<T, M>(y, weights, &mut sums, (rows, d, width), &mut pack);
            } else {
                sums = repeated(mlp.biases(layer), rows);
                let below = rows_of(&pass.values[layer - 1], width);
                let shape = (rows, width, width);
                add_product::<T, M>(below, mlp.turned(layer), &mut sums, shape, &mut pack);
            }
            let mut slopes = vec![T::ZERO; rows * width];
            mlp.architecture().activation.apply::<T, M>(&mut sums, &mut slopes);
            pass.values.push(sums);
            pass.slopes.push(slopes);
        }
        let mut output = repeated(mlp.biases(hidden), rows);
        let last = rows_of(&pass.values[hidden - 1], width);
        add_product::<T, M>(last, mlp.turned(hidden), &mut output, (rows, width, d), &mut pack);
        let (mut denoised, mut noise) = (self.x.to_vec(), self.x.to_vec());
        for (n, level) in block.levels.iter().enumerate() {
            let (head, row) = (&level.head, n * d..(n + 1) * d);
            let both = denoised[row.clone()].iter_mut().zip(&mut noise[row.clone()]);
            for ((denoised, noise), &f) in both.zip(&output[row]) {
                let x = *denoised;
                *denoised = M::mul_add(head.denoised_of_output, f, head.denoised_of_x * x);
                *noise = M::mul_add(head.noise_of_output, f, head.noise_of_x * x);
            }
        }
        (denoised, noise, pass)
    }
}

/// ∇D̂·v.
pub struct Along<'b, 'a, T: Real> {
    pub block: &'b MlpBlock<'a, T>,
    pub pass: &'b Pass<T>,
    pub v: &'b [T],
}

impl<T: Real> Kernel for Along<'_, '_, T> {
    type Output = Vec<T>;

    #[inline(always)]
    fn run<M: MulAdd>(self) -> Vec<T> {
        let (block, sizes, mlp) = (self.block, Sizes::of(self.block), self.block.mlp);
        let Sizes { rows, d, width, hidden, .. } = sizes;
        let mut pack = Vec::new();
        let mut moved = self.v.to_vec();
        for (row, level) in moved.chunks_exact_mut(d).zip(&block.levels) {
            row.iter_mut().for_each(|v| *v = level.head.input * *v);
        }
        let mut inner = d;
        for layer in 0..hidden {
            let mut sums = vec![T::ZERO; rows * width];
            let weights = &mlp.turned(layer)[..inner * width];
            let below = rows_of(&moved, inner);
            add_product::<T, M>(below, weights, &mut sums, (rows, inner, width), &mut pack);
            times(&mut sums, &self.pass.slopes[layer]);
            (moved, inner) = (sums, width);
        }
        let mut output = vec![T::ZERO; rows * d];
        let last = rows_of(&moved, width);
        add_product::<T, M>(last, mlp.turned(hidden), &mut output, (rows, width, d), &mut pack);
        for (n, level) in block.levels.iter().enumerate() {
            let head = &level.head;
            for (f, &v) in output[n * d..(n + 1) * d].iter_mut().zip(&self.v[n * d..]) {
                *f = M::mul_add(head.denoised_of_output, *f, head.denoised_of_x * v);
            }
        }
        output
    }
}

/// v_F and, for every hidden layer, the vector pulled back to its pre-activations: first layer first, v_F last.
pub struct Deltas<'b, 'a, T: Real> {
    pub block: &'b MlpBlock<'a, T>,
    pub pass: &'b Pass<T>,
    pub pair: &'b Pair<T>,
}

impl<T: Real> Kernel for Deltas<'_, '_, T> {
    type Output = Vec<Vec<T>>;

    #[inline(always)]
    fn run<M: MulAdd>(self) -> Vec<Vec<T>> {
        let (block, sizes, mlp) = (self.block, Sizes::of(self.block), self.block.mlp);
        let Sizes { rows, d, width, hidden, .. } = sizes;
        let mut pack = Vec::new();
        let mut above = self.pair.denoised.to_vec();
        for (n, level) in block.levels.iter().enumerate() {
            let head = &level.head;
            for (f, &noise) in above[n * d..(n + 1) * d].iter_mut().zip(&self.pair.noise[n * d..]) {
                *f = M::mul_add(head.noise_of_output, noise, head.denoised_of_output * *f);
            }
        }
        let mut deltas = vec![above];
        for layer in (0..hidden).rev() {
            let mut delta = vec![T::ZERO; rows * width];
            let inner = if layer + 1 == hidden { d } else { width };
            if let Some(above) = deltas.last() {
                let weights = mlp.weights(layer + 1);
                let shape = (rows, inner, width);
                add_product::<T, M>(rows_of(above, inner), weights, &mut delta, shape, &mut pack);
            }
            times(&mut delta, &self.pass.slopes[layer]);
            deltas.push(delta);
        }
        deltas.reverse();
        deltas
    }
}

/// ∇D̂ᵀ·v_D + ∇ε̂ᵀ·v_ε.
pub struct ToPoints<'b, 'a, T: Real> {
    pub block: &'b MlpBlock<'a, T>,
    pub deltas: &'b [Vec<T>],
    pub pair: &'b Pair<T>,
}

impl<T: Real> Kernel for ToPoints<'_, '_, T> {
    type Output = Vec<T>;

    #[inline(always)]
    fn run<M: MulAdd>(self) -> Vec<T> {
        let (block, sizes) = (self.block, Sizes::of(self.block));
        let Sizes { rows, d, width, .. } = sizes;
        let mut pulled = vec![T::ZERO; rows * d];
        let (first, weights) = (rows_of(&self.deltas[0], width), block.mlp.first_of_points());
        add_product::<T, M>(first, weights, &mut pulled, (rows, width, d), &mut Vec::new());
        for (n, level) in block.levels.iter().enumerate() {
            let head = &level.head;
            let both = self.pair.denoised[n * d..].iter().zip(&self.pair.noise[n * d..]);
            for (y, (&denoised, &noise)) in pulled[n * d..(n + 1) * d].iter_mut().zip(both) {
                let direct = M::mul_add(head.noise_of_x, noise, head.denoised_of_x * denoised);
                *y = M::mul_add(head.input, *y, direct);
            }
        }
        pulled
    }
}

/// Adds every pass's gradient.
pub struct ToParameters<'b, 'a, T: Real> {
    pub block: &'b MlpBlock<'a, T>,
    pub passes: &'b [(&'b Pass<T>, Vec<Vec<T>>)],
    pub gradient: &'b mut [T],
}

impl<T: Real> Kernel for ToParameters<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<M: MulAdd>(self) {
        let (block, sizes) = (self.block, Sizes::of(self.block));
        let Sizes { rows, d, width, embedded, hidden } = sizes;
        let mut pack = Vec::new();
        for layer in 0..=hidden {
            let (weights, biases) = block.mlp.split(layer, &mut *self.gradient);
            let outputs = biases.len();
            for (_, deltas) in self.passes {
                for delta in deltas[layer].chunks_exact(outputs) {
                    biases.iter_mut().zip(delta).for_each(|(sum, &delta)| *sum += delta);
                }
            }
            if layer > 0 {
                for (pass, deltas) in self.passes {
                    let delta = columns_of(&deltas[layer], outputs);
                    let shape = (outputs, rows, width);
                    let below = &pass.values[layer - 1];
                    add_product::<T, M>(delta, below, weights, shape, &mut pack);
                }
                continue;
            }
            // The first layer's weights stand as [y | embedding] a row: each part is taken out, added to, put back.
            let inputs = d + embedded;
            let mut of_points = part(weights, inputs, 0..d);
            for (pass, deltas) in self.passes {
                let delta = columns_of(&deltas[0], width);
                let shape = (width, rows, d);
                add_product::<T, M>(delta, &pass.scaled, &mut of_points, shape, &mut pack);
            }
            put_back(weights, inputs, 0..d, &of_points);
            let mut total = vec![T::ZERO; rows * width];
            for (_, deltas) in self.passes {
                total.iter_mut().zip(&deltas[0]).for_each(|(sum, &delta)| *sum += delta);
            }
            let mut of_embedding = part(weights, inputs, d..inputs);
            let (delta, shape) = (columns_of(&total, width), (width, rows, embedded));
            add_product::<T, M>(delta, &block.embedded, &mut of_embedding, shape, &mut pack);
            put_back(weights, inputs, d..inputs, &of_embedding);
        }
    }
}

#[derive(Clone, Copy)]
struct Sizes {
    rows: usize,
    d: usize,
    width: usize,
    embedded: usize,
    hidden: usize,
}

impl Sizes {
    #[inline(always)]
    fn of<T: Real>(block: &MlpBlock<'_, T>) -> Self {
        let architecture = block.mlp.architecture();
        Sizes {
            rows: block.levels.len(),
            d: architecture.dimension,
            width: architecture.width,
            embedded: architecture.embedding.len(),
            hidden: architecture.layers,
        }
    }
}

/// A row-major matrix of that many columns, as it stands.
#[inline(always)]
fn rows_of<T>(entries: &[T], columns: usize) -> Strided<'_, T> {
    Strided { entries, row: columns, inner: 1 }
}

/// The transpose of a row-major matrix of that many columns.
#[inline(always)]
fn columns_of<T>(entries: &[T], columns: usize) -> Strided<'_, T> {
    Strided { entries, row: 1, inner: columns }
}

#[inline(always)]
fn repeated<T: Real>(row: &[T], times: usize) -> Vec<T> {
    let mut out = Vec::with_capacity(row.len() * times);
    for _ in 0..times {
        out.extend_from_slice(row);
    }
    out
}

#[inline(always)]
fn times<T: Real>(values: &mut [T], factors: &[T]) {
    values.iter_mut().zip(factors).for_each(|(value, &factor)| *value *= factor);
}

#[inline(always)]
fn part<T: Real>(weights: &[T], inputs: usize, columns: std::ops::Range<usize>) -> Vec<T> {
    weights.chunks_exact(inputs).flat_map(|row| row[columns.clone()].iter().copied()).collect()
}

#[inline(always)]
fn put_back<T: Real>(
    weights: &mut [T],
    inputs: usize,
    columns: std::ops::Range<usize>,
    part: &[T],
) {
    for (row, part) in weights.chunks_exact_mut(inputs).zip(part.chunks_exact(columns.len())) {
        row[columns.clone()].copy_from_slice(part);
    }
}
