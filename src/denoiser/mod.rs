//! Denoisers: predictions of the data and of the noise at points of a channel, and their first derivatives.
//!
//! Floor 3. Uses `arith`, `channel`, `error`, `format`, `law`, `tweedie`. Spec: T1, T2, T3.

pub mod affine;
pub mod affine_levels;
mod cotangents;
pub mod exact;
pub mod head;
pub mod levelled;
pub mod mixture;
pub mod mlp;
pub mod model;
pub mod trainable;

use ndarray::{Array2, ArrayView2};

use crate::arith::Real;
use crate::channel::Channel;
use crate::error::{Error, Result};

pub use affine::{Affine, AffineMaps, Maps};
pub use affine_levels::AffineLevels;
pub use exact::Exact;
pub use head::Head;
pub use levelled::{AtLevel, AtLevels, Choose, Cotangent, Levelled};
pub use mixture::{MixtureDenoiser, Variances};
pub use mlp::Mlp;
pub use model::{Model, ModelSpec, Stored};
pub use trainable::{Block, Tensor, Trainable};

/// A batch of predictions at one channel: D̂ and ε̂, both N×d, with x = a·D̂ + s·ε̂ up to rounding.
///
/// Both are carried because neither can be had from the other without loss at both ends of a schedule (T3).
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction<T> {
    /// D̂(x_n), the data predicted, a row a point.
    pub denoised: Array2<T>,
    /// ε̂(x_n), the noise predicted, in noise units.
    pub noise: Array2<T>,
}

/// A prediction of x₀ and ε from x = a·x₀ + s·ε, for every channel.
///
/// What a row gives depends on that row alone, not on the batch it came in, to the last bit; samplers rely on it.
///
/// Errors of every method: `Error::Shape` where x has not d columns or v not the shape of x; `Error::Empty` where
/// there is no point; `Error::NotFinite` where an entry, or a result, is not finite.
pub trait Denoiser<T: Real>: Sync {
    /// d, at least 1.
    fn dimension(&self) -> usize;

    /// D̂ and ε̂ at the N×d points x.
    fn predict(&self, channel: Channel, x: ArrayView2<'_, T>) -> Result<Prediction<T>>;

    /// D̂ at the N×d points x.
    fn denoise(&self, channel: Channel, x: ArrayView2<'_, T>) -> Result<Array2<T>> {
        Ok(self.predict(channel, x)?.denoised)
    }

    /// ε̂ at the N×d points x.
    fn noise(&self, channel: Channel, x: ArrayView2<'_, T>) -> Result<Array2<T>> {
        Ok(self.predict(channel, x)?.noise)
    }

    /// Row n: ∇D̂(x_n)·v_n, entry i being Σ_j ∂D̂_i/∂x_j·v_nj.
    fn jacobian_vector(
        &self,
        channel: Channel,
        x: ArrayView2<'_, T>,
        v: ArrayView2<'_, T>,
    ) -> Result<Array2<T>>;

    /// Row n: ∇D̂(x_n)ᵀ·v_n, entry j being Σ_i v_ni·∂D̂_i/∂x_j.
    fn vector_jacobian(
        &self,
        channel: Channel,
        x: ArrayView2<'_, T>,
        v: ArrayView2<'_, T>,
    ) -> Result<Array2<T>>;
}

/// Errors where `points` is not a batch of at least one finite point of dimension d.
pub fn check_points<T: Real>(
    what: &'static str,
    dimension: usize,
    points: ArrayView2<'_, T>,
) -> Result<()> {
    if points.ncols() != dimension {
        return Err(Error::Shape {
            what,
            found: points.shape().to_vec(),
            expected: format!("{dimension} columns"),
        });
    }
    if points.nrows() == 0 {
        return Err(Error::Empty { what, expected: "point" });
    }
    check_finite(what, points)
}

/// Errors where `vectors` is not a batch of points and has not the shape of x.
pub fn check_vectors<T: Real>(
    dimension: usize,
    x: ArrayView2<'_, T>,
    vectors: ArrayView2<'_, T>,
) -> Result<()> {
    check_points("x", dimension, x)?;
    if vectors.dim() != x.dim() {
        return Err(Error::Shape {
            what: "v",
            found: vectors.shape().to_vec(),
            expected: format!("the shape of x, {:?}", x.shape()),
        });
    }
    check_finite("v", vectors)
}

/// Errors with the first entry, in row-major order, that is not finite.
pub fn check_finite<T: Real>(what: &'static str, values: ArrayView2<'_, T>) -> Result<()> {
    // Asked of every array that a step makes: the place is looked for once it is known that there is one.
    let all = values.as_slice().is_some_and(all_finite);
    if all {
        return Ok(());
    }
    match values.indexed_iter().find(|(_, value)| !value.is_finite()) {
        None => Ok(()),
        Some(((row, column), value)) => {
            Err(Error::NotFinite { what, index: vec![row, column], value: value.to_f64() })
        }
    }
}

/// The same for numbers in a row.
pub(crate) fn check_flat<T: Real>(what: &'static str, values: &[T]) -> Result<()> {
    if all_finite(values) {
        return Ok(());
    }
    match values.iter().enumerate().find(|(_, value)| !value.is_finite()) {
        None => Ok(()),
        Some((at, value)) => Err(Error::NotFinite { what, index: vec![at], value: value.to_f64() }),
    }
}

fn all_finite<T: Real>(values: &[T]) -> bool {
    values.iter().fold(true, |all, value| all & value.is_finite())
}

/// Errors where the array has another shape.
pub(crate) fn check_shape<T>(
    what: &'static str,
    values: ArrayView2<'_, T>,
    (rows, columns): (usize, usize),
) -> Result<()> {
    if values.dim() == (rows, columns) {
        return Ok(());
    }
    let expected = format!("{rows} rows and {columns} columns");
    Err(Error::Shape { what, found: values.shape().to_vec(), expected })
}
