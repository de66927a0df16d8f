//! E5 on a grid: D_κ = (I + κs²·𝓛)⁻¹D*, 𝓛f = −p⁻¹∇·(p∇f), by finite volumes.
//!
//! With p_i the density at node i and √(p_i·p_j) at the face between neighbours, the cell of node i says
//! p_i·D_i + Σ_j (κs²/h²)·√(p_i·p_j)·(D_i − D_j) = p_i·D*_i, no flux through the box. Divided by p_i the weight of a
//! neighbour is w_ij = (κs²/h²)·e^((ln p_j − ln p_i)/2): only differences of ln p between neighbours occur, so no tail
//! underflows. It is the generator of a reversible walk (the square-root approximation: Lie, Fackeldey and Weber 2013), an
//! M-matrix with row sums 1: the maximum principle holds, and a row residual bounds the error in every node. Multiplied by
//! √p it is the discrete Schrödinger operator with constant neighbours −κs²/h², which conjugate gradients take.
//!
//! Floor 5. Uses `arith`, `channel`, `error`, `law`, `optimum::{grid, lines, conjugate, field}`. Spec: E5, N3.

use ndarray::Array2;
use rayon::prelude::*;

use super::conjugate::{self, Symmetric};
use super::field::Field;
use super::grid::{Grid, Sampled};
use super::lines::{Room, Weights};
use crate::arith::scalar::exp;
use crate::channel::Channel;
use crate::error::{Error, Result};
use crate::law::Mixture;

/// The row residual at which sweeps stop, over the range of the target.
pub const RESIDUAL: f64 = 1e-11;
const MOST_STEPS: usize = 2000;
const MOST_SWEEPS: usize = 200;

/// Values at the nodes of a grid, and how well they solve the discrete equations.
#[derive(Clone, Debug, PartialEq)]
pub struct Solved {
    /// N×c, c the columns of the target.
    pub values: Array2<f64>,
    /// The largest row residual of a column: no node is further from the solution of the discrete equations than this and
    /// the residual's own rounding, (8u)·(1 + 2·Σ_j w_ij)·max|D|. c numbers.
    pub residual: Vec<f64>,
    /// Steps of conjugate gradients, a column.
    pub steps: Vec<usize>,
}

impl Solved {
    /// Each column of the target solved by itself, side by side: its values, its largest row residual and its steps.
    pub(super) fn by_column(
        sampled: &Sampled,
        solve: impl Fn(&[f64]) -> (Vec<f64>, f64, usize) + Sync,
    ) -> Solved {
        let target = sampled.target();
        let columns: Vec<(Vec<f64>, f64, usize)> = (0..target.ncols())
            .into_par_iter()
            .map(|c| solve(&target.column(c).to_vec()))
            .collect();
        let mut values = Array2::zeros(target.dim());
        let (mut residual, mut steps) = (Vec::new(), Vec::new());
        for (c, (column, largest, taken)) in columns.into_iter().enumerate() {
            values.column_mut(c).iter_mut().zip(column).for_each(|(out, value)| *out = value);
            residual.push(largest);
            steps.push(taken);
        }
        Solved { values, residual, steps }
    }
}

/// D_κ of a law at the nodes of a grid, as a denoiser for one channel.
///
/// κ ≥ 0, and κs² is in the square of x's units. [`super::certify_resolvent`] bounds its distance from D_κ in L²(p).
/// Errors: those of [`Mixture::through`], [`Sampled::of_law`] and [`resolvent`]. Spec: E5.
pub fn resolvent_of(law: &Mixture, channel: Channel, kappa: f64, grid: &Grid) -> Result<Field> {
    let sampled = Sampled::of_law(&law.through::<f64>(channel)?, grid)?;
    // κ·s·s may not underflow where κ·(s/h)² does not: `resolvent` takes κ and s apart.
    let solved = resolvent(&sampled, kappa, channel.s())?;
    Field::new(grid.clone(), channel, solved.values)
}

/// The discrete D_κ for numbers on a grid, κ ≥ 0 and s > 0.
///
/// On the line it is direct. In the plane conjugate gradients (incomplete Cholesky) solve the bulk, and sweeps over lines
/// the tails, where √p is too small for them; both stop at [`RESIDUAL`] times the range of the target, or after a fixed
/// number of steps. min D* ≤ D ≤ max D* in every column to the last bit. The same bits for any number of threads.
/// Errors: `Error::Domain` where κ is negative or not finite, s is not above 0, or ln p changes so much between neighbours that
/// a weight overflows (a finer grid is needed). Spec: E5, N3.
pub fn resolvent(sampled: &Sampled, kappa: f64, s: f64) -> Result<Solved> {
    let weights = weights(sampled, kappa, s)?;
    Ok(Solved::by_column(sampled, |target| solve_column(sampled, &weights, target)))
}

fn weights(sampled: &Sampled, kappa: f64, s: f64) -> Result<Weights> {
    if !(kappa >= 0.0 && kappa.is_finite()) {
        let expected = "a finite number, at least 0";
        return Err(Error::Domain { what: "kappa", value: kappa, expected });
    }
    if !(s > 0.0 && s.is_finite()) {
        return Err(Error::Domain { what: "s", value: s, expected: "a finite number above 0" });
    }
    let grid = sampled.grid();
    let (rows, columns) = grid.shape();
    let rate = |h: f64| kappa * (s / h) * (s / h);
    let along = rate(grid.along().spacing());
    let across = grid.across().map_or(0.0, |axis| rate(axis.spacing()));
    let log = sampled.log_density();
    let towards = |there: bool, rate: f64, i: usize, j: usize| {
        if there { rate * exp(0.5 * (log[j] - log[i])) } else { 0.0 }
    };
    let all = 0..rows * columns;
    let weights = Weights {
        columns,
        rates: [along, across],
        ahead: all.clone().map(|i| towards((i + 1) % columns != 0, along, i, i + 1)).collect(),
        behind: all
            .clone()
            .map(|i| towards(i % columns != 0, along, i, i.wrapping_sub(1)))
            .collect(),
        above: all
            .clone()
            .map(|i| towards(i / columns + 1 < rows, across, i, i + columns))
            .collect(),
        below: all.map(|i| towards(i >= columns, across, i, i.wrapping_sub(columns))).collect(),
    };
    // Sums of five weights, and their products with values, stay finite below this.
    let fits = |total: &f64| (0.0..1e200).contains(total);
    match (0..log.len()).map(|i| weights.total(i)).find(|total| !fits(total)) {
        None => Ok(weights),
        Some(value) => Err(Error::Domain {
            what: "weight between neighbours of a grid",
            value,
            expected: "below 1e200: a finer grid, or a smaller kappa",
        }),
    }
}

fn solve_column(sampled: &Sampled, weights: &Weights, target: &[f64]) -> (Vec<f64>, f64, usize) {
    let (low, high) =
        target.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
    let goal = RESIDUAL * (high - low);
    let mut values = target.to_vec();
    let mut room = Room::default();
    let mut steps = 0;
    if sampled.grid().dimension() == 2 {
        steps = bulk(sampled, weights, target, &mut values, goal);
        // The solution is in this interval, so this brings every node nearer to it. Where weights of 1e150 and more made
        // conjugate gradients overflow, the sweeps start from the target.
        for (value, target) in values.iter_mut().zip(target) {
            *value = if value.is_nan() { *target } else { value.clamp(low, high) };
        }
    }
    let mut sweeps = 0;
    loop {
        weights.sweep(target, &mut values, &mut room);
        sweeps += 1;
        let residual = weights.largest_residual(target, &values);
        if residual <= goal || sweeps >= MOST_SWEEPS || sampled.grid().dimension() == 1 {
            return (values, residual, steps);
        }
    }
}

/// √p·D by conjugate gradients from D = target; nodes whose √p underflows keep their value.
fn bulk(
    sampled: &Sampled,
    weights: &Weights,
    target: &[f64],
    values: &mut [f64],
    goal: f64,
) -> usize {
    let log = sampled.log_density();
    let top = log.iter().fold(f64::NEG_INFINITY, |m, &v| m.max(v));
    let root: Vec<f64> = log.iter().map(|v| exp(0.5 * (v - top))).collect();
    let matrix = Schrodinger::new(sampled.grid(), weights);
    let product = |values: &[f64]| -> Vec<f64> {
        values.iter().zip(&root).map(|(v, root)| v * root).collect()
    };
    // D is taken from its centre, so that a law far from the origin loses nothing.
    let centre = target.iter().zip(&root).fold((0.0f64, 0.0f64), |(sum, mass), (v, r)| {
        ((r * r).mul_add(*v, sum), r.mul_add(*r, mass))
    });
    let centre = centre.0 / centre.1;
    let shifted: Vec<f64> = target.iter().map(|v| v - centre).collect();
    let right = product(&shifted);
    let mut y = right.clone();
    let mass = root.iter().fold(0.0f64, |sum, r| r.mul_add(*r, sum));
    let steps = conjugate::solve(&matrix, &right, &mut y, 0.01 * goal * mass.sqrt(), MOST_STEPS);
    for ((value, y), root) in values.iter_mut().zip(&y).zip(&root) {
        if *root > 1e-150 {
            *value = centre + y / root;
        }
    }
    steps
}

/// I − κs²Δ_h + potential: the row form made symmetric by √p, and its incomplete Cholesky factor.
struct Schrodinger {
    columns: usize,
    along: f64,
    across: f64,
    diagonal: Vec<f64>,
    inverse_pivot: Vec<f64>,
}

impl Schrodinger {
    fn new(grid: &Grid, weights: &Weights) -> Self {
        let (_, columns) = grid.shape();
        let [along, across] = weights.rates;
        let diagonal: Vec<f64> = (0..weights.ahead.len()).map(|i| 1.0 + weights.total(i)).collect();
        let mut inverse_pivot = vec![0.0; diagonal.len()];
        for i in 0..diagonal.len() {
            let mut pivot = diagonal[i];
            if i % columns != 0 {
                pivot -= along * along * inverse_pivot[i - 1];
            }
            if i >= columns {
                pivot -= across * across * inverse_pivot[i - columns];
            }
            inverse_pivot[i] = 1.0 / pivot;
        }
        Schrodinger { columns, along, across, diagonal, inverse_pivot }
    }
}

impl Symmetric for Schrodinger {
    fn apply(&self, y: &[f64], out: &mut [f64]) {
        let (n, columns) = (y.len(), self.columns);
        for i in 0..n {
            let at = i % columns;
            let mut along = if at != 0 { y[i - 1] } else { 0.0 };
            along += if at + 1 != columns { y[i + 1] } else { 0.0 };
            let mut across = if i >= columns { y[i - columns] } else { 0.0 };
            across += if i + columns < n { y[i + columns] } else { 0.0 };
            out[i] = self.diagonal[i] * y[i] - (self.along * along + self.across * across);
        }
    }

    fn precondition(&self, r: &[f64], out: &mut [f64]) {
        let (n, columns) = (r.len(), self.columns);
        for i in 0..n {
            let mut sum = r[i];
            if i % columns != 0 {
                sum += self.along * out[i - 1];
            }
            if i >= columns {
                sum += self.across * out[i - columns];
            }
            out[i] = sum * self.inverse_pivot[i];
        }
        for i in (0..n).rev() {
            let mut sum = 0.0;
            if (i + 1) % columns != 0 {
                sum = self.along * out[i + 1];
            }
            if i + columns < n {
                sum += self.across * out[i + columns];
            }
            out[i] += sum * self.inverse_pivot[i];
        }
    }
}
