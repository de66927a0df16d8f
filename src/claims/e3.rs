//! E3, the invariance baseline: A = (aC + λτ²(s²/a)·I)·(V + λτ²s²·I)⁻¹, what a classifier's habit makes of a denoiser.
//!
//! Since A = I/a − (s²/a)·W⁻¹ with W = V + λτ²s²I ⪰ s²(1 + λτ²)I, invariance predicts the noise as the exact denoiser of N(m, C)
//! at the noise s′ = s·√(1 + λτ²) does, times s/s′ ≤ 1: the noise is underrated. Checks:
//!
//! 1. The derivative of the loss as it is defined, as for E2.
//! 2. ε̂ = (s/s′)·ε*′ against the library's evaluation of that law (N4).
//! 3. On the kernel of C, A·n = (λτ²/a)/(1 + λτ²)·n: not 0.
//! 4. The limits: ‖A − I/a‖₂ ≤ 1/(a(1 + λτ²)); and for equivariance ‖A‖₂ ≤ a·c/(s²(1 + λτ²)), c the largest variance.
//! 5. *What a sampler generates off a plane.* On the plane z = 0 of ℝ³ DDIM with η = 0 multiplies the deviation along z by
//!    a′g + s′b a step and g at the end: from Gaussian noise exactly 0 for equivariance, a product of positive factors for
//!    invariance, which T8's recursion must meet to the (8d + 96)u a step that it states, and 12u a gain.
//!
//! Floor 7. Uses `claims`, `optimum`, `sampler`, `channel`, `law`, `figure`. Spec: E3, T8. Source: theory E3.

use ndarray::{Array1, Array2, array};

use super::affine_cases::{self, READINGS, Setting};
use super::cases::NamedChannel;
use super::e2;
use super::worst::{U, Worst};
use super::{Case, Claim, Context, Findings, Stage};
use crate::arith::eigen::symmetric_eigen;
use crate::arith::scalar::exp;
use crate::attack::Shape;
use crate::channel::{Channel, Steps};
use crate::error::Result;
use crate::figure::{Axis, Figure, Layer};
use crate::objective::{Constraint, Radius, Strength, Units};
use crate::optimum::{AffineObjective, AffineOptimum, Moments, Perturbation, Quadratic};
use crate::sampler::{End, GaussianLaw, Method};

pub(super) const CLAIM: Claim = Claim {
    id: "E3",
    title: "invariance leaves the data, equivariance stays",
    statement: "With ε̂(x + sω) − ε̂(x) as the residual the affine optimum is A = (aC + λτ²(s²/a)I)(V + λτ²s²I)⁻¹. As λ → ∞ it tends to I/a and the equivariant one to 0; where C has no extent only the latter is 0, and only its samples stay on the data's plane.",
    source: "normal equations; theory E3, proofs/Equivariance.v",
    hypothesis: "as E2, and a > 0.",
    measured: "the loss's derivative at the optimum; its noise prediction against the exact one at s·√(1 + λτ²); its value on C's kernel; both limits; the variance that a sampler generates off the plane",
    bound: "the optimum's own proven distance, the evaluation's rounding bounds (N4), the limits' explicit rates, the recursion's rounding",
    find,
};

const NOISE: Units = Units::Noise;

fn find(context: &Context<'_>) -> Result<Findings> {
    let settings = affine_cases::settings()?;
    let channels = affine_cases::channels(context.quick)?;
    let stage = Stage::new(context, CLAIM.id, settings.len() + 1);
    let mut cases = Vec::new();
    for setting in &settings {
        let mut slopes = [Worst::default(), Worst::default()];
        let (mut wiener, mut kernel) = (Worst::default(), Worst::default());
        let mut limits = [Worst::default(), Worst::default()];
        for named in &channels {
            for &strength in affine_cases::strengths(context.quick) {
                for (at, &(constraint, units, _)) in READINGS.iter().enumerate() {
                    if constraint == Constraint::Invariance {
                        let worst = &mut slopes[at / 2];
                        e2::slope(context, setting, named, (constraint, units), strength, worst)?;
                    }
                }
                examine(context, setting, named, strength, (&mut wiener, &mut kernel))?;
                limit(context, setting, named, strength, &mut limits)?;
            }
        }
        let law = setting.law;
        let [noise, input] = &slopes;
        cases.extend(noise.case(law, "‖half the loss's gradient at A‖, noise units"));
        cases.extend(input.case(law, "‖half the loss's gradient at A‖, input units"));
        cases.extend(wiener.case(law, "|ε̂ − (s/s′)·exact one of N(m, C) at s′ = s·√(1 + λτ²)|"));
        cases.extend(kernel.case(law, "‖A·n − (λτ²/a)/(1 + λτ²)·n‖ for C·n = 0"));
        cases.extend(limits[0].case(law, "‖A − I/a‖₂ under invariance"));
        cases.extend(limits[1].case(law, "‖A‖₂ under equivariance"));
        stage.step();
    }
    cases.extend(generated(context)?);
    stage.step();
    Ok(Findings { cases, statistics: None, figures: vec![off_the_plane(context)?] })
}

/// λ of the cases, as in E2.
const LAMBDA: f64 = 0.3;

/// Checks 2 and 3.
fn examine(
    context: &Context<'_>,
    setting: &Setting,
    named: &NamedChannel,
    strength: f64,
    (wiener, kernel): (&mut Worst, &mut Worst),
) -> Result<()> {
    let channel = named.channel;
    let reading = (Constraint::Invariance, NOISE);
    let quadratic = Quadratic::new(&setting.moments, reading, LAMBDA, channel)?;
    let found = context.subject.affine_optimum(&quadratic, strength / LAMBDA)?;
    let factor = channel.s() / e2::inflation(channel, strength)?.s();
    // At strength 0 both constraints are the plain loss, and E2 has compared it.
    if strength > 0.0 {
        e2::against_exact(context, setting, named, strength, (&found, factor), wiener)?;
    }
    let gain = strength / channel.a() / (1.0 + strength);
    for vector in &setting.kernel {
        let (measured, bound) =
            e2::on_kernel(setting, channel, strength, (&found.denoised, gain), vector);
        kernel.add(&named.name, measured, bound);
    }
    Ok(())
}

/// Check 4.
fn limit(
    context: &Context<'_>,
    setting: &Setting,
    named: &NamedChannel,
    strength: f64,
    limits: &mut [Worst; 2],
) -> Result<()> {
    let (a, s) = (named.channel.a(), named.channel.s());
    let most = setting.moments.values().iter().fold(0.0_f64, |m, c| m.max(*c));
    let rates = [1.0 / (a * (1.0 + strength)), a * most / (s * s * (1.0 + strength))];
    let targets = [1.0 / a, 0.0];
    for (at, constraint) in
        [Constraint::Invariance, Constraint::Equivariance].into_iter().enumerate()
    {
        let quadratic =
            Quadratic::new(&setting.moments, (constraint, NOISE), LAMBDA, named.channel)?;
        let found = context.subject.affine_optimum(&quadratic, strength / LAMBDA)?;
        let apart =
            found.denoised.clone() - Array2::from_diag_elem(setting.dimension(), targets[at]);
        let symmetric = (&apart + &apart.t()) * 0.5;
        let eigen = symmetric_eigen(symmetric.view())?;
        let norm = eigen.values.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        let own = found.error
            + eigen.residual
            + norm * eigen.orthogonality
            + 4.0 * U * (norm + targets[at]);
        limits[at].add(
            &named.name,
            norm,
            rates[at] * (1.0 + 8.0 * U) + 1.01 * own + f64::MIN_POSITIVE,
        );
    }
    Ok(())
}

/// The plane z = 0 with variances 1 and ¼ on it.
fn plane() -> Result<Moments> {
    let c = Array2::from_diag(&array![1.0, 0.25, 0.0]);
    Moments::new(Array1::zeros(3).view(), c.view())
}

fn optimum(constraint: Constraint, lambda: f64) -> Result<AffineOptimum> {
    let (strength, radius) = (Strength::new(lambda, 0.0)?, Radius::new(1.0, 0.0, 0.0)?);
    let objective = AffineObjective { constraint, units: NOISE, strength, radius };
    AffineOptimum::new(plane()?, objective, Perturbation::Random(Shape::Gaussian))
}

/// The variance along z that DDIM with η = 0 generates under invariance, and the relative error in u: positive factors.
fn product(steps: &Steps, strength: f64) -> f64 {
    let gains = |c: Channel| {
        let below = 1.0 + strength;
        (strength / c.a() / below, 1.0 / (c.s() * below))
    };
    let first = steps.first();
    let mut deviation = GaussianLaw::standard(first, 1).covariance[[0, 0]].sqrt();
    let mut last = first;
    for pair in steps.channels().windows(2) {
        let (g, b) = gains(pair[0]);
        deviation *= pair[1].a() * g + pair[1].s() * b;
        last = pair[1];
    }
    deviation *= gains(last).0;
    deviation * deviation
}

/// Check 5.
fn generated(context: &Context<'_>) -> Result<Vec<Case>> {
    let mut off = [Worst::default(), Worst::default()];
    let counts: &[usize] = if context.quick { &[10, 50] } else { &[10, 30, 100, 300, 1000] };
    for &n in counts {
        let steps = Steps::by_name("ddpm", n)?;
        let name = format!("ddpm, {n} levels");
        let start = GaussianLaw::standard(steps.first(), 3);
        for strength in [0.1, 0.3, 3.0] {
            for (at, constraint) in Constraint::ALL.into_iter().enumerate() {
                let optimum = optimum(constraint, strength)?;
                let law = context.subject.law_of_sampler(
                    &optimum,
                    &steps,
                    Method::Ddim { eta: 0.0 },
                    &start,
                    End::Data,
                )?;
                let found = law.covariance[[2, 2]];
                let exact = if at == 0 { 0.0 } else { product(&steps, strength) };
                // The recursion's (8d + 96)u, 24u for two gains squared, and 16u for the product here: a step.
                let steps_taken = steps.len() as f64 + 2.0;
                let bound = 1.01 * U * (8.0 * 3.0 + 96.0 + 48.0 + 16.0) * steps_taken * exact;
                off[at].add(&name, (found - exact).abs(), bound);
            }
        }
    }
    let law = "the plane z = 0 in ℝ³";
    let names = [
        "variance generated off the plane, equivariance",
        "|variance generated off the plane − product of gains|, invariance",
    ];
    Ok(off.iter().zip(names).filter_map(|(worst, name)| worst.case(law, name)).collect())
}

/// Deviations generated on and off the plane against λ.
fn off_the_plane(context: &Context<'_>) -> Result<Figure> {
    let steps = Steps::by_name("ddpm", if context.quick { 50 } else { 300 })?;
    let mut figure = Figure::new("affine-generated", "What samplers generate from affine optima")
        .caption(
            "Deviations of the law that DDIM (η = 0, DDPM's table) generates from the affine optima for a Gaussian of deviation 1 on a plane, ω Gaussian of deviation 1, against λ, by T8's recursion. Equivariance narrows the law and stays on the plane: its deviation off the plane is exactly 0, which a logarithm cannot show. Invariance is off the plane for every λ above 0, and too wide on it.",
        )
        .axes(Axis::log("λ"), Axis::log("deviation generated"));
    let lambdas: Vec<f64> = (-16..=12).map(|k| exp(0.25 * k as f64)).collect();
    for (hue, constraint) in Constraint::ALL.into_iter().enumerate() {
        for (axis, direction) in [(0, "on the plane"), (2, "off the plane")] {
            if constraint == Constraint::Equivariance && axis == 2 {
                continue;
            }
            let mut points = Vec::new();
            for &lambda in &lambdas {
                let optimum = optimum(constraint, lambda)?;
                let start = GaussianLaw::standard(steps.first(), 3);
                let method = Method::Ddim { eta: 0.0 };
                let law =
                    context.subject.law_of_sampler(&optimum, &steps, method, &start, End::Data)?;
                points.push([lambda, law.covariance[[axis, axis]].sqrt()]);
            }
            let label = format!("{}, {direction}", constraint.name());
            figure = figure.layer(Layer::line(label, points).hue(2 * hue + usize::from(axis == 2)));
        }
    }
    let ends = vec![[lambdas[0], 1.0], [lambdas[lambdas.len() - 1], 1.0]];
    Ok(figure.layer(Layer::dashed("the data, on the plane", ends).hue(4)))
}
