//! `tweedie compare`: two sets of predictions side by side, each from a law, a model or a file.
//!
//! Floor 9. Uses `denoiser`, `law`, `train::measure`, `format`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use ndarray::{Array2, Ix2};

use super::arguments::{self, Dtype};
use super::{FAILS, HOLDS, say};
use crate::arith::Real;
use crate::channel::Channel;
use crate::denoiser::{Denoiser, Model};
use crate::error::{Error, Result};
use crate::format::npy::read_points;
use crate::format::npz::read_npz;
use crate::law::{Mixture, Quantity, toy_law};
use crate::train::measure::{DEVIATIONS, mean_and_error, squared_rows};

/// The predictions that can be compared, by the names of `tweedie eval`.
const NAMES: [&str; 3] = ["denoiser", "noise", "score"];

/// One of the two.
enum Side<T> {
    Law(Mixture),
    Model(Box<dyn Denoiser<T>>),
    File(PathBuf, Vec<(String, Array2<f64>)>),
}

pub(super) fn run(options: &arguments::Compare) -> Result<u8> {
    match options.dtype {
        Dtype::F32 => of_format::<f32>(options),
        Dtype::F64 => of_format::<f64>(options),
    }
}

fn of_format<T: Real>(options: &arguments::Compare) -> Result<u8> {
    if let Some(within) = options.within
        && (within < 0.0 || within.is_nan())
    {
        return Err(Error::Domain { what: "--within", value: within, expected: "at least 0" });
    }
    let channel = options.channel.get()?;
    let sides = [Side::<T>::read(&options.left)?, Side::<T>::read(&options.right)?];
    let x = points(options, channel, &sides)?;
    let [left, right] = &sides;
    let (left, right) = (left.predictions(channel, &x)?, right.predictions(channel, &x)?);
    let mut table = format!("{} against {}, {} points\n", options.left, options.right, x.nrows());
    table.push_str(
        "quantity         mean square           +-    root mean square       largest  row\n",
    );
    let mut worst = 0.0f64;
    let mut compared = 0;
    for name in NAMES {
        let find = |side: &[(&str, Array2<f64>)]| {
            side.iter().find(|(found, _)| *found == name).map(|(_, array)| array.clone())
        };
        let (Some(left), Some(right)) = (find(&left), find(&right)) else { continue };
        let squares = squared_rows(left.view(), right.view());
        let (mean, deviation) = mean_and_error(&squares);
        let (row, largest) = squares
            .iter()
            .enumerate()
            .fold((0, 0.0), |worst, (n, &s)| if s > worst.1 { (n, s) } else { worst });
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "{name:10} {mean:>17.6e} {:>12.2e} {:>19.6e} {:>13.6e}  {row}",
            DEVIATIONS * deviation,
            mean.sqrt(),
            largest.sqrt()
        );
        worst = worst.max(mean.sqrt());
        compared += 1;
    }
    if compared == 0 {
        return Err(Error::Empty { what: "comparison", expected: "prediction that both have" });
    }
    say(&table);
    let fails = options.within.is_some_and(|within| worst > within || worst.is_nan());
    Ok(if fails { FAILS } else { HOLDS })
}

/// The points given, or draws of the first law seen through the channel.
fn points<T: Real>(
    options: &arguments::Compare,
    channel: Channel,
    sides: &[Side<T>; 2],
) -> Result<Array2<T>> {
    if let Some(path) = &options.points {
        return read_points(path);
    }
    let law =
        sides.iter().find_map(|side| if let Side::Law(law) = side { Some(law) } else { None });
    let law = law.ok_or(Error::Empty { what: "points", expected: "--points FILE, or a law" })?;
    if sides.iter().any(|side| matches!(side, Side::File(..))) {
        return Err(Error::Empty {
            what: "points",
            expected: "--points FILE: those that the file's predictions belong to",
        });
    }
    Ok(law.sample_noised(channel, options.seed, 0, options.n)?.noised.mapv(T::from_f64))
}

impl<T: Real> Side<T> {
    fn read(name: &str) -> Result<Self> {
        let path = Path::new(name);
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") => Mixture::read(path).map(Side::Law),
            Some("safetensors") => Ok(Side::Model(Box::new(Model::<T>::read(path)?))),
            Some("npz") => {
                let mut arrays = Vec::new();
                for (found, array) in read_npz(path)? {
                    let known = NAMES.contains(&found.as_str());
                    if let (true, Ok(array)) = (known, array.into_dimensionality::<Ix2>()) {
                        arrays.push((found, array));
                    }
                }
                if arrays.is_empty() {
                    return Err(Error::File {
                        path: name.into(),
                        reason: format!("has none of the arrays {} (N×d)", NAMES.join(", ")),
                    });
                }
                Ok(Side::File(path.to_path_buf(), arrays))
            }
            _ => toy_law(name).map(Side::Law),
        }
    }

    /// What this side predicts at x, by name.
    fn predictions(&self, channel: Channel, x: &Array2<T>) -> Result<Vec<(&str, Array2<f64>)>> {
        match self {
            Side::Law(law) => {
                let wanted = [Quantity::Denoiser, Quantity::Noise, Quantity::Score];
                let found = law.through::<T>(channel)?.evaluate(x.view(), &wanted)?;
                let named =
                    [("denoiser", found.denoiser), ("noise", found.noise), ("score", found.score)];
                Ok(named
                    .into_iter()
                    .filter_map(|(name, array)| array.map(|a| (name, a.mapv(Real::to_f64))))
                    .collect())
            }
            Side::Model(model) => {
                let found = model.predict(channel, x.view())?;
                let noise = found.noise.mapv(Real::to_f64);
                let score = noise.mapv(|noise| -noise / channel.s());
                let denoised = found.denoised.mapv(Real::to_f64);
                Ok(vec![("denoiser", denoised), ("noise", noise), ("score", score)])
            }
            Side::File(path, arrays) => arrays
                .iter()
                .map(|(name, array)| {
                    if array.dim() == x.dim() {
                        return Ok((name.as_str(), array.clone()));
                    }
                    Err(Error::File {
                        path: path.display().to_string(),
                        reason: format!(
                            "array {name:?} has shape {:?}: expected {:?}, the points'",
                            array.shape(),
                            x.shape()
                        ),
                    })
                })
                .collect(),
        }
    }
}
