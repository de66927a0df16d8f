//! The judge: every quantity of a noised Gaussian mixture to 60 digits and more.
//!
//! A shared module of the integration tests (`mod judge;`). It takes numbers, not types of the
//! crate, and computes from the definitions in multi-precision arithmetic, by another route than
//! the library's. With δ_k = x − aμ_k and V_k = a²Σ_k + s²I, factorised as LDLᵀ:
//!
//! - q_k = δ_kᵀV_k⁻¹δ_k, r_k ∝ w_k·det(V_k)^(−½)·exp(−q_k/2),
//! - score −Σ_k r_k V_k⁻¹δ_k, noise −s·score, denoiser D = Σ_k r_k m_k with m_k = μ_k + aΣ_kV_k⁻¹δ_k,
//! - covariance Σ_k r_k (C_k + (m_k − D)(m_k − D)ᵀ) with C_k = Σ_k − a²Σ_kV_k⁻¹Σ_k.
//!
//! Every input is an f64 taken exactly; weights are divided by their exact sum; a full Σ_k stands
//! for its symmetric part and is never clipped. Spec: T1, T2, N4. See `README.md` beside this file.

// Each test that includes this module uses a part of it.
#![allow(dead_code, unused_imports)]

mod big;

pub use big::{Big, abs_difference};

/// The covariances Σ_k of the components.
#[derive(Clone, Debug)]
pub enum Cov {
    /// Σ_k = v_k·I.
    Isotropic(Vec<f64>),
    /// Σ_k = diag(v_k).
    Diagonal(Vec<Vec<f64>>),
    /// Row-major d×d matrices.
    Full(Vec<Vec<f64>>),
}

/// The mixture Σ_k w_k N(μ_k, Σ_k).
#[derive(Clone, Debug)]
pub struct Law {
    pub weights: Vec<f64>,
    pub means: Vec<Vec<f64>>,
    pub cov: Cov,
}

/// The exact quantities at one point, each up to 10⁻⁶⁰ of its largest number (sums that cancel
/// are relative to their terms).
#[derive(Clone, Debug)]
pub struct Truth {
    /// ln p(x).
    pub log_density: Big,
    /// ∇ln p(x), d numbers.
    pub score: Vec<Big>,
    /// E[x₀ | x], d numbers.
    pub denoiser: Vec<Big>,
    /// −s·score, d numbers.
    pub noise: Vec<Big>,
    /// Cov[x₀ | x], d×d row-major.
    pub covariance: Vec<Big>,
    /// P(component k | x), K numbers. One below e^(−10⁹) of the largest is zero.
    pub responsibilities: Vec<Big>,
}

impl Truth {
    /// The six quantities under the names that the `eval` command gives them.
    pub fn quantities(&self) -> [(&'static str, &[Big]); 6] {
        [
            ("log_density", std::slice::from_ref(&self.log_density)),
            ("score", &self.score),
            ("denoiser", &self.denoiser),
            ("noise", &self.noise),
            ("covariance", &self.covariance),
            ("responsibilities", &self.responsibilities),
        ]
    }
}

/// The truth at the point `x` under the channel (a, s), a ≥ 0, s > 0.
pub fn truth(law: &Law, a: f64, s: f64, x: &[f64]) -> Truth {
    truths(law, a, s, &[x.to_vec()]).remove(0)
}

/// The truth at several points: as `truth`, with the covariances factorised once.
pub fn truths(law: &Law, a: f64, s: f64, points: &[Vec<f64>]) -> Vec<Truth> {
    let bits = points.iter().map(|x| working_bits(law, a, s, x)).max().unwrap_or(256);
    let judge = Judge::new(law, a, s, bits);
    points.iter().map(|x| judge.at(&big_vector(x, bits))).collect()
}

/// The bits that leave 256 after the losses which the magnitudes can cause.
///
/// With L = log₂(max(|x| + a|μ|)/s) and C = log₂(1 + a²·max tr Σ/s²): the difference x − aμ loses
/// at most L bits against s; q is at most d·2^(2L), so its exponential loses 2L + log₂ d more;
/// solving with V loses its condition number, 2^C, and Σ − a²ΣV⁻¹Σ cancels by as much again, with
/// a third C for the quadratic forms in ill-conditioned directions; sums over d and K add
/// their logarithms.
pub fn working_bits(law: &Law, a: f64, s: f64, x: &[f64]) -> usize {
    let log2 = |v: f64| if v == 0.0 { -1e4 } else { v.abs().log2() };
    let largest = |it: &mut dyn Iterator<Item = f64>| it.fold(-1e4, f64::max);
    let d = x.len();
    let mean = largest(&mut law.means.iter().flatten().map(|m| log2(*m)));
    let reach = largest(&mut x.iter().map(|v| log2(*v))).max(mean + log2(a)) + 1.0;
    let variance = match &law.cov {
        Cov::Isotropic(v) => largest(&mut v.iter().map(|v| log2(*v))),
        Cov::Diagonal(v) | Cov::Full(v) => largest(&mut v.iter().flatten().map(|v| log2(*v))),
    };
    let offset = (reach - log2(s)).max(0.0);
    let condition = (variance + log2(d as f64) + 2.0 * (log2(a) - log2(s)) + 1.0).max(0.0);
    let sums = 4.0 * log2(d as f64) + log2(law.weights.len() as f64);
    let bits = 256.0 + 32.0 + 3.0 * (offset + condition) + sums;
    (bits as usize).div_ceil(64) * 64
}

/// Numbers of `bits` bits.
pub fn big_vector(x: &[f64], bits: usize) -> Vec<Big> {
    x.iter().map(|v| Big::new(*v, bits)).collect()
}

fn dot(x: &[Big], y: &[Big], bits: usize) -> Big {
    x.iter().zip(y).fold(Big::new(0.0, bits), |sum, (x, y)| sum + x * y)
}

/// A symmetric matrix: its diagonal, or all of it row-major.
enum Symmetric {
    Diagonal(Vec<Big>),
    Full(Vec<Big>),
}

impl Symmetric {
    fn times(&self, y: &[Big]) -> Vec<Big> {
        match self {
            Symmetric::Diagonal(v) => v.iter().zip(y).map(|(v, y)| v * y).collect(),
            Symmetric::Full(m) => m.chunks(y.len()).map(|row| dot(row, y, y[0].bits())).collect(),
        }
    }
}

/// V = LDLᵀ: the pivots, and the unit lower triangle L row-major (None where V is diagonal).
struct Factor {
    pivots: Vec<Big>,
    lower: Option<Vec<Big>>,
}

impl Factor {
    fn new(v: &Symmetric) -> Factor {
        match v {
            Symmetric::Diagonal(v) => Factor { pivots: v.clone(), lower: None },
            Symmetric::Full(m) => Factor::ldl(m),
        }
    }

    fn ldl(m: &[Big]) -> Factor {
        let d = m.len().isqrt();
        let (mut lower, mut pivots) = (m.to_vec(), Vec::<Big>::with_capacity(d));
        for i in 0..d {
            // Row i of L·D first, then of L: l_ij d_j = m_ij − Σ_{p<j} (l_ip d_p) l_jp.
            for j in 0..i {
                for p in 0..j {
                    let term = &lower[i * d + p] * &lower[j * d + p];
                    lower[i * d + j] -= term;
                }
            }
            let mut pivot = m[i * d + i].clone();
            for j in 0..i {
                let scaled = &lower[i * d + j] / &pivots[j];
                pivot -= &scaled * &lower[i * d + j];
                lower[i * d + j] = scaled;
            }
            assert!(pivot.is_positive(), "a²Σ + s²I is not positive definite (pivot {i})");
            pivots.push(pivot);
        }
        Factor { pivots, lower: Some(lower) }
    }

    /// L⁻¹y.
    fn forward(&self, y: &[Big]) -> Vec<Big> {
        let mut z = y.to_vec();
        if let Some(lower) = &self.lower {
            for i in 1..z.len() {
                for j in 0..i {
                    let term = &lower[i * z.len() + j] * &z[j];
                    z[i] -= term;
                }
            }
        }
        z
    }

    /// V⁻¹y.
    fn solve(&self, y: &[Big]) -> Vec<Big> {
        let mut z = self.forward(y);
        z.iter_mut().zip(&self.pivots).for_each(|(z, p)| *z = &*z / p);
        if let Some(lower) = &self.lower {
            for i in (0..z.len()).rev() {
                for j in i + 1..z.len() {
                    let term = &lower[j * z.len() + i] * &z[j];
                    z[i] -= term;
                }
            }
        }
        z
    }

    fn determinant(&self) -> Big {
        let one = Big::new(1.0, self.pivots[0].bits());
        self.pivots.iter().fold(one, |product, p| product * p)
    }

    /// Σ − a²ΣV⁻¹Σ = Σ − a²WᵀD⁻¹W with W = L⁻¹Σ.
    fn posterior(&self, sigma: &Symmetric, a: &Big) -> Symmetric {
        let a2 = a * a;
        match sigma {
            Symmetric::Diagonal(v) => {
                let one = |(v, p): (&Big, &Big)| v - &a2 * v * v / p;
                Symmetric::Diagonal(v.iter().zip(&self.pivots).map(one).collect())
            }
            Symmetric::Full(m) => {
                let d = self.pivots.len();
                // Row i of Σ is its column i: `w[i]` is column i of W.
                let w: Vec<Vec<Big>> = m.chunks(d).map(|row| self.forward(row)).collect();
                let mut posterior = m.clone();
                for i in 0..d {
                    let scaled: Vec<Big> =
                        w[i].iter().zip(&self.pivots).map(|(w, p)| w / p).collect();
                    for j in 0..=i {
                        let c = &m[i * d + j] - &a2 * dot(&scaled, &w[j], a2.bits());
                        posterior[j * d + i] = c.clone();
                        posterior[i * d + j] = c;
                    }
                }
                Symmetric::Full(posterior)
            }
        }
    }
}

/// One component with what does not depend on the point.
struct Component {
    mean: Vec<Big>,
    sigma: Symmetric,
    factor: Factor,
    /// w_k / √det V_k, the weight normalised.
    height: Big,
    posterior: Symmetric,
}

/// A law and a channel, prepared at one precision; for points that are not f64.
pub struct Judge {
    a: Big,
    s: Big,
    components: Vec<Component>,
}

impl Judge {
    /// Prepares with a working precision of `bits`.
    pub fn new(law: &Law, a: f64, s: f64, bits: usize) -> Judge {
        let (a, s) = (Big::new(a, bits), Big::new(s, bits));
        let weights = big_vector(&law.weights, bits);
        let total = weights.iter().fold(Big::new(0.0, bits), |sum, w| sum + w);
        let components = (0..weights.len())
            .map(|k| {
                let mean = big_vector(&law.means[k], bits);
                let sigma = covariance_of(&law.cov, k, mean.len(), bits);
                let factor = Factor::new(&noised(&sigma, &a, &s));
                let height = &weights[k] / &total / factor.determinant().sqrt();
                let posterior = factor.posterior(&sigma, &a);
                Component { mean, sigma, factor, height, posterior }
            })
            .collect();
        Judge { a, s, components }
    }

    /// The truth at x.
    pub fn at(&self, x: &[Big]) -> Truth {
        let (a, bits, d) = (&self.a, self.a.bits(), x.len());
        let zero = Big::new(0.0, bits);
        let half = Big::new(0.5, bits);
        let (mut forms, mut pulls, mut means) = (vec![], vec![], vec![]);
        for c in &self.components {
            let delta: Vec<Big> = x.iter().zip(&c.mean).map(|(x, m)| x - a * m).collect();
            let pull = c.factor.solve(&delta);
            forms.push(dot(&delta, &pull, bits));
            let shift = c.sigma.times(&pull);
            means.push(c.mean.iter().zip(&shift).map(|(m, t)| m + a * t).collect::<Vec<Big>>());
            pulls.push(pull);
        }
        let nearest = forms.iter().fold(&forms[0], |least, q| if q < least { q } else { least });
        let shares: Vec<Big> = self
            .components
            .iter()
            .zip(&forms)
            .map(|(c, q)| &c.height * (&half * (nearest - q)).exp())
            .collect();
        let total = shares.iter().fold(zero.clone(), |sum, r| sum + r);
        let responsibilities: Vec<Big> = shares.iter().map(|r| r / &total).collect();
        let average = |vectors: &[Vec<Big>], i: usize| {
            vectors.iter().zip(&responsibilities).fold(zero.clone(), |sum, (v, r)| sum + r * &v[i])
        };
        let score: Vec<Big> = (0..d).map(|i| -average(&pulls, i)).collect();
        let denoiser: Vec<Big> = (0..d).map(|i| average(&means, i)).collect();
        let two_pi = Big::new(2.0, bits) * Big::pi(bits);
        let log_density =
            total.ln() - &half * nearest - &half * Big::new(d as f64, bits) * two_pi.ln();
        Truth {
            log_density,
            noise: score.iter().map(|g| -(&self.s * g)).collect(),
            covariance: self.covariance(&responsibilities, &means, &denoiser),
            score,
            denoiser,
            responsibilities,
        }
    }

    /// Σ_k r_k (C_k + (m_k − D)(m_k − D)ᵀ).
    fn covariance(&self, r: &[Big], means: &[Vec<Big>], denoiser: &[Big]) -> Vec<Big> {
        let d = denoiser.len();
        let mut sum = vec![Big::new(0.0, self.a.bits()); d * d];
        for ((c, r), mean) in self.components.iter().zip(r).zip(means) {
            let e: Vec<Big> = mean.iter().zip(denoiser).map(|(m, d)| m - d).collect();
            for i in 0..d {
                let scaled = r * &e[i];
                for j in 0..=i {
                    sum[i * d + j] += &scaled * &e[j];
                    match &c.posterior {
                        Symmetric::Diagonal(v) if i == j => sum[i * d + i] += r * &v[i],
                        Symmetric::Diagonal(_) => {}
                        Symmetric::Full(m) => sum[i * d + j] += r * &m[i * d + j],
                    }
                }
            }
        }
        for i in 0..d {
            for j in 0..i {
                sum[j * d + i] = sum[i * d + j].clone();
            }
        }
        sum
    }
}

fn covariance_of(cov: &Cov, k: usize, d: usize, bits: usize) -> Symmetric {
    match cov {
        Cov::Isotropic(v) => Symmetric::Diagonal(vec![Big::new(v[k], bits); d]),
        Cov::Diagonal(v) => Symmetric::Diagonal(big_vector(&v[k], bits)),
        Cov::Full(m) => {
            let half = Big::new(0.5, bits);
            let entry = |i: usize| Big::new(m[k][i], bits);
            let symmetric =
                (0..d * d).map(|i| &half * (entry(i) + entry(i % d * d + i / d))).collect();
            Symmetric::Full(symmetric)
        }
    }
}

/// V = a²Σ + s²I.
fn noised(sigma: &Symmetric, a: &Big, s: &Big) -> Symmetric {
    let (a2, s2) = (a * a, s * s);
    match sigma {
        Symmetric::Diagonal(v) => Symmetric::Diagonal(v.iter().map(|v| &a2 * v + &s2).collect()),
        Symmetric::Full(m) => {
            let d = m.len().isqrt();
            let entry = |i: usize| {
                let noise =
                    if i.is_multiple_of(d + 1) { s2.clone() } else { Big::new(0.0, s2.bits()) };
                &a2 * &m[i] + noise
            };
            Symmetric::Full((0..m.len()).map(entry).collect())
        }
    }
}
