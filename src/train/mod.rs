//! Training: what makes a denoiser of samples.
//!
//! Floor 5. Uses `arith`, `channel`, `denoiser`, `error`, `law`. Spec: E2, E3.

pub mod least_squares;
