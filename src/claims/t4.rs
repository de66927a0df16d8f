//! T4, decomposition: E‖D̂(x) − x₀‖² = E‖D̂(x) − D*(x)‖² + E tr Σ_post(x), for every prediction D̂.
//!
//! So the least loss is E tr Σ_post, and "the learned score is exact" means that the first term is zero. Two ways:
//!
//! - *By quadrature*, on the line, for laws of point masses (`claims::t4_line`): both sides as integrals, to about 13
//!   digits.
//! - *By sampling*, in any dimension (`claims::t4_sample`): with x₀ and ε drawn, the paired number
//!   Y = ‖D̂(x) − x₀‖² − ‖D̂(x) − D*(x)‖² − tr Σ_post(x) has mean exactly 0. A Chernoff interval from the exact
//!   moment generating functions, which needs no limit theorem, must hold 0.
//!
//! Floor 7. Uses `claims`, `law`, `figure`. Spec: T4. Source: Vincent 2011.

use ndarray::{Array2, Axis, s};

use super::cases::{self, Study};
use super::subject::given;
use super::t4_line;
use super::t4_sample::{self, ALARM};
use super::wrong::{Predictor, Wrong};
use super::{Claim, Context, Findings, Stage, Statistics};
use crate::arith::scalar::exp;
use crate::arith::sum;
use crate::error::{Error, Result};
use crate::figure::{Axis as Scale, Figure, Layer};
use crate::law::{Quantity, toy_law};

pub(super) const CLAIM: Claim = Claim {
    id: "T4",
    title: "the loss is the distance to the exact denoiser, plus a floor",
    statement: "E‖D̂(x) − x₀‖² = E‖D̂(x) − D*(x)‖² + E tr Cov[x₀ | x] for every D̂; the noise-prediction loss is (a²/s²) times it.",
    source: "Vincent, A connection between score matching and denoising autoencoders, 2011; theory T4",
    hypothesis: "E‖x₀‖² and E‖D̂(x)‖² are finite.",
    measured: "both sides for four wrong denoisers: by quadrature on the line, and by the paired mean of ‖D̂ − x₀‖² − ‖D̂ − D*‖² − tr Σ over draws",
    bound: "the trapezoid rule's error from the integrand's strip of analyticity; a Chernoff interval from exact moment generating functions; the rounding bounds (N4)",
    find,
};

fn find(context: &Context<'_>) -> Result<Findings> {
    let line = t4_line::settings(context)?;
    let sampled = t4_sample::settings(context)?;
    let stage = Stage::new(context, CLAIM.id, line.len() + sampled.len());
    let mut cases = Vec::new();
    for setting in &line {
        cases.extend(t4_line::examine(context, setting)?);
        stage.step();
    }
    let (mut tests, mut sharpest) = (0, f64::INFINITY);
    let mut bluntest = 0.0f64;
    for setting in &sampled {
        for (case, power) in t4_sample::examine(context, setting)? {
            cases.push(case);
            tests += 1;
            sharpest = sharpest.min(power);
            bluntest = bluntest.max(power);
        }
        stage.step();
    }
    let percent = |share: f64| (1000.0 * share).round() / 10.0;
    let power = format!(
        "each of {tests} sampled cases catches, with probability 1 − {ALARM:e}, a loss that differs from its decomposition by twice its interval: {} % of the floor E tr Σ for the sharpest, {} % for the bluntest; the cases on the line have no such chance and see 1e-9 of it",
        percent(2.0 * sharpest),
        percent(2.0 * bluntest),
    );
    Ok(Findings {
        cases,
        statistics: Some(Statistics { false_alarm: tests as f64 * ALARM, power }),
        figures: vec![split(context)?, images(context)?],
    })
}

/// The loss of two wrong denoisers and its two terms, over the noise level.
fn split(context: &Context<'_>) -> Result<Figure> {
    let law = toy_law("ring")?;
    let sigmas: Vec<f64> = (-7..=7).map(|e| exp(0.4 * e as f64)).collect();
    let n = if context.quick { 2000 } else { 20000 };
    let mut floor = Vec::new();
    let mut measured = vec![Vec::new(); 2];
    let mut theory = vec![Vec::new(); 2];
    let denoisers = [Wrong::Shrunk, Wrong::Wiener];
    for (at, &sigma) in sigmas.iter().enumerate() {
        let channel = cases::ve(sigma)?.channel;
        let draw = law.sample_noised(channel, context.seed, 400 + at as u64, n)?;
        let noised = law.through::<f64>(channel)?;
        let wanted = [Quantity::Denoiser, Quantity::Covariance];
        let values = context.subject.evaluate(&noised, draw.noised.view(), &wanted)?;
        let exact = given(values.denoiser, "denoiser")?;
        let covariance = given(values.covariance, "covariance")?;
        let traces: Vec<f64> = covariance.outer_iter().map(|m| m.diag().sum()).collect();
        let least = sum::mean(&traces);
        floor.push([sigma, least]);
        let predictor = Predictor::new(&law, channel)?;
        for (which, wrong) in denoisers.into_iter().enumerate() {
            let guess = predictor.predict(wrong, draw.noised.view())?;
            let loss = squared_distances(&guess, &draw.clean);
            let mean = sum::mean(&loss);
            let squares: Vec<f64> = loss.iter().map(|l| (l - mean) * (l - mean)).collect();
            let deviation = (sum::mean(&squares) / n as f64).sqrt();
            measured[which].push([sigma, mean, mean - 2.0 * deviation, mean + 2.0 * deviation]);
            let apart = sum::mean(&squared_distances(&guess, &exact));
            theory[which].push([sigma, apart + least]);
        }
    }
    let mut figure = Figure::new("loss-split", "What a denoiser's loss is made of")
        .caption(
            "On the ring: the loss E‖D̂ − x₀‖² over draws (marks, two standard errors), and E‖D̂ − D*‖² + E tr Σ_post (dashed), for two wrong denoisers. The solid line is the floor E tr Σ_post that no denoiser beats: what stands above it is the distance to the exact one.",
        )
        .axes(Scale::log("σ"), Scale::log("mean squared error"))
        .layer(Layer::line("floor E tr Σ_post", floor));
    for (which, (measured, theory)) in measured.into_iter().zip(theory).enumerate() {
        let name = denoisers[which].name();
        figure = figure
            .layer(Layer::errorbars(format!("{name}: loss"), measured).hue(which + 1))
            .layer(Layer::dashed(format!("{name}: the two terms"), theory).hue(which + 1));
    }
    Ok(figure)
}

/// Σ_i (u_i − v_i)², a row each.
pub(super) fn squared_distances(u: &Array2<f64>, v: &Array2<f64>) -> Vec<f64> {
    let rows = u.axis_iter(Axis(0)).zip(v.axis_iter(Axis(0)));
    rows.map(|(u, v)| u.iter().zip(v).fold(0.0f64, |sum, (u, v)| (u - v).mul_add(u - v, sum)))
        .collect()
}

/// Digits: clean, noisy, and denoised exactly and by the Wiener filter.
fn images(context: &Context<'_>) -> Result<Figure> {
    let law = cases::some_digits(if context.quick { 300 } else { 1797 })?;
    let study =
        Study { law: "digits", mixture: law, channels: vec![cases::ve(0.4)?, cases::ve(1.0)?] };
    let mut figure = Figure::new("digits-denoised", "Handwritten digits as a training-set law").caption(
        "Draws of x₀ from 8×8 digits in [−1, 1]⁶⁴, seen through two noise levels, then denoised: exactly, as the posterior mean over all images, and by the Wiener filter, the best affine denoiser. What the exact one gets wrong no denoiser can get right on average (T4).",
    );
    for (at, named) in study.channels.iter().enumerate() {
        let draw = study.mixture.sample_noised(named.channel, context.seed, 450 + at as u64, 10)?;
        let noised = study.mixture.through::<f64>(named.channel)?;
        let wanted = [Quantity::Denoiser];
        let exact = context.subject.evaluate(&noised, draw.noised.view(), &wanted)?.denoiser;
        let exact = given(exact, "denoiser")?;
        let predictor = Predictor::new(&study.mixture, named.channel)?;
        let wiener = predictor.predict(Wrong::Wiener, draw.noised.view())?;
        let rows = [
            ("clean", &draw.clean),
            ("noisy", &draw.noised),
            ("exact", &exact),
            ("Wiener", &wiener),
        ];
        for (label, points) in rows {
            let label = format!("{label}, {}", named.name.replace("VE ", ""));
            figure = figure.layer(Layer::images(label, 10, [-1.0, 1.0], pictures(points)?));
        }
    }
    Ok(figure)
}

/// Rows of 64 numbers as 8×8 pictures.
pub(super) fn pictures(points: &Array2<f64>) -> Result<Vec<Array2<f64>>> {
    let picture = |row: ndarray::ArrayView1<'_, f64>| {
        let found = vec![row.len()];
        let pixels = row.slice(s![..]).to_vec();
        Array2::from_shape_vec((8, 8), pixels).map_err(|_| Error::Shape {
            what: "digit",
            found,
            expected: "64 numbers".into(),
        })
    };
    points.axis_iter(Axis(0)).map(picture).collect()
}
