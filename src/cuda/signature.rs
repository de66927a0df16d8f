//! What each kernel that is launched takes, as its text declares it: the one place where names, order and types are stated.
//!
//! A launch is compared with this list before it is made, and `tests/launch.rs` compares the list with the text. Uses `error`.
//! Spec: N3.

use crate::error::{Error, Result};

/// What an argument of a kernel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// `int`.
    Int,
    /// `count_t`: 64 bits.
    Count,
    /// `real`: a number of the format.
    Number,
    /// `const real *`: numbers that the kernel reads.
    Input,
    /// `real *`: numbers that the kernel writes.
    Output,
    /// `const word_t *`: words of 32 bits that the kernel reads.
    Words,
    /// `count_t *`: words of 64 bits that the kernel reads and writes.
    Counters,
}

/// A kernel's name and its parameters in order.
#[derive(Debug, PartialEq, Eq)]
pub struct Signature {
    /// The name in the text.
    pub name: &'static str,
    /// Name and kind of each parameter.
    pub parameters: &'static [(&'static str, Parameter)],
}

use Parameter::{Count, Counters, Input, Int, Number, Output, Words};

/// `kernels/functions.cu`.
pub const FUNCTIONS: Signature = Signature {
    name: "functions_apply",
    parameters: &[("which", Int), ("n", Count), ("in", Input), ("out", Output)],
};

/// `kernels/random.cu`.
pub const RANDOM: Signature = Signature {
    name: "random_fill",
    parameters: &[
        ("normal", Int),
        ("seed", Count),
        ("stream", Count),
        ("start", Count),
        ("n", Count),
        ("out", Output),
    ],
};

/// `kernels/mixture.cu`.
pub const MIXTURE: Signature = Signature {
    name: "mixture_evaluate",
    parameters: &[
        ("n", Count),
        ("points", Input),
        ("components", Int),
        ("mean", Input),
        ("origin", Input),
        ("shifted", Input),
        ("offset", Input),
        ("precision", Input),
        ("gain", Input),
        ("whitener", Input),
        ("a", Number),
        ("s", Number),
        ("reference", Number),
        ("safe_radius", Number),
        ("largest_mean", Number),
        ("workspace", Output),
        ("log_density", Output),
        ("score", Output),
        ("denoiser", Output),
        ("noise", Output),
        ("responsibilities", Output),
    ],
};

/// `kernels/spread.cu`: each block of components by itself.
pub const SPREAD_PARTIALS: Signature = Signature {
    name: "spread_partials",
    parameters: &[
        ("n", Count),
        ("points", Input),
        ("components", Int),
        ("mean", Input),
        ("shifted", Input),
        ("offset", Input),
        ("precision", Input),
        ("gain", Input),
        ("whitener", Input),
        ("a", Number),
        ("safe_radius", Number),
        ("whitened", Output),
        ("partials", Output),
        ("logits", Output),
    ],
};

/// `kernels/spread.cu`: the blocks combined.
pub const SPREAD_COMBINE: Signature = Signature {
    name: "spread_combine",
    parameters: &[
        ("n", Count),
        ("points", Input),
        ("components", Int),
        ("mean", Input),
        ("origin", Input),
        ("shifted", Input),
        ("offset", Input),
        ("precision", Input),
        ("gain", Input),
        ("whitener", Input),
        ("a", Number),
        ("s", Number),
        ("reference", Number),
        ("safe_radius", Number),
        ("largest_mean", Number),
        ("partials", Input),
        ("sums", Output),
        ("workspace", Output),
        ("log_density", Output),
        ("score", Output),
        ("denoiser", Output),
        ("noise", Output),
        ("responsibilities", Output),
    ],
};

/// `kernels/covariance.cu`: the matrix.
pub const COVARIANCE: Signature = Signature {
    name: "covariance_matrix",
    parameters: &[
        ("n", Count),
        ("points", Input),
        ("components", Int),
        ("mean", Input),
        ("offset", Input),
        ("precision", Input),
        ("gain", Input),
        ("whitener", Input),
        ("within_each", Input),
        ("a", Number),
        ("s", Number),
        ("safe_radius", Number),
        ("largest_mean", Number),
        ("workspace", Output),
        ("out", Output),
    ],
};

/// `kernels/sampler.cu`.
pub const SAMPLER: Signature = Signature {
    name: "sampler_run",
    parameters: &[
        ("n", Count),
        ("states", Output),
        ("first", Count),
        ("seed", Count),
        ("done", Count),
        ("steps", Int),
        ("deviation", Number),
        ("kinds", Words),
        ("weights", Input),
        ("levels", Input),
        ("components", Int),
        ("mean", Input),
        ("origin", Input),
        ("shifted", Input),
        ("offset", Input),
        ("precision", Input),
        ("gain", Input),
        ("whitener", Input),
        ("largest_mean", Number),
        ("workspace", Output),
        ("outcomes", Counters),
    ],
};

/// `kernels/fast.cu`: the fast mode.
pub const FAST: Signature = Signature {
    name: "fast_evaluate",
    parameters: &[
        ("n", Count),
        ("points", Input),
        ("components", Int),
        ("first", Input),
        ("second", Input),
        ("logits", Input),
        ("centre", Input),
        ("numbers", Input),
        ("log_density", Output),
        ("score", Output),
        ("denoiser", Output),
        ("bounds", Output),
    ],
};

/// Every kernel that is launched by itself; a training step's list has its own check.
pub const SIGNATURES: [&Signature; 8] = [
    &FUNCTIONS,
    &RANDOM,
    &MIXTURE,
    &SPREAD_PARTIALS,
    &SPREAD_COMBINE,
    &COVARIANCE,
    &SAMPLER,
    &FAST,
];

impl Signature {
    /// Refuses a launch whose arguments, by name and kind, are not these in this order.
    pub fn check(&self, given: impl Iterator<Item = (&'static str, Parameter)>) -> Result<()> {
        let given: Vec<_> = given.collect();
        if given == self.parameters {
            return Ok(());
        }
        let at = given.iter().zip(self.parameters).take_while(|(g, p)| g == p).count();
        Err(Error::Device {
            what: "a kernel's arguments",
            reason: format!(
                "{} takes {:?} as its argument {at}, and is given {:?}",
                self.name,
                self.parameters.get(at),
                given.get(at)
            ),
            remedy: "this is a fault of tweedie: please report it",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_declared_arguments_pass() {
        let right: Vec<_> = FUNCTIONS.parameters.to_vec();
        assert!(FUNCTIONS.check(right.iter().copied()).is_ok());
        let mut swapped = right.clone();
        swapped.swap(2, 3);
        let mut short = right.clone();
        short.pop();
        let mut other = right;
        other[1].1 = Int;
        for wrong in [swapped, short, other, Vec::new()] {
            let said = FUNCTIONS.check(wrong.iter().copied()).unwrap_err().to_string();
            assert!(said.contains("functions_apply takes"), "{said}");
        }
    }
}
