//! Data laws whose truth is known: Gaussian mixtures, and what a channel makes of them.
//!
//! Floor 1. Uses `arith`, `channel`, `error`. Spec: T1, T2, N1–N4.

mod bound;
mod corruption;
mod covariance;
pub mod digits;
mod evaluate;
mod far;
mod file;
mod lanes;
mod mixture;
mod noised;
mod posterior;
mod quantity;
mod reference;
mod sample;
mod toy;

pub use corruption::{Corrupted, Corruption, CorruptionKind, MOST_COMPONENTS};
pub use covariance::{Covariance, FullCovariance};
pub(crate) use evaluate::{check_points, shaped};
pub use mixture::{LARGEST_PARAMETER, Mixture, WEIGHT_SUM_TOLERANCE};
pub(crate) use noised::Form;
pub use noised::{COMPONENT_BLOCK, Noised};
pub use quantity::{Evaluation, Quantity};
pub use reference::AtPoint;
pub use sample::{NoisedSample, Sample};
pub use toy::{TOY_LAWS, ToyLaw, toy_law};
