//! A configuration made ready: names become values, what was left out is filled in, and everything is checked once.
//!
//! Floor 5. Uses `arith`, `attack`, `channel`, `denoiser`, `error`, `format`, `law`, `objective`, `tweedie`. Spec: E, notation.

use std::path::Path;

use ndarray::Array1;

use super::batch::Purpose;
use super::config::Config;
use super::optimizer::Settings as Optimizer;
use crate::arith::{Real, uniform_index};
use crate::attack::{Attack, Inner, Keep, Norm, Settings, Shape, StepSize};
use crate::channel::Steps;
use crate::denoiser::mlp::initial;
use crate::denoiser::model::{ModelSpec, Stored, StoredText, from_file};
use crate::denoiser::{MixtureDenoiser, Tensor, Trainable};
use crate::error::{Error, Result};
use crate::format::npy::read_points;
use crate::format::tensors::read_tensors;
use crate::law::{Corruption, CorruptionKind, Mixture, toy_law};
use crate::objective::radius::OFFSET_OF_RANGE;
use crate::objective::{Consistency, Matching, Radius, Strength, Weighting};

/// Rows a step at most: their points and predictions must fit in memory.
const MOST_ROWS: usize = 1 << 22;
/// The random stream of a training set, and of its corruption. Steps use streams below 2⁵⁶.
const SET_STREAM: u64 = (1 << 54) - 1;

/// How ω is found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Perturb {
    /// Drawn.
    Random(Shape),
    /// Made to matter.
    Attack(Attack),
}

/// The constraint with its perturbation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Constrained {
    /// The term of the loss.
    pub consistency: Consistency,
    /// How ω is found.
    pub perturb: Perturb,
    /// Its radius.
    pub radius: Radius,
    /// The first step at which it is on.
    pub start: u64,
}

/// A run made ready.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The configuration with everything filled in.
    pub config: Config,
    /// The truth that the model is measured against: the law before corruption.
    pub clean: Mixture,
    /// The law of the rows: the clean one, what corruption makes of it, or point masses at the training set.
    pub trained: Mixture,
    /// Whether rows are drawn from a training set, the means of `trained`, by index; otherwise they are fresh draws.
    pub set: bool,
    /// The levels.
    pub steps: Steps,
    /// The first term.
    pub matching: Matching,
    /// Whether its targets are D*(x) and ε*(x) of `trained`.
    pub exact_target: bool,
    /// The second term.
    pub constrained: Option<Constrained>,
    /// The optimiser.
    pub optimizer: Optimizer,
}

impl Plan {
    /// Makes a configuration ready; paths in it are relative to the working directory.
    ///
    /// Errors: a name that is not known, a number outside its domain, a file that cannot be read, a law and a model
    /// that do not fit.
    pub fn new(config: &Config) -> Result<Plan> {
        let mut config = config.clone();
        check_counts(&config)?;
        let clean = clean_law(&config)?;
        let range = config.data.range.unwrap_or_else(|| range_of(&clean));
        positive("range", range)?;
        let sigma_data = config.model.sigma_data.unwrap_or_else(|| deviation_of(&clean));
        positive("sigma_data", sigma_data)?;
        let offset = config.perturbation.offset.unwrap_or(OFFSET_OF_RANGE * range);
        (config.data.range, config.model.sigma_data) = (Some(range), Some(sigma_data));
        config.perturbation.offset = Some(offset);

        let trained = trained_law(&config, &clean, range)?;
        let set = config.data.samples > 0;
        let steps = Steps::by_name(&config.channel.schedule, config.channel.levels)?;
        let objective = &config.objective;
        let matching = Matching {
            parametrisation: objective.parametrisation.parse()?,
            weighting: Weighting::new(&objective.weighting, sigma_data)?,
        };
        let exact_target = match objective.target.as_str() {
            "sample" => false,
            "exact" => true,
            other => return unknown("target", other, "sample, exact"),
        };
        let constrained = constrained(&config, offset)?;
        let o = &config.optimizer;
        let optimizer = Optimizer {
            learning_rate: o.learning_rate,
            warmup: o.warmup,
            decay: o.schedule.parse()?,
            beta1: o.beta1,
            beta2: o.beta2,
            epsilon: o.epsilon,
            weight_decay: o.weight_decay,
            clip: o.clip,
            average: o.average,
        };
        optimizer.check()?;
        Ok(Plan {
            config,
            clean,
            trained,
            set,
            steps,
            matching,
            exact_target,
            constrained,
            optimizer,
        })
    }
}

impl Plan {
    /// What the model is.
    ///
    /// Errors: `Error::Unknown` for a kind that is not known.
    pub fn spec(&self) -> Result<ModelSpec> {
        let (model, dimension) = (&self.config.model, self.clean.dimension());
        match model.kind.as_str() {
            "mlp" => Ok(ModelSpec::Mlp {
                dimension,
                width: model.width,
                layers: model.layers,
                activation: model.activation.clone(),
                embedding: model.embedding.clone(),
                waves: model.waves,
                head: model.head.clone(),
                sigma_data: model.sigma_data.unwrap_or(1.0),
            }),
            "mixture" => Ok(ModelSpec::Mixture {
                dimension,
                components: model.components,
                covariance: model.covariance.clone(),
            }),
            "affine" => Ok(ModelSpec::Affine {
                dimension,
                channels: self.steps.channels().iter().map(|c| (c.a(), c.s())).collect(),
            }),
            other => unknown("model kind", other, "mlp, mixture, affine"),
        }
    }

    /// The model that the run starts from: drawn by the seed, or read from `model.init`.
    ///
    /// Errors: those of the model; `Error::File` where the file's model is another one.
    pub fn start<T: Real, M: Stored<T>>(&self, spec: &ModelSpec) -> Result<M> {
        match &self.config.model.init {
            None => M::from_spec(spec, &|tensors| self.initial(spec, tensors)),
            Some(path) => {
                let path = Path::new(path);
                let refuse =
                    |reason: String| Error::File { path: path.display().to_string(), reason };
                let file = read_tensors(path)?;
                let text = StoredText::of(&file).map_err(refuse)?;
                if text.model != *spec {
                    return Err(refuse(format!(
                        "is {:?}: expected {spec:?}, as the configuration states",
                        text.model
                    )));
                }
                M::from_spec(spec, &|tensors| from_file(&file, "", tensors).map_err(refuse))
            }
        }
    }
}

impl Plan {
    /// The parameters that a run starts from: a network's drawn, a mixture's around the law's mean with its spread, an
    /// affine map's 0.
    fn initial<T: Real>(&self, spec: &ModelSpec, tensors: &[Tensor]) -> Result<Vec<T>> {
        let stream = Purpose::Weights.stream(0);
        let seed = self.config.seed;
        match spec {
            ModelSpec::Mlp { .. } => Ok(initial(tensors, seed, stream)),
            ModelSpec::Affine { .. } => Ok(vec![T::ZERO; tensors.iter().map(Tensor::len).sum()]),
            ModelSpec::Mixture { components, covariance, .. } => {
                // The model draws from stream 0 of a seed: one that belongs to this purpose.
                let seed = uniform_index(seed, stream, 0, u64::MAX);
                let (mean, deviation) =
                    (Array1::from(self.trained.mean()), deviation_of(&self.trained));
                let start = MixtureDenoiser::<T>::initial(
                    seed,
                    covariance.parse()?,
                    *components,
                    mean.view(),
                    deviation,
                )?;
                Ok(start.parameters().to_vec())
            }
        }
    }
}

fn constrained(config: &Config, offset: f64) -> Result<Option<Constrained>> {
    let (objective, p) = (&config.objective, &config.perturbation);
    let consistency = Consistency {
        constraint: match objective.constraint.as_str() {
            "none" => return Ok(None),
            other => other.parse()?,
        },
        units: objective.units.parse()?,
        strength: Strength::new(objective.lambda, objective.lambda_power)?,
        stop_gradient: objective.stop_gradient,
    };
    let norm: Norm = p.norm.parse()?;
    let inner: Inner = p.inner.parse()?;
    let attack = |steps: usize, restarts: usize, keep: Keep| {
        Attack::new(Settings {
            norm,
            alpha: StepSize::Relative(p.alpha),
            steps,
            random_start: Some(Shape::Ball(norm)),
            restarts,
            keep,
            inner,
            units: consistency.units,
        })
    };
    let perturb = match p.kind.as_str() {
        "random" => Perturb::Random(match p.shape.as_str() {
            "box" => Shape::Box,
            "ball" => Shape::Ball(norm),
            "sphere" => Shape::Sphere,
            "gaussian" => Shape::Gaussian,
            other => return unknown("shape", other, "box, ball, sphere, gaussian"),
        }),
        "fgsm" => Perturb::Attack(attack(1, 1, Keep::Last)?),
        "pgd" => {
            let keep = if p.restarts > 1 { Keep::Best } else { Keep::Last };
            Perturb::Attack(attack(p.steps, p.restarts, keep)?)
        }
        other => return unknown("perturbation kind", other, "random, fgsm, pgd"),
    };
    let radius = Radius::new(p.radius, p.power, offset)?;
    Ok(Some(Constrained { consistency, perturb, radius, start: objective.start }))
}

fn check_counts(config: &Config) -> Result<()> {
    let counts = [
        ("batch", config.batch, MOST_ROWS),
        ("output.points", config.output.points, MOST_ROWS),
        ("output.samples", config.output.samples, MOST_ROWS),
    ];
    for (what, count, most) in counts {
        if !(1..=most).contains(&count) {
            return Err(Error::Domain {
                what,
                value: count as f64,
                expected: "a number from 1 to 4,194,304",
            });
        }
    }
    // Each restart has a random stream of its own; from 256 on they would meet those of another purpose.
    if config.perturbation.restarts > 255 {
        return Err(Error::Domain {
            what: "perturbation.restarts",
            value: config.perturbation.restarts as f64,
            expected: "at most 255",
        });
    }
    let output = &config.output;
    let every = [
        ("steps", config.steps),
        ("output.metrics_every", output.metrics_every),
        ("output.evaluate_every", output.evaluate_every),
        ("output.checkpoint_every", output.checkpoint_every),
    ];
    match every.into_iter().find(|(_, count)| *count == 0 || *count >= 1 << 40) {
        None => Ok(()),
        Some((what, count)) => {
            Err(Error::Domain { what, value: count as f64, expected: "at least 1 and below 2^40" })
        }
    }
}

fn clean_law(config: &Config) -> Result<Mixture> {
    let data = &config.data;
    match (&data.law, &data.mixture, &data.points) {
        (Some(name), None, None) => toy_law(name),
        (None, Some(path), None) => Mixture::read(Path::new(path)),
        (None, None, Some(path)) => Mixture::point_masses(read_points::<f64>(Path::new(path))?),
        (None, None, None) => {
            Err(Error::Empty { what: "[data]", expected: "of law, mixture and points" })
        }
        _ => Err(Error::Unknown {
            what: "[data]",
            name: "more than one of law, mixture and points".into(),
            expected: "one of them".into(),
        }),
    }
}

/// The law of the rows.
fn trained_law(config: &Config, clean: &Mixture, range: f64) -> Result<Mixture> {
    let data = &config.data;
    let corruption = corruption(config, clean, range)?;
    if data.samples == 0 {
        return match &corruption {
            None => Ok(clean.clone()),
            Some(corruption) => corruption.law(clean),
        };
    }
    if data.samples > MOST_ROWS {
        return Err(Error::Domain {
            what: "data.samples",
            value: data.samples as f64,
            expected: "at most 4,194,304",
        });
    }
    let drawn = clean.sample(config.seed, SET_STREAM, data.samples)?.points;
    let points = match &corruption {
        None => drawn,
        Some(corruption) => corruption.corrupt(drawn.view(), config.seed, SET_STREAM)?.points,
    };
    Mixture::point_masses(points)
}

fn corruption(config: &Config, clean: &Mixture, range: f64) -> Result<Option<Corruption>> {
    let data = &config.data;
    let kind = match data.corruption.as_str() {
        "none" => return Ok(None),
        "gaussian" => CorruptionKind::Gaussian { deviation: data.deviation * range },
        "outliers" => {
            CorruptionKind::Outliers { centre: clean.mean(), deviation: data.spread * range }
        }
        "missing" => CorruptionKind::MissingCoordinate { fill: data.fill },
        other => return unknown("corruption", other, "none, gaussian, outliers, missing"),
    };
    Corruption::new(data.fraction, kind).map(Some)
}

/// The width of the smallest interval that holds every component's mean ± 2 deviations in every coordinate.
fn range_of(law: &Mixture) -> f64 {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for (k, mean) in law.means().rows().into_iter().enumerate() {
        let covariance = law.covariance().matrix(k, law.dimension());
        for (i, &mean) in mean.iter().enumerate() {
            let deviation = covariance[[i, i]].max(0.0).sqrt();
            low = low.min(mean - 2.0 * deviation);
            high = high.max(mean + 2.0 * deviation);
        }
    }
    if high > low { high - low } else { 1.0 }
}

/// The law's deviation, 1 where it has none.
fn deviation_of(law: &Mixture) -> f64 {
    let deviation = law.deviation();
    if deviation > 0.0 { deviation } else { 1.0 }
}

fn positive(what: &'static str, value: f64) -> Result<()> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(Error::Domain { what, value, expected: "a finite number above 0" })
}

fn unknown<T>(what: &'static str, name: &str, expected: &str) -> Result<T> {
    Err(Error::Unknown { what, name: name.to_string(), expected: expected.to_string() })
}
