//! Denoising score matching, in each of the four parametrisations.
//!
//! Floor 4. Uses `arith`, `channel`, `denoiser`, `error`, `tweedie`. Spec: T3, T4.

use ndarray::{ArrayView2, Zip};

use super::{Mix, Weighting, squares};
use crate::arith::Real;
use crate::channel::Channel;
use crate::denoiser::{Cotangent, Prediction, check_flat, check_shape};
use crate::error::Result;
use crate::tweedie::Kind;

/// w·‖P̂(x) − P‖² with P the noise ε, the datum x₀, the score −ε/s or the velocity a·ε − s·x₀.
///
/// (Vincent 2011; Ho et al. 2020; Salimans and Ho 2022; Karras et al. 2022.) Since P̂ − P is −s/a, −1/s and (a² + s²)/a
/// times ε̂ − ε in the last three, each is the noise loss with another weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Matching {
    /// What is compared.
    pub parametrisation: Kind,
    /// w.
    pub weighting: Weighting,
}

/// The losses of a batch's rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Matched<T> {
    /// A row each.
    pub values: Vec<T>,
    /// The gradient of their sum with respect to the prediction.
    pub gradient: Cotangent<T>,
}

impl Matching {
    /// The loss of every row for targets x₀ (`clean`) and ε (`noise`), all N×d.
    ///
    /// The targets may be D*(x) and ε*(x) in their place: the loss then is T4's first term alone, with the same
    /// minimiser and no variance at it.
    /// Errors: `Error::Shape`; `Error::NotFinite` with the row where a loss overflows.
    pub fn evaluate<T: Real>(
        &self,
        channels: &[Channel],
        prediction: &Prediction<T>,
        clean: ArrayView2<'_, T>,
        noise: ArrayView2<'_, T>,
    ) -> Result<Matched<T>> {
        let shape = (channels.len(), prediction.noise.ncols());
        check_shape("prediction", prediction.noise.view(), shape)?;
        check_shape("prediction", prediction.denoised.view(), shape)?;
        check_shape("clean", clean, shape)?;
        check_shape("noise", noise, shape)?;
        let mixes: Vec<Mix> =
            channels.iter().map(|&channel| Mix::of(self.parametrisation, channel)).collect();
        let factors: Vec<f64> = channels.iter().map(|&c| self.weighting.at(c)).collect();
        let mut of_noise = prediction.noise.clone();
        Zip::from(&mut of_noise).and(noise).for_each(|found, &target| *found -= target);
        let mut of_denoised = prediction.denoised.clone();
        Zip::from(&mut of_denoised).and(clean).for_each(|found, &target| *found -= target);
        let (values, gradient) = squares(&mixes, &factors, of_noise.view(), of_denoised.view());
        check_flat("matching loss", &values)?;
        Ok(Matched { values, gradient })
    }
}
