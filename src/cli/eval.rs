//! `tweedie eval`: exact quantities of a noised law at given points, with error bounds on request.
//!
//! Floor 9. Uses `law`, `channel`, `format`, `cuda`.

use crate::arith::Real;
use crate::cuda::{DeviceReal, offer};
use crate::error::{Error, Result};
use crate::format::npy::{ArrayRef, read_points};
use crate::format::npz::write_npz;
use crate::law::{Evaluation, Quantity};

use super::HOLDS;
use super::arguments::{Dtype, Eval, Place};

pub(super) fn run(options: &Eval) -> Result<u8> {
    let wanted = quantities(&options.quantity)?;
    match options.dtype {
        Dtype::F32 => evaluate::<f32>(options, &wanted)?,
        Dtype::F64 => evaluate::<f64>(options, &wanted)?,
    }
    Ok(HOLDS)
}

/// The quantities of these names, in the order of the output file, each once.
fn quantities(names: &[String]) -> Result<Vec<Quantity>> {
    let mut wanted = names.iter().map(|name| name.parse()).collect::<Result<Vec<Quantity>>>()?;
    wanted.sort();
    wanted.dedup();
    Ok(wanted)
}

fn evaluate<T: DeviceReal>(options: &Eval, wanted: &[Quantity]) -> Result<()> {
    // Before any file is read: what is missing is missing whatever they hold.
    if options.device == Place::Cuda {
        offer::found()?;
    }
    let law = options.law.require()?.through::<T>(options.channel.get()?)?;
    let located = |error: Error| match error {
        Error::File { .. } | Error::Device { .. } => error,
        other => {
            Error::File { path: options.points.display().to_string(), reason: other.to_string() }
        }
    };
    let points = read_points::<T>(&options.points)?;
    let found = match options.device {
        Place::Cpu => law.evaluate(points.view(), wanted),
        Place::Cuda => offer::evaluate(&law, points.view(), wanted),
    };
    let values = arrays(found.map_err(located)?);
    let bounds = if options.bound {
        let given = read_points::<f64>(&options.points)?;
        arrays(law.bounds(given.view(), wanted).map_err(located)?)
    } else {
        Vec::new()
    };
    let bound_names: Vec<String> = bounds.iter().map(|(name, _)| format!("{name}_bound")).collect();
    let mut named: Vec<(&str, ArrayRef)> = Vec::new();
    named.extend(values.iter().map(|(name, array)| (*name, array as ArrayRef)));
    named.extend(
        bound_names
            .iter()
            .zip(&bounds)
            .map(|(name, (_, array))| (name.as_str(), array as ArrayRef)),
    );
    write_npz(&options.out, &named)
}

/// The arrays that are there, with their names.
fn arrays<T: Real>(found: Evaluation<T>) -> Vec<(&'static str, ndarray::ArrayD<T>)> {
    let all = [
        (Quantity::LogDensity, found.log_density.map(|a| a.into_dyn())),
        (Quantity::Score, found.score.map(|a| a.into_dyn())),
        (Quantity::Denoiser, found.denoiser.map(|a| a.into_dyn())),
        (Quantity::Noise, found.noise.map(|a| a.into_dyn())),
        (Quantity::Covariance, found.covariance.map(|a| a.into_dyn())),
        (Quantity::Responsibilities, found.responsibilities.map(|a| a.into_dyn())),
    ];
    all.into_iter().filter_map(|(name, array)| array.map(|a| (name.name(), a))).collect()
}
