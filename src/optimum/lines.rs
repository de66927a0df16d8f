//! Averages along lines: the row form of an M-matrix with row sums 1, solved with no subtraction of weights.
//!
//! A row of the system says that D_i is the average of its target (weight 1) and of its neighbours (weights w_ij ≥ 0):
//! (1 + Σ_j w_ij)·D_i − Σ_j w_ij·D_j = f_i. Elimination keeps that form when the excess of a pivot over what lies ahead is
//! carried in place of the pivot (Grassmann, Taksar and Heyman 1985), so every number is an average of two others, and the
//! maximum principle holds to the last bit.
//!
//! Floor 5. Uses nothing of the crate. Spec: E5.

/// x + θ(y − x) for θ in [0, 1], put back between x and y where rounding left it outside.
pub(super) fn between(x: f64, y: f64, theta: f64) -> f64 {
    (x + theta * (y - x)).clamp(x.min(y), x.max(y))
}

/// The weights of the neighbours of the nodes of a grid, row by row: `ahead` is the next of the row, `behind` the one
/// before, `above` and `below` those of the next and of the last row. A neighbour that is not there has weight 0.
#[derive(Clone, Debug)]
pub(super) struct Weights {
    pub columns: usize,
    /// κ(s/h)² along a row and from row to row: the geometric mean of w_ij and w_ji.
    pub rates: [f64; 2],
    pub ahead: Vec<f64>,
    pub behind: Vec<f64>,
    pub above: Vec<f64>,
    pub below: Vec<f64>,
}

/// One line of nodes: where it starts and how far apart its nodes are in memory.
#[derive(Clone, Copy)]
struct Line {
    start: usize,
    stride: usize,
    nodes: usize,
}

/// Room for the excesses and averages of a line.
#[derive(Default)]
pub(super) struct Room {
    excess: Vec<f64>,
    average: Vec<f64>,
}

impl Weights {
    fn rows(&self) -> usize {
        self.ahead.len() / self.columns.max(1)
    }

    /// Σ_j w_ij.
    pub fn total(&self, i: usize) -> f64 {
        (self.ahead[i] + self.behind[i]) + (self.above[i] + self.below[i])
    }

    /// f_i − D_i + Σ_j w_ij(D_j − D_i).
    pub fn residual(&self, target: &[f64], values: &[f64], i: usize) -> f64 {
        let here = values[i];
        let towards = |weight: f64, j: usize| {
            if weight > 0.0 { weight * (values[j] - here) } else { 0.0 }
        };
        let along = towards(self.ahead[i], i + 1) + towards(self.behind[i], i.wrapping_sub(1));
        let across = towards(self.above[i], i + self.columns)
            + towards(self.below[i], i.wrapping_sub(self.columns));
        (target[i] - here) + (along + across)
    }

    /// The largest residual in size, by which no node is further from the solution: the inverse has row sums 1.
    pub fn largest_residual(&self, target: &[f64], values: &[f64]) -> f64 {
        (0..values.len()).fold(0.0f64, |m, i| m.max(self.residual(target, values, i).abs()))
    }

    /// One sweep: every row is solved given its neighbours, upwards and downwards, then every column, there and back. On
    /// the line it is the solution.
    pub fn sweep(&self, target: &[f64], values: &mut [f64], room: &mut Room) {
        let (rows, columns) = (self.rows(), self.columns);
        let row = |i: usize| Line { start: i * columns, stride: 1, nodes: columns };
        (0..rows).for_each(|i| self.solve(row(i), target, values, room));
        if rows == 1 {
            return;
        }
        (0..rows).rev().for_each(|i| self.solve(row(i), target, values, room));
        let column = |j: usize| Line { start: j, stride: columns, nodes: rows };
        (0..columns).for_each(|j| self.solve(column(j), target, values, room));
        (0..columns).rev().for_each(|j| self.solve(column(j), target, values, room));
    }

    fn solve(&self, line: Line, target: &[f64], values: &mut [f64], room: &mut Room) {
        let Line { start, stride, nodes } = line;
        let along_row = stride == 1;
        let (ahead, behind, side, other, step) = if along_row {
            (&self.ahead, &self.behind, &self.above, &self.below, self.columns)
        } else {
            (&self.above, &self.below, &self.ahead, &self.behind, 1)
        };
        room.excess.clear();
        room.average.clear();
        let (mut excess, mut average, mut onward) = (0.0f64, 0.0f64, 0.0f64);
        for n in 0..nodes {
            let i = start + n * stride;
            let (mut own, mut weight) = (target[i], 1.0);
            for (w, j) in [(side[i], i + step), (other[i], i.wrapping_sub(step))] {
                if w > 0.0 {
                    weight += w;
                    own = between(own, values[j], w / weight);
                }
            }
            if n > 0 {
                let from_behind = behind[i] * (excess / (excess + onward));
                weight += from_behind;
                own = between(own, average, from_behind / weight);
            }
            (excess, average, onward) = (weight, own, ahead[i]);
            room.excess.push(excess);
            room.average.push(average);
        }
        let mut next = average;
        for n in (0..nodes).rev() {
            let i = start + n * stride;
            if n + 1 < nodes {
                let onward = ahead[i];
                next = between(room.average[n], next, onward / (room.excess[n] + onward));
            }
            values[i] = next;
        }
    }
}
