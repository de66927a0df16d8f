//! The constraint between a prediction and the prediction at a perturbed point: equivariance, and invariance.
//!
//! Floor 4. Uses `arith`, `channel`, `denoiser`, `error`, `tweedie`. Spec: E1, E2, E3.

use std::fmt;
use std::str::FromStr;

use ndarray::{Array2, ArrayView2};

use super::{Mix, Weighting, squares};
use crate::arith::wide::Wide;
use crate::arith::{Isa, Kernel, MulAdd, Real};
use crate::channel::Channel;
use crate::denoiser::{Cotangent, Prediction, check_flat, check_shape};
use crate::error::{Error, Result};
use crate::tweedie::Kind;

/// What is asked of the noise prediction at a perturbed point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Constraint {
    /// ε̂(x′) = ε̂(x) + ω: the perturbation is noise, and is to be predicted as noise. Residual R.
    Equivariance,
    /// ε̂(x′) = ε̂(x): the habit of classifiers, kept as the baseline that must fail (E3). Residual Q.
    Invariance,
}

impl Constraint {
    /// Both.
    pub const ALL: [Constraint; 2] = [Constraint::Equivariance, Constraint::Invariance];

    /// The name that `from_str` reads.
    pub fn name(self) -> &'static str {
        match self {
            Constraint::Equivariance => "equivariance",
            Constraint::Invariance => "invariance",
        }
    }
}

impl Constraint {
    /// c_ε and c_D: what is expected of ε̂ and D̂ at x′ = x + h·ω, in units of ω. c_ε is 1 for equivariance and 0 for
    /// invariance, and c_D = (h − s·c_ε)/a is what that leaves: 0 for equivariance in noise units, whatever a is.
    /// Infinite where a = 0 and something is left.
    pub fn expected(self, units: Units, channel: Channel) -> [f64; 2] {
        let of_noise = if self == Constraint::Equivariance { 1.0 } else { 0.0 };
        let left = units.scale(channel) - of_noise * channel.s();
        [of_noise, if left == 0.0 { 0.0 } else { left / channel.a() }]
    }
}

impl FromStr for Constraint {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Constraint::ALL.into_iter().find(|c| c.name() == name).ok_or_else(|| Error::Unknown {
            what: "constraint",
            name: name.to_string(),
            expected: Constraint::ALL.map(Constraint::name).join(", "),
        })
    }
}

/// What a perturbation ω is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Units {
    /// x′ = x + s·ω: ω is noise (the source method's forward formula, and the default).
    Noise,
    /// x′ = x + ω (the source method's displayed loss).
    Input,
}

impl Units {
    /// Both.
    pub const ALL: [Units; 2] = [Units::Noise, Units::Input];

    /// The name that `from_str` reads.
    pub fn name(self) -> &'static str {
        match self {
            Units::Noise => "noise",
            Units::Input => "input",
        }
    }

    /// h in x′ = x + h·ω: s or 1.
    pub fn scale(self, channel: Channel) -> f64 {
        match self {
            Units::Noise => channel.s(),
            Units::Input => 1.0,
        }
    }
}

impl fmt::Display for Units {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Units {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Units::ALL.into_iter().find(|units| units.name() == name).ok_or_else(|| Error::Unknown {
            what: "units",
            name: name.to_string(),
            expected: Units::ALL.map(Units::name).join(", "),
        })
    }
}

/// λ as a function of the level: λ(s) = λ₀·s^q, constant for q = 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Strength {
    /// λ₀, at least 0.
    pub lambda: f64,
    /// q.
    pub power: f64,
}

impl Strength {
    /// Errors: `Error::Domain` where λ₀ is negative or a number is not finite.
    pub fn new(lambda: f64, power: f64) -> Result<Self> {
        if !(lambda.is_finite() && lambda >= 0.0) {
            return Err(Error::Domain {
                what: "lambda",
                value: lambda,
                expected: "a finite number, at least 0",
            });
        }
        if !power.is_finite() {
            return Err(Error::Domain {
                what: "lambda's power",
                value: power,
                expected: "a finite number",
            });
        }
        Ok(Strength { lambda, power })
    }

    /// λ at a channel; two roundings from its formula.
    pub fn at(self, channel: Channel) -> f64 {
        self.lambda * power(channel.s(), self.power)
    }
}

/// s^q, rounded once (0.5 + 2⁻³⁰ ULP where q·ln s is of moderate size); the customary powers without a logarithm.
pub(super) fn power(s: f64, exponent: f64) -> f64 {
    if exponent == 0.0 {
        1.0
    } else if exponent == 1.0 {
        s
    } else if exponent == 2.0 {
        s * s
    } else {
        Wide::new(s).powered(Wide::new(exponent)).to_f64()
    }
}

/// λ·w·‖r‖², r the constraint's residual in the parametrisation of the matching term.
///
/// For a parametrisation with P̂ − P = α(ε̂ − ε) + β(D̂ − x₀) it is
/// r = α·(Δε̂ − c_ε·ω) + β·(ΔD̂ − c_D·ω), Δ the difference between x′ and x, where c_ε = 1 for equivariance and 0 for
/// invariance and c_D = (h − s·c_ε)/a is what x′ = x + h·ω leaves for D̂. For equivariance in noise units c_D = 0: the
/// noise prediction is equivariant exactly where the denoised one is invariant (E1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Consistency {
    /// R or Q.
    pub constraint: Constraint,
    /// What ω is measured in.
    pub units: Units,
    /// λ.
    pub strength: Strength,
    /// Whether the prediction at x counts as a constant of this term.
    ///
    /// Without it both branches move, and the gradient is that of the stated loss, whose optima are E2 to E6. With
    /// it −2λ·E[r·∂P̂(x)/∂θ] is left out, and training follows the gradient of no loss. For an affine prediction and ω
    /// of mean zero, independent of x, that part vanishes in expectation and E2 and E3 still come out; for other
    /// functions, or an adversarial ω, they need not.
    pub stop_gradient: bool,
}

/// The constraint's losses at a batch's rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Consistent<T> {
    /// λ·w·‖r‖², a row each.
    pub values: Vec<T>,
    /// The gradient of their sum with respect to the prediction at x′.
    pub perturbed: Cotangent<T>,
    /// The same at x; nothing with `stop_gradient`.
    pub clean: Cotangent<T>,
}

impl Consistency {
    /// The loss of every row.
    ///
    /// `clean` is the prediction at x, `perturbed` that at x′ and `omega` the perturbation ω, N×d.
    /// Errors: `Error::Shape`; `Error::Domain` where a = 0 and the denoised prediction enters with c_D ≠ 0;
    /// `Error::NotFinite` with the row where a loss overflows.
    pub fn evaluate<T: Real>(
        &self,
        channels: &[Channel],
        (parametrisation, weighting): (Kind, Weighting),
        clean: &Prediction<T>,
        perturbed: &Prediction<T>,
        omega: ArrayView2<'_, T>,
    ) -> Result<Consistent<T>> {
        let columns = omega.ncols();
        for array in [&clean.noise, &clean.denoised, &perturbed.noise, &perturbed.denoised] {
            check_shape("prediction", array.view(), (channels.len(), columns))?;
        }
        check_shape("perturbation", omega, (channels.len(), columns))?;
        let mixes: Vec<Mix> =
            channels.iter().map(|&channel| Mix::of(parametrisation, channel)).collect();
        let factors: Vec<f64> =
            channels.iter().map(|&c| self.strength.at(c) * weighting.at(c)).collect();
        let mut of_noise = Array2::default(omega.dim());
        let mut of_denoised = Array2::default(omega.dim());
        for (n, (&channel, mix)) in channels.iter().zip(&mixes).enumerate() {
            let [c_noise, c_denoised] = self.shares(*mix, channel)?.map(T::from_f64);
            for i in 0..columns {
                let at = [n, i];
                of_noise[at] = (perturbed.noise[at] - clean.noise[at]) - c_noise * omega[at];
                of_denoised[at] =
                    (perturbed.denoised[at] - clean.denoised[at]) - c_denoised * omega[at];
            }
        }
        let (values, perturbed) = squares(&mixes, &factors, of_noise.view(), of_denoised.view());
        check_flat("consistency loss", &values)?;
        let clean = if self.stop_gradient {
            Cotangent { denoised: None, noise: None }
        } else {
            let minus = |v: &Option<Array2<T>>| v.as_ref().map(|v| v.mapv(|entry| -entry));
            Cotangent { denoised: minus(&perturbed.denoised), noise: minus(&perturbed.noise) }
        };
        Ok(Consistent { values, perturbed, clean })
    }

    /// c_ε and c_D; where D̂ does not enter, neither does its share, which a = 0 would make infinite.
    ///
    /// Errors: `Error::Domain` where D̂ enters and its share is not finite.
    pub(crate) fn shares(&self, mix: Mix, channel: Channel) -> Result<[f64; 2]> {
        let [of_noise, of_denoised] = self.constraint.expected(self.units, channel);
        if mix.denoised == 0.0 {
            return Ok([of_noise, 0.0]);
        }
        Ok([of_noise, finite_share(channel, of_denoised)?])
    }
}

/// Errors where D̂'s share of the perturbation is not finite.
fn finite_share(channel: Channel, share: f64) -> Result<f64> {
    if share.is_finite() {
        return Ok(share);
    }
    Err(Error::Domain {
        what: "a",
        value: channel.a(),
        expected: "more than 0: the denoised prediction's share of the perturbation is divided by it",
    })
}

/// x′ = x + h·ω, one fused multiply–add a coordinate, h rounded to the scalar.
///
/// Errors: `Error::Shape`.
pub fn perturbed<T: Real>(
    channels: &[Channel],
    units: Units,
    x: ArrayView2<'_, T>,
    omega: ArrayView2<'_, T>,
) -> Result<Array2<T>> {
    check_shape("x", x, (channels.len(), x.ncols()))?;
    check_shape("perturbation", omega, x.dim())?;
    let mut point = x.as_standard_layout().into_owned();
    let omega = omega.as_standard_layout();
    let factors: Vec<T> = channels.iter().map(|&c| T::from_f64(units.scale(c))).collect();
    if let (Some(point), Some(omega)) = (point.as_slice_mut(), omega.as_slice()) {
        add_scaled(&factors, omega, point);
    }
    Ok(point)
}

/// Row n of `sum` += factor_n·(row n of `values`), one fma an entry; both N×d, N the number of factors.
pub(crate) fn add_scaled<T: Real>(factors: &[T], values: &[T], sum: &mut [T]) {
    Isa::best().run(AddScaled { factors, values, sum });
}

struct AddScaled<'a, T> {
    factors: &'a [T],
    values: &'a [T],
    sum: &'a mut [T],
}

impl<T: Real> Kernel for AddScaled<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<M: MulAdd>(self) {
        let width = self.sum.len() / self.factors.len().max(1);
        let rows =
            self.sum.chunks_exact_mut(width.max(1)).zip(self.values.chunks_exact(width.max(1)));
        for ((sum, values), &factor) in rows.zip(self.factors) {
            for (sum, &value) in sum.iter_mut().zip(values) {
                *sum = M::mul_add(factor, value, *sum);
            }
        }
    }
}
