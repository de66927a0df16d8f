//! Learned denoisers as files: what a model is, in words, and its parameters, in safetensors.
//!
//! Floor 3. Uses `arith`, `channel`, `denoiser`, `error`, `format`. Spec: design, files.

use std::path::Path;

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use super::head::Head;
use super::mlp::{Architecture, Embedding, MOST_PARAMETERS, Mlp};
use super::{AffineLevels, Denoiser, MixtureDenoiser, Prediction, Trainable, Variances};
use crate::arith::Real;
use crate::channel::{Channel, Steps};
use crate::error::{Error, Result};
use crate::format::tensors::{TensorFile, TensorRef, read_tensors, write_tensors};

/// What a model is, apart from its parameters, as its file states it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ModelSpec {
    /// A multilayer perceptron: [`Architecture`] in words.
    Mlp {
        /// d.
        dimension: usize,
        /// Numbers in a hidden layer.
        width: usize,
        /// Hidden layers.
        layers: usize,
        /// `silu`, `tanh` or `softplus`.
        activation: String,
        /// `fourier` or `log-snr`.
        embedding: String,
        /// Waves of the Fourier embedding.
        waves: usize,
        /// What the network's numbers mean.
        head: String,
        /// σ_d of the head `edm`; 1 and unused for the others.
        sigma_data: f64,
    },
    /// A mixture's parameters: [`MixtureDenoiser`].
    Mixture {
        /// d.
        dimension: usize,
        /// K.
        components: usize,
        /// `isotropic` or `diagonal`.
        covariance: String,
    },
    /// An affine map a level: [`AffineLevels`].
    Affine {
        /// d.
        dimension: usize,
        /// (a, s) of every level, noisiest first.
        channels: Vec<(f64, f64)>,
    },
}

impl ModelSpec {
    /// d.
    pub fn dimension(&self) -> usize {
        match self {
            ModelSpec::Mlp { dimension, .. }
            | ModelSpec::Mixture { dimension, .. }
            | ModelSpec::Affine { dimension, .. } => *dimension,
        }
    }

    /// `mlp`, `mixture` or `affine`.
    pub fn kind(&self) -> &'static str {
        match self {
            ModelSpec::Mlp { .. } => "mlp",
            ModelSpec::Mixture { .. } => "mixture",
            ModelSpec::Affine { .. } => "affine",
        }
    }

    fn another<T>(&self, expected: &'static str) -> Result<T> {
        Err(Error::Unknown {
            what: "model kind",
            name: self.kind().into(),
            expected: expected.into(),
        })
    }
}

/// A model that can be written to a file and made from one.
pub trait Stored<T: Real>: Trainable<T> + Clone {
    /// What it is.
    fn spec(&self) -> ModelSpec;

    /// The model of a description and parameters in the order of its tensors.
    ///
    /// Errors: those of the model's constructor; `Error::Unknown` where the description is of another kind.
    fn from_spec(spec: &ModelSpec, parameters: Parameters<'_, T>) -> Result<Self>;
}

/// Where a model's parameters come from, once its tensors are known.
pub type Parameters<'a, T> = &'a dyn Fn(&[super::Tensor]) -> Result<Vec<T>>;

impl<T: Real> Stored<T> for Mlp<T> {
    fn spec(&self) -> ModelSpec {
        let architecture = self.architecture();
        ModelSpec::Mlp {
            dimension: architecture.dimension,
            width: architecture.width,
            layers: architecture.layers,
            activation: architecture.activation.name().into(),
            embedding: architecture.embedding.name().into(),
            waves: architecture.embedding.waves(),
            head: architecture.head.name().into(),
            sigma_data: match architecture.head {
                Head::Preconditioned { sigma_data } => sigma_data,
                Head::Predicts(_) => 1.0,
            },
        }
    }

    fn from_spec(spec: &ModelSpec, parameters: Parameters<'_, T>) -> Result<Self> {
        let ModelSpec::Mlp {
            dimension,
            width,
            layers,
            activation,
            embedding,
            waves,
            head,
            sigma_data,
        } = spec
        else {
            return spec.another("mlp");
        };
        let architecture = Architecture {
            dimension: *dimension,
            width: *width,
            layers: *layers,
            activation: activation.parse()?,
            embedding: Embedding::new(embedding, *waves)?,
            head: Head::new(head, *sigma_data)?,
        };
        Mlp::new(architecture, parameters(&Mlp::<T>::tensors_of(&architecture)?)?)
    }
}

impl<T: Real> Stored<T> for MixtureDenoiser<T> {
    fn spec(&self) -> ModelSpec {
        ModelSpec::Mixture {
            dimension: Denoiser::<T>::dimension(self),
            components: self.components(),
            covariance: self.variances().name().into(),
        }
    }

    fn from_spec(spec: &ModelSpec, parameters: Parameters<'_, T>) -> Result<Self> {
        let ModelSpec::Mixture { dimension, components, covariance } = spec else {
            return spec.another("mixture");
        };
        let variances = covariance.parse()?;
        let count = match variances {
            Variances::Isotropic => product(&[*components, dimension.saturating_add(2)])?,
            Variances::Diagonal => {
                product(&[*components, dimension.saturating_mul(2).saturating_add(1)])?
            }
        };
        let zeros = vec![T::ZERO; count];
        let mut model = Self::from_parameters(variances, *components, *dimension, &zeros)?;
        model.set_parameters(&parameters(&model.tensors())?)?;
        Ok(model)
    }
}

impl<T: Real> Stored<T> for AffineLevels<T> {
    fn spec(&self) -> ModelSpec {
        let pair = |channel: &Channel| (channel.a(), channel.s());
        ModelSpec::Affine {
            dimension: Denoiser::<T>::dimension(self),
            channels: self.steps().channels().iter().map(pair).collect(),
        }
    }

    fn from_spec(spec: &ModelSpec, parameters: Parameters<'_, T>) -> Result<Self> {
        let ModelSpec::Affine { dimension, channels } = spec else {
            return spec.another("affine");
        };
        let channels: Result<Vec<Channel>> =
            channels.iter().map(|&(a, s)| Channel::new(a, s)).collect();
        let steps = Steps::new(channels?)?;
        product(&[steps.len(), *dimension, dimension.saturating_add(1)])?;
        let mut model = AffineLevels::zeros(steps, *dimension)?;
        model.set_parameters(&parameters(&model.tensors())?)?;
        Ok(model)
    }
}

/// How many parameters, where memory can hold them.
fn product(sizes: &[usize]) -> Result<usize> {
    let count = sizes.iter().try_fold(1usize, |count, &size| count.checked_mul(size));
    match count {
        Some(count) if count <= MOST_PARAMETERS => Ok(count),
        _ => Err(Error::Domain {
            what: "number of parameters",
            value: sizes.iter().map(|&size| size as f64).product(),
            expected: "at most 67,108,864",
        }),
    }
}

/// A learned denoiser of any kind.
#[derive(Clone, Debug)]
pub enum Model<T> {
    /// A multilayer perceptron.
    Mlp(Mlp<T>),
    /// A mixture's parameters.
    Mixture(MixtureDenoiser<T>),
    /// An affine map a level.
    Affine(AffineLevels<T>),
}

impl<T: Real> Model<T> {
    /// Reads a model file, its numbers rounded to T.
    ///
    /// Errors: `Error::File` where the file is not a model, an array is missing or has another shape, or a number is
    /// outside T's range.
    pub fn read(path: &Path) -> Result<Self> {
        let refuse = |reason: String| Error::File { path: path.display().to_string(), reason };
        let file = read_tensors(path)?;
        let stored = StoredText::of(&file).map_err(refuse)?;
        let parameters = |tensors: &[super::Tensor]| from_file(&file, "", tensors).map_err(refuse);
        Model::from_spec(&stored.model, &parameters).map_err(|error| match error {
            Error::File { .. } => error,
            other => refuse(other.to_string()),
        })
    }

    /// The model of a description.
    ///
    /// Errors: those of the model's constructor.
    pub fn from_spec(spec: &ModelSpec, parameters: Parameters<'_, T>) -> Result<Self> {
        match spec {
            ModelSpec::Mlp { .. } => Ok(Model::Mlp(Mlp::from_spec(spec, parameters)?)),
            ModelSpec::Mixture { .. } => {
                Ok(Model::Mixture(MixtureDenoiser::from_spec(spec, parameters)?))
            }
            ModelSpec::Affine { .. } => {
                Ok(Model::Affine(AffineLevels::from_spec(spec, parameters)?))
            }
        }
    }

    /// What it is.
    pub fn spec(&self) -> ModelSpec {
        match self {
            Model::Mlp(mlp) => mlp.spec(),
            Model::Mixture(mixture) => mixture.spec(),
            Model::Affine(affine) => affine.spec(),
        }
    }

    fn inner(&self) -> &dyn Denoiser<T> {
        match self {
            Model::Mlp(mlp) => mlp,
            Model::Mixture(mixture) => mixture,
            Model::Affine(affine) => affine,
        }
    }
}

/// The text of a model file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredText {
    /// What the model is.
    pub model: ModelSpec,
    /// The TOML of the run that made it; empty where none did.
    #[serde(default)]
    pub config: String,
    /// Steps of that run.
    #[serde(default)]
    pub step: u64,
}

impl StoredText {
    /// The text of a file.
    ///
    /// Errors: one line where it is not a description of a model.
    pub fn of(file: &TensorFile) -> std::result::Result<Self, String> {
        serde_json::from_str(&file.text)
            .map_err(|error| format!("does not describe a model of this program: {error}"))
    }
}

/// The numbers of `tensors` in a file, each name after `prefix`, one after the other, rounded to T.
///
/// Errors: one line that says which array is missing or does not fit.
pub fn from_file<T: Real>(
    file: &TensorFile,
    prefix: &str,
    tensors: &[super::Tensor],
) -> std::result::Result<Vec<T>, String> {
    let mut numbers = Vec::new();
    for tensor in tensors {
        let name = format!("{prefix}{}", tensor.name);
        let array = file.array(&name).ok_or_else(|| format!("has no array {name:?}"))?;
        if array.shape != tensor.shape {
            return Err(format!(
                "array {name:?} has shape {:?}: expected {:?}",
                array.shape, tensor.shape
            ));
        }
        for (i, &value) in array.values.iter().enumerate() {
            let rounded = T::from_f64(value);
            if !rounded.is_finite() {
                return Err(format!(
                    "array {name:?}: number {i} is {value:?}: expected a finite {}",
                    T::NAME
                ));
            }
            numbers.push(rounded);
        }
    }
    Ok(numbers)
}

/// The arrays of a model's tensors with these numbers, each name after `prefix`.
pub fn to_arrays<'a, T: Real>(
    prefix: &str,
    tensors: &[super::Tensor],
    numbers: &'a [T],
) -> Vec<TensorRef<'a, T>> {
    let mut rest = numbers;
    let mut arrays = Vec::new();
    for tensor in tensors {
        let (now, later) = rest.split_at(tensor.len().min(rest.len()));
        arrays.push((format!("{prefix}{}", tensor.name), tensor.shape.clone(), now));
        rest = later;
    }
    arrays
}

/// Writes a model file: `text` and the parameters.
///
/// Errors: `Error::File`.
pub fn write_model<T: Real, M: Trainable<T>>(
    path: &Path,
    text: &StoredText,
    model: &M,
    parameters: &[T],
) -> Result<()> {
    write_tensors(path, &to_json(text)?, &to_arrays("", &model.tensors(), parameters))
}

/// A text as JSON on one line.
///
/// Errors: `Error::File` where a number has no JSON.
pub fn to_json<S: Serialize>(text: &S) -> Result<String> {
    serde_json::to_string(text)
        .map_err(|error| Error::File { path: "model".into(), reason: error.to_string() })
}

impl<T: Real> Denoiser<T> for Model<T> {
    fn dimension(&self) -> usize {
        self.inner().dimension()
    }

    fn predict(&self, channel: Channel, x: ArrayView2<'_, T>) -> Result<Prediction<T>> {
        self.inner().predict(channel, x)
    }

    fn jacobian_vector(
        &self,
        channel: Channel,
        x: ArrayView2<'_, T>,
        v: ArrayView2<'_, T>,
    ) -> Result<Array2<T>> {
        self.inner().jacobian_vector(channel, x, v)
    }

    fn vector_jacobian(
        &self,
        channel: Channel,
        x: ArrayView2<'_, T>,
        v: ArrayView2<'_, T>,
    ) -> Result<Array2<T>> {
        self.inner().vector_jacobian(channel, x, v)
    }
}
