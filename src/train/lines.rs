//! Tables that grow with a run: read back, and cut to the step that a resumed run stands at.
//!
//! Floor 5. Uses `error`.

use std::path::Path;

use crate::error::{Error, Result};

/// The header and the lines whose first number, a step, is kept by `keep`.
///
/// Errors: `Error::File` where the file cannot be read or is not such a table.
pub fn up_to(path: &Path, header: &str, keep: impl Fn(u64) -> bool) -> Result<String> {
    let refuse = |reason: String| Error::File { path: path.display().to_string(), reason };
    let text = std::fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
    let mut lines = text.lines();
    if lines.next() != Some(header) {
        return Err(refuse(format!("does not begin with {header:?}")));
    }
    let mut kept = format!("{header}\n");
    for (i, line) in lines.enumerate() {
        let step = line.split(',').next().and_then(|step| step.parse::<u64>().ok());
        match step {
            Some(step) if keep(step) => {
                kept.push_str(line);
                kept.push('\n');
            }
            Some(_) => {}
            None => return Err(refuse(format!("line {} does not begin with a step", i + 2))),
        }
    }
    Ok(kept)
}

/// The numbers of a table's lines, as many as the header has names; what is no number is NaN.
///
/// Errors: as `up_to`, and where a line has another number of fields.
pub fn numbers(path: &Path, header: &str) -> Result<Vec<Vec<f64>>> {
    let text = up_to(path, header, |_| true)?;
    let fields = header.split(',').count();
    let mut rows = Vec::new();
    for (i, line) in text.lines().enumerate().skip(1) {
        let row: Vec<f64> = line.split(',').map(|x| x.parse().unwrap_or(f64::NAN)).collect();
        if row.len() != fields {
            return Err(Error::File {
                path: path.display().to_string(),
                reason: format!("line {} has {} fields: expected {fields}", i + 1, row.len()),
            });
        }
        rows.push(row);
    }
    Ok(rows)
}
