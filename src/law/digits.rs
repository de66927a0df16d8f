//! Real input: the UCI handwritten digits as a training-set law, and the Gaussian on their leading components.
//!
//! Source and licence of the data: `data/README.md` beside this file.
//!
//! Floor 1. Uses `law`, `format`, `arith`. Spec: notation of T.

use ndarray::{Array2, Ix2};

use super::covariance::Covariance;
use super::evaluate::shaped;
use super::mixture::Mixture;
use crate::arith::eigen::symmetric_eigen;
use crate::error::{Error, Result};
use crate::format::npy::parse_array;

/// The images, grey values 0 to 16, one row of 8×8 = 64 pixels each.
const IMAGES: &[u8] = include_bytes!("data/digits.npy");

/// The 1,797 images as rows of 64 numbers in [−1, 1]: pixel/8 − 1, exact.
///
/// Errors: none for the shipped file; those of the `.npy` reader otherwise.
pub fn images() -> Result<Array2<f64>> {
    let array = parse_array(IMAGES)?;
    let found = array.shape().to_vec();
    let pixels = array.into_dimensionality::<Ix2>().map_err(|_| Error::Shape {
        what: "digits",
        found,
        expected: "two axes".into(),
    })?;
    Ok(pixels / 8.0 - 1.0)
}

/// The empirical law of the images: 1,797 point masses in 64 dimensions.
pub(super) fn training_set() -> Result<Mixture> {
    Mixture::point_masses(images()?)
}

/// N(m, Σ_{j ≤ rank} λ_j u_j u_jᵀ): the images' mean and their leading principal components.
///
/// Errors: `Error::Domain` where the rank is 0 or above 64.
pub fn subspace(rank: usize) -> Result<Mixture> {
    let law = training_set()?;
    let d = law.dimension();
    if rank == 0 || rank > d {
        let expected = "a rank between 1 and 64";
        return Err(Error::Domain { what: "rank", value: rank as f64, expected });
    }
    let eigen = symmetric_eigen(law.total_covariance().view())?;
    let mut sigma = Array2::<f64>::zeros((d, d));
    for j in d - rank..d {
        let u = eigen.vectors.column(j);
        for ((row, column), entry) in sigma.indexed_iter_mut() {
            *entry = (eigen.values[j] * u[row]).mul_add(u[column], *entry);
        }
    }
    let mean = shaped(1, d, law.mean())?;
    let sigma = symmetric(sigma).insert_axis(ndarray::Axis(0));
    Mixture::new(vec![1.0], mean, Covariance::full(sigma)?)
}

/// The upper triangle, mirrored: (λu_i)u_j and (λu_j)u_i round differently.
fn symmetric(mut matrix: Array2<f64>) -> Array2<f64> {
    for row in 0..matrix.nrows() {
        for column in 0..row {
            matrix[[row, column]] = matrix[[column, row]];
        }
    }
    matrix
}
