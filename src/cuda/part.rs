//! The files of a training step's kernels: what stands in each, and the constants that Rust and the kernels share.
//!
//! Beside the floors. Uses `arith`, `denoiser`. Spec: E1, N3.

use std::fmt::Write;

use super::source::hexadecimal;
use crate::arith::Real;
use crate::denoiser::trainable::BLOCK;

/// What is known of a level, in the format of training: the head's five numbers, the channel's, the objective's.
pub(super) const LEVEL_NUMBERS: [&str; 14] = [
    "INPUT",
    "DENOISED_OF_X",
    "DENOISED_OF_OUTPUT",
    "NOISE_OF_X",
    "NOISE_OF_OUTPUT",
    "A",
    "S",
    "ALPHA",
    "BETA",
    "FACTOR",
    "EXPECTED_NOISE",
    "EXPECTED_DENOISED",
    "CONSTRAINT_FACTOR",
    "SCALE",
];
/// What is known of it in f64: r_max·s^ρ and a/s.
pub(super) const LEVEL_WIDE: [&str; 2] = ["RADIUS", "RATIO"];
/// What is known of a step of the optimiser: 1/(1 − β₁ᵏ), 1/(1 − β₂ᵏ), the learning rate.
pub(super) const STEP_NUMBERS: [&str; 3] = ["FIRST", "SECOND", "RATE"];
/// What is kept of a step, in f64: both losses, the radius, the gradient's norm.
pub(super) const HISTORY_NUMBERS: [&str; 4] = ["MATCHING", "CONSISTENCY", "RADIUS", "NORM"];

/// A file of kernels that a training step is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// A multilayer perceptron, forward and back.
    Network,
    /// Points, losses and their gradients.
    Objective,
    /// Random numbers at the step's streams.
    Draw,
    /// Levels, data and radii of a step's rows, in f64.
    Rows,
    /// Perturbations, in f64 where lengths are.
    Attack,
    /// The optimiser.
    Optimizer,
}

impl Part {
    /// All of them.
    pub const ALL: [Part; 6] =
        [Part::Network, Part::Objective, Part::Draw, Part::Rows, Part::Attack, Part::Optimizer];

    /// The name of its file, without the ending.
    pub fn name(self) -> &'static str {
        match self {
            Part::Network => "network",
            Part::Objective => "objective",
            Part::Draw => "draw",
            Part::Rows => "rows",
            Part::Attack => "attack",
            Part::Optimizer => "optimizer",
        }
    }

    /// Whether its `real` is f64 in every format of training, which then is its `scalar`.
    pub fn is_wide(self) -> bool {
        matches!(self, Part::Rows | Part::Attack)
    }

    pub(super) fn text(self) -> &'static str {
        match self {
            Part::Network => {
                concat!(include_str!("kernels/product.cuh"), include_str!("kernels/network.cu"))
            }
            Part::Objective => include_str!("kernels/objective.cu"),
            Part::Draw => include_str!("kernels/draw.cu"),
            Part::Rows => include_str!("kernels/rows.cu"),
            Part::Attack => concat!(
                include_str!("kernels/contained.cuh"),
                include_str!("kernels/wide.cuh"),
                include_str!("kernels/attack.cu")
            ),
            Part::Optimizer => include_str!("kernels/optimizer.cu"),
        }
    }

    /// What stands before its text.
    pub(super) fn constants<T: Real>(self) -> String {
        let mut text = String::new();
        let mut define = |name: &str, value: String| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "#define {name} {value}");
        };
        define("BLOCK_ROWS", BLOCK.to_string());
        let lists = [
            ("LEVEL", "LEVEL_NUMBERS", &LEVEL_NUMBERS[..]),
            ("LEVEL", "LEVEL_WIDE", &LEVEL_WIDE),
            ("STEP", "STEP_NUMBERS", &STEP_NUMBERS),
            ("HISTORY", "HISTORY_NUMBERS", &HISTORY_NUMBERS),
        ];
        for (prefix, count, names) in lists {
            define(count, names.len().to_string());
            for (i, name) in names.iter().enumerate() {
                define(&format!("{prefix}_{name}"), i.to_string());
            }
        }
        if self.is_wide() {
            let single = T::NAME == "f32";
            define("SCALAR_BITS", if single { "32" } else { "64" }.to_string());
            define("SCALAR_ROUNDOFF", hexadecimal(T::UNIT_ROUNDOFF, false));
            define("SCALAR_TINY", hexadecimal(T::TINY, false));
            define("SCALAR_NORMAL", hexadecimal(T::MIN_POSITIVE.to_f64(), false));
            text.push_str(if single {
                "typedef float scalar;\n"
            } else {
                "typedef double scalar;\n"
            });
        }
        text
    }
}
