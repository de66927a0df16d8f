//! Running one kernel in the widest instruction set that the processor has.
//!
//! A kernel is ordinary Rust, written once; here it is compiled several times, each time for another
//! instruction set, and chosen at run time. Every kernel is a sequence of correctly rounded operations,
//! so the choice changes speed and no bit. This is the only file of the CPU paths that holds `unsafe`.
//!
//! Floor 0. Uses `arith::real`. Spec: N3.

use std::sync::OnceLock;

use super::real::{Emulated, Hardware, MulAdd};

/// Work that is compiled for each instruction set.
///
/// `run` and every function that it calls in an inner loop must be `#[inline(always)]`: what is not
/// inlined is compiled for the base instruction set (the same bits, slower).
pub trait Kernel {
    type Output;
    fn run<M: MulAdd>(self) -> Self::Output;
}

/// An instruction set that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Isa {
    /// x86-64 with AVX-512 (F, DQ, BW, VL) and FMA.
    Avx512,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// What the crate was compiled for, with its fused multiply–add (every 64-bit ARM has one).
    Native,
    /// What the crate was compiled for, with emulated fused multiply–add.
    Portable,
}

impl Isa {
    /// Every instruction set that this processor can run, fastest first; the last is always `Portable`.
    pub fn available() -> Vec<Isa> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if has_avx512() {
                found.push(Isa::Avx512);
            }
            if has_avx2() {
                found.push(Isa::Avx2);
            }
        }
        if cfg!(any(target_arch = "aarch64", target_feature = "fma")) {
            found.push(Isa::Native);
        }
        found.push(Isa::Portable);
        found
    }

    /// The fastest available one, found once a process.
    pub fn best() -> Isa {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| Isa::available()[0])
    }

    /// Runs the kernel in this instruction set, or in `Portable` where the processor lacks it.
    #[inline]
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the processor reports every feature that `avx512` is compiled for.
            Isa::Avx512 if has_avx512() => unsafe { avx512(kernel) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the processor reports every feature that `avx2` is compiled for.
            Isa::Avx2 if has_avx2() => unsafe { avx2(kernel) },
            Isa::Native if cfg!(any(target_arch = "aarch64", target_feature = "fma")) => {
                kernel.run::<Hardware>()
            }
            _ => kernel.run::<Emulated>(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && has_avx2()
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
fn avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Hardware>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Hardware>()
}
