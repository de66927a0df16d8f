//! The text of a kernel as it is compiled: the format's constants, the shared header, the kernel.
//!
//! The constants come from `arith::coefficients`, as hexadecimal numbers that are exact in every compiler, so that a
//! coefficient has one home. Uses `arith`, `law`. Spec: N3.

use std::fmt::Write;

use super::fast::{FastLaw, Parts, fast_constants};
use super::part::Part;
use super::tables::{Kind, SHARED_LIMIT};
use crate::arith::{Real, named_coefficients};
use crate::law::{COMPONENT_BLOCK, Noised};

/// Up to this dimension a thread keeps its rows in registers, and where they are more or wider up to the second: full covariances in
/// f64, and the posterior covariance, whose threads keep a triangle too. `make kernels` refuses a register that does not fit.
const REGISTER_DIMENSION: usize = 8;
const CROWDED_REGISTER_DIMENSION: usize = 4;
/// Rows that the state of a corrected step needs in the sampler's workspace, in registers or not.
const KEPT_ROWS: usize = 2;
const CANONICAL: &str = include_str!("kernels/canonical.cuh");
const FAST: &str = include_str!("kernels/fast.cuh");
const MIXTURE: &str = include_str!("kernels/mixture.cuh");

/// A file of kernels, with what it is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// `functions_apply`: exp, ln, sigmoid, sine and cosine.
    Functions,
    /// `random_fill`: normals and uniforms.
    Random,
    /// `mixture_evaluate`, for one dimension and kind of covariance.
    Mixture {
        /// d, at least 1.
        dimension: usize,
        /// The kind of covariance.
        kind: Kind,
    },
    /// `spread_partials` and `spread_combine`: the same quantities for few points and many components.
    Spread {
        /// d, at least 1.
        dimension: usize,
        /// The kind of covariance.
        kind: Kind,
    },
    /// `covariance_matrix` and `covariance_product`.
    Covariance {
        /// d, at least 1.
        dimension: usize,
        /// The kind of covariance.
        kind: Kind,
    },
    /// `sampler_run`: steps of a sampler with a mixture's exact denoiser.
    Sampler {
        /// d, at least 1.
        dimension: usize,
        /// The kind of covariance.
        kind: Kind,
    },
    /// A file of a training step.
    Training(Part),
    /// `fast_evaluate`: the fast mode of a mixture, in f32, by blocks of 128 threads with 16 points a warp.
    Fast {
        /// d, from 1 to 64.
        dimension: usize,
        /// The parts of a number.
        parts: Parts,
    },
    /// `fast_product`: the fast mode of a wide layer, in f32.
    FastProduct {
        /// The parts of a number.
        parts: Parts,
    },
}

impl Kernel {
    /// The name of its file, without the ending.
    pub fn name(self) -> &'static str {
        match self {
            Kernel::Functions => "functions",
            Kernel::Random => "random",
            Kernel::Mixture { .. } => "mixture",
            Kernel::Spread { .. } => "spread",
            Kernel::Covariance { .. } => "covariance",
            Kernel::Sampler { .. } => "sampler",
            Kernel::Training(part) => part.name(),
            Kernel::Fast { .. } => "fast",
            Kernel::FastProduct { .. } => "fast_product",
        }
    }

    /// Numbers a thread that the kernel needs in its workspace in the format T; for `spread_combine` a point.
    pub fn workspace_numbers<T: Real>(self) -> usize {
        let spilled = |rows: usize| if self.in_registers::<T>() { 0 } else { rows };
        match self {
            Kernel::Functions | Kernel::Random | Kernel::Training(_) => 0,
            Kernel::Fast { .. } | Kernel::FastProduct { .. } => 0,
            Kernel::Mixture { dimension, .. } => spilled(7 * dimension),
            Kernel::Spread { dimension, .. } => spilled(5 * dimension),
            // The matrix has seven rows and its triangle, the product nine rows.
            Kernel::Covariance { dimension, .. } => {
                spilled(7 * dimension + (dimension * (dimension + 1) / 2).max(2 * dimension))
            }
            Kernel::Sampler { dimension, .. } => KEPT_ROWS * dimension + spilled(7 * dimension),
        }
    }

    /// Bytes of shared memory that a launch needs in the format T; 0 where tables are read from global memory. For
    /// `Kernel::Spread` what either of its kernels needs at most.
    pub fn shared_bytes<T: Real>(self) -> usize {
        match self {
            Kernel::Functions | Kernel::Random | Kernel::Training(_) => 0,
            Kernel::Fast { dimension, parts } => FastLaw::shared_bytes(dimension, parts),
            Kernel::FastProduct { .. } => 0,
            Kernel::Spread { dimension, .. } => {
                let whitened = if self.whitened_in_shared::<T>() { dimension } else { 0 };
                COMPONENT_BLOCK * (2 + whitened).max(3) * size_of::<T>()
            }
            Kernel::Mixture { dimension, kind }
            | Kernel::Covariance { dimension, kind }
            | Kernel::Sampler { dimension, kind } => kind.shared_bytes::<T>(dimension),
        }
    }

    /// Whether `spread_partials` keeps its whitened differences in shared memory; elsewhere it needs room for 64·d numbers a thread
    /// block. Only full covariances have any.
    pub fn whitened_in_shared<T: Real>(self) -> bool {
        let Kernel::Spread { dimension, kind: Kind::Full } = self else { return false };
        COMPONENT_BLOCK * (2 + dimension) * size_of::<T>() <= SHARED_LIMIT
    }

    /// The dimension and the kind of covariance that the kernel is compiled for; none for those of no law.
    pub fn law(self) -> Option<(usize, Kind)> {
        match self {
            Kernel::Functions | Kernel::Random | Kernel::Training(_) => None,
            Kernel::Fast { .. } | Kernel::FastProduct { .. } => None,
            Kernel::Mixture { dimension, kind }
            | Kernel::Spread { dimension, kind }
            | Kernel::Covariance { dimension, kind }
            | Kernel::Sampler { dimension, kind } => Some((dimension, kind)),
        }
    }

    /// Whether a thread's rows are in registers. Those of `spread_combine` are for far points alone, and would take them from the others.
    fn in_registers<T: Real>(self) -> bool {
        let Some((dimension, kind)) = self.law() else { return true };
        let crowded = kind == Kind::Full && size_of::<T>() == 8;
        match self {
            Kernel::Spread { .. } => false,
            Kernel::Covariance { .. } => dimension <= CROWDED_REGISTER_DIMENSION,
            _ if crowded => dimension <= CROWDED_REGISTER_DIMENSION,
            _ => dimension <= REGISTER_DIMENSION,
        }
    }

    /// The texts that make it, in order.
    fn texts(self) -> Vec<&'static str> {
        match self {
            Kernel::Functions => vec![include_str!("kernels/functions.cu")],
            Kernel::Random => vec![include_str!("kernels/random.cu")],
            Kernel::Mixture { .. } => vec![MIXTURE, include_str!("kernels/mixture.cu")],
            Kernel::Spread { .. } => vec![MIXTURE, include_str!("kernels/spread.cu")],
            Kernel::Covariance { .. } => {
                vec![
                    MIXTURE,
                    include_str!("kernels/posterior.cuh"),
                    include_str!("kernels/covariance.cu"),
                ]
            }
            Kernel::Sampler { .. } => vec![MIXTURE, include_str!("kernels/sampler.cu")],
            Kernel::Training(part) => vec![part.text()],
            Kernel::Fast { .. } => vec![FAST, include_str!("kernels/fast.cu")],
            Kernel::FastProduct { .. } => vec![FAST, include_str!("kernels/fast_product.cu")],
        }
    }
}

/// The compilation unit of a kernel in the format T (the fast mode is in f32 whatever T is): CUDA C++17, to be compiled with contraction off (`--fmad=false`).
///
/// The same text is host C++ behind `tests/cuda/device.h`, which defines HOST.
pub fn source<T: Real>(kernel: Kernel) -> String {
    let (mut text, own) = match kernel {
        Kernel::Training(part) if part.is_wide() => (constants::<f64>(), part.constants::<T>()),
        Kernel::Training(part) => (constants::<T>(), part.constants::<T>()),
        Kernel::Fast { dimension, parts } => (
            constants::<f32>(),
            format!("#define DIMENSION {dimension}\n{}", fast_constants(parts)),
        ),
        Kernel::FastProduct { parts } => (constants::<f32>(), fast_constants(parts)),
        _ => (constants::<T>(), String::new()),
    };
    if let Some((dimension, kind)) = kernel.law() {
        let mut define = |name: &str, value: &str| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "#define {name} {value}");
        };
        let flag = |yes| if yes { "1" } else { "0" };
        define("DIMENSION", &dimension.to_string());
        define("IN_REGISTERS", flag(kernel.in_registers::<T>()));
        define("FORM", &kind.form().to_string());
        define("STAGED", flag(kind.shared_bytes::<T>(dimension) > 0));
        define("SPREAD_SHARED", flag(kernel.whitened_in_shared::<T>()));
        define("LARGEST_DEVIATION", &constant(Noised::<T>::largest_deviation()));
    }
    text.push_str(DEVICE);
    text.push_str(CANONICAL);
    text.push_str(&own);
    text.extend(kernel.texts());
    text
}

/// The constants of the canonical functions in a format.
fn constants<T: Real>() -> String {
    let mut text = String::new();
    let mut define = |name: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "#define {name} {value}");
    };
    define("REAL_BITS", if T::NAME == "f32" { "32" } else { "64" });
    for (name, values) in named_coefficients::<T>() {
        let list: Vec<String> = values.iter().map(|&x| constant(x)).collect();
        match list.as_slice() {
            [single] => define(name, single),
            all => define(name, &format!("{{{}}}", all.join(", "))),
        }
    }
    define("SQRT_HALF", &constant(T::from_f64(std::f64::consts::FRAC_1_SQRT_2)));
    define("UNIT_ROUNDOFF", &constant(T::from_f64(T::UNIT_ROUNDOFF)));
    define("LARGEST", &constant(T::MAX));
    text
}

/// A number as a constant of its format, exactly.
fn constant<T: Real>(x: T) -> String {
    format!("((real){})", hexadecimal(x.to_f64(), T::NAME == "f32"))
}

/// What only a device's compiler needs; the host's shim has its own.
const DEVICE: &str = "\
#ifndef HOST
#define KERNEL(name)
#define SHARED(type, name) extern __shared__ __align__(16) unsigned char shared_bytes[]; \
type *name = reinterpret_cast<type *>(shared_bytes)
#endif
";

/// A finite number as a hexadecimal floating constant, exactly.
pub(super) fn hexadecimal(x: f64, single: bool) -> String {
    let sign = if x.is_sign_negative() { "-" } else { "" };
    let bits = x.to_bits() & (u64::MAX >> 1);
    let (biased, fraction) = ((bits >> 52) as i64, bits & ((1 << 52) - 1));
    let (mantissa, exponent) =
        if biased == 0 { (fraction, -1074) } else { (fraction | (1 << 52), biased - 1075) };
    format!("{sign}0x{mantissa:x}p{exponent}{}", if single { "f" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::hexadecimal;

    #[test]
    fn numbers_are_written_exactly() {
        assert_eq!(hexadecimal(1.0, false), "0x10000000000000p-52");
        assert_eq!(hexadecimal(-0.75, true), "-0x18000000000000p-53f");
        assert_eq!(hexadecimal(5e-324, false), "0x1p-1074");
    }
}
