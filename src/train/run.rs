//! A run from its start, or from its checkpoint, to its end.
//!
//! Floor 5. Uses `arith`, `channel`, `denoiser`, `error`, `format`, `train`. Spec: N3, T4.
//!
//! The directory of a run holds `config.toml` (everything filled in), `checkpoint.safetensors` (the state),
//! `metrics.csv`, `error.csv` and, at the end, `model.safetensors` (the average of the weights).

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::measure::{Measured, Truth, levels};
use super::optimizer::State;
use super::plan::Plan;
use super::step::Losses;
use super::trainer::{CpuTrainer, Trainer};
use super::{checkpoint, lines};
use crate::arith::Real;
use crate::denoiser::model::{StoredText, write_model};
use crate::denoiser::{Stored, Trainable};
use crate::error::{Error, Result};
use crate::format::atomic::write_text;
use crate::law::Mixture;

/// Names of the files of a run.
pub const CONFIG: &str = "config.toml";
/// The state.
pub const CHECKPOINT: &str = "checkpoint.safetensors";
/// The model.
pub const MODEL: &str = "model.safetensors";
/// A line every `metrics_every` steps.
pub const METRICS: &str = "metrics.csv";
/// A line a level every `evaluate_every` steps.
pub const ERRORS: &str = "error.csv";

const METRICS_HEADER: &str = "step,loss,matching,consistency,radius,gradient_norm,learning_rate";
const ERRORS_HEADER: &str =
    "step,a,s,error,standard_error,floor,trained_error,trained_standard_error,trained_floor";

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Steps done.
    pub step: u64,
    /// Of so many.
    pub steps: u64,
    /// The last step's losses.
    pub losses: Losses,
    /// The last measurement against the truth: `relative`.
    pub error: Option<f64>,
}

/// Whether to begin, or to go on from the checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// In a directory that holds no run.
    Anew,
    /// Where the checkpoint stands; anew where there is none.
    Resume,
}

/// Trains a model to the plan's last step and returns it with the average of its weights.
///
/// A run that is stopped anywhere and resumed has the bits of one that is not: weights and files. Metrics are
/// written with each checkpoint, so that after a stop they end where it does.
/// Errors: `Error::File` where the directory holds another run or cannot be written; `Error::Stopped` with the step
/// where a loss, a prediction or a gradient is not finite, or a parameter leaves its range: the last checkpoint is kept.
pub fn run<T: Real, M: Stored<T>>(
    plan: &Plan,
    model: M,
    directory: &Path,
    begin: Begin,
    progress: &dyn Fn(Progress),
) -> Result<M> {
    let cpu = |model, state| CpuTrainer::new(plan, model, state);
    run_by(plan, model, directory, begin, progress, cpu)
}

/// [`run`], its steps carried out by what `start` makes of the model and the state where the run begins or goes on. Files and bits are the
/// same whoever carries them out, and a run that one began another can go on with.
///
/// Errors: as [`run`]; those of the trainer; `Error::Stopped` where it carries out no step.
pub fn run_by<T: Real, M: Stored<T>, R: Trainer<T, M>>(
    plan: &Plan,
    mut model: M,
    directory: &Path,
    begin: Begin,
    progress: &dyn Fn(Progress),
    start: impl FnOnce(M, State<T>) -> Result<R>,
) -> Result<M> {
    let files = Files::new(directory);
    let config = plan.config.to_toml()?;
    let state = files.open(&config, begin, &mut model)?;
    let mut step = state.step;
    let mut records = Records::of(&files, step)?;
    let mut trainer = start(model, state)?;
    let truths = Truths::new(plan)?;
    let (steps, output) = (plan.config.steps, &plan.config.output);
    let due = |step: u64, every: u64| step.is_multiple_of(every) || step == steps;
    // Where the weights are needed next.
    let next = |step: u64| {
        let after = |every: u64| (step / every + 1) * every;
        steps.min(after(output.evaluate_every)).min(after(output.checkpoint_every))
    };
    let mut error = None;
    while step < steps {
        let done = trainer.advance_to(next(step))?;
        if done.is_empty() {
            // A trainer that stands elsewhere than the run: going on would never end.
            let reason = "no step was carried out".to_string();
            return Err(Error::Stopped { step, reason });
        }
        for (losses, norm) in done {
            let rate = plan.optimizer.rate(step, steps);
            // A line has the step that it was made in, and the last step has one.
            if step.is_multiple_of(output.metrics_every) || step + 1 == steps {
                records.metrics(step, losses, norm, rate);
            }
            step += 1;
            if due(step, output.evaluate_every) {
                let (model, state) = trainer.now()?;
                let measured = truths.measure(model, state)?;
                error = Some(relative(&measured[0]));
                records.errors(step, &measured);
            }
            if due(step, output.checkpoint_every) {
                let (model, state) = trainer.now()?;
                files.keep(&config, model, state, &records)?;
            }
            progress(Progress { step, steps, losses, error });
        }
    }
    let (model, state) = trainer.now()?;
    let text = StoredText { model: model.spec(), config, step };
    write_model(&files.model, &text, model, &state.average)?;
    averaged(model, state)
}

/// Trains a model to the plan's last step in memory and returns it with the average of its weights: the bits of [`run`],
/// without its files, measurements and stops.
///
/// Errors: `Error::Stopped`, as [`run`].
pub fn learn<T: Real, M: Stored<T>>(plan: &Plan, model: M) -> Result<M> {
    let state = State::new(model.parameters());
    let mut trainer = CpuTrainer::new(plan, model, state)?;
    while !trainer.advance_to(plan.config.steps)?.is_empty() {}
    let (model, state) = trainer.now()?;
    averaged(model, state)
}

/// The model with the average of its weights.
fn averaged<T: Real, M: Stored<T>>(model: &M, state: &State<T>) -> Result<M> {
    let mut averaged = model.clone();
    averaged.set_parameters(&state.average)?;
    Ok(averaged)
}

/// What a run is measured against: the clean law, and the law of its rows where that is another.
struct Truths<T> {
    clean: Truth<T>,
    trained: Option<Truth<T>>,
}

impl<T: Real> Truths<T> {
    fn new(plan: &Plan) -> Result<Self> {
        let of = |law: &Mixture| {
            let (points, seed) = (plan.config.output.points, plan.config.seed);
            Truth::new(law, &levels(&plan.steps), points, seed)
        };
        let other = plan.trained != plan.clean;
        let trained = if other { Some(of(&plan.trained)?) } else { None };
        Ok(Truths { clean: of(&plan.clean)?, trained })
    }

    /// The averaged model against both.
    fn measure<M: Stored<T>>(&self, model: &M, state: &State<T>) -> Result<[Vec<Measured>; 2]> {
        let averaged = averaged(model, state)?;
        let clean = self.clean.against(&averaged)?;
        let trained = match &self.trained {
            Some(trained) => trained.against(&averaged)?,
            None => clean.clone(),
        };
        Ok([clean, trained])
    }
}

/// Σ w·error/Σ w·floor over the levels of a measurement, w = a²/s²: by how much the mean noise loss is above that of the
/// exact denoiser, as a part of it. Σ w·error where the floors are 0.
pub fn relative(measured: &[Measured]) -> f64 {
    let sum = |of: fn(&Measured) -> f64| -> f64 {
        measured.iter().map(|m| m.channel.signal_to_noise() * of(m)).sum()
    };
    let (error, floor) = (sum(|m| m.error), sum(|m| m.floor));
    if floor > 0.0 { error / floor } else { error }
}

/// The numbers of a run's `metrics.csv`, a step each.
///
/// Errors: `Error::File`.
pub fn metrics_of(path: &Path) -> Result<Vec<Vec<f64>>> {
    lines::numbers(path, METRICS_HEADER)
}

/// The numbers of a run's `error.csv`, a measurement at a level each.
///
/// Errors: `Error::File`.
pub fn errors_of(path: &Path) -> Result<Vec<Vec<f64>>> {
    lines::numbers(path, ERRORS_HEADER)
}

struct Files {
    directory: PathBuf,
    config: PathBuf,
    checkpoint: PathBuf,
    model: PathBuf,
    metrics: PathBuf,
    errors: PathBuf,
}

impl Files {
    fn new(directory: &Path) -> Self {
        Files {
            directory: directory.to_path_buf(),
            config: directory.join(CONFIG),
            checkpoint: directory.join(CHECKPOINT),
            model: directory.join(MODEL),
            metrics: directory.join(METRICS),
            errors: directory.join(ERRORS),
        }
    }

    /// The state to go on from.
    fn open<T: Real, M: Trainable<T>>(
        &self,
        config: &str,
        begin: Begin,
        model: &mut M,
    ) -> Result<State<T>> {
        let refuse =
            |reason: String| Error::File { path: self.directory.display().to_string(), reason };
        fs::create_dir_all(&self.directory).map_err(|error| refuse(error.to_string()))?;
        if self.checkpoint.exists() {
            if begin == Begin::Anew {
                return Err(refuse(
                    "holds a run: expected --resume, or another directory".to_string(),
                ));
            }
            return checkpoint::read(&self.checkpoint, config, model);
        }
        write_text(&self.config, config)?;
        Ok(State::new(model.parameters()))
    }

    /// Metrics first: they may run ahead of the state, and are cut to it when a run resumes.
    fn keep<T: Real, M: Stored<T>>(
        &self,
        config: &str,
        model: &M,
        state: &State<T>,
        records: &Records,
    ) -> Result<()> {
        write_text(&self.metrics, &records.metrics)?;
        write_text(&self.errors, &records.errors)?;
        let text = StoredText { model: model.spec(), config: config.to_string(), step: state.step };
        checkpoint::write(&self.checkpoint, &text, model, state)
    }
}

/// The lines of the two tables so far.
struct Records {
    metrics: String,
    errors: String,
}

impl Records {
    /// What a run wrote before it had done `step` steps.
    fn of(files: &Files, step: u64) -> Result<Self> {
        if step == 0 {
            let line = |header: &str| format!("{header}\n");
            return Ok(Records { metrics: line(METRICS_HEADER), errors: line(ERRORS_HEADER) });
        }
        Ok(Records {
            // A line of `metrics` carries the step it was made in, one of `errors` the steps done.
            metrics: lines::up_to(&files.metrics, METRICS_HEADER, |at| at < step)?,
            errors: lines::up_to(&files.errors, ERRORS_HEADER, |at| at <= step)?,
        })
    }

    fn metrics(&mut self, step: u64, losses: Losses, norm: f64, rate: f64) {
        let Losses { matching, consistency, radius } = losses;
        let total = losses.total();
        // Writing to a String cannot fail.
        let _ = writeln!(
            self.metrics,
            "{step},{total:e},{matching:e},{consistency:e},{radius:e},{norm:e},{rate:e}"
        );
    }

    fn errors(&mut self, step: u64, [clean, trained]: &[Vec<Measured>; 2]) {
        for (clean, trained) in clean.iter().zip(trained) {
            let (a, s) = (clean.channel.a(), clean.channel.s());
            let _ = write!(self.errors, "{step},{a:e},{s:e}");
            for Measured { error, deviation, floor, .. } in [clean, trained] {
                let _ = write!(self.errors, ",{error:e},{deviation:e},{floor:e}");
            }
            self.errors.push('\n');
        }
    }
}
