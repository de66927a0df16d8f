//! The names of what can be evaluated at a point, and the arrays that hold it.
//!
//! Floor 1. Uses `error`. Spec: T1, T2.

use ndarray::{Array1, Array2, Array3};

use crate::error::{Error, Result};

/// A quantity of the noised law at a point x.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Quantity {
    /// ln p(x).
    LogDensity,
    /// S(x) = ∇ln p(x).
    Score,
    /// D*(x) = E[x₀ | x].
    Denoiser,
    /// ε*(x) = E[ε | x].
    Noise,
    /// Σ_post(x) = Cov[x₀ | x].
    Covariance,
    /// P(component k | x).
    Responsibilities,
}

impl Quantity {
    /// Every quantity, in the order of the output files.
    pub const ALL: [Quantity; 6] = [
        Quantity::LogDensity,
        Quantity::Score,
        Quantity::Denoiser,
        Quantity::Noise,
        Quantity::Covariance,
        Quantity::Responsibilities,
    ];

    /// The name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Quantity::LogDensity => "log_density",
            Quantity::Score => "score",
            Quantity::Denoiser => "denoiser",
            Quantity::Noise => "noise",
            Quantity::Covariance => "covariance",
            Quantity::Responsibilities => "responsibilities",
        }
    }
}

impl std::str::FromStr for Quantity {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Quantity::ALL.into_iter().find(|q| q.name() == name).ok_or_else(|| Error::Unknown {
            what: "quantity",
            name: name.to_string(),
            expected: Quantity::ALL.map(Quantity::name).join(", "),
        })
    }
}

/// What was asked for, at N points in d dimensions for K components; what was not asked for is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluation<T> {
    /// N.
    pub log_density: Option<Array1<T>>,
    /// N×d.
    pub score: Option<Array2<T>>,
    /// N×d.
    pub denoiser: Option<Array2<T>>,
    /// N×d.
    pub noise: Option<Array2<T>>,
    /// N×d×d.
    pub covariance: Option<Array3<T>>,
    /// N×K.
    pub responsibilities: Option<Array2<T>>,
}
