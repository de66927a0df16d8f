//! Schedules: a map t ↦ (a, s) from t in [0, 1] to a channel, and nothing more.
//!
//! t = 1 is the noisy end and t = 0 the clean one. Every map is evaluated in double-word arithmetic and rounded
//! once, so a and s are within 0.5 + 2⁻³⁰ ULP of the formulas below (for t of at least 2⁻⁴⁰⁰, or t = 0) and are
//! monotone in t.
//!
//! Floor 1. Uses `arith`, `channel`, `error`. Spec: notation.

use std::fmt;
use std::str::FromStr;

use crate::arith::wide::{HALF_TURN, Wide};
use crate::channel::Channel;
use crate::error::{Error, Result};

/// 2⁻⁴⁰⁰: below it the low words of double-word products underflow.
const LOWEST_TIME: f64 = f64::from_bits((1023 - 400) << 52);

/// A map t ↦ (a(t), s(t)) on [0, 1] whose signal-to-noise ratio falls as t grows.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Schedule {
    /// β(t) = start + (end − start)·t, ᾱ = exp(−∫₀ᵗ β), a = √ᾱ, s = √(1−ᾱ) (Song et al. 2021, VP).
    ///
    /// With start = 0.1, end = 20 it is the limit of the 1000 steps of Ho et al. 2020.
    VpLinear {
        /// β(0), at least 0.
        start: f64,
        /// β(1), at least β(0) and above 0.
        end: f64,
    },
    /// f(t) = cos²((t + o)/(1 + o)·π/2), ᾱ = f(t)/f(0), a = √ᾱ, s = √(1−ᾱ) (Nichol and Dhariwal 2021).
    VpCosine {
        /// o, in [0, 1].
        offset: f64,
    },
    /// a = 1, s = σ_min·(σ_max/σ_min)ᵗ (Song et al. 2021, VE).
    VeGeometric {
        /// s(0), above 0.
        sigma_min: f64,
        /// s(1), above σ_min.
        sigma_max: f64,
    },
    /// a = 1, s = (σ_min^(1/ρ) + t·(σ_max^(1/ρ) − σ_min^(1/ρ)))^ρ (Karras et al. 2022, eq. 5).
    Edm {
        /// s(0), above 0.
        sigma_min: f64,
        /// s(1), above σ_min.
        sigma_max: f64,
        /// ρ, at least 1.
        rho: f64,
    },
    /// a = 1 − t, s = t (Liu et al. 2022).
    Rectified,
}

impl Schedule {
    /// The names that `from_str` reads, in the order of the variants.
    pub const NAMES: [&'static str; 5] = ["vp-linear", "vp-cosine", "ve", "edm", "rectified"];

    /// `VpLinear` with β from 0.1 to 20.
    pub const VP_LINEAR: Schedule = Schedule::VpLinear { start: 0.1, end: 20.0 };
    /// `VpCosine` with offset 0.008.
    pub const VP_COSINE: Schedule = Schedule::VpCosine { offset: 0.008 };
    /// `VeGeometric` from 0.01 to 50.
    pub const VE_GEOMETRIC: Schedule = Schedule::VeGeometric { sigma_min: 0.01, sigma_max: 50.0 };
    /// `Edm` from 0.002 to 80 with ρ = 7.
    pub const EDM: Schedule = Schedule::Edm { sigma_min: 0.002, sigma_max: 80.0, rho: 7.0 };

    /// The channel at t.
    ///
    /// Errors: `Error::Domain` where t is outside [0, 1], where a parameter is outside its domain, and where
    /// s(t) = 0: at t = 0 of the variance-preserving and rectified schedules. a(1) = 0 is legal.
    pub fn channel(self, t: f64) -> Result<Channel> {
        self.check()?;
        if !(0.0..=1.0).contains(&t) {
            return Err(Error::Domain { what: "t", value: t, expected: "a number in [0, 1]" });
        }
        if t == 0.0 && !self.starts_noisy() {
            return Err(Error::Domain {
                what: "t",
                value: t,
                expected: "a number above 0, since s(0) = 0",
            });
        }
        match self {
            Schedule::VpLinear { start, end } => {
                Channel::from_log_alpha_bar(linear_integral(start, end, t).negated())
            }
            Schedule::VpCosine { offset } => cosine(offset, t),
            Schedule::VeGeometric { sigma_min, sigma_max } => {
                let exponent = Wide::new(sigma_max).over(Wide::new(sigma_min)).ln();
                let s = exponent.times(Wide::new(t)).exp().times(Wide::new(sigma_min));
                Channel::new(1.0, s.to_f64())
            }
            Schedule::Edm { sigma_min, sigma_max, rho } => edm(sigma_min, sigma_max, rho, t),
            Schedule::Rectified => Channel::new(Wide::sum(1.0, -t).to_f64(), t),
        }
    }

    /// Whether t = 0 is still a noisy channel (VE, EDM) rather than the data itself.
    pub fn starts_noisy(self) -> bool {
        matches!(self, Schedule::VeGeometric { .. } | Schedule::Edm { .. })
    }

    /// The largest t whose signal-to-noise ratio, as `channel` computes it, is at least that of `channel`.
    ///
    /// By bisection to the last bit of t: a(t) and s(t) are rounded once and so monotone, and s(t)·a ≤ s·a(t) is
    /// a comparison of monotone numbers. A channel made by `Schedule::channel(t)` gives back t wherever a(t) and
    /// s(t) tell t from its neighbours.
    /// Errors: `Error::Domain` where the ratio is outside the schedule's range, or t would be below 2⁻⁴⁰⁰.
    pub fn time_of(self, channel: Channel) -> Result<f64> {
        self.check()?;
        let cleaner = |t: f64| -> Result<bool> {
            let at = self.channel(t)?;
            Ok(at.s() * channel.a() <= channel.s() * at.a())
        };
        let outside = |expected| Error::Domain { what: "sigma", value: channel.sigma(), expected };
        let lowest = if self.starts_noisy() { 0.0 } else { LOWEST_TIME };
        if !cleaner(lowest)? {
            return Err(outside("a noise level that the schedule reaches"));
        }
        if cleaner(1.0)? {
            let last = self.channel(1.0)?;
            let equal = last.s() * channel.a() == channel.s() * last.a();
            return if equal {
                Ok(1.0)
            } else {
                Err(outside("a noise level that the schedule reaches"))
            };
        }
        // Positive floats are ordered as their bit patterns: halve the patterns between.
        let (mut low, mut high) = (lowest.to_bits(), 1.0_f64.to_bits());
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if cleaner(f64::from_bits(middle))? {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(f64::from_bits(low))
    }

    /// The t of log signal-to-noise ratio λ, in [−1000, 1000]; see `time_of`.
    pub fn time_of_log_snr(self, lambda: f64) -> Result<f64> {
        self.time_of(Channel::from_log_snr(lambda)?)
    }

    /// The t of ᾱ = a²/(a² + s²), in [0, 1); see `time_of`.
    pub fn time_of_alpha_bar(self, alpha_bar: f64) -> Result<f64> {
        self.time_of(Channel::variance_preserving(alpha_bar)?)
    }

    /// The t of σ = s/a, above 0; see `time_of`.
    pub fn time_of_sigma(self, sigma: f64) -> Result<f64> {
        self.time_of(Channel::variance_exploding(sigma)?)
    }

    /// Errors: `Error::Domain` with the first parameter that is outside its domain.
    fn check(self) -> Result<()> {
        let require = |holds: bool, what, value, expected| {
            if holds { Ok(()) } else { Err(Error::Domain { what, value, expected }) }
        };
        match self {
            Schedule::VpLinear { start, end } => {
                require((0.0..=1e6).contains(&start), "beta start", start, "a number in [0, 1e6]")?;
                let holds = end >= start && end > 0.0 && end <= 1e6;
                require(holds, "beta end", end, "a number in (0, 1e6], at least beta start")
            }
            Schedule::VpCosine { offset } => {
                require((0.0..=1.0).contains(&offset), "offset", offset, "a number in [0, 1]")
            }
            Schedule::VeGeometric { sigma_min, sigma_max }
            | Schedule::Edm { sigma_min, sigma_max, .. } => {
                let holds = (1e-100..=1e100).contains(&sigma_min);
                require(holds, "sigma min", sigma_min, "a number in [1e-100, 1e100]")?;
                let holds = sigma_max > sigma_min && sigma_max <= 1e100;
                require(holds, "sigma max", sigma_max, "a number above sigma min, at most 1e100")?;
                match self {
                    Schedule::Edm { rho, .. } => {
                        require((1.0..=1e3).contains(&rho), "rho", rho, "a number in [1, 1000]")
                    }
                    _ => Ok(()),
                }
            }
            Schedule::Rectified => Ok(()),
        }
    }
}

/// ∫₀ᵗ β = t·(start + t·(end − start)/2).
fn linear_integral(start: f64, end: f64, t: f64) -> Wide {
    let slope = Wide::sum(end, -start).scaled(-1);
    slope.times(Wide::new(t)).plus(Wide::new(start)).times(Wide::new(t))
}

/// The quarter-turn angle (t + o)/(1 + o)·π/2.
pub(super) fn cosine_angle(offset: f64, t: Wide) -> Wide {
    t.plus(Wide::new(offset)).over(Wide::sum(1.0, offset)).times(HALF_TURN)
}

/// The angle between t' and t' + t: t/(1 + o)·π/2.
pub(super) fn cosine_span(offset: f64, t: Wide) -> Wide {
    t.over(Wide::sum(1.0, offset)).times(HALF_TURN)
}

/// The angle's complement π/2 − angle = (1 − t)/(1 + o)·π/2, whose sine is the angle's cosine.
pub(super) fn cosine_complement(offset: f64, t: Wide) -> Wide {
    Wide::ONE.minus(t).over(Wide::sum(1.0, offset)).times(HALF_TURN)
}

/// With A, B the angles at t and 0: a = cos A/cos B, and s² = (cos²B − cos²A)/cos²B = sin(A+B)·sin(A−B)/cos²B,
/// where A − B = t/(1+o)·π/2, so nothing cancels as t → 0.
fn cosine(offset: f64, t: f64) -> Result<Channel> {
    let t = Wide::new(t);
    let scale = cosine_complement(offset, Wide::ZERO).sin();
    let a = cosine_complement(offset, t).sin().over(scale);
    let angle = cosine_angle(offset, t);
    let sum = angle.plus(cosine_angle(offset, Wide::ZERO));
    let s = sine_up_to_half_turn(sum).times(cosine_span(offset, t).sin()).sqrt().over(scale);
    Channel::new(a.to_f64(), s.to_f64())
}

/// sin x for x in [0, π]: the sine of π − x beyond π/2, so that the series stays short.
pub(super) fn sine_up_to_half_turn(x: Wide) -> Wide {
    let rest = HALF_TURN.scaled(1).minus(x);
    if rest.to_f64() < x.to_f64() { rest.sin() } else { x.sin() }
}

fn edm(sigma_min: f64, sigma_max: f64, rho: f64, t: f64) -> Result<Channel> {
    // The ends are the parameters themselves: the formula at t = 1 is within 2⁻⁸⁰ of σ_max, but not equal.
    let s = if t == 0.0 {
        sigma_min
    } else if t == 1.0 {
        sigma_max
    } else {
        let inverse = Wide::ONE.over(Wide::new(rho));
        let low = Wide::new(sigma_min).powered(inverse);
        let high = Wide::new(sigma_max).powered(inverse);
        let root = low.plus(high.minus(low).times(Wide::new(t)));
        root.powered(Wide::new(rho)).to_f64()
    };
    Channel::new(1.0, s)
}

impl fmt::Display for Schedule {
    /// The name that `from_str` reads; parameters are not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Schedule::VpLinear { .. } => "vp-linear",
            Schedule::VpCosine { .. } => "vp-cosine",
            Schedule::VeGeometric { .. } => "ve",
            Schedule::Edm { .. } => "edm",
            Schedule::Rectified => "rectified",
        })
    }
}

impl FromStr for Schedule {
    type Err = Error;

    /// The schedule of a name in `Schedule::NAMES`, with its paper's parameters.
    fn from_str(name: &str) -> Result<Self> {
        match name {
            "vp-linear" => Ok(Schedule::VP_LINEAR),
            "vp-cosine" => Ok(Schedule::VP_COSINE),
            "ve" => Ok(Schedule::VE_GEOMETRIC),
            "edm" => Ok(Schedule::EDM),
            "rectified" => Ok(Schedule::Rectified),
            _ => Err(Error::Unknown {
                what: "schedule",
                name: name.to_owned(),
                expected: Schedule::NAMES.join(", "),
            }),
        }
    }
}
