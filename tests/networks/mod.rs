//! Random architectures of a network, for property tests.

use std::ops::Range;

use proptest::prelude::*;
use tweedie::denoiser::Head;
use tweedie::denoiser::mlp::{Activation, Architecture, Embedding};

/// Up to three layers, every activation, embedding and head.
pub fn architectures(
    dimension: impl Strategy<Value = usize>,
    width: Range<usize>,
) -> impl Strategy<Value = Architecture> {
    let activation = prop::sample::select(Activation::ALL.to_vec());
    let embedding = prop_oneof![
        Just(Embedding::LogSnr),
        (1usize..6).prop_map(|waves| Embedding::Fourier { waves })
    ];
    let head = prop::sample::select(Head::NAMES.to_vec());
    (dimension, width, 1usize..4, activation, embedding, head).prop_map(
        |(dimension, width, layers, activation, embedding, head)| Architecture {
            dimension,
            width,
            layers,
            activation,
            embedding,
            head: Head::new(head, 0.7).expect("a head"),
        },
    )
}
