//! Kernels that compute on a GPU what floors 1 to 5 define, in the canonical arithmetic: the same bits.
//!
//! What is here is what can be checked on a machine with no GPU: the sources (`kernels/*.cu`), what is put before them
//! ([`source`]), and the tables as the kernels read them ([`Tables`], [`SamplerTables`]). `tests/kernels.rs` and its neighbours run
//! the kernels on the CPU, block by block, under several schedules and sanitizers, and compare every bit with the Rust path;
//! `make kernels` compiles them for three generations of GPU. No launch code exists yet: `docs/gpu.md` says what has and has not run.
//!
//! Beside the floors. Uses `arith`, `channel`, `denoiser`, `error`, `law`, `sampler`. Spec: N3.

mod sampler_tables;
mod source;
mod tables;

pub use sampler_tables::{SamplerTables, check_outcomes};
pub use source::{Kernel, source};
pub use tables::{Kind, Tables};
