//! The source method's adversary in the affine world: it pursues the prediction difference while the loss holds the residual.
//!
//! So the game is not zero-sum, and what training tends to is an equilibrium: a matrix A that is best for the perturbations'
//! covariance T, and a T whose perturbations all have the largest prediction difference ‖(I − aA)ω‖ there is over the ball.
//! For equivariance in noise units and an ℓ2 ball, in C's eigenbasis with variances c_i and T = r²·Σ p_i·q_iq_iᵀ,
//!
//! 1 − a·g_i = 1/(1 + a²c_i/(s²(1 + λr²p_i))),
//!
//! which is largest where c_i/(1 + λr²p_i) is least. To attack a direction makes it a better target. So the whole weight on
//! one direction j is an equilibrium exactly where c_j ≤ (1 + λr²)·c_i for every other i: always for the direction of least
//! variance, and for no direction with c_j > 0 where C has a kernel. On the kernel A is 0 with or without the adversary, so
//! the equilibrium is the plain Wiener filter: this adversary, at its exact maximum, trains nothing.
//!
//! Floor 5. Uses `attack`, `error`, `optimum::{minmax, quadratic}`. Spec: E4, E7, N4.

use ndarray::Axis;

use super::gamma;
use super::minmax::Strategy;
use super::quadratic::{Minimiser, Quadratic, Spread};
use crate::attack::Norm;
use crate::attack::affine::{enclosed, largest_effect};
use crate::error::{Error, Result};

/// An equilibrium, and by how much the adversary could still do better.
#[derive(Clone, Debug, PartialEq)]
pub struct Equilibrium {
    /// A and B, best for T.
    pub minimiser: Minimiser,
    /// T, including r².
    pub spread: Spread,
    /// The one eigenvector of C that is attacked.
    pub strategy: Strategy,
    /// Its index among C's ascending eigenvalues.
    pub direction: usize,
    /// Every index that would be an equilibrium with the whole weight on it.
    pub pure: Vec<usize>,
    /// An upper bound of max ‖(I − aA)ω‖² over the ball less what T gets: 0 but for rounding.
    pub shortfall: f64,
}

/// The equilibrium in the direction of least variance (the first, where several are alike), for mean square radius r².
///
/// Spec: E7. Errors: `Error::Unknown` where the loss is not equivariance in noise units; `Error::Domain` where r² is negative
/// or not finite; `Error::NotFinite` where a number overflows.
pub fn equilibrium(quadratic: &Quadratic<'_>, square_radius: f64) -> Result<Equilibrium> {
    let [_, s, step, share] = quadratic.numbers();
    if share != 0.0 || step != s {
        return Err(Error::Unknown {
            what: "loss of the source method's adversary",
            name: "another constraint or other units".into(),
            expected: "equivariance in noise units".into(),
        });
    }
    if !(square_radius.is_finite() && square_radius >= 0.0) {
        let expected = "a finite number, at least 0";
        return Err(Error::Domain {
            what: "mean square of the radius",
            value: square_radius,
            expected,
        });
    }
    let moments = quadratic.moments();
    let d = moments.dimension();
    let mut tau_squared = vec![0.0; d];
    tau_squared[0] = square_radius / (1.0 + moments.orthogonality());
    let minimiser = quadratic.minimiser_along(&tau_squared)?;
    let direction = moments.vectors().column(0).to_owned();
    // I − aA = s·B.
    let effect = minimiser.noise.mapv(|b| s * b);
    let most = largest_effect(Norm::L2, effect.view(), 1.0)?.upper;
    let got = enclosed(&effect, direction.view()).0 / (1.0 + moments.orthogonality());
    // B is off by `noise_error`, each entry of s·B by one rounding more.
    let formed = s * minimiser.noise_error + gamma(1) * most.sqrt() * (d as f64).sqrt();
    let slack = 2.0 * formed * (2.0 * most.sqrt() + formed);
    let shortfall = square_radius * ((most - got).max(0.0) + slack) * (1.0 + gamma(8));
    let points = direction.insert_axis(Axis(0));
    let weights = vec![1.0 / (1.0 + moments.orthogonality())];
    let spread = Spread::of_points(points.view(), &weights)?.scaled(square_radius);
    let pure = pure_equilibria(moments.values(), quadratic.lambda() * square_radius);
    Ok(Equilibrium {
        minimiser,
        spread,
        strategy: Strategy { points, weights },
        direction: 0,
        pure,
        shortfall,
    })
}

/// The indices j with c_j ≤ (1 + λr²)·c_i for every other i, of ascending variances c.
fn pure_equilibria(values: &[f64], weight: f64) -> Vec<usize> {
    let least_other = |j: usize| {
        let others = values.iter().enumerate().filter(|(i, _)| *i != j);
        others.fold(f64::INFINITY, |least, (_, c)| least.min(*c))
    };
    (0..values.len()).filter(|&j| values[j] <= (1.0 + weight) * least_other(j)).collect()
}
