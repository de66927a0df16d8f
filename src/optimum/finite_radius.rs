//! E6 on a grid: the optimum for a perturbation uniform in the box [−r, r]ᵈ, by product integration.
//!
//! With u = sω the equation is p(D − D*) + λ·E[p(x)(D(x) − D(x+u)) + p(x−u)(D(x) − D(x−u))] = 0. E f(x + u) for f multilinear
//! between nodes is a sum over the grid of h with weights q_k, the integral of a hat over [−rs, rs]; all but q₀ are then made
//! smaller by the one factor that gives Σ q_k·k²h² its exact value τ²s², so that the scheme tends to that of E5 as r → 0, whatever
//! r/h is. Divided by p_i the weight of node j is w_ij = λ·q_{j−i}·(1 + p_j/p_i): an M-matrix with row sums 1 again. Partners
//! outside the box are left out, as no flux is. Multiplied by √p it is symmetric and no less than I.
//!
//! Floor 5. Uses `arith`, `attack`, `channel`, `error`, `law`, `optimum::{conjugate, field, grid, resolvent}`. Spec: E6, N3.

use super::conjugate::{self, Symmetric};
use super::field::Field;
use super::grid::{Grid, GridAxis, Sampled};
use super::resolvent::{RESIDUAL, Solved};
use crate::arith::scalar::exp;
use crate::attack::Shape;
use crate::channel::Channel;
use crate::error::{Error, Result};
use crate::law::Mixture;

const MOST_STEPS: usize = 5000;
const MOST_SWEEPS: usize = 2000;
/// The most that ln p may span over the box: beyond it p itself would underflow.
const MOST_SPAN: f64 = 600.0;
/// The largest sum of weights, so that its products with values stay finite.
const MOST_WEIGHT: f64 = 1e200;

/// ω uniform in the box [−r, r]ᵈ, in noise units, with weight λ in the objective.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoxPerturbation {
    lambda: f64,
    radius: f64,
}

impl BoxPerturbation {
    /// λ ≥ 0 and r > 0, both finite. Errors: `Error::Domain`.
    pub fn new(lambda: f64, radius: f64) -> Result<BoxPerturbation> {
        if !(lambda >= 0.0 && lambda.is_finite()) {
            let expected = "a finite number, at least 0";
            return Err(Error::Domain { what: "lambda", value: lambda, expected });
        }
        if !(radius > 0.0 && radius.is_finite()) {
            let expected = "a finite number above 0";
            return Err(Error::Domain { what: "radius", value: radius, expected });
        }
        Ok(BoxPerturbation { lambda, radius })
    }

    /// The perturbation of radius r whose λ·τ² is κ: λ = 3κ/r². Errors: as [`BoxPerturbation::new`].
    pub fn of_kappa(kappa: f64, radius: f64) -> Result<BoxPerturbation> {
        let checked = BoxPerturbation::new(0.0, radius)?;
        BoxPerturbation::new(kappa / Shape::Box.tau_squared(checked.radius, 1), radius)
    }

    /// λ.
    pub fn lambda(self) -> f64 {
        self.lambda
    }

    /// r.
    pub fn radius(self) -> f64 {
        self.radius
    }

    /// λτ² = λr²/3.
    pub fn kappa(self) -> f64 {
        self.lambda * Shape::Box.tau_squared(self.radius, 1)
    }
}

/// The optimum over all functions of a law at the nodes of a grid, as a denoiser for one channel.
///
/// [`super::certify_finite_radius`] bounds its distance from the exact one in L²(p).
/// Errors: those of [`Mixture::through`], [`Sampled::of_law`] and [`finite_radius`]. Spec: E6.
pub fn finite_radius_of(
    law: &Mixture,
    channel: Channel,
    perturbation: BoxPerturbation,
    grid: &Grid,
) -> Result<Field> {
    let sampled = Sampled::of_law(&law.through::<f64>(channel)?, grid)?;
    let solved = finite_radius(&sampled, perturbation, channel.s())?;
    Field::new(grid.clone(), channel, solved.values)
}

/// The discrete optimum for numbers on a grid.
///
/// Conjugate gradients solve the bulk, averaging steps the tails; both stop as in [`super::resolvent()`]. Every value is an
/// average of targets, up to the rounding of its last averaging: min D* ≤ D ≤ max D* to within (4m + 16)u·max|D*|, m the number of
/// nodes in the box of the perturbation. The same bits for any number of threads.
/// Errors: `Error::Domain` where s is not above 0, ln p spans more than 600 over the grid, or the perturbation reaches beyond it.
/// Spec: E6, N3.
pub fn finite_radius(sampled: &Sampled, perturbation: BoxPerturbation, s: f64) -> Result<Solved> {
    if !(s > 0.0 && s.is_finite()) {
        return Err(Error::Domain { what: "s", value: s, expected: "a finite number above 0" });
    }
    let matrix = Averages::new(sampled, perturbation, s)?;
    Ok(Solved::by_column(sampled, |target| matrix.solve_column(target)))
}

/// q_k, k = −m … m, for u uniform in [−reach, reach]: hats integrated, and the second moment made exact.
fn stencil(axis: GridAxis, reach: f64) -> Result<Vec<f64>> {
    let rho = reach / axis.spacing();
    if rho.is_nan() || rho >= (axis.nodes() - 1) as f64 {
        return Err(Error::Domain {
            what: "reach of the perturbation",
            value: reach,
            expected: "less than the width of the grid",
        });
    }
    // ∫ of the hat up to t.
    let up_to = |t: f64| {
        let t = t.clamp(-1.0, 1.0);
        if t <= 0.0 { 0.5 * (1.0 + t) * (1.0 + t) } else { 1.0 - 0.5 * (1.0 - t) * (1.0 - t) }
    };
    let m = rho.ceil() as usize;
    let half: Vec<f64> =
        (0..=m).map(|k| (up_to(rho - k as f64) - up_to(-rho - k as f64)) / (2.0 * rho)).collect();
    let second: f64 = half.iter().enumerate().map(|(k, q)| 2.0 * q * (k * k) as f64).sum();
    let factor = rho * rho / 3.0 / second;
    let mut all: Vec<f64> = (0..=2 * m).map(|k| factor * half[k.abs_diff(m)]).collect();
    all[m] = 0.0;
    all[m] = 1.0 - all.iter().sum::<f64>();
    Ok(all)
}

/// The system in its row form and, by √p, in its symmetric one.
struct Averages {
    rows: usize,
    columns: usize,
    lambda: f64,
    along: Vec<f64>,
    across: Vec<f64>,
    density: Vec<f64>,
    root: Vec<f64>,
    /// λ·Σ_j q(1 + p_j/p_i), the own node counted.
    weight: Vec<f64>,
}

impl Averages {
    fn new(sampled: &Sampled, perturbation: BoxPerturbation, s: f64) -> Result<Averages> {
        let grid = sampled.grid();
        let (rows, columns) = grid.shape();
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
        let reach = perturbation.radius * s;
        let root: Vec<f64> = log.iter().map(|v| exp(0.5 * (v - top))).collect();
        let mut matrix = Averages {
            rows,
            columns,
            lambda: perturbation.lambda,
            along: stencil(grid.along(), reach)?,
            across: grid.across().map_or(Ok(vec![1.0]), |axis| stencil(axis, reach))?,
            density: root.iter().map(|r| r * r).collect(),
            root,
            weight: Vec::new(),
        };
        let ones = matrix.averaged(&vec![1.0; log.len()]);
        let density = matrix.averaged(&matrix.density);
        let each = ones.iter().zip(&density).zip(&matrix.density);
        matrix.weight = each.map(|((one, q), p)| matrix.lambda * (one + q / p)).collect();
        match matrix.weight.iter().find(|w| !(0.0..MOST_WEIGHT).contains(*w)) {
            None => Ok(matrix),
            Some(&value) => Err(Error::Domain {
                what: "weight of the perturbed points",
                value,
                expected: "below 1e200: a smaller lambda or radius",
            }),
        }
    }

    /// Σ_j q_{j−i}·f_j over the nodes there are.
    fn averaged(&self, f: &[f64]) -> Vec<f64> {
        let mut along = vec![0.0; f.len()];
        for (out, row) in along.chunks_mut(self.columns).zip(f.chunks(self.columns)) {
            convolve(&self.along, out.len(), |j, i, q, n| {
                for (out, f) in out[i..i + n].iter_mut().zip(&row[j..j + n]) {
                    *out += q * f;
                }
            });
        }
        if self.rows == 1 {
            return along;
        }
        let mut both = vec![0.0; f.len()];
        let c = self.columns;
        convolve(&self.across, self.rows, |j, i, q, n| {
            for (out, f) in both[i * c..(i + n) * c].iter_mut().zip(&along[j * c..(j + n) * c]) {
                *out += q * f;
            }
        });
        both
    }

    /// λ·Σ_j q(1 + p_j/p_i)·D_j.
    fn drawn(&self, values: &[f64]) -> Vec<f64> {
        let plain = self.averaged(values);
        let weighed: Vec<f64> = values.iter().zip(&self.density).map(|(v, p)| v * p).collect();
        let weighed = self.averaged(&weighed);
        let each = plain.iter().zip(&weighed).zip(&self.density);
        each.map(|((v, w), p)| self.lambda * (v + w / p)).collect()
    }

    fn solve_column(&self, target: &[f64]) -> (Vec<f64>, f64, usize) {
        let (low, high) = target
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
        let goal = RESIDUAL * (high - low);
        // Values are taken from the middle of their range, so that a law far from the origin loses nothing.
        let centre = 0.5 * (low + high);
        let target: Vec<f64> = target.iter().map(|v| v - centre).collect();
        let right: Vec<f64> = target.iter().zip(&self.root).map(|(v, r)| v * r).collect();
        let mut y = right.clone();
        let mass: f64 = self.density.iter().sum();
        let steps = conjugate::solve(self, &right, &mut y, 0.01 * goal * mass.sqrt(), MOST_STEPS);
        // The solution is in this interval, so this brings every node nearer to it. Where weights of 1e150 and more made
        // conjugate gradients overflow, the averaging starts from the target.
        let mut values: Vec<f64> = y
            .iter()
            .zip(&self.root)
            .zip(&target)
            .map(|((y, r), target)| {
                let value = (y / r).clamp(low - centre, high - centre);
                if value.is_nan() { *target } else { value }
            })
            .collect();
        let mut largest = f64::INFINITY;
        for _ in 0..MOST_SWEEPS {
            let drawn = self.drawn(&values);
            largest = 0.0;
            for (i, value) in values.iter_mut().enumerate() {
                let residual = (target[i] - *value) + (drawn[i] - self.weight[i] * *value);
                largest = largest.max(residual.abs());
                // The average without the node itself would be no quicker: its share is at most q₀.
                *value = (target[i] + drawn[i]) / (1.0 + self.weight[i]);
            }
            if largest <= goal {
                break;
            }
        }
        // One more residual would cost a sweep; an averaging step never makes the largest one larger.
        (values.into_iter().map(|v| v + centre).collect(), largest, steps)
    }
}

/// Calls f(j, i, q, n) for every weight: nodes i … i + n − 1 receive q times the nodes from j on.
fn convolve(stencil: &[f64], nodes: usize, mut f: impl FnMut(usize, usize, f64, usize)) {
    let m = stencil.len() / 2;
    for (k, &q) in stencil.iter().enumerate() {
        let shift = k.abs_diff(m);
        if shift >= nodes {
            continue;
        }
        let (from, to) = if k >= m { (shift, 0) } else { (0, shift) };
        f(from, to, q, nodes - shift);
    }
}

impl Symmetric for Averages {
    fn apply(&self, y: &[f64], out: &mut [f64]) {
        let over: Vec<f64> = y.iter().zip(&self.root).map(|(y, r)| y / r).collect();
        let drawn = self.drawn(&over);
        for (i, out) in out.iter_mut().enumerate() {
            *out = (1.0 + self.weight[i]) * y[i] - self.root[i] * drawn[i];
        }
    }

    fn precondition(&self, r: &[f64], out: &mut [f64]) {
        for ((out, r), w) in out.iter_mut().zip(r).zip(&self.weight) {
            *out = r / (1.0 + w);
        }
    }
}
