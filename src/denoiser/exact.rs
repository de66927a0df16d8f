//! The exact denoiser D* of a mixture: the truth that every other denoiser is measured against.
//!
//! Floor 3. Uses `denoiser`, `law`, `channel`, `arith`. Spec: T1, T2.

use ndarray::{Array2, ArrayView2};

use super::{Denoiser, Prediction};
use crate::arith::Real;
use crate::channel::Channel;
use crate::error::Result;
use crate::law::{Mixture, Quantity};

/// D*(x) = E[x₀ | x] and ε*(x) = E[ε | x] for a mixture x₀ (T1).
///
/// ε* is −s·S with the score from differences, never from x − a·D*. Tables are made anew for each channel
/// that is asked for. Errors: those of [`Mixture::through`] and of [`crate::law::Noised::evaluate`].
#[derive(Clone, Debug, PartialEq)]
pub struct Exact {
    law: Mixture,
}

impl Exact {
    /// The exact denoiser of a law.
    pub fn new(law: Mixture) -> Self {
        Exact { law }
    }

    /// The law.
    pub fn law(&self) -> &Mixture {
        &self.law
    }

    /// (a/s²)·Σ_post(x)·v, which is both products with ∇D*, since ∇D* is symmetric (T2).
    fn product<T: Real>(
        &self,
        channel: Channel,
        x: ArrayView2<'_, T>,
        v: ArrayView2<'_, T>,
    ) -> Result<Array2<T>> {
        let law = self.law.through::<T>(channel)?;
        let factor = T::from_f64(channel.a() / channel.s() / channel.s());
        Ok(law.posterior_covariance_product(x, v)?.mapv(|value| factor * value))
    }
}

impl<T: Real> Denoiser<T> for Exact {
    fn dimension(&self) -> usize {
        self.law.dimension()
    }

    fn predict(&self, channel: Channel, x: ArrayView2<'_, T>) -> Result<Prediction<T>> {
        let law = self.law.through::<T>(channel)?;
        let found = law.evaluate(x, &[Quantity::Denoiser, Quantity::Noise])?;
        Ok(Prediction {
            denoised: found.denoiser.unwrap_or_default(),
            noise: found.noise.unwrap_or_default(),
        })
    }

    fn jacobian_vector(
        &self,
        channel: Channel,
        x: ArrayView2<'_, T>,
        v: ArrayView2<'_, T>,
    ) -> Result<Array2<T>> {
        self.product(channel, x, v)
    }

    fn vector_jacobian(
        &self,
        channel: Channel,
        x: ArrayView2<'_, T>,
        v: ArrayView2<'_, T>,
    ) -> Result<Array2<T>> {
        self.product(channel, x, v)
    }
}
