//! The tensor cubic spline through the nodes of a grid, with slope 0 across the boundary: twice continuously differentiable
//! in the box, and once on all of space when it goes on as its nearest point.
//!
//! On an axis in units of h the slopes solve m_{i−1} + 4m_i + m_{i+1} = 3(v_{i+1} − v_{i−1}) with m_0 = m_{n−1} = 0: diagonally
//! dominant, condition 3.
//!
//! Floor 5. Uses `optimum::grid`. Spec: E5, E6.

use ndarray::ArrayView1;

use super::grid::Grid;

/// A spline's value and derivatives at a point, in the units of x: ∇v and Δv are 0 in coordinates that are outside the box.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Jet {
    pub value: f64,
    pub gradient: [f64; 2],
    pub laplacian: f64,
}

/// Value, slope along, slope across and mixed slope at each node, in units of h.
pub(super) struct Spline {
    grid: Grid,
    nodes: Vec<[f64; 4]>,
}

/// H₀, H₁ (values) and their slopes' partners at θ, then first and second derivatives.
fn basis(t: f64) -> [[f64; 4]; 3] {
    let r = 1.0 - t;
    [
        [r * r * (1.0 + 2.0 * t), t * t * (3.0 - 2.0 * t), t * r * r, -t * t * r],
        [-6.0 * t * r, 6.0 * t * r, r * (1.0 - 3.0 * t), t * (3.0 * t - 2.0)],
        [12.0 * t - 6.0, 6.0 - 12.0 * t, 6.0 * t - 4.0, 6.0 * t - 2.0],
    ]
}

/// The slopes of a line of values.
fn slopes(values: &[f64]) -> Vec<f64> {
    let n = values.len();
    let mut slopes = vec![0.0; n];
    let mut ratio = vec![0.0; n];
    for i in 1..n.saturating_sub(1) {
        let pivot = 4.0 - ratio[i - 1];
        let right = 3.0 * (values[i + 1] - values[i - 1]);
        slopes[i] = (right - slopes[i - 1]) / pivot;
        ratio[i] = 1.0 / pivot;
    }
    for i in (1..n.saturating_sub(1)).rev() {
        slopes[i] -= ratio[i] * slopes[i + 1];
    }
    slopes
}

impl Spline {
    /// Through one value a node.
    pub fn new(grid: &Grid, values: ArrayView1<'_, f64>) -> Spline {
        let (rows, columns) = grid.shape();
        let mut nodes: Vec<[f64; 4]> = values.iter().map(|&v| [v, 0.0, 0.0, 0.0]).collect();
        let mut fill = |start: usize, stride: usize, count: usize, from: usize, to: usize| {
            let line: Vec<f64> = (0..count).map(|n| nodes[start + n * stride][from]).collect();
            for (n, slope) in slopes(&line).into_iter().enumerate() {
                nodes[start + n * stride][to] = slope;
            }
        };
        (0..rows).for_each(|i| fill(i * columns, 1, columns, 0, 1));
        if rows > 1 {
            (0..columns).for_each(|j| fill(j, columns, rows, 0, 2));
            (0..columns).for_each(|j| fill(j, columns, rows, 1, 3));
        }
        Spline { grid: grid.clone(), nodes }
    }

    /// At any point of d coordinates.
    pub fn at(&self, x: &[f64]) -> Jet {
        let (_, columns) = self.grid.shape();
        let along = self.grid.along();
        let (column, theta, inside) = along.locate(x[x.len() - 1]);
        let b = basis(theta);
        let h = along.spacing();
        // A row's value, slope across, and their derivatives along.
        let row = |i: usize, order: usize, which: usize| -> f64 {
            let at = i * columns + column;
            let (left, right) = (&self.nodes[at], &self.nodes[at + 1]);
            let b = &b[order];
            b[0] * left[which]
                + b[1] * right[which]
                + (b[2] * left[which + 1] + b[3] * right[which + 1])
        };
        let Some(axis) = self.grid.across() else {
            let (slope, second) = if inside { (row(0, 1, 0), row(0, 2, 0)) } else { (0.0, 0.0) };
            return Jet {
                value: row(0, 0, 0),
                gradient: [slope / h, 0.0],
                laplacian: second / h / h,
            };
        };
        let (first, across, inside_across) = axis.locate(x[0]);
        let k = axis.spacing();
        let c = basis(across);
        let plane = |order_across: usize, order_along: usize| -> f64 {
            let c = &c[order_across];
            let value = |i: usize, across: bool| {
                // Slopes across are entries 2 and 3; entry 1 is the slope along of entry 0.
                row(first + i, order_along, if across { 2 } else { 0 })
            };
            c[0] * value(0, false)
                + c[1] * value(1, false)
                + (c[2] * value(0, true) + c[3] * value(1, true))
        };
        let when = |holds: bool, value: f64| if holds { value } else { 0.0 };
        Jet {
            value: plane(0, 0),
            gradient: [when(inside_across, plane(1, 0) / k), when(inside, plane(0, 1) / h)],
            laplacian: when(inside_across, plane(2, 0) / k / k) + when(inside, plane(0, 2) / h / h),
        }
    }

    /// Bounds of |v|, of |∂v| and |∂²v| along the boundary, and of |v − multilinear| on it: what the spline can do outside
    /// the box. On the line all but the first are 0.
    pub fn on_boundary(&self, centre: f64) -> Boundary {
        let (rows, columns) = self.grid.shape();
        let mut found = Boundary::default();
        let ends = [self.nodes[0][0], self.nodes[self.nodes.len() - 1][0]];
        found.value = ends.into_iter().fold(0.0, |m: f64, v| m.max((v - centre).abs()));
        let Some(axis) = self.grid.across() else { return found };
        let mut side = |start: usize, stride: usize, count: usize, which: usize, h: f64| {
            for n in 0..count - 1 {
                let (l, r) = (self.nodes[start + n * stride], self.nodes[start + (n + 1) * stride]);
                let rise = (r[0] - l[0]).abs();
                let steep = l[which].abs() + r[which].abs();
                // |H₀'| ≤ 3/2, |H₁'| ≤ 1; |H₀''| ≤ 6, |H₁''| ≤ 4; the slopes' parts of the value are at most 4/27 each.
                let size = (l[0] - centre).abs().max((r[0] - centre).abs());
                found.value = found.value.max(size + 4.0 / 27.0 * steep);
                found.slope = found.slope.max((1.5 * rise + steep) / h);
                found.second = found.second.max((6.0 * rise + 4.0 * steep) / h / h);
                found.bend = found.bend.max(4.0 / 27.0 * (steep + 2.0 * rise));
            }
        };
        let h = self.grid.along().spacing();
        side(0, 1, columns, 1, h);
        side((rows - 1) * columns, 1, columns, 1, h);
        side(0, columns, rows, 2, axis.spacing());
        side(columns - 1, columns, rows, 2, axis.spacing());
        found
    }
}

/// See [`Spline::on_boundary`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Boundary {
    pub value: f64,
    pub slope: f64,
    pub second: f64,
    pub bend: f64,
}
