//! The Gaussian channel x = a·x₀ + s·ε, the schedules that run through channels, and tables of them.
//!
//! Floor 1. Uses `arith`, `error`. Spec: notation, T3.

pub mod schedule;
pub mod steps;

use crate::arith::wide::Wide;
use crate::error::{Error, Result};

pub use schedule::Schedule;
pub use steps::Steps;

/// The Gaussian channel (a, s): x = a·x₀ + s·ε with ε ~ N(0, I), a ≥ 0, s > 0, both finite.
///
/// Both numbers are kept, never one from the other, so neither end of a schedule loses precision. Every named
/// constructor computes each in double-word arithmetic and rounds it once: a and s are within 0.5 + 2⁻³⁰ ULP
/// of their formulas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Channel {
    a: f64,
    s: f64,
}

impl Channel {
    /// The channel with signal factor `a` ≥ 0 and noise deviation `s` > 0.
    ///
    /// Errors: `Error::Domain` where a number is not finite, a < 0 or s ≤ 0.
    pub fn new(a: f64, s: f64) -> Result<Self> {
        if !(a.is_finite() && a >= 0.0) {
            return Err(Error::Domain {
                what: "a",
                value: a,
                expected: "a finite number, at least 0",
            });
        }
        if !(s.is_finite() && s > 0.0) {
            return Err(Error::Domain { what: "s", value: s, expected: "a finite number above 0" });
        }
        Ok(Channel { a, s })
    }

    /// a = 1, s = σ: variance exploding (Song and Ermon 2019), and the form of Karras et al. 2022.
    ///
    /// Errors: `Error::Domain` where σ is not finite or not above 0.
    pub fn variance_exploding(sigma: f64) -> Result<Self> {
        if !(sigma.is_finite() && sigma > 0.0) {
            return Err(Error::Domain {
                what: "sigma",
                value: sigma,
                expected: "a finite number above 0",
            });
        }
        Ok(Channel { a: 1.0, s: sigma })
    }

    /// a = √ᾱ, s = √(1−ᾱ): variance preserving (Ho et al. 2020), from ᾱ taken as exact.
    ///
    /// Where 1−ᾱ is the small number that is known, `variance_preserving_from_complement` loses nothing.
    /// Errors: `Error::Domain` where ᾱ is not in [0, 1).
    pub fn variance_preserving(alpha_bar: f64) -> Result<Self> {
        if !(0.0..1.0).contains(&alpha_bar) {
            return Err(Error::Domain {
                what: "alpha-bar",
                value: alpha_bar,
                expected: "a number in [0, 1)",
            });
        }
        let s = Wide::sum(1.0, -alpha_bar).sqrt();
        Ok(Channel { a: alpha_bar.sqrt(), s: s.to_f64() })
    }

    /// a = √(1−c), s = √c: variance preserving, from c = 1−ᾱ taken as exact.
    ///
    /// Errors: `Error::Domain` where c is not in (0, 1].
    pub fn variance_preserving_from_complement(complement: f64) -> Result<Self> {
        if !(complement > 0.0 && complement <= 1.0) {
            return Err(Error::Domain {
                what: "1 - alpha-bar",
                value: complement,
                expected: "a number in (0, 1]",
            });
        }
        let a = Wide::sum(1.0, -complement).sqrt();
        Ok(Channel { a: a.to_f64(), s: complement.sqrt() })
    }

    /// The variance-preserving channel of log signal-to-noise ratio λ: a² = sigmoid(λ), s² = sigmoid(−λ).
    ///
    /// With h = e^(−|λ|/2) the larger of a and s is 1/√(1+h²) and the smaller h/√(1+h²). (Kingma et al. 2021.)
    /// Errors: `Error::Domain` where |λ| > 1000 or λ is NaN: there a or s would leave the range in which it is
    /// accurate.
    pub fn from_log_snr(lambda: f64) -> Result<Self> {
        if !(-1000.0..=1000.0).contains(&lambda) {
            return Err(Error::Domain {
                what: "log-SNR",
                value: lambda,
                expected: "a number in [-1000, 1000]",
            });
        }
        let h = Wide::new(-lambda.abs()).scaled(-1).exp();
        let norm = h.times(h).plus(Wide::ONE).sqrt();
        let (large, small) = (Wide::ONE.over(norm).to_f64(), h.over(norm).to_f64());
        let (a, s) = if lambda >= 0.0 { (large, small) } else { (small, large) };
        Channel::new(a, s)
    }

    /// The variance-preserving channel a = e^(ℓ/2), s = √(1 − e^ℓ), from ℓ = log ᾱ ≤ 0.
    ///
    /// Errors: `Error::Domain` where s rounds to 0, that is where ℓ = 0, or ℓ is NaN.
    fn from_log_alpha_bar(log_alpha_bar: Wide) -> Result<Self> {
        let s = log_alpha_bar.exp_m1().negated().sqrt();
        Channel::new(log_alpha_bar.scaled(-1).exp().to_f64(), s.to_f64())
    }

    /// The signal factor a.
    pub fn a(self) -> f64 {
        self.a
    }

    /// The noise deviation s.
    pub fn s(self) -> f64 {
        self.s
    }

    /// λ = 2 ln a − 2 ln s, within 0.5 + 2⁻³⁰ ULP for the a and s that are kept, near 0 too.
    ///
    /// It is −∞ where a = 0, and only there: no finite number would be right.
    pub fn log_snr(self) -> f64 {
        if self.a == 0.0 {
            return f64::NEG_INFINITY;
        }
        // ln(a/s) from (a − s)/s has no cancellation where a is near s.
        let (a, s) = (Wide::new(self.a), Wide::new(self.s));
        if self.a < 2.0 * self.s && self.s < 2.0 * self.a {
            return a.minus(s).over(s).ln_1p().scaled(1).to_f64();
        }
        a.ln().minus(s.ln()).scaled(1).to_f64()
    }

    /// a²/s², 0 where a = 0. Relative error at most 3u + 3u² where it neither over- nor underflows; infinite where
    /// it exceeds the largest f64.
    pub fn signal_to_noise(self) -> f64 {
        let ratio = self.a / self.s;
        ratio * ratio
    }

    /// σ = s/a, the noise deviation of the scaled variable x/a; within 0.5 ULP. Infinite where a = 0.
    pub fn sigma(self) -> f64 {
        self.s / self.a
    }

    /// a·s' − a'·s, which is positive where `self` has the higher signal-to-noise ratio; relative error 2u
    /// (Jeannerod, Louvet and Muller 2013: Kahan's difference of products).
    pub(crate) fn advantage(self, other: Channel) -> f64 {
        difference_of_products(self.a, other.s, other.a, self.s)
    }
}

/// a·b − c·d with relative error 2u (Kahan; Jeannerod, Louvet and Muller 2013), barring under- and overflow.
pub(crate) fn difference_of_products(a: f64, b: f64, c: f64, d: f64) -> f64 {
    let w = c * d;
    let error = (-c).mul_add(d, w);
    a.mul_add(b, -w) + error
}
