//! Files: what NumPy wrote is read exactly or refused by name, what is written is read back to the bit and
//! replaces nothing unless it is complete, and no bytes whatever make a reader panic.

mod any;
mod archives;
mod arrays;
mod hostile;
mod mixtures;
mod writing;

use std::fs;
use std::path::{Path, PathBuf};

use ndarray::{Array2, ArrayD, IxDyn};
use tweedie::Error;

/// A file that NumPy wrote, see tests/data/make.py.
fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// An empty directory of a test's own.
fn directory(test: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("format").join(test);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

fn file(test: &str, bytes: &[u8]) -> PathBuf {
    let path = directory(test).join("input");
    fs::write(&path, bytes).unwrap();
    path
}

/// The table that make.py writes.
fn table() -> Array2<f64> {
    Array2::from_shape_fn((3, 2), |(i, j)| (i as f64 + 1.0) / (j as f64 + 3.0))
}

fn cube() -> ArrayD<f64> {
    ArrayD::from_shape_vec(IxDyn(&[2, 3, 4]), (0..24).map(f64::from).collect()).unwrap()
}

fn same_bits(found: &ArrayD<f64>, expected: &ArrayD<f64>) -> bool {
    found.shape() == expected.shape()
        && found.is_standard_layout()
        && found.iter().zip(expected).all(|(a, b)| a.to_bits() == b.to_bits())
}

/// The message of a refusal, which must be one line.
fn message<T>(result: Result<T, Error>) -> String {
    let line = result.err().expect("it should have been refused").to_string();
    assert!(!line.contains(|c: char| c.is_control()), "{line:?}");
    line
}

fn assert_refused<T>(result: Result<T, Error>, reason: &str) {
    let line = message(result);
    assert!(line.contains(reason), "{line:?} does not say {reason:?}");
}

/// A `.npy` file of version 1.0 with the given header.
fn npy(header: &str, body: &[u8]) -> Vec<u8> {
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), body].concat()
}

fn described(descr: &str, shape: &str) -> String {
    format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n")
}

fn json(weights: &str, means: &str, kind: &str, values: &str) -> String {
    format!(
        "{{\"weights\": {weights}, \"means\": {means}, \"covariance\": {{\"kind\": \"{kind}\", \"values\": {values}}}}}"
    )
}
