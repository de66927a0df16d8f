//! A network's predictions and every derivative of them against dual numbers in double-double, within a running error
//! bound of the operations that the library does; and mistakes that the same check catches.

mod networks;
mod scalars;

use ndarray::Array2;
use networks::architectures;
use proptest::prelude::*;
use scalars::{Ball, Dd, Dual, Scalar, count_roundings};
use tweedie::arith::{Real, fill_normal, uniform_index};
use tweedie::channel::Channel;
use tweedie::denoiser::head::Coefficients;
use tweedie::denoiser::mlp::{Activation, Architecture, Embedding, Mlp};
use tweedie::denoiser::{Block, Cotangent, Head, Trainable};

type Exact = Dual<Dd>;

/// A point, its level and a network, as plain numbers that f64 holds exactly.
struct Case {
    architecture: Architecture,
    parameters: Vec<f64>,
    head: Coefficients<f64>,
    embedding: Vec<f64>,
    x: Vec<f64>,
}

/// θ cut into each layer's weights and biases.
fn layers(architecture: &Architecture) -> Vec<(usize, usize, usize)> {
    let mut inputs = architecture.dimension + architecture.embedding.len();
    let mut start = 0;
    (0..=architecture.layers)
        .map(|layer| {
            let last = layer == architecture.layers;
            let outputs = if last { architecture.dimension } else { architecture.width };
            let here = (start, outputs, inputs);
            start += outputs * (inputs + 1);
            inputs = outputs;
            here
        })
        .collect()
}

/// The activation as one smooth formula.
fn smooth<S: Scalar>(activation: Activation, z: S) -> S {
    let one = S::of(1.0);
    let e = |x: S| x.exp();
    match activation {
        Activation::Silu => z.over(one.plus(e(z.times(S::of(-1.0))))),
        Activation::Tanh => {
            let square = e(z.times(S::of(2.0)));
            square.minus(one).over(square.plus(one))
        }
        Activation::Softplus => one.plus(e(z)).ln(),
    }
}

/// (D̂, ε̂) exactly, with the slope along a direction of x and θ.
fn exact(case: &Case, x: &[Exact], theta: &[Exact]) -> [Vec<Exact>; 2] {
    let number = |x: f64| Exact::of(x);
    let mut below: Vec<Exact> = x.iter().map(|&x| number(case.head.input).times(x)).collect();
    below.extend(case.embedding.iter().map(|&e| number(e)));
    let layers = layers(&case.architecture);
    for (layer, &(start, outputs, inputs)) in layers.iter().enumerate() {
        let last = layer == case.architecture.layers;
        below = (0..outputs)
            .map(|i| {
                let bias = theta[start + outputs * inputs + i];
                let terms = below.iter().zip(&theta[start + i * inputs..]);
                let z = terms.fold(bias, |sum, (&h, &w)| sum.plus(h.times(w)));
                if last { z } else { smooth(case.architecture.activation, z) }
            })
            .collect();
    }
    let of = |of_output: f64, of_x: f64| {
        let pair = below.iter().zip(x);
        pair.map(|(&f, &x)| number(of_output).times(f).plus(number(of_x).times(x))).collect()
    };
    [
        of(case.head.denoised_of_output, case.head.denoised_of_x),
        of(case.head.noise_of_output, case.head.noise_of_x),
    ]
}

/// What rounding can have done to each result: the library's operations on balls.
struct Allowed {
    denoised: Vec<Ball>,
    noise: Vec<Ball>,
    pushed: Vec<Ball>,
    to_point: Vec<Ball>,
    to_parameters: Vec<Ball>,
}

/// Largest |φ′| and |φ″|.
fn steepness(activation: Activation) -> [f64; 2] {
    match activation {
        Activation::Silu => [1.1, 0.5],
        Activation::Tanh => [1.0, 0.77],
        Activation::Softplus => [1.0, 0.25],
    }
}

/// Value and slope: the ball moves them by their steepness, and the library by the activation's stated bound.
fn activated(activation: Activation, z: Ball, unit: f64) -> (Ball, Ball) {
    let at = |x: f64| {
        let wide = |x: f64| smooth::<Exact>(activation, Exact::new(x, 1.0));
        let found = wide(x);
        (found.value.0, found.slope.0)
    };
    let (value, slope) = at(z.centre);
    let ([first, second], [of_value, of_slope]) = (steepness(activation), activation.bound());
    let size = unit * (z.centre.abs() + z.radius).max(1.0);
    (
        Ball { centre: value, radius: first * z.radius + of_value * size },
        Ball { centre: slope, radius: second * z.radius + of_slope * size },
    )
}

fn allowed(case: &Case, unit: f64, v: &[f64], [v_d, v_e]: [&[f64]; 2]) -> Allowed {
    let b = Ball::of;
    let head = &case.head;
    let d = case.x.len();
    let layers = layers(&case.architecture);
    let y: Vec<Ball> = case.x.iter().map(|&x| b(head.input).times(b(x))).collect();
    let mut inputs_of = Vec::new();
    let (mut slopes, mut output) = (Vec::new(), Vec::new());
    let mut below: Vec<Ball> =
        y.iter().copied().chain(case.embedding.iter().map(|&e| b(e))).collect();
    let mut along: Vec<Ball> = v.iter().map(|&v| b(head.input).times(b(v))).collect();
    for (layer, &(start, outputs, inputs)) in layers.iter().enumerate() {
        let weight = |i: usize, j: usize| b(case.parameters[start + i * inputs + j]);
        let bias = |i: usize| b(case.parameters[start + outputs * inputs + i]);
        // The first layer takes the embedding first: the order moves the error by less than its own second order.
        let order: Vec<usize> =
            if layer == 0 { (d..inputs).chain(0..d).collect() } else { (0..inputs).collect() };
        let sums: Vec<Ball> = (0..outputs)
            .map(|i| order.iter().fold(bias(i), |sum, &j| below[j].mul_add(weight(i, j), sum)))
            .collect();
        let moved: Vec<Ball> = (0..outputs)
            .map(|i| (0..along.len()).fold(b(0.0), |sum, j| along[j].mul_add(weight(i, j), sum)))
            .collect();
        inputs_of.push(below.clone());
        if layer == case.architecture.layers {
            (output, along) = (sums, moved);
            break;
        }
        let pairs: Vec<(Ball, Ball)> =
            sums.iter().map(|&z| activated(case.architecture.activation, z, unit)).collect();
        below = pairs.iter().map(|(value, _)| *value).collect();
        let slope: Vec<Ball> = pairs.iter().map(|(_, slope)| *slope).collect();
        along = moved.iter().zip(&slope).map(|(&t, &s)| t.times(s)).collect();
        slopes.push(slope);
    }
    let of = |of_output: f64, f: &[Ball], of_x: f64, x: &[f64]| -> Vec<Ball> {
        f.iter().zip(x).map(|(&f, &x)| b(of_output).mul_add(f, b(of_x).times(b(x)))).collect()
    };
    let denoised = of(head.denoised_of_output, &output, head.denoised_of_x, &case.x);
    let noise = of(head.noise_of_output, &output, head.noise_of_x, &case.x);
    let pushed = of(head.denoised_of_output, &along, head.denoised_of_x, v);
    // Back.
    let mut delta: Vec<Ball> = (0..d)
        .map(|i| {
            let direct = b(head.denoised_of_output).times(b(v_d[i]));
            b(head.noise_of_output).mul_add(b(v_e[i]), direct)
        })
        .collect();
    let mut deltas = vec![delta.clone()];
    for layer in (0..case.architecture.layers).rev() {
        let (start, outputs, inputs) = layers[layer + 1];
        delta = (0..inputs)
            .map(|j| {
                let sum = (0..outputs).fold(b(0.0), |sum, i| {
                    delta[i].mul_add(b(case.parameters[start + i * inputs + j]), sum)
                });
                sum.times(slopes[layer][j])
            })
            .collect();
        deltas.insert(0, delta.clone());
    }
    let (start, outputs, inputs) = layers[0];
    let to_point = (0..d)
        .map(|j| {
            let through = (0..outputs).fold(b(0.0), |sum, i| {
                delta[i].mul_add(b(case.parameters[start + i * inputs + j]), sum)
            });
            let direct =
                b(head.noise_of_x).mul_add(b(v_e[j]), b(head.denoised_of_x).times(b(v_d[j])));
            b(head.input).mul_add(through, direct)
        })
        .collect();
    let mut to_parameters = Vec::new();
    for (layer, &(_, outputs, _)) in layers.iter().enumerate() {
        for &delta in deltas[layer].iter().take(outputs) {
            to_parameters.extend(inputs_of[layer].iter().map(|&h| delta.times(h)));
        }
        to_parameters.extend(deltas[layer].iter().copied());
    }
    Allowed { denoised, noise, pushed, to_point, to_parameters }
}

/// A planted mistake: what it makes of the library's pull-back to the point, and of its parameter gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Slip {
    None,
    /// c_in left out of the chain rule.
    InputFactor,
    /// The noise's cotangent taken with the wrong sign.
    NoiseSign,
}

fn check<T: Real>(
    architecture: Architecture,
    sigma: f64,
    seed: u64,
    slip: Slip,
) -> Result<(), String> {
    let channel = Channel::new(0.8, sigma).expect("a channel");
    let d = architecture.dimension;
    let mlp = Mlp::<T>::initial(architecture, seed).expect("a network");
    // Biases are 0 at the start: all parameters are moved, so that none is special.
    let mut moved = vec![T::ZERO; mlp.parameters().len()];
    fill_normal(seed, 900, 0, &mut moved);
    let parameters: Vec<T> =
        mlp.parameters().iter().zip(&moved).map(|(&p, &z)| p + T::from_f64(0.25) * z).collect();
    let mlp = Mlp::new(architecture, parameters.clone()).expect("a network");
    let drawn = |stream: u64| {
        let mut z = vec![T::ZERO; d];
        fill_normal(seed, stream, 0, &mut z);
        z
    };
    let (x, v, v_d, v_e) = (drawn(901), drawn(902), drawn(903), drawn(904));
    let wide = |values: &[T]| values.iter().map(|value| value.to_f64()).collect::<Vec<f64>>();
    let narrow = architecture.head.at::<T>(channel).expect("a head");
    let head = Coefficients {
        input: narrow.input.to_f64(),
        denoised_of_x: narrow.denoised_of_x.to_f64(),
        denoised_of_output: narrow.denoised_of_output.to_f64(),
        noise_of_x: narrow.noise_of_x.to_f64(),
        noise_of_output: narrow.noise_of_output.to_f64(),
    };
    let case = Case {
        architecture,
        parameters: wide(&parameters),
        head,
        embedding: wide(&architecture.embedding.at::<T>(channel)),
        x: wide(&x),
    };
    // The library.
    let level = mlp.level(channel).expect("a level");
    let block = mlp.block(&[&level]);
    let row = |z: &[T]| Array2::from_shape_vec((1, d), z.to_vec()).expect("a row");
    let (found, record) = block.forward(row(&x).view()).expect("a prediction");
    let pushed = block.push(&record, row(&v).view()).expect("a product");
    let sign = if slip == Slip::NoiseSign { -T::ONE } else { T::ONE };
    let given =
        Cotangent { denoised: Some(row(&v_d)), noise: Some(row(&v_e).mapv(|entry| sign * entry)) };
    let mut to_point = block.to_points(&record, &given).expect("a product");
    if slip == Slip::InputFactor {
        to_point.mapv_inplace(|entry| entry / narrow.input);
    }
    let mut gradient = vec![T::ZERO; parameters.len()];
    block.to_parameters(&[(&record, &given)], &mut gradient).expect("a gradient");
    // The judge.
    count_roundings(T::UNIT_ROUNDOFF, T::TINY);
    let unit = T::UNIT_ROUNDOFF + f64::UNIT_ROUNDOFF;
    let (v_d, v_e) = (wide(&v_d), wide(&v_e));
    let allowed = allowed(&case, unit, &wide(&v), [&v_d, &v_e]);
    let fixed = |values: &[f64]| values.iter().map(|&x| Exact::of(x)).collect::<Vec<_>>();
    let toward = |values: &[f64], v: &[f64]| -> Vec<Exact> {
        values.iter().zip(v).map(|(&x, &v)| Exact::new(x, v)).collect()
    };
    let theta = fixed(&case.parameters);
    let off = |name: &str, i: usize, found: T, exact: Dd, allowed: Ball| {
        let error = Dd::of(found.to_f64()).minus(exact).near().abs();
        // The judge is good to 2⁻⁹⁰ of what it adds up.
        let judge = 2f64.powi(-90) * (1.0 + allowed.centre.abs());
        if error <= allowed.error() + judge {
            return Ok(());
        }
        Err(format!("{name}[{i}]: {found} is {error:e} off, {:e} is allowed", allowed.error()))
    };
    let [denoised, noise] = exact(&case, &toward(&case.x, &wide(&v)), &theta);
    for i in 0..d {
        off("denoised", i, found.denoised[[0, i]], denoised[i].value, allowed.denoised[i])?;
        off("noise", i, found.noise[[0, i]], noise[i].value, allowed.noise[i])?;
        off("Jacobian times v", i, pushed[[0, i]], denoised[i].slope, allowed.pushed[i])?;
    }
    let pulled = |[denoised, noise]: [Vec<Exact>; 2]| {
        let terms = (0..d).flat_map(|i| [(v_d[i], denoised[i].slope), (v_e[i], noise[i].slope)]);
        terms.fold(Dd::of(0.0), |sum, (v, slope)| sum.plus(Dd::of(v).times(slope)))
    };
    let unit_vector =
        |n: usize, j: usize| (0..n).map(|i| f64::from(u8::from(i == j))).collect::<Vec<_>>();
    for j in 0..d {
        let slope = pulled(exact(&case, &toward(&case.x, &unit_vector(d, j)), &theta));
        off("to_points", j, to_point[[0, j]], slope, allowed.to_point[j])?;
    }
    let count = parameters.len();
    for draw in 0..40 {
        let j = uniform_index(seed, 905, draw, count as u64) as usize;
        let moving = toward(&case.parameters, &unit_vector(count, j));
        let slope = pulled(exact(&case, &fixed(&case.x), &moving));
        off("to_parameters", j, gradient[j], slope, allowed.to_parameters[j])?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn predictions_and_derivatives_are_within_their_bounds(
        architecture in architectures(prop_oneof![4 => 1usize..6, 1 => Just(64usize)], 1..12),
        sigma in prop_oneof![1e-3..10.0f64, Just(1e-6), Just(1e3)],
        seed in any::<u32>(),
    ) {
        prop_assert_eq!(check::<f64>(architecture, sigma, u64::from(seed), Slip::None), Ok(()));
        prop_assert_eq!(check::<f32>(architecture, sigma, u64::from(seed), Slip::None), Ok(()));
    }
}

#[test]
fn planted_mistakes_are_caught() {
    for activation in Activation::ALL {
        let architecture = Architecture {
            dimension: 3,
            width: 8,
            layers: 2,
            activation,
            embedding: Embedding::Fourier { waves: 2 },
            head: Head::new("edm", 0.7).expect("a head"),
        };
        for slip in [Slip::InputFactor, Slip::NoiseSign] {
            assert!(check::<f64>(architecture, 0.5, 1, slip).is_err(), "{slip:?}");
            assert!(check::<f32>(architecture, 0.5, 1, slip).is_err(), "{slip:?}");
        }
        assert_eq!(check::<f32>(architecture, 0.5, 1, Slip::None), Ok(()));
    }
}
