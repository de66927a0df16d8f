//! Where each layer's weights and biases stand in the one slice of parameters.
//!
//! Layer l has a weight matrix (outputs×inputs, row-major) and then its biases. The first layer's inputs are y
//! (d numbers), then the embedding. Names are those of a stack of PyTorch's `Linear`.
//!
//! Floor 3. Uses `denoiser`, `error`.

use super::{Architecture, MOST_PARAMETERS};
use crate::denoiser::Tensor;
use crate::error::{Error, Result};

/// The shapes of all layers, hidden ones first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    shapes: Vec<(usize, usize)>,
    starts: Vec<usize>,
    length: usize,
}

impl Layout {
    pub fn new(architecture: &Architecture) -> Result<Self> {
        let counts = [
            ("dimension", architecture.dimension),
            ("width", architecture.width),
            ("layers", architecture.layers),
        ];
        for (what, count) in counts {
            if !(1..=MOST_PARAMETERS).contains(&count) {
                return Err(Error::Domain {
                    what,
                    value: count as f64,
                    expected: "at least 1 and no more than memory can hold",
                });
            }
        }
        let mut shapes = Vec::new();
        let mut inputs = architecture.dimension + architecture.embedding.len();
        let (mut starts, mut length) = (Vec::new(), 0usize);
        for layer in 0..=architecture.layers {
            let last = layer == architecture.layers;
            let outputs = if last { architecture.dimension } else { architecture.width };
            shapes.push((outputs, inputs));
            starts.push(length);
            let next = inputs.checked_add(1).and_then(|n| n.checked_mul(outputs));
            length = match next.and_then(|n| n.checked_add(length)) {
                Some(length) if length <= MOST_PARAMETERS => length,
                _ => {
                    return Err(Error::Domain {
                        what: "number of parameters",
                        value: inputs as f64 * outputs as f64 * architecture.layers as f64,
                        expected: "at most 67,108,864",
                    });
                }
            };
            inputs = outputs;
        }
        Ok(Layout { shapes, starts, length })
    }

    /// All parameters.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Layers, the last one included.
    pub fn layers(&self) -> usize {
        self.shapes.len()
    }

    /// (outputs, inputs).
    pub fn shape(&self, layer: usize) -> (usize, usize) {
        self.shapes[layer]
    }

    pub fn weights<'a, T>(&self, layer: usize, parameters: &'a [T]) -> &'a [T] {
        let (outputs, inputs) = self.shapes[layer];
        &parameters[self.starts[layer]..self.starts[layer] + outputs * inputs]
    }

    pub fn biases<'a, T>(&self, layer: usize, parameters: &'a [T]) -> &'a [T] {
        let (outputs, inputs) = self.shapes[layer];
        let start = self.starts[layer] + outputs * inputs;
        &parameters[start..start + outputs]
    }

    /// The layer's part of a gradient: weights, biases.
    pub fn split<'a, T>(&self, layer: usize, gradient: &'a mut [T]) -> (&'a mut [T], &'a mut [T]) {
        let (outputs, inputs) = self.shapes[layer];
        let start = self.starts[layer];
        gradient[start..start + outputs * (inputs + 1)].split_at_mut(outputs * inputs)
    }

    pub fn tensors(&self) -> Vec<Tensor> {
        let name = |layer: usize, part: &str| {
            if layer + 1 == self.layers() {
                format!("output.{part}")
            } else {
                format!("hidden.{layer}.{part}")
            }
        };
        let mut tensors = Vec::new();
        for (layer, &(outputs, inputs)) in self.shapes.iter().enumerate() {
            tensors.push(Tensor::new(name(layer, "weight"), &[outputs, inputs]));
            tensors.push(Tensor::new(name(layer, "bias"), &[outputs]));
        }
        tensors
    }
}
