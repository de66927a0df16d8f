//! How far responsibilities and the log density can move when every logit moves within its radius.
//!
//! Floor 1. Uses `law::bound::component`, `law::noised`, `arith`. Spec: N4.

use super::super::noised::COMPONENT_BLOCK;
use super::component::{Component, Inputs, W};
use crate::arith::{Hardware, exp, ln};

/// Beyond this a radius of a logit says nothing about its weight any more; eˣ stays finite.
const LARGEST_RADIUS: f64 = 300.0;

/// The weights of the components at a point, and their radii.
pub(super) struct Weights {
    /// r_k, in f64.
    pub centre: Vec<f64>,
    /// The largest r_k for logits within their radii.
    pub highest: Vec<f64>,
    /// Width of the interval in which r_k lies for logits within their radii.
    pub width: Vec<f64>,
    /// Relative rounding of the k-th term of a sum over components, that sum's total included.
    pub rounding: Vec<f64>,
    /// ln p(x), in f64, and its radius.
    pub log_density: (f64, f64),
    /// ⌈K/64⌉: how often a sum is scaled and rounded, and may underflow.
    pub blocks: f64,
}

fn exponential(x: f64) -> f64 {
    exp::exp::<f64, Hardware>(x)
}

impl Weights {
    /// `reference` is what was subtracted from every logit.
    pub fn new(components: &[Component], inputs: &Inputs<'_>, reference: f64) -> Self {
        let count = components.len() as f64;
        let blocks = components.len().div_ceil(COMPONENT_BLOCK) as f64;
        let largest =
            components.iter().fold(f64::NEG_INFINITY, |m, component| m.max(component.logit.0));
        let below = |component: &Component| component.logit.0 - largest;
        let radius = |component: &Component| component.logit.1.min(LARGEST_RADIUS);
        let high: Vec<f64> = components.iter().map(|c| exponential(below(c) + radius(c))).collect();
        let low: Vec<f64> = components.iter().map(|c| exponential(below(c) - radius(c))).collect();
        let (others_low, others_high) = (sums_of_others(&low), sums_of_others(&high));
        // A radius that eˣ cannot hold (or that is not a number) makes every weight unknown.
        let unknown = components.iter().any(|c| c.logit.1.is_nan() || c.logit.1 > LARGEST_RADIUS);
        // The argument of an exponential is rounded in proportion to its size, a sum in proportion to its length.
        let own: Vec<f64> = components
            .iter()
            .map(|c| 3.0 * (count + 10.0 + (-below(c)).min(LARGEST_RADIUS * 4.0)) * W)
            .collect();
        let highest: Vec<f64> = (0..components.len())
            .map(|k| {
                let highest = high[k] / (high[k] + others_low[k]) * (1.0 + own[k]);
                if unknown { 1.0 } else { highest.min(1.0) }
            })
            .collect();
        let width: Vec<f64> = (0..components.len())
            .map(|k| {
                let lowest = low[k] / (low[k] + others_high[k]);
                if unknown {
                    return 1.0;
                }
                (highest[k] - lowest).max(0.0) + own[k] * highest[k] + 4.0 * count * inputs.tiny
            })
            .collect();
        let total: f64 = components.iter().map(|c| exponential(below(c))).sum();
        let centre: Vec<f64> = components.iter().map(|c| exponential(below(c)) / total).collect();
        let term = term_roundings(components, inputs, largest, blocks);
        let of_total: f64 = term.iter().zip(&highest).map(|(t, r)| t * r).sum::<f64>() * 1.01;
        let log_total = ln::ln::<f64, Hardware>(total);
        let log_density = (largest + log_total) + reference;
        let narrow: f64 =
            components.iter().map(|c| exponential(below(c)) * twice_sinh(radius(c))).sum::<f64>()
                / low.iter().sum::<f64>();
        // ln Σ eˡ moves by at most the largest move of a logit.
        let moved = if unknown {
            components.iter().map(|c| c.logit.1).fold(0.0, |m: f64, r| if r <= m { m } else { r })
        } else {
            narrow
        };
        let radius = moved
            + of_total
            + 2.0 * (count + 10.0) * W
            + inputs.unit
                * (2.0 * largest.abs()
                    + 4.0 * log_total
                    + 3.0 * reference.abs()
                    + log_density.abs());
        Weights {
            centre,
            highest,
            width,
            rounding: term.iter().map(|t| t + of_total + 2.0 * inputs.unit).collect(),
            log_density: (log_density, 1.01 * radius),
            blocks,
        }
    }

    /// Bound of |r̂_k − r_k|, the division and everything before it included.
    pub fn radius(&self, k: usize) -> f64 {
        1.01 * (self.width[k] + self.highest[k] * self.rounding[k])
    }
}

/// Relative rounding of each component's term in a canonical sum over components.
///
/// The arguments of the exponentials that scale a term add up to l_k − M and each is rounded once; each
/// exponential is within 1 ULP (2U); there are at most 64 additions in its block, and two products, an
/// exponential and an addition for each later block. A far point adds all its terms in one chain.
fn term_roundings(
    components: &[Component],
    inputs: &Inputs<'_>,
    largest: f64,
    blocks: f64,
) -> Vec<f64> {
    let chain = if inputs.far { components.len() } else { COMPONENT_BLOCK };
    let additions = components.len().min(chain) as f64;
    components
        .iter()
        .map(|c| {
            // A weight below the format's smallest number is covered by the absolute term instead.
            let below = (largest - c.logit.0).min(LARGEST_RADIUS * 4.0) + 2.0 * c.logit.1.min(1.0);
            1.01 * inputs.unit * (below + additions + 6.0 + 6.0 * blocks)
        })
        .collect()
}

/// 2·sinh(r) = eʳ − e⁻ʳ, from above and without cancellation.
fn twice_sinh(r: f64) -> f64 {
    if r < 0.5 { 2.0 * r * (1.0 + 0.25 * r * r) } else { exponential(r) - exponential(-r) }
}

/// Σ_{j≠k} values_j for every k, with nothing subtracted.
fn sums_of_others(values: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; values.len()];
    let mut before = 0.0;
    for (out, value) in out.iter_mut().zip(values) {
        *out = before;
        before += value;
    }
    let mut after = 0.0;
    for (out, value) in out.iter_mut().zip(values).rev() {
        *out += after;
        after += value;
    }
    out
}
