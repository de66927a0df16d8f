//! The text of a kernel as it is compiled: the format's constants, the shared header, the kernel.
//!
//! The constants come from `arith::coefficients`, as hexadecimal numbers that are exact in every compiler, so that a
//! coefficient has one home. Uses `arith`. Spec: N3.

use std::fmt::Write;

use super::part::Part;
use super::tables::Kind;
use crate::arith::{Real, named_coefficients};

/// Up to this dimension a thread keeps its rows in registers.
const REGISTER_DIMENSION: usize = 8;
const CANONICAL: &str = include_str!("kernels/canonical.cuh");

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
    /// A file of a training step.
    Training(Part),
}

impl Kernel {
    /// The name of its file, without the ending.
    pub fn name(self) -> &'static str {
        match self {
            Kernel::Functions => "functions",
            Kernel::Random => "random",
            Kernel::Mixture { .. } => "mixture",
            Kernel::Training(part) => part.name(),
        }
    }

    /// Rows of d numbers a thread that `mixture_evaluate` needs in its workspace; none where rows fit in registers.
    pub fn workspace_rows(dimension: usize) -> usize {
        if dimension <= REGISTER_DIMENSION { 0 } else { 7 }
    }

    fn text(self) -> &'static str {
        match self {
            Kernel::Functions => include_str!("kernels/functions.cu"),
            Kernel::Random => include_str!("kernels/random.cu"),
            Kernel::Mixture { .. } => include_str!("kernels/mixture.cu"),
            Kernel::Training(part) => part.text(),
        }
    }
}

/// The compilation unit of a kernel in the format T: CUDA C++17, to be compiled with contraction off (`--fmad=false`).
///
/// The same text is host C++ behind `tests/cuda/device.h`, which defines HOST.
pub fn source<T: Real>(kernel: Kernel) -> String {
    let (mut text, own) = match kernel {
        Kernel::Training(part) if part.is_wide() => (constants::<f64>(), part.constants::<T>()),
        Kernel::Training(part) => (constants::<T>(), part.constants::<T>()),
        _ => (constants::<T>(), String::new()),
    };
    if let Kernel::Mixture { dimension, kind } = kernel {
        let mut define = |name: &str, value: &str| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "#define {name} {value}");
        };
        define("DIMENSION", &dimension.to_string());
        define("IN_REGISTERS", if Kernel::workspace_rows(dimension) == 0 { "1" } else { "0" });
        define("FORM", &kind.form().to_string());
        define("STAGED", if kind.shared_bytes::<T>(dimension) > 0 { "1" } else { "0" });
    }
    text.push_str(DEVICE);
    text.push_str(CANONICAL);
    text.push_str(&own);
    text.push_str(kernel.text());
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
    let number = |x: T| format!("((real){})", hexadecimal(x.to_f64(), T::NAME == "f32"));
    for (name, values) in named_coefficients::<T>() {
        let list: Vec<String> = values.iter().map(|&x| number(x)).collect();
        match list.as_slice() {
            [single] => define(name, single),
            all => define(name, &format!("{{{}}}", all.join(", "))),
        }
    }
    define("SQRT_HALF", &number(T::from_f64(std::f64::consts::FRAC_1_SQRT_2)));
    define("UNIT_ROUNDOFF", &number(T::from_f64(T::UNIT_ROUNDOFF)));
    define("LARGEST", &number(T::MAX));
    text
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
