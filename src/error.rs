//! What can be wrong with an input: one typed error for the whole crate, carrying the number at fault.
//!
//! Floor 0. Uses nothing of the crate.

/// Everything that the crate refuses. Each message is one line: what, where, what was expected.
///
/// Numbers are shown as `{:?}` does: the shortest digits that read back, 1e300 and not its 301 digits.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An entry of an array is NaN or infinite.
    #[error("{what}{index:?} is {value:?}: expected a finite number")]
    NotFinite { what: &'static str, index: Vec<usize>, value: f64 },
    /// An entry of an array, or a parameter, is outside its domain.
    #[error("{what}{index:?} is {value:?}: expected {expected}")]
    Entry { what: &'static str, index: Vec<usize>, value: f64, expected: &'static str },
    /// A scalar parameter is outside its domain.
    #[error("{what} is {value:?}: expected {expected}")]
    Domain { what: &'static str, value: f64, expected: &'static str },
    /// An array has the wrong shape.
    #[error("{what} has shape {found:?}: expected {expected}")]
    Shape { what: &'static str, found: Vec<usize>, expected: String },
    /// Something that must hold at least one element holds none.
    #[error("{what} is empty: expected at least one {expected}")]
    Empty { what: &'static str, expected: &'static str },
    /// The weights of a mixture do not sum to one.
    #[error("weights sum to {sum:?}: expected 1 within 1e-6")]
    WeightSum { sum: f64 },
    /// A covariance differs from its transpose by more than rounding.
    #[error(
        "covariance[{component}] is not symmetric: entry [{row}, {column}] differs from [{column}, {row}] by {difference:?}, more than {tolerance:?}"
    )]
    Asymmetric { component: usize, row: usize, column: usize, difference: f64, tolerance: f64 },
    /// A covariance has an eigenvalue below zero by more than rounding.
    #[error(
        "covariance[{component}] is indefinite: it has the eigenvalue {eigenvalue:?}, below -{tolerance:?}"
    )]
    Indefinite { component: usize, eigenvalue: f64, tolerance: f64 },
    /// A name that is not in a fixed list.
    #[error("{what} {name:?} is not known: expected one of {expected}")]
    Unknown { what: &'static str, name: String, expected: String },
    /// An entry of an array in a file is outside its domain.
    #[error("{path}: entry {index:?} is {value:?}: expected {expected}")]
    FileEntry { path: String, index: Vec<usize>, value: f64, expected: &'static str },
    /// A training run that cannot go on; its last checkpoint is kept.
    #[error("stopped at step {step}: {reason}; the last checkpoint is kept")]
    Stopped { step: u64, reason: String },
    /// A GPU cannot do what was asked for: what of it, why, and what to do about it.
    #[error("{what}: {reason}; {remedy}")]
    Device { what: &'static str, reason: String, remedy: &'static str },
    /// A file cannot be read, written or understood.
    #[error("{path}: {reason}")]
    File { path: String, reason: String },
}

impl Error {
    /// An error about a row of a block, with the row's place in the batch.
    pub(crate) fn moved_down(self, rows: usize) -> Error {
        let Error::NotFinite { what, mut index, value } = self else { return self };
        if let Some(row) = index.first_mut() {
            *row += rows;
        }
        Error::NotFinite { what, index, value }
    }
}

/// The crate's result type.
pub type Result<T> = std::result::Result<T, Error>;
