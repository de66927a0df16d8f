//! The law of x = a·x₀ + s·ε for a mixture x₀: everything about it that does not depend on the point.
//!
//! For each component, V_k = a²Σ_k + s²I. In an eigenbasis of Σ_k with eigenvalues λ, V_k has the
//! eigenvalues a²λ + s², so its inverse, its determinant and the posterior covariance λs²/(a²λ + s²) are
//! formed with no subtraction at any channel. Tables are computed in f64 and rounded once to T.
//!
//! Floor 1. Uses `law::{mixture, covariance}`, `channel`, `arith`. Spec: T1, T2, N1, N2.

use std::sync::OnceLock;

use super::covariance::{Covariance, FullCovariance};
use super::mixture::Mixture;
use crate::arith::{Hardware, Isa, Real, ln};
use crate::channel::Channel;
use crate::error::{Error, Result};

/// Components are visited in blocks of this many; see `docs/arithmetic.md`, "Sums over components".
pub const COMPONENT_BLOCK: usize = 64;

/// ln 2π.
const LN_TAU: f64 = 1.837_877_066_409_345_3;

/// A mixture seen through a channel, ready to be evaluated at points in the format T.
///
/// p = Σ_k w_k N(a·μ_k, V_k). Spec: T1, T2.
#[derive(Clone, Debug)]
pub struct Noised<T: Real> {
    law: Mixture,
    channel: Channel,
    isa: Isa,
    pub(crate) a: T,
    pub(crate) s: T,
    /// K×d: μ.
    pub(crate) mean: Vec<T>,
    /// d: a fixed point among the means, so that denoised values are summed as differences from it.
    pub(crate) origin: Vec<T>,
    /// K×d: μ − origin.
    pub(crate) shifted: Vec<T>,
    /// K: ln w_k − ½ ln det V_k, less its largest value.
    pub(crate) offset: Vec<T>,
    /// What was subtracted from the offsets, less (d/2)·ln 2π.
    pub(crate) reference: T,
    pub(crate) form: Form<T>,
    /// Points with every |x_i| at most this cannot overflow anywhere in the evaluation (N1).
    pub(crate) safe_radius: T,
    full_within: OnceLock<Vec<T>>,
}

/// The tables that depend on the kind of covariance. Each is K×d unless it says otherwise.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Form<T> {
    /// K each: 1/v, aσ²/v and s²σ²/v (the posterior variance), with v = a²σ² + s².
    Isotropic { precision: Vec<T>, gain: Vec<T>, within: Vec<T> },
    /// The same a coordinate.
    Diagonal { precision: Vec<T>, gain: Vec<T>, within: Vec<T> },
    /// W = diag(v^(−1/2))·Qᵀ (K×d×d, row-major), so V⁻¹ = WᵀW and aΣV⁻¹ = Wᵀ·diag(aλ)·W; gain = aλ.
    Full { whitener: Vec<T>, gain: Vec<T> },
}

impl Mixture {
    /// The law of a·x₀ + s·ε, with its tables rounded to T.
    ///
    /// Errors: `Error::Domain` where some a²λ + s² leaves the range in which its reciprocal is normal
    /// (for f32 about 1e-36 to 1e36, for f64 1e-300 to 1e300), or a mean does not fit T. Spec: N1.
    pub fn through<T: Real>(&self, channel: Channel) -> Result<Noised<T>> {
        Noised::new(self.clone(), channel)
    }
}

impl<T: Real> Noised<T> {
    fn new(law: Mixture, channel: Channel) -> Result<Self> {
        check_channel::<T>(&law, channel)?;
        let mean = rounded::<T>(law.means().iter().copied())?;
        let origin = rounded::<T>(law.mean())?;
        let d = law.dimension();
        let shifted = law
            .means()
            .iter()
            .enumerate()
            .map(|(at, mu)| T::from_f64(mu - origin[at % d].to_f64()))
            .collect();
        let constants = (0..law.components())
            .map(|k| log_constant::<T>(&law, channel, k))
            .collect::<Result<Vec<f64>>>()?;
        let largest = constants.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let offset = constants.iter().map(|c| T::from_f64(c - largest)).collect();
        let reference = T::from_f64(largest - 0.5 * d as f64 * LN_TAU);
        let form = form(&law, channel);
        let safe_radius = T::from_f64(safe_radius::<T>(&law, channel));
        Ok(Noised {
            a: T::from_f64(channel.a()),
            s: T::from_f64(channel.s()),
            law,
            channel,
            isa: Isa::best(),
            mean,
            origin,
            shifted,
            offset,
            reference,
            form,
            safe_radius,
            full_within: OnceLock::new(),
        })
    }

    /// The same law, evaluated in a chosen instruction set (the same bits in each; for tests and timing).
    pub fn with_isa(mut self, isa: Isa) -> Self {
        self.isa = isa;
        self
    }

    /// K, the number of components.
    pub fn components(&self) -> usize {
        self.law.components()
    }

    /// d, the dimension of the space.
    pub fn dimension(&self) -> usize {
        self.law.dimension()
    }

    /// The data law that is seen through the channel.
    pub fn law(&self) -> &Mixture {
        &self.law
    }

    /// The channel.
    pub fn channel(&self) -> Channel {
        self.channel
    }

    pub(crate) fn isa(&self) -> Isa {
        self.isa
    }

    /// K×d×d: for full covariances, the posterior covariance s²Σ_kV_k⁻¹ of each component alone; made at
    /// its first use, empty for the other kinds.
    pub(crate) fn full_within(&self) -> &[T] {
        self.full_within.get_or_init(|| match self.law.covariance() {
            Covariance::Full(all) => {
                all.iter().flat_map(|c| full_within::<T>(c, self.channel)).collect()
            }
            _ => Vec::new(),
        })
    }
}

/// Refuses a channel whose numbers, or whose products with the means, do not fit T.
fn check_channel<T: Real>(law: &Mixture, channel: Channel) -> Result<()> {
    let largest_mean = law.means().iter().fold(0.0f64, |m, mu| m.max(mu.abs()));
    let reach = channel.a() * largest_mean.max(1.0);
    if reach > T::MAX.to_f64() / 16.0 {
        let expected = "a number within a sixteenth of the format's range";
        return Err(Error::Domain { what: "a·|mean|", value: reach, expected });
    }
    if channel.s() < T::MIN_POSITIVE.to_f64() {
        let expected = "a number in the format's normal range";
        return Err(Error::Domain { what: "s", value: channel.s(), expected });
    }
    Ok(())
}

fn rounded<T: Real>(values: impl IntoIterator<Item = f64>) -> Result<Vec<T>> {
    values
        .into_iter()
        .map(|value| {
            let fit = T::from_f64(value);
            // A sixteenth, so that differences of means and sums of a few of them stay finite.
            if fit.abs() <= T::from_f64(T::MAX.to_f64() / 16.0) {
                return Ok(fit);
            }
            let expected = "a number within a sixteenth of the format's range";
            Err(Error::Domain { what: "a mean", value, expected })
        })
        .collect()
}

/// a²λ + s².
fn noised_variance(channel: Channel, variance: f64) -> f64 {
    let (a, s) = (channel.a(), channel.s());
    (a * a).mul_add(variance, s * s)
}

/// ln w_k − ½ Σ_i ln v_i, summed in coordinate order; refuses a v outside T's comfortable range.
fn log_constant<T: Real>(law: &Mixture, channel: Channel, k: usize) -> Result<f64> {
    // Both 1/v and products of 1/v with moderate numbers stay normal in this range.
    let (lowest, highest) = (T::MIN_POSITIVE.to_f64() * 256.0, T::MAX.to_f64() / 256.0);
    let log = |variance: f64| -> Result<f64> {
        let v = noised_variance(channel, variance);
        if v >= lowest && v <= highest {
            return Ok(ln::ln::<f64, Hardware>(v));
        }
        Err(Error::Domain {
            what: "a²·variance + s²",
            value: v,
            expected: "a number whose reciprocal is in the format's normal range",
        })
    };
    let d = law.dimension();
    let log_determinant = match law.covariance() {
        Covariance::Isotropic(v) => d as f64 * log(v[k])?,
        Covariance::Diagonal(v) => v.row(k).iter().try_fold(0.0, |sum, &x| Ok(sum + log(x)?))?,
        Covariance::Full(v) => {
            v[k].eigen().values.iter().try_fold(0.0, |sum, &x| Ok(sum + log(x)?))?
        }
    };
    Ok(ln::ln::<f64, Hardware>(law.weights()[k]) - 0.5 * log_determinant)
}

fn form<T: Real>(law: &Mixture, channel: Channel) -> Form<T> {
    let precision = |variance: &f64| T::from_f64(1.0 / noised_variance(channel, *variance));
    let gain =
        |variance: &f64| T::from_f64(channel.a() * variance / noised_variance(channel, *variance));
    let within = |variance: &f64| T::from_f64(posterior_variance(channel, *variance));
    match law.covariance() {
        Covariance::Isotropic(v) => Form::Isotropic {
            precision: v.iter().map(precision).collect(),
            gain: v.iter().map(gain).collect(),
            within: v.iter().map(within).collect(),
        },
        Covariance::Diagonal(v) => Form::Diagonal {
            precision: v.iter().map(precision).collect(),
            gain: v.iter().map(gain).collect(),
            within: v.iter().map(within).collect(),
        },
        Covariance::Full(v) => Form::Full {
            whitener: v.iter().flat_map(|c| whitener::<T>(c, channel)).collect(),
            gain: v
                .iter()
                .flat_map(|c| &c.eigen().values)
                .map(|&value| T::from_f64(channel.a() * value))
                .collect(),
        },
    }
}

fn whitener<T: Real>(covariance: &FullCovariance, channel: Channel) -> Vec<T> {
    let eigen = covariance.eigen();
    let d = eigen.values.len();
    let mut rows = Vec::with_capacity(d * d);
    for (j, &value) in eigen.values.iter().enumerate() {
        let scale = 1.0 / noised_variance(channel, value).sqrt();
        rows.extend((0..d).map(|i| T::from_f64(scale * eigen.vectors[[i, j]])));
    }
    rows
}

/// s²λ/(a²λ + s²): the quotient first, since s²λ itself may leave the range.
fn posterior_variance(channel: Channel, variance: f64) -> f64 {
    channel.s() * channel.s() * (variance / noised_variance(channel, variance))
}

fn full_within<T: Real>(covariance: &FullCovariance, channel: Channel) -> Vec<T> {
    let eigen = covariance.eigen();
    let d = eigen.values.len();
    let widths: Vec<f64> =
        eigen.values.iter().map(|&value| posterior_variance(channel, value)).collect();
    let mut out = vec![T::ZERO; d * d];
    for i in 0..d {
        for j in 0..=i {
            let mut sum = 0.0f64;
            for (l, &width) in widths.iter().enumerate() {
                sum = (width * eigen.vectors[[i, l]]).mul_add(eigen.vectors[[j, l]], sum);
            }
            out[i * d + j] = T::from_f64(sum);
            out[j * d + i] = T::from_f64(sum);
        }
    }
    out
}

/// The largest ‖x‖∞ for which every intermediate of the evaluation is at most T's largest number.
///
/// With g² = 1/v_min, ζ = ‖x‖∞ + a·max|μ| and G = max(aλ/v): the whitened square is at most g²dζ² (and the isotropic
/// form sums ‖z‖² ≤ dζ² before it multiplies by 1/v, so g² counts as at least 1), a
/// precision product at most g²√d·ζ, a denoised summand at most 2max|μ| + G√d·ζ; sums over K
/// components of at most K times as much. Sixteen leaves room for the rounding of all of them.
fn safe_radius<T: Real>(law: &Mixture, channel: Channel) -> f64 {
    let (d, k) = (law.dimension() as f64, law.components() as f64);
    let (mut lowest, mut gain) = (f64::INFINITY, 0.0f64);
    for component in 0..law.components() {
        let mut visit = |variance: f64| {
            let v = noised_variance(channel, variance);
            lowest = lowest.min(v);
            gain = gain.max(channel.a() * variance / v);
        };
        match law.covariance() {
            Covariance::Isotropic(v) => visit(v[component]),
            Covariance::Diagonal(v) => v.row(component).iter().for_each(|&x| visit(x)),
            Covariance::Full(v) => v[component].eigen().values.iter().for_each(|&x| visit(x)),
        }
    }
    let room = T::MAX.to_f64() / 16.0;
    let largest_mean = law.means().iter().fold(0.0f64, |m, x| m.max(x.abs()));
    // Two roots, since the product of the two may leave f64's range.
    let square = room.sqrt() * (lowest.min(1.0) / d).sqrt();
    let product = room / (k * d.sqrt()) * lowest;
    let denoised = (room / k - 2.0 * largest_mean) / (gain * d.sqrt()).max(1.0);
    let limit = square.min(product).min(denoised);
    let radius = limit - channel.a() * largest_mean;
    // Below zero no point qualifies, not even the origin.
    if radius >= 0.0 { radius } else { -1.0 }
}
