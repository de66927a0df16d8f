//! A multilayer perceptron that predicts by a head, with everything that training needs of it.
//!
//! F(y, level) for y = c_in·x: z₁ = b₁ + W₁·[y, e(level)], h₁ = φ(z₁), z_l = b_l + W_l·h_(l−1), h_l = φ(z_l),
//! F = b + W·h_L. The head makes D̂ and ε̂ of F. The clearest code of it is `reference.rs`; `block.rs` does the same
//! operations, many rows at a time, to the same bits.
//!
//! Order of operations: every z is the chain of fused multiply–adds from its bias on, over inputs in ascending order;
//! in the first layer the embedding comes before y. `docs/arithmetic.md` has the order of the derivatives.
//!
//! Floor 3. Uses `arith`, `channel`, `denoiser`, `error`, `tweedie`. Spec: T3, N3.

pub mod activation;
mod block;
pub mod embedding;
mod layout;
mod pass;
pub mod reference;

use ndarray::{Array2, ArrayView2};

use super::head::{Coefficients, Head};
use super::trainable::{check_parameters, jacobian_vector, predict, vector_jacobian};
use super::{Denoiser, Prediction, Tensor, Trainable};
use crate::arith::{Real, fill_normal};
use crate::channel::Channel;
use crate::error::Result;

pub use activation::Activation;
pub use block::{MlpBlock, Pass};
pub use embedding::Embedding;
use layout::Layout;

/// The most parameters that a network may have: their gradients, moments and averages must fit in memory.
pub const MOST_PARAMETERS: usize = 1 << 26;

/// What a network is, apart from its parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Architecture {
    /// d.
    pub dimension: usize,
    /// Numbers in each hidden layer.
    pub width: usize,
    /// L, hidden layers.
    pub layers: usize,
    /// φ.
    pub activation: Activation,
    /// e.
    pub embedding: Embedding,
    /// What F means.
    pub head: Head,
}

/// A multilayer perceptron with its parameters.
#[derive(Clone, Debug)]
pub struct Mlp<T> {
    architecture: Architecture,
    layout: Layout,
    parameters: Vec<T>,
    /// The weights as the passes read them; made anew whenever the parameters change.
    turned: Vec<Vec<T>>,
}

/// A level of a network: the numbers that depend on the channel alone.
#[derive(Clone, Debug)]
pub struct Level<T> {
    pub(super) channel: Channel,
    pub(super) head: Coefficients<T>,
    pub(super) embedding: Vec<T>,
}

impl<T: Real> Mlp<T> {
    /// A network with these parameters, in the order of `tensors`.
    ///
    /// Errors: `Error::Domain` for a size that is 0 or too large; `Error::Shape` where the number of parameters
    /// differs; `Error::NotFinite`.
    pub fn new(architecture: Architecture, parameters: Vec<T>) -> Result<Self> {
        let layout = Layout::new(&architecture)?;
        let mut mlp = Mlp { architecture, layout, parameters: Vec::new(), turned: Vec::new() };
        mlp.set_parameters(&parameters)?;
        Ok(mlp)
    }

    /// A network to start training from: [`initial`], streams from 0 on.
    ///
    /// Errors: as `new`.
    pub fn initial(architecture: Architecture, seed: u64) -> Result<Self> {
        let tensors = Mlp::<T>::tensors_of(&architecture)?;
        Mlp::new(architecture, initial(&tensors, seed, 0))
    }

    /// The tensors of a network of this architecture.
    ///
    /// Errors: `Error::Domain` for a size that is 0 or too large.
    pub fn tensors_of(architecture: &Architecture) -> Result<Vec<Tensor>> {
        Ok(Layout::new(architecture)?.tensors())
    }

    /// What it is, apart from its parameters.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// W_l, outputs×inputs.
    pub(crate) fn weights(&self, layer: usize) -> &[T] {
        self.layout.weights(layer, &self.parameters)
    }

    /// b_l.
    pub(crate) fn biases(&self, layer: usize) -> &[T] {
        self.layout.biases(layer, &self.parameters)
    }

    /// W_lᵀ, inputs×outputs.
    fn turned(&self, layer: usize) -> &[T] {
        &self.turned[layer]
    }

    /// The columns of W₁ that belong to y, width×d.
    fn first_of_points(&self) -> &[T] {
        &self.turned[self.layout.layers()]
    }

    /// A layer's part of a gradient: weights, biases.
    fn split<'g>(&self, layer: usize, gradient: &'g mut [T]) -> (&'g mut [T], &'g mut [T]) {
        self.layout.split(layer, gradient)
    }

    fn turn(&mut self) {
        let (width, embedded) = (self.architecture.width, self.architecture.embedding.len());
        let d = self.architecture.dimension;
        let inputs = d + embedded;
        let mut turned = Vec::with_capacity(self.layout.layers() + 2);
        for layer in 0..self.layout.layers() {
            let weights = self.layout.weights(layer, &self.parameters);
            let (rows, columns) = self.layout.shape(layer);
            turned.push(transposed(weights, rows, columns));
        }
        // The first layer without the embedding, as the pass back to the points reads it.
        let first = self.layout.weights(0, &self.parameters);
        turned.push(
            (0..width).flat_map(|i| first[i * inputs..i * inputs + d].iter().copied()).collect(),
        );
        self.turned = turned;
    }
}

/// Parameters to start training from: matrices N(0, 1/fan-in), the tensor of index i from stream `first_stream` + i
/// of the seed; the rest 0. (LeCun et al. 1998.) Drawn in f64 and rounded, so that f32 and f64 start alike.
pub fn initial<T: Real>(tensors: &[Tensor], seed: u64, first_stream: u64) -> Vec<T> {
    let mut parameters = Vec::new();
    for (stream, tensor) in tensors.iter().enumerate() {
        let mut drawn = vec![0.0; tensor.len()];
        if let [_, inputs] = tensor.shape[..] {
            fill_normal(seed, first_stream.wrapping_add(stream as u64), 0, &mut drawn);
            let deviation = 1.0 / (inputs as f64).sqrt();
            drawn.iter_mut().for_each(|z| *z *= deviation);
        }
        parameters.extend(drawn.into_iter().map(T::from_f64));
    }
    parameters
}

fn transposed<T: Real>(weights: &[T], rows: usize, columns: usize) -> Vec<T> {
    let mut out = Vec::with_capacity(weights.len());
    for j in 0..columns {
        out.extend((0..rows).map(|i| weights[i * columns + j]));
    }
    out
}

impl<T: Real> Trainable<T> for Mlp<T> {
    type Level = Level<T>;
    type Block<'a>
        = MlpBlock<'a, T>
    where
        Self: 'a;

    fn level(&self, channel: Channel) -> Result<Level<T>> {
        Ok(Level {
            channel,
            head: self.architecture.head.at(channel)?,
            embedding: self.architecture.embedding.at(channel),
        })
    }

    fn block<'a>(&'a self, levels: &[&'a Level<T>]) -> MlpBlock<'a, T> {
        MlpBlock::new(self, levels)
    }

    fn tensors(&self) -> Vec<Tensor> {
        self.layout.tensors()
    }

    fn parameters(&self) -> &[T] {
        &self.parameters
    }

    fn set_parameters(&mut self, parameters: &[T]) -> Result<()> {
        check_parameters("parameters", parameters, self.layout.len())?;
        self.parameters.clear();
        self.parameters.extend_from_slice(parameters);
        self.turn();
        Ok(())
    }
}

impl<T: Real> Denoiser<T> for Mlp<T> {
    fn dimension(&self) -> usize {
        self.architecture.dimension
    }

    fn predict(&self, channel: Channel, x: ArrayView2<'_, T>) -> Result<Prediction<T>> {
        predict(self, channel, x)
    }

    fn jacobian_vector(
        &self,
        channel: Channel,
        x: ArrayView2<'_, T>,
        v: ArrayView2<'_, T>,
    ) -> Result<Array2<T>> {
        jacobian_vector(self, channel, x, v)
    }

    fn vector_jacobian(
        &self,
        channel: Channel,
        x: ArrayView2<'_, T>,
        v: ArrayView2<'_, T>,
    ) -> Result<Array2<T>> {
        vector_jacobian(self, channel, x, v)
    }
}
