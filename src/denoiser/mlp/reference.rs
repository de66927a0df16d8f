//! One point through a network, in plain loops: the definition that `pass.rs` equals to the bit.
//!
//! Floor 3. Uses `arith`, `denoiser::mlp`. Spec: T3, N3.

use super::{Level, Mlp};
use crate::arith::{Isa, Kernel, MulAdd, Real};

/// A point's prediction and derivatives for cotangents v_D and v_ε.
#[derive(Clone, Debug, PartialEq)]
pub struct AtPoint<T> {
    /// D̂(x), d numbers.
    pub denoised: Vec<T>,
    /// ε̂(x), d numbers.
    pub noise: Vec<T>,
    /// ∇D̂(x)ᵀ·v_D + ∇ε̂(x)ᵀ·v_ε, d numbers.
    pub to_point: Vec<T>,
    /// (∂D̂(x)/∂θ)ᵀ·v_D + (∂ε̂(x)/∂θ)ᵀ·v_ε, as many numbers as parameters.
    pub to_parameters: Vec<T>,
}

/// A point x through the network at a level, and back for v_D (`denoised`) and v_ε (`noise`), each of d numbers.
pub fn at_point<T: Real>(
    mlp: &Mlp<T>,
    level: &Level<T>,
    x: &[T],
    [denoised, noise]: [&[T]; 2],
) -> AtPoint<T> {
    Isa::best().run(Reference { mlp, level, x, denoised, noise })
}

struct Reference<'a, T: Real> {
    mlp: &'a Mlp<T>,
    level: &'a Level<T>,
    x: &'a [T],
    denoised: &'a [T],
    noise: &'a [T],
}

impl<T: Real> Kernel for Reference<'_, T> {
    type Output = AtPoint<T>;

    fn run<M: MulAdd>(self) -> AtPoint<T> {
        let Reference { mlp, level, x, denoised: v_d, noise: v_e } = self;
        let (head, d) = (&level.head, x.len());
        let activation = mlp.architecture().activation;
        let last = mlp.architecture().layers;
        let y: Vec<T> = x.iter().map(|&x| head.input * x).collect();

        // Forward. The first layer reads the embedding, then y; its weights stand as [y | embedding].
        let (mut values, mut slopes): (Vec<Vec<T>>, Vec<Vec<T>>) = (Vec::new(), Vec::new());
        for layer in 0..last {
            let below = values.last().cloned().unwrap_or_else(|| y.clone());
            let inputs = below.len() + if layer == 0 { level.embedding.len() } else { 0 };
            let rows = mlp.weights(layer).chunks_exact(inputs).zip(mlp.biases(layer));
            let (mut value, mut slope) = (Vec::new(), Vec::new());
            for (weights, &bias) in rows {
                let mut sum = bias;
                if layer == 0 {
                    sum = chain::<T, M>(sum, &level.embedding, &weights[d..]);
                }
                sum = chain::<T, M>(sum, &below, &weights[..below.len()]);
                let (at, by) = activation.at::<T, M>(sum);
                value.push(at);
                slope.push(by);
            }
            values.push(value);
            slopes.push(slope);
        }
        let top = &values[last - 1];
        let rows = mlp.weights(last).chunks_exact(top.len()).zip(mlp.biases(last));
        let output: Vec<T> =
            rows.map(|(weights, &bias)| chain::<T, M>(bias, top, weights)).collect();
        let predict = |of_output: T, of_x: T| {
            output.iter().zip(x).map(|(&f, &x)| M::mul_add(of_output, f, of_x * x)).collect()
        };
        let denoised = predict(head.denoised_of_output, head.denoised_of_x);
        let noise = predict(head.noise_of_output, head.noise_of_x);

        // Back: v_F, then through each layer down.
        let mut delta: Vec<T> = v_d
            .iter()
            .zip(v_e)
            .map(|(&v_d, &v_e)| {
                M::mul_add(head.noise_of_output, v_e, head.denoised_of_output * v_d)
            })
            .collect();
        let mut deltas = vec![delta.clone()];
        for layer in (0..last).rev() {
            let width = values[layer].len();
            let weights = mlp.weights(layer + 1);
            delta = (0..width)
                .map(|j| {
                    let column: Vec<T> = (0..delta.len()).map(|i| weights[i * width + j]).collect();
                    chain::<T, M>(T::ZERO, &delta, &column) * slopes[layer][j]
                })
                .collect();
            deltas.insert(0, delta.clone());
        }
        let inputs = d + level.embedding.len();
        let to_point = (0..d)
            .map(|j| {
                let column: Vec<T> =
                    (0..delta.len()).map(|i| mlp.weights(0)[i * inputs + j]).collect();
                let through = chain::<T, M>(T::ZERO, &delta, &column);
                let direct = M::mul_add(head.noise_of_x, v_e[j], head.denoised_of_x * v_d[j]);
                M::mul_add(head.input, through, direct)
            })
            .collect();
        let mut to_parameters = Vec::new();
        for layer in 0..=last {
            let mut below = if layer == 0 { y.clone() } else { values[layer - 1].clone() };
            if layer == 0 {
                below.extend_from_slice(&level.embedding);
            }
            for &delta in &deltas[layer] {
                to_parameters.extend(below.iter().map(|&h| M::mul_add(delta, h, T::ZERO)));
            }
            to_parameters.extend(deltas[layer].iter().map(|&delta| T::ZERO + delta));
        }
        AtPoint { denoised, noise, to_point, to_parameters }
    }
}

/// The chain fma(x_j, w_j, sum), j ascending.
fn chain<T: Real, M: MulAdd>(start: T, x: &[T], weights: &[T]) -> T {
    x.iter().zip(weights).fold(start, |sum, (&x, &w)| M::mul_add(x, w, sum))
}
