//! Perturbations of the points of a denoiser: random ones, and those that an adversary finds.
//!
//! A perturbation ω lives in a ball of a norm, of a radius that each row has for itself; [`Units`] say what it is added
//! to. [`Shape`] draws it, [`Attack`] searches it (FGSM, PGD), `affine` knows the largest effect in closed form, and
//! `trajectory` perturbs the states of a sampler. `docs/attacks.md` is the page to read first.
//!
//! ```
//! use ndarray::array;
//! use tweedie::attack::{Address, Attack, Inner, Norm, Settings, perturb_at};
//! use tweedie::channel::Channel;
//! use tweedie::denoiser::Exact;
//! use tweedie::law::toy_law;
//!
//! let denoiser = Exact::new(toy_law("ring")?);
//! let (x, radii) = (array![[0.3, -1.2], [2.0, 0.1]], [0.1, 0.2]);
//! let attack = Attack::new(Settings { inner: Inner::Residual, ..Settings::pgd(Norm::L2, 10) })?;
//! let channel = Channel::variance_exploding(0.5)?;
//! let found = perturb_at(&attack, &denoiser, channel, x.view(), &radii, Address::default())?;
//! for (row, radius) in found.perturbation.rows().into_iter().zip(radii) {
//!     assert!(Norm::L2.contains(&row.to_vec(), radius));
//! }
//! # Ok::<(), tweedie::Error>(())
//! ```
//!
//! Floor 5. Uses `arith`, `channel`, `law`, `denoiser`, `error`; `attack::ahead` and `attack::trajectory` also `sampler`, which uses
//! nothing of this room. Spec: E4, N3, N4.

pub mod affine;
pub mod ahead;
mod exact;
mod inner;
mod length;
mod norm;
mod pgd;
mod project;
mod random;
mod settings;
pub mod trajectory;

pub use crate::objective::Units;
pub use inner::{Inner, InnerObjective};
pub use norm::Norm;
pub use pgd::{Attacked, BLOCK, perturb_at};
pub use random::{Address, Shape};
pub use settings::{Attack, Keep, Settings, StepSize};
