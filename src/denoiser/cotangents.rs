//! Cotangents as slices: their shapes checked, an absent one as zeros.
//!
//! Floor 3. Uses `arith`, `denoiser`, `error`. Spec: T2.

use ndarray::Array2;

use super::{Cotangent, check_finite};
use crate::arith::Real;
use crate::error::{Error, Result};

/// v_D and v_ε of N×d, both in row-major order.
pub(super) struct Pair<T> {
    pub denoised: Vec<T>,
    pub noise: Vec<T>,
}

impl<T: Real> Pair<T> {
    /// Row n of both.
    #[inline(always)]
    pub(super) fn row(&self, n: usize, d: usize) -> (&[T], &[T]) {
        (&self.denoised[n * d..(n + 1) * d], &self.noise[n * d..(n + 1) * d])
    }

    /// Errors: `Error::Shape` where one has not the shape of x; `Error::NotFinite`.
    pub(super) fn new(cotangent: &Cotangent<T>, shape: (usize, usize)) -> Result<Self> {
        Ok(Pair {
            denoised: flat("v_D", cotangent.denoised.as_ref(), shape)?,
            noise: flat("v_ε", cotangent.noise.as_ref(), shape)?,
        })
    }
}

fn flat<T: Real>(
    what: &'static str,
    vectors: Option<&Array2<T>>,
    shape: (usize, usize),
) -> Result<Vec<T>> {
    let Some(vectors) = vectors else { return Ok(vec![T::ZERO; shape.0 * shape.1]) };
    if vectors.dim() != shape {
        return Err(Error::Shape {
            what,
            found: vectors.shape().to_vec(),
            expected: format!("the shape of x, {shape:?}"),
        });
    }
    check_finite(what, vectors.view())?;
    Ok(vectors.iter().copied().collect())
}
