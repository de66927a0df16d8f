//! Kernels that compute on a GPU what floors 1 to 5 define, in the canonical arithmetic: the same bits.
//!
//! The sources (`kernels/*.cu`) with what is put before them ([`source()`]), a law's tables as the kernels read them ([`Tables`]), and
//! the host's side: [`DeviceLaw`] evaluates a law at points on a [`Machine`], [`DeviceArray`] keeps numbers there. With the
//! feature `cuda` the machine is a GPU, `first_device()`. `tests/kernels.rs` runs the kernels on the CPU, block by block,
//! and compares every bit with the Rust path; `tests/launch.rs` does so with the launches of this room, as they are; `make kernels`
//! compiles for three generations of GPU. `docs/gpu.md` says what has and has not run on a device.
//!
//! Beside the floors. Uses `arith`, `law`. Spec: N3.

mod array;
#[cfg(feature = "cuda")]
mod compile;
#[cfg(feature = "cuda")]
mod device;
mod launch;
mod machine;
pub mod offer;
pub mod plan;
pub mod signature;
mod source;
mod tables;

pub use array::{DeviceArray, Draw, Function, apply};
#[cfg(feature = "cuda")]
pub use compile::{Image, compile};
#[cfg(feature = "cuda")]
pub use device::{Device, Properties, first_device};
pub use launch::{DeviceEvaluation, DeviceLaw};
pub use machine::{Argument, Arguments, DeviceReal, Geometry, Machine};
pub use source::{Kernel, source};
pub use tables::{Kind, Tables};
