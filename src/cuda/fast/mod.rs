//! The fast mode: products on a GPU's matrix units, whose results have a bound instead of the canonical bits.
//!
//! An f32 number is split into two or three bf16 parts, whose products are exact; what a matrix unit adds to them by rounding is bounded under an
//! assumption about the unit ([`unit_error`]), in any order. [`FastLaw`] is a mixture whose components share one isotropic variance, such as a noised
//! training set: log density, score and denoiser with a bound of each point's error. [`fast_product`] is a wide layer's product. Both
//! are defined here on the CPU, with a unit that adds in order and rounds to nearest; `kernels/fast.cu` and `kernels/fast_product.cu` do the same on a GPU, where [`DeviceFastLaw`]
//! launches the first.
//! Nothing else uses this mode: who wants it names it. `docs/fast.md` has the derivation.
//!
//! Beside the floors. Uses `arith`, `channel`, `error`, `law`. Spec: N2, N4.

mod device;
mod law;
mod product;
mod rates;
mod reference;
mod split;

pub use device::DeviceFastLaw;
pub use law::{FAST_DIMENSION, FastLaw, fast_constants};
pub use product::{fast_product, fast_product_rate};
pub use rates::unit_error;
pub use reference::FastEvaluation;
pub use split::Parts;
