//! T8, exact sampling of Gaussians: for an affine denoiser every sampler maps a Gaussian to a Gaussian whose mean and
//! covariance follow a closed recursion.
//!
//! Three checks, one file each: the recursion against formulas for one eigenvalue (`claims::t8_closed`), the order of
//! convergence of the probability-flow methods to the law itself (the same file), and samples against the recursion
//! (`claims::t8_sample`).
//!
//! Floor 7. Uses `claims`, `sampler`, `denoiser`, `law`, `figure`. Spec: T8.

use ndarray::{Array1, Array2};

use super::pictures::pairs;
use super::subject::given;
use super::t8_closed::{self, Table};
use super::t8_sample;
use super::{Claim, Context, Findings, Stage, Statistics};
use crate::arith::fill_normal;
use crate::channel::Steps;
use crate::error::Result;
use crate::figure::{Axis, Figure, Layer};
use crate::law::{Quantity, toy_law};
use crate::sampler::{End, Method, Step};

pub(super) const CLAIM: Claim = Claim {
    id: "T8",
    title: "the law that a sampler generates, without sampling",
    statement: "For an affine denoiser, DDPM, DDIM with any η, Euler and Heun on the probability flow and Euler–Maruyama map N(m, C) to a Gaussian; mean and covariance follow a closed recursion.",
    source: "Ho et al. 2020, Song et al. 2021 (DDIM, SDE), Karras et al. 2022 for the steps; theory T8",
    hypothesis: "the denoiser is affine: exact for a Gaussian law.",
    measured: "the recursion against a closed form for each eigenvalue; the error of Euler and Heun against the law; mean and covariance of samples against the recursion",
    bound: "rounding of positive sums; −ln cos² of the angle a step turns, exact for Euler; exact normal and chi-square tails",
    find,
};

/// Every sampler.
pub(super) const METHODS: [Method; 7] = [
    Method::Ancestral,
    Method::Ddim { eta: 0.0 },
    Method::Ddim { eta: 0.5 },
    Method::Ddim { eta: 1.0 },
    Method::Euler,
    Method::Heun,
    Method::EulerMaruyama,
];

fn find(context: &Context<'_>) -> Result<Findings> {
    let tables = Table::all(context.quick)?;
    let settings = t8_sample::settings()?;
    let stage = Stage::new(context, CLAIM.id, tables.len() + 1 + settings.len());
    let mut cases = Vec::new();
    for table in &tables {
        cases.extend(t8_closed::examine(context, table)?);
        stage.step();
    }
    cases.extend(t8_closed::orders(context)?);
    stage.step();
    let mut tests = 0;
    for setting in &settings {
        let (found, count) = t8_sample::examine(context, setting)?;
        cases.extend(found);
        tests += count;
        stage.step();
    }
    let statistics = Statistics {
        false_alarm: tests as f64 * t8_sample::ALARM,
        power: t8_sample::power(context, tests),
    };
    let figures = vec![errors(context)?, trajectories(context)?];
    Ok(Findings { cases, statistics: Some(statistics), figures })
}

/// The error of each method's variance over the number of steps.
fn errors(context: &Context<'_>) -> Result<Figure> {
    let mut figure = Figure::new("error-against-steps", "How fast each sampler reaches the law")
        .caption(
            "|generated / true variance − 1| for a Gaussian of variance 1, from σ = 20 down to σ = 0.1 in steps of equal angle arctan σ, by the recursion: no sampling. Euler falls as 1/N, and exactly as the product of cos² of the angles that its steps turn; Heun as 1/N²; the stochastic samplers as 1/N.",
        )
        .axes(Axis::log("steps N"), Axis::log("relative error of the variance"));
    let counts: Vec<usize> = (2..=9).map(|e| 1 << e).collect();
    for method in METHODS {
        // DDIM with η = 0 is Euler and with η = 1 ancestral, by T3.
        if matches!(method, Method::Ddim { eta } if eta == 0.0 || eta == 1.0) {
            continue;
        }
        let mut points = Vec::new();
        for &n in &counts {
            let steps = t8_closed::angular(n)?;
            let (found, exact) = t8_closed::unit_variance(context, &steps, method)?;
            points.push([n as f64, (found / exact - 1.0).abs()]);
        }
        if let Some(&[n, error]) = points.last() {
            let order = if method == Method::Heun { 2 } else { 1 };
            let slope = counts.iter().map(|&count| {
                let ratio = n / count as f64;
                [count as f64, error * if order == 2 { ratio * ratio } else { ratio }]
            });
            if matches!(method, Method::Heun | Method::Euler) {
                figure = figure.layer(Layer::dashed(format!("slope −{order}"), slope.collect()));
            }
        }
        figure = figure.layer(Layer::line(method.to_string(), points));
    }
    Ok(figure)
}

/// States of a sampler with the exact denoiser of the ring.
fn trajectories(context: &Context<'_>) -> Result<Figure> {
    let law = toy_law("ring")?;
    let mut figure = Figure::new("trajectories-ring", "From noise to the ring")
        .caption(
            "Sixteen starts, three samplers with the exact denoiser, 24 levels from σ = 4 to 0.02: Euler on the probability flow (smooth), ancestral sampling (rough), and draws of the ring.",
        )
        .axes(Axis::linear("x₁"), Axis::linear("x₂"))
        .equal()
        .layer(Layer::points("draws of the ring", pairs(law.sample(context.seed, 5, 300)?.points.view())).hue(3));
    let schedule = crate::channel::Schedule::Edm { sigma_min: 0.02, sigma_max: 4.0, rho: 7.0 };
    let steps = Steps::of_schedule(schedule, 24)?;
    for (hue, method) in [Method::Euler, Method::Ancestral].into_iter().enumerate() {
        let (n, seed) = (16, context.seed);
        let mut x = Array2::<f64>::zeros((n, 2));
        fill(seed, 0, &mut x);
        x *= steps.first().s();
        let mut states = vec![x.clone()];
        for (k, pair) in steps.channels().windows(2).enumerate() {
            let Step::Single(weights) = method.step(pair[0], pair[1])? else { continue };
            let noised = law.through::<f64>(pair[0])?;
            let wanted = [Quantity::Denoiser, Quantity::Noise];
            let values = context.subject.evaluate(&noised, x.view(), &wanted)?;
            let denoised = given(values.denoiser, "denoiser")?;
            let noise = given(values.noise, "noise")?;
            let mut fresh = Array2::<f64>::zeros((n, 2));
            fill(seed, k as u64 + 1, &mut fresh);
            x = x * weights.state
                + denoised * weights.denoised
                + noise * weights.noise
                + fresh * weights.random;
            states.push(x.clone());
        }
        for n in 0..n {
            let line = states.iter().map(|x| [x[[n, 0]], x[[n, 1]]]).collect();
            figure = figure.layer(Layer::line(method.to_string(), line).hue(hue));
        }
    }
    Ok(figure)
}

fn fill(seed: u64, stream: u64, out: &mut Array2<f64>) {
    if let Some(out) = out.as_slice_mut() {
        fill_normal(seed, stream, 0, out);
    }
}

/// The Gaussian with independent coordinates that the closed form is checked on.
pub(super) const VARIANCES: [f64; 4] = [0.0, 0.0625, 1.0, 25.0];

/// Its mean.
pub(super) fn mean() -> Array1<f64> {
    Array1::from_vec(vec![0.5, -1.0, 2.0, 0.0])
}

/// `End::Data` and `End::LastLevel`, with names.
pub(super) const ENDS: [(End, &str); 2] =
    [(End::Data, "to the data"), (End::LastLevel, "to the last level")];
