//! E5 at every level of a table, as D* plus its change: what a sampler runs through where a law is no Gaussian.
//!
//! Floor 5. Uses `arith`, `channel`, `denoiser`, `error`, `law`, `optimum::{field, grid, resolvent}`. Spec: E5.

use ndarray::{Array2, ArrayView2, Zip};

use super::field::{Field, Fields};
use super::grid::{Grid, Sampled};
use super::resolvent::resolvent;
use crate::channel::{Channel, Steps};
use crate::denoiser::{Denoiser, Exact, Prediction, check_finite};
use crate::error::{Error, Result};
use crate::law::Mixture;

/// D̂(x) = D*(x) + Δ(x): the exact denoiser, and a change of it that is known at the nodes of a grid, a level each.
///
/// With Δ = D_κ − D* it is the optimum of E5. Between nodes Δ is multilinear, so that it is off by at most
/// Σ_j h_j²/8·max|∂²Δ/∂x_j²|: where the constraint changes little, little is lost, however steep D* is. Beyond the box Δ is that of the
/// box's nearest point. ε̂ = ε* − (a/s)·Δ. Jacobian products are those of D* plus those of Δ's cell. Spec: T1, T2, E5.
#[derive(Clone, Debug, PartialEq)]
pub struct Changed {
    exact: Exact,
    change: Fields,
}

impl Changed {
    /// Errors: `Error::Shape` where the law and the fields differ in dimension.
    pub fn new(law: Mixture, change: Fields) -> Result<Changed> {
        let expected = law.dimension();
        match Denoiser::<f64>::dimension(&change) {
            d if d == expected => Ok(Changed { exact: Exact::new(law), change }),
            d => Err(Error::Shape {
                what: "change of a denoiser",
                found: vec![d],
                expected: format!("dimension {expected}"),
            }),
        }
    }

    /// D_κ of a law at each level of a table, κ = `kappa(channel)` = λτ², on the grid `grid(channel)`; levels side by side.
    ///
    /// Errors: those of [`Mixture::through`], `grid`, [`Sampled::of_law`] and [`resolvent`]; the first in the table's order.
    pub fn resolvents(
        law: &Mixture,
        steps: &Steps,
        kappa: impl Fn(Channel) -> f64 + Sync,
        grid: impl Fn(Channel) -> Result<Grid> + Sync,
    ) -> Result<Changed> {
        let change = Fields::over(steps, |channel| {
            let grid = grid(channel)?;
            let sampled = Sampled::of_law(&law.through::<f64>(channel)?, &grid)?;
            let solved = resolvent(&sampled, kappa(channel), channel.s())?;
            Field::new(grid, channel, solved.values - sampled.target())
        })?;
        Changed::new(law.clone(), change)
    }

    /// Δ at the levels.
    pub fn change(&self) -> &Fields {
        &self.change
    }
}

impl Denoiser<f64> for Changed {
    fn dimension(&self) -> usize {
        self.exact.law().dimension()
    }

    fn predict(&self, channel: Channel, x: ArrayView2<'_, f64>) -> Result<Prediction<f64>> {
        let Prediction { mut denoised, mut noise } = self.exact.predict(channel, x)?;
        let change = self.change.denoise(channel, x)?;
        let ratio = channel.a() / channel.s();
        denoised += &change;
        Zip::from(&mut noise).and(&change).for_each(|noise, &change| {
            *noise = (-ratio).mul_add(change, *noise);
        });
        check_finite("denoised", denoised.view())?;
        check_finite("noise", noise.view())?;
        Ok(Prediction { denoised, noise })
    }

    fn jacobian_vector(
        &self,
        channel: Channel,
        x: ArrayView2<'_, f64>,
        v: ArrayView2<'_, f64>,
    ) -> Result<Array2<f64>> {
        let exact = self.exact.jacobian_vector(channel, x, v)?;
        Ok(exact + self.change.jacobian_vector(channel, x, v)?)
    }

    fn vector_jacobian(
        &self,
        channel: Channel,
        x: ArrayView2<'_, f64>,
        v: ArrayView2<'_, f64>,
    ) -> Result<Array2<f64>> {
        let exact = self.exact.vector_jacobian(channel, x, v)?;
        Ok(exact + self.change.vector_jacobian(channel, x, v)?)
    }
}
