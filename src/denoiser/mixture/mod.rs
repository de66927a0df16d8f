//! The mixture-parametrised denoiser: the exact denoiser of a Gaussian mixture whose parameters are learned.
//!
//! Its parameters can equal the truth, so that "the learned score is exact" can be tested to the last digits that
//! sample size, solver and rounding allow. `table` is what depends on the level, `passes` the arithmetic of a row,
//! `block` the batch.
//!
//! Floor 3. Uses `arith`, `channel`, `denoiser`, `error`, `law`. Spec: T1, T2, T4, N1, N2, N3.

mod block;
mod passes;
mod table;

use std::str::FromStr;

use ndarray::{Array2, ArrayView1, ArrayView2};

pub use block::{MixtureBlock, MixtureRecord};

use super::trainable::{jacobian_vector, predict, vector_jacobian};
use super::{Denoiser, Prediction, Tensor, Trainable};
use crate::arith::scalar::{exp, ln};
use crate::arith::{Isa, Real, fill_normal};
use crate::channel::Channel;
use crate::error::{Error, Result};
use crate::law::{Covariance, Mixture};

/// How many variances a component has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Variances {
    /// Σ_k = e^ℓ_k·I: one.
    Isotropic,
    /// Σ_k = diag(e^ℓ_ki): one a coordinate.
    Diagonal,
}

impl Variances {
    /// Both.
    pub const ALL: [Variances; 2] = [Variances::Isotropic, Variances::Diagonal];

    /// The name that `from_str` reads.
    pub fn name(self) -> &'static str {
        match self {
            Variances::Isotropic => "isotropic",
            Variances::Diagonal => "diagonal",
        }
    }
}

impl FromStr for Variances {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Variances::ALL.into_iter().find(|v| v.name() == name).ok_or_else(|| Error::Unknown {
            what: "covariance",
            name: name.to_string(),
            expected: Variances::ALL.map(Variances::name).join(", "),
        })
    }
}

/// D̂ = E[x₀ | x] and ε̂ = E[ε | x] for x₀ ~ Σ_k w_k N(μ_k, Σ_k), with θ = (logits, means, log variances).
///
/// w = softmax(logits), logits K; μ K×d; Σ from K (isotropic) or K×d (diagonal) log variances. With δ_k = x − a·μ_k,
/// V_k = a²Σ_k + s²I and r = softmax(logit_k − ½·δ_kᵀV_k⁻¹δ_k − ½·ln det V_k), both over k,
/// D̂ = Σ_k r_k(μ_k + aΣ_kV_k⁻¹δ_k) and ε̂ = Σ_k r_k·s·V_k⁻¹δ_k: neither is found from the other.
/// θ is not unique: a constant added to all logits, and the order of the components, change nothing.
/// Spec: T1, N1, N2. Range: [`MixtureDenoiser::from_parameters`] and `level`.
#[derive(Clone, Debug, PartialEq)]
pub struct MixtureDenoiser<T> {
    variances: Variances,
    components: usize,
    dimension: usize,
    parameters: Vec<T>,
    isa: Isa,
}

/// MAX^power in the format T, as a number of f64.
fn largest_to_the<T: Real>(power: f64) -> f64 {
    exp(power * ln(T::MAX.to_f64()))
}

impl<T: Real> MixtureDenoiser<T> {
    /// The denoiser with these parameters: K logits, K·d means a component after the other, and K or K·d log variances.
    ///
    /// Errors: `Error::Empty` where K = 0 or d = 0; `Error::Shape` where the number of parameters differs;
    /// `Error::NotFinite`; `Error::Entry` where a number leaves the range in which no table over- or underflows:
    /// |logit| ≤ MAX/16, |mean| ≤ MAX^0.7, |log variance| ≤ 0.4·ln MAX (35 in f32, 283 in f64), MAX the format's
    /// largest number.
    pub fn from_parameters(
        variances: Variances,
        components: usize,
        dimension: usize,
        parameters: &[T],
    ) -> Result<Self> {
        if components == 0 {
            return Err(Error::Empty { what: "mixture", expected: "component" });
        }
        if dimension == 0 {
            return Err(Error::Empty { what: "means", expected: "coordinate" });
        }
        let parameters = parameters.to_vec();
        let isa = Isa::best();
        let model = MixtureDenoiser { variances, components, dimension, parameters, isa };
        model.check(&model.parameters)?;
        Ok(model)
    }

    /// The exact denoiser of a law: logits ln w, its means, and ln of its variances, each rounded to T.
    ///
    /// Errors: `Error::Unknown` where the covariances are full; `Error::Entry` where a variance is 0 (its logarithm
    /// is no number); those of [`MixtureDenoiser::from_parameters`].
    pub fn from_law(law: &Mixture) -> Result<Self> {
        let (variances, values) = match law.covariance() {
            Covariance::Isotropic(values) => (Variances::Isotropic, values.clone()),
            Covariance::Diagonal(values) => (Variances::Diagonal, values.iter().copied().collect()),
            Covariance::Full(_) => {
                return Err(Error::Unknown {
                    what: "covariance",
                    name: law.covariance().kind().to_owned(),
                    expected: "isotropic, diagonal".to_owned(),
                });
            }
        };
        if let Some((at, &value)) = values.iter().enumerate().find(|(_, v)| **v <= 0.0) {
            let index = match variances {
                Variances::Isotropic => vec![at],
                Variances::Diagonal => vec![at / law.dimension(), at % law.dimension()],
            };
            let expected = "a variance above 0";
            return Err(Error::Entry { what: "covariance", index, value, expected });
        }
        let logits = law.weights().iter().map(|&w| ln(w));
        let parameters: Vec<T> = logits
            .chain(law.means().iter().copied())
            .chain(values.iter().map(|&v| ln(v)))
            .map(T::from_f64)
            .collect();
        Self::from_parameters(variances, law.components(), law.dimension(), &parameters)
    }

    /// A first guess: equal weights, K means drawn from N(mean, deviation²·I), all variances deviation².
    ///
    /// Mean k is the elements k·d to k·d + d − 1 of the normal stream (seed, 0). Errors: `Error::Domain` where the
    /// deviation is not above 0; those of [`MixtureDenoiser::from_parameters`].
    pub fn initial(
        seed: u64,
        variances: Variances,
        components: usize,
        mean: ArrayView1<'_, f64>,
        deviation: f64,
    ) -> Result<Self> {
        if !(deviation > 0.0 && deviation.is_finite()) {
            let expected = "a finite number above 0";
            return Err(Error::Domain { what: "deviation", value: deviation, expected });
        }
        let d = mean.len();
        let mut means = vec![0.0; components * d];
        fill_normal(seed, 0, 0, &mut means);
        for (at, entry) in means.iter_mut().enumerate() {
            *entry = deviation.mul_add(*entry, mean[at % d]);
        }
        let spread = T::from_f64(2.0 * ln(deviation));
        let each = if variances == Variances::Isotropic { 1 } else { d };
        let mut parameters = vec![T::ZERO; components];
        parameters.extend(means.iter().map(|&entry| T::from_f64(entry)));
        parameters.resize(components * (1 + d + each), spread);
        Self::from_parameters(variances, components, d, &parameters)
    }

    /// The same denoiser, computed in a chosen instruction set (the same bits in each; for tests and timing).
    pub fn with_isa(mut self, isa: Isa) -> Self {
        self.isa = isa;
        self
    }

    /// The law whose exact denoiser this is, in f64: w = softmax(logits), Σ = e^ℓ.
    ///
    /// Errors: those of [`Mixture::new`]: a weight that underflows to 0 is `Error::Entry`.
    pub fn law(&self) -> Result<Mixture> {
        let (k, d) = (self.components, self.dimension);
        let logits: Vec<f64> = self.logits().iter().map(|l| l.to_f64()).collect();
        let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = logits.iter().map(|&l| exp(l - largest)).collect();
        let total = crate::arith::sum(&weights);
        let weights = weights.iter().map(|w| w / total).collect();
        let mean = |(row, i): (usize, usize)| self.means()[row * d + i].to_f64();
        let variance = |at: usize| exp(self.log_variances()[at].to_f64());
        let covariance = match self.variances {
            Variances::Isotropic => Covariance::isotropic((0..k).map(variance).collect())?,
            Variances::Diagonal => {
                Covariance::diagonal(Array2::from_shape_fn((k, d), |(k, i)| variance(k * d + i)))?
            }
        };
        Mixture::new(weights, Array2::from_shape_fn((k, d), mean), covariance)
    }

    /// K.
    pub fn components(&self) -> usize {
        self.components
    }

    /// How many variances a component has.
    pub fn variances(&self) -> Variances {
        self.variances
    }

    /// 1 or d.
    fn width(&self) -> usize {
        match self.variances {
            Variances::Isotropic => 1,
            Variances::Diagonal => self.dimension,
        }
    }

    /// K.
    fn logits(&self) -> &[T] {
        &self.parameters[..self.components]
    }

    /// K×d.
    fn means(&self) -> &[T] {
        &self.parameters[self.components..self.components * (1 + self.dimension)]
    }

    /// K×1 or K×d.
    fn log_variances(&self) -> &[T] {
        &self.parameters[self.components * (1 + self.dimension)..]
    }

    fn check(&self, parameters: &[T]) -> Result<()> {
        let (k, d, width) = (self.components, self.dimension, self.width());
        let expected = k.checked_mul(1 + d + width);
        if Some(parameters.len()) != expected {
            return Err(Error::Shape {
                what: "parameters",
                found: vec![parameters.len()],
                expected: format!("{k} logits, {k}×{d} means and {k}×{width} log variances"),
            });
        }
        let (logits, rest) = parameters.split_at(k);
        let (means, log_variances) = rest.split_at(k * d);
        let most = T::MAX.to_f64() / 16.0;
        check_entries("logits", logits, None, most, "at most a sixteenth of the format's range")?;
        let most = largest_to_the::<T>(0.7);
        check_entries(
            "means",
            means,
            Some(d),
            most,
            "at most the format's largest number to the 0.7",
        )?;
        let most = 0.4 * ln(T::MAX.to_f64());
        let columns = (self.variances == Variances::Diagonal).then_some(d);
        check_entries("log_variances", log_variances, columns, most, "at most 0.4 of ln(largest)")
    }
}

/// Refuses the first entry that is not finite or larger than `most`; it has one index, or two where there are
/// `columns`.
fn check_entries<T: Real>(
    what: &'static str,
    entries: &[T],
    columns: Option<usize>,
    most: f64,
    expected: &'static str,
) -> Result<()> {
    for (at, entry) in entries.iter().enumerate() {
        let value = entry.to_f64();
        let index = || columns.map_or(vec![at], |columns| vec![at / columns, at % columns]);
        if !value.is_finite() {
            return Err(Error::NotFinite { what, index: index(), value });
        }
        if value.abs() > most {
            return Err(Error::Entry { what, index: index(), value, expected });
        }
    }
    Ok(())
}

impl<T: Real> Denoiser<T> for MixtureDenoiser<T> {
    fn dimension(&self) -> usize {
        self.dimension
    }

    fn predict(&self, channel: Channel, x: ArrayView2<'_, T>) -> Result<Prediction<T>> {
        predict(self, channel, x)
    }

    fn jacobian_vector(
        &self,
        channel: Channel,
        x: ArrayView2<'_, T>,
        v: ArrayView2<'_, T>,
    ) -> Result<Array2<T>> {
        jacobian_vector(self, channel, x, v)
    }

    fn vector_jacobian(
        &self,
        channel: Channel,
        x: ArrayView2<'_, T>,
        v: ArrayView2<'_, T>,
    ) -> Result<Array2<T>> {
        vector_jacobian(self, channel, x, v)
    }
}

impl<T: Real> Trainable<T> for MixtureDenoiser<T> {
    type Level = Channel;
    type Block<'a> = MixtureBlock<'a, T>;

    /// The channel itself. Errors: `Error::Domain` where a > MAX^0.25, or s is not between MAX^−0.45 and MAX^0.45
    /// (4e−18 and 2e17 in f32): beyond, a table could over- or underflow.
    fn level(&self, channel: Channel) -> Result<Channel> {
        if channel.a() > largest_to_the::<T>(0.25) {
            let expected = "at most the format's largest number to the 0.25";
            return Err(Error::Domain { what: "a", value: channel.a(), expected });
        }
        let (low, high) = (largest_to_the::<T>(-0.45), largest_to_the::<T>(0.45));
        if !(low..=high).contains(&channel.s()) {
            let expected = "a number whose square and its reciprocal are well inside the format";
            return Err(Error::Domain { what: "s", value: channel.s(), expected });
        }
        Ok(channel)
    }

    fn block<'a>(&'a self, levels: &[&'a Channel]) -> MixtureBlock<'a, T> {
        MixtureBlock::new(self, levels)
    }

    fn tensors(&self) -> Vec<Tensor> {
        let (k, d) = (self.components, self.dimension);
        let log_variances = match self.variances {
            Variances::Isotropic => vec![k],
            Variances::Diagonal => vec![k, d],
        };
        vec![
            Tensor::new("logits", &[k]),
            Tensor::new("means", &[k, d]),
            Tensor::new("log_variances", &log_variances),
        ]
    }

    fn parameters(&self) -> &[T] {
        &self.parameters
    }

    /// Errors: as [`MixtureDenoiser::from_parameters`]; the parameters are then as they were.
    fn set_parameters(&mut self, parameters: &[T]) -> Result<()> {
        self.check(parameters)?;
        self.parameters.copy_from_slice(parameters);
        Ok(())
    }
}
