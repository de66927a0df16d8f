//! Model files: named arrays in the safetensors format, with one line of text about them.
//!
//! Floor 0. Uses `error`, `arith` (the two scalars). What the arrays mean is the business of `denoiser` and `train`.
//!
//! The text is JSON under the single metadata key `tweedie`: the format keeps metadata in no order, and one key makes
//! equal models equal files.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};

use super::atomic::write_atomic;
use super::{read_whole, refuse, shown};
use crate::arith::Real;
use crate::error::Result;

/// The metadata key.
pub const KEY: &str = "tweedie";
/// The longest file read, in bytes.
const LONGEST: u64 = 8 << 30;

/// One array: row-major numbers in f64, which holds f32 exactly.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedArray {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its numbers.
    pub values: Vec<f64>,
}

/// A file's text and arrays, the arrays in order of their names.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorFile {
    /// What stands under the key `tweedie`; empty where a file made elsewhere has none.
    pub text: String,
    /// `"f32"` or `"f64"`: what the numbers are stored in. A file of both counts as f64.
    pub format: &'static str,
    /// The arrays.
    pub arrays: Vec<NamedArray>,
}

impl TensorFile {
    /// The array of a name.
    pub fn array(&self, name: &str) -> Option<&NamedArray> {
        self.arrays.iter().find(|array| array.name == name)
    }
}

/// Reads a safetensors file of f32 and f64 arrays.
///
/// Errors: `Error::File` where it cannot be read, is longer than 8 GiB, is not such a file or holds another kind of number.
pub fn read_tensors(path: &Path) -> Result<TensorFile> {
    parse_tensors(&read_whole(path, LONGEST)?).map_err(|reason| refuse(&shown(path), reason))
}

/// Reads the bytes of a safetensors file.
///
/// Errors: one line that says what is wrong with them.
pub fn parse_tensors(bytes: &[u8]) -> std::result::Result<TensorFile, String> {
    let not_one =
        |reason: safetensors::SafeTensorError| format!("is not a safetensors file: {reason}");
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(not_one)?;
    let text = header.metadata().as_ref().and_then(|pairs| pairs.get(KEY)).cloned();
    let tensors = SafeTensors::deserialize(bytes).map_err(not_one)?;
    let mut names = tensors.names();
    names.sort_unstable();
    let (mut arrays, mut format) = (Vec::new(), "f32");
    for name in names {
        let view = tensors.tensor(name).map_err(not_one)?;
        let values = match view.dtype() {
            Dtype::F32 => numbers::<4>(view.data(), |b| f64::from(f32::from_le_bytes(b))),
            Dtype::F64 => {
                format = "f64";
                numbers::<8>(view.data(), f64::from_le_bytes)
            }
            other => {
                return Err(format!("array {name:?} holds {other:?}: expected F32 or F64"));
            }
        };
        arrays.push(NamedArray { name: name.to_string(), shape: view.shape().to_vec(), values });
    }
    Ok(TensorFile { text: text.unwrap_or_default(), format, arrays })
}

fn numbers<const W: usize>(bytes: &[u8], number: impl Fn([u8; W]) -> f64) -> Vec<f64> {
    bytes.as_chunks::<W>().0.iter().map(|&bytes| number(bytes)).collect()
}

/// An array to be written: name, shape, row-major numbers.
pub type TensorRef<'a, T> = (String, Vec<usize>, &'a [T]);

/// Writes arrays of one format and a text, whole or not at all. Equal content gives equal bytes.
///
/// Errors: `Error::File` where the file cannot be written, or where a shape does not fit its numbers.
pub fn write_tensors<T: Real>(path: &Path, text: &str, arrays: &[TensorRef<'_, T>]) -> Result<()> {
    let place = shown(path);
    let dtype = if T::NAME == "f32" { Dtype::F32 } else { Dtype::F64 };
    let mut stored = Vec::with_capacity(arrays.len());
    for (_, _, values) in arrays {
        let bytes: Vec<u8> = if T::NAME == "f32" {
            values.iter().flat_map(|v| (v.to_f64() as f32).to_le_bytes()).collect()
        } else {
            values.iter().flat_map(|v| v.to_f64().to_le_bytes()).collect()
        };
        stored.push(bytes);
    }
    let views = arrays
        .iter()
        .zip(&stored)
        .map(|((name, shape, _), bytes)| {
            Ok((name.as_str(), TensorView::new(dtype, shape.clone(), bytes)?))
        })
        .collect::<std::result::Result<Vec<_>, safetensors::SafeTensorError>>()
        .map_err(|reason| refuse(&place, reason))?;
    let metadata = HashMap::from([(KEY.to_string(), text.to_string())]);
    let bytes = serialize(views, Some(metadata)).map_err(|reason| refuse(&place, reason))?;
    write_atomic(path, |file| file.write_all(&bytes))
}
