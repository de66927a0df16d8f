//! The canonical arithmetic (N3): every number of the crate is computed by the operations defined here.
//!
//! Floor 0. Uses nothing of the crate.

pub mod emulated;
pub mod isa;
pub mod real;
pub mod wide;

pub use isa::{Isa, Kernel};
pub use real::{Emulated, Hardware, MulAdd, Real};
