//! Planted mistakes in what the claims about equivariance test: predictions, losses, affine optima, adversaries.
//!
//! As `tests/mutants.rs`: a mutant replaces one quantity of the subject, and the claim must fail.
//!
//! Spec: E1, E2, E3, E4, E7.

mod planted;

use ndarray::{Array2, ArrayView2};
use planted::{Scaled, fails};
use tweedie::attack::Norm;
use tweedie::attack::affine::{Largest, largest_effect};
use tweedie::channel::{Channel, Steps};
use tweedie::claims::Subject;
use tweedie::denoiser::{AffineMaps, Prediction};
use tweedie::error::Result;
use tweedie::law::Quantity::{Covariance, Denoiser, Noise};
use tweedie::objective::{Consistency, Consistent, Constraint, Units, Weighting};
use tweedie::optimum::minmax::{Saddle, saddle};
use tweedie::optimum::source::{Equilibrium, equilibrium};
use tweedie::optimum::{Minimiser, Quadratic, Spread};
use tweedie::sampler::{End, GaussianLaw, Method, law_of_sampler};
use tweedie::tweedie::Kind;

/// The recursion of another method than the one asked for.
struct OtherSampler;

impl Subject for OtherSampler {
    fn law_of_sampler(
        &self,
        affine: &dyn AffineMaps,
        steps: &Steps,
        _: Method,
        start: &GaussianLaw,
        end: End,
    ) -> Result<GaussianLaw> {
        law_of_sampler(affine, steps, Method::EulerMaruyama, start, end)
    }
}

/// Predictions of a denoiser, spoilt.
struct Predicted(fn(Channel, &mut Prediction<f64>));

impl Subject for Predicted {
    fn predict(
        &self,
        denoiser: &dyn tweedie::denoiser::Denoiser<f64>,
        channel: Channel,
        x: ArrayView2<'_, f64>,
    ) -> Result<Prediction<f64>> {
        let mut found = denoiser.predict(channel, x)?;
        (self.0)(channel, &mut found);
        Ok(found)
    }
}

/// Losses of another constraint than the one asked for.
struct LossOf(fn(Consistency) -> Consistency);

impl Subject for LossOf {
    fn consistency(
        &self,
        consistency: &Consistency,
        channels: &[Channel],
        kind: Kind,
        [clean, perturbed]: [&Prediction<f64>; 2],
        omega: ArrayView2<'_, f64>,
    ) -> Result<Consistent<f64>> {
        let parts = (kind, Weighting::Uniform);
        (self.0)(*consistency).evaluate(channels, parts, clean, perturbed, omega)
    }
}

#[test]
fn equivariance_is_invariance() {
    let noise: fn(Channel, &mut Prediction<f64>) = |_, p| p.noise *= 1.0 + 1e-9;
    fails("E1", "noise too large by 1e-9", &Predicted(noise));
    fails("E1", "the sign of the noise", &Predicted(|_, p| p.noise *= -1.0));
    fails("E1", "denoised without 1/a", &Predicted(|c, p| p.denoised *= c.a()));
    let other: fn(Consistency) -> Consistency =
        |c| Consistency { constraint: Constraint::Invariance, ..c };
    fails("E1", "a residual without ω", &LossOf(other));
    fails("E1", "input units for noise", &LossOf(|c| Consistency { units: Units::Input, ..c }));
}

/// An optimum for numbers that are not those asked for: (a, s, c, λτ², κ) to the gain.
struct Gains(fn(&Quadratic<'_>, f64, f64) -> f64);

impl Subject for Gains {
    fn affine_optimum(&self, quadratic: &Quadratic<'_>, tau_squared: f64) -> Result<Minimiser> {
        let moments = quadratic.moments();
        let mut found = quadratic.minimiser_along(&vec![tau_squared; moments.dimension()])?;
        let strength = quadratic.lambda() * tau_squared;
        let gains: ndarray::Array1<f64> =
            moments.values().iter().map(|&c| (self.0)(quadratic, c, strength)).collect();
        let [a, s, ..] = quadratic.numbers();
        found.denoised = (&moments.vectors() * &gains).dot(&moments.vectors().t());
        found.noise = (Array2::eye(moments.dimension()) - &found.denoised * a) / s;
        Ok(found)
    }
}

#[test]
fn affine_optima() {
    for id in ["E2", "E3"] {
        fails(
            id,
            "s missing",
            &Gains(|q, c, l| {
                let [a, s, h, k] = q.numbers();
                (a * c + k * h * l) / (a * a * c + s + h * h * l)
            }),
        );
        fails(
            id,
            "a in place of a²",
            &Gains(|q, c, l| {
                let [a, s, h, k] = q.numbers();
                (a * c + k * h * l) / (a * c + s * s + h * h * l)
            }),
        );
        fails(
            id,
            "λ ignored",
            &Gains(|q, c, _| {
                let [a, s, ..] = q.numbers();
                a * c / (a * a * c + s * s)
            }),
        );
        fails(
            id,
            "h in place of h²",
            &Gains(|q, c, l| {
                let [a, s, h, k] = q.numbers();
                (a * c + k * h * l) / (a * a * c + s * s + h * l)
            }),
        );
    }
    fails(
        "E3",
        "what invariance leaves for D̂ forgotten",
        &Gains(|q, c, l| {
            let [a, s, h, _] = q.numbers();
            a * c / (a * a * c + s * s + h * h * l)
        }),
    );
    fails("E3", "a recursion of another method", &OtherSampler);
}

/// A largest effect at a place that is not the largest, or enclosed where it is not.
struct Effect(fn(Norm, &mut Largest));

impl Subject for Effect {
    fn largest_effect(
        &self,
        norm: Norm,
        matrix: ArrayView2<'_, f64>,
        radius: f64,
    ) -> Result<Largest> {
        let mut found = largest_effect(norm, matrix, radius)?;
        (self.0)(norm, &mut found);
        Ok(found)
    }
}

/// A min–max optimum whose strategy or matrix is spoilt.
struct Minmax(fn(&mut Saddle));

impl Subject for Minmax {
    fn saddle(&self, quadratic: &Quadratic<'_>, norm: Norm, square_radius: f64) -> Result<Saddle> {
        let mut found = saddle(quadratic, norm, square_radius)?;
        (self.0)(&mut found);
        Ok(found)
    }
}

#[test]
fn affine_adversary() {
    fails("E4", "a maximum too large by 1e-9", &Effect(|_, l| l.upper *= 1.0 + 1e-9));
    fails("E4", "a maximum too small by 1e-9", &Effect(|_, l| l.upper *= 1.0 - 1e-9));
    let ends: fn(Norm, &mut Largest) = |norm, l| {
        if norm == Norm::Linf {
            (l.lower, l.upper) = (l.lower * 1.5, l.upper * 1.5);
        }
    };
    fails("E4", "a vertex that is not there", &Effect(ends));
    fails(
        "E4",
        "a wrong vertex",
        &Minmax(|f| f.strategy.points.column_mut(0).mapv_inplace(|x| -x)),
    );
    fails(
        "E4",
        "half the adversary",
        &Minmax(|f| f.strategy.weights.iter_mut().for_each(|p| *p *= 0.5)),
    );
    fails(
        "E4",
        "twice the adversary",
        &Minmax(|f| f.strategy.weights.iter_mut().for_each(|p| *p *= 2.0)),
    );
    fails("E4", "another matrix", &Minmax(|f| f.minimiser.denoised *= 1.001));
}

/// An equilibrium with the weight on the largest variance.
struct Elsewhere;

impl Subject for Elsewhere {
    fn equilibrium(&self, quadratic: &Quadratic<'_>, square_radius: f64) -> Result<Equilibrium> {
        let mut found = equilibrium(quadratic, square_radius)?;
        let moments = quadratic.moments();
        let last = moments.dimension() - 1;
        let point = moments.vectors().column(last).to_owned();
        found.strategy.points = point.insert_axis(ndarray::Axis(0));
        let spread = Spread::of_points(found.strategy.points.view(), &found.strategy.weights)?;
        found.spread = spread.scaled(square_radius);
        found.minimiser = quadratic.minimiser(&found.spread)?;
        Ok(found)
    }
}

/// The residual's maximiser in place of the difference's.
struct LooksAlong;

impl Subject for LooksAlong {
    fn largest_effect(
        &self,
        norm: Norm,
        matrix: ArrayView2<'_, f64>,
        radius: f64,
    ) -> Result<Largest> {
        let other = Array2::<f64>::eye(matrix.nrows()) - matrix;
        let found = largest_effect(norm, matrix, radius)?;
        Ok(Largest { at: largest_effect(norm, other.view(), radius)?.at, ..found })
    }
}

#[test]
fn which_way_the_attack_looks() {
    fails("E7", "an equilibrium in the largest variance", &Elsewhere);
    fails("E7", "a maximiser that looks along the data", &LooksAlong);
    fails("E7", "a covariance twice too large", &Scaled(Covariance, |_| 2.0));
    fails("E7", "a denoiser off by a hundredth", &Scaled(Denoiser, |_| 1.01));
    fails("E7", "the sign of the noise and half of it", &Scaled(Noise, |_| -0.5));
}
