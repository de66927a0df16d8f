//! The passes of a block against the plain loops of one point: the same bits, in every instruction set, for any
//! number of rows beside it, in f32 and f64.

mod networks;

use ndarray::{Array2, Axis};
use networks::architectures;
use proptest::prelude::*;
use tweedie::arith::{Isa, Real, fill_normal};
use tweedie::channel::Channel;
use tweedie::denoiser::mlp::{Activation, Architecture, Embedding, Mlp, reference};
use tweedie::denoiser::{Block, Cotangent, Head, Trainable};

fn normals<T: Real>(seed: u64, stream: u64, shape: (usize, usize)) -> Array2<T> {
    let mut drawn = vec![T::ZERO; shape.0 * shape.1];
    fill_normal(seed, stream, 0, &mut drawn);
    Array2::from_shape_vec(shape, drawn).expect("the shape")
}

fn bits<T: Real>(values: impl IntoIterator<Item = T>) -> Vec<u64> {
    values.into_iter().map(Real::bits).collect()
}

fn check<T: Real>(architecture: Architecture, sigmas: &[f64], seed: u64) {
    let (rows, d) = (sigmas.len(), architecture.dimension);
    let mlp = Mlp::<T>::initial(architecture, seed).expect("a network");
    let levels: Vec<_> = sigmas
        .iter()
        .map(|&sigma| mlp.level(Channel::new(0.8, sigma).expect("a channel")).expect("a level"))
        .collect();
    let levels: Vec<_> = levels.iter().collect();
    let x = normals::<T>(seed, 100, (rows, d));
    let v_d = normals::<T>(seed, 101, (rows, d));
    let v_e = normals::<T>(seed, 102, (rows, d));
    let cotangent = Cotangent { denoised: Some(v_d.clone()), noise: Some(v_e.clone()) };
    for isa in Isa::available() {
        let block = mlp.block(&levels).with_isa(isa);
        let (prediction, record) = block.forward(x.view()).expect("a prediction");
        let pulled = block.to_points(&record, &cotangent).expect("a pull-back");
        for n in 0..rows {
            let point = reference::at_point(
                &mlp,
                levels[n],
                &x.row(n).to_vec(),
                [&v_d.row(n).to_vec(), &v_e.row(n).to_vec()],
            );
            assert_eq!(bits(point.denoised), bits(prediction.denoised.row(n).to_vec()));
            assert_eq!(bits(point.noise), bits(prediction.noise.row(n).to_vec()));
            assert_eq!(bits(point.to_point), bits(pulled.row(n).to_vec()));
            let alone = mlp.block(&levels[n..=n]).with_isa(isa);
            let (_, record) = alone.forward(x.slice(ndarray::s![n..=n, ..])).expect("a prediction");
            let cotangent = Cotangent {
                denoised: Some(v_d.select(Axis(0), &[n])),
                noise: Some(v_e.select(Axis(0), &[n])),
            };
            let mut gradient = vec![T::ZERO; mlp.parameters().len()];
            alone.to_parameters(&[(&record, &cotangent)], &mut gradient).expect("a gradient");
            assert_eq!(bits(point.to_parameters), bits(gradient));
        }
        // A block's gradient is one chain over its rows: adding rows one at a time to what stands there.
        let mut whole = vec![T::ZERO; mlp.parameters().len()];
        block.to_parameters(&[(&record, &cotangent)], &mut whole).expect("a gradient");
        let mut chained = vec![T::ZERO; mlp.parameters().len()];
        for n in 0..rows {
            let alone = mlp.block(&levels[n..=n]);
            let (_, record) = alone.forward(x.slice(ndarray::s![n..=n, ..])).expect("a prediction");
            let cotangent = Cotangent {
                denoised: Some(v_d.select(Axis(0), &[n])),
                noise: Some(v_e.select(Axis(0), &[n])),
            };
            alone.to_parameters(&[(&record, &cotangent)], &mut chained).expect("a gradient");
        }
        assert_eq!(bits(whole), bits(chained));
        assert_eq!(block.channels().len(), rows);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn blocks_have_the_bits_of_the_plain_loops(
        architecture in architectures(1usize..20, 1..40),
        sigmas in prop::collection::vec(prop_oneof![1e-3..10.0f64, Just(1e-6), Just(1e3)], 1..9),
        seed in 0u64..1000,
    ) {
        check::<f64>(architecture, &sigmas, seed);
        check::<f32>(architecture, &sigmas, seed);
    }
}

/// The default network, more rows than a tile and a remainder.
#[test]
fn the_default_size_has_the_bits_of_the_plain_loops() {
    let architecture = Architecture {
        dimension: 3,
        width: 128,
        layers: 3,
        activation: Activation::Silu,
        embedding: Embedding::Fourier { waves: 8 },
        head: Head::new("edm", 1.0).expect("a head"),
    };
    let sigmas: Vec<f64> = (0..13).map(|n| 0.01 * f64::from(n + 1)).collect();
    check::<f64>(architecture, &sigmas, 1);
    check::<f32>(architecture, &sigmas, 2);
}
