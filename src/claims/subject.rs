//! What the claims test: every quantity that a claim compares with the theory is asked of a [`Subject`].
//!
//! Floor 7. Uses `law`, `channel`, `tweedie`, `denoiser`, `objective`, `sampler`, `attack`, `optimum`, `error`.
//! Spec: T1, T2, T3, T8, E1 to E7.

use ndarray::{Array2, ArrayView2};

use crate::attack::Norm;
use crate::attack::affine::{Largest, largest_effect};
use crate::channel::{Channel, Steps};
use crate::denoiser::{Affine, AffineMaps, Denoiser, Prediction};
use crate::error::{Error, Result};
use crate::law::{Evaluation, Mixture, Noised, Quantity};
use crate::objective::{Consistency, Consistent, Weighting};
use crate::optimum::minmax::{self, Saddle};
use crate::optimum::source::{self, Equilibrium};
use crate::optimum::{self, BoxPerturbation, Field, Grid, Minimiser, Quadratic};
use crate::sampler::{self, End, GaussianLaw, Method, Options, Run};
use crate::tweedie::{self, Kind};

/// The quantities under test. Each method's default is the library's own; a mutant replaces one of them.
pub trait Subject: Sync {
    /// The wanted quantities of the noised law at N×d points: [`Noised::evaluate`].
    fn evaluate(
        &self,
        law: &Noised<f64>,
        points: ArrayView2<'_, f64>,
        wanted: &[Quantity],
    ) -> Result<Evaluation<f64>> {
        law.evaluate(points, wanted)
    }

    /// Σ_post(x_n)·v_n: [`Noised::posterior_covariance_product`].
    fn covariance_product(
        &self,
        law: &Noised<f64>,
        points: ArrayView2<'_, f64>,
        vectors: ArrayView2<'_, f64>,
    ) -> Result<Array2<f64>> {
        law.posterior_covariance_product(points, vectors)
    }

    /// One prediction from another: [`tweedie::convert`].
    fn convert(
        &self,
        channel: Channel,
        x: ArrayView2<'_, f64>,
        from: Kind,
        to: Kind,
        values: ArrayView2<'_, f64>,
    ) -> Result<Array2<f64>> {
        tweedie::convert(channel, x, from, to, values)
    }

    /// The derivative of a prediction from the posterior covariance: [`tweedie::jacobian`].
    fn jacobian(
        &self,
        channel: Channel,
        kind: Kind,
        covariance: ArrayView2<'_, f64>,
    ) -> Result<Array2<f64>> {
        tweedie::jacobian(channel, kind, covariance)
    }

    /// The law that a sampler generates from a Gaussian start, by recursion: [`sampler::law_of_sampler`].
    fn law_of_sampler(
        &self,
        affine: &dyn AffineMaps,
        steps: &Steps,
        method: Method,
        start: &GaussianLaw,
        end: End,
    ) -> Result<GaussianLaw> {
        sampler::law_of_sampler(affine, steps, method, start, end)
    }

    /// n samples: [`sampler::sample`].
    fn sample(
        &self,
        affine: &Affine,
        steps: &Steps,
        method: Method,
        n: usize,
        seed: u64,
        options: &Options<'_, f64>,
    ) -> Result<Run<f64>> {
        sampler::sample(affine, steps, method, n, seed, options)
    }

    /// A denoiser's prediction: [`Denoiser::predict`].
    fn predict(
        &self,
        denoiser: &dyn Denoiser<f64>,
        channel: Channel,
        x: ArrayView2<'_, f64>,
    ) -> Result<Prediction<f64>> {
        denoiser.predict(channel, x)
    }

    /// The constraint's losses: [`Consistency::evaluate`] with weight 1.
    fn consistency(
        &self,
        consistency: &Consistency,
        channels: &[Channel],
        kind: Kind,
        [clean, perturbed]: [&Prediction<f64>; 2],
        omega: ArrayView2<'_, f64>,
    ) -> Result<Consistent<f64>> {
        consistency.evaluate(channels, (kind, Weighting::Uniform), clean, perturbed, omega)
    }

    /// The affine optimum for ω of covariance τ²I: [`Quadratic::minimiser_along`].
    fn affine_optimum(&self, quadratic: &Quadratic<'_>, tau_squared: f64) -> Result<Minimiser> {
        quadratic.minimiser_along(&vec![tau_squared; quadratic.moments().dimension()])
    }

    /// The largest effect of a perturbation: [`largest_effect`].
    fn largest_effect(
        &self,
        norm: Norm,
        matrix: ArrayView2<'_, f64>,
        radius: f64,
    ) -> Result<Largest> {
        largest_effect(norm, matrix, radius)
    }

    /// The min–max affine optimum: [`minmax::saddle`].
    fn saddle(&self, quadratic: &Quadratic<'_>, norm: Norm, square_radius: f64) -> Result<Saddle> {
        minmax::saddle(quadratic, norm, square_radius)
    }

    /// The equilibrium with the source method's adversary: [`source::equilibrium`].
    fn equilibrium(&self, quadratic: &Quadratic<'_>, square_radius: f64) -> Result<Equilibrium> {
        source::equilibrium(quadratic, square_radius)
    }

    /// The resolvent on a grid: [`optimum::resolvent_of`].
    fn resolvent(&self, law: &Mixture, channel: Channel, kappa: f64, grid: &Grid) -> Result<Field> {
        optimum::resolvent_of(law, channel, kappa, grid)
    }

    /// The optimum for a finite radius on a grid: [`optimum::finite_radius_of`].
    fn finite_radius(
        &self,
        law: &Mixture,
        channel: Channel,
        perturbation: BoxPerturbation,
        grid: &Grid,
    ) -> Result<Field> {
        optimum::finite_radius_of(law, channel, perturbation, grid)
    }
}

/// The library as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Library;

impl Subject for Library {}

/// A quantity that was asked for. Errors: `Error::Empty` where the subject did not give it.
pub(super) fn given<A>(found: Option<A>, what: &'static str) -> Result<A> {
    found.ok_or(Error::Empty { what, expected: "value, since it was asked for" })
}
