//! `tweedie train`: trains a denoiser by a configuration, measures it against its law and writes a report.
//!
//! Floor 9. Uses `train`, `denoiser`, `report`.

use std::io::IsTerminal;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

use super::arguments::Train;
use super::{HOLDS, complain, say};
use crate::arith::Real;
use crate::denoiser::{Mlp, ModelSpec, Stored};
use crate::error::{Error, Result};
use crate::train::config::Config;
use crate::train::plan::Plan;
use crate::train::run::{Begin, Progress, run as train};

/// Lines of progress where there is no terminal.
const LINES: u64 = 10;

pub(super) fn run(options: &Train) -> Result<u8> {
    let plan = Plan::new(&Config::read(&options.config)?)?;
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

fn of_format<T: Real>(options: &Train, plan: &Plan) -> Result<()> {
    match plan.spec()? {
        spec @ ModelSpec::Mlp { .. } => of_model::<T, Mlp<T>>(options, plan, &spec),
    }
}

fn of_model<T: Real, M: Stored<T>>(options: &Train, plan: &Plan, spec: &ModelSpec) -> Result<()> {
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
    let model = train(plan, model, &options.out, begin, &progress)?;
    bar.finish_and_clear();
    let seconds = started.elapsed().as_secs_f64();
    say(&format!(
        "parameters {}, steps {}, seconds {seconds:.1}\n",
        model.parameters().len(),
        plan.config.steps
    ));
    Ok(())
}
