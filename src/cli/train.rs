//! `tweedie train`: trains a denoiser by a configuration, measures it against its law and writes a report.
//!
//! Floor 9. Uses `train`, `denoiser`, `report`, `cuda`.

use std::fmt::Write as _;
use std::io::IsTerminal;
use std::path::Path;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

use super::arguments::{Place, Train};
use super::{HOLDS, complain, say};
use crate::arith::Real;
use crate::cuda::{DeviceReal, check_plan, offer};
use crate::denoiser::{AffineLevels, MixtureDenoiser, Mlp, ModelSpec, Stored};
use crate::error::{Error, Result};
use crate::report;
use crate::train::config::Config;
use crate::train::measure::DEVIATIONS;
use crate::train::plan::Plan;
use crate::train::run::{Begin, ERRORS, Progress, errors_of, run as train};

/// Lines of progress where there is no terminal.
const LINES: u64 = 10;

pub(super) fn run(options: &Train) -> Result<u8> {
    let cuda = options.device == Place::Cuda;
    // Before any file is read: what is missing is missing whatever they hold.
    if cuda {
        offer::found()?;
    }
    let plan = Plan::new(&Config::read(&options.config)?)?;
    if cuda {
        check_plan(&plan)?;
    }
    match plan.config.dtype.as_str() {
        "f32" => of_format::<f32>(options, &plan)?,
        "f64" => of_format::<f64>(options, &plan)?,
        other => {
            return Err(Error::Unknown {
                what: "dtype",
                name: other.to_string(),
                expected: "f32, f64".into(),
            });
        }
    }
    Ok(HOLDS)
}

fn of_format<T: DeviceReal>(options: &Train, plan: &Plan) -> Result<()> {
    match plan.spec()? {
        spec @ ModelSpec::Mlp { .. } => {
            let carry_out = match options.device {
                Place::Cpu => train::<T, Mlp<T>>,
                Place::Cuda => offer::train::<T>,
            };
            of_model(options, plan, &spec, carry_out)
        }
        // These have no kernel, and `run` has refused the device.
        spec @ ModelSpec::Mixture { .. } => {
            of_model(options, plan, &spec, train::<T, MixtureDenoiser<T>>)
        }
        spec @ ModelSpec::Affine { .. } => {
            of_model(options, plan, &spec, train::<T, AffineLevels<T>>)
        }
    }
}

/// `train::run`, or what does the same elsewhere.
type CarryOut<M> = fn(&Plan, M, &Path, Begin, &dyn Fn(Progress)) -> Result<M>;

fn of_model<T: Real, M: Stored<T>>(
    options: &Train,
    plan: &Plan,
    spec: &ModelSpec,
    carry_out: CarryOut<M>,
) -> Result<()> {
    let model: M = plan.start(spec)?;
    let begin = if options.resume { Begin::Resume } else { Begin::Anew };
    let terminal = std::io::stderr().is_terminal();
    let bar = if terminal { ProgressBar::new(plan.config.steps) } else { ProgressBar::hidden() };
    let template = "training {bar:30} {pos}/{len} {msg} {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    let every = (plan.config.steps / LINES).max(1);
    let progress = |at: Progress| {
        let error = at.error.map_or(String::new(), |error| format!(", error/floor {error:.3e}"));
        let message = format!("loss {:.4}{error}", at.losses.total());
        if terminal {
            bar.set_position(at.step);
            bar.set_message(message);
        } else if at.step.is_multiple_of(every) || at.step == at.steps {
            complain(&format!("step {}/{} {message}", at.step, at.steps));
        }
    };
    let started = Instant::now();
    let model = carry_out(plan, model, &options.out, begin, &progress)?;
    bar.finish_and_clear();
    let seconds = started.elapsed().as_secs_f64();
    let parameters = model.parameters().len();
    report::run::write::<T, M>(&options.out, plan, &model, parameters)?;
    let errors = errors_of(&options.out.join(ERRORS))?;
    say(&summary(plan, parameters, seconds, &errors));
    say(&format!("Report: {}\n", options.out.join("report.html").display()));
    Ok(())
}

/// What was learned, level by level, and what it took.
fn summary(plan: &Plan, parameters: usize, seconds: f64, errors: &[Vec<f64>]) -> String {
    let last = errors.last().map_or(0.0, |row| row[0]);
    let mut out = String::from("         a          s     E|D-D*|^2           +-        floor\n");
    for row in errors.iter().filter(|row| row[0] == last) {
        let width = DEVIATIONS * row[4];
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "{:>10.3e} {:>10.3e} {:>13.3e} {width:>12.3e} {:>12.3e}",
            row[1], row[2], row[3], row[5]
        );
    }
    let _ =
        writeln!(out, "parameters {parameters}, steps {}, seconds {seconds:.1}", plan.config.steps);
    out
}
