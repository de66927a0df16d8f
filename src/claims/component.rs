//! The posterior of each component alone, and what it says about derivatives of the posterior of the whole.
//!
//! Given x, component k makes x₀ Gaussian with mean b_k(x) = μ_k + G_k(x − aμ_k), G_k = aΣ_kV_k⁻¹, and covariance
//! P_k = s²Σ_kV_k⁻¹. Write θ = a/s². Since ln p(x) + ‖x‖²/2s² is, up to a constant, the cumulant generating function
//! of a tilted law, derivatives of ln p of order n ≥ 3 are θⁿ times cumulants of x₀ given x, and those of D are too:
//!
//!   ∂³_j ln p = θ³·κ₃(x₀ⱼ),   ∂³_j D_i = θ³·κ₄(x₀ᵢ, x₀ⱼ, x₀ⱼ, x₀ⱼ).
//!
//! Let L_i be the range over k of b_ki, Δ_ij that of P_k,ij, e_k = b_k − D. The component is random with the
//! responsibilities as its law; all expectations below are over it.
//!
//! κ₃(x₀ⱼ) = E[e_j³] + 3·Cov(e_j, P_jj). The first is at most L_j³/(6√3) (the largest third central moment of a law on
//! an interval, reached by two points), the second at most ¾·L_jΔ_jj (Grüss: |Cov(X, Y)| ≤ range·range/4).
//!
//! κ₄ = (E[e_ie_j³] − 3E[e_ie_j]E[e_j²]) + 3Cov(e_ie_j, P_jj) + 3Cov(e_j², P_ij) + 3Cov(P_ij, P_jj). With
//! E[e²] ≤ L²/4, |e| ≤ L and Cauchy–Schwarz the bracket is at most (1/4 + 3/16)·L_iL_j³; e_ie_j has a range of at most
//! 2L_iL_j and e_j² of L_j², so Grüss gives (3/2)·L_iL_jΔ_jj + (3/4)·L_j²Δ_ij + (3/4)·Δ_ijΔ_jj for the rest.
//!
//! On a segment b_k − b_l is affine, so its largest magnitude is at an end: ranges are taken at both.
//!
//! Floor 7. Uses `law`, `channel`. Spec: T1, T2.

use super::worst::U;
use crate::channel::Channel;
use crate::law::{Covariance, Mixture};

/// The component posteriors of a law seen through a channel.
pub(super) struct Components<'a> {
    law: &'a Mixture,
    channel: Channel,
}

/// Bounds of third derivatives along one coordinate j, on a segment in that direction.
pub(super) struct ThirdDerivatives {
    /// Of |∂³_j ln p|.
    pub log_density: f64,
    /// Of |∂³_j D_i|, for each i.
    pub denoiser: Vec<f64>,
}

/// One eigenvalue of P_k and how far a point is from b_k along its eigenvectors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Square {
    /// The eigenvalue.
    pub variance: f64,
    /// The squared distance along its eigenvectors.
    pub square: f64,
    /// Its multiplicity.
    pub count: f64,
}

impl Square {
    /// E of the squared distance to a draw from component k.
    pub fn mean(&self) -> f64 {
        self.count.mul_add(self.variance, self.square)
    }
}

impl<'a> Components<'a> {
    pub fn new(law: &'a Mixture, channel: Channel) -> Self {
        Components { law, channel }
    }

    /// Bounds that hold on {x + t·e_j, |t| ≤ h}.
    pub fn third_derivatives(&self, x: &[f64], j: usize, h: f64) -> ThirdDerivatives {
        let (mut low, mut high) = (x.to_vec(), x.to_vec());
        low[j] -= h;
        high[j] += h;
        let ranges: Vec<f64> = self
            .ranges(&low)
            .into_iter()
            .zip(self.ranges(&high))
            .map(|(low, high)| low.max(high))
            .collect();
        let theta = self.channel.a() / self.channel.s() / self.channel.s();
        let cubed = theta * theta * theta;
        let (own, spread) = (ranges[j], self.covariance_range(j, j));
        // 6√3 = 10.392…, rounded down; the last factor covers the rounding of these few products.
        let third = own * own * own / 10.39 + 0.75 * own * spread;
        let fourth = |(i, &range): (usize, &f64)| {
            let cross = self.covariance_range(i, j);
            0.4375 * range * own * own * own
                + 1.5 * range * own * spread
                + 0.75 * own * own * cross
                + 0.75 * cross * spread
        };
        ThirdDerivatives {
            log_density: cubed * third * 1.001,
            denoiser: ranges.iter().enumerate().map(|at| cubed * fourth(at) * 1.001).collect(),
        }
    }

    /// A bound of |κ₃(x₀·u, x₀·v, x₀·w)| for unit vectors u, v, w, at x, given x: of how fast Σ_post changes, over θ.
    ///
    /// κ₃ = E[e_ue_ve_w] + Cov(e_u, P_vw) + Cov(e_v, P_uw) + Cov(e_w, P_uv). With L the length of the ranges, |e| ≤ L and
    /// E[e_v²] ≤ L²/4, the first is at most L³/4; by Grüss each of the rest at most L·Δ/4, where P_k between 0 and Δ·I gives
    /// entries a range of at most Δ. 0 for one component.
    pub fn third_cumulant(&self, x: &[f64]) -> f64 {
        if self.law.components() == 1 {
            return 0.0;
        }
        let (a, s) = (self.channel.a(), self.channel.s());
        let square = self.ranges(x).iter().fold(0.0_f64, |sum, l| l.mul_add(*l, sum));
        let length = square.sqrt();
        let variances =
            (0..self.law.components()).map(|k| self.law.covariance().largest_variance(k));
        let most = variances.fold(0.0_f64, f64::max);
        let spread = s * s * (most / (a * a).mul_add(most, s * s));
        (0.25 * length * length * length + 0.75 * length * spread) * 1.001
    }

    /// L_i = max_k b_ki − min_k b_ki, rounded up; exactly 0 for one component.
    fn ranges(&self, x: &[f64]) -> Vec<f64> {
        let d = x.len();
        let (mut low, mut high) = (vec![f64::INFINITY; d], vec![f64::NEG_INFINITY; d]);
        let mut rounding = vec![0.0f64; d];
        for k in 0..self.law.components() {
            for (i, (value, magnitude)) in self.mean(k, x).into_iter().enumerate() {
                low[i] = low[i].min(value);
                high[i] = high[i].max(value);
                // At most 2d + 12 roundings of terms whose magnitudes add up to this.
                rounding[i] = rounding[i].max((2.0 * d as f64 + 12.0) * U * magnitude);
            }
        }
        if self.law.components() == 1 {
            return vec![0.0; d];
        }
        (0..d).map(|i| high[i] - low[i] + 2.02 * rounding[i]).collect()
    }

    /// b_ki and the sum of the magnitudes of its terms, for each i.
    fn mean(&self, k: usize, x: &[f64]) -> Vec<(f64, f64)> {
        let a = self.channel.a();
        let means = self.law.means();
        let mu = means.row(k);
        let z: Vec<f64> = x.iter().zip(mu).map(|(x, mu)| (-a).mul_add(*mu, *x)).collect();
        let reach = |i: usize| mu[i].abs() + z[i].abs();
        let with = |i: usize, pull: f64, magnitude: f64| (mu[i] + pull, reach(i) + magnitude);
        match self.law.covariance() {
            Covariance::Isotropic(v) => {
                let gain = self.gain(v[k]);
                (0..z.len()).map(|i| with(i, gain * z[i], (gain * z[i]).abs())).collect()
            }
            Covariance::Diagonal(v) => (0..z.len())
                .map(|i| {
                    let pull = self.gain(v[[k, i]]) * z[i];
                    with(i, pull, pull.abs())
                })
                .collect(),
            Covariance::Full(v) => {
                let eigen = v[k].eigen();
                let size: f64 = z.iter().map(|z| z.abs()).sum();
                let mut out: Vec<(f64, f64)> = (0..z.len()).map(|i| with(i, 0.0, 0.0)).collect();
                for (l, &value) in eigen.values.iter().enumerate() {
                    let column = eigen.vectors.column(l);
                    let along =
                        column.iter().zip(&z).fold(0.0f64, |sum, (q, z)| q.mul_add(*z, sum));
                    let gain = self.gain(value);
                    for (out, q) in out.iter_mut().zip(column) {
                        out.0 += gain * along * q;
                        out.1 += gain * size * q.abs();
                    }
                }
                out
            }
        }
    }

    /// The squared distance of a point from a draw of x₀ given x and component k, by eigenvalue of P_k.
    pub fn squares(&self, k: usize, x: &[f64], point: &[f64]) -> Vec<Square> {
        let (a, s) = (self.channel.a(), self.channel.s());
        let within = |variance: f64| s * s * (variance / (a * a).mul_add(variance, s * s));
        let mean = self.mean(k, x);
        let apart: Vec<f64> = point.iter().zip(&mean).map(|(point, mean)| point - mean.0).collect();
        let one = |variance: f64, along: f64| Square {
            variance: within(variance),
            square: along * along,
            count: 1.0,
        };
        match self.law.covariance() {
            Covariance::Isotropic(v) => {
                let square = apart.iter().fold(0.0f64, |sum, z| z.mul_add(*z, sum));
                vec![Square { variance: within(v[k]), square, count: apart.len() as f64 }]
            }
            Covariance::Diagonal(v) => {
                v.row(k).iter().zip(&apart).map(|(&variance, &z)| one(variance, z)).collect()
            }
            Covariance::Full(v) => {
                let eigen = v[k].eigen();
                let along = |l: usize| {
                    let column = eigen.vectors.column(l);
                    column.iter().zip(&apart).fold(0.0f64, |sum, (q, z)| q.mul_add(*z, sum))
                };
                let values = eigen.values.iter().enumerate();
                values.map(|(l, &value)| one(value, along(l))).collect()
            }
        }
    }

    /// aλ/(a²λ + s²).
    fn gain(&self, variance: f64) -> f64 {
        let (a, s) = (self.channel.a(), self.channel.s());
        a * variance / (a * a).mul_add(variance, s * s)
    }

    /// Δ_ij = max_k P_k,ij − min_k P_k,ij, rounded up.
    fn covariance_range(&self, i: usize, j: usize) -> f64 {
        let (a, s) = (self.channel.a(), self.channel.s());
        let within = |variance: f64| s * s * (variance / (a * a).mul_add(variance, s * s));
        if self.law.components() == 1 {
            return 0.0;
        }
        let entry = |k: usize| -> f64 {
            match self.law.covariance() {
                Covariance::Isotropic(v) if i == j => within(v[k]),
                Covariance::Diagonal(v) if i == j => within(v[[k, i]]),
                Covariance::Full(v) => {
                    let eigen = v[k].eigen();
                    let term = |(l, &value): (usize, &f64)| {
                        within(value) * eigen.vectors[[i, l]] * eigen.vectors[[j, l]]
                    };
                    eigen.values.iter().enumerate().map(term).sum()
                }
                _ => 0.0,
            }
        };
        let (mut low, mut high, mut size) = (f64::INFINITY, f64::NEG_INFINITY, 0.0f64);
        for k in 0..self.law.components() {
            let value = entry(k);
            low = low.min(value);
            high = high.max(value);
            size = size.max(within(self.law.covariance().largest_variance(k)));
        }
        // |P_ij| ≤ ‖P‖, and each entry has at most d + 8 roundings.
        high - low + 2.02 * (self.law.dimension() as f64 + 8.0) * U * size
    }
}
