//! The kernels of a network, run on the CPU, equal `denoiser::mlp` bit for bit (N3): predictions, vectors pulled back to the points,
//! and gradients in the parameters; over architectures, levels, sizes of a batch and orders of threads. At the end mistakes are planted.

mod cuda;
#[path = "cuda/list.rs"]
mod list;
mod networks;

use cuda::Watch;
use list::{How, Memory, difference};
use ndarray::{Array2, Axis, s};
use networks::architectures;
use proptest::prelude::*;
use tweedie::arith::{Real, fill_normal, uniform_index};
use tweedie::channel::Channel;
use tweedie::cuda::{Arrays, BackPass, Levels, Network, Part};
use tweedie::denoiser::mlp::{Activation, Architecture, Embedding};
use tweedie::denoiser::trainable::BLOCK;
use tweedie::denoiser::{Block, Cotangent, Head, Mlp, Trainable};

const SCHEDULES: [u32; 4] = [0, 1, 2, 77];

/// A network and a batch.
#[derive(Clone, Debug)]
struct Case {
    architecture: Architecture,
    rows: usize,
    /// Whether the gradient has a second pass.
    both: bool,
    /// Which of v_D and v_ε are there.
    vectors: [bool; 2],
    seed: u64,
}

fn normals<T: Real>(seed: u64, stream: u64, shape: (usize, usize)) -> Array2<T> {
    let mut values = vec![T::ZERO; shape.0 * shape.1];
    fill_normal(seed, stream, 0, &mut values);
    Array2::from_shape_vec(shape, values).unwrap()
}

/// Ordinary ones, and both ends of a schedule.
fn channels() -> Vec<Channel> {
    [(0.8, 0.6), (1.0, 2e-3), (1e-3, 1.0), (1.0, 40.0), (0.3, 0.95)]
        .map(|(a, s)| Channel::new(a, s).unwrap())
        .to_vec()
}

fn flat<T: Real>(array: &Array2<T>) -> Vec<T> {
    array.iter().copied().collect()
}

/// Every number of the kernels against the blocks of the Rust path.
fn agrees<T: Real>(case: &Case, how: How) -> Result<(), String> {
    let (a, n) = (&case.architecture, case.rows);
    let parameters = Mlp::<T>::tensors_of(a).unwrap().iter().map(|t| t.len()).sum::<usize>();
    let mut theta = vec![T::ZERO; parameters];
    fill_normal(case.seed, 0, 0, &mut theta);
    theta.iter_mut().for_each(|x| *x *= T::from_f64(0.4));
    let mlp = Mlp::new(*a, theta.clone()).unwrap();
    let channels = channels();
    let chosen: Vec<u32> = (0..n as u64)
        .map(|row| uniform_index(case.seed, 1, row, channels.len() as u64) as u32)
        .collect();
    let points: Vec<Array2<T>> =
        (0..2).map(|pass| normals(case.seed, 2 + pass, (n, a.dimension))).collect();
    let vector =
        |stream: u64, there: bool| there.then(|| normals::<T>(case.seed, stream, (n, a.dimension)));
    let cotangents: Vec<Cotangent<T>> = (0..2)
        .map(|pass| Cotangent {
            denoised: vector(4 + pass, case.vectors[0]),
            noise: vector(6 + pass, case.vectors[1]),
        })
        .collect();
    let passes = if case.both { 2 } else { 1 };

    let mut arrays = Arrays::default();
    let levels = Levels::new::<T>(&channels, a, None, &mut arrays).unwrap();
    let own = [
        arrays.holding("parameters", &theta),
        arrays.holding_words("level", &chosen),
        levels.numbers,
        levels.embedding,
        arrays.holding_words("fault", &[0]),
    ];
    let network = Network::new(n, *a, parameters, own);
    let (mut launches, mut all) = (Vec::new(), Vec::new());
    for pass in 0..passes {
        let x = arrays.holding("x", &flat(&points[pass]));
        let mut held = |v: &Option<Array2<T>>| v.as_ref().map(|v| arrays.holding("v", &flat(v)));
        let vectors = [held(&cotangents[pass].denoised), held(&cotangents[pass].noise)];
        let record = network.record::<T>(&mut arrays);
        let deltas = network.room_for_deltas::<T>(&mut arrays);
        let pulled = arrays.room::<T>("pulled", n * a.dimension);
        network.forward::<T>(x, &record, &mut launches);
        network.deltas::<T>(&record, vectors, &deltas, &mut launches);
        network.to_points::<T>(vectors, &deltas, pulled, &mut launches);
        all.push((x, record, deltas, pulled));
    }
    let back: Vec<BackPass<'_>> =
        all.iter().map(|(x, record, deltas, _)| BackPass { x: *x, record, deltas }).collect();
    let parts = network.room_for_parts::<T>(&mut arrays);
    let total = arrays.room::<T>("gradient", parameters);
    network.gradient::<T>(back[0], back.get(1).copied(), (parts, total), &mut launches);
    let mut memory = Memory::new(&arrays);
    memory.run::<T>(&launches, how)?;

    let mut gradient = vec![T::ZERO; parameters];
    let mut found: Vec<[Vec<T>; 3]> = vec![Default::default(); passes];
    for first in (0..n).step_by(BLOCK) {
        let end = n.min(first + BLOCK);
        let levels: Vec<_> =
            chosen[first..end].iter().map(|&l| mlp.level(channels[l as usize]).unwrap()).collect();
        let block = mlp.block(&levels.iter().collect::<Vec<_>>());
        let mut records = Vec::new();
        for pass in 0..passes {
            let rows = |v: &Array2<T>| v.slice_axis(Axis(0), (first..end).into()).to_owned();
            let cotangent = Cotangent {
                denoised: cotangents[pass].denoised.as_ref().map(rows),
                noise: cotangents[pass].noise.as_ref().map(rows),
            };
            let (prediction, record) =
                block.forward(points[pass].slice(s![first..end, ..])).map_err(|e| e.to_string())?;
            let pulled = block.to_points(&record, &cotangent).unwrap();
            for (out, from) in
                found[pass].iter_mut().zip([&prediction.denoised, &prediction.noise, &pulled])
            {
                out.extend(from.iter());
            }
            records.push((record, cotangent));
        }
        let mut of_block = vec![T::ZERO; parameters];
        let records: Vec<_> = records.iter().map(|(record, v)| (record, v)).collect();
        block.to_parameters(&records, &mut of_block).unwrap();
        gradient.iter_mut().zip(&of_block).for_each(|(sum, &part)| *sum += part);
    }
    for ((_, record, _, pulled), [denoised, noise, to_points]) in all.iter().zip(&found) {
        difference("denoised", &memory.bits::<T>(record.denoised), denoised)?;
        difference("noise", &memory.bits::<T>(record.noise), noise)?;
        difference("to points", &memory.bits::<T>(*pulled), to_points)?;
    }
    difference("gradient", &memory.bits::<T>(total), &gradient)?;
    match memory.words(network.fault)[..] {
        [0] => Ok(()),
        _ => Err("a fault where every prediction is finite".into()),
    }
}

fn cases() -> impl Strategy<Value = Case> {
    let rows = prop_oneof![Just(0usize), Just(1), Just(64), 2usize..64, 65usize..200];
    let vectors = prop::sample::select(vec![[true, true], [true, false], [false, true]]);
    (architectures(1usize..9, 1..65), 1usize..5, rows, any::<bool>(), vectors, any::<u64>())
        .prop_map(|(architecture, layers, rows, both, vectors, seed)| Case {
            architecture: Architecture { layers, ..architecture },
            rows,
            both,
            vectors,
            seed,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn networks_agree(
        case in cases(), schedule in prop::sample::select(&SCHEDULES[..]),
        watch in prop_oneof![3 => Just(Watch::Nothing), 1 => Just(Watch::Sanitizers)],
    ) {
        let how = How { schedule, watch, mistake: None };
        for verdict in [agrees::<f32>(&case, how), agrees::<f64>(&case, how)] {
            prop_assert!(verdict.is_ok(), "{verdict:?}");
        }
    }
}

/// Three tiles of rows, two of columns, two blocks of rows and a part, every pass.
fn full() -> Case {
    Case {
        architecture: Architecture {
            dimension: 3,
            width: 37,
            layers: 2,
            activation: Activation::Silu,
            embedding: Embedding::Fourier { waves: 3 },
            head: Head::Preconditioned { sigma_data: 0.7 },
        },
        rows: 140,
        both: true,
        vectors: [true, true],
        seed: 5,
    }
}

/// Whether some order of threads shows that a changed kernel is wrong.
fn caught(case: &Case, watch: Watch, from: &'static str, to: &'static str) -> bool {
    SCHEDULES.iter().any(|&schedule| {
        let how = How { schedule, watch, mistake: Some((Part::Network, from, to)) };
        agrees::<f32>(case, how).is_err()
    })
}

#[test]
fn planted_mistakes_are_caught() {
    let silu = full();
    let tanh = Case {
        architecture: Architecture { activation: Activation::Tanh, ..silu.architecture },
        ..silu.clone()
    };
    let softplus = Case {
        architecture: Architecture { activation: Activation::Softplus, ..silu.architecture },
        ..silu.clone()
    };
    // What is caught must be the mistake: the text as it is passes.
    for case in [&silu, &tanh, &softplus] {
        assert!(!caught(case, Watch::Nothing, "TILE", "TILE"));
    }
    let mutants: [(&Case, &'static str, &'static str); 19] = [
        // A missing barrier before the tiles are overwritten, and one after they are written.
        (&silu, "    __syncthreads();\n    for (int e", "    for (int e"),
        (&silu, "    __syncthreads();\n    for (int k", "    for (int k"),
        // A chain in another order, one that ends early, and one that is contracted nowhere.
        (&silu, "left_row = a + k * PITCH", "left_row = a + (depth - 1 - k) * PITCH"),
        (&silu, "for (int k = 0; k < depth; ++k) {", "for (int k = 0; k + 1 < depth; ++k) {"),
        (
            &silu,
            "sum[i][j] = fused(left_row[SIDE * i], right_row[SIDE * j], sum[i][j])",
            "sum[i][j] = sum[i][j] + left_row[SIDE * i] * right_row[SIDE * j]",
        ),
        // A transposed weight, forward and back; the embedding after the points.
        (
            &silu,
            "return weights[(count_t)column * inputs + k]",
            "return weights[(count_t)k * inputs + column]",
        ),
        (
            &silu,
            "return weights[(count_t)k * inputs + column]",
            "return weights[(count_t)column * inputs + k]",
        ),
        (
            &silu,
            "if (k < embedded) return embedding[(count_t)level[row] * embedded + k];",
            "if (k < embedded) return embedding[(count_t)level[row] * embedded + embedded - 1 - k];",
        ),
        // Another row's level, and a head's numbers exchanged.
        (
            &silu,
            "numbers + (count_t)level[row] * LEVEL_NUMBERS;\n    const count_t at = row * d + column;\n    denoised",
            "numbers + (count_t)level[0] * LEVEL_NUMBERS;\n    const count_t at = row * d + column;\n    denoised",
        ),
        (
            &silu,
            "fused(head[LEVEL_NOISE_OF_OUTPUT], of_noise ? of_noise[at] : (real)0,\n                    head[LEVEL_DENOISED_OF_OUTPUT]",
            "fused(head[LEVEL_DENOISED_OF_OUTPUT], of_noise ? of_noise[at] : (real)0,\n                    head[LEVEL_NOISE_OF_OUTPUT]",
        ),
        // A slope without its product fused, and the wrong branches of the other activations.
        (&silu, "slope = fused(value, down, up)", "slope = value * down + up"),
        (&tanh, "which == 1 ? size + size : size", "size"),
        (&tanh, "((real)1 - above) * ((real)1 + above)", "(real)1 - above * above"),
        (&softplus, "(canonical_ln(sum) + lost / sum)", "canonical_ln(sum)"),
        // The gradient: passes exchanged, blocks added from the last, the embedding's passes not added first, a block's rows too few.
        (
            &silu,
            "add_product(Deltas{delta, first, outputs}, Below{below, first, inputs}",
            "add_product(Deltas{delta_there, first, outputs}, Below{below_there, first, inputs}",
        ),
        (
            &silu,
            "sum = sum + gradients[block * parameters + i]",
            "sum = sum + gradients[(blocks - 1 - block) * parameters + i]",
        ),
        (&silu, "return other ? sum + other[(first + k) * outputs + output] : sum", "return sum"),
        (&silu, "n - first < BLOCK_ROWS ? (int)(n - first) : BLOCK_ROWS", "BLOCK_ROWS - 1"),
        // A derivative of the head that is left out.
        (
            &silu,
            "pulled[at] = fused(head[LEVEL_INPUT], y, direct)",
            "pulled[at] = head[LEVEL_INPUT] * y",
        ),
    ];
    for (case, from, to) in mutants {
        assert!(caught(case, Watch::Nothing, from, to), "{to}");
    }
    // Steps beyond an array, which only a sanitizer sees.
    for (from, to) in [
        ("tile.row + at < rows", "tile.row + at <= rows"),
        ("column < d ? numbers", "column <= d ? numbers"),
    ] {
        assert!(caught(&silu, Watch::Sanitizers, from, to), "{to}");
    }
}
