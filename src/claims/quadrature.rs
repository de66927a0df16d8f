//! What ln p, E[x₀ | x] and Cov[x₀ | x] *are*, on the line: integrals over x₀ of the prior times the likelihood.
//!
//! Nothing of the theory is used: no posterior of a Gaussian, no score. With x₀ = μ_k + σ_k z,
//!
//!   p(x) = Σ_k w_k ∫ φ(z)·N(x; a(μ_k + σ_k z), s²) dz,
//!
//! and the moments of x₀ weigh the same integrand. A point mass has one node. For σ_k > 0 the integrand is a Gaussian
//! in z of deviation τ = (1 + a²σ²/s²)^(−1/2) times a polynomial of degree at most 2 in z, and the sum is taken at the
//! multiples of h, a power of two in (τ/4, τ/2], within 13τ of the peak (found by bisection on the slope).
//!
//! Error. Trapezoid rule: by Poisson's formula the sum over all multiples of h differs from the integral by the
//! integrand's Fourier transform at the multiples of 2π/h; for e^(−z²/2τ²)·(z/τ)^m, m ≤ 2, that is at most
//! 2(1 + (2πτ/h)²)·e^(−2π²τ²/h²) < 1e-30 of the mass for h ≤ τ/2, plus e^(−13²/2) < 1e-36 for the tails: both are
//! counted as `REMAINDER`. Rounding: each node's exponent has an error that is followed operation by operation; with
//! ω_j the relative error of weight j, an average Σ W_j t_j/Σ W_j moves by at most Σ W_j ω_j |t_j − t̄|/Σ W_j to first
//! order, and by a factor 1.05 more in all for ω ≤ 0.01 (refused beyond).
//!
//! Floor 7. Uses `law`, `channel`, `arith`. Spec: T1, T2 (definitions).

use super::stencil::power_of_two;
use super::worst::U;
use crate::arith::scalar::{exp, ln};
use crate::channel::Channel;
use crate::law::Mixture;

const HALF_LN_TAU: f64 = 0.918_938_533_204_672_7;
const REMAINDER: f64 = 1e-29;

/// A value and a bound of its distance from the exact one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub value: f64,
    pub error: f64,
}

/// The definitions at one point of the line.
pub(super) struct Definition {
    /// ln p(x).
    pub log_density: Known,
    /// E[x₀ | x].
    pub mean: Known,
    /// Cov[x₀ | x].
    pub variance: Known,
}

/// One value of x₀ with its weight.
struct Node {
    /// ln of the weight, and its error.
    log: Known,
    /// x₀, and its error.
    place: Known,
}

/// The definitions at x, for a law on the line.
pub(super) fn definition(law: &Mixture, channel: Channel, x: f64) -> Definition {
    let nodes: Vec<Node> =
        (0..law.components()).flat_map(|k| component_nodes(law, channel, k, x)).collect();
    let count = nodes.len() as f64;
    let largest = nodes.iter().fold(f64::NEG_INFINITY, |m, node| m.max(node.log.value));
    let weights: Vec<f64> = nodes.iter().map(|node| exp(node.log.value - largest)).collect();
    // The subtraction of the largest and the exponential (within 1 ULP).
    let relative = |node: &Node| node.log.error + U * (node.log.value - largest).abs() + 2.0 * U;
    let total: f64 = weights.iter().sum();
    let average = |term: &dyn Fn(&Node) -> f64| -> f64 {
        weights.iter().zip(&nodes).map(|(w, node)| w * term(node)).sum::<f64>() / total
    };
    let worst = weights
        .iter()
        .zip(&nodes)
        .filter(|(w, _)| **w > 0.0)
        .fold(0.0f64, |m, (_, node)| m.max(relative(node)));
    // Beyond 0.01 the first-order argument does not hold, and nothing is claimed.
    let certain = if worst <= 0.01 { 1.0 } else { f64::INFINITY };

    let log_total = ln(total);
    let log_s = ln(channel.s());
    let log_density = (largest + log_total) - log_s - HALF_LN_TAU;
    let log_magnitude = largest.abs() + log_total.abs() + log_s.abs() + 1.0 + log_density.abs();
    let log_error =
        1.05 * average(&relative) + (count + 2.0) * U + 4.0 * U * log_magnitude + REMAINDER;

    // Sums are taken around a place that has weight, so that an offset of the whole law costs nothing twice.
    let heaviest = nodes.iter().zip(&weights).fold((0.0, -1.0), |best, (node, &w)| {
        if w > best.1 { (node.place.value, w) } else { best }
    });
    let origin = heaviest.0;
    let from_origin = average(&|node: &Node| node.place.value - origin);
    let mean = origin + from_origin;
    let reach = average(&|node: &Node| (node.place.value - origin).abs());
    let moved = average(&|node: &Node| node.place.error);
    let apart = |node: &Node| (node.place.value - mean).abs();
    let mean_error = 1.05 * average(&|node: &Node| relative(node) * apart(node))
        + 1.05 * moved
        + (count + 6.0) * U * reach
        + 2.0 * U * mean.abs()
        + REMAINDER * (1.0 + reach);

    let variance = average(&|node: &Node| apart(node) * apart(node));
    let spread = |node: &Node| (apart(node) * apart(node) - variance).abs();
    let variance_error = 1.05
        * (average(&|node: &Node| relative(node) * spread(node))
            + 2.0
                * average(&|node: &Node| {
                    apart(node) * (node.place.error + mean_error + U * apart(node))
                })
            + average(&|node: &Node| (node.place.error + mean_error) * node.place.error)
            + mean_error * mean_error)
        + (count + 8.0) * U * variance
        + REMAINDER * (1.0 + variance);
    let known = |value: f64, error: f64| Known { value, error: error * certain };
    Definition {
        log_density: known(log_density, log_error),
        mean: known(mean, mean_error),
        variance: known(variance, variance_error),
    }
}

/// The nodes of component k, and their weights up to the factor 1/(s√2π) that all have.
fn component_nodes(law: &Mixture, channel: Channel, k: usize, x: f64) -> Vec<Node> {
    let (a, s) = (channel.a(), channel.s());
    let mu = law.means()[[k, 0]];
    let deviation = law.covariance().largest_variance(k).sqrt();
    let y = (-a).mul_add(mu, x);
    let log_weight = ln(law.weights()[k]);
    // Weights were normalised by a sum of K numbers.
    let weight_error = (law.components() as f64 + 2.0) * U;
    if deviation == 0.0 {
        let r = y / s;
        let log = (-0.5 * r).mul_add(r, log_weight);
        let error = 2.02 * U * r * r + weight_error + 3.0 * U * (log_weight.abs() + log.abs());
        return vec![Node {
            log: Known { value: log, error },
            place: Known { value: mu, error: 0.0 },
        }];
    }
    let slope = a * deviation;
    let ratio = slope / s;
    let tau = 1.0 / ratio.mul_add(ratio, 1.0).sqrt();
    let h = power_of_two(0.5 * tau);
    let log_h = ln(h);
    let peak = peak(ratio, y / s);
    let (first, last) = (((peak - 13.5 * tau) / h).floor(), ((peak + 13.5 * tau) / h).ceil());
    let count = (last - first) as usize + 1;
    (0..count)
        .map(|j| {
            let z = (first + j as f64) * h;
            let gap = (-slope).mul_add(z, y);
            let r = gap / s;
            let r_error = (U * y.abs() + 2.01 * U * (slope * z).abs()) / s + 2.01 * U * r.abs();
            let exponent = 0.5 * z * z + 0.5 * r * r;
            let constant = log_weight + log_h - HALF_LN_TAU;
            let log = constant - exponent;
            let error = r.abs() * r_error
                + r_error * r_error
                + 2.02 * U * exponent
                + weight_error
                + 3.0 * U * (log_weight.abs() + log_h.abs() + 1.0)
                + U * log.abs();
            let place = deviation.mul_add(z, mu);
            let place_error = U * place.abs() + 1.01 * U * (deviation * z).abs();
            Node {
                log: Known { value: log, error },
                place: Known { value: place, error: place_error },
            }
        })
        .collect()
}

/// Where z ↦ z²/2 + (y/s − ratio·z)²/2 is smallest, by bisection on its slope z − ratio·(y/s − ratio·z).
///
/// The minimum is between the minima of the two terms. Nothing depends on its accuracy but which nodes are taken.
fn peak(ratio: f64, y: f64) -> f64 {
    let (mut low, mut high) = (0.0f64.min(y / ratio), 0.0f64.max(y / ratio));
    if !(low.is_finite() && high.is_finite()) {
        // The likelihood is flat: a = 0 or as good as that.
        return 0.0;
    }
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle - ratio * (-ratio).mul_add(middle, y) > 0.0 {
            high = middle;
        } else {
            low = middle;
        }
    }
    0.5 * (low + high)
}
