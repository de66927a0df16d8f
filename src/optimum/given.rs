//! The minimiser over all functions where every node has perturbations of its own, as an attack gives them.
//!
//! f is multilinear between nodes, and the loss is taken at the nodes as it is defined,
//! Σ_i p_i·(‖f_i − f*_i‖² + λ/M·Σ_m ‖f_i − f(x_i + u_im)‖²), with no weights between neighbours in place of the square: a
//! function that is multilinear meets no error, whatever the size of u. What is lost is the maximum principle of
//! [`super::finite_radius()`]. With y = √p·f the equations are symmetric and no less than I.
//!
//! Floor 5. Uses `arith`, `error`, `optimum::{conjugate, grid}`. Spec: E6, N3.

use ndarray::ArrayView2;

use super::conjugate::{self, Symmetric};
use super::grid::{Grid, Sampled};
use super::resolvent::{RESIDUAL, Solved};
use crate::arith::scalar::exp;
use crate::error::{Error, Result};

const MOST_STEPS: usize = 20_000;
/// The most that ln p may span over the box: beyond it p itself would underflow.
const MOST_SPAN: f64 = 600.0;

/// The minimiser for the numbers on a grid and displacements u (N·M×d, node by node, in the units of x), each of weight λ/M.
///
/// A displaced point beyond the box counts as the nearest point of it. `Solved::residual` is ‖b − Ay‖₂ over √(Σp), a bound of the
/// distance from the discrete minimiser in L²(p). The same bits for any number of threads.
/// Errors: `Error::Domain` where λ is negative or not finite, or ln p spans more than 600 over the grid; `Error::Shape` where the
/// displacements are not a whole number for each node. Spec: E6.
pub fn minimiser_given(
    sampled: &Sampled,
    lambda: f64,
    displacements: ArrayView2<'_, f64>,
) -> Result<Solved> {
    let matrix = Given::new(sampled, lambda, displacements)?;
    Ok(Solved::by_column(sampled, |target| matrix.solve_column(target)))
}

/// A displaced point among the nodes: its cell, and its place in it.
#[derive(Clone, Copy)]
struct Place {
    first: usize,
    theta: f64,
    across: f64,
}

struct Given {
    /// Nodes to the next row; 0 on the line.
    step: usize,
    /// λ/M.
    share: f64,
    places: Vec<Place>,
    root: Vec<f64>,
    diagonal: Vec<f64>,
}

impl Given {
    fn new(sampled: &Sampled, lambda: f64, displacements: ArrayView2<'_, f64>) -> Result<Given> {
        if !(lambda >= 0.0 && lambda.is_finite()) {
            let expected = "a finite number, at least 0";
            return Err(Error::Domain { what: "lambda", value: lambda, expected });
        }
        let grid = sampled.grid();
        let each = displacements.nrows() / grid.len();
        if each == 0 || displacements.dim() != (each * grid.len(), grid.dimension()) {
            return Err(Error::Shape {
                what: "displacements of nodes",
                found: displacements.shape().to_vec(),
                expected: format!(
                    "some for each of {} nodes, in {} columns",
                    grid.len(),
                    grid.dimension()
                ),
            });
        }
        let log = sampled.log_density();
        let (low, top) =
            log.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
        if top - low > MOST_SPAN {
            return Err(Error::Domain {
                what: "span of the log density over the grid",
                value: top - low,
                expected: "at most 600: a smaller box",
            });
        }
        let (_, columns) = grid.shape();
        let mut given = Given {
            step: if grid.dimension() == 2 { columns } else { 0 },
            share: lambda / each as f64,
            places: places(grid, each, displacements),
            root: log.iter().map(|v| exp(0.5 * (v - top))).collect(),
            diagonal: Vec::new(),
        };
        given.diagonal = given.diagonal_of();
        Ok(given)
    }

    /// The nodes of a cell with their weights; on the line those of the second row have weight 0.
    fn corners(&self, place: Place) -> [(usize, f64); 4] {
        let Place { first, theta, across } = place;
        [
            (first, (1.0 - theta) * (1.0 - across)),
            (first + 1, theta * (1.0 - across)),
            (first + self.step, (1.0 - theta) * across),
            (first + 1 + self.step, theta * across),
        ]
    }

    /// Of each node its places.
    fn of_nodes(&self) -> impl Iterator<Item = (usize, &[Place])> {
        self.places.chunks(self.places.len() / self.root.len()).enumerate()
    }

    fn diagonal_of(&self) -> Vec<f64> {
        let mut diagonal = vec![1.0; self.root.len()];
        for (i, places) in self.of_nodes() {
            for place in places {
                let corners = self.corners(*place);
                let own: f64 = corners.iter().filter(|(j, _)| *j == i).map(|(_, w)| w).sum();
                diagonal[i] += self.share * (1.0 - own) * (1.0 - own);
                for (j, w) in corners.into_iter().filter(|(j, w)| *j != i && *w > 0.0) {
                    let root = w * self.root[i] / self.root[j];
                    diagonal[j] += self.share * root * root;
                }
            }
        }
        diagonal
    }

    fn solve_column(&self, target: &[f64]) -> (Vec<f64>, f64, usize) {
        let (low, high) = target
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
        // Values are taken from the middle of their range, so that a law far from the origin loses nothing.
        let centre = 0.5 * (low + high);
        let right: Vec<f64> =
            target.iter().zip(&self.root).map(|(v, r)| (v - centre) * r).collect();
        let mass = self.root.iter().map(|r| r * r).sum::<f64>().sqrt();
        let mut y = right.clone();
        let goal = RESIDUAL * (high - low) * mass;
        let steps = conjugate::solve(self, &right, &mut y, goal, MOST_STEPS);
        let mut product = vec![0.0; y.len()];
        self.apply(&y, &mut product);
        let left: f64 = right.iter().zip(&product).map(|(b, p)| (b - p) * (b - p)).sum();
        let values = y.iter().zip(&self.root).map(|(y, r)| y / r + centre).collect();
        (values, left.sqrt() / mass, steps)
    }
}

/// Where the displaced points are.
fn places(grid: &Grid, each: usize, displacements: ArrayView2<'_, f64>) -> Vec<Place> {
    let nodes = grid.nodes();
    let (_, columns) = grid.shape();
    let d = grid.dimension();
    let mut places = Vec::with_capacity(displacements.nrows());
    for (n, u) in displacements.rows().into_iter().enumerate() {
        let x = nodes.row(n / each);
        let (column, theta, _) = grid.along().locate(x[d - 1] + u[d - 1]);
        let (row, across, _) =
            grid.across().map_or((0, 0.0, false), |axis| axis.locate(x[0] + u[0]));
        places.push(Place { first: row * columns + column, theta, across });
    }
    places
}

impl Symmetric for Given {
    fn apply(&self, y: &[f64], out: &mut [f64]) {
        let over: Vec<f64> = y.iter().zip(&self.root).map(|(y, r)| y / r).collect();
        out.copy_from_slice(y);
        for (i, places) in self.of_nodes() {
            let weight = self.share * self.root[i];
            for place in places {
                let corners = self.corners(*place);
                let there = corners.iter().fold(0.0, |sum, (j, w)| w.mul_add(over[*j], sum));
                let apart = weight * (over[i] - there);
                out[i] += apart;
                for (j, w) in corners {
                    // √p_i/√p_j, since p itself would underflow where both are small.
                    out[j] -= w * apart * (self.root[i] / self.root[j]);
                }
            }
        }
    }

    fn precondition(&self, r: &[f64], out: &mut [f64]) {
        for ((out, r), d) in out.iter_mut().zip(r).zip(&self.diagonal) {
            *out = r / d;
        }
    }
}
