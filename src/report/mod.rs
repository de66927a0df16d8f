//! The report: one HTML page that opens offline, JSON, CSV of what was plotted, and a table for the terminal.
//!
//! Floor 8. Uses `arith`, `error`, `figure`, `format`, `claims`. Equal outcomes give equal bytes: no time, no path, no thread count is
//! written.

mod axis;
pub mod csv;
pub mod html;
pub mod json;
mod legend;
mod marks;
mod paint;
mod pictures;
pub mod plot;
mod png;
pub mod run;
pub mod table;
pub mod text;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use crate::claims::Outcome;
use crate::error::{Error, Result};
use crate::format::atomic::write_atomic;

/// What the report says about the run itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// The version of tweedie.
    pub version: String,
    /// The seed of every random number.
    pub seed: u64,
    /// Whether the run was shortened: fewer samples and coarser grids.
    pub quick: bool,
    /// Whether it was the whole study of the findings.
    pub full: bool,
    /// The command that gives this report again, without what does not change it (threads, output directory).
    pub command: String,
}

/// Writes `report.html`, `claims.json` and `figures/NAME.csv` under `dir`, which is made if it is missing. Each file is
/// written whole or not at all.
///
/// Errors: `Error::File` with the path where a directory or file cannot be written.
pub fn write(dir: &Path, header: &Header, outcomes: &[Outcome]) -> Result<()> {
    let stems = stems(outcomes);
    let figures = dir.join("figures");
    fs::create_dir_all(&figures).map_err(|e| failure(&figures, &e))?;
    for (figure, stem) in outcomes.iter().flat_map(|outcome| &outcome.figures).zip(&stems) {
        write_text(&figures.join(format!("{stem}.csv")), &csv::csv(figure))?;
    }
    write_text(&dir.join("claims.json"), &json::json(header, outcomes)?)?;
    write_text(&dir.join("report.html"), &html::html(header, outcomes)?)
}

/// The file stem of each figure, in order: its name made safe, with a number added where it was used before.
fn stems(outcomes: &[Outcome]) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut stems = Vec::new();
    for figure in outcomes.iter().flat_map(|outcome| &outcome.figures) {
        let base = csv::stem(&figure.name);
        let mut stem = base.clone();
        while seen.contains_key(&stem) {
            let count = seen.entry(base.clone()).or_insert(1);
            *count += 1;
            stem = format!("{base}-{count}");
        }
        seen.insert(stem.clone(), 1);
        stems.push(stem);
    }
    stems
}

fn write_text(path: &Path, text: &str) -> Result<()> {
    write_atomic(path, |file| file.write_all(text.as_bytes()))
}

fn failure(path: &Path, error: &std::io::Error) -> Error {
    Error::File { path: path.display().to_string(), reason: error.to_string() }
}
