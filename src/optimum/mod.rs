//! Exact optima of the training objectives: what a model with no limit of size would learn.
//!
//! Over all functions the objective E‖D − x₀‖² + λ·E‖D(x + sω) − D(x)‖² (noise units; the residual in x₀'s units, E1) is a
//! quadratic form, and its minimiser solves a linear equation: E6 for a perturbation of finite radius, E5 in the limit
//! of a small one. `resolvent` and `finite_radius` solve them on a grid in one and two dimensions, `certificate` bounds
//! the error of what they give, `langevin` is E5 by Monte Carlo in any dimension. `docs/resolvent.md` has the derivations.
//!
//! Floor 5. Uses `arith`, `channel`, `denoiser`, `error`, `law`, `attack`. Spec: E5, E6.

pub mod certificate;
mod conjugate;
pub mod field;
pub mod finite_radius;
pub mod grid;
pub mod langevin;
mod lines;
pub mod quadrature;
pub mod resolvent;
mod spline;
pub mod tail;

pub use certificate::{Certificate, certify_finite_radius, certify_resolvent};
pub use field::{Field, Fields};
pub use finite_radius::{Perturbation, finite_radius, finite_radius_of};
pub use grid::{Grid, GridAxis, Sampled};
pub use langevin::{Interval, Langevin, resolvent_by_paths};
pub use quadrature::{AtNode, distance, expectation, uniform_box};
pub use resolvent::{Solved, resolvent, resolvent_of};
pub use tail::Tail;
