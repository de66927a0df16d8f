//! T6, Lipschitz: if x₀ lies in a ball of radius R, then ‖∇D*‖₂ ≤ a·R²/s².
//!
//! ∇D* = (a/s²)·Σ_post, and a law in a ball of radius R about c has a covariance of norm at most E‖x₀ − c‖² ≤ R². Any
//! centre does; here it is the law's mean as computed, so R = max_k ‖μ_k − m‖ is off by its rounding only, a relative
//! (d + 4)u. Checks, on laws of point masses:
//!
//! 1. (a/s²)·λ_max(Σ_post) ≤ a·R²/s², to within (a/s²)·‖δΣ‖_F (Weyl) and the decomposition's own residual.
//! 2. ‖D(x) − D(y)‖ ≤ (a·R²/s²)·‖x − y‖ for all pairs of points, to within ‖δD(x) + δD(y)‖.
//! 3. The bound is reached: for two equal point masses at ±R, Σ_post(0) = R² exactly. Both Σ_post there, and a central
//!    difference of D there, must be as large as the bound, to within δΣ, and h²/6·M + δD/h (`claims::component`).
//!
//! Floor 7. Uses `claims`, `law`, `arith`, `figure`. Spec: T6.

use ndarray::{Array2, array};

use super::cases::{self, NamedChannel, Study};
use super::component::Components;
use super::pictures::curve;
use super::stencil::{Stencil, balanced};
use super::subject::given;
use super::worst::{U, Worst};
use super::{Case, Claim, Context, Findings};
use crate::arith::eigen::symmetric_eigen;
use crate::arith::scalar::exp;
use crate::error::Result;
use crate::figure::{Axis, Figure, Layer};
use crate::law::{Mixture, Quantity, toy_law};

pub(super) const CLAIM: Claim = Claim {
    id: "T6",
    title: "the Lipschitz constant of the denoiser",
    statement: "If x₀ lies in a ball of radius R, ‖∇D*(x)‖₂ ≤ a·R²/s² for every x; two equal point masses at ±R reach it.",
    source: "Popoviciu's inequality on variances through T2; theory T6",
    hypothesis: "x₀ is supported in a ball of radius R.",
    measured: "the largest eigenvalue of (a/s²)·Σ_post, quotients ‖D(x) − D(y)‖/‖x − y‖, and the case of equality",
    bound: "a·R²/s² and the evaluation's rounding bounds (N4), Weyl's inequality",
    find,
};

const WANTED: [Quantity; 2] = [Quantity::Denoiser, Quantity::Covariance];

fn find(context: &Context<'_>) -> Result<Findings> {
    let mut studies = cases::studies(context)?;
    studies.retain(Study::is_point_masses);
    let mut cases = cases::examine_each(context, CLAIM.id, &studies, examine)?;
    cases.extend(equality(context)?);
    Ok(Findings { cases, statistics: None, figures: vec![figure(context)?] })
}

/// R² about the computed mean, rounded up.
fn squared_radius(law: &Mixture) -> f64 {
    let r = law.radius();
    r * r * (1.0 + (2.0 * law.dimension() as f64 + 10.0) * U)
}

/// λ_max and the bound of its error, from a matrix and its bounds.
fn largest(
    matrix: ndarray::ArrayView2<'_, f64>,
    bound: ndarray::ArrayView2<'_, f64>,
) -> Result<(f64, f64)> {
    let eigen = symmetric_eigen(matrix)?;
    let value = eigen.values.last().copied().unwrap_or(0.0);
    let size = eigen.values.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let frobenius = bound.iter().fold(0.0f64, |sum, b| b.mul_add(*b, sum)).sqrt();
    Ok((value, 1.01 * (frobenius + eigen.residual + size * eigen.orthogonality)))
}

fn examine(context: &Context<'_>, study: &Study) -> Result<Vec<Case>> {
    let (mut norm, mut quotient) = (Worst::default(), Worst::default());
    let radius = squared_radius(&study.mixture);
    let draws = study.few_draws(context);
    for (at, named) in study.channels.iter().enumerate() {
        let seed = context.seed.wrapping_add(6000 + at as u64);
        let points = neighbours(cases::points(&study.mixture, named.channel, seed, draws)?, named);
        let noised = study.mixture.through::<f64>(named.channel)?;
        let values = context.subject.evaluate(&noised, points.view(), &WANTED)?;
        let bounds = noised.bounds(points.view(), &WANTED)?;
        let (covariance, covariance_bound) =
            (given(values.covariance, "covariance")?, given(bounds.covariance, "covariance")?);
        let scale = named.channel.a() / named.channel.s() / named.channel.s();
        for (matrix, bound) in covariance.outer_iter().zip(covariance_bound.outer_iter()) {
            let (value, error) = largest(matrix, bound)?;
            let limit = scale * (radius + error) * (1.0 + 8.0 * U);
            norm.add(&named.name, scale * value.max(0.0), limit + f64::MIN_POSITIVE);
        }
        let (denoiser, denoiser_bound) =
            (given(values.denoiser, "denoiser")?, given(bounds.denoiser, "denoiser")?);
        let limit = scale * radius;
        pairs(&points, &denoiser, &denoiser_bound, limit, &named.name, &mut quotient);
    }
    let found = [
        norm.case(study.law, "(a/s²)·λ_max(Σ)"),
        quotient.case(study.law, "‖D(x) − D(y)‖ against (a·R²/s²)·‖x − y‖"),
    ];
    Ok(found.into_iter().flatten().collect())
}

/// Each point, and one a hundredth of a noise deviation away along a coordinate.
fn neighbours(points: Array2<f64>, named: &NamedChannel) -> Array2<f64> {
    let (n, d) = points.dim();
    let step = 0.01 * named.channel.s();
    Array2::from_shape_fn((2 * n, d), |(row, i)| {
        let moved = if row % 2 == 1 && i == (row / 2) % d { step } else { 0.0 };
        points[[row / 2, i]] + moved
    })
}

fn pairs(
    points: &Array2<f64>,
    denoiser: &Array2<f64>,
    bounds: &Array2<f64>,
    limit: f64,
    channel: &str,
    worst: &mut Worst,
) {
    let (count, d) = points.dim();
    for n in 0..count {
        for m in 0..n {
            let (mut moved, mut apart, mut error) = (0.0f64, 0.0f64, 0.0f64);
            for i in 0..d {
                let difference = denoiser[[n, i]] - denoiser[[m, i]];
                moved = difference.mul_add(difference, moved);
                let difference = points[[n, i]] - points[[m, i]];
                apart = difference.mul_add(difference, apart);
                let bound = bounds[[n, i]] + bounds[[m, i]];
                error = bound.mul_add(bound, error);
            }
            let (moved, apart, error) = (moved.sqrt(), apart.sqrt(), error.sqrt());
            // Norms of d numbers: a relative (d/2 + 3)u each.
            let rounding = (d as f64 + 8.0) * U;
            let bound = (limit * apart + error) * (1.0 + rounding) + rounding * moved;
            worst.add(channel, moved, bound + f64::MIN_POSITIVE);
        }
    }
}

/// Check 3.
fn equality(context: &Context<'_>) -> Result<Vec<Case>> {
    let (mut covariance, mut difference) = (Worst::default(), Worst::default());
    let law = cases::two_points()?;
    let channels = [cases::ve(0.05)?, cases::ve(1.0)?, cases::ve(30.0)?, cases::vp(0.7)?];
    for named in &channels {
        let noised = law.through::<f64>(named.channel)?;
        let scale = named.channel.a() / named.channel.s() / named.channel.s();
        let origin = array![[0.0]];
        let values = context.subject.evaluate(&noised, origin.view(), &WANTED)?;
        let bounds = noised.bounds(origin.view(), &WANTED)?;
        let value = given(values.covariance, "covariance")?[[0, 0, 0]];
        let error = given(bounds.covariance, "covariance")?[[0, 0, 0]];
        covariance.add(&named.name, (value - 1.0).abs(), error);

        let components = Components::new(&law, named.channel);
        let third = components.third_derivatives(&[0.0], 0, 0.0).denoiser[0];
        let rounding = given(bounds.denoiser, "denoiser")?[[0, 0]].max(U);
        let step = |_: usize, _: usize| balanced(rounding, third, named.channel.s());
        let stencil = Stencil::new(origin.view(), &[0], step)?;
        let values = context.subject.evaluate(&noised, stencil.points.view(), &WANTED[..1])?;
        let values = given(values.denoiser, "denoiser")?;
        let bounds =
            given(noised.bounds(stencil.points.view(), &WANTED[..1])?.denoiser, "denoiser")?;
        let h = stencil.differences[0].h;
        let slope = (values[[1, 0]] - values[[2, 0]]) / (2.0 * h);
        let residual = (slope - scale).abs();
        let third = components.third_derivatives(&[0.0], 0, h).denoiser[0];
        let bound = h * h / 6.0 * third
            + (bounds[[1, 0]] + bounds[[2, 0]]) / (2.0 * h)
            + U * (slope.abs() + 3.0 * scale + residual);
        difference.add(&named.name, residual, bound * (1.0 + 8.0 * U));
    }
    let found = [
        covariance.case("two points", "equality at x = 0: |Σ − R²|"),
        difference.case("two points", "equality at x = 0: |slope of D − a·R²/s²|"),
    ];
    Ok(found.into_iter().flatten().collect())
}

/// The largest slope found, against a·R²/s².
fn figure(context: &Context<'_>) -> Result<Figure> {
    let mut figure = Figure::new("lipschitz", "How steep the exact denoiser is")
        .caption(
            "The largest (1/σ²)·λ_max(Σ_post) over draws and midpoints for variance-exploding channels, and R²/σ². Two equal points reach the bound at the middle; a training set stays under it, and its steepest slopes are where a draw is between two neighbours.",
        )
        .axes(Axis::log("σ"), Axis::log("‖∇D*‖₂"));
    for (name, law) in
        [("two points", cases::two_points()?), ("training-set", toy_law("training-set")?)]
    {
        let sigmas: Vec<f64> = (-12..=10).map(|e| exp(0.3 * e as f64)).collect();
        let (mut found, mut limit) = (Vec::new(), Vec::new());
        for &sigma in &sigmas {
            let named = cases::ve(sigma)?;
            let points = cases::points(&law, named.channel, context.seed, 64)?;
            let noised = law.through::<f64>(named.channel)?;
            let values = context.subject.evaluate(&noised, points.view(), &WANTED[1..])?;
            let mut steepest = 0.0f64;
            for matrix in given(values.covariance, "covariance")?.outer_iter() {
                let eigen = symmetric_eigen(matrix)?;
                steepest = steepest.max(eigen.values.last().copied().unwrap_or(0.0));
            }
            found.push(steepest / (sigma * sigma));
            limit.push(squared_radius(&law) / (sigma * sigma));
        }
        figure = figure
            .layer(Layer::points(format!("{name}: steepest found"), curve(&sigmas, found)))
            .layer(Layer::dashed(format!("{name}: R²/σ²"), curve(&sigmas, limit)));
    }
    Ok(figure)
}
