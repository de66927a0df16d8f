//! The canonical arithmetic (N3): every number of the crate is computed by the operations defined here.
//!
//! Functions of a number are generic over the format `T: Real` and the fused multiply–add `M: MulAdd`, have no
//! branch, and are meant for loops over `[T; LANES]` inside a `Kernel`; `scalar` has them for single numbers.
//!
//! Floor 0. Uses nothing of the crate.

pub mod bounds;
pub mod circle;
mod coefficients;
pub mod eigen;
pub mod emulated;
pub mod exp;
mod format;
pub mod isa;
pub mod ln;
pub mod matrix;
pub mod philox;
mod polynomial;
pub mod product;
pub mod random;
pub mod real;
pub mod scalar;
pub mod sigmoid;
pub mod sum;
pub mod wide;

pub use circle::sin_cos_turns;
pub(crate) use coefficients::named as named_coefficients;
pub use exp::exp;
pub use isa::{Isa, Kernel};
pub use ln::ln;
pub use random::{fill_normal, fill_uniform, uniform_index};
pub use real::{Emulated, Hardware, MulAdd, Real};
pub use sigmoid::sigmoid;
pub use sum::{dot, mean, sum, sum_by, sum_by_parallel, sum_depth, sum_parallel};
