//! A law from a mixture file, and back.
//!
//! Floor 1. Uses `law`, `format`, `error`.

use std::path::Path;

use ndarray::{Array2, Array3};

use super::covariance::Covariance;
use super::evaluate::shaped;
use super::mixture::Mixture;
use crate::error::{Error, Result};
use crate::format::mixture_file::{CovarianceFile, MixtureFile, read_mixture};

impl Mixture {
    /// The law in a JSON file (`format::mixture_file` has its form).
    ///
    /// Errors: those of the reader, of [`Covariance`] and of [`Mixture::new`], each with the file's path.
    pub fn read(path: &Path) -> Result<Self> {
        let file = read_mixture(path)?;
        Mixture::from_file(file).map_err(|error| Error::File {
            path: path.display().to_string(),
            reason: error.to_string(),
        })
    }

    /// The law that a parsed file states.
    ///
    /// Errors: those of [`Covariance`] and of [`Mixture::new`].
    pub fn from_file(file: MixtureFile) -> Result<Self> {
        let covariance = match file.covariance {
            CovarianceFile::Isotropic(v) => Covariance::isotropic(v)?,
            CovarianceFile::Diagonal(v) => Covariance::diagonal(rows(v)?)?,
            CovarianceFile::Full(v) => Covariance::full(matrices(v)?)?,
        };
        Mixture::new(file.weights, rows(file.means)?, covariance)
    }

    /// The file that states this law. Reading it divides the weights by their sum once more, which can move
    /// each by a rounding.
    pub fn to_file(&self) -> MixtureFile {
        let lists = |a: ndarray::ArrayView2<'_, f64>| -> Vec<Vec<f64>> {
            a.outer_iter().map(|row| row.to_vec()).collect()
        };
        MixtureFile {
            weights: self.weights().to_vec(),
            means: lists(self.means()),
            covariance: match self.covariance() {
                Covariance::Isotropic(v) => CovarianceFile::Isotropic(v.clone()),
                Covariance::Diagonal(v) => CovarianceFile::Diagonal(lists(v.view())),
                Covariance::Full(v) => {
                    CovarianceFile::Full(v.iter().map(|c| lists(c.matrix())).collect())
                }
            },
        }
    }
}

fn rows(lists: Vec<Vec<f64>>) -> Result<Array2<f64>> {
    let (n, width) = (lists.len(), lists.first().map_or(0, Vec::len));
    shaped(n, width, lists.into_iter().flatten().collect())
}

fn matrices(lists: Vec<Vec<Vec<f64>>>) -> Result<Array3<f64>> {
    let k = lists.len();
    let d = lists.first().map_or(0, Vec::len);
    let flat: Vec<f64> = lists.into_iter().flatten().flatten().collect();
    let found = vec![k, d, d];
    Array3::from_shape_vec((k, d, d), flat).map_err(|error| Error::Shape {
        what: "covariance",
        found,
        expected: error.to_string(),
    })
}
