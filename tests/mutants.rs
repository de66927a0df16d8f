//! Planted mistakes: each claim must fail where the quantity that it tests is wrong, and hold where it is right.
//!
//! A mutant replaces one quantity of the subject. What is planted: a factor, a sign, a dropped weight, a value
//! subtracted twice, a missing coefficient, a missing centring. `tests/claims.rs` holds the other half: with nothing
//! planted every claim holds.
//!
//! Spec: T1, T2, T3, T4, T6, T7, T8.

use ndarray::{Array2, ArrayView2};
use tweedie::channel::Channel;
use tweedie::claims::{Context, Subject, Verdict, run_all};
use tweedie::error::Result;
use tweedie::law::{Evaluation, Mixture, Noised, Quantity};
use tweedie::tweedie::{Kind, jacobian};

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

fn fails(id: &str, what: &str, subject: &dyn Subject) {
    let context = Context { seed: 0, quick: true, subject, progress: &|_| {} };
    let outcomes = run_all(&context, Some(&[id.to_string()])).expect("the claim can be measured");
    assert_eq!(outcomes.len(), 1);
    assert_eq!(outcomes[0].verdict, Verdict::Fails, "{id} does not notice: {what}");
}

fn score_times_s(law: &Noised<f64>, _: ArrayView2<'_, f64>, found: &mut Evaluation<f64>) {
    let s = law.channel().s();
    if let Some(score) = &mut found.score {
        score.mapv_inplace(|v| s * v);
    }
}

fn noise_of_the_other_sign(_: &Noised<f64>, _: ArrayView2<'_, f64>, found: &mut Evaluation<f64>) {
    if let Some(noise) = &mut found.noise {
        noise.mapv_inplace(|v| -v);
    }
}

/// D from the score without the division by a.
fn denoiser_without_a(law: &Noised<f64>, _: ArrayView2<'_, f64>, found: &mut Evaluation<f64>) {
    let a = law.channel().a();
    if let Some(denoiser) = &mut found.denoiser {
        denoiser.mapv_inplace(|v| a * v);
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

fn log_density_doubled(_: &Noised<f64>, _: ArrayView2<'_, f64>, found: &mut Evaluation<f64>) {
    if let Some(log_density) = &mut found.log_density {
        log_density.mapv_inplace(|v| 2.0 * v);
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
    fails("T1", "the score times s", &Evaluated(score_times_s));
    fails("T1", "the sign of the noise", &Evaluated(noise_of_the_other_sign));
    fails("T1", "a denoiser without 1/a", &Evaluated(denoiser_without_a));
    fails("T1", "x subtracted twice", &Evaluated(x_subtracted_twice));
    fails("T1", "weights dropped", &EqualWeights);
    fails("T1", "a log density twice too large", &Evaluated(log_density_doubled));
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

fn denoiser_falling(_: &Noised<f64>, _: ArrayView2<'_, f64>, found: &mut Evaluation<f64>) {
    if let Some(denoiser) = &mut found.denoiser {
        denoiser.mapv_inplace(|v| -v);
    }
}

#[test]
fn second_order() {
    fails("T2", "a covariance that is not centred", &Evaluated(covariance_not_centred));
    fails("T2", "no spread between components", &Evaluated(covariance_between_components_dropped));
    fails("T2", "one triangle", &Evaluated(covariance_of_one_triangle));
    fails("T2", "a factor s", &JacobianWithoutS);
    fails("T2", "products with twice the matrix", &ProductDoubled);
    fails("T2", "a denoiser that falls", &Evaluated(denoiser_falling));
    fails("T2", "weights dropped", &EqualWeights);
}
