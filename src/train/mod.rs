//! Training: batches by counter, one step's gradient, the optimiser, checkpoints, and what was learned against the truth.
//!
//! A run has no state but its step, its weights and its optimiser's moments: every random number is addressed by (seed,
//! purpose, step, row). So a run that was stopped anywhere and resumed gives the same bits as one that was not.
//!
//! Floor 5. Uses `arith`, `attack`, `channel`, `denoiser`, `error`, `format`, `law`, `objective`, `tweedie`. Spec: E1, E2, E3, T4, N3.

pub mod batch;
pub mod checkpoint;
pub mod config;
pub mod least_squares;
mod lines;
pub mod measure;
pub mod optimizer;
pub mod plan;
pub mod run;
pub mod step;
pub mod trainer;
