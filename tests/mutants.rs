//! Planted mistakes: each claim must fail where the quantity that it tests is wrong, and hold where it is right.
//!
//! A mutant replaces one quantity of the subject. What is planted: a factor, a sign, a dropped weight, a value
//! subtracted twice, a missing coefficient, a missing centring. `tests/claims.rs` holds the other half: with nothing
//! planted every claim holds.
//!
//! Spec: T1 to T8. `tests/mutants_equivariance.rs` has those of E1 to E4 and E7, `tests/mutants_optimum.rs` those of E5 and E6.

mod planted;

use ndarray::{Array2, ArrayView2};
use planted::{Scaled, fails};
use tweedie::channel::{Channel, Steps};
use tweedie::claims::Subject;
use tweedie::denoiser::{Affine, AffineMaps};
use tweedie::error::Result;
use tweedie::law::Quantity::{Covariance, Denoiser, LogDensity, Noise, Score};
use tweedie::law::{Evaluation, Mixture, Noised, Quantity};
use tweedie::sampler::{End, GaussianLaw, Method, Options, Run, law_of_sampler, sample};
use tweedie::tweedie::{Kind, convert, jacobian};

/// What is done to an evaluation, given the law and the points.
type Spoil = fn(&Noised<f64>, ArrayView2<'_, f64>, &mut Evaluation<f64>);

/// A subject whose evaluations are spoilt.
struct Evaluated(Spoil);

impl Subject for Evaluated {
    fn evaluate(
        &self,
        law: &Noised<f64>,
        points: ArrayView2<'_, f64>,
        wanted: &[Quantity],
    ) -> Result<Evaluation<f64>> {
        let mut found = law.evaluate(points, wanted)?;
        (self.0)(law, points, &mut found);
        Ok(found)
    }
}

/// S = (a·D − x)/s² − x/s².
fn x_subtracted_twice(law: &Noised<f64>, x: ArrayView2<'_, f64>, found: &mut Evaluation<f64>) {
    let s = law.channel().s();
    if let Some(score) = &mut found.score {
        score.zip_mut_with(&x, |v, x| *v -= x / s / s);
    }
}

/// Every quantity of the law whose weights were forgotten: consistent in itself, and wrong.
struct EqualWeights;

impl Subject for EqualWeights {
    fn evaluate(
        &self,
        law: &Noised<f64>,
        points: ArrayView2<'_, f64>,
        wanted: &[Quantity],
    ) -> Result<Evaluation<f64>> {
        let k = law.components();
        let (means, covariance) = (law.law().means().to_owned(), law.law().covariance().clone());
        let equal = Mixture::new(vec![1.0 / k as f64; k], means, covariance)?;
        equal.through::<f64>(law.channel())?.evaluate(points, wanted)
    }
}

/// ln p without its constant −(d/2)·ln 2π: no derivative sees it.
fn log_density_without_constant(
    _: &Noised<f64>,
    x: ArrayView2<'_, f64>,
    found: &mut Evaluation<f64>,
) {
    let constant = 0.5 * x.ncols() as f64 * std::f64::consts::TAU.ln();
    if let Some(log_density) = &mut found.log_density {
        log_density.mapv_inplace(|v| v + constant);
    }
}

#[test]
fn tweedies_relation() {
    fails("T1", "the score times s", &Scaled(Score, |c| c.s()));
    fails("T1", "the sign of the noise", &Scaled(Noise, |_| -1.0));
    fails("T1", "a denoiser without 1/a", &Scaled(Denoiser, |c| c.a()));
    fails("T1", "x subtracted twice", &Evaluated(x_subtracted_twice));
    fails("T1", "weights dropped", &EqualWeights);
    fails("T1", "a log density twice too large", &Scaled(LogDensity, |_| 2.0));
    fails("T1", "a log density without its constant", &Evaluated(log_density_without_constant));
}

/// E[x₀x₀ᵀ | x] in place of the covariance.
fn covariance_not_centred(law: &Noised<f64>, x: ArrayView2<'_, f64>, found: &mut Evaluation<f64>) {
    let Ok(mean) = law.denoiser(x) else { return };
    if let Some(covariance) = &mut found.covariance {
        for ((n, i, j), value) in covariance.indexed_iter_mut() {
            *value += mean[[n, i]] * mean[[n, j]];
        }
    }
}

fn covariance_between_components_dropped(
    law: &Noised<f64>,
    x: ArrayView2<'_, f64>,
    found: &mut Evaluation<f64>,
) {
    let Ok(weights) = law.responsibilities(x) else { return };
    let (a, s, d) = (law.channel().a(), law.channel().s(), x.ncols());
    if let Some(covariance) = &mut found.covariance {
        covariance.fill(0.0);
        for ((n, k), r) in weights.indexed_iter() {
            let variance = law.law().covariance().largest_variance(k);
            let within = s * s * variance / (a * a * variance + s * s);
            (0..d).for_each(|i| covariance[[n, i, i]] += r * within);
        }
    }
}

fn covariance_of_one_triangle(
    _: &Noised<f64>,
    _: ArrayView2<'_, f64>,
    found: &mut Evaluation<f64>,
) {
    if let Some(covariance) = &mut found.covariance {
        for ((_, i, j), value) in covariance.indexed_iter_mut() {
            *value = if i < j { 0.0 } else { *value };
        }
    }
}

/// ∇D = (a/s)·Σ.
struct JacobianWithoutS;

impl Subject for JacobianWithoutS {
    fn jacobian(
        &self,
        channel: Channel,
        kind: Kind,
        covariance: ArrayView2<'_, f64>,
    ) -> Result<Array2<f64>> {
        Ok(jacobian(channel, kind, covariance)? * channel.s())
    }
}

/// Products with 2Σ.
struct ProductDoubled;

impl Subject for ProductDoubled {
    fn covariance_product(
        &self,
        law: &Noised<f64>,
        points: ArrayView2<'_, f64>,
        vectors: ArrayView2<'_, f64>,
    ) -> Result<Array2<f64>> {
        Ok(law.posterior_covariance_product(points, vectors)? * 2.0)
    }
}

#[test]
fn second_order() {
    fails("T2", "a covariance that is not centred", &Evaluated(covariance_not_centred));
    fails("T2", "no spread between components", &Evaluated(covariance_between_components_dropped));
    fails("T2", "one triangle", &Evaluated(covariance_of_one_triangle));
    fails("T2", "a factor s", &JacobianWithoutS);
    fails("T2", "products with twice the matrix", &ProductDoubled);
    fails("T2", "a denoiser that falls", &Scaled(Denoiser, |_| -1.0));
    fails("T2", "weights dropped", &EqualWeights);
}

/// A conversion whose result is spoilt.
struct Converted(fn(Channel, Kind, Kind, f64) -> f64);

impl Subject for Converted {
    fn convert(
        &self,
        channel: Channel,
        x: ArrayView2<'_, f64>,
        from: Kind,
        to: Kind,
        values: ArrayView2<'_, f64>,
    ) -> Result<Array2<f64>> {
        Ok(convert(channel, x, from, to, values)?.mapv(|v| (self.0)(channel, from, to, v)))
    }
}

fn score_from_noise_without_s(channel: Channel, from: Kind, to: Kind, value: f64) -> f64 {
    if (from, to) == (Kind::Noise, Kind::Score) { value * channel.s() } else { value }
}

/// v = s·D − a·ε, and read back the same way: every round trip is right, and the velocity is not.
fn velocity_of_the_other_sign(_: Channel, _: Kind, to: Kind, value: f64) -> f64 {
    if to == Kind::Velocity { -value } else { value }
}

fn data_from_noise_without_a(channel: Channel, from: Kind, to: Kind, value: f64) -> f64 {
    if (from, to) == (Kind::Noise, Kind::Denoised) { value * channel.a() } else { value }
}

#[test]
fn one_prediction_from_another() {
    fails("T3", "a score without 1/s", &Converted(score_from_noise_without_s));
    fails("T3", "the sign of the velocity", &Converted(velocity_of_the_other_sign));
    fails("T3", "data from noise without 1/a", &Converted(data_from_noise_without_a));
    fails("T3", "the sign of the law's noise", &Scaled(Noise, |_| -1.0));
    fails("T3", "x subtracted twice", &Evaluated(x_subtracted_twice));
}

fn responsibilities_equal(law: &Noised<f64>, _: ArrayView2<'_, f64>, found: &mut Evaluation<f64>) {
    if let Some(weights) = &mut found.responsibilities {
        weights.fill(1.0 / law.components() as f64);
    }
}

#[test]
fn decomposition() {
    fails("T4", "responsibilities that ignore x", &Evaluated(responsibilities_equal));
    fails("T4", "a floor twice too high", &Scaled(Covariance, |_| 2.0));
    fails("T4", "a covariance that is not centred", &Evaluated(covariance_not_centred));
    fails("T4", "a denoiser off by a thousandth", &Scaled(Denoiser, |_| 1.001));
    fails("T4", "weights dropped", &EqualWeights);
}

#[test]
fn implicit_score_matching() {
    fails("T5", "the score times s", &Scaled(Score, |c| c.s()));
    fails("T5", "the sign of the score", &Scaled(Score, |_| -1.0));
    fails("T5", "a covariance without a", &Scaled(Covariance, |c| c.a()));
    fails("T5", "a covariance that is not centred", &Evaluated(covariance_not_centred));
    fails("T5", "weights dropped in the score alone", &Evaluated(score_of_equal_weights));
    fails("T5", "a log density twice too large", &Scaled(LogDensity, |_| 2.0));
}

fn score_of_equal_weights(law: &Noised<f64>, x: ArrayView2<'_, f64>, found: &mut Evaluation<f64>) {
    let Ok(other) = EqualWeights.evaluate(law, x, &[Score]) else { return };
    if found.score.is_some() {
        found.score = other.score;
    }
}

#[test]
fn lipschitz_constant() {
    fails("T6", "a covariance twice too large", &Scaled(Covariance, |_| 2.0));
    fails("T6", "a denoiser twice too steep", &Scaled(Denoiser, |_| 2.0));
    // Too flat satisfies the inequality; the case of equality catches it.
    fails("T6", "a covariance half as large", &Scaled(Covariance, |_| 0.5));
    fails("T6", "a denoiser without 1/a", &Scaled(Denoiser, |c| c.a()));
}

/// ln p without −½ ln det V: what the noise level adds to the normalisation.
fn log_density_without_determinant(
    law: &Noised<f64>,
    x: ArrayView2<'_, f64>,
    found: &mut Evaluation<f64>,
) {
    if let Some(log_density) = &mut found.log_density {
        log_density.mapv_inplace(|v| v + x.ncols() as f64 * law.channel().s().ln());
    }
}

#[test]
fn heat_equation() {
    fails("T7", "the score times s", &Scaled(Score, |c| c.s()));
    fails("T7", "no divergence of the score", &Scaled(Covariance, |_| 0.0));
    fails("T7", "a covariance that is not centred", &Evaluated(covariance_not_centred));
    fails("T7", "no determinant in log p", &Evaluated(log_density_without_determinant));
    fails("T7", "x subtracted twice", &Evaluated(x_subtracted_twice));
}

/// Samples of another method than the one asked for.
struct SamplesOf(fn(Method) -> Method);

impl Subject for SamplesOf {
    fn sample(
        &self,
        affine: &Affine,
        steps: &Steps,
        method: Method,
        n: usize,
        seed: u64,
        options: &Options<'_, f64>,
    ) -> Result<Run<f64>> {
        sample(affine, steps, (self.0)(method), n, seed, options)
    }
}

/// The recursion of another method, or from another start.
struct RecursionOf(fn(Method) -> Method, f64);

impl Subject for RecursionOf {
    fn law_of_sampler(
        &self,
        affine: &dyn AffineMaps,
        steps: &Steps,
        method: Method,
        start: &GaussianLaw,
        end: End,
    ) -> Result<GaussianLaw> {
        let mut start = start.clone();
        start.covariance *= self.1;
        law_of_sampler(affine, steps, (self.0)(method), &start, end)
    }
}

fn as_asked(method: Method) -> Method {
    method
}

fn no_fresh_noise(method: Method) -> Method {
    if method == Method::Ancestral { Method::Ddim { eta: 0.0 } } else { method }
}

fn no_corrector(method: Method) -> Method {
    if method == Method::Heun { Method::Euler } else { method }
}

fn eta_off(method: Method) -> Method {
    if method == (Method::Ddim { eta: 0.5 }) { Method::Ddim { eta: 0.6 } } else { method }
}

#[test]
fn law_of_a_sampler() {
    fails("T8", "ancestral samples without fresh noise", &SamplesOf(no_fresh_noise));
    fails("T8", "a recursion with another η", &RecursionOf(eta_off, 1.0));
    fails("T8", "Heun without its corrector", &RecursionOf(no_corrector, 1.0));
    fails("T8", "a start that is too wide by 1e-9", &RecursionOf(as_asked, 1.0 + 1e-9));
}
