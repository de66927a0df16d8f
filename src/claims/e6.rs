//! E6: over all functions the optimum D for a perturbation of finite radius solves K D = D*, where with u = sω, ω uniform in the
//! box of radius r, K f = f + λ·E[(1 + p(x+u)/p(x))·(f(x) − f(x+u))]; it is within O(r²) of E5's resolvent.
//!
//! As for E5 the bounds are certificates of the library's own solutions (`optimum::certificate`), the fields are the subject's.
//!
//! 1. E[D̂_i·Kg] = E[D*_i·g] for g = x_j − E x_j, K g = g − λ·E[u_j·p(x+u)/p(x)], to within c·√E(Kg)², what is outside the box,
//!    and the rounding of the sums. The average over u is by Gauss's rule of degree 15.
//! 2. ‖D̂ − D_κ‖ in L²(p), κ = λr²/3, is at most ‖D* − K D_κ‖, since K is no less than I, and the errors of the two fields.
//! 3. That distance is of order r²: log₂ of its ratio from r to r/2 is nearer to 2 than to another integer, r = 1/2.
//! 4. The maximum principle, to the rounding of an average of the nodes in the box.
//!
//! Floor 7. Uses `claims`, `optimum`, `law`, `denoiser`, `arith`, `figure`. Spec: E6.

use ndarray::Array2;

use super::e5::{Setting, gaussian, largest_from, outside_range, settings, two_modes};
use super::pictures::curve;
use super::worst::{U, Worst};
use super::{Case, Claim, Context, Findings, Stage, cases};
use crate::arith::scalar::{exp, ln};
use crate::arith::sum_depth;
use crate::denoiser::{Denoiser, Exact};
use crate::error::Result;
use crate::figure::{Axis, Figure, Layer};
use crate::optimum::{
    BoxPerturbation, Certificate, Field, Grid, Tail, certify_finite_radius, certify_resolvent,
    distance, expectation, finite_radius_of, resolvent_of, uniform_box,
};

pub(super) const CLAIM: Claim = Claim {
    id: "E6",
    title: "the optimum for a finite radius",
    statement: "Over all functions the optimum solves p(D − D*) + λ·E_ω[p(x)(D(x) − D(x+sω)) + p(x−sω)(D(x) − D(x−sω))] = 0; with λτ² = κ it is within O(r²) of D_κ.",
    source: "first variation of E‖D − D*‖² + λ·E‖D(x+sω) − D(x)‖²; theory E6",
    hypothesis: "ω uniform in the box, independent of x; E‖x₀‖² is finite; one or two dimensions, on a grid.",
    measured: "the weak form against g = x_j, the L²(p) distance from D_κ and its order in r, and how far a node is outside the range of D*",
    bound: "the residuals of the grid's solutions in the exact equation, put through K⁻¹ ≤ I; Tail outside the box; rounding of the sums",
    find,
};

const KAPPA: f64 = 0.5;

fn find(context: &Context<'_>) -> Result<Findings> {
    let mut settings = settings(context.quick)?;
    // A pair of points costs a law's components: the ring is left to the full run.
    settings.retain(|setting| !context.quick || setting.law != "ring");
    for setting in &mut settings {
        if setting.mixture.dimension() == 2 {
            setting.nodes = if context.quick { 65 } else { 129 };
        }
    }
    let stage = Stage::new(context, CLAIM.id, settings.len() + 1);
    let mut cases = Vec::new();
    for setting in &settings {
        cases.extend(examine(context, setting)?);
        stage.step();
    }
    let (figure, orders) = rate(context)?;
    cases.extend(orders);
    stage.step();
    Ok(Findings { cases, statistics: None, figures: vec![figure] })
}

fn examine(context: &Context<'_>, setting: &Setting) -> Result<Vec<Case>> {
    let (law, channel, grid) = (&setting.mixture, setting.named.channel, setting.grid()?);
    let noised = law.through::<f64>(channel)?;
    let resolvent = resolvent_of(law, channel, KAPPA, &grid)?;
    let target: Array2<f64> = Exact::new(law.clone()).denoise(channel, grid.nodes().view())?;
    let size = target.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let (mut weak, mut limit, mut range) = (Worst::default(), Worst::default(), Worst::default());
    for radius in [1.0, 0.5] {
        let label = format!("{}, κ = {KAPPA}, r = {radius}", setting.named.name);
        let perturbation = BoxPerturbation::of_kappa(KAPPA, radius)?;
        let own = finite_radius_of(law, channel, perturbation, &grid)?;
        let certificate = certify_finite_radius(law, perturbation, &own)?;
        let field = context.subject.finite_radius(law, channel, perturbation, &grid)?;
        for (measured, bound) in weak_form(setting, perturbation, &field, &certificate)? {
            weak.add(&label, measured, bound);
        }
        let apart = distance(&noised, channel, &grid, &field, &resolvent)?;
        let between = certify_finite_radius(law, perturbation, &resolvent)?;
        limit.add(&label, apart, between.bound() + certificate.bound());
        // Numerator and denominator are sums over the box of the perturbation, an axis after another, twice.
        let reach = radius * channel.s();
        let nodes: f64 =
            grid.axes().iter().map(|axis| 2.0 * (reach / axis.spacing()).ceil() + 1.0).sum();
        range.add(&label, outside_range(&field, &target), (4.0 * nodes + 32.0) * U * size);
    }
    let found = [
        weak.case(setting.law, "|E[D̂·Kg] − E[D*·g]|, g = x_j"),
        limit.case(setting.law, "√E‖D̂ − D_κ‖² against ‖D* − K·D_κ‖"),
        range.case(setting.law, "D̂ outside the range of D*"),
    ];
    Ok(found.into_iter().flatten().collect())
}

/// Check 1: each |left − right| with its bound.
fn weak_form(
    setting: &Setting,
    perturbation: BoxPerturbation,
    field: &Field,
    certificate: &Certificate,
) -> Result<Vec<(f64, f64)>> {
    let (law, channel, grid) = (&setting.mixture, setting.named.channel, field.grid());
    let noised = law.through::<f64>(channel)?;
    let (a, s, d) = (channel.a(), channel.s(), grid.dimension());
    let (lambda, reach) = (perturbation.lambda(), perturbation.radius() * s);
    let mean = law.mean();
    let moves = uniform_box(d, reach);
    let found = expectation(&noised, grid, d * d * 2 + d, |at, out| {
        let around = Array2::from_shape_fn((moves.len(), d), |(k, j)| at.x[j] + moves[k].0[j]);
        // A density that cannot be evaluated makes the case NaN, which does not hold.
        let log = noised.log_density(around.view()).unwrap_or_default();
        let held = field.at(at.x);
        for j in 0..d {
            let g = (-a).mul_add(mean[j], at.x[j]);
            let drawn = if log.len() == moves.len() {
                let each = moves.iter().zip(&log);
                each.map(|((u, w), log)| w * u[j] * exp(log - at.log_density)).sum()
            } else {
                f64::NAN
            };
            let image = g - lambda * drawn;
            for i in 0..d {
                let (left, right) = ((held[i] - mean[i]) * image, (at.denoiser[i] - mean[i]) * g);
                out[(j * d + i) * 2] = left - right;
                out[(j * d + i) * 2 + 1] = left.abs() + right.abs();
            }
            out[2 * d * d + j] = image * image;
        }
    })?;
    let ends = grid.ends();
    let shrunk = |by: f64| {
        let ends: Vec<(f64, f64)> = ends.iter().map(|(l, h)| (l + by, h - by)).collect();
        Tail::outside(law, channel, &ends).mass
    };
    let tail = Tail::outside(law, channel, &ends);
    let place = (2.0 * a * a * tail.clean + 2.0 * s * s * tail.noise).sqrt();
    let size = largest_from(field, &mean);
    // Outside: ∫ p·|E u_j·p(x+u)/p(x)| is at most rs·P(x + u beyond), and its norm, as a²/b is convex in both, at most
    // rs·(Σ_k w_k·e^(uᵀV_k⁻¹u)·P_k(x + 2u beyond))^½ with uᵀV⁻¹u ≤ d·r².
    let drawn = lambda * reach * shrunk(reach);
    let square = exp(d as f64 * perturbation.radius() * perturbation.radius());
    let drawn_norm = lambda * reach * (square * shrunk(2.0 * reach)).sqrt();
    let beyond = (size * tail.mass.sqrt() + tail.clean.sqrt()) * place + size * drawn;
    let rounding = (sum_depth(9 * grid.len()) + 80) as f64 * U * (1.0 + lambda);
    Ok((0..d * d)
        .map(|at| {
            let norm = found[2 * d * d + at / d].sqrt();
            let bound = certificate.bound() * (norm + place + drawn_norm)
                + beyond
                + rounding * found[2 * at + 1];
            (found[2 * at].abs(), bound)
        })
        .collect())
}

/// Check 3, and its figure.
fn rate(context: &Context<'_>) -> Result<(Figure, Vec<Case>)> {
    let mut figure = Figure::new("finite-radius", "How the optimum for a radius r tends to D_κ")
        .caption(
            "√E‖D_r − D_κ‖² for λ = 3κ/r², κ = 0.5, and the bound ‖D* − K_r·D_κ‖ (dashed): both fall as r². What is left at the smallest r is the grid's error.",
        )
        .axes(Axis::log("r, in noise units"), Axis::log("distance in L²(p)"));
    let mut orders = Vec::new();
    for (name, law, named) in [
        ("one Gaussian", gaussian()?, cases::vp(0.7)?),
        ("two modes", two_modes()?, cases::ve(0.5)?),
    ] {
        let channel = named.channel;
        let grid = Grid::around(&law, channel, 8.0, if context.quick { 1025 } else { 4097 })?;
        let noised = law.through::<f64>(channel)?;
        let resolvent = resolvent_of(&law, channel, KAPPA, &grid)?;
        let grids = certify_resolvent(&law, KAPPA, &resolvent)?.residual;
        let (mut radii, mut found, mut bounds) = (Vec::new(), Vec::new(), Vec::new());
        for radius in [1.0, 0.5, 0.25, 0.125] {
            let perturbation = BoxPerturbation::of_kappa(KAPPA, radius)?;
            let field = context.subject.finite_radius(&law, channel, perturbation, &grid)?;
            radii.push(radius);
            found.push(distance(&noised, channel, &grid, &field, &resolvent)?);
            bounds.push(certify_finite_radius(&law, perturbation, &resolvent)?.residual);
        }
        let order = ln(found[1] / found[2]) / ln(2.0);
        let channel = format!("{}, κ = {KAPPA}, the grid's error {grids:.1e}", named.name);
        let quantity = "|order in r − 2| from r = 1/2 to 1/4";
        orders.push(Case::new(name, channel, quantity, (order - 2.0).abs(), 0.5));
        figure = figure
            .layer(Layer::points(name, curve(&radii, found)))
            .layer(Layer::dashed(format!("{name}: bound"), curve(&radii, bounds)));
    }
    Ok((figure, orders))
}
