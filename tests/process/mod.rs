//! The program `tweedie` as a process, in a folder of its own with points to read.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tweedie::format::npy::{ArrayRef, write_npy};

/// A folder of this name and process, with 300 points in two dimensions.
pub fn place(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("tweedie-{}-{name}", std::process::id()));
    fs::create_dir_all(&dir).expect("a directory");
    let points = ndarray::Array2::from_shape_fn((300, 2), |(n, i)| 0.01 * n as f64 - i as f64);
    write_npy(&dir.join("points.npy"), &points as ArrayRef).expect("points");
    dir
}

/// The program with the words of a line.
pub fn tweedie(dir: &Path, line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tweedie"));
    command.current_dir(dir).args(line.split_whitespace()).output().expect("the program starts")
}

/// Exit code 2, one line that holds every word of `says`, and no output file.
pub fn refused(dir: &Path, line: &str, says: &[&str]) {
    let output = tweedie(dir, line);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{line}: {error}");
    assert_eq!(error.trim_end().lines().count(), 1, "{line}: {error}");
    for word in says {
        assert!(error.contains(word), "{line}: {error:?} does not say {word:?}");
    }
    assert!(!dir.join("out.npz").exists(), "{line} left a file");
}
