//! T8 by sampling: what the samplers draw, against the Gaussian that the recursion gives.
//!
//! n independent samples are N(m, C) by hypothesis, exactly. So for a direction u, √n·u·(x̄ − m)/√(uᵀCu) is standard
//! normal, and Σ(u·(x − m))²/(uᵀCu) is χ² of n degrees. Tails: P(|Z| > z) ≤ e^(−z²/2), and (Laurent and Massart 2000,
//! lemma 1) P(χ² > n + 2√(nt) + 2t) ≤ e^(−t), P(χ² < n − 2√(nt)) ≤ e^(−t). Each of the tests is given the
//! probability α = 1e-10 (½α a tail of χ²). Directions: the coordinates, and (e_i ± e_j)/√2 for the covariances: together
//! they determine every entry. Rounding: in y = x/a no step has a factor above 1, so errors are not amplified, and each
//! step adds at most (d + 10)u of the state's size, below 1e3: less than 1e-10 in all, where every tested direction has a
//! deviation above 0.1; 1e-6 of the interval is added for it. Normals are made from 53-bit uniforms and depart from the
//! normal law by less than that.
//!
//! Floor 7. Uses `claims`, `sampler`, `denoiser`, `law`, `arith`. Spec: T8.

use ndarray::{Array1, Array2, array};

use super::t8::METHODS;
use super::worst::Worst;
use super::{Case, Context};
use crate::arith::eigen::symmetric_eigen;
use crate::arith::scalar::ln;
use crate::arith::sum::sum_by_parallel;
use crate::channel::Steps;
use crate::denoiser::Affine;
use crate::error::Result;
use crate::law::toy_law;
use crate::sampler::{End, GaussianLaw, Options, Start};

/// The probability that one test fails although T8 is true.
pub(super) const ALARM: f64 = 1e-10;

/// A Gaussian law, a step table and a place to end.
pub(super) struct Setting {
    law: &'static str,
    mean: Array1<f64>,
    covariance: Array2<f64>,
    table: &'static str,
    steps: Steps,
    end: End,
}

pub(super) fn settings() -> Result<Vec<Setting>> {
    let correlated = array![[2.0, 0.9], [0.9, 0.5]];
    let plane = toy_law("oblique-plane")?;
    Ok(vec![
        Setting {
            law: "correlated Gaussian",
            mean: array![1.0, -2.0],
            covariance: correlated,
            table: "ddpm, 16 levels, to the data",
            steps: Steps::by_name("ddpm", 16)?,
            end: End::Data,
        },
        Setting {
            law: "oblique-plane",
            mean: Array1::from_vec(plane.mean()),
            covariance: plane.total_covariance(),
            table: "edm, 10 levels, to the last level",
            steps: Steps::by_name("edm", 10)?,
            end: End::LastLevel,
        },
    ])
}

fn draws(context: &Context<'_>) -> usize {
    if context.quick { 20_000 } else { 400_000 }
}

/// What the tests can see.
pub(super) fn power(context: &Context<'_>, tests: usize) -> String {
    let n = draws(context) as f64;
    let t = ln(2.0 / ALARM);
    let wide = |value: f64| (1e5 * value).round() / 1e3;
    format!(
        "each of {tests} tests on {n} samples catches, with probability 1 − {ALARM:e}, a variance in any tested direction that is off by {} %, and a mean off by {} % of a deviation; the recursion itself is compared with closed forms to rounding",
        wide(2.0 * (2.0 * (t / n).sqrt() + 2.0 * t / n)),
        wide(2.0 * (2.0 * t / n).sqrt()),
    )
}

/// The cases of every method, and how many tests they hold.
pub(super) fn examine(context: &Context<'_>, setting: &Setting) -> Result<(Vec<Case>, usize)> {
    let eigen = symmetric_eigen(setting.covariance.view())?;
    let values: Array1<f64> = eigen.values.iter().map(|value| value.max(0.0)).collect();
    let affine = Affine::wiener(setting.mean.view(), values.view(), eigen.vectors.view())?;
    let first = setting.steps.first();
    let (a, s) = (first.a(), first.s());
    let deviations = values.mapv(|value| (a * a).mul_add(value, s * s).sqrt());
    let factor = &eigen.vectors * &deviations;
    let start_mean = setting.mean.mapv(|m| a * m);
    let start = GaussianLaw::from_factor(start_mean.view(), factor.view())?;
    let n = draws(context);
    let (mut cases, mut tests) = (Vec::new(), 0);
    for method in METHODS {
        let law =
            context.subject.law_of_sampler(&affine, &setting.steps, method, &start, setting.end)?;
        let options = Options {
            start: Start::Moments { mean: start_mean.clone(), factor: factor.clone() },
            end: setting.end,
            ..Options::default()
        };
        let seed = context.seed.wrapping_add(8000);
        let points =
            context.subject.sample(&affine, &setting.steps, method, n, seed, &options)?.points;
        let (mut of_mean, mut of_covariance) = (Worst::default(), Worst::default());
        for direction in directions(setting.mean.len()) {
            test(&law, &points, &direction, setting.table, &mut of_mean, &mut of_covariance);
            tests += 2;
        }
        let mean = format!("|mean of samples − recursion| in deviations, {method}");
        let covariance = format!("|variance of samples / recursion − 1|, {method}");
        cases.extend(of_mean.case(setting.law, &mean));
        cases.extend(of_covariance.case(setting.law, &covariance));
    }
    Ok((cases, tests))
}

/// e_i, e_i + e_j and e_i − e_j.
fn directions(d: usize) -> Vec<Array1<f64>> {
    let unit = |i: usize| Array1::from_shape_fn(d, |at| if at == i { 1.0 } else { 0.0 });
    let mut all: Vec<Array1<f64>> = (0..d).map(unit).collect();
    for i in 0..d {
        for j in 0..i {
            all.push(unit(i) + unit(j));
            all.push(unit(i) - unit(j));
        }
    }
    all
}

fn test(
    law: &GaussianLaw,
    points: &Array2<f64>,
    direction: &Array1<f64>,
    table: &str,
    of_mean: &mut Worst,
    of_covariance: &mut Worst,
) {
    let n = points.nrows();
    let variance = law
        .covariance
        .indexed_iter()
        .fold(0.0f64, |sum, ((i, j), c)| (direction[i] * c).mul_add(direction[j], sum));
    let deviation = variance.sqrt();
    let along = |row: usize| {
        let terms = points.row(row).into_iter().zip(&law.mean).zip(direction);
        terms.fold(0.0f64, |sum, ((x, m), u)| (x - m).mul_add(*u, sum)) / deviation
    };
    let count = n as f64;
    let mean = sum_by_parallel(n, along) / count;
    let square = sum_by_parallel(n, |row| along(row) * along(row)) / count;
    let (normal, t) = (ln(1.0 / ALARM), ln(2.0 / ALARM));
    of_mean.add(table, mean.abs(), 1.000001 * (2.0 * normal / count).sqrt());
    let above = 2.0 * (t / count).sqrt() + 2.0 * t / count;
    let below = 2.0 * (t / count).sqrt();
    let bound = if square > 1.0 { above } else { below };
    of_covariance.add(table, (square - 1.0).abs(), 1.000001 * bound);
}
