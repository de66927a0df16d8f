//! A denoiser at the levels of a batch, a channel a row: what objectives and attacks are written against.
//!
//! Training draws a level for every row, evaluation has one for all. Both are a [`Levelled`] here, so that an attack
//! or a loss is written once for every denoiser there is.
//!
//! Floor 3. Uses `arith`, `channel`, `denoiser`, `error`. Spec: T3, E1.

use ndarray::{Array2, ArrayView2, Zip};

use super::{Block, Denoiser, Prediction, check_finite};
use crate::arith::Real;
use crate::channel::Channel;
use crate::error::{Error, Result};

/// The vectors that are pulled back through a prediction, a row a point: v_D against D̂ and v_ε against ε̂, both N×d.
/// An absent one counts as zero.
///
/// For a loss L they are ∂L/∂D̂ and ∂L/∂ε̂, taken as if the two were independent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cotangent<T> {
    /// v_D.
    pub denoised: Option<Array2<T>>,
    /// v_ε.
    pub noise: Option<Array2<T>>,
}

/// A choice of cotangent, made once the prediction is known.
pub type Choose<'a, T> = dyn FnMut(&Prediction<T>) -> Result<Cotangent<T>> + 'a;

/// Predictions at rows that each have a channel of their own.
///
/// What a row gives depends on that row and its channel alone, to the last bit.
///
/// Errors of every method: `Error::Shape` where x has not one row a channel and d columns; `Error::NotFinite`
/// where an entry, or a result, is not finite.
pub trait Levelled<T: Real> {
    /// d, at least 1.
    fn dimension(&self) -> usize;

    /// The channel of every row.
    fn channels(&self) -> &[Channel];

    /// D̂ and ε̂ at the N×d points x.
    fn predict(&self, x: ArrayView2<'_, T>) -> Result<Prediction<T>>;

    /// The prediction at x and, in row n, ∇D̂(x_n)ᵀ·v_D + ∇ε̂(x_n)ᵀ·v_ε for the cotangent that `choose` makes of it.
    fn pull_back(
        &self,
        x: ArrayView2<'_, T>,
        choose: &mut Choose<'_, T>,
    ) -> Result<(Prediction<T>, Array2<T>)>;
}

/// A denoiser with all rows at one channel.
pub struct AtLevel<'a, D: ?Sized> {
    denoiser: &'a D,
    channel: Channel,
    channels: Vec<Channel>,
}

impl<'a, D: ?Sized> AtLevel<'a, D> {
    /// `rows` rows at `channel`.
    pub fn new(denoiser: &'a D, channel: Channel, rows: usize) -> Self {
        AtLevel { denoiser, channel, channels: vec![channel; rows] }
    }
}

impl<T: Real, D: Denoiser<T> + ?Sized> Levelled<T> for AtLevel<'_, D> {
    fn dimension(&self) -> usize {
        self.denoiser.dimension()
    }

    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    fn predict(&self, x: ArrayView2<'_, T>) -> Result<Prediction<T>> {
        check_rows(&self.channels, x)?;
        self.denoiser.predict(self.channel, x)
    }

    /// ∇ε̂ᵀv is taken as (v − a·∇D̂ᵀv)/s, from the one Jacobian product that the trait has: where a·∇D̂ is near the
    /// identity (along the data, at small s) that difference cancels, and its error is u·‖v‖/s.
    fn pull_back(
        &self,
        x: ArrayView2<'_, T>,
        choose: &mut Choose<'_, T>,
    ) -> Result<(Prediction<T>, Array2<T>)> {
        let prediction = self.predict(x)?;
        let cotangent = choose(&prediction)?;
        let mut pulled = Array2::default(x.dim());
        if let Some(v) = &cotangent.denoised {
            pulled = self.denoiser.vector_jacobian(self.channel, x, v.view())?;
        }
        if let Some(v) = &cotangent.noise {
            let (a, s) = (T::from_f64(self.channel.a()), T::from_f64(self.channel.s()));
            let through = self.denoiser.vector_jacobian(self.channel, x, v.view())?;
            Zip::from(&mut pulled)
                .and(v)
                .and(&through)
                .for_each(|sum, &v, &through| *sum += (v - a * through) / s);
        }
        check_finite("pulled-back vector", pulled.view())?;
        Ok((prediction, pulled))
    }
}

/// The rows of a block.
pub struct AtLevels<'a, B>(pub &'a B);

impl<T: Real, B: Block<T>> Levelled<T> for AtLevels<'_, B> {
    fn dimension(&self) -> usize {
        self.0.dimension()
    }

    fn channels(&self) -> &[Channel] {
        self.0.channels()
    }

    fn predict(&self, x: ArrayView2<'_, T>) -> Result<Prediction<T>> {
        Ok(self.0.forward(x)?.0)
    }

    fn pull_back(
        &self,
        x: ArrayView2<'_, T>,
        choose: &mut Choose<'_, T>,
    ) -> Result<(Prediction<T>, Array2<T>)> {
        let (prediction, record) = self.0.forward(x)?;
        let cotangent = choose(&prediction)?;
        let pulled = self.0.to_points(&record, &cotangent)?;
        Ok((prediction, pulled))
    }
}

/// Errors where x has not one row a channel.
pub fn check_rows<T: Real>(channels: &[Channel], x: ArrayView2<'_, T>) -> Result<()> {
    if x.nrows() == channels.len() {
        return Ok(());
    }
    Err(Error::Shape {
        what: "x",
        found: x.shape().to_vec(),
        expected: format!("{} rows, one a channel", channels.len()),
    })
}
