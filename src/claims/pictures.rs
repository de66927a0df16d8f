//! Points on grids, and arrays from numbers, for measurements and figures alike.
//!
//! Floor 7. Uses `figure`, `error`.

use ndarray::{Array2, ArrayView2};

use crate::error::{Error, Result};

/// n rows of d numbers.
pub(super) fn table(n: usize, d: usize, values: Vec<f64>) -> Result<Array2<f64>> {
    let found = vec![values.len()];
    let expected = format!("{n}×{d} numbers");
    Array2::from_shape_vec((n, d), values).map_err(|_| Error::Shape {
        what: "table",
        found,
        expected,
    })
}

/// n evenly spaced numbers from `from` to `to`, both included.
pub(super) fn spaced(from: f64, to: f64, n: usize) -> Vec<f64> {
    let gaps = n.saturating_sub(1).max(1) as f64;
    (0..n).map(|i| (i as f64 / gaps).mul_add(to - from, from)).collect()
}

/// The numbers as points of the line, N×1.
pub(super) fn on_line(values: &[f64]) -> Result<Array2<f64>> {
    table(values.len(), 1, values.to_vec())
}

/// The centres of an n×n grid of cells on a square [−r, r]² about a centre, row by row upwards.
pub(super) fn square_grid(centre: [f64; 2], r: f64, n: usize) -> Result<Array2<f64>> {
    let at = |i: usize| (2.0 * i as f64 + 1.0) / n as f64 - 1.0;
    let cells = (0..n * n)
        .flat_map(|cell| [r.mul_add(at(cell % n), centre[0]), r.mul_add(at(cell / n), centre[1])]);
    table(n * n, 2, cells.collect())
}

/// Rows of two numbers as the points of a figure.
pub(super) fn pairs(points: ArrayView2<'_, f64>) -> Vec<[f64; 2]> {
    points.outer_iter().filter(|row| row.len() >= 2).map(|row| [row[0], row[1]]).collect()
}

/// (x, y) pairs of two lists of equal length.
pub(super) fn curve(x: &[f64], y: impl IntoIterator<Item = f64>) -> Vec<[f64; 2]> {
    x.iter().zip(y).map(|(&x, y)| [x, y]).collect()
}
