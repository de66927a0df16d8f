//! T5, implicit score matching: E‖Ŝ − S‖² = E[‖Ŝ‖² + 2·div Ŝ] + E‖S‖², so that the score is learned with no score to learn from.
//!
//! On the line, for laws of point masses, by a trapezoid sum of p·((Ŝ − S)² − S² − Ŝ² − 2Ŝ') on the grid of `claims::t4_line`, which must be 0.
//! Three predictions: the score of one Gaussian with the law's moments, the score at 1.5 times the noise, and half the score. Ŝ' is
//! −1/v, and by T2 ((a²/s²)·Σ_post − 1)/s² at its own noise.
//!
//! Quadrature. As a function the integrand is F = −2(Ŝ·p' + p·Ŝ'). On x + iy, |y| ≤ b ≤ s, as in `claims::t4_line`: |N_k| ≤ e^½·N_k(x),
//! |D*| ≤ 2m and |Σ_post| ≤ 6m², m = max|μ|, so |p'| ≤ e^½·Σ w_k N_k·(|x| + b + am)/s², and E(|x| + b + am)² ≤ 6(a²m² + s²) = Q. With
//! |Ŝ| ≤ c₁·(|x| + b + am) and |Ŝ'| ≤ c₂, ∫|F| ≤ 2e^½·(c₁Q/s² + c₂) = M: c₁ = 1/v, c₂ = 1/v for the Gaussian, c₁ = 2/s'², c₂ = 1/s'² + 6a²m²/s'⁴ for
//! a score at noise s'. With H ≤ 2πb/45 the sum is within 2M/(e⁴⁵ − 1) ≤ 6e-20·M of the integral, and less than 1e-30·M is beyond the nodes.
//!
//! Rounding: the bounds of ln p, S and Σ_post (N4), δŜ and δŜ' from them; a node is off by
//! p·(2|Ŝ − S|(δŜ + δS) + 2|S|δS + 2|Ŝ|δŜ + 2δŜ' and the squares of δ), by the density's error and 8u of the sum of magnitudes; the sum of J nodes
//! by (J + 8)u of theirs.
//!
//! Floor 7. Uses `claims`, `channel`, `law`, `arith`, `figure`. Spec: T5. Source: Hyvärinen 2005.

use ndarray::Array2;

use super::pictures::on_line;
use super::subject::given;
use super::t4_line::{Grid, Setting, grid, settings};
use super::worst::U;
use super::wrong::noisier;
use super::{Case, Claim, Context, Findings, Stage};
use crate::arith::scalar::exp;
use crate::channel::Channel;
use crate::error::Result;
use crate::figure::{Axis, Figure, Layer};
use crate::law::{Mixture, Noised, Quantity};

pub(super) const CLAIM: Claim = Claim {
    id: "T5",
    title: "the score is learned without a score",
    statement: "E‖Ŝ − S‖² = E[‖Ŝ‖² + 2·div Ŝ] + E‖S‖² for every Ŝ, so the implicit loss and the explicit one differ by a constant.",
    source: "Hyvärinen, Estimation of non-normalized statistical models by score matching, JMLR 2005; theory T5",
    hypothesis: "p·Ŝ vanishes at infinity; the expectations are finite.",
    measured: "the two sides for three predictions, by quadrature on the line",
    bound: "the trapezoid rule's error from the integrand's strip of analyticity; the rounding bounds (N4)",
    find,
};

/// A prediction of the score.
#[derive(Clone, Copy)]
enum Guess {
    Gaussian,
    Noisier,
    Half,
}

impl Guess {
    const ALL: [Guess; 3] = [Guess::Gaussian, Guess::Noisier, Guess::Half];

    fn name(self) -> &'static str {
        match self {
            Guess::Gaussian => "score of one Gaussian",
            Guess::Noisier => "score at 1.5 s",
            Guess::Half => "half the score",
        }
    }
}

/// Numbers at the nodes, and bounds of what they are off by.
struct Known {
    value: Vec<f64>,
    error: Vec<f64>,
}

/// Ŝ and Ŝ', with c₁ and c₂ of the quadrature.
struct Predicted {
    score: Known,
    slope: Known,
    growth: [f64; 2],
}

fn find(context: &Context<'_>) -> Result<Findings> {
    let settings = settings(context)?;
    let stage = Stage::new(context, CLAIM.id, settings.len());
    let mut cases = Vec::new();
    for setting in &settings {
        for guess in Guess::ALL {
            cases.push(examine(context, setting, guess)?);
        }
        stage.step();
    }
    let figures = settings.first().map(|setting| figure(context, setting)).transpose()?;
    Ok(Findings { cases, statistics: None, figures: figures.into_iter().collect() })
}

fn examine(context: &Context<'_>, setting: &Setting, guess: Guess) -> Result<Case> {
    let (grid, channel) = (grid(setting), setting.named.channel);
    let nodes = nodes(&grid)?;
    let noised = setting.mixture.through::<f64>(channel)?;
    let wanted = [Quantity::LogDensity, Quantity::Score];
    let values = context.subject.evaluate(&noised, nodes.view(), &wanted)?;
    let bounds = noised.bounds(nodes.view(), &wanted)?;
    let density = given(values.log_density, "log density")?;
    let density_error = given(bounds.log_density, "log density")?;
    let (score, score_error) = (given(values.score, "score")?, given(bounds.score, "score")?);
    let predicted = predicted(context, &setting.mixture, channel, guess, &nodes)?;
    let (mut sum, mut error, mut magnitudes) = (0.0, 0.0, 0.0);
    for n in 0..grid.count {
        let mass = grid.h * exp(density[n]);
        let relative = 1.01 * density_error[n] + 3.0 * U;
        let (s, ds) = (score[[n, 0]], score_error[[n, 0]]);
        let (g, dg) = (predicted.score.value[n], predicted.score.error[n]);
        let (slope, dslope) = (predicted.slope.value[n], predicted.slope.error[n]);
        let apart = g - s;
        let inside = apart * apart - s * s - g * g - 2.0 * slope;
        let size = apart * apart + s * s + g * g + 2.0 * slope.abs();
        let square = |x: f64, dx: f64| (2.0 * x.abs() + dx) * dx;
        let off = square(apart, dg + ds) + square(s, ds) + square(g, dg) + 2.0 * dslope;
        sum += mass * inside;
        error += mass * (1.01 * off + (relative + 8.0 * U) * size);
        magnitudes += mass * size;
    }
    error += (grid.count as f64 + 8.0) * U * magnitudes;
    let (a, s, m) = (channel.a(), channel.s(), grid.largest);
    let q = 6.0 * (a * a * m * m + s * s);
    let [c1, c2] = predicted.growth;
    // 2e^½ is below 3.3.
    error += 7e-20 * 3.3 * (c1 * q / (s * s) + c2);
    let quantity = format!("|explicit − implicit − E‖S‖²|, {}", guess.name());
    Ok(Case::new(setting.law, setting.named.name.clone(), quantity, sum.abs(), error * 1.001))
}

fn nodes(grid: &Grid) -> Result<Array2<f64>> {
    let places: Vec<f64> = (0..grid.count).map(|j| (grid.first + j as f64) * grid.h).collect();
    on_line(&places)
}

fn predicted(
    context: &Context<'_>,
    law: &Mixture,
    channel: Channel,
    guess: Guess,
    nodes: &Array2<f64>,
) -> Result<Predicted> {
    match guess {
        Guess::Gaussian => {
            // Of whatever mean and variance: the identity holds for every Ŝ, so that neither has an error.
            let mean = channel.a() * law.mean()[0];
            let (a, s) = (channel.a(), channel.s());
            let variance = (a * a).mul_add(law.total_covariance()[[0, 0]], s * s);
            let value: Vec<f64> = nodes.iter().map(|x| -(x - mean) / variance).collect();
            let error = value.iter().map(|v| 3.0 * U * v.abs()).collect();
            let slope = Known {
                value: vec![-1.0 / variance; value.len()],
                error: vec![2.0 * U / variance; value.len()],
            };
            let score = Known { value, error };
            Ok(Predicted { score, slope, growth: [1.0 / variance, 1.0 / variance] })
        }
        Guess::Noisier => {
            let noisy = noisier(channel)?;
            score_and_slope(context, &law.through::<f64>(noisy)?, nodes, 1.0)
        }
        Guess::Half => score_and_slope(context, &law.through::<f64>(channel)?, nodes, 0.5),
    }
}

/// `factor` (a power of two) times the score of a noised law, and its derivative.
fn score_and_slope(
    context: &Context<'_>,
    noised: &Noised<f64>,
    nodes: &Array2<f64>,
    factor: f64,
) -> Result<Predicted> {
    let wanted = [Quantity::Score, Quantity::Covariance];
    let values = context.subject.evaluate(noised, nodes.view(), &wanted)?;
    let bounds = noised.bounds(nodes.view(), &wanted)?;
    let (score, score_error) = (given(values.score, "score")?, given(bounds.score, "score")?);
    let variance = given(values.covariance, "covariance")?;
    let variance_error = given(bounds.covariance, "covariance")?;
    let (a, s) = (noised.channel().a(), noised.channel().s());
    let (ratio, precision) = (a * a / (s * s), 1.0 / (s * s));
    let (mut slope, mut slope_error) = (Vec::new(), Vec::new());
    for (v, dv) in variance.iter().zip(&variance_error) {
        slope.push(factor * precision * (ratio * v - 1.0));
        // a²/s² and 1/s² have three and two roundings, the product and the difference three more.
        slope_error.push(factor * precision * (ratio * dv + 8.0 * U * (ratio * v.abs() + 1.0)));
    }
    let largest = noised.law().means().iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    let growth =
        [2.0 * factor * precision, factor * precision * (1.0 + 6.0 * ratio * largest * largest)];
    let scaled = |values: Array2<f64>| values.iter().map(|v| factor * v).collect();
    Ok(Predicted {
        score: Known { value: scaled(score), error: scaled(score_error) },
        slope: Known { value: slope, error: slope_error },
        growth,
    })
}

/// Both losses of θ·S over θ.
fn figure(context: &Context<'_>, setting: &Setting) -> Result<Figure> {
    let grid = grid(setting);
    let nodes = nodes(&grid)?;
    let noised = setting.mixture.through::<f64>(setting.named.channel)?;
    let density = noised.log_density(nodes.view())?;
    let whole = score_and_slope(context, &noised, &nodes, 1.0)?;
    let mean = |f: &dyn Fn(usize) -> f64| {
        (0..grid.count).fold(0.0, |sum, n| (grid.h * exp(density[n])).mul_add(f(n), sum))
    };
    let square = mean(&|n| whole.score.value[n] * whole.score.value[n]);
    let (mut explicit, mut implicit) = (Vec::new(), Vec::new());
    for step in 0..=20 {
        let theta = 0.1 * f64::from(step);
        let off = |n: usize| (theta - 1.0) * whole.score.value[n];
        explicit.push([theta, mean(&|n| off(n) * off(n))]);
        let loss = |n: usize| {
            let s = theta * whole.score.value[n];
            s * s + 2.0 * theta * whole.slope.value[n]
        };
        implicit.push([theta, mean(&loss) + square]);
    }
    let title = format!("Explicit and implicit score matching: {}", setting.law);
    Ok(Figure::new("implicit-score-matching", title)
        .caption(
            "Discs: E(Ŝ − S)² for Ŝ = θ·S, which needs the score. Line: E[Ŝ² + 2Ŝ'] + E S², which does not; both are least at \
             θ = 1.",
        )
        .axes(Axis::linear("θ"), Axis::linear("loss"))
        .layer(Layer::line("implicit + E S²", implicit))
        .layer(Layer::points("explicit", explicit)))
}
