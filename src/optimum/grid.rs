//! Uniform grids in one and two dimensions, and a law's density and exact denoiser at their nodes.
//!
//! Floor 5. Uses `channel`, `denoiser`, `error`, `law`. Spec: E5, E6.

use ndarray::{Array2, ArrayView2};

use crate::channel::Channel;
use crate::denoiser::check_finite;
use crate::error::{Error, Result};
use crate::law::{Mixture, Noised, Quantity};

/// The fewest nodes of an axis: what a cubic spline needs.
pub const FEWEST_NODES: usize = 4;
/// The most nodes of a grid: 2²⁴.
pub const MOST_NODES: usize = 1 << 24;

/// Targets beyond this are refused.
const LARGEST_TARGET: f64 = 1e100;

/// The nodes first + i·h, i = 0 … n − 1, of one coordinate, in the units of x.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GridAxis {
    first: f64,
    spacing: f64,
    nodes: usize,
}

impl GridAxis {
    /// n nodes, evenly spaced, from `first` to `last`.
    ///
    /// Errors: `Error::NotFinite`; `Error::Domain` where n < 4, or where the ends are not apart by enough for h > 0.
    pub fn new(first: f64, last: f64, nodes: usize) -> Result<GridAxis> {
        for (at, value) in [first, last].into_iter().enumerate() {
            if !value.is_finite() {
                return Err(Error::NotFinite { what: "end of an axis", index: vec![at], value });
            }
        }
        if !(FEWEST_NODES..=MOST_NODES).contains(&nodes) {
            return Err(Error::Domain {
                what: "nodes of an axis",
                value: nodes as f64,
                expected: "at least 4 and at most 2^24",
            });
        }
        let spacing = (last - first) / (nodes - 1) as f64;
        // Nodes must be different numbers.
        if !(spacing.is_finite() && spacing > 8.0 * f64::EPSILON * first.abs().max(last.abs())) {
            return Err(Error::Domain {
                what: "spacing of a grid",
                value: spacing,
                expected: "a finite number above the rounding of the nodes",
            });
        }
        Ok(GridAxis { first, spacing, nodes })
    }

    /// first + i·h, by one fma.
    pub fn node(&self, i: usize) -> f64 {
        self.spacing.mul_add(i as f64, self.first)
    }

    /// h.
    pub fn spacing(&self) -> f64 {
        self.spacing
    }

    /// n.
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// The first node.
    pub fn first(&self) -> f64 {
        self.first
    }

    /// The last node.
    pub fn last(&self) -> f64 {
        self.node(self.nodes - 1)
    }

    /// The cell i that holds x, i ≤ n − 2, the place θ in [0, 1] inside it, and whether x is between the end nodes; a
    /// point beyond an end is put on it.
    pub(super) fn locate(&self, x: f64) -> (usize, f64, bool) {
        let u = (x - self.first) / self.spacing;
        let last = (self.nodes - 1) as f64;
        if u <= 0.0 {
            return (0, 0.0, u == 0.0);
        }
        if u >= last {
            return (self.nodes - 2, 1.0, u == last);
        }
        let cell = (u as usize).min(self.nodes - 2);
        (cell, (u - cell as f64).clamp(0.0, 1.0), true)
    }
}

/// A uniform grid on a box of one or two dimensions. Node (i, j) of the plane is row i·n₁ + j, the last coordinate fastest.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    axes: Vec<GridAxis>,
}

impl Grid {
    /// The grid of one or two axes. Errors: `Error::Shape` for another number; `Error::Domain` beyond 2²⁴ nodes.
    pub fn new(axes: Vec<GridAxis>) -> Result<Grid> {
        if !(1..=2).contains(&axes.len()) {
            return Err(Error::Shape {
                what: "grid",
                found: vec![axes.len()],
                expected: "one or two axes".to_owned(),
            });
        }
        let grid = Grid { axes };
        if grid.len() > MOST_NODES {
            return Err(Error::Domain {
                what: "nodes of a grid",
                value: grid.len() as f64,
                expected: "at most 2^24",
            });
        }
        Ok(grid)
    }

    /// `nodes` nodes a coordinate on the least box that holds every component of the noised law to `deviations` of its own
    /// standard deviations √(a²Σ_ii + s²). What lies outside is bounded by [`super::Tail`].
    ///
    /// Errors: `Error::Shape` where d > 2; `Error::Domain` where `deviations` is not above 0 and finite; those of `GridAxis`.
    pub fn around(law: &Mixture, channel: Channel, deviations: f64, nodes: usize) -> Result<Grid> {
        if !(deviations > 0.0 && deviations.is_finite()) {
            let expected = "a finite number above 0";
            return Err(Error::Domain { what: "deviations", value: deviations, expected });
        }
        let d = law.dimension();
        if d > 2 {
            return Err(Error::Shape {
                what: "law on a grid",
                found: vec![d],
                expected: "one or two dimensions".to_owned(),
            });
        }
        let (a, s) = (channel.a(), channel.s());
        let mut ends = vec![(f64::INFINITY, f64::NEG_INFINITY); d];
        for k in 0..law.components() {
            let covariance = law.covariance().matrix(k, d);
            for (i, (low, high)) in ends.iter_mut().enumerate() {
                let reach = deviations * (a * a * covariance[[i, i]] + s * s).sqrt();
                let centre = a * law.means()[[k, i]];
                *low = low.min(centre - reach);
                *high = high.max(centre + reach);
            }
        }
        let axes: Result<Vec<GridAxis>> =
            ends.into_iter().map(|(low, high)| GridAxis::new(low, high, nodes)).collect();
        Grid::new(axes?)
    }

    /// The same box with half the spacing: 2n − 1 nodes an axis. Errors: as [`Grid::new`].
    pub fn halved(&self) -> Result<Grid> {
        let axes: Result<Vec<GridAxis>> = self
            .axes
            .iter()
            .map(|axis| GridAxis::new(axis.first, axis.last(), 2 * axis.nodes - 1))
            .collect();
        Grid::new(axes?)
    }

    /// d, 1 or 2.
    pub fn dimension(&self) -> usize {
        self.axes.len()
    }

    /// One axis a coordinate.
    pub fn axes(&self) -> &[GridAxis] {
        &self.axes
    }

    /// The number of nodes.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.axes.iter().fold(1, |count, axis| count.saturating_mul(axis.nodes))
    }

    /// (rows, columns) of the nodes; the line is one row.
    pub(super) fn shape(&self) -> (usize, usize) {
        match self.axes.as_slice() {
            [rows, columns] => (rows.nodes, columns.nodes),
            _ => (1, self.len()),
        }
    }

    /// The axis along a row: the last coordinate.
    pub(super) fn along(&self) -> GridAxis {
        self.axes[self.axes.len() - 1]
    }

    /// The axis from row to row; none on the line.
    pub(super) fn across(&self) -> Option<GridAxis> {
        (self.axes.len() == 2).then(|| self.axes[0])
    }

    /// The nodes as N×d points.
    pub fn nodes(&self) -> Array2<f64> {
        let (_, columns) = self.shape();
        Array2::from_shape_fn((self.len(), self.dimension()), |(n, i)| {
            let at = if i + 1 == self.dimension() { n % columns } else { n / columns };
            self.axes[i].node(at)
        })
    }

    /// The ends of the box, a pair a coordinate.
    pub fn ends(&self) -> Vec<(f64, f64)> {
        self.axes.iter().map(|axis| (axis.first, axis.last())).collect()
    }
}

/// What a law is on a grid: ln p up to a constant and D* at every node.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampled {
    grid: Grid,
    log_density: Vec<f64>,
    target: Array2<f64>,
}

impl Sampled {
    /// These numbers on a grid of N nodes: ln p (N, any constant added) and the target (N×c; a column is solved apart).
    ///
    /// Errors: `Error::Shape` where a count is not N or there is no column; `Error::NotFinite`; `Error::Entry` where a target
    /// is beyond 1e100, whose squares a solver could not hold.
    pub fn new(grid: Grid, log_density: Vec<f64>, target: Array2<f64>) -> Result<Sampled> {
        let n = grid.len();
        if log_density.len() != n || target.nrows() != n || target.ncols() == 0 {
            return Err(Error::Shape {
                what: "numbers on a grid",
                found: vec![log_density.len(), target.nrows(), target.ncols()],
                expected: format!("{n} log densities, and {n} rows of at least one column"),
            });
        }
        if let Some((at, &value)) = log_density.iter().enumerate().find(|(_, v)| !v.is_finite()) {
            return Err(Error::NotFinite { what: "log density", index: vec![at], value });
        }
        check_finite("target", target.view())?;
        if let Some(((row, column), &value)) =
            target.indexed_iter().find(|(_, value)| value.abs() > LARGEST_TARGET)
        {
            let (index, expected) = (vec![row, column], "at most 1e100");
            return Err(Error::Entry { what: "target", index, value, expected });
        }
        Ok(Sampled { grid, log_density, target })
    }

    /// The noised law at the nodes. Errors: those of [`Noised::evaluate`], `Error::Shape` among them.
    pub fn of_law(law: &Noised<f64>, grid: &Grid) -> Result<Sampled> {
        let wanted = [Quantity::LogDensity, Quantity::Denoiser];
        let found = law.evaluate(grid.nodes().view(), &wanted)?;
        let log_density = found.log_density.unwrap_or_default().to_vec();
        Sampled::new(grid.clone(), log_density, found.denoiser.unwrap_or_default())
    }

    /// The grid.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// ln p at the nodes, up to a constant.
    pub fn log_density(&self) -> &[f64] {
        &self.log_density
    }

    /// D* at the nodes, N×c.
    pub fn target(&self) -> ArrayView2<'_, f64> {
        self.target.view()
    }
}
