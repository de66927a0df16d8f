//! E5: in the limit of a small radius the optimum is the resolvent D_κ = (I + κs²·𝓛)⁻¹D*, 𝓛f = −p⁻¹∇·(p∇f).
//!
//! The subject gives D̂ on a grid. The bound of every comparison is the certificate c of the library's own solution on that
//! grid (`optimum::certificate`): the resolvent of its residual in the exact equation. So a subject that solves another
//! equation is found as soon as it is further off than the grid's own error.
//!
//! 1. One Gaussian: √E‖D̂ − D_κ‖² ≤ c, D_κ being E2's affine map with τ²λ = κ.
//! 2. Any law: E[D̂_i·Kg] = E[D*_i·g] for K = I + κs²𝓛, which is symmetric. With g = 1, K g = 1; with g = x_j − E x_j,
//!    K g = g − κs²S_j. To within c·√E(Kg)², the part of both sides outside the box (M√P·‖Kg‖ and ‖D* − m‖·‖g‖ there, by Cauchy and Schwarz, `Tail`),
//!    and the rounding of the sums. Neither derivatives of D̂ nor anything of its scheme is used.
//! 3. The maximum principle: no node is above the largest D* of the nodes, or below the least. The bound is 0.
//!
//! Floor 7. Uses `claims`, `optimum`, `law`, `denoiser`, `arith`, `figure`. Spec: E5.

use ndarray::{Array2, array};

use super::cases::{self, NamedChannel};
use super::pictures::{curve, on_line, spaced};
use super::worst::{U, Worst};
use super::{Case, Claim, Context, Findings, Stage};
use crate::arith::sum_depth;
use crate::channel::Channel;
use crate::denoiser::{Affine, Denoiser, Exact};
use crate::error::Result;
use crate::figure::{Axis, Figure, Layer};
use crate::law::{Covariance, Mixture, toy_law};
use crate::optimum::{
    Certificate, Field, Grid, Tail, certify_resolvent, distance, expectation, resolvent_of,
};

pub(super) const CLAIM: Claim = Claim {
    id: "E5",
    title: "the optimum in the limit of a small radius",
    statement: "With λτ² → κ and r → 0 the optimum over all functions is D_κ = (I + κs²·𝓛)⁻¹D*, the resolvent of the Langevin generator of p: E[D_κ·(g − κs²·S·∇g − κs²·Δg)] = E[D*·g] for every g, D_κ is E2's affine map where p₀ is Gaussian, and it stays within the values of D*.",
    source: "first variation of E‖D − D*‖² + κs²·E‖∇D‖²; theory E5",
    hypothesis: "E‖x₀‖² is finite; one or two dimensions, on a grid of eight deviations around every component.",
    measured: "the L²(p) distance from E2, the weak form against g = 1 and g = x_j, and how far a node is outside the range of D*",
    bound: "the residual of the grid's solution in the exact equation, put through the contraction (I + κs²·𝓛)⁻¹; Tail outside the box; rounding of the sums",
    find,
};

/// A law, a channel and a grid.
pub(super) struct Setting {
    pub law: &'static str,
    pub mixture: Mixture,
    pub named: NamedChannel,
    pub nodes: usize,
}

impl Setting {
    pub fn grid(&self) -> Result<Grid> {
        Grid::around(&self.mixture, self.named.channel, 8.0, self.nodes)
    }
}

/// 12, so that 0 is no value of D* on the grid: a flux out of the box is seen by the maximum principle.
const CENTRE: f64 = 12.0;

pub(super) fn gaussian() -> Result<Mixture> {
    Mixture::new(vec![1.0], array![[CENTRE]], Covariance::isotropic(vec![0.49])?)
}

pub(super) fn two_modes() -> Result<Mixture> {
    Mixture::new(vec![0.6, 0.4], array![[-1.0], [1.0]], Covariance::isotropic(vec![0.01, 0.04])?)
}

fn tilted() -> Result<Mixture> {
    let covariance = array![[0.5, 0.3], [0.3, 0.25]].insert_axis(ndarray::Axis(0));
    Mixture::new(vec![1.0], array![[1.0, -2.0]], Covariance::full(covariance)?)
}

pub(super) fn settings(quick: bool) -> Result<Vec<Setting>> {
    let (line, plane) = if quick { (513, 97) } else { (2049, 257) };
    let (vp, ve) = (cases::vp(0.7)?, cases::ve(0.5)?);
    let all = [
        ("one Gaussian", gaussian()?, &vp, line),
        ("two modes", two_modes()?, &ve, line),
        ("tilted Gaussian", tilted()?, &vp, plane),
        ("three-gaussians", toy_law("three-gaussians")?, &ve, plane),
        ("ring", toy_law("ring")?, &ve, plane),
        ("two-moons", toy_law("two-moons")?, &ve, plane),
    ];
    let settings = all.into_iter().map(|(law, mixture, named, nodes)| Setting {
        law,
        mixture,
        named: named.clone(),
        nodes,
    });
    // The two moons have the most components by far.
    Ok(settings.filter(|setting| !quick || setting.law != "two-moons").collect())
}

fn find(context: &Context<'_>) -> Result<Findings> {
    let settings = settings(context.quick)?;
    let stage = Stage::new(context, CLAIM.id, settings.len() + 1);
    let mut cases = Vec::new();
    for setting in &settings {
        cases.extend(examine(context, setting)?);
        stage.step();
    }
    let figures = vec![figure(context)?];
    stage.step();
    Ok(Findings { cases, statistics: None, figures })
}

fn examine(context: &Context<'_>, setting: &Setting) -> Result<Vec<Case>> {
    let (channel, grid) = (setting.named.channel, setting.grid()?);
    let noised = setting.mixture.through::<f64>(channel)?;
    let (mut closed, mut weak, mut range) = (Worst::default(), Worst::default(), Worst::default());
    for kappa in [0.1, 1.0, 5.0] {
        let label = format!("{}, κ = {kappa}", setting.named.name);
        let own = resolvent_of(&setting.mixture, channel, kappa, &grid)?;
        let certificate = certify_resolvent(&setting.mixture, kappa, &own)?;
        let field = context.subject.resolvent(&setting.mixture, channel, kappa, &grid)?;
        if setting.mixture.components() == 1 {
            let affine = affine(&setting.mixture, channel, kappa)?;
            let apart = distance(&noised, channel, &grid, &field, &affine)?;
            closed.add(&label, apart, certificate.bound() + rounding_of(&affine, channel, &grid)?);
        }
        for (measured, bound) in weak_form(setting, kappa, &field, &certificate)? {
            weak.add(&label, measured, bound);
        }
        let exact = Exact::new(setting.mixture.clone());
        let target: Array2<f64> = exact.denoise(channel, grid.nodes().view())?;
        range.add(&label, outside_range(&field, &target), 0.0);
    }
    let found = [
        closed.case(setting.law, "√E‖D̂ − D_κ‖², D_κ affine (E2)"),
        weak.case(setting.law, "|E[D̂·Kg] − E[D*·g]|, g = 1 and x_j"),
        range.case(setting.law, "D̂ outside the range of D*"),
    ];
    Ok(found.into_iter().flatten().collect())
}

/// E2: A = a·C·(V + κs²·I)⁻¹, as the Wiener filter of the noise deviation s√(1 + κ).
fn affine(law: &Mixture, channel: Channel, kappa: f64) -> Result<Affine> {
    let mean = ndarray::Array1::from_vec(law.mean());
    let wiener = Affine::gaussian(mean.view(), law.total_covariance().view())?;
    let noisier = Channel::new(channel.a(), channel.s() * (1.0 + kappa).sqrt())?;
    Affine::fixed(mean.view(), wiener.maps(noisier)?.denoised.view())
}

/// What the affine map's own roundings move it by on the box: (2d + 12)u of m and of every |A_ij|·|x_j − a·m_j|, for the
/// matrix (γ(d + 5)), the product (γ(d + 3)) and the last sum; a factor 2 for what stands behind ≤.
fn rounding_of(affine: &Affine, channel: Channel, grid: &Grid) -> Result<f64> {
    let maps = affine.maps(channel)?;
    let mut size = 0.0f64;
    for (i, row) in maps.denoised.outer_iter().enumerate() {
        let mut own = affine.mean()[i].abs();
        for ((entry, mean), (low, high)) in row.iter().zip(affine.mean()).zip(grid.ends()) {
            let away = (low - channel.a() * mean).abs().max((high - channel.a() * mean).abs());
            own += entry.abs() * away;
        }
        size += own * own;
    }
    Ok((4 * affine.mean().len() + 24) as f64 * U * size.sqrt())
}

/// Check 2: each |left − right| with its bound.
fn weak_form(
    setting: &Setting,
    kappa: f64,
    field: &Field,
    certificate: &Certificate,
) -> Result<Vec<(f64, f64)>> {
    let (law, channel, grid) = (&setting.mixture, setting.named.channel, field.grid());
    let noised = law.through::<f64>(channel)?;
    let (a, s, d) = (channel.a(), channel.s(), grid.dimension());
    let mean = law.mean();
    // For each component i: E of the difference for g = 1, then for every x_j; then the sizes of the terms and (Kg)².
    let tests = d + 1;
    let count = d * tests * 2 + tests;
    let found = expectation(&noised, grid, count, |at, out| {
        let held = field.at(at.x);
        for t in 0..tests {
            let (g, image) = match t {
                0 => (1.0, 1.0),
                _ => {
                    let g = (-a).mul_add(mean[t - 1], at.x[t - 1]);
                    (g, g - kappa * s * s * at.score[t - 1])
                }
            };
            for i in 0..d {
                let (left, right) = ((held[i] - mean[i]) * image, (at.denoiser[i] - mean[i]) * g);
                out[(t * d + i) * 2] = left - right;
                out[(t * d + i) * 2 + 1] = left.abs() + right.abs();
            }
            out[2 * d * tests + t] = image * image;
        }
    })?;
    let tail = Tail::outside(law, channel, &grid.ends());
    let place = (2.0 * a * a * tail.clean + 2.0 * s * s * tail.noise).sqrt();
    let size = largest_from(field, &mean);
    let cells = 9 * grid.len();
    let rounding = (sum_depth(cells) + 40) as f64 * U;
    Ok((0..tests)
        .flat_map(|t| {
            let norm = found[2 * d * tests + t].sqrt();
            let image =
                if t == 0 { tail.mass.sqrt() } else { place + kappa * s * tail.noise.sqrt() };
            let g = if t == 0 { tail.mass.sqrt() } else { place };
            let beyond = size * tail.mass.sqrt() * image + tail.clean.sqrt() * g;
            let found = &found;
            (0..d).map(move |i| {
                let at = (t * d + i) * 2;
                // The norm of Kg over all of space is at most that in the box and that outside.
                let bound =
                    certificate.bound() * (norm + image) + beyond + rounding * found[at + 1];
                (found[at].abs(), bound)
            })
        })
        .collect())
}

/// max‖D̂ − m‖ over the nodes, coordinate by coordinate.
pub(super) fn largest_from(field: &Field, mean: &[f64]) -> f64 {
    field.values().indexed_iter().fold(0.0f64, |m, ((_, i), v)| m.max((v - mean[i]).abs()))
}

/// How far the furthest node is outside the range of a column of D*.
pub(super) fn outside_range(field: &Field, target: &Array2<f64>) -> f64 {
    let mut worst = 0.0f64;
    for (values, target) in field.values().columns().into_iter().zip(target.columns()) {
        let ends = target
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
        worst = values.iter().fold(worst, |m, &v| m.max(v - ends.1).max(ends.0 - v));
    }
    worst
}

/// D_κ over two separated modes.
fn figure(context: &Context<'_>) -> Result<Figure> {
    let (law, channel) = (two_modes()?, cases::ve(0.25)?.channel);
    let grid = Grid::around(&law, channel, 8.0, 1025)?;
    let x = spaced(-2.0, 2.0, 241);
    let points = on_line(&x)?;
    let exact: Array2<f64> = Exact::new(law.clone()).denoise(channel, points.view())?;
    let mut figure = Figure::new("resolvent", "What the equivariant optimum does to two modes")
        .caption(
            "D_κ for a law of two modes at ∓1 (σ = 0.25). A moderate κ flattens D* within each mode and sharpens nothing between them: smoother flow. A large κ lets the Langevin process cross, and both modes are drawn to the mean −0.2: loss of detail. Both are one operator.",
        )
        .axes(Axis::linear("x"), Axis::linear("D_κ(x)"))
        .layer(Layer::dashed("D*", curve(&x, exact.column(0).iter().copied())));
    for kappa in [1.0, 10.0, 100.0, 1000.0] {
        let field = context.subject.resolvent(&law, channel, kappa, &grid)?;
        let found = field.denoise(channel, points.view())?;
        let label = format!("κ = {kappa}");
        figure = figure.layer(Layer::line(label, curve(&x, found.column(0).iter().copied())));
    }
    Ok(figure)
}
