//! How far a field on a grid is from the exact optimum, in L²(p) over all of space: a bound, from the field alone.
//!
//! Both operators are K = I + something symmetric and semidefinite in L²(p), so ‖D − v‖ ≤ ‖D* − Kv‖ for every v in the domain of K:
//! the residual, put into the *exact* equation, bounds the error, whatever made v. Here v is the cubic spline through the field's
//! nodes (slope 0 across the boundary, constant beyond it), so the bound holds the discretisation, the solver's error and the
//! truncation of the box alike, and falls as h². The field itself is multilinear: ‖field − v‖ is added.
//!
//! Inside the box the integrals are by quadrature (`quadrature`: order h⁶ in x; E6: eight Gauss nodes a coordinate in ω), which is
//! the one step with no bound of its own. Outside they are bounded by [`Tail`]. `docs/resolvent.md` derives each term.
//!
//! Floor 5. Uses `arith`, `error`, `law`, `optimum`. Spec: E5, E6, N4.

use ndarray::Array2;
use rayon::prelude::*;

use super::field::Field;
use super::finite_radius::BoxPerturbation;
use super::grid::Grid;
use super::quadrature::{expectation, uniform_box};
use super::spline::Spline;
use super::tail::Tail;
use crate::arith::scalar::exp;
use crate::arith::sum;
use crate::error::{Error, Result};
use crate::law::{Mixture, Noised, Quantity};

/// Parts of a bound of √E‖D̂(x) − D(x)‖², in the units of x₀.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Certificate {
    /// The residual's norm inside the box.
    pub residual: f64,
    /// What the outside of the box can add.
    pub outside: f64,
    /// Between the spline, whose residual it is, and the field.
    pub interpolation: f64,
}

impl Certificate {
    /// The bound: the sum.
    pub fn bound(&self) -> f64 {
        self.residual + self.outside + self.interpolation
    }
}

/// Bounds √E‖D̂ − D_κ‖² for a field D̂ of this law at its channel. Spec: E5.
///
/// Errors: `Error::Shape` where the law has another dimension; `Error::Domain` where κ is negative or not finite; those of
/// [`Noised::evaluate`].
pub fn certify_resolvent(law: &Mixture, kappa: f64, field: &Field) -> Result<Certificate> {
    if !(kappa >= 0.0 && kappa.is_finite()) {
        let expected = "a finite number, at least 0";
        return Err(Error::Domain { what: "kappa", value: kappa, expected });
    }
    let (channel, grid) = (field.channel(), field.grid());
    let s = channel.s();
    let diffusion = kappa * s * s;
    let noised = law.through::<f64>(channel)?;
    let splines = splines(field);
    let found = expectation(&noised, grid, 2, |at, out| {
        let held = field.at(at.x);
        let (mut residual, mut apart) = (0.0, 0.0);
        for (c, spline) in splines.iter().enumerate() {
            let jet = spline.at(at.x);
            let drift: f64 = at.score.iter().zip(&jet.gradient).map(|(s, g)| s * g).sum();
            let r = (at.denoiser[c] - jet.value) + diffusion * (jet.laplacian + drift);
            residual += r * r;
            apart += (jet.value - held[c]) * (jet.value - held[c]);
        }
        out[0] = residual;
        out[1] = apart;
    })?;
    let tail = Tail::outside(law, channel, &grid.ends());
    let edge = edge(law, &splines);
    // Four terms of the residual outside: D* − m, v − m, κs²Δv and κs²S·∇v.
    let second = diffusion * diffusion * edge.second * tail.mass;
    let first = (kappa * s) * (kappa * s) * edge.slope * tail.noise;
    let outside = 4.0 * (tail.clean + edge.value * tail.mass + second + first);
    Ok(parts(found[0], outside, found[1] + edge.bend * tail.mass))
}

/// Bounds √E‖D̂ − D‖² for a field D̂ of this law at its channel, D the solution of E6. Spec: E6.
///
/// Outside, in the energy norm: pairs x, x + sω with an end beyond the box change the form by at most λ·osc(v)²·P. Inside, x runs
/// over three Gauss nodes a cell on the line and over the cells' centres in the plane.
/// Errors: as [`certify_resolvent`].
pub fn certify_finite_radius(
    law: &Mixture,
    perturbation: BoxPerturbation,
    field: &Field,
) -> Result<Certificate> {
    let (channel, grid) = (field.channel(), field.grid());
    let noised = law.through::<f64>(channel)?;
    let splines = splines(field);
    let reach = perturbation.radius() * channel.s();
    let found = residual_of_pairs(&noised, grid, &splines, field, perturbation.lambda(), reach)?;
    let ends = grid.ends();
    let shrunk: Vec<(f64, f64)> = ends.iter().map(|(l, h)| (l + reach, h - reach)).collect();
    let tail = Tail::outside(law, channel, &ends);
    let pairs = tail.mass + Tail::outside(law, channel, &shrunk).mass;
    let edge = edge(law, &splines);
    let spread: f64 = (0..grid.dimension()).map(|c| range(field, c).powi(2)).sum();
    // For nodes in [−1, 1] slopes are at most 3 (the system's row excess is 2), so the spline stays in ±(1 + 2·3·4/27), in
    // the plane in its square, 3.57: a squared oscillation of at most 13 times that of the nodes.
    let across = (perturbation.lambda() * 13.0 * spread * pairs).sqrt();
    let beyond = (2.0 * (tail.clean + edge.value * tail.mass)).sqrt();
    let inside = parts(found.0, 0.0, found.1 + edge.bend * tail.mass);
    Ok(Certificate { outside: beyond + across, ..inside })
}

fn parts(residual: f64, outside: f64, interpolation: f64) -> Certificate {
    Certificate {
        residual: residual.max(0.0).sqrt(),
        outside: outside.sqrt(),
        interpolation: interpolation.max(0.0).sqrt(),
    }
}

fn splines(field: &Field) -> Vec<Spline> {
    let values = field.values();
    values.columns().into_iter().map(|column| Spline::new(field.grid(), column)).collect()
}

/// Squares of the largest |v − m|, |∇v|, |∂²v| and |v − field| beyond the box.
struct Edge {
    value: f64,
    slope: f64,
    second: f64,
    bend: f64,
}

fn edge(law: &Mixture, splines: &[Spline]) -> Edge {
    let mut all = Edge { value: 0.0, slope: 0.0, second: 0.0, bend: 0.0 };
    for (spline, mean) in splines.iter().zip(law.mean()) {
        let found = spline.on_boundary(mean);
        all.value += found.value * found.value;
        all.slope += found.slope * found.slope;
        all.second += found.second * found.second;
        all.bend += found.bend * found.bend;
    }
    all
}

fn range(field: &Field, c: usize) -> f64 {
    let values = field.values();
    let column = values.column(c);
    let (low, high) =
        column.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
    high - low
}

/// ∫ over the box of p‖D* − Kv‖² and of p‖v − field‖², K with partners in the box only.
fn residual_of_pairs(
    law: &Noised<f64>,
    grid: &Grid,
    splines: &[Spline],
    field: &Field,
    lambda: f64,
    reach: f64,
) -> Result<(f64, f64)> {
    let moves = uniform_box(grid.dimension(), reach);
    let lattice = lattice(grid);
    let strips: Result<Vec<(f64, f64)>> = lattice
        .into_par_iter()
        .map(|(points, weight)| {
            strip_of_pairs(law, grid, splines, field, lambda, &moves, &points, &weight)
        })
        .collect();
    let strips = strips?;
    let add = |pick: fn(&(f64, f64)) -> f64| sum(&strips.iter().map(pick).collect::<Vec<f64>>());
    Ok((add(|strip| strip.0), add(|strip| strip.1)))
}

/// Strips of points x with their weights: one strip of cells each.
fn lattice(grid: &Grid) -> Vec<(Array2<f64>, Vec<f64>)> {
    let along = grid.along();
    let root = 0.387_298_334_620_741_7;
    let gauss = [(0.5 - root, 5.0 / 18.0), (0.5, 4.0 / 9.0), (0.5 + root, 5.0 / 18.0)];
    let cells = along.nodes() - 1;
    match grid.across() {
        None => (0..cells)
            .step_by(64)
            .map(|first| {
                let nodes: Vec<(f64, f64)> = (first..cells.min(first + 64))
                    .flat_map(|cell| {
                        gauss.map(|(t, w)| {
                            (along.spacing().mul_add(t, along.node(cell)), w * along.spacing())
                        })
                    })
                    .collect();
                let points = Array2::from_shape_fn((nodes.len(), 1), |(n, _)| nodes[n].0);
                (points, nodes.iter().map(|node| node.1).collect())
            })
            .collect(),
        Some(axis) => (0..axis.nodes() - 1)
            .map(|row| {
                let centre =
                    |axis: &super::GridAxis, i: usize| axis.spacing().mul_add(0.5, axis.node(i));
                let points = Array2::from_shape_fn((cells, 2), |(n, i)| {
                    if i == 0 { centre(&axis, row) } else { centre(&along, n) }
                });
                (points, vec![axis.spacing() * along.spacing(); cells])
            })
            .collect(),
    }
}

#[allow(clippy::too_many_arguments)]
fn strip_of_pairs(
    law: &Noised<f64>,
    grid: &Grid,
    splines: &[Spline],
    field: &Field,
    lambda: f64,
    moves: &[([f64; 2], f64)],
    points: &Array2<f64>,
    weights: &[f64],
) -> Result<(f64, f64)> {
    let (n, d) = points.dim();
    let here = law.evaluate(points.view(), &[Quantity::LogDensity, Quantity::Denoiser])?;
    let (log, denoiser) = (here.log_density.unwrap_or_default(), here.denoiser.unwrap_or_default());
    let m = moves.len();
    let partners =
        Array2::from_shape_fn((n * m, d), |(at, i)| points[[at / m, i]] + moves[at % m].0[i]);
    let around = law.log_density(partners.view())?;
    let ends = grid.ends();
    let (mut residuals, mut apart) = (Vec::with_capacity(n), Vec::with_capacity(n));
    for at in 0..n {
        let x = points.row(at).to_vec();
        let held = field.at(&x);
        let own: Vec<f64> = splines.iter().map(|spline| spline.at(&x).value).collect();
        let mut residual: Vec<f64> = (0..d).map(|c| denoiser[[at, c]] - own[c]).collect();
        for (k, (_, weight)) in moves.iter().enumerate() {
            let z = partners.row(at * m + k).to_vec();
            if z.iter().zip(&ends).any(|(z, (low, high))| z < low || z > high) {
                continue;
            }
            let share = lambda * weight * (1.0 + exp(around[at * m + k] - log[at]));
            for (c, spline) in splines.iter().enumerate() {
                residual[c] -= share * (own[c] - spline.at(&z).value);
            }
        }
        let mass = weights[at] * exp(log[at]);
        let square: f64 = residual.iter().map(|r| r * r).sum();
        residuals.push(if mass > 0.0 { mass * square } else { 0.0 });
        let gap: f64 = own.iter().zip(held).map(|(v, f)| (v - f) * (v - f)).sum();
        apart.push(mass * gap);
    }
    Ok((sum(&residuals), sum(&apart)))
}
