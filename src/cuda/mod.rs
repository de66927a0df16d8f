//! Kernels that compute on a GPU what floors 1 to 5 define, in the canonical arithmetic: the same bits.
//!
//! The sources (`kernels/*.cu`) with what is put before them ([`source()`]), tables as the kernels read them ([`Tables`],
//! [`SamplerTables`]), a training step as a list of launches ([`Step`]), and the host's side: [`DeviceLaw`] evaluates a law at points on
//! a [`Machine`], [`sample`] and [`DeviceSampler`] sample with its exact denoiser there, [`DeviceTrainer`] trains a network there,
//! [`DeviceArray`] keeps numbers there. With the feature `cuda` the machine is a GPU, `first_device()`.
//! `tests/kernels.rs` and its neighbours run the kernels on the CPU, block by block, under several schedules and sanitizers, and compare every
//! bit with the Rust path; `tests/launch.rs` does so with the launches of [`DeviceLaw`] and [`DeviceTrainer`], as they are; `make kernels` compiles for three
//! generations of GPU. `docs/gpu.md` says what has and has not run on a device.
//!
//! Beside the floors. Uses `arith`, `attack`, `channel`, `denoiser`, `error`, `law`, `objective`, `sampler`, `train`, `tweedie`.
//! Spec: E1, T4, N3.

mod array;
#[cfg(feature = "cuda")]
mod compile;
#[cfg(feature = "cuda")]
mod device;
#[cfg(feature = "cuda")]
mod driver;
mod evaluation;
mod fast;
mod launch;
mod launch_list;
mod levels;
mod loss;
pub mod machine;
mod network;
pub mod offer;
mod part;
mod perturbation;
pub mod plan;
mod rows;
mod sampler;
mod sampler_tables;
pub mod signature;
mod source;
mod spread;
mod step;
mod tables;
mod trainer;
mod update;

pub use array::{DeviceArray, Draw, Function, apply};
#[cfg(feature = "cuda")]
pub use compile::{Image, compile};
#[cfg(feature = "cuda")]
pub use device::{Device, Properties, first_device};
pub use evaluation::DeviceEvaluation;
pub use fast::{
    DeviceFastLaw, FAST_DIMENSION, FastEvaluation, FastLaw, Parts, fast_product, fast_product_rate,
    unit_error,
};
pub use launch::DeviceLaw;
pub use launch_list::{Array, Arrays, Launch, Operand, Storage};
pub use levels::Levels;
pub use machine::{DeviceReal, Machine};
pub use network::{BackPass, Network, Record};
pub use part::Part;
pub use perturbation::{At, Batch, ascend, draw};
pub use sampler::{DeviceSampler, DeviceStates, sample};
pub use sampler_tables::{SamplerTables, check_outcomes};
pub use source::{Kernel, source};
pub use step::{STEPS_IN_TABLE, Step, check_plan};
pub use tables::{Kind, Tables};
pub use trainer::{DeviceTrainer, train};
