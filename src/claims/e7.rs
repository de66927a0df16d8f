//! E7, which way the attack looks: the prediction difference Q grows across the data, the residual R along it.
//!
//! Let P = (a²/s²)·Σ_post(x). By T2, for small ω in noise units, Q = (I − P)ω and R = −Pω. So R is largest along the largest
//! eigenvalue of P, and Q along the smallest where λ_min + λ_max ≤ 2: always for a Gaussian law (P ⪯ I). Between separated
//! modes P may exceed 2, and there Q, like R, looks along the largest: from one mode to the other. Both regimes are tested.
//!
//! With v a unit vector and Σ̄ the mean of Σ_post over the segment from x to x + srv, R(x, rv) = −(a²/s²)·r·Σ̄v exactly, and
//! ‖(Σ̄ − Σ_post(x))v‖ ≤ ½·s·r·θ·K, θ = a/s², K a bound of the third cumulant at both ends (`claims::component`). So
//!
//! 1. |‖R‖/r − p| and |‖Q‖/r − |1 − p|| at the eigenvectors of largest and smallest p, within that and the rounding bounds
//!    of the two predictions (N4) over r.
//! 2. No other direction does better: ‖Q‖/r ≤ max(1 − p_min, p_max − 1) and ‖R‖/r ≤ p_max over random directions.
//!
//! Three more, for affine denoisers, in `claims::e7_affine`.
//!
//! Floor 7. Uses `claims`, `attack`, `denoiser`, `law`, `arith`, `figure`. Spec: E7.

use ndarray::{Array1, Array2, ArrayView1, Axis, s};

use super::affine_cases::{self, Setting};
use super::cases::{self, NamedChannel};
use super::component::Components;
use super::e7_affine;
use super::pictures::table;
use super::subject::given;
use super::worst::{U, Worst};
use super::{Claim, Context, Findings, Stage};
use crate::arith::eigen::symmetric_eigen;
use crate::arith::fill_normal;
use crate::attack::{Address, Attack, Inner, Keep, Norm, Settings, Shape, perturb_at};
use crate::denoiser::Exact;
use crate::error::Result;
use crate::figure::{Axis as Scale, Figure, Layer};
use crate::law::{Noised, Quantity, toy_law};
use crate::objective::Units;
use crate::objective::consistency::perturbed;

pub(super) const CLAIM: Claim = Claim {
    id: "E7",
    title: "which way the attack looks",
    statement: "With P = (a²/s²)·Cov[x₀ | x] a small ω changes the noise prediction by (I − P)ω and leaves the residual −Pω: the residual is largest along the largest posterior covariance, the prediction difference along the smallest where λ_min(P) + λ_max(P) ≤ 2, as always for Gaussian laws. On a law with a kernel the prediction difference's exact maximiser finds no residual at all, and training against it is plain training.",
    source: "T2; theory E7",
    hypothesis: "the exact denoiser and small ω; for the last sentence an affine denoiser, the ℓ2 ball and noise units.",
    measured: "both sizes along the extreme eigenvectors of the posterior covariance and in random directions; for Gaussian laws the residual that each inner objective's maximiser finds; the equilibrium of training against the prediction difference",
    bound: "the third cumulant's bound over the segment, the rounding bounds (N4), the enclosures of E4, the optimum's proven distance",
    find,
};

fn find(context: &Context<'_>) -> Result<Findings> {
    let settings = affine_cases::settings()?;
    let channels = affine_cases::channels(context.quick)?;
    let stage = Stage::new(context, CLAIM.id, settings.len());
    let mut cases = Vec::new();
    for setting in &settings {
        let mut checks = Checks::default();
        for named in &channels {
            examine(context, setting, named, &mut checks)?;
        }
        cases.extend(checks.cases(setting.law));
        cases.extend(e7_affine::examine(context, setting, &channels)?);
        stage.step();
    }
    Ok(Findings { cases, statistics: None, figures: vec![residuals(context)?] })
}

#[derive(Default)]
struct Checks {
    residual: Worst,
    difference: Worst,
    residual_elsewhere: Worst,
    across: Worst,
    between: Worst,
}

impl Checks {
    fn cases(&self, law: &str) -> Vec<super::Case> {
        [
            self.residual.case(law, "|‖R‖/r − p| along the extreme eigenvectors"),
            self.difference.case(law, "|‖Q‖/r − |1 − p|| along the extreme eigenvectors"),
            self.residual_elsewhere.case(law, "‖R‖/r in other directions, against λ_max"),
            self.across.case(law, "‖Q‖/r in other directions, against 1 − λ_min"),
            self.between
                .case(law, "‖Q‖/r in other directions, against λ_max − 1 where that is more"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// Random directions a point.
const DIRECTIONS: usize = 4;

/// The eigenvectors of least and greatest eigenvalue, then random directions; rows of length about 1.
fn directions(covariance: &Array2<f64>, seed: u64) -> Result<(Array2<f64>, [f64; 2], f64)> {
    let d = covariance.nrows();
    let eigen = symmetric_eigen(covariance.view())?;
    let mut rows = eigen.vectors.column(0).to_vec();
    rows.extend(eigen.vectors.column(d - 1));
    let mut normals = vec![0.0; DIRECTIONS * d];
    fill_normal(seed, 17, 0, &mut normals);
    for normal in normals.chunks_exact(d) {
        let length = norm(ArrayView1::from(normal)).max(f64::MIN_POSITIVE);
        rows.extend(normal.iter().map(|x| x / length));
    }
    let values = [eigen.values[0], eigen.values[d - 1]];
    let size = values[1].abs().max(values[0].abs());
    let error = 1.01 * (eigen.residual + size * eigen.orthogonality);
    Ok((table(DIRECTIONS + 2, d, rows)?, values, error))
}

fn norm(vector: ArrayView1<'_, f64>) -> f64 {
    vector.iter().fold(0.0_f64, |sum, x| x.mul_add(*x, sum)).sqrt()
}

/// The ω's length: small enough that Σ_post hardly changes, large enough that the predictions' rounding does not show.
const RADIUS: f64 = 1.0 / 65536.0;

/// A point with its posterior covariance, and a bound of the error of that.
struct Place<'a> {
    setting: &'a Setting,
    named: &'a NamedChannel,
    noised: &'a Noised<f64>,
    x: ArrayView1<'a, f64>,
    covariance: Array2<f64>,
    error: f64,
    seed: u64,
}

fn examine(
    context: &Context<'_>,
    setting: &Setting,
    named: &NamedChannel,
    checks: &mut Checks,
) -> Result<()> {
    let noised = setting.mixture.through::<f64>(named.channel)?;
    let seed = context.seed.wrapping_add(17_000);
    let all = cases::points(&setting.mixture, named.channel, seed, 6)?;
    // The last three are far away, where a segment is shorter than a rounding of x.
    let points = all.slice(s![..all.nrows() - 3, ..]);
    let values = context.subject.evaluate(&noised, points, &[Quantity::Covariance])?;
    let covariances = given(values.covariance, "covariance")?;
    let bounds = given(noised.bounds(points, &[Quantity::Covariance])?.covariance, "covariance")?;
    for (n, x) in points.rows().into_iter().enumerate() {
        let entries = bounds.index_axis(Axis(0), n);
        let place = Place {
            setting,
            named,
            noised: &noised,
            x,
            covariance: covariances.index_axis(Axis(0), n).to_owned(),
            error: entries.iter().fold(0.0_f64, |sum, b| b.mul_add(*b, sum)).sqrt(),
            seed: seed.wrapping_add(n as u64),
        };
        probe(context, &place, checks)?;
    }
    Ok(())
}

/// Checks 1 and 2 at a point.
fn probe(context: &Context<'_>, place: &Place<'_>, checks: &mut Checks) -> Result<()> {
    let (channel, d) = (place.named.channel, place.x.len());
    let (a, s) = (channel.a(), channel.s());
    let (v, [least, most], eigen_error) = directions(&place.covariance, place.seed)?;
    let (omega, count) = (v.mapv(|x| RADIUS * x), v.nrows());
    let here = Array2::from_shape_fn((count, d), |(_, i)| place.x[i]);
    let there = perturbed(&vec![channel; count], Units::Noise, here.view(), omega.view())?;
    let stacked = ndarray::concatenate![Axis(0), here.slice(s![..1, ..]), there];
    let wanted = [Quantity::Denoiser, Quantity::Noise];
    let values = context.subject.evaluate(place.noised, stacked.view(), &wanted)?;
    let (denoised, noise) = (given(values.denoiser, "denoiser")?, given(values.noise, "noise")?);
    let limits = place.noised.bounds(stacked.view(), &wanted)?;
    let (of_d, of_e) = (given(limits.denoiser, "denoiser")?, given(limits.noise, "noise")?);
    // What Σ_post can change over the segments, in P.
    let components = Components::new(&place.setting.mixture, channel);
    let thirds = stacked.rows().into_iter().map(|row| components.third_cumulant(&row.to_vec()));
    let third = thirds.fold(0.0_f64, f64::max);
    let scale = a / s * (a / s);
    let change = scale * (0.5 * s * RADIUS * (a / s / s) * third);
    let (p_least, p_most) = (scale * least, scale * most);
    let of_p = scale * (place.error + eigen_error) + change + 8.0 * U * p_most.abs();
    let name = &place.named.name;
    for k in 0..count {
        let row = |m: &Array2<f64>| &m.row(k + 1) - &m.row(0);
        let length = RADIUS * norm(v.row(k));
        let r = a / s * norm(row(&denoised).view()) / length;
        let q = norm(row(&noise).view()) / length;
        // x′ is rounded: the ω that was applied differs by u|x′|/s, which Q and R see by at most 1 + ‖P‖.
        let moved = U * norm(there.row(k)) / s / length * (2.0 + p_most + of_p);
        let both = |m: &Array2<f64>| norm((&m.row(k + 1) + &m.row(0)).view()) / length;
        let rounding = (d as f64 + 12.0) * U * (1.0 + p_most);
        let of_r = 1.01 * (a / s * both(&of_d) + moved + rounding) + of_p;
        let of_q = 1.01 * (both(&of_e) + moved + rounding) + of_p;
        if k < 2 {
            let p = if k == 0 { p_least } else { p_most };
            checks.residual.add(name, (r - p).abs(), of_r);
            checks.difference.add(name, (q - (1.0 - p).abs()).abs(), of_q);
            continue;
        }
        checks.residual_elsewhere.add(name, r, p_most + of_r);
        if p_least + p_most <= 2.0 {
            checks.across.add(name, q, 1.0 - p_least + of_q);
        } else {
            checks.between.add(name, q, p_most - 1.0 + of_q);
        }
    }
    Ok(())
}

/// The residual that PGD finds with either inner objective, and that random noise finds, against λ_max(P).
fn residuals(context: &Context<'_>) -> Result<Figure> {
    let mut figure = Figure::new("residual-found", "Which inner objective finds the residual")
        .caption(
            "The squared residual ‖R‖² at draws of the oblique plane, three Gaussians and the training set at σ = 0.5, for ω of ℓ2 length at most 0.25 found by 20 steps of PGD on the prediction difference (the source method's) and on the residual, and for random ω in the same ball, against the largest eigenvalue of P = (a²/s²)·Cov[x₀ | x]. The prediction difference looks away from the data and finds less than the residual does, often less than chance; only above 2, between modes, do both look the same way.",
        )
        .axes(Scale::log("λ_max(P)"), Scale::log("‖R‖²"));
    let named = cases::ve(0.5)?;
    let (channel, radius, n) = (named.channel, 0.25, if context.quick { 24 } else { 120 });
    let mut found = vec![Vec::new(); 3];
    for name in ["oblique-plane", "three-gaussians", "training-set"] {
        let law = toy_law(name)?;
        let x = law.sample_noised(channel, context.seed, 470, n)?.noised;
        let noised = law.through::<f64>(channel)?;
        let values = context.subject.evaluate(&noised, x.view(), &[Quantity::Covariance])?;
        let covariances = given(values.covariance, "covariance")?;
        let exact = Exact::new(law);
        let (radii, address) =
            (vec![radius; n], Address { seed: context.seed, ..Address::default() });
        let random = Shape::Ball(Norm::L2).draw::<f64>(address, &radii, x.ncols())?;
        let mut perturbations = Vec::new();
        for inner in [Inner::PredictionDifference, Inner::Residual] {
            let settings = Settings { inner, keep: Keep::Best, ..Settings::pgd(Norm::L2, 20) };
            let attack = Attack::new(settings)?;
            let attacked = perturb_at(&attack, &exact, channel, x.view(), &radii, address)?;
            perturbations.push(attacked.perturbation);
        }
        perturbations.push(random);
        let clean = context.subject.predict(&exact, channel, x.view())?;
        for (which, omega) in perturbations.iter().enumerate() {
            let moved = perturbed(&vec![channel; n], Units::Noise, x.view(), omega.view())?;
            let there = context.subject.predict(&exact, channel, moved.view())?;
            for (k, covariance) in covariances.outer_iter().enumerate() {
                let eigen = symmetric_eigen(covariance)?;
                let most = eigen.values.last().copied().unwrap_or(0.0);
                let ratio = channel.a() / channel.s();
                let change: Array1<f64> = &there.denoised.row(k) - &clean.denoised.row(k);
                let residual = ratio * norm(change.view());
                found[which].push([ratio * ratio * most, residual * residual]);
            }
        }
    }
    let labels = ["PGD on the prediction difference", "PGD on the residual", "random"];
    for (which, (label, points)) in labels.into_iter().zip(found).enumerate() {
        figure = figure.layer(Layer::points(label, points).hue(which));
    }
    Ok(figure)
}
