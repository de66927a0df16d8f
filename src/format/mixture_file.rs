//! A mixture as a JSON file: what it looks like, and that its numbers are finite and their lists fit.
//!
//! Floor 0. Uses `error`. What the numbers mean (weights that sum to one, covariances that are
//! semidefinite) is checked by `law`.
//!
//! ```json
//! {"weights": [w_k], "means": [[d numbers]], "covariance": {"kind": "isotropic", "values": [v_k]}}
//! ```
//!
//! with `"diagonal"` and `[[d numbers]]`, or `"full"` and `[[[d×d numbers]]]`, in place of `"isotropic"`.

use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::atomic::write_atomic;
use super::{read_whole, refuse, shown};
use crate::error::Result;

/// The longest mixture file read, in bytes; 2,000 components with full covariance in 64 dimensions need
/// about 160 MB. Numbers in memory take at most twelve times the bytes of their text.
const LONGEST: u64 = 512 << 20;

/// A Gaussian mixture of K components in d dimensions, as a file states it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixtureFile {
    /// w_k, K numbers.
    pub weights: Vec<f64>,
    /// μ_k, K lists of d numbers.
    pub means: Vec<Vec<f64>>,
    /// Σ_k.
    pub covariance: CovarianceFile,
}

/// The covariances Σ_k of a mixture: variances, never standard deviations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "values", rename_all = "lowercase", deny_unknown_fields)]
pub enum CovarianceFile {
    /// Σ_k = v_k·I: K numbers.
    Isotropic(Vec<f64>),
    /// Σ_k = diag(v_k): K lists of d numbers.
    Diagonal(Vec<Vec<f64>>),
    /// Σ_k: K lists of d rows of d numbers.
    Full(Vec<Vec<Vec<f64>>>),
}

/// Reads a mixture from a JSON file. Each decimal number becomes the nearest double.
///
/// # Errors
/// [`Error::File`](crate::Error::File) where the file cannot be read, is longer than 512 MiB, is not such
/// JSON (with line and column; unknown and repeated keys are refused), or where a list has the wrong length
/// (with its index).
pub fn read_mixture(path: &Path) -> Result<MixtureFile> {
    parse(&shown(path), &read_whole(path, LONGEST)?)
}

/// Reads a mixture from the bytes of a JSON file.
///
/// # Errors
/// As [`read_mixture`]; the path in the message is `(bytes)`.
pub fn parse_mixture(bytes: &[u8]) -> Result<MixtureFile> {
    parse("(bytes)", bytes)
}

/// Writes a mixture as a JSON file, whole or not at all. Each number is written as the shortest decimal
/// that is read back as the same double.
///
/// # Errors
/// [`Error::File`](crate::Error::File) as [`write_atomic`], and where a list has the wrong length or a number
/// is not finite.
pub fn write_mixture(path: &Path, mixture: &MixtureFile) -> Result<()> {
    mixture.check().map_err(|reason| refuse(&shown(path), reason))?;
    write_atomic(path, |writer| {
        serde_json::to_writer(&mut *writer, mixture)?;
        writer.write_all(b"\n")
    })
}

fn parse(place: &str, bytes: &[u8]) -> Result<MixtureFile> {
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        return Err(refuse(place, "begins with a byte order mark: expected JSON in plain UTF-8"));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| {
        refuse(place, format!("is not UTF-8 from byte {} on: expected JSON", e.valid_up_to()))
    })?;
    if text.trim_ascii().is_empty() {
        return Err(refuse(place, "is empty: expected a mixture in JSON"));
    }
    let mixture: MixtureFile = serde_json::from_str(text)
        .map_err(|e| refuse(place, format!("is not a mixture in JSON: {e}")))?;
    mixture.check().map_err(|reason| refuse(place, reason))?;
    Ok(mixture)
}

impl MixtureFile {
    /// Whether all lists have the lengths that the first mean and the weights imply, and all numbers are
    /// finite; if not, what is wrong.
    fn check(&self) -> std::result::Result<(), String> {
        let k = self.weights.len();
        if k == 0 {
            return Err("weights is empty: expected at least one component".to_owned());
        }
        length("means", self.means.len(), k, "weight")?;
        let d = self.means.first().map_or(0, Vec::len);
        if d == 0 {
            return Err("means[0] is empty: expected at least one dimension".to_owned());
        }
        finite("weights", &self.weights)?;
        rows("means", &self.means, d)?;
        match &self.covariance {
            CovarianceFile::Isotropic(values) => {
                length(VALUES, values.len(), k, "weight")?;
                finite(VALUES, values)
            }
            CovarianceFile::Diagonal(values) => {
                length(VALUES, values.len(), k, "weight")?;
                rows(VALUES, values, d)
            }
            CovarianceFile::Full(values) => {
                length(VALUES, values.len(), k, "weight")?;
                values.iter().enumerate().try_for_each(|(component, matrix)| {
                    let what = format!("{VALUES}[{component}]");
                    length(&what, matrix.len(), d, "dimension")?;
                    rows(&what, matrix, d)
                })
            }
        }
    }
}

const VALUES: &str = "covariance.values";

/// Each row must have d finite numbers.
fn rows(what: &str, rows: &[Vec<f64>], d: usize) -> std::result::Result<(), String> {
    rows.iter().enumerate().try_for_each(|(index, row)| {
        let what = format!("{what}[{index}]");
        length(&what, row.len(), d, "dimension")?;
        finite(&what, row)
    })
}

fn length(
    what: &str,
    found: usize,
    expected: usize,
    each: &str,
) -> std::result::Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what} has length {found}: expected {expected}, one a {each}"))
}

fn finite(what: &str, numbers: &[f64]) -> std::result::Result<(), String> {
    match numbers.iter().enumerate().find(|(_, number)| !number.is_finite()) {
        None => Ok(()),
        Some((index, number)) => {
            Err(format!("{what}[{index}] is {number}: expected a finite number"))
        }
    }
}
