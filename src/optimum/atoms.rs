//! The best mixed strategy against affine denoisers, by Frank–Wolfe with full correction.
//!
//! g(p) = min_A L(A; r²·Σ p_kω_kω_kᵀ) is concave in the weights, with ∂g/∂p_k = λr²·‖Eω_k‖² and
//! ∂²g/∂p_k∂p_l = −2λ²h²r⁴·(ω_kᵀW⁻¹ω_l)(ω_kᵀEᵀEω_l). So: find the best weights of the points at hand by Newton's method on
//! the simplex, ask the adversary for the point that does most against the result, add it, and go on until it does no more
//! than those at hand. Nothing rests on convergence: `optimum::minmax` proves what was reached.
//!
//! Floor 5. Uses `arith`, `attack`, `error`, `optimum::{minmax, quadratic}`. Spec: E4. Source: Jaggi, Revisiting
//! Frank–Wolfe, 2013 (the fully corrective form).

use ndarray::{Array1, Array2, ArrayView1, Axis, concatenate};

use super::minmax::Strategy;
use super::quadratic::{Quadratic, Spread};
use super::{UNIT, gamma};
use crate::arith::matrix::multiply;
use crate::attack::Norm;
use crate::attack::affine::largest_effect;
use crate::error::{Error, Result};

/// Points that the adversary is asked for; each costs a decomposition or a search of the vertices.
const ROUNDS: usize = 400;
/// Newton steps between two questions; convergence is quadratic once the support is found.
const STEPS: usize = 60;

/// The state at some weights: the payoff of each point, and minus the second derivatives, both over λr².
struct State {
    payoffs: Vec<f64>,
    curvature: Array2<f64>,
    effect: Array2<f64>,
}

/// A strategy of the unit ball whose gap is as small as rounding lets the search see.
pub(super) fn best_strategy(
    quadratic: &Quadratic<'_>,
    norm: Norm,
    square_radius: f64,
) -> Result<Strategy> {
    let d = quadratic.moments().dimension();
    let nobody = quadratic.minimiser(&Spread::isotropic(d, 0.0))?;
    let first = largest_effect(norm, quadratic.effect(nobody.denoised.view()).view(), 1.0)?;
    let mut points = first.at.insert_axis(Axis(0));
    let mut weights = vec![1.0];
    for _ in 0..ROUNDS {
        let state = corrected(quadratic, square_radius, &points, &mut weights)?;
        let got = payoff(&state.payoffs, &weights);
        let answer = largest_effect(norm, state.effect.view(), 1.0)?;
        // What the sums of a payoff round, on both sides.
        if answer.lower <= got * (1.0 + gamma(8 * d + 16)) {
            break;
        }
        if points.rows().into_iter().any(|row| same_line(row, answer.at.view())) {
            break;
        }
        (points, weights) = kept(&points, &weights);
        points = joined(&points, answer.at.view())?;
        weights.push(0.0);
    }
    let (points, mut weights) = kept(&points, &weights);
    // Points are in the ball up to a rounding of their length, and weights sum to 1 up to theirs.
    let longest = longest(norm, &points) * (1.0 + gamma(weights.len() + 2));
    let total: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|p| *p /= total * longest);
    Ok(Strategy { points, weights })
}

/// The largest ‖ω‖² above 1, or 1; vertices are exact.
fn longest(norm: Norm, points: &Array2<f64>) -> f64 {
    if norm != Norm::L2 {
        return 1.0;
    }
    let squares = points.rows().into_iter().map(|row| {
        row.iter().fold(0.0_f64, |sum, w| w.mul_add(*w, sum)) * (1.0 + gamma(row.len() + 2))
    });
    squares.fold(1.0, f64::max)
}

fn payoff(payoffs: &[f64], weights: &[f64]) -> f64 {
    payoffs.iter().zip(weights).fold(0.0_f64, |sum, (g, p)| p.mul_add(*g, sum))
}

/// ω and −ω are one strategy.
fn same_line(a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>) -> bool {
    a == b || a.iter().zip(b).all(|(a, b)| *a == -*b)
}

/// The points with weight.
fn kept(points: &Array2<f64>, weights: &[f64]) -> (Array2<f64>, Vec<f64>) {
    let used: Vec<usize> = (0..weights.len()).filter(|&k| weights[k] > 0.0).collect();
    (points.select(Axis(0), &used), used.iter().map(|&k| weights[k]).collect())
}

fn joined(points: &Array2<f64>, point: ArrayView1<'_, f64>) -> Result<Array2<f64>> {
    concatenate(Axis(0), &[points.view(), point.insert_axis(Axis(0))]).map_err(|error| {
        Error::Shape {
            what: "strategy",
            found: points.shape().to_vec(),
            expected: error.to_string(),
        }
    })
}

fn state(
    quadratic: &Quadratic<'_>,
    square_radius: f64,
    points: &Array2<f64>,
    weights: &[f64],
) -> Result<State> {
    let spread = Spread::of_points(points.view(), weights)?.scaled(square_radius);
    let (minimiser, inverse) = quadratic.minimiser_and_inverse(&spread)?;
    let effect = quadratic.effect(minimiser.view());
    let moved = multiply(points.view(), effect.t())?;
    let gram = multiply(moved.view(), moved.t())?;
    let metric = multiply(multiply(points.view(), inverse.view())?.view(), points.t())?;
    let [_, s, step, _] = quadratic.numbers();
    let factor = 2.0 * quadratic.lambda() * square_radius * step * (step / s);
    Ok(State {
        payoffs: gram.diag().to_vec(),
        curvature: (&gram * &metric).mapv(|entry| factor * entry),
        effect,
    })
}

/// Weights that no exchange among the points improves, by Newton's method on the simplex with an active set.
fn corrected(
    quadratic: &Quadratic<'_>,
    square_radius: f64,
    points: &Array2<f64>,
    weights: &mut Vec<f64>,
) -> Result<State> {
    let mut here = state(quadratic, square_radius, points, weights)?;
    for _ in 0..STEPS {
        let most = here.payoffs.iter().fold(0.0_f64, |m, g| m.max(*g));
        if most <= payoff(&here.payoffs, weights) * (1.0 + gamma(16)) {
            break;
        }
        let Some(direction) = newton(&here, weights) else { break };
        let slope = |state: &State| -> f64 {
            state.payoffs.iter().zip(&direction).map(|(g, d)| g * d).sum()
        };
        let start = slope(&here);
        // As far as a weight reaches 0, and no further than Newton's own step.
        let ratios = weights.iter().zip(&direction).filter(|(_, d)| **d < 0.0);
        let mut length = ratios.fold(1.0_f64, |least, (p, d)| least.min(p / -d));
        let mut next = moved(weights, &direction, length);
        let mut there = state(quadratic, square_radius, points, &next)?;
        // Past the top the slope is negative; a little past it does no harm.
        while slope(&there) < -0.25 * start && length > UNIT {
            length *= 0.5;
            next = moved(weights, &direction, length);
            there = state(quadratic, square_radius, points, &next)?;
        }
        let settled = next == *weights;
        (*weights, here) = (next, there);
        if settled {
            break;
        }
    }
    Ok(here)
}

/// p + αδ, held to the simplex: what is within rounding of 0 is 0.
fn moved(weights: &[f64], direction: &[f64], length: f64) -> Vec<f64> {
    let at = |(p, d): (&f64, &f64)| {
        let next = length.mul_add(*d, *p);
        if next <= 4.0 * UNIT * p { 0.0 } else { next }
    };
    let next: Vec<f64> = weights.iter().zip(direction).map(at).collect();
    let total: f64 = next.iter().sum();
    next.iter().map(|p| p / total).collect()
}

/// The direction δ that maximises payoffs·δ − ½δᵀHδ over Σδ = 0 on the points that carry weight, and those that would gain
/// by some; `None` where there is nothing to gain.
fn newton(state: &State, weights: &[f64]) -> Option<Vec<f64>> {
    let mean = payoff(&state.payoffs, weights);
    let mut open: Vec<usize> =
        (0..weights.len()).filter(|&k| weights[k] > 0.0 || state.payoffs[k] > mean).collect();
    while open.len() > 1 {
        let gradient: Vec<f64> = open.iter().map(|&k| state.payoffs[k] - mean).collect();
        let found = step_on(&state.curvature, &open, &gradient)?;
        // A weight of 0 cannot fall: such a point is left out, and the rest decide again.
        let stuck = open.iter().zip(&found).position(|(&k, d)| weights[k] == 0.0 && *d <= 0.0);
        let Some(stuck) = stuck else {
            let mut direction = vec![0.0; weights.len()];
            open.iter().zip(found).for_each(|(&k, d)| direction[k] = d);
            return Some(direction);
        };
        open.remove(stuck);
    }
    None
}

/// (H + εI)δ = g − μ·1 with Σδ = 0; ε, the rounding of H's own trace, keeps dependent points from dividing by 0.
fn step_on(curvature: &Array2<f64>, open: &[usize], gradient: &[f64]) -> Option<Vec<f64>> {
    let n = open.len();
    let mut matrix = Array2::from_shape_fn((n, n), |(i, j)| curvature[[open[i], open[j]]]);
    let trace: f64 = matrix.diag().iter().sum();
    let ridge = n as f64 * UNIT * trace;
    matrix.diag_mut().mapv_inplace(|h| h + ridge.max(f64::MIN_POSITIVE));
    let factor = cholesky(matrix)?;
    let (x, y) = (solve(&factor, gradient), solve(&factor, &vec![1.0; n]));
    let (sum_x, sum_y): (f64, f64) = (x.iter().sum(), y.iter().sum());
    let found: Vec<f64> = x.iter().zip(&y).map(|(x, y)| x - sum_x / sum_y * y).collect();
    found.iter().all(|d| d.is_finite()).then_some(found)
}

/// L with L·Lᵀ = H, in place of the lower triangle; `None` where a pivot is not above 0.
fn cholesky(mut matrix: Array2<f64>) -> Option<Array2<f64>> {
    for j in 0..matrix.nrows() {
        for i in j..matrix.nrows() {
            let sum = (0..j)
                .fold(matrix[[i, j]], |sum, k| (-matrix[[i, k]]).mul_add(matrix[[j, k]], sum));
            if i == j && !(sum > 0.0 && sum.is_finite()) {
                return None;
            }
            matrix[[i, j]] = if i == j { sum.sqrt() } else { sum / matrix[[j, j]] };
        }
    }
    Some(matrix)
}

/// (L·Lᵀ)⁻¹·right.
fn solve(factor: &Array2<f64>, right: &[f64]) -> Vec<f64> {
    let n = right.len();
    let mut x = Array1::from_vec(right.to_vec());
    for i in 0..n {
        let sum = (0..i).fold(x[i], |sum, k| (-factor[[i, k]]).mul_add(x[k], sum));
        x[i] = sum / factor[[i, i]];
    }
    for i in (0..n).rev() {
        let sum = (i + 1..n).fold(x[i], |sum, k| (-factor[[k, i]]).mul_add(x[k], sum));
        x[i] = sum / factor[[i, i]];
    }
    x.to_vec()
}
