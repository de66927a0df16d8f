//! T2, second order: ∇D*(x) = (a/s²)·Σ_post(x), symmetric and positive semidefinite; D* is monotone.
//!
//! Six checks, δ being the bounds of [`Noised::bounds`](crate::law::Noised::bounds):
//!
//! 1. (a/s²)·Σ_post against a central difference of D with an exact step h, entry by entry: within
//!    h²/6·M + (δD₊ + δD₋)/2h + (a/s²)·δΣ and the rounding of the comparison, where M bounds the third derivative of D_i
//!    along coordinate j through the fourth cumulant of the posterior (`claims::component`). The side (a/s²)·Σ_post is
//!    the library's [`tweedie::jacobian`](crate::tweedie::jacobian), within 9u of its terms.
//! 2. Symmetry of Σ_post, exactly: the bound is 0.
//! 3. Semidefiniteness: the computed matrix is within ‖δΣ‖_F of a semidefinite one, so by Weyl its smallest eigenvalue
//!    is at least −‖δΣ‖_F; the decomposition adds its own residual ‖QΛQᵀ − Σ‖_F + ‖Λ‖·‖QᵀQ − I‖_F·1.01
//!    (`arith::eigen` measures both).
//! 4. Products: Σ_post·v, which the library forms without the matrix, against the matrix times v; the products with
//!    two vectors, v·(Σw) = w·(Σv) (Jacobian–vector equals vector–Jacobian). Each product is a sum over K components of
//!    chains of d fused operations, so its rounding is at most γ(2K + 2d + 16)·Σ_k r_k(|P_k||v| + |e_k|(|e_k|·|v|)), and
//!    by Cauchy–Schwarz Σ_k r_k(|P_k,ij| + |e_ki e_kj|) ≤ √(Σ_ii Σ_jj). What the responsibilities, P_k and e_k are off
//!    by moves a product by at most δΣ·|v|, since δΣ bounds the change of every entry from the same causes.
//! 5. Monotonicity: D* is the gradient of a convex function, so (D(x) − D(y))·(x − y) ≥ 0 for every pair of points,
//!    computed values at least −Σ_i(δD_i(x) + δD_i(y))|x_i − y_i| and rounding; on the line along a fine grid too.
//! 6. On the line, Σ_post against the variance of x₀ given x by quadrature (`claims::quadrature`).
//!
//! Floor 7. Uses `claims`, `law`, `arith`, `figure`. Spec: T2.

use ndarray::{Array2, Array3, ArrayView2, s};

use super::cases::{self, NamedChannel, Study};
use super::component::Components;
use super::pictures::{curve, on_line, spaced, table};
use super::quadrature::definition;
use super::stencil::{Stencil, balanced};
use super::subject::given;
use super::t1::coordinates;
use super::worst::{U, Worst};
use super::{Case, Claim, Context, Findings};
use crate::arith::eigen::symmetric_eigen;
use crate::arith::fill_normal;
use crate::channel::Channel;
use crate::error::Result;
use crate::figure::{Axis, Figure, Layer};
use crate::law::{Mixture, Noised, Quantity};
use crate::tweedie::Kind;

pub(super) const CLAIM: Claim = Claim {
    id: "T2",
    title: "the derivative of the denoiser is the posterior covariance",
    statement: "∇D*(x) = (a/s²)·Cov[x₀ | x], symmetric and positive semidefinite: D* is the gradient of a convex function.",
    source: "Hatsell and Nolte 1971; Meng et al., Estimating high order gradients by denoising, 2021; theory T2",
    hypothesis: "x = a·x₀ + s·ε with s > 0; x₀ has a posterior covariance.",
    measured: "the posterior covariance against differences of D*, its symmetry, its smallest eigenvalue, its products with vectors, monotonicity of D*, on the line the variance of x₀ by quadrature",
    bound: "truncation through the posterior's fourth cumulant, the evaluation's rounding bounds (N4), Weyl's inequality",
    find,
};

#[derive(Default)]
struct Checks {
    derivative: Worst,
    asymmetry: Worst,
    eigenvalue: Worst,
    product: Worst,
    transpose: Worst,
    monotone: Worst,
    variance: Worst,
}

impl Checks {
    fn cases(&self, law: &str) -> Vec<Case> {
        [
            self.derivative.case(law, "|difference quotient of D − (a/s²)·Σ|"),
            self.asymmetry.case(law, "|Σ − Σᵀ|, entrywise"),
            self.eigenvalue.case(law, "−(smallest eigenvalue of Σ)"),
            self.product.case(law, "|Σ·v formed without Σ − Σ·v|"),
            self.transpose.case(law, "|v·(Σw) − w·(Σv)|"),
            self.monotone.case(law, "−(D(x) − D(y))·(x − y)"),
            self.variance.case(law, "|Σ − the variance of x₀ given x by quadrature|"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// A batch of points with D, Σ and their bounds.
struct Batch<'a> {
    named: &'a NamedChannel,
    noised: Noised<f64>,
    points: Array2<f64>,
    denoiser: Array2<f64>,
    denoiser_bound: Array2<f64>,
    covariance: Array3<f64>,
    covariance_bound: Array3<f64>,
}

const WANTED: [Quantity; 2] = [Quantity::Denoiser, Quantity::Covariance];

impl<'a> Batch<'a> {
    fn new(
        context: &Context<'_>,
        law: &Mixture,
        named: &'a NamedChannel,
        points: Array2<f64>,
    ) -> Result<Self> {
        let noised = law.through::<f64>(named.channel)?;
        let values = context.subject.evaluate(&noised, points.view(), &WANTED)?;
        let bounds = noised.bounds(points.view(), &WANTED)?;
        Ok(Batch {
            named,
            noised,
            points,
            denoiser: given(values.denoiser, "denoiser")?,
            denoiser_bound: given(bounds.denoiser, "denoiser")?,
            covariance: given(values.covariance, "covariance")?,
            covariance_bound: given(bounds.covariance, "covariance")?,
        })
    }

    fn dimension(&self) -> usize {
        self.points.ncols()
    }

    /// √(Σ_ii + δ) for each i: bounds the spread of coordinate i.
    fn spreads(&self, n: usize) -> Vec<f64> {
        let at = |i: usize| self.covariance[[n, i, i]].abs() + self.covariance_bound[[n, i, i]];
        (0..self.dimension()).map(|i| at(i).sqrt()).collect()
    }
}

fn find(context: &Context<'_>) -> Result<Findings> {
    let studies = cases::studies(context)?;
    let cases = cases::examine_each(context, CLAIM.id, &studies, examine)?;
    let figures = vec![curves(context)?];
    Ok(Findings { cases, statistics: None, figures })
}

fn examine(context: &Context<'_>, study: &Study) -> Result<Vec<Case>> {
    let mut checks = Checks::default();
    let draws = study.few_draws(context);
    for (at, named) in study.channels.iter().enumerate() {
        let seed = context.seed.wrapping_add(1000 + at as u64);
        let points = cases::points(&study.mixture, named.channel, seed, draws)?;
        derivative(context, study, named, points.view(), &mut checks)?;
        let batch = Batch::new(context, &study.mixture, named, points)?;
        symmetry(&batch, &mut checks);
        eigenvalues(&batch, &mut checks)?;
        products(context, study, &batch, seed, &mut checks)?;
        monotone(&batch, &mut checks);
        if study.dimension() == 1 {
            variance(study, &batch, &mut checks);
            grid(context, study, named, &mut checks)?;
        }
    }
    Ok(checks.cases(study.law))
}

/// Check 1.
fn derivative(
    context: &Context<'_>,
    study: &Study,
    named: &NamedChannel,
    points: ArrayView2<'_, f64>,
    checks: &mut Checks,
) -> Result<()> {
    let channel = named.channel;
    let components = Components::new(&study.mixture, channel);
    let noised = study.mixture.through::<f64>(channel)?;
    let rounding = given(noised.bounds(points, &WANTED[..1])?.denoiser, "denoiser")?;
    let step = |n: usize, j: usize| {
        let third = components.third_derivatives(&points.row(n).to_vec(), j, 0.0).denoiser;
        let largest = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
        let rounding = largest(&mut rounding.row(n).iter().copied());
        balanced(rounding, largest(&mut third.into_iter()), channel.s())
    };
    let stencil = Stencil::new(points, &coordinates(study.dimension()), step)?;
    let wanted = &WANTED[..1];
    let values = context.subject.evaluate(&noised, stencil.points.view(), wanted)?;
    let values = given(values.denoiser, "denoiser")?;
    let bounds = given(noised.bounds(stencil.points.view(), wanted)?.denoiser, "denoiser")?;
    let centres = stencil.points.slice(s![..;3, ..]).to_owned();
    let batch = Batch::new(context, &study.mixture, named, centres)?;
    let scale = channel.a() / channel.s() / channel.s();
    for (n, difference) in stencil.differences.iter().enumerate() {
        let (j, h) = (difference.coordinate, difference.h);
        let (plus, minus) = (3 * n + 1, 3 * n + 2);
        let covariance = batch.covariance.slice(s![n, .., ..]);
        let jacobian = context.subject.jacobian(channel, Kind::Denoised, covariance)?;
        let third = components.third_derivatives(&batch.points.row(n).to_vec(), j, h).denoiser;
        for (i, third) in third.into_iter().enumerate() {
            let quotient = (values[[plus, i]] - values[[minus, i]]) / (2.0 * h);
            let meant = jacobian[[i, j]];
            let residual = (quotient - meant).abs();
            let bound = h * h / 6.0 * third
                + (bounds[[plus, i]] + bounds[[minus, i]]) / (2.0 * h)
                + scale * batch.covariance_bound[[n, i, j]]
                + U * (quotient.abs() + 9.0 * meant.abs() + residual);
            checks.derivative.add(
                &named.name,
                residual,
                bound * (1.0 + 16.0 * U) + f64::MIN_POSITIVE,
            );
        }
    }
    Ok(())
}

/// Check 2.
fn symmetry(batch: &Batch<'_>, checks: &mut Checks) {
    for matrix in batch.covariance.outer_iter() {
        let difference = matrix
            .indexed_iter()
            .fold(0.0f64, |m, ((i, j), value)| m.max((value - matrix[[j, i]]).abs()));
        checks.asymmetry.add(&batch.named.name, difference, 0.0);
    }
}

/// Check 3.
fn eigenvalues(batch: &Batch<'_>, checks: &mut Checks) -> Result<()> {
    for (matrix, bound) in batch.covariance.outer_iter().zip(batch.covariance_bound.outer_iter()) {
        let eigen = symmetric_eigen(matrix)?;
        let lowest = eigen.values.first().copied().unwrap_or(0.0);
        let largest = eigen.values.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        let frobenius = bound.iter().fold(0.0f64, |sum, b| b.mul_add(*b, sum)).sqrt();
        let rounding = eigen.residual + 1.01 * largest * eigen.orthogonality;
        let bound = 1.01 * (frobenius + rounding);
        checks.eigenvalue.add(&batch.named.name, (-lowest).max(0.0), bound);
    }
    Ok(())
}

/// Check 4.
fn products(
    context: &Context<'_>,
    study: &Study,
    batch: &Batch<'_>,
    seed: u64,
    checks: &mut Checks,
) -> Result<()> {
    let (n, d) = batch.points.dim();
    let vectors = |stream: u64| -> Result<Array2<f64>> {
        let mut values = vec![0.0; n * d];
        fill_normal(seed, stream, 0, &mut values);
        table(n, d, values)
    };
    // Streams that no sample of this seed uses.
    let (v, w) = (vectors(1 << 40)?, vectors((1 << 40) + 1)?);
    let product = |v: &Array2<f64>| {
        context.subject.covariance_product(&batch.noised, batch.points.view(), v.view())
    };
    let (of_v, of_w) = (product(&v)?, product(&w)?);
    let operations = (2 * study.mixture.components() + 2 * d + 16) as f64;
    let gamma = 1.01 * operations * U;
    for n in 0..n {
        let spread = batch.spreads(n);
        let size = |v: &Array2<f64>| -> f64 {
            spread.iter().zip(v.row(n)).map(|(spread, v)| spread * v.abs()).sum()
        };
        let (size_v, size_w) = (size(&v), size(&w));
        let moved = |i: usize, v: &Array2<f64>| -> f64 {
            (0..d).map(|j| batch.covariance_bound[[n, i, j]] * v[[n, j]].abs()).sum()
        };
        let (mut forward, mut backward, mut bound, mut magnitude) = (0.0f64, 0.0f64, 0.0, 0.0);
        for i in 0..d {
            let by_matrix =
                (0..d).fold(0.0f64, |sum, j| batch.covariance[[n, i, j]].mul_add(v[[n, j]], sum));
            let error_v = moved(i, &v) + gamma * spread[i] * size_v;
            let error_w = moved(i, &w) + gamma * spread[i] * size_w;
            let residual = (of_v[[n, i]] - by_matrix).abs();
            checks.product.add(
                &batch.named.name,
                residual,
                1.01 * (2.0 * error_v + U * residual) + f64::MIN_POSITIVE,
            );
            forward = w[[n, i]].mul_add(of_v[[n, i]], forward);
            backward = v[[n, i]].mul_add(of_w[[n, i]], backward);
            bound += error_v * w[[n, i]].abs() + error_w * v[[n, i]].abs();
            magnitude += (w[[n, i]] * of_v[[n, i]]).abs() + (v[[n, i]] * of_w[[n, i]]).abs();
        }
        let bound = 1.01 * (bound + (d as f64 + 1.0) * U * magnitude) + f64::MIN_POSITIVE;
        checks.transpose.add(&batch.named.name, (forward - backward).abs(), bound);
    }
    Ok(())
}

/// Check 5, every pair of points.
fn monotone(batch: &Batch<'_>, checks: &mut Checks) {
    let (count, d) = batch.points.dim();
    for n in 0..count {
        for m in 0..n {
            let (mut along, mut bound, mut magnitude) = (0.0f64, 0.0, 0.0);
            for i in 0..d {
                let moved = batch.denoiser[[n, i]] - batch.denoiser[[m, i]];
                let apart = batch.points[[n, i]] - batch.points[[m, i]];
                along = moved.mul_add(apart, along);
                bound +=
                    (batch.denoiser_bound[[n, i]] + batch.denoiser_bound[[m, i]]) * apart.abs();
                magnitude += (moved * apart).abs();
            }
            let bound = 1.01 * (bound + (d as f64 + 3.0) * U * magnitude) + f64::MIN_POSITIVE;
            checks.monotone.add(&batch.named.name, (-along).max(0.0), bound);
        }
    }
}

/// Check 5, neighbours on a grid that spans the law.
fn grid(
    context: &Context<'_>,
    study: &Study,
    named: &NamedChannel,
    checks: &mut Checks,
) -> Result<()> {
    let (a, s) = (named.channel.a(), named.channel.s());
    let reach = a * (study.mixture.radius() + 3.0) + 6.0 * s;
    let middle = a * study.mixture.mean()[0];
    let count = if context.quick { 65 } else { 513 };
    let x = on_line(&spaced(middle - reach, middle + reach, count))?;
    let noised = study.mixture.through::<f64>(named.channel)?;
    let values = context.subject.evaluate(&noised, x.view(), &WANTED[..1])?;
    let values = given(values.denoiser, "denoiser")?;
    let bounds = given(noised.bounds(x.view(), &WANTED[..1])?.denoiser, "denoiser")?;
    for n in 1..count {
        let fall = (values[[n - 1, 0]] - values[[n, 0]]).max(0.0);
        let bound = bounds[[n - 1, 0]] + bounds[[n, 0]] + U * fall;
        checks.monotone.add(&named.name, fall, bound * (1.0 + 4.0 * U));
    }
    Ok(())
}

/// Check 6.
fn variance(study: &Study, batch: &Batch<'_>, checks: &mut Checks) {
    for (n, &x) in batch.points.iter().enumerate() {
        let meant = definition(&study.mixture, batch.named.channel, x).variance;
        let difference = (batch.covariance[[n, 0, 0]] - meant.value).abs();
        let bound = batch.covariance_bound[[n, 0, 0]] + meant.error + U * difference;
        checks.variance.add(&batch.named.name, difference, bound);
    }
}

/// D* on the line at four noise levels, and a·Σ_post/s², which is its slope.
fn curves(context: &Context<'_>) -> Result<Figure> {
    let law = cases::line_of_gaussians()?;
    let grid = spaced(-5.0, 5.0, 401);
    let x = on_line(&grid)?;
    let mut figure = Figure::new("denoiser-line", "The exact denoiser on the line")
        .caption(
            "Four modes (the one at 3 is a point mass) under three noise levels. D* rises everywhere (it is the derivative of a convex function); its slope, dashed, is Cov[x₀ | x]/σ²: flat on a mode, steep between two.",
        )
        .axes(Axis::linear("x"), Axis::linear("D*(x), and its slope"));
    for (hue, sigma) in [0.4, 0.8, 2.0].into_iter().enumerate() {
        let noised = law.through::<f64>(Channel::variance_exploding(sigma)?)?;
        let values = context.subject.evaluate(&noised, x.view(), &WANTED)?;
        let denoiser = given(values.denoiser, "denoiser")?;
        let covariance = given(values.covariance, "covariance")?;
        let slope = covariance.iter().map(|variance| variance / (sigma * sigma));
        figure = figure
            .layer(
                Layer::line(format!("D*, σ = {sigma}"), curve(&grid, denoiser.iter().copied()))
                    .hue(hue),
            )
            .layer(Layer::dashed(format!("slope, σ = {sigma}"), curve(&grid, slope)).hue(hue));
    }
    Ok(figure)
}
