//! What a noised law has outside a box: bounds of its mass and of second moments, in closed form.
//!
//! For a component N(aμ, V), V = a²Σ + s²I, and a coordinate i let z = (x_i − aμ_i)/σ_i, σ_i² = V_ii. Then x₀ given z has mean
//! μ + g·z, g_j = a·Σ_ji/σ_i, and ε given z has mean (s/σ_i)·e_i·z. With φ the normal density and Q(t) ≤ min(φ(t)/t, ½) its tail,
//! E[1_{z>t}] = Q(t), E[z·1_{z>t}] = φ(t), E[z²·1_{z>t}] = Q(t) + t·φ(t), so for t > 0 and any centre c
//!
//!   E[‖x₀ − c‖²·1_{z>t}] ≤ (‖μ − c‖² + tr Σ)·Q(t) + (2‖μ − c‖·‖g‖ + t‖g‖²)·φ(t),
//!   E[‖ε‖²·1_{z>t}] ≤ d·Q(t) + (s/σ_i)²·t·φ(t)
//!
//! (the part of the variance that z explains, ‖g‖² and (s/σ_i)², is in tr Σ and d). A point outside the box is beyond one of 2d faces;
//! the bounds of the faces are added. For t ≤ 0 the whole component counts.
//!
//! Floor 5. Uses `arith`, `channel`, `law`. Spec: E5, E6.

use crate::arith::scalar::exp;
use crate::channel::Channel;
use crate::law::Mixture;

/// 1/√(2π), rounded up.
const DENSITY: f64 = 0.398_942_280_401_432_8;

/// Bounds of what lies outside a box. They are sums of some 10·K·d roundings of positive numbers, which a factor 1 + 1e-9 covers
/// for any law that fits in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tail {
    /// P(x outside).
    pub mass: f64,
    /// E[‖x₀ − m‖²·1_{x outside}], m the law's mean; no less than E[‖D* − m‖²·1].
    pub clean: f64,
    /// E[‖ε‖²·1_{x outside}]; no less than s²·E[‖S‖²·1].
    pub noise: f64,
}

impl Tail {
    /// For the box with these ends, a pair a coordinate; a pair that is missing is the whole line.
    pub fn outside(law: &Mixture, channel: Channel, ends: &[(f64, f64)]) -> Tail {
        let d = law.dimension();
        let (a, s) = (channel.a(), channel.s());
        let mean = law.mean();
        let mut tail = Tail::default();
        for (k, &weight) in law.weights().iter().enumerate() {
            let covariance = law.covariance().matrix(k, d);
            let trace: f64 = (0..d).map(|i| covariance[[i, i]]).sum();
            let away: f64 = (0..d).map(|i| (law.means()[[k, i]] - mean[i]).powi(2)).sum();
            for (i, &(low, high)) in ends.iter().enumerate().take(d) {
                let variance = a * a * covariance[[i, i]] + s * s;
                let deviation = variance.sqrt();
                let pull: f64 =
                    (0..d).map(|j| (a * covariance[[j, i]]).powi(2)).sum::<f64>() / variance;
                let centre = a * law.means()[[k, i]];
                for t in [(high - centre) / deviation, (centre - low) / deviation] {
                    let t = if t > 0.0 { t } else { 0.0 };
                    let density = DENSITY * exp(-0.5 * t * t);
                    let beyond = if t > 0.0 { (density / t).min(0.5) } else { 1.0 };
                    // Beyond a face that cuts off the centre the whole component counts: E z² = 1.
                    let square = if t > 0.0 { t * density } else { 1.0 };
                    let cross = 2.0 * (away * pull).sqrt() * density;
                    tail.mass += weight * beyond;
                    tail.clean += weight * ((away + trace) * beyond + cross + pull * square);
                    tail.noise += weight * (d as f64 * beyond + s * s / variance * square);
                }
            }
        }
        let up = |value: f64| value * (1.0 + 1e-9) + f64::MIN_POSITIVE;
        Tail { mass: up(tail.mass).min(1.0), clean: up(tail.clean), noise: up(tail.noise) }
    }
}
