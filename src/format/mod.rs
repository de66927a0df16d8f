//! Files: arrays in NumPy's formats, mixtures as JSON, and how a file is written whole or not at all.
//!
//! Floor 0. Uses `error` and `arith` (the two scalars); knows nothing of laws: what a mixture's numbers
//! must satisfy beyond shape and finiteness is the business of `law`.
//!
//! Whatever the bytes, reading returns a value or one line that says which file, what is wrong with it
//! and what was expected. It never panics, and allocates in proportion to the size of the file.

pub mod atomic;
pub mod mixture_file;
pub mod npy;
pub mod npz;
pub mod tensors;

mod header;

use std::fmt::{Display, Write as _};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::error::{Error, Result};

/// A path as it stands in a message: one line, whatever characters the name holds.
fn shown(path: &Path) -> String {
    one_line(path.display())
}

/// The text with its control characters escaped, so that it prints as one line.
fn one_line(text: impl Display) -> String {
    let mut line = String::new();
    for c in text.to_string().chars() {
        if c.is_control() {
            // Writing to a String cannot fail.
            let _ = write!(line, "{}", c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

/// The refusal of the file (or member of an archive) called `place`. The reason can quote the file, so it
/// is made one line of bounded length.
fn refuse(place: &str, reason: impl Display) -> Error {
    const MOST: usize = 400;
    let mut reason = one_line(reason);
    if let Some((end, _)) = reason.char_indices().nth(MOST) {
        reason.truncate(end);
        reason.push_str(" ...");
    }
    Error::File { path: place.to_owned(), reason }
}

/// The bytes of a regular file of at most `longest` of them.
fn read_whole(path: &Path, longest: u64) -> Result<Vec<u8>> {
    let place = shown(path);
    let (file, length) = open_regular(path).map_err(|e| refuse(&place, e))?;
    if length > longest {
        return Err(refuse(&place, format!("is {length} bytes long: expected at most {longest}")));
    }
    let mut bytes = Vec::new();
    file.take(longest).read_to_end(&mut bytes).map_err(|e| refuse(&place, e))?;
    Ok(bytes)
}

/// Opens a regular file and tells its length in bytes. Anything else (a directory, a pipe, a device) is
/// refused before it is opened, because opening a pipe can block and a device has no length.
fn open_regular(path: &Path) -> io::Result<(File, u64)> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other(if path.is_dir() {
            "is a directory: expected a file"
        } else {
            "is not a regular file"
        }));
    }
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    Ok((file, length))
}
