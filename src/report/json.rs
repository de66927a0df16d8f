//! `claims.json`: what was found, for other programs.
//!
//! Floor 8. Uses `error`, `claims`.

use serde::Serialize;

use super::Header;
use crate::claims::Outcome;
use crate::error::{Error, Result};

#[derive(Serialize)]
struct Document<'a> {
    tweedie: &'a str,
    seed: u64,
    quick: bool,
    full: bool,
    claims: &'a [Outcome],
}

/// The document `{"tweedie": version, "seed", "quick", "full", "claims": [...]}`, indented. A number that is not finite is the
/// string `NaN`, `Infinity` or `-Infinity`. Equal outcomes give equal bytes.
///
/// Errors: `Error::File` should the writer fail, which writing to memory does not.
pub fn json(header: &Header, outcomes: &[Outcome]) -> Result<String> {
    let document = Document {
        tweedie: &header.version,
        seed: header.seed,
        quick: header.quick,
        full: header.full,
        claims: outcomes,
    };
    let mut text = serde_json::to_string_pretty(&document)
        .map_err(|e| Error::File { path: "claims.json".to_owned(), reason: e.to_string() })?;
    text.push('\n');
    Ok(text)
}
