//! A file is written whole or not at all.
//!
//! Floor 0. Uses `error`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{refuse, shown};
use crate::error::Result;

/// Distinguishes the temporary files of one process.
static COUNTER: AtomicU64 = AtomicU64::new(0);

/// Writes `path` through `write`, so that the file is afterwards either as it was or complete.
///
/// The bytes go to a new file in the same directory, which is flushed, synchronised with the disk and then
/// renamed to `path`. If anything fails, or `write` panics, the temporary file is removed and `path` is
/// untouched; only a killed process leaves a file `.<name>.<process>-<count>.tmp` behind. A symbolic link
/// is followed, and a file that is replaced keeps its permissions.
///
/// # Errors
/// [`Error::File`](crate::Error::File) with the system's reason, or with the one `write` gives; also where
/// `path` exists and is a directory, a device or a file without write permission.
pub fn write_atomic(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<()> {
    replace(path, write).map_err(|reason| refuse(&shown(path), reason))
}

fn replace(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let replaced = replaced_file(&target)?;
    let (mut temporary, file) = Temporary::beside(&target)?;
    if let Some(permissions) = replaced {
        file.set_permissions(permissions)?;
    }
    let mut writer = BufWriter::new(file);
    write(&mut writer)?;
    let file = writer.into_inner().map_err(|e| e.into_error())?;
    file.sync_all()?;
    drop(file);
    temporary.rename_to(&target)?;
    synchronise_directory(&target);
    Ok(())
}

/// The permissions of the file that is to be replaced, if there is one. Opening it for writing asks the
/// system whether that is allowed at all: a rename alone would replace even a write-protected file.
fn replaced_file(target: &Path) -> io::Result<Option<fs::Permissions>> {
    match fs::metadata(target) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
        Ok(found) if found.is_dir() => Err(io::Error::other("is a directory: expected a file")),
        Ok(found) if !found.is_file() => Err(io::Error::other("is not a regular file")),
        Ok(found) => {
            OpenOptions::new().write(true).open(target)?;
            Ok(Some(found.permissions()))
        }
    }
}

/// Makes the rename itself durable. Not every system lets a directory be opened or synchronised, and the
/// file is complete in any case, so a failure here is no failure of the write.
fn synchronise_directory(target: &Path) {
    if let Some(directory) = target.parent()
        && let Ok(directory) = File::open(directory)
    {
        let _ = directory.sync_all();
    }
}

/// A file that is removed when it goes out of scope, unless it was renamed first.
struct Temporary {
    path: PathBuf,
    kept: bool,
}

impl Temporary {
    /// Creates a new, empty file in the directory of `target`.
    fn beside(target: &Path) -> io::Result<(Self, File)> {
        let name = target.file_name().ok_or_else(|| io::Error::other("names no file"))?;
        loop {
            let count = COUNTER.fetch_add(1, Ordering::Relaxed);
            let mut hidden = std::ffi::OsString::from(".");
            hidden.push(name);
            hidden.push(format!(".{}-{count}.tmp", process::id()));
            let path = target.with_file_name(hidden);
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok((Self { path, kept: false }, file)),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(e),
            }
        }
    }

    fn rename_to(&mut self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.kept {
            // Nothing better can be done here than to leave the file.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Writes `text` to `path`, whole or not at all.
///
/// # Errors
/// As [`write_atomic`].
pub fn write_text(path: &Path, text: &str) -> Result<()> {
    write_atomic(path, |writer| writer.write_all(text.as_bytes()))
}
