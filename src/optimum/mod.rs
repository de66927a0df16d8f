//! Optima: what each training objective asks for exactly, as denoisers like any other.
//!
//! The loss of a denoiser at one channel, in the units of x₀ (that is (s/a)² times the noise loss, E1), is
//!
//! L = E‖D̂(x) − x₀‖² + λ·E‖D̂(x′) − D̂(x) − κω‖², x′ = x + h·ω,
//!
//! h and κ those of the constraint and the units (`Units::scale`, `Constraint::expected`). ω is random, or an adversary's
//! choice. A learned denoiser is to be compared with the minimiser of its own loss, not with the exact denoiser alone.
//!
//! - [`affine`]: the minimiser among affine denoisers, for random ω (E2, E3), for the adversary of a ball (E4,
//!   [`minmax`]) and for the source method's adversary, who pursues another aim (E7, [`source`]).
//! - [`equilibrium`]: where training against an attack settles, which is no min–max optimum; [`given`] is a round of it.
//! - [`bures`](fn@bures): how far a Gaussian law that a sampler generates is from the clean one.
//! - [`mod@resolvent`] and [`mod@finite_radius`]: the minimiser over all functions, for a small radius (E5) and a finite one (E6), on a
//!   grid in one and two dimensions, with a [`certificate`] of their error; [`langevin`] is E5 by Monte Carlo in any dimension.
//!
//! `docs/optimum.md` and `docs/resolvent.md` derive what is here.
//!
//! Floor 5. Uses `arith`, `attack`, `channel`, `denoiser`, `error`, `law`, `objective`, `sampler`. Spec: E2 to E7, N4.

pub mod affine;
mod atoms;
pub mod certificate;
pub mod changed;
mod conjugate;
mod distance;
pub mod equilibrium;
pub mod field;
pub mod finite_radius;
pub mod given;
pub mod grid;
pub mod langevin;
mod lines;
pub mod minmax;
pub mod moments;
pub mod quadratic;
pub mod quadrature;
pub mod resolvent;
pub mod source;
mod spline;
pub mod tail;

pub use affine::{AffineObjective, AffineOptimum, Loss, Optimum, Perturbation};
pub use certificate::{Certificate, certify_finite_radius, certify_resolvent};
pub use changed::Changed;
pub use distance::bures;
pub use equilibrium::{Settled, Settling};
pub use field::{Field, Fields};
pub use finite_radius::{BoxPerturbation, finite_radius, finite_radius_of};
pub use given::minimiser_given;
pub use grid::{Grid, GridAxis, Sampled};
pub use langevin::{Interval, Langevin, resolvent_by_paths};
pub use moments::Moments;
pub use quadratic::{Minimiser, Quadratic, Spread};
pub use quadrature::{AtNode, distance, expectation, uniform_box};
pub use resolvent::{Solved, resolvent, resolvent_of};
pub use tail::Tail;

/// 2⁻⁵³.
const UNIT: f64 = <f64 as crate::arith::Real>::UNIT_ROUNDOFF;

/// k·u/(1 − k·u), Higham's γ, rounded up, for k below 2³⁰.
fn gamma(k: usize) -> f64 {
    (k as f64 + 1.0) * UNIT * (1.0 + 1e-6)
}

/// An upper bound of the Frobenius norm.
fn frobenius(matrix: ndarray::ArrayView2<'_, f64>) -> f64 {
    let squares = matrix.iter().fold(0.0_f64, |sum, x| x.mul_add(*x, sum));
    squares.sqrt() * (1.0 + gamma(matrix.len() + 2))
}
