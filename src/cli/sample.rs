//! `tweedie sample`: points generated with a model or a law's exact denoiser, or drawn from the law itself.
//!
//! Floor 9. Uses `sampler`, `denoiser`, `law`, `format`.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};
use ndarray::{Axis, stack};

use super::HOLDS;
use super::arguments::{Dtype, Sample};
use crate::arith::Real;
use crate::channel::steps::Steps;
use crate::error::{Error, Result};
use crate::format::npy::ArrayRef;
use crate::format::npz::write_npz;
use crate::sampler::{Method, Options, Record, Run, sample};

/// The method that draws from the law itself.
const EXACT: &str = "exact";

pub(super) fn run(options: &Sample) -> Result<u8> {
    match options.dtype {
        Dtype::F32 => generate::<f32>(options)?,
        Dtype::F64 => generate::<f64>(options)?,
    }
    Ok(HOLDS)
}

fn generate<T: Real>(options: &Sample) -> Result<()> {
    if options.method == EXACT {
        let law = options.denoiser.law.require()?;
        let drawn = law.sample(options.seed, 0, options.n)?.points.mapv(T::from_f64).into_dyn();
        return write_npz(&options.out, &[("points", &drawn as ArrayRef)]);
    }
    let denoiser = options.denoiser.get::<T>()?;
    let method: Method = options.method.parse()?;
    let steps = Steps::by_name(&options.schedule, options.steps)?;
    let bar = if std::io::stderr().is_terminal() {
        ProgressBar::new(steps.len() as u64)
    } else {
        ProgressBar::hidden()
    };
    if let Ok(style) = ProgressStyle::with_template("sampling {bar:30} {pos}/{len} {eta}") {
        bar.set_style(style);
    }
    let progress = |done: usize, all: usize| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    };
    let record = options.trajectory.map_or(Record::Nothing, Record::Every);
    let told = Options { record, progress: Some(&progress), ..Options::default() };
    let run = sample::<T, _>(&*denoiser, &steps, method, options.n, options.seed, &told)?;
    bar.finish_and_clear();
    write(options, run)
}

fn write<T: Real>(options: &Sample, run: Run<T>) -> Result<()> {
    let points = run.points.into_dyn();
    let mut named: Vec<(&str, ArrayRef)> = vec![("points", &points as ArrayRef)];
    let trajectory;
    if options.trajectory.is_some() {
        let states: Vec<_> = run.trajectory.iter().map(|state| state.points.view()).collect();
        trajectory = stack(Axis(0), &states)
            .map_err(|error| Error::Shape {
                what: "trajectory",
                found: Vec::new(),
                expected: error.to_string(),
            })?
            .into_dyn();
        named.push(("trajectory", &trajectory as ArrayRef));
    }
    write_npz(&options.out, &named)
}
