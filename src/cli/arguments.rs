//! What can be typed.
//!
//! Floor 9. Uses `arith`, `channel`, `denoiser`, `law`, `error`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::arith::Real;
use crate::channel::Channel;
use crate::denoiser::{Denoiser, Exact, Model};
use crate::error::{Error, Result};
use crate::law::{Mixture, toy_law};

/// Exact denoising scores, Tweedie's relation and samplers, on laws whose truth is known.
///
/// With no command, the claims are checked and the report is written.
#[derive(Debug, Parser)]
#[command(name = "tweedie", version)]
pub(super) struct Arguments {
    /// Threads (default: one a core); results are the same bits for any number.
    #[arg(long, global = true, value_name = "N")]
    pub threads: Option<usize>,
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check the claims and write the report.
    Claims(Claims),
    /// Evaluate exact quantities of a noised law at given points.
    Eval(Eval),
    /// Sample with a model or the exact denoiser of a law, or from the law itself.
    Sample(Sample),
    /// Perturb points, or a sampler's states, so that a prediction changes most.
    Attack(Box<Attack>),
    /// What a training objective asks for exactly on a law, and the law that a sampler generates from it.
    Optimum(Box<super::optimum::Arguments>),
    /// Compare two of: a law's exact predictions, a model's, those in a file.
    Compare(Compare),
    /// Train a denoiser by a configuration.
    Train(Train),
    /// Say what this build holds, or what a law is.
    Info(Info),
}

impl Default for Command {
    fn default() -> Self {
        Command::Claims(Claims::default())
    }
}

const REPORT: &str = "tweedie-report";

#[derive(Debug, Args)]
pub(super) struct Claims {
    /// Only these claims, for example T1,T4.
    #[arg(long, value_delimiter = ',', value_name = "IDS")]
    pub only: Option<Vec<String>>,
    /// The key of every random number.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
    /// Fewer channels, points and samples, and the smallest trainings: the bounds as rigorous, the intervals wider.
    #[arg(long)]
    pub quick: bool,
    /// The whole study of the findings C1 to C12: hours; stopped, it goes on from the models kept in DIR/models.
    #[arg(long, conflicts_with = "quick")]
    pub full: bool,
    /// Where report.html, claims.json and figures/*.csv go.
    #[arg(long, default_value = REPORT, value_name = "DIR")]
    pub out: PathBuf,
}

impl Default for Claims {
    fn default() -> Self {
        Claims { only: None, seed: 0, quick: false, full: false, out: REPORT.into() }
    }
}

#[derive(Debug, Args)]
pub(super) struct LawChoice {
    /// A mixture as JSON.
    #[arg(long, value_name = "FILE", conflicts_with = "law")]
    pub mixture: Option<PathBuf>,
    /// A toy law by name; `tweedie info` lists them.
    #[arg(long, value_name = "NAME")]
    pub law: Option<String>,
}

impl LawChoice {
    /// The law, or `None` where neither option was given.
    pub fn get(&self) -> Result<Option<Mixture>> {
        match (&self.mixture, &self.law) {
            (Some(path), _) => Mixture::read(path).map(Some),
            (None, Some(name)) => toy_law(name).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// The law.
    pub fn require(&self) -> Result<Mixture> {
        self.get()?.ok_or(Error::Empty { what: "law", expected: "--mixture FILE or --law NAME" })
    }
}

#[derive(Debug, Args)]
pub(super) struct ChannelChoice {
    /// The signal factor a ≥ 0 of x = a·x₀ + s·ε (with --s).
    #[arg(long, value_name = "A", requires = "s", allow_negative_numbers = true)]
    pub a: Option<f64>,
    /// The noise deviation s > 0 (with --a).
    #[arg(long, value_name = "S", requires = "a", allow_negative_numbers = true)]
    pub s: Option<f64>,
    /// Variance exploding: a = 1, s = SIGMA.
    #[arg(long, value_name = "SIGMA", conflicts_with_all = ["a", "s", "alpha_bar"], allow_negative_numbers = true)]
    pub sigma: Option<f64>,
    /// Variance preserving: a = √B, s = √(1 − B).
    #[arg(long, value_name = "B", conflicts_with_all = ["a", "s"], allow_negative_numbers = true)]
    pub alpha_bar: Option<f64>,
}

impl ChannelChoice {
    /// The channel.
    pub fn get(&self) -> Result<Channel> {
        match (self.a, self.s, self.sigma, self.alpha_bar) {
            (Some(a), Some(s), _, _) => Channel::new(a, s),
            (_, _, Some(sigma), _) => Channel::variance_exploding(sigma),
            (_, _, _, Some(alpha_bar)) => Channel::variance_preserving(alpha_bar),
            _ => Err(Error::Empty {
                what: "channel",
                expected: "of --a A --s S, --sigma SIGMA and --alpha-bar B",
            }),
        }
    }
}

/// The format that numbers are computed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Dtype {
    F32,
    F64,
}

/// Where numbers are computed; the bits are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Place {
    Cpu,
    Cuda,
}

#[derive(Debug, Args)]
pub(super) struct Eval {
    #[command(flatten)]
    pub law: LawChoice,
    #[command(flatten)]
    pub channel: ChannelChoice,
    /// N points in d dimensions, .npy, f32 or f64.
    #[arg(long, value_name = "FILE")]
    pub points: PathBuf,
    /// Of log_density, score, denoiser, noise, covariance and responsibilities.
    #[arg(long, value_delimiter = ',', default_value = "score,denoiser", value_name = "NAMES")]
    pub quantity: Vec<String>,
    /// The arithmetic; f32 rounds law, channel and points to f32 first.
    #[arg(long, value_enum, default_value = "f64")]
    pub dtype: Dtype,
    /// Where to compute: the same bits. `cuda` is the first NVIDIA GPU, in a build with the feature `cuda`; bounds
    /// are made on the CPU.
    #[arg(long, value_enum, default_value = "cpu")]
    pub device: Place,
    /// Also write NAME_bound: a rigorous bound of the error of every number.
    #[arg(long)]
    pub bound: bool,
    /// The .npz to write, an array a quantity.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct DenoiserChoice {
    #[command(flatten)]
    pub law: LawChoice,
    /// A model, .safetensors, as `tweedie train` writes it.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["law", "mixture"])]
    pub model: Option<PathBuf>,
}

impl DenoiserChoice {
    /// The model, or the exact denoiser of the law.
    pub fn get<T: Real>(&self) -> Result<Box<dyn Denoiser<T>>> {
        match (&self.model, self.law.get()?) {
            (Some(path), _) => Ok(Box::new(Model::<T>::read(path)?)),
            (None, Some(law)) => Ok(Box::new(Exact::new(law))),
            (None, None) => Err(Error::Empty {
                what: "denoiser",
                expected: "of --model FILE, --mixture FILE and --law NAME",
            }),
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct Sample {
    #[command(flatten)]
    pub denoiser: DenoiserChoice,
    /// ancestral, ddim[:ETA], euler, heun, euler-maruyama; or `exact`: draws from the law itself.
    #[arg(long, default_value = "heun", value_name = "NAME")]
    pub method: String,
    /// The table of channels: ddpm, ddpm-cosine, vp-linear, vp-cosine, ve, edm, rectified.
    #[arg(long, default_value = "edm", value_name = "NAME")]
    pub schedule: String,
    /// Channels in the table.
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub steps: usize,
    /// How many points.
    #[arg(short, long, default_value_t = 1000, value_name = "N")]
    pub n: usize,
    /// The key of every random number.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
    /// The arithmetic.
    #[arg(long, value_enum, default_value = "f64")]
    pub dtype: Dtype,
    /// Where to compute: the same bits. `cuda` is the first NVIDIA GPU, in a build with the feature `cuda`, for a law's exact denoiser.
    #[arg(long, value_enum, default_value = "cpu")]
    pub device: Place,
    /// Also keep every K-th state, as the array `trajectory` (states×N×d).
    #[arg(long, value_name = "K")]
    pub trajectory: Option<usize>,
    /// The .npz to write: `points` (N×d).
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Attack {
    #[command(flatten)]
    pub denoiser: DenoiserChoice,
    #[command(flatten)]
    pub channel: ChannelChoice,
    /// N points in d dimensions, .npy, to be perturbed at the channel.
    #[arg(long, value_name = "FILE", required_unless_present = "trajectory")]
    pub points: Option<PathBuf>,
    /// Perturb the states of a sampler instead: `--method`, `--schedule`, `--sampler-steps` and `-n` say which.
    #[arg(long, conflicts_with_all = ["points", "a", "s", "sigma", "alpha_bar"])]
    pub trajectory: bool,
    /// linf, l2 or l1.
    #[arg(long, default_value = "linf", value_name = "NAME")]
    pub norm: String,
    /// The radius of the ball, in the perturbation's units.
    #[arg(long, value_name = "R", allow_negative_numbers = true)]
    pub eps: f64,
    /// The step size, in the perturbation's units (default: 2.5·eps/steps, and eps for one step).
    #[arg(long, value_name = "STEP", allow_negative_numbers = true)]
    pub alpha: Option<f64>,
    /// Gradient steps; 1 is FGSM.
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub steps: usize,
    /// Random starts, the best of which is kept.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub restarts: usize,
    /// What is made large: prediction-difference or residual.
    #[arg(long, default_value = "prediction-difference", value_name = "NAME")]
    pub inner: String,
    /// noise (x + s·ω) or input (x + ω).
    #[arg(long, default_value = "noise", value_name = "NAME")]
    pub units: String,
    /// The sampler of --trajectory.
    #[arg(long, default_value = "heun", value_name = "NAME")]
    pub method: String,
    /// The table of channels of --trajectory.
    #[arg(long, default_value = "edm", value_name = "NAME")]
    pub schedule: String,
    /// Channels in that table.
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub sampler_steps: usize,
    /// The states that are perturbed, counted from 0 (default: all).
    #[arg(long, value_delimiter = ',', value_name = "K,K", requires = "trajectory")]
    pub states: Option<Vec<usize>>,
    /// Points of --trajectory.
    #[arg(short, long, default_value_t = 1000, value_name = "N")]
    pub n: usize,
    /// The key of every random number.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
    /// The arithmetic.
    #[arg(long, value_enum, default_value = "f64")]
    pub dtype: Dtype,
    /// The .npz to write.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Compare {
    /// A law's name, a mixture (.json), a model (.safetensors) or predictions (.npz: denoiser, noise, score).
    pub left: String,
    /// Another.
    pub right: String,
    #[command(flatten)]
    pub channel: ChannelChoice,
    /// The points of the comparison, .npy (default: draws of the first law of the two, seen through the channel).
    #[arg(long, value_name = "FILE")]
    pub points: Option<PathBuf>,
    /// Draws, where no points are given.
    #[arg(short, long, default_value_t = 10000, value_name = "N")]
    pub n: usize,
    /// The key of every random number.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
    /// The arithmetic.
    #[arg(long, value_enum, default_value = "f64")]
    pub dtype: Dtype,
    /// Exit with 1 where a root mean square difference is larger.
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub within: Option<f64>,
}

#[derive(Debug, Args)]
pub(super) struct Train {
    /// The configuration, TOML; keys that are left out have the defaults that `config.toml` then shows.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Where the run is kept: config.toml, checkpoint.safetensors, model.safetensors, metrics.csv, error.csv, report.html.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Go on from the checkpoint in DIR, to the same bits as a run that was not stopped, wherever it was begun.
    #[arg(long)]
    pub resume: bool,
    /// Where to carry out the steps: the same bits and files. `cuda` is the first NVIDIA GPU, in a build with the feature `cuda`; it trains
    /// `model.kind = "mlp"` with `objective.target = "sample"`. What is learned is measured on the CPU.
    #[arg(long, value_enum, default_value = "cpu")]
    pub device: Place,
}

#[derive(Debug, Args)]
pub(super) struct Info {
    #[command(flatten)]
    pub law: LawChoice,
}
