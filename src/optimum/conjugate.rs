//! Preconditioned conjugate gradients for symmetric matrices A ⪰ I, with the error bounded by the residual.
//!
//! ‖A⁻¹b − y‖₂ ≤ ‖b − Ay‖₂. Sums are `arith::dot`, everything else is in index order, so the bits depend on nothing else.
//!
//! Floor 5. Uses `arith`. Spec: E5, E6, N3.

use crate::arith::dot;

/// What a solver needs to know of a matrix.
pub(super) trait Symmetric {
    /// out = A·y.
    fn apply(&self, y: &[f64], out: &mut [f64]);
    /// out = P·r, P symmetric and positive definite, near A⁻¹.
    fn precondition(&self, r: &[f64], out: &mut [f64]);
}

/// Improves y until ‖b − Ay‖₂ ≤ target, for at most `steps` steps; gives how many were taken.
///
/// The residual is the recursion's; who needs a bound forms it anew from y.
pub(super) fn solve(
    matrix: &impl Symmetric,
    right: &[f64],
    y: &mut [f64],
    target: f64,
    steps: usize,
) -> usize {
    let n = right.len();
    let (mut product, mut direction, mut conditioned) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
    matrix.apply(y, &mut product);
    let mut residual: Vec<f64> = right.iter().zip(&product).map(|(b, p)| b - p).collect();
    let mut before = 0.0;
    for step in 0..steps {
        if dot(&residual, &residual).sqrt() <= target {
            return step;
        }
        matrix.precondition(&residual, &mut conditioned);
        let now = dot(&residual, &conditioned);
        let keep = if step == 0 { 0.0 } else { now / before };
        for (d, &z) in direction.iter_mut().zip(&conditioned) {
            *d = z + keep * *d;
        }
        before = now;
        matrix.apply(&direction, &mut product);
        let curvature = dot(&direction, &product);
        // Only where rounding has used up the residual.
        if !(curvature > 0.0 && now > 0.0) {
            return step;
        }
        let length = now / curvature;
        for (y, &d) in y.iter_mut().zip(&direction) {
            *y += length * d;
        }
        for (r, &p) in residual.iter_mut().zip(&product) {
            *r -= length * p;
        }
    }
    steps
}
