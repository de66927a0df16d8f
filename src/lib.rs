//! Exact denoising scores, Tweedie's relation and samplers, on laws whose truth is known.
//!
//! A law is a Gaussian mixture; a channel makes x = a·x₀ + s·ε of it; the noised law has every quantity in closed
//! form, and a bound of the error of every number:
//!
//! ```
//! use ndarray::array;
//! use tweedie::channel::Channel;
//! use tweedie::law::{Quantity, toy_law};
//!
//! let law = toy_law("ring")?;
//! let noised = law.through::<f64>(Channel::variance_exploding(0.5)?)?;
//! let points = array![[0.3, -1.2], [2.0, 0.1]];
//! let score = noised.score(points.view())?;
//! let denoised = noised.denoiser(points.view())?;
//! // Tweedie's relation, within the bounds of both sides and three roundings of the comparison.
//! let bounds = noised.bounds(points.view(), &[Quantity::Score, Quantity::Denoiser])?;
//! let (score_bound, denoiser_bound) = (bounds.score.unwrap(), bounds.denoiser.unwrap());
//! for (at, x) in points.indexed_iter() {
//!     let difference = denoised[at] - (x + 0.25 * score[at]);
//!     let rounding = 3.0 * f64::EPSILON * (x.abs() + denoised[at].abs());
//!     assert!(difference.abs() <= denoiser_bound[at] + 0.25 * score_bound[at] + rounding);
//! }
//! # Ok::<(), tweedie::Error>(())
//! ```
//!
//! The rooms stand on floors, and each uses only those below it: [`arith`], [`error`], [`figure`] and [`mod@format`] (0);
//! [`channel`] and [`law`] (1); [`mod@tweedie`], the relation (2); [`denoiser`] (3); [`objective`] (4); [`sampler`], then
//! [`attack`], then [`optimum`], then [`train`] (5, each also of those before it); [`claims`] (7);
//! [`report`] (8); [`cli`] (9). Beside them [`mod@cuda`], the kernels and their launches. The clearest code of an evaluation is `law/reference.rs`; `docs/arithmetic.md`
//! derives the bounds.

pub mod arith;
pub mod attack;
pub mod channel;
pub mod claims;
pub mod cli;
pub mod cuda;
pub mod denoiser;
pub mod error;
pub mod figure;
pub mod format;
pub mod law;
pub mod objective;
pub mod optimum;
pub mod report;
pub mod sampler;
pub mod train;
pub mod tweedie;

pub use error::{Error, Result};
