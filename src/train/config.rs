//! What a run is: the configuration as TOML, every default written out.
//!
//! Floor 5. Uses `error`. A key that is not known is refused; what depends on the law (`sigma_data`, `range`) is left out
//! by the user and filled in by `Plan::new`, so that the configuration written back says all there is.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A run's configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The key of every random number.
    pub seed: u64,
    /// `f32` or `f64`.
    pub dtype: String,
    /// Steps of the optimiser.
    pub steps: u64,
    /// Rows a step.
    pub batch: usize,
    /// What is learned from.
    pub data: Data,
    /// The levels.
    pub channel: Levels,
    /// What learns.
    pub model: Model,
    /// What is asked of it.
    pub objective: Objective,
    /// How points are perturbed for the constraint.
    pub perturbation: Perturbation,
    /// How it learns.
    pub optimizer: Optimizer,
    /// What is written and measured.
    pub output: Output,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            seed: 0,
            dtype: "f32".into(),
            steps: 4000,
            batch: 1024,
            data: Data::default(),
            channel: Levels::default(),
            model: Model::default(),
            objective: Objective::default(),
            perturbation: Perturbation::default(),
            optimizer: Optimizer::default(),
            output: Output::default(),
        }
    }
}

/// `[data]`: the law, or the points, that are learned from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Data {
    /// A toy law by name. One of `law`, `mixture` and `points` is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub law: Option<String>,
    /// A mixture as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mixture: Option<String>,
    /// A training set, `.npy` of n×d: its law is a point mass at each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub points: Option<String>,
    /// 0: every row of every step is a fresh draw. n: a training set of n draws, made once and drawn from.
    pub samples: usize,
    /// The range of a coordinate of the data, in which `deviation`, `spread` and the radius' offset are measured; left
    /// out, the width of the smallest interval that holds every component's mean ± 2 deviations in every coordinate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<f64>,
    /// `none`, `gaussian`, `outliers` or `missing`.
    pub corruption: String,
    /// The fraction of samples that is corrupted.
    pub fraction: f64,
    /// `gaussian`: the deviation σ_c of the noise, in units of `range`.
    pub deviation: f64,
    /// `outliers`: the deviation of the outliers around the law's mean, in units of `range`.
    pub spread: f64,
    /// `missing`: what stands in place of the coordinate that is missing.
    pub fill: f64,
}

impl Default for Data {
    fn default() -> Self {
        Data {
            law: None,
            mixture: None,
            points: None,
            samples: 0,
            range: None,
            corruption: "none".into(),
            fraction: 0.0,
            deviation: 0.1,
            spread: 1.0,
            fill: 0.0,
        }
    }
}

/// `[channel]`: a table of levels, from which every row draws one, all alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Levels {
    /// `ddpm`, `ddpm-cosine`, `vp-linear`, `vp-cosine`, `ve`, `edm` or `rectified`.
    pub schedule: String,
    /// Channels in the table.
    pub levels: usize,
}

impl Default for Levels {
    fn default() -> Self {
        Levels { schedule: "ddpm".into(), levels: 1000 }
    }
}

/// `[model]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Model {
    /// `mlp`, `mixture` (a mixture's parameters, learned) or `affine` (an affine map a level).
    pub kind: String,
    /// Weights to start from, a model file; its architecture must be the one stated here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<String>,
    /// `mlp`: numbers in a hidden layer.
    pub width: usize,
    /// `mlp`: hidden layers.
    pub layers: usize,
    /// `mlp`: `silu`, `tanh` or `softplus`.
    pub activation: String,
    /// `mlp`: `fourier` or `log-snr`.
    pub embedding: String,
    /// `mlp`: waves of the Fourier embedding.
    pub waves: usize,
    /// `mlp`: what the network's numbers mean: `edm`, `noise`, `denoised`, `score` or `velocity`.
    pub head: String,
    /// σ_d of the head and the weighting `edm`; left out, the root mean variance of the law's coordinates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sigma_data: Option<f64>,
    /// `mixture`: components.
    pub components: usize,
    /// `mixture`: `isotropic` or `diagonal`.
    pub covariance: String,
}

impl Default for Model {
    fn default() -> Self {
        Model {
            kind: "mlp".into(),
            init: None,
            width: 128,
            layers: 3,
            activation: "silu".into(),
            embedding: "fourier".into(),
            waves: 8,
            head: "edm".into(),
            sigma_data: None,
            components: 8,
            covariance: "isotropic".into(),
        }
    }
}

/// `[objective]`: w·{‖P̂ − P‖² + λ(level)·‖residual‖²}.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Objective {
    /// P: `noise`, `denoised`, `score` or `velocity`.
    pub parametrisation: String,
    /// w: `uniform`, `snr` or `edm`.
    pub weighting: String,
    /// `sample`: P is that of the drawn x₀ and ε; `exact`: that of D*(x) and ε*(x), known from the law (T4).
    pub target: String,
    /// `none`, `equivariance` or `invariance`.
    pub constraint: String,
    /// What a perturbation is measured in: `noise` (x + s·ω) or `input` (x + ω).
    pub units: String,
    /// λ₀ of λ(s) = λ₀·s^q.
    pub lambda: f64,
    /// q.
    pub lambda_power: f64,
    /// Whether the prediction at x counts as a constant of the constraint.
    pub stop_gradient: bool,
    /// The first step at which the constraint is on.
    pub start: u64,
}

impl Default for Objective {
    fn default() -> Self {
        Objective {
            parametrisation: "noise".into(),
            weighting: "uniform".into(),
            target: "sample".into(),
            constraint: "none".into(),
            units: "noise".into(),
            lambda: 0.3,
            lambda_power: 0.0,
            stop_gradient: false,
            start: 0,
        }
    }
}

/// `[perturbation]`: ω, with radius r = radius·s^power + b, b uniform in (0, offset).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Perturbation {
    /// `random`, `fgsm` or `pgd`.
    pub kind: String,
    /// `random`: `box`, `ball` (of the norm), `sphere` or `gaussian`.
    pub shape: String,
    /// `linf`, `l2` or `l1`.
    pub norm: String,
    /// r_max.
    pub radius: f64,
    /// ρ.
    pub power: f64,
    /// b_max; left out, 8/255 of the data's range.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<f64>,
    /// What an attack makes large: `prediction-difference` (the source method) or `residual` (the loss itself).
    pub inner: String,
    /// An attack's step size, in units of the radius.
    pub alpha: f64,
    /// `pgd`: steps.
    pub steps: usize,
    /// `pgd`: starts, the best of which counts.
    pub restarts: usize,
}

impl Default for Perturbation {
    fn default() -> Self {
        Perturbation {
            kind: "random".into(),
            shape: "box".into(),
            norm: "linf".into(),
            radius: 1.0,
            power: 2.0,
            offset: None,
            inner: "prediction-difference".into(),
            alpha: 1.0,
            steps: 5,
            restarts: 1,
        }
    }
}

/// `[optimizer]`: `weight_decay` = 0 is Adam, above it AdamW.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Optimizer {
    /// η.
    pub learning_rate: f64,
    /// Steps of warm-up.
    pub warmup: u64,
    /// `constant`, `linear` or `cosine`.
    pub schedule: String,
    /// β₁.
    pub beta1: f64,
    /// β₂.
    pub beta2: f64,
    /// ε.
    pub epsilon: f64,
    /// w.
    pub weight_decay: f64,
    /// The largest norm of a gradient; 0: none.
    pub clip: f64,
    /// κ of the average of the weights, which is the model that is kept; 0: the weights themselves.
    pub average: f64,
}

impl Default for Optimizer {
    fn default() -> Self {
        Optimizer {
            learning_rate: 2e-3,
            warmup: 100,
            schedule: "cosine".into(),
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
            clip: 1.0,
            average: 0.99,
        }
    }
}

/// `[output]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Output {
    /// Steps between two lines of `metrics.csv`.
    pub metrics_every: u64,
    /// Steps between two measurements against the truth.
    pub evaluate_every: u64,
    /// Steps between two checkpoints.
    pub checkpoint_every: u64,
    /// Points a level of a measurement against the truth.
    pub points: usize,
    /// Points that the report's samplers generate.
    pub samples: usize,
    /// Steps of the report's samplers.
    pub sampler_steps: usize,
}

impl Default for Output {
    fn default() -> Self {
        Output {
            metrics_every: 20,
            evaluate_every: 500,
            checkpoint_every: 500,
            points: 512,
            samples: 2000,
            sampler_steps: 50,
        }
    }
}

impl Config {
    /// Reads a configuration.
    ///
    /// Errors: `Error::File` with the line at fault: not TOML, an unknown key, a value of another type.
    pub fn read(path: &Path) -> Result<Config> {
        let refuse = |reason: String| Error::File { path: path.display().to_string(), reason };
        let text = std::fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
        Config::parse(&text).map_err(refuse)
    }

    /// Reads a configuration's text.
    ///
    /// Errors: one line with what is wrong and where.
    pub fn parse(text: &str) -> std::result::Result<Config, String> {
        toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| 1 + text[..span.start].matches('\n').count());
            let message = error.message().replace('\n', " ");
            line.map_or(message.clone(), |line| format!("line {line}: {message}"))
        })
    }

    /// The configuration as TOML, every key there.
    ///
    /// Errors: `Error::File` where a number cannot be written.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| Error::File {
            path: "configuration".into(),
            reason: error.to_string(),
        })
    }
}
