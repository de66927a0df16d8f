//! The launches of a network's passes: forward, back to its points, back to its parameters.
//!
//! Beside the floors. Uses `arith`, `denoiser`. Spec: T3, E1, N3.

use super::launch_list::{Array, Arrays, Launch, Operand};
use super::part::Part;
use crate::arith::Real;
use crate::denoiser::mlp::{Activation, Architecture};
use crate::denoiser::trainable::BLOCK;

/// TILE, THREADS and the shared numbers of `kernels/product.cuh`.
const TILE: usize = 32;
const TILE_THREADS: u32 = 64;
const SHARED_NUMBERS: usize = 2 * 16 * (TILE + 1);
/// Bytes that the parts of a gradient may take before they are added.
const PARTS_BYTES: usize = 1 << 26;

/// What a forward pass leaves: predictions, and each hidden layer's values and slopes, a row a point.
#[derive(Clone, Debug)]
pub struct Record {
    /// D̂, N×d.
    pub denoised: Array,
    /// ε̂, N×d.
    pub noise: Array,
    values: Vec<Array>,
    slopes: Vec<Array>,
}

/// One pass back to the parameters: the points, what their forward pass left, and the vectors at the layers.
#[derive(Clone, Copy, Debug)]
pub struct BackPass<'a> {
    /// x, N×d.
    pub x: Array,
    /// Of the forward pass at x.
    pub record: &'a Record,
    /// Of [`Network::deltas`].
    pub deltas: &'a [Array],
}

/// A network on N rows, each at its level.
#[derive(Clone, Debug)]
pub struct Network {
    rows: u64,
    architecture: Architecture,
    starts: Vec<u64>,
    length: u64,
    /// θ.
    pub parameters: Array,
    /// N words: each row's level.
    pub level: Array,
    /// `LEVEL_NUMBERS` numbers a level.
    pub numbers: Array,
    /// e, a row a level.
    pub embedding: Array,
    /// A word: 1 once a prediction was not finite.
    pub fault: Array,
}

impl Network {
    /// A network whose arrays are these; `length` is the number of its parameters.
    pub fn new(
        rows: usize,
        architecture: Architecture,
        length: usize,
        [parameters, level, numbers, embedding, fault]: [Array; 5],
    ) -> Self {
        let mut starts = vec![0];
        let mut inputs = architecture.dimension + architecture.embedding.len();
        for layer in 0..architecture.layers {
            starts.push(starts[layer] + (architecture.width * (inputs + 1)) as u64);
            inputs = architecture.width;
        }
        let (rows, length) = (rows as u64, length as u64);
        Network { rows, architecture, starts, length, parameters, level, numbers, embedding, fault }
    }

    /// Room for what a forward pass leaves.
    pub fn record<T: Real>(&self, arrays: &mut Arrays) -> Record {
        let (n, a) = (self.rows as usize, &self.architecture);
        Record {
            denoised: arrays.room::<T>("denoised", n * a.dimension),
            noise: arrays.room::<T>("noise", n * a.dimension),
            values: (0..a.layers).map(|_| arrays.room::<T>("values", n * a.width)).collect(),
            slopes: (0..a.layers).map(|_| arrays.room::<T>("slopes", n * a.width)).collect(),
        }
    }

    /// Room for the vectors at the layers: first layer first, v_F last.
    pub fn room_for_deltas<T: Real>(&self, arrays: &mut Arrays) -> Vec<Array> {
        let (n, a) = (self.rows as usize, &self.architecture);
        let hidden = (0..a.layers).map(|_| n * a.width).chain([n * a.dimension]);
        hidden.map(|size| arrays.room::<T>("deltas", size)).collect()
    }

    /// Room for the parts of a gradient: as many blocks of rows at a time as 64 MiB hold.
    pub fn room_for_parts<T: Real>(&self, arrays: &mut Arrays) -> Array {
        arrays.room::<T>("gradient's parts", self.group::<T>() * self.length as usize)
    }

    fn group<T: Real>(&self) -> usize {
        let fit = PARTS_BYTES / (self.length as usize * size_of::<T>()).max(1);
        fit.clamp(1, (self.rows as usize).div_ceil(BLOCK).max(1))
    }

    /// x through the network.
    pub fn forward<T: Real>(&self, x: Array, to: &Record, list: &mut Vec<Launch>) {
        let (n, a) = (self.rows, &self.architecture);
        let activation = match a.activation {
            Activation::Silu => 0usize,
            Activation::Tanh => 1,
            Activation::Softplus => 2,
        };
        list.push(self.tiles::<T>(
            "network_first",
            a.width,
            vec![
                n.into(),
                a.dimension.into(),
                a.embedding.len().into(),
                a.width.into(),
                activation.into(),
                self.parameters.into(),
                self.starts[0].into(),
                self.level.into(),
                self.numbers.into(),
                self.embedding.into(),
                x.into(),
                to.values[0].into(),
                to.slopes[0].into(),
            ],
        ));
        for layer in 1..a.layers {
            list.push(self.tiles::<T>(
                "network_hidden",
                a.width,
                vec![
                    n.into(),
                    a.width.into(),
                    activation.into(),
                    self.parameters.into(),
                    self.starts[layer].into(),
                    to.values[layer - 1].into(),
                    to.values[layer].into(),
                    to.slopes[layer].into(),
                ],
            ));
        }
        list.push(self.tiles::<T>(
            "network_output",
            a.dimension,
            vec![
                n.into(),
                a.dimension.into(),
                a.width.into(),
                self.parameters.into(),
                self.starts[a.layers].into(),
                self.level.into(),
                self.numbers.into(),
                x.into(),
                to.values[a.layers - 1].into(),
                to.denoised.into(),
                to.noise.into(),
                self.fault.into(),
            ],
        ));
    }

    /// The vectors at the layers for v_D and v_ε; an absent one counts as zero.
    pub fn deltas<T: Real>(
        &self,
        record: &Record,
        [of_denoised, of_noise]: [Option<Array>; 2],
        deltas: &[Array],
        list: &mut Vec<Launch>,
    ) {
        let (n, a) = (self.rows, &self.architecture);
        let top = deltas[a.layers];
        list.push(Launch::each(
            Part::Network,
            "network_cotangent",
            n * a.dimension as u64,
            vec![
                n.into(),
                a.dimension.into(),
                self.level.into(),
                self.numbers.into(),
                of_denoised.into(),
                of_noise.into(),
                top.into(),
            ],
        ));
        for layer in (0..a.layers).rev() {
            let inner = if layer + 1 == a.layers { a.dimension } else { a.width };
            list.push(self.tiles::<T>(
                "network_delta",
                a.width,
                vec![
                    n.into(),
                    inner.into(),
                    a.width.into(),
                    self.parameters.into(),
                    self.starts[layer + 1].into(),
                    deltas[layer + 1].into(),
                    record.slopes[layer].into(),
                    deltas[layer].into(),
                ],
            ));
        }
    }

    /// ∇D̂ᵀ·v_D + ∇ε̂ᵀ·v_ε from the vectors at the layers.
    pub fn to_points<T: Real>(
        &self,
        [of_denoised, of_noise]: [Option<Array>; 2],
        deltas: &[Array],
        pulled: Array,
        list: &mut Vec<Launch>,
    ) {
        let a = &self.architecture;
        list.push(self.tiles::<T>(
            "network_to_points",
            a.dimension,
            vec![
                self.rows.into(),
                a.dimension.into(),
                a.embedding.len().into(),
                a.width.into(),
                self.parameters.into(),
                self.starts[0].into(),
                self.level.into(),
                self.numbers.into(),
                of_denoised.into(),
                of_noise.into(),
                deltas[0].into(),
                pulled.into(),
            ],
        ));
    }

    /// The gradient in θ of one pass, or of a clean one and a perturbed one, in `total`.
    pub fn gradient<T: Real>(
        &self,
        clean: BackPass<'_>,
        there: Option<BackPass<'_>>,
        (parts, total): (Array, Array),
        list: &mut Vec<Launch>,
    ) {
        let (blocks, group) = (self.rows.div_ceil(BLOCK as u64), self.group::<T>() as u64);
        let mut first = 0;
        loop {
            let count = group.min(blocks - first);
            self.parts::<T>((first, count), clean, there, parts, list);
            list.push(Launch::each(
                Part::Network,
                "network_gradient_add",
                self.length,
                vec![
                    self.length.into(),
                    count.into(),
                    (first == 0).into(),
                    parts.into(),
                    total.into(),
                ],
            ));
            first += count;
            if first >= blocks {
                return;
            }
        }
    }

    /// The gradients of `count` blocks of rows.
    fn parts<T: Real>(
        &self,
        (first, count): (u64, u64),
        clean: BackPass<'_>,
        there: Option<BackPass<'_>>,
        parts: Array,
        list: &mut Vec<Launch>,
    ) {
        let a = &self.architecture;
        let (d, embedded) = (a.dimension, a.embedding.len());
        // With no row there is nothing but the sum, which is zero.
        if count == 0 {
            return;
        }
        let of_points = tiles(a.width, d + 1) + tiles(a.width, embedded);
        list.push(tiled::<T>(
            "network_gradient_first",
            count * of_points,
            vec![
                self.rows.into(),
                first.into(),
                d.into(),
                embedded.into(),
                a.width.into(),
                self.length.into(),
                self.level.into(),
                self.numbers.into(),
                self.embedding.into(),
                clean.deltas[0].into(),
                clean.x.into(),
                there.map(|pass| pass.deltas[0]).into(),
                there.map(|pass| pass.x).into(),
                parts.into(),
            ],
        ));
        for layer in 1..=a.layers {
            let outputs = if layer == a.layers { d } else { a.width };
            list.push(tiled::<T>(
                "network_gradient",
                count * tiles(outputs, a.width + 1),
                vec![
                    self.rows.into(),
                    first.into(),
                    outputs.into(),
                    a.width.into(),
                    self.length.into(),
                    self.starts[layer].into(),
                    clean.deltas[layer].into(),
                    clean.record.values[layer - 1].into(),
                    there.map(|pass| pass.deltas[layer]).into(),
                    there.map(|pass| pass.record.values[layer - 1]).into(),
                    parts.into(),
                ],
            ));
        }
    }

    /// Tiles over rows × columns.
    fn tiles<T: Real>(
        &self,
        entry: &'static str,
        columns: usize,
        arguments: Vec<Operand>,
    ) -> Launch {
        tiled::<T>(entry, tiles(self.rows as usize, columns), arguments)
    }
}

fn tiles(rows: usize, columns: usize) -> u64 {
    (rows.div_ceil(TILE) * columns.div_ceil(TILE)) as u64
}

fn tiled<T: Real>(entry: &'static str, blocks: u64, arguments: Vec<Operand>) -> Launch {
    let shared = SHARED_NUMBERS * size_of::<T>();
    Launch::blocks(Part::Network, entry, (blocks, TILE_THREADS, shared), arguments)
}
