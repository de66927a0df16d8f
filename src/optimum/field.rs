//! Values at the nodes of a grid as a denoiser: multilinear between nodes, constant beyond the box.
//!
//! Floor 5. Uses `channel`, `denoiser`, `error`, `optimum::grid`. Spec: E5, E6.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::grid::Grid;
use crate::channel::{Channel, Steps};
use crate::denoiser::{Denoiser, Prediction, check_finite, check_points, check_vectors};
use crate::error::{Error, Result};

/// D̂ on a grid, for the one channel that it was made for; ε̂(x) = (x − a·D̂(x))/s.
///
/// Between nodes D̂ is multilinear, so it stays within the values of the cell's corners and keeps the order of values
/// along an axis; its distance from a smooth D is at most Σ_j h_j²/8·max|∂²D/∂x_j²|. A point outside the box counts as the
/// nearest point of it (the derivative across the boundary is 0 there, as the discrete equations have it). ∇D̂ is that of the
/// cell, at a node that of the cell above it. ε̂ is formed by one fma: it is off by 2u·|ε̂| + u·a|D̂|/s, and by a/s times what
/// D̂ is off by. Spec: E5, E6.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    grid: Grid,
    channel: Channel,
    values: Array2<f64>,
}

impl Field {
    /// N×d values at the N nodes of a grid of dimension d.
    ///
    /// Errors: `Error::Shape`, `Error::NotFinite`.
    pub fn new(grid: Grid, channel: Channel, values: Array2<f64>) -> Result<Field> {
        if values.dim() != (grid.len(), grid.dimension()) {
            return Err(Error::Shape {
                what: "values on a grid",
                found: values.shape().to_vec(),
                expected: format!("{}×{}", grid.len(), grid.dimension()),
            });
        }
        check_finite("values on a grid", values.view())?;
        Ok(Field { grid, channel, values })
    }

    /// The grid.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// The channel it is for.
    pub fn channel(&self) -> Channel {
        self.channel
    }

    /// D̂ at the nodes, N×d.
    pub fn values(&self) -> ArrayView2<'_, f64> {
        self.values.view()
    }

    fn check_channel(&self, channel: Channel) -> Result<()> {
        if channel == self.channel {
            return Ok(());
        }
        Err(Error::Domain {
            what: "sigma of a channel",
            value: channel.sigma(),
            expected: "the channel that the field on a grid was made for",
        })
    }

    /// D̂ at one point of d numbers, in the first d places.
    pub(crate) fn at(&self, x: &[f64]) -> [f64; 2] {
        let cell = self.cell(x);
        let mut out = [0.0; 2];
        for (c, out) in out.iter_mut().enumerate().take(self.grid.dimension()) {
            let [low, high] = cell.ends(&self.values, c);
            *out = cell.theta.mul_add(high - low, low);
        }
        out
    }

    fn cell(&self, x: &[f64]) -> Cell {
        let (_, columns) = self.grid.shape();
        let (column, theta, inside) = self.grid.along().locate(x[x.len() - 1]);
        let (row, across, inside_across) =
            self.grid.across().map_or((0, 0.0, false), |axis| axis.locate(x[0]));
        let step = if self.grid.dimension() == 2 { columns } else { 0 };
        Cell { first: row * columns + column, step, theta, across, inside, inside_across }
    }

    /// ∂D̂_c/∂x_j at x, c down and j across.
    fn jacobian(&self, x: &[f64]) -> [[f64; 2]; 2] {
        let cell = self.cell(x);
        let d = self.grid.dimension();
        let mut out = [[0.0; 2]; 2];
        for (c, row) in out.iter_mut().enumerate().take(d) {
            let [low, high] = cell.ends(&self.values, c);
            if cell.inside {
                row[d - 1] = (high - low) / self.grid.along().spacing();
            }
            if let Some(axis) = self.grid.across()
                && cell.inside_across
            {
                let [low, high] = cell.sides(&self.values, c);
                row[0] = (high - low) / axis.spacing();
            }
        }
        out
    }

    fn product(
        &self,
        channel: Channel,
        x: ArrayView2<'_, f64>,
        v: ArrayView2<'_, f64>,
        transposed: bool,
    ) -> Result<Array2<f64>> {
        let d = self.grid.dimension();
        check_vectors(d, x, v)?;
        self.check_channel(channel)?;
        let mut out = Array2::zeros(x.dim());
        for ((mut out, x), v) in out.rows_mut().into_iter().zip(x.rows()).zip(v.rows()) {
            let jacobian = self.jacobian(&x.to_vec());
            for (i, out) in out.iter_mut().enumerate() {
                for (j, v) in v.iter().enumerate() {
                    let entry = if transposed { jacobian[j][i] } else { jacobian[i][j] };
                    *out = entry.mul_add(*v, *out);
                }
            }
        }
        check_finite("Jacobian product", out.view())?;
        Ok(out)
    }
}

/// Where a point is among the nodes.
struct Cell {
    first: usize,
    /// Nodes to the next row; 0 on the line.
    step: usize,
    theta: f64,
    across: f64,
    inside: bool,
    inside_across: bool,
}

impl Cell {
    /// The values at the two ends of the cell along a row, at the point's place across.
    fn ends(&self, values: &Array2<f64>, c: usize) -> [f64; 2] {
        [0, 1].map(|i| {
            let low = values[[self.first + i, c]];
            self.across.mul_add(values[[self.first + i + self.step, c]] - low, low)
        })
    }

    /// The values on the lower and the upper row, at the point's place along.
    fn sides(&self, values: &Array2<f64>, c: usize) -> [f64; 2] {
        [0, self.step].map(|i| {
            let low = values[[self.first + i, c]];
            self.theta.mul_add(values[[self.first + i + 1, c]] - low, low)
        })
    }
}

impl Denoiser<f64> for Field {
    fn dimension(&self) -> usize {
        self.grid.dimension()
    }

    fn predict(&self, channel: Channel, x: ArrayView2<'_, f64>) -> Result<Prediction<f64>> {
        let d = self.grid.dimension();
        check_points("x", d, x)?;
        self.check_channel(channel)?;
        let (a, s) = (channel.a(), channel.s());
        let (mut denoised, mut noise) = (Array2::zeros(x.dim()), Array2::zeros(x.dim()));
        for (n, row) in x.rows().into_iter().enumerate() {
            let found = self.at(&row.to_vec());
            for i in 0..d {
                denoised[[n, i]] = found[i];
                noise[[n, i]] = (-a).mul_add(found[i], row[i]) / s;
            }
        }
        check_finite("denoised", denoised.view())?;
        check_finite("noise", noise.view())?;
        Ok(Prediction { denoised, noise })
    }

    fn jacobian_vector(
        &self,
        channel: Channel,
        x: ArrayView2<'_, f64>,
        v: ArrayView2<'_, f64>,
    ) -> Result<Array2<f64>> {
        self.product(channel, x, v, false)
    }

    fn vector_jacobian(
        &self,
        channel: Channel,
        x: ArrayView2<'_, f64>,
        v: ArrayView2<'_, f64>,
    ) -> Result<Array2<f64>> {
        self.product(channel, x, v, true)
    }
}

/// One field a level, as a denoiser for exactly those channels: what a sampler runs through.
///
/// Errors, beside the trait's: `Error::Domain` with the σ of a channel that is none of the levels.
#[derive(Clone, Debug, PartialEq)]
pub struct Fields {
    fields: Vec<Field>,
}

impl Fields {
    /// Errors: `Error::Empty`; `Error::Shape` where dimensions differ.
    pub fn new(fields: Vec<Field>) -> Result<Fields> {
        let Some(first) = fields.first() else {
            return Err(Error::Empty { what: "fields", expected: "level" });
        };
        let d = first.grid.dimension();
        if let Some(other) = fields.iter().find(|field| field.grid.dimension() != d) {
            return Err(Error::Shape {
                what: "field",
                found: vec![other.grid.dimension()],
                expected: format!("dimension {d}"),
            });
        }
        Ok(Fields { fields })
    }

    /// One field for each channel of a table, as `solve` makes it; levels are solved side by side.
    ///
    /// Errors: those of `solve`, the first in the order of the table.
    pub fn over(steps: &Steps, solve: impl Fn(Channel) -> Result<Field> + Sync) -> Result<Fields> {
        let fields: Vec<Result<Field>> =
            steps.channels().par_iter().map(|&channel| solve(channel)).collect();
        Fields::new(fields.into_iter().collect::<Result<Vec<Field>>>()?)
    }

    /// The levels' fields.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    fn level(&self, channel: Channel) -> Result<&Field> {
        self.fields.iter().find(|field| field.channel == channel).ok_or(Error::Domain {
            what: "sigma of a channel",
            value: channel.sigma(),
            expected: "one of the levels that have a field",
        })
    }
}

impl Denoiser<f64> for Fields {
    fn dimension(&self) -> usize {
        self.fields.first().map_or(0, |field| field.grid.dimension())
    }

    fn predict(&self, channel: Channel, x: ArrayView2<'_, f64>) -> Result<Prediction<f64>> {
        self.level(channel)?.predict(channel, x)
    }

    fn jacobian_vector(
        &self,
        channel: Channel,
        x: ArrayView2<'_, f64>,
        v: ArrayView2<'_, f64>,
    ) -> Result<Array2<f64>> {
        self.level(channel)?.product(channel, x, v, false)
    }

    fn vector_jacobian(
        &self,
        channel: Channel,
        x: ArrayView2<'_, f64>,
        v: ArrayView2<'_, f64>,
    ) -> Result<Array2<f64>> {
        self.level(channel)?.product(channel, x, v, true)
    }
}
