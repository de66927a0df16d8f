//! Denoisers with parameters: what training needs of them, and how one that works in blocks is a [`Denoiser`].
//!
//! A batch is cut into blocks of [`BLOCK`] rows. A block's gradient is one chain over its rows in order, from zero;
//! blocks are added in index order. So the gradient is the same bits for any number of threads, and a GPU can follow
//! the same order.
//!
//! Floor 3. Uses `arith`, `channel`, `denoiser`, `error`. Spec: N3.

use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

use super::levelled::check_rows;
use super::{Cotangent, Denoiser, Prediction, check_flat, check_points, check_vectors};
use crate::arith::Real;
use crate::channel::Channel;
use crate::error::{Error, Result};

/// Rows of a block.
pub const BLOCK: usize = 64;

/// One array of parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Its name in a model file.
    pub name: String,
    /// Its shape; the numbers are in row-major order.
    pub shape: Vec<usize>,
}

impl Tensor {
    /// A name and a shape.
    pub fn new(name: impl Into<String>, shape: &[usize]) -> Self {
        Tensor { name: name.into(), shape: shape.to_vec() }
    }

    /// How many numbers.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A denoiser with parameters θ that can be learned.
///
/// The parameters are one slice, the tensors of [`Trainable::tensors`] one after the other.
pub trait Trainable<T: Real>: Denoiser<T> + Sized {
    /// What predictions at a channel need beside the point and the parameters; made once a channel.
    type Level: Clone + Send + Sync;
    /// Rows at their levels.
    type Block<'a>: Block<T>
    where
        Self: 'a;

    /// What predictions at this channel need.
    ///
    /// Errors: `Error::Domain` where the model has no prediction at it.
    fn level(&self, channel: Channel) -> Result<Self::Level>;

    /// Rows at these levels. What depends on the level and the parameters alone is computed here, once.
    fn block<'a>(&'a self, levels: &[&'a Self::Level]) -> Self::Block<'a>;

    /// Names and shapes, in the order of the parameters.
    fn tensors(&self) -> Vec<Tensor>;

    /// θ.
    fn parameters(&self) -> &[T];

    /// Replaces θ.
    ///
    /// Errors: `Error::Shape` where the number of parameters differs; `Error::NotFinite`.
    fn set_parameters(&mut self, parameters: &[T]) -> Result<()>;
}

/// Rows of a trainable denoiser at their levels, with derivatives.
///
/// [`AtLevels`](super::AtLevels) makes a [`Levelled`](super::Levelled) of it. What a row gives depends on that row and
/// its channel alone. Errors of every method: as there; `Error::Shape` where a record is of another batch, a cotangent has
/// not the shape of x, or the gradient not the length of θ.
pub trait Block<T: Real> {
    /// What a forward pass keeps for the passes back.
    type Record: Send;

    /// d.
    fn dimension(&self) -> usize;

    /// The channel of every row.
    fn channels(&self) -> &[Channel];

    /// The prediction at x, and what the passes back need.
    fn forward(&self, x: ArrayView2<'_, T>) -> Result<(Prediction<T>, Self::Record)>;

    /// Row n: ∇D̂(x_n)·v_n.
    fn push(&self, record: &Self::Record, v: ArrayView2<'_, T>) -> Result<Array2<T>>;

    /// Row n: ∇D̂(x_n)ᵀ·v_D + ∇ε̂(x_n)ᵀ·v_ε.
    fn to_points(&self, record: &Self::Record, cotangent: &Cotangent<T>) -> Result<Array2<T>>;

    /// Adds Σ_passes Σ_n (∂D̂(x_n)/∂θ)ᵀ·v_D + (∂ε̂(x_n)/∂θ)ᵀ·v_ε to `gradient`: passes in order, rows in order.
    fn to_parameters(
        &self,
        passes: &[(&Self::Record, &Cotangent<T>)],
        gradient: &mut [T],
    ) -> Result<()>;
}

/// Errors where x is not a batch of finite points, one a channel.
pub(super) fn check_batch<T: Real, B: Block<T>>(block: &B, x: ArrayView2<'_, T>) -> Result<()> {
    check_rows(block.channels(), x)?;
    check_points("x", block.dimension(), x)
}

/// Errors where a record of N×d points is not of this block.
pub(super) fn check_record<T: Real, B: Block<T>>(block: &B, found: (usize, usize)) -> Result<()> {
    let expected = (block.channels().len(), block.dimension());
    if found == expected {
        return Ok(());
    }
    Err(Error::Shape {
        what: "record",
        found: vec![found.0, found.1],
        expected: format!("that of a forward pass of this block, {expected:?}"),
    })
}

/// Errors where `numbers` (parameters, or a gradient) are not as many finite ones as there are parameters.
pub(super) fn check_parameters<T: Real>(
    what: &'static str,
    numbers: &[T],
    expected: usize,
) -> Result<()> {
    if numbers.len() != expected {
        return Err(Error::Shape {
            what,
            found: vec![numbers.len()],
            expected: format!("{expected} numbers"),
        });
    }
    check_flat(what, numbers)
}

/// `Denoiser::predict` by blocks.
pub(super) fn predict<T: Real, M: Trainable<T>>(
    model: &M,
    channel: Channel,
    x: ArrayView2<'_, T>,
) -> Result<Prediction<T>> {
    check_points("x", model.dimension(), x)?;
    let level = model.level(channel)?;
    let (mut denoised, mut noise) = (Array2::default(x.dim()), Array2::default(x.dim()));
    let blocks: Vec<_> = x
        .axis_chunks_iter(Axis(0), BLOCK)
        .zip(denoised.axis_chunks_iter_mut(Axis(0), BLOCK))
        .zip(noise.axis_chunks_iter_mut(Axis(0), BLOCK))
        .collect();
    blocks.into_par_iter().try_for_each(|((x, mut denoised), mut noise)| {
        let found = model.block(&vec![&level; x.nrows()]).forward(x)?.0;
        denoised.assign(&found.denoised);
        noise.assign(&found.noise);
        Ok(())
    })?;
    Ok(Prediction { denoised, noise })
}

/// `Denoiser::jacobian_vector` by blocks.
pub(super) fn jacobian_vector<T: Real, M: Trainable<T>>(
    model: &M,
    channel: Channel,
    x: ArrayView2<'_, T>,
    v: ArrayView2<'_, T>,
) -> Result<Array2<T>> {
    product(model, channel, x, v, |block, x, v| {
        let (_, record) = block.forward(x)?;
        block.push(&record, v)
    })
}

/// `Denoiser::vector_jacobian` by blocks.
pub(super) fn vector_jacobian<T: Real, M: Trainable<T>>(
    model: &M,
    channel: Channel,
    x: ArrayView2<'_, T>,
    v: ArrayView2<'_, T>,
) -> Result<Array2<T>> {
    product(model, channel, x, v, |block, x, v| {
        let (_, record) = block.forward(x)?;
        block.to_points(&record, &Cotangent { denoised: Some(v.to_owned()), noise: None })
    })
}

fn product<T: Real, M: Trainable<T>>(
    model: &M,
    channel: Channel,
    x: ArrayView2<'_, T>,
    v: ArrayView2<'_, T>,
    of_block: impl Fn(&M::Block<'_>, ArrayView2<'_, T>, ArrayView2<'_, T>) -> Result<Array2<T>> + Sync,
) -> Result<Array2<T>> {
    check_vectors(model.dimension(), x, v)?;
    let level = model.level(channel)?;
    let mut out = Array2::default(x.dim());
    let blocks: Vec<_> = x
        .axis_chunks_iter(Axis(0), BLOCK)
        .zip(v.axis_chunks_iter(Axis(0), BLOCK))
        .zip(out.axis_chunks_iter_mut(Axis(0), BLOCK))
        .collect();
    blocks.into_par_iter().try_for_each(|((x, v), mut out)| {
        out.assign(&of_block(&model.block(&vec![&level; x.nrows()]), x, v)?);
        Ok(())
    })?;
    Ok(out)
}
