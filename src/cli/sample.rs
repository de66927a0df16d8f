//! `tweedie sample`: points generated with a model or a law's exact denoiser, or drawn from the law itself.
//!
//! Floor 9. Uses `sampler`, `denoiser`, `law`, `format`, `cuda`.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};
use ndarray::{Axis, stack};

use super::HOLDS;
use super::arguments::{Dtype, Place, Sample};
use crate::arith::Real;
use crate::channel::steps::Steps;
use crate::cuda::{DeviceReal, offer};
use crate::denoiser::Denoiser;
use crate::error::{Error, Result};
use crate::format::npy::ArrayRef;
use crate::format::npz::write_npz;
use crate::law::Mixture;
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

fn generate<T: DeviceReal>(options: &Sample) -> Result<()> {
    if options.device == Place::Cuda {
        // Before any file is read: what is missing is missing whatever they hold.
        check_kernel(options)?;
        offer::found()?;
    }
    if options.method == EXACT {
        let law = options.denoiser.law.require()?;
        let drawn = law.sample(options.seed, 0, options.n)?.points.mapv(T::from_f64).into_dyn();
        return write_npz(&options.out, &[("points", &drawn as ArrayRef)]);
    }
    let source = match options.device {
        Place::Cpu => Source::Denoiser(options.denoiser.get::<T>()?),
        Place::Cuda => Source::Law(options.denoiser.law.require()?),
    };
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
    let (n, seed) = (options.n, options.seed);
    let run = match &source {
        Source::Denoiser(denoiser) => sample(&**denoiser, &steps, method, n, seed, &told)?,
        Source::Law(law) => offer::sample(law, &steps, method, n, seed, &told)?,
    };
    bar.finish_and_clear();
    write(options, run)
}

/// What predicts: a denoiser here, or on a device the exact one of a law.
enum Source<T: DeviceReal> {
    Denoiser(Box<dyn Denoiser<T>>),
    Law(Mixture),
}

/// Refuses what no kernel samples with.
fn check_kernel(options: &Sample) -> Result<()> {
    let (what, reason) = if options.denoiser.model.is_some() {
        ("--model", "kernels sample with the exact denoiser of --law or --mixture alone")
    } else if options.method == EXACT {
        (
            "--method exact",
            "no kernel draws from a law; ancestral, ddim[:ETA], euler, heun and euler-maruyama have one",
        )
    } else {
        return Ok(());
    };
    let remedy = "leave --device out to compute on the CPU";
    Err(Error::Device { what, reason: reason.to_string(), remedy })
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
