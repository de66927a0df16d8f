//! A run's state on disk: weights, moments, average, the step, and the configuration that they belong to.
//!
//! Floor 5. Uses `arith`, `denoiser`, `error`, `format`. Spec: design, files.
//!
//! The file is replaced whole (`format::atomic`), so that a run killed at any moment leaves the last good one.

use std::path::Path;

use super::optimizer::State;
use crate::arith::Real;
use crate::denoiser::Trainable;
use crate::denoiser::model::{StoredText, from_file, to_arrays, to_json};
use crate::error::{Error, Result};
use crate::format::tensors::{read_tensors, write_tensors};

/// The prefixes of the four sets of arrays.
const WEIGHTS: &str = "weights.";
const FIRST: &str = "first_moment.";
const SECOND: &str = "second_moment.";
const AVERAGE: &str = "average.";

/// Writes the state.
///
/// Errors: `Error::File`.
pub fn write<T: Real, M: Trainable<T>>(
    path: &Path,
    text: &StoredText,
    model: &M,
    state: &State<T>,
) -> Result<()> {
    let tensors = model.tensors();
    let mut arrays = to_arrays(WEIGHTS, &tensors, model.parameters());
    arrays.extend(to_arrays(FIRST, &tensors, &state.first));
    arrays.extend(to_arrays(SECOND, &tensors, &state.second));
    arrays.extend(to_arrays(AVERAGE, &tensors, &state.average));
    write_tensors(path, &to_json(text)?, &arrays)
}

/// Reads the state into a model of the same tensors.
///
/// Errors: `Error::File` where it is not a checkpoint of this model, in this format and of this configuration.
pub fn read<T: Real, M: Trainable<T>>(
    path: &Path,
    config: &str,
    model: &mut M,
) -> Result<State<T>> {
    let refuse = |reason: String| Error::File { path: path.display().to_string(), reason };
    let file = read_tensors(path)?;
    let text = StoredText::of(&file).map_err(refuse)?;
    if file.format != T::NAME {
        return Err(refuse(format!("holds {} numbers: expected {}", file.format, T::NAME)));
    }
    if text.config != config {
        return Err(refuse(difference(&text.config, config)));
    }
    let tensors = model.tensors();
    let part = |prefix: &str| from_file::<T>(&file, prefix, &tensors).map_err(refuse);
    model.set_parameters(&part(WEIGHTS)?)?;
    Ok(State {
        step: text.step,
        first: part(FIRST)?,
        second: part(SECOND)?,
        average: part(AVERAGE)?,
    })
}

/// The first line in which two configurations differ.
fn difference(stored: &str, given: &str) -> String {
    let line = stored.lines().zip(given.lines()).find(|(stored, given)| stored != given);
    match line {
        Some((stored, given)) => {
            format!("belongs to another configuration: it has {stored:?}, this run {given:?}")
        }
        None => "belongs to another configuration: one has more keys".into(),
    }
}
