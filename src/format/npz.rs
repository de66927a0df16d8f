//! Several named arrays in one file: NumPy's `.npz`, a ZIP archive with one `.npy` file an array.
//!
//! Floor 0. Uses `error` and `arith` (the scalars). Read: members stored or deflated, as `numpy.savez` and
//! `numpy.savez_compressed` write them. Written: stored, in the order given, without a date.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Cursor, Read, Seek};
use std::path::Path;

use ndarray::ArrayD;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use super::atomic::write_atomic;
use super::npy::{ArrayRef, decode};
use super::{one_line, open_regular, refuse, shown};
use crate::error::Result;

/// All members of an archive together may be this many bytes, ...
const ALWAYS_ALLOWED: u64 = 64 << 20;
/// ... or this many times the archive's length, if that is more.
const GREATEST_EXPANSION: u64 = 100;

/// A member larger than this needs the 64-bit fields of ZIP.
const LARGE: u64 = u32::MAX as u64;

/// Reads all arrays of a `.npz` file, each row-major, with their names (without `.npy`), in the order of the
/// archive. Bytes in front of the archive or behind it are passed over, as NumPy does.
///
/// # Errors
/// [`Error::File`](crate::Error::File) where the file cannot be read, is no archive, holds something that is
/// not an array of f32 or f64, holds a name twice, or would expand to more than 64 MiB and a hundred times
/// its own length; [`Error::FileEntry`](crate::Error::FileEntry) for an entry that is not finite.
pub fn read_npz(path: &Path) -> Result<Vec<(String, ArrayD<f64>)>> {
    let place = shown(path);
    let (file, length) = open_regular(path).map_err(|e| refuse(&place, e))?;
    read_archive(&place, BufReader::new(file), length)
}

/// Reads the bytes of a `.npz` file.
///
/// # Errors
/// As [`read_npz`]; the path in the message is `(bytes)`.
pub fn parse_npz(bytes: &[u8]) -> Result<Vec<(String, ArrayD<f64>)>> {
    read_archive("(bytes)", Cursor::new(bytes), bytes.len() as u64)
}

fn read_archive(
    place: &str,
    reader: impl Read + Seek,
    length: u64,
) -> Result<Vec<(String, ArrayD<f64>)>> {
    if length == 0 {
        return Err(refuse(place, "is empty: expected a .npz archive"));
    }
    let unreadable = |e| refuse(place, format!("is not a readable .npz archive: {e}"));
    let mut archive = ZipArchive::new(reader).map_err(unreadable)?;
    // Refuses names that occur twice and members that share bytes: without shared bytes the archive
    // expands at most as much as DEFLATE can, and each byte of it is read once.
    archive.validate_header_consistency().map_err(unreadable)?;

    let allowed = ALWAYS_ALLOWED.max(length.saturating_mul(GREATEST_EXPANSION));
    let mut left = allowed;
    let mut arrays = Vec::new();
    let mut names = HashSet::new();
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).map_err(unreadable)?;
        let name = member.name().map_err(unreadable)?.into_owned();
        let Some(name) = name.strip_suffix(".npy").map(str::to_owned) else {
            return Err(refuse(place, format!("holds {name:?}: expected only .npy members")));
        };
        let size = member.size();
        left = left.checked_sub(size).ok_or_else(|| {
            refuse(place, format!("expands to more than {allowed} bytes, the most for its length"))
        })?;
        if !names.insert(name.clone()) {
            return Err(refuse(place, format!("holds the array {name:?} twice")));
        }
        let array = decode(&one_line(format_args!("{place}, array {name:?}")), &mut member, size)?;
        arrays.push((name, array));
    }
    Ok(arrays)
}

/// Writes arrays with their names as a `.npz` file, whole or not at all. The same arrays and names give
/// the same bytes: nothing is compressed, the order is kept, and every date is that at which ZIP's
/// calendar begins.
///
/// # Errors
/// As [`write_atomic`], and where a name occurs twice.
pub fn write_npz(path: &Path, arrays: &[(&str, ArrayRef)]) -> Result<()> {
    write_atomic(path, |writer| write_archive(writer, arrays))
}

fn write_archive(writer: &mut BufWriter<File>, arrays: &[(&str, ArrayRef)]) -> io::Result<()> {
    let mut archive = ZipWriter::new(writer);
    for (name, array) in arrays {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::default())
            .unix_permissions(0o644)
            .large_file(array.byte_length() >= LARGE);
        archive.start_file(format!("{name}.npy"), options)?;
        array.write_to(&mut archive)?;
    }
    archive.finish()?;
    Ok(())
}
