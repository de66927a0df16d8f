//! An affine denoiser a level: D̂(x) = A_l·x + c_l, the model that least squares can fit exactly.
//!
//! Floor 3. Uses `arith`, `channel`, `denoiser`, `error`. Spec: T1, T2, E2, E3, N3.

mod block;

use ndarray::{Array2, ArrayView1, ArrayView2, Axis};

pub use block::AffineLevelsBlock;

use super::trainable::{check_parameters, jacobian_vector, predict, vector_jacobian};
use super::{Denoiser, Prediction, Tensor, Trainable, check_finite};
use crate::arith::{Isa, Real};
use crate::channel::{Channel, Steps};
use crate::error::{Error, Result};

/// D̂(x) = A_l·x + c_l with l the level of a table that is nearest the channel in log signal-to-noise ratio, and
/// ε̂(x) = (x − a·D̂(x))/s with the channel's own (a, s).
///
/// At a channel that is not in the table D̂ is therefore the map of another level, and so is right only as far as the
/// two levels agree; x = a·D̂ + s·ε̂ holds at every channel. ε̂ is B·x − (a/s)·c with B = (I − a·A)/s found in f64, not
/// x − a·D̂ after rounding; what cannot be helped is where B·x and (a/s)·c nearly cancel (data whose mean is far from
/// the origin): an entry of ε̂ is off by at most γ(d + 4)·(Σ_j |B_ij|·|x_j| + (a/s)·|c_i|), so its condition number is
/// that sum over |ε̂_i|. An entry of D̂ is off by γ(d + 1)·(Σ_j |A_ij|·|x_j| + |c_i|). Spec: T1, E2, E3.
#[derive(Clone, Debug, PartialEq)]
pub struct AffineLevels<T> {
    steps: Steps,
    dimension: usize,
    /// L×d×d matrices, then L×d offsets.
    parameters: Vec<T>,
    isa: Isa,
}

/// The level that a channel is served by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NearestLevel {
    index: usize,
    channel: Channel,
}

impl<T: Real> AffineLevels<T> {
    /// All matrices and offsets 0: everything is denoised to the origin.
    ///
    /// Errors: `Error::Empty` where d = 0.
    pub fn zeros(steps: Steps, dimension: usize) -> Result<Self> {
        if dimension == 0 {
            return Err(Error::Empty { what: "affine denoiser", expected: "coordinate" });
        }
        let parameters = vec![T::ZERO; steps.len() * dimension * (dimension + 1)];
        Ok(AffineLevels { steps, dimension, parameters, isa: Isa::best() })
    }

    /// The denoiser with these parameters: L matrices d×d in row-major order, then L offsets.
    ///
    /// Errors: as `zeros` and [`Trainable::set_parameters`].
    pub fn from_parameters(steps: Steps, dimension: usize, parameters: &[T]) -> Result<Self> {
        let mut model = AffineLevels::zeros(steps, dimension)?;
        model.set_parameters(parameters)?;
        Ok(model)
    }

    /// The same denoiser, computed in a chosen instruction set (the same bits in each; for tests and timing).
    pub fn with_isa(mut self, isa: Isa) -> Self {
        self.isa = isa;
        self
    }

    /// The table of levels.
    pub fn steps(&self) -> &Steps {
        &self.steps
    }

    /// Makes level `index` D̂(x) = A·x + c, each number rounded to T.
    ///
    /// Errors: `Error::Entry` where there is no such level; `Error::Shape` where A is not d×d or c not d;
    /// `Error::NotFinite` where a number does not fit T.
    pub fn set_level(
        &mut self,
        index: usize,
        matrix: ArrayView2<'_, f64>,
        offset: ArrayView1<'_, f64>,
    ) -> Result<()> {
        let d = self.dimension;
        if index >= self.steps.len() {
            return Err(Error::Entry {
                what: "level",
                index: vec![index],
                value: index as f64,
                expected: "an index below the table's length",
            });
        }
        if matrix.dim() != (d, d) || offset.len() != d {
            return Err(Error::Shape {
                what: "affine map",
                found: vec![matrix.nrows(), matrix.ncols(), offset.len()],
                expected: format!("a matrix {d}×{d} and an offset of {d}"),
            });
        }
        let (matrix, offset) = (matrix.mapv(T::from_f64), offset.mapv(T::from_f64));
        check_finite("matrix", matrix.view())?;
        check_finite("offset", offset.view().insert_axis(Axis(0)))?;
        let start = self.offsets_start() + index * d;
        self.parameters[start..start + d].iter_mut().zip(offset).for_each(|(to, from)| *to = from);
        let start = index * d * d;
        let own = &mut self.parameters[start..start + d * d];
        own.iter_mut().zip(&matrix).for_each(|(to, from)| *to = *from);
        Ok(())
    }

    fn offsets_start(&self) -> usize {
        self.steps.len() * self.dimension * self.dimension
    }

    fn matrix(&self, index: usize) -> &[T] {
        let size = self.dimension * self.dimension;
        &self.parameters[index * size..(index + 1) * size]
    }

    fn offset(&self, index: usize) -> &[T] {
        let start = self.offsets_start() + index * self.dimension;
        &self.parameters[start..start + self.dimension]
    }
}

impl<T: Real> Denoiser<T> for AffineLevels<T> {
    fn dimension(&self) -> usize {
        self.dimension
    }

    fn predict(&self, channel: Channel, x: ArrayView2<'_, T>) -> Result<Prediction<T>> {
        predict(self, channel, x)
    }

    fn jacobian_vector(
        &self,
        channel: Channel,
        x: ArrayView2<'_, T>,
        v: ArrayView2<'_, T>,
    ) -> Result<Array2<T>> {
        jacobian_vector(self, channel, x, v)
    }

    fn vector_jacobian(
        &self,
        channel: Channel,
        x: ArrayView2<'_, T>,
        v: ArrayView2<'_, T>,
    ) -> Result<Array2<T>> {
        vector_jacobian(self, channel, x, v)
    }
}

impl<T: Real> Trainable<T> for AffineLevels<T> {
    type Level = NearestLevel;
    type Block<'a> = AffineLevelsBlock<'a, T>;

    /// The level of the table that is nearest in log signal-to-noise ratio ([`Steps::nearest`]); no error.
    fn level(&self, channel: Channel) -> Result<NearestLevel> {
        Ok(NearestLevel { index: self.steps.nearest(channel), channel })
    }

    fn block<'a>(&'a self, levels: &[&'a NearestLevel]) -> AffineLevelsBlock<'a, T> {
        AffineLevelsBlock::new(self, levels)
    }

    fn tensors(&self) -> Vec<Tensor> {
        let (l, d) = (self.steps.len(), self.dimension);
        vec![Tensor::new("matrices", &[l, d, d]), Tensor::new("offsets", &[l, d])]
    }

    fn parameters(&self) -> &[T] {
        &self.parameters
    }

    fn set_parameters(&mut self, parameters: &[T]) -> Result<()> {
        check_parameters("parameters", parameters, self.parameters.len())?;
        self.parameters.copy_from_slice(parameters);
        Ok(())
    }
}
