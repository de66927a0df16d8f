//! Exact denoising scores, Tweedie's relation and samplers, on laws whose truth is known.

pub mod arith;
pub mod channel;
pub mod claims;
pub mod cli;
pub mod denoiser;
pub mod error;
pub mod figure;
pub mod format;
pub mod law;
pub mod report;
pub mod sampler;
pub mod tweedie;

pub use error::{Error, Result};
