//! Expectations under a noised law over the box of a grid: Gauss and Legendre's rule of three nodes in every cell.
//!
//! Error: for a piecewise smooth integrand whose pieces are the cells, the rule is exact to degree 5 in each coordinate and its
//! error of order h⁶. What is outside the box is not in it: see [`super::Tail`].
//!
//! Floor 5. Uses `arith`, `channel`, `denoiser`, `error`, `law`, `optimum::grid`. Spec: E5, E6, N3.

use ndarray::{Array2, Zip};
use rayon::prelude::*;

use super::grid::Grid;
use crate::arith::scalar::exp;
use crate::arith::sum;
use crate::channel::Channel;
use crate::denoiser::Denoiser;
use crate::error::Result;
use crate::law::{Noised, Quantity};

/// (1 ∓ √(3/5))/2 and 1/2, with their weights on [0, 1].
const PLACES: [(f64, f64); 3] = [
    (0.112_701_665_379_258_31, 5.0 / 18.0),
    (0.5, 4.0 / 9.0),
    (0.887_298_334_620_741_7, 5.0 / 18.0),
];

/// What is known at a node of the rule.
pub struct AtNode<'a> {
    /// x, d numbers.
    pub x: &'a [f64],
    /// D*(x).
    pub denoiser: &'a [f64],
    /// S(x) = ∇ln p.
    pub score: &'a [f64],
    /// ln p(x).
    pub log_density: f64,
}

/// ∫ over the box of p·f_i, for `count` functions that `f` writes into its second argument.
///
/// Sums are in the order of `arith::sum`, a cell after another, so the bits depend on no thread.
/// Errors: those of [`Noised::evaluate`].
pub fn expectation(
    law: &Noised<f64>,
    grid: &Grid,
    count: usize,
    f: impl Fn(&AtNode<'_>, &mut [f64]) + Sync,
) -> Result<Vec<f64>> {
    let rows: Vec<usize> = match grid.across() {
        None => vec![0],
        Some(axis) => (0..axis.nodes() - 1).collect(),
    };
    let strips: Result<Vec<Vec<f64>>> =
        rows.into_par_iter().map(|row| strip(law, grid, row, count, &f)).collect();
    let strips = strips?;
    Ok((0..count)
        .map(|i| sum(&strips.iter().map(|strip| strip[i]).collect::<Vec<f64>>()))
        .collect())
}

/// √(∫ over the box of p·‖D̂ − D̂'‖²) for two denoisers at a channel, p the noised law: how far a model is from its optimum.
///
/// Errors: those of [`Mixture::through`](crate::law::Mixture::through), [`Noised::evaluate`] and of the denoisers.
pub fn distance(
    law: &Noised<f64>,
    channel: Channel,
    grid: &Grid,
    one: &dyn Denoiser<f64>,
    other: &dyn Denoiser<f64>,
) -> Result<f64> {
    let mut strips = Vec::new();
    for row in 0..grid.across().map_or(1, |axis| axis.nodes() - 1) {
        let (points, weights) = nodes(grid, row);
        let log_density = law.log_density(points.view())?;
        let difference =
            one.denoise(channel, points.view())? - other.denoise(channel, points.view())?;
        let mut terms = Vec::with_capacity(weights.len());
        Zip::from(difference.rows()).and(&log_density).and(&weights).for_each(
            |row, log, weight| {
                terms.push(weight * exp(*log) * row.iter().map(|v| v * v).sum::<f64>());
            },
        );
        strips.push(sum(&terms));
    }
    Ok(sum(&strips).sqrt())
}

fn strip(
    law: &Noised<f64>,
    grid: &Grid,
    row: usize,
    count: usize,
    f: &(impl Fn(&AtNode<'_>, &mut [f64]) + Sync),
) -> Result<Vec<f64>> {
    let (points, weights) = nodes(grid, row);
    let wanted = [Quantity::LogDensity, Quantity::Denoiser, Quantity::Score];
    let found = law.evaluate(points.view(), &wanted)?;
    let log_density = found.log_density.unwrap_or_default();
    let (denoiser, score) = (found.denoiser.unwrap_or_default(), found.score.unwrap_or_default());
    let mut terms = vec![Vec::with_capacity(weights.len()); count];
    let mut out = vec![0.0; count];
    for (n, weight) in weights.iter().enumerate() {
        let (x, d, s) = (points.row(n).to_vec(), denoiser.row(n).to_vec(), score.row(n).to_vec());
        let mass = weight * exp(log_density[n]);
        f(&AtNode { x: &x, denoiser: &d, score: &s, log_density: log_density[n] }, &mut out);
        terms.iter_mut().zip(&out).for_each(|(terms, value)| {
            terms.push(if mass > 0.0 { mass * value } else { 0.0 });
        });
    }
    Ok(terms.iter().map(|terms| sum(terms)).collect())
}

/// The nodes of a row of cells and their weights.
fn nodes(grid: &Grid, row: usize) -> (Array2<f64>, Vec<f64>) {
    let along = grid.along();
    let place = |first: f64, h: f64, theta: f64| h.mul_add(theta, first);
    let mut flat = Vec::new();
    let mut weights = Vec::new();
    for cell in 0..along.nodes() - 1 {
        for (theta, weight) in PLACES {
            let x = place(along.node(cell), along.spacing(), theta);
            match grid.across() {
                None => {
                    flat.push(x);
                    weights.push(weight * along.spacing());
                }
                Some(axis) => {
                    for (up, share) in PLACES {
                        flat.extend([place(axis.node(row), axis.spacing(), up), x]);
                        weights.push(weight * along.spacing() * (share * axis.spacing()));
                    }
                }
            }
        }
    }
    let shape = (weights.len(), grid.dimension());
    (Array2::from_shape_vec(shape, flat).unwrap_or_default(), weights)
}

/// Gauss and Legendre's eight nodes on [−1, 1], the positive half, with weights that sum to ½.
const GAUSS: [(f64, f64); 4] = [
    (0.183_434_642_495_649_8, 0.181_341_891_689_181),
    (0.525_532_409_916_329, 0.156_853_322_938_943_65),
    (0.796_666_477_413_626_7, 0.111_190_517_226_687_24),
    (0.960_289_856_497_536_3, 0.050_614_268_145_188_13),
];

/// Nodes and weights of the uniform law on [−reach, reach]ᵈ, d = 1 or 2 (the second coordinate is 0 on the line): eight Gauss
/// nodes a coordinate, exact to degree 15. The set is symmetric, and the weights sum to 1.
pub fn uniform_box(dimension: usize, reach: f64) -> Vec<([f64; 2], f64)> {
    let line: Vec<(f64, f64)> =
        GAUSS.iter().flat_map(|&(x, w)| [(-x * reach, w), (x * reach, w)]).collect();
    if dimension == 1 {
        return line.into_iter().map(|(x, w)| ([x, 0.0], w)).collect();
    }
    line.iter().flat_map(|&(x, w)| line.iter().map(move |&(y, v)| ([x, y], w * v))).collect()
}
