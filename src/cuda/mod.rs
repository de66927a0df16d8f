//! Kernels that compute on a GPU what floors 1 to 5 define, in the canonical arithmetic: the same bits.
//!
//! What is here is what can be checked on a machine with no GPU: the sources (`kernels/*.cu`), what is put before them
//! ([`source`]), the tables as the kernels read them ([`Tables`], [`SamplerTables`]), and a training step as a list of launches
//! ([`Step`]). `tests/kernels.rs` and its neighbours run the kernels on the CPU, block by block, under several schedules and
//! sanitizers, and compare every bit with the Rust path; `make kernels` compiles them for three generations of GPU. No launch code
//! exists yet: `docs/gpu.md` says what has and has not run.
//!
//! Beside the floors. Uses `arith`, `attack`, `channel`, `denoiser`, `error`, `law`, `objective`, `sampler`, `train`, `tweedie`.
//! Spec: E1, T4, N3.

mod launch_list;
mod levels;
mod network;
mod part;
mod perturbation;
mod rows;
mod sampler_tables;
mod source;
mod step;
mod tables;

pub use launch_list::{Argument, Array, Arrays, Launch, Storage};
pub use levels::Levels;
pub use network::{BackPass, Network, Record};
pub use part::Part;
pub use perturbation::{At, Batch, ascend, draw};
pub use sampler_tables::{SamplerTables, check_outcomes};
pub use source::{Kernel, source};
pub use step::{STEPS_IN_TABLE, Step};
pub use tables::{Kind, Tables};
