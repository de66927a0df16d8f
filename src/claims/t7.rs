//! T7, consistency in the noise level: the density of x obeys its Fokker–Planck equation along every channel path.
//!
//! On a path t ↦ (a, s) the law of x is that of dx = (a'/a)x dt + g dw with g² = 2ss' − 2(a'/a)s², so with b = a'/a,
//! Δp = p·(tr ∇S + ‖S‖²) and tr ∇S = (a²/s⁴)·tr Σ_post − d/s² (T2),
//!
//!   ∂_t ln p = −b·(d + x·S) + (s'/s − b)·((a²/s²)·tr Σ_post − d + s²‖S‖²).
//!
//! For a = 1, s = t = σ it is ∂_σ p = σ·Δp. The left side is a central difference of ln p at a fixed x along the straight
//! path through (a, s), whose tangent is the exploding, the preserving (−s, a)·s/a or the rectified one; the equation
//! holds for every tangent, so (a', s') is taken from the numbers at the two ends, which are exact by construction.
//!
//! Bound: h²/6·M + (δ₊ + δ₋)/2h for the difference, and for the right side
//! |b|·Σ|x_i|δS_i + |s'/s − b|·((a²/s²)·Σδ_ii + s²·Σ(2|S_i| + δS_i)δS_i) and (2d + 16)u of the sum of magnitudes.
//! M bounds ∂³_t ln p. With f_k = ln w_k N(x; aμ_k, V_k) and the responsibilities as the law of k,
//! ∂³_t ln p = E[f'''] + 3Cov(f'', f') + κ₃(f'), so |∂³| ≤ max|f'''| + ¾·range(f'')·range(f') + range(f')³/(6√3), as in
//! `claims::component`. In an eigenbasis of Σ_k, f_k = const − ½Σ_i (ln v + z²/v) with v = a²λ + s² quadratic and z
//! linear in t; derivatives of ln v and z²/v follow from the quotient rule, and on |t| ≤ h their magnitudes from
//! |v'| ≤ |v'₀| + h·v'', |z| ≤ |z₀| + h|z'| and v ≥ its value at the smallest a and s.
//!
//! Floor 7. Uses `claims`, `law`, `arith`, `figure`. Spec: T7. Source: Song et al. 2021 (VE, VP as diffusions).

use ndarray::ArrayView2;

use super::cases::{self, NamedChannel, Study};
use super::path::Path;
use super::pictures::{curve, on_line, spaced, table};
use super::stencil::{balanced, power_of_two};
use super::subject::given;
use super::worst::{U, Worst};
use super::{Case, Claim, Context, Findings};
use crate::arith::scalar::exp;
use crate::channel::Channel;
use crate::error::Result;
use crate::figure::{Axis, Figure, Layer};
use crate::law::{Mixture, Quantity};

pub(super) const CLAIM: Claim = Claim {
    id: "T7",
    title: "the density diffuses as the noise grows",
    statement: "Variance exploding: ∂p/∂σ = σ·Δp. Every channel path: p obeys the Fokker–Planck equation of dx = (a'/a)x dt + g dw, g² = 2ss' − 2(a'/a)s².",
    source: "Song et al., Score-based generative modeling through SDEs, ICLR 2021; theory T7",
    hypothesis: "a > 0, s > 0, the path differentiable.",
    measured: "∂_t log p by differences between channels, against the right side from the score and the posterior covariance, along exploding, preserving and rectified paths",
    bound: "truncation through the third derivative of log p in t, derived from the law; the evaluation's rounding bounds (N4)",
    find,
};

const WANTED: [Quantity; 2] = [Quantity::Score, Quantity::Covariance];

fn find(context: &Context<'_>) -> Result<Findings> {
    let studies = cases::studies(context)?;
    let cases = cases::examine_each(context, CLAIM.id, &studies, examine)?;
    Ok(Findings { cases, statistics: None, figures: vec![figure(context)?] })
}

/// The tangents (a', s') at a channel, each with s' of the size of s.
fn tangents(channel: Channel) -> [(&'static str, f64, f64); 3] {
    let (a, s) = (channel.a(), channel.s());
    let slower = if s > a { a } else { s };
    [
        ("exploding", 0.0, s),
        ("preserving", -s * (slower / a), slower),
        ("rectified", -slower, slower),
    ]
}

fn examine(context: &Context<'_>, study: &Study) -> Result<Vec<Case>> {
    let mut worst = [Worst::default(), Worst::default(), Worst::default()];
    let draws = study.few_draws(context);
    for (at, named) in study.channels.iter().enumerate() {
        if named.channel.a() == 0.0 {
            continue;
        }
        let seed = context.seed.wrapping_add(7000 + at as u64);
        let points = cases::points(&study.mixture, named.channel, seed, draws)?;
        let right = RightSide::new(context, &study.mixture, named, points.view())?;
        for (worst, (_, a, s)) in worst.iter_mut().zip(tangents(named.channel)) {
            for n in 0..points.nrows() {
                compare(context, study, named, &right, n, (a, s), worst)?;
            }
        }
    }
    let mut cases = Vec::new();
    for (worst, name) in worst.iter().zip(["exploding", "preserving", "rectified"]) {
        let quantity = format!("|∂_t log p − its equation|, {name} path");
        cases.extend(worst.case(study.law, &quantity));
    }
    Ok(cases)
}

/// What the right side is made of, at N points.
struct RightSide {
    /// x.
    points: Vec<Vec<f64>>,
    /// ln p is known within about this.
    rounding: Vec<f64>,
    /// x·S, what it may be off by, and the sum of its terms' magnitudes.
    along: Vec<[f64; 3]>,
    /// (a²/s²)·tr Σ − d + s²‖S‖², what it may be off by, and the sum of its terms' magnitudes.
    spread: Vec<[f64; 3]>,
}

impl RightSide {
    fn new(
        context: &Context<'_>,
        law: &Mixture,
        named: &NamedChannel,
        points: ArrayView2<'_, f64>,
    ) -> Result<Self> {
        let noised = law.through::<f64>(named.channel)?;
        let values = context.subject.evaluate(&noised, points, &WANTED)?;
        let wanted = [Quantity::LogDensity, Quantity::Score, Quantity::Covariance];
        let bounds = noised.bounds(points, &wanted)?;
        let (score, score_bound) = (given(values.score, "score")?, given(bounds.score, "score")?);
        let (covariance, covariance_bound) =
            (given(values.covariance, "covariance")?, given(bounds.covariance, "covariance")?);
        let d = points.ncols();
        let ratio = named.channel.a() / named.channel.s();
        let s = named.channel.s();
        let (mut along, mut spread) = (Vec::new(), Vec::new());
        for (n, x) in points.outer_iter().enumerate() {
            let (mut inner, mut whole) = ([0.0f64; 3], [-(d as f64), 0.0, d as f64]);
            for i in 0..d {
                let (value, bound) = (score[[n, i]], score_bound[[n, i]]);
                inner[0] = x[i].mul_add(value, inner[0]);
                inner[1] += x[i].abs() * bound;
                inner[2] += (x[i] * value).abs();
                let trace = ratio * (ratio * covariance[[n, i, i]]);
                let square = (s * value) * (s * value);
                whole[0] += trace + square;
                whole[1] += ratio * (ratio * covariance_bound[[n, i, i]])
                    + s * bound * (s * (2.0 * value.abs() + bound));
                whole[2] += trace.abs() + square;
            }
            along.push(inner);
            spread.push(whole);
        }
        Ok(RightSide {
            points: points.outer_iter().map(|x| x.to_vec()).collect(),
            rounding: given(bounds.log_density, "log density")?.to_vec(),
            along,
            spread,
        })
    }
}

/// One point, one tangent.
fn compare(
    context: &Context<'_>,
    study: &Study,
    named: &NamedChannel,
    right: &RightSide,
    n: usize,
    tangent: (f64, f64),
    worst: &mut Worst,
) -> Result<()> {
    let x = &right.points[n];
    let proposed = Path::through(named.channel, tangent, 0.0);
    let third = proposed.third_derivative(&study.mixture, x, 0.0);
    let h = power_of_two(balanced(right.rounding[n], third, 1.0 / 16.0));
    let path = Path::through(named.channel, tangent, h);
    let point = table(1, x.len(), x.clone())?;
    let end = |channel: Channel| -> Result<(f64, f64)> {
        let noised = study.mixture.through::<f64>(channel)?;
        let wanted = [Quantity::LogDensity];
        let value = context.subject.evaluate(&noised, point.view(), &wanted)?.log_density;
        let bound = noised.bounds(point.view(), &wanted)?.log_density;
        Ok((given(value, "log density")?[0], given(bound, "log density")?[0]))
    };
    let ((later, later_bound), (earlier, earlier_bound)) =
        (end(path.channel_at(1.0)?)?, end(path.channel_at(-1.0)?)?);
    let quotient = (later - earlier) / (2.0 * h);

    let d = x.len() as f64;
    let b = path.a_slope / path.a;
    let pace = path.s_slope / path.s - b;
    let [along, along_error, along_size] = right.along[n];
    let [spread, spread_error, spread_size] = right.spread[n];
    let meant = (-b).mul_add(d + along, pace * spread);
    // pace is a difference of two quotients, each rounded once.
    let pace_error = 3.0 * U * (b.abs() + (path.s_slope / path.s).abs());
    let magnitude = b.abs() * (d + along_size) + pace.abs() * spread_size;
    let residual = (quotient - meant).abs();
    let bound = h * h / 6.0 * path.third_derivative(&study.mixture, x, h)
        + (later_bound + earlier_bound) / (2.0 * h)
        + b.abs() * along_error
        + pace.abs() * spread_error
        + pace_error * spread_size
        + (2.0 * d + 16.0) * U * magnitude
        + U * (quotient.abs() + residual);
    worst.add(&named.name, residual, bound * 1.001 + f64::MIN_POSITIVE);
    Ok(())
}

/// The density on the line as the noise grows.
fn figure(context: &Context<'_>) -> Result<Figure> {
    let law = cases::line_of_gaussians()?;
    let grid = spaced(-5.0, 6.0, 441);
    let x = on_line(&grid)?;
    let mut figure = Figure::new("heat-equation", "A density diffusing as the noise grows")
        .caption(
            "Four modes on the line (the one at 3 is a point mass) seen through growing σ: each curve is the last one after heat flow for a time (σ'² − σ²)/2.",
        )
        .axes(Axis::linear("x"), Axis::linear("density of x"));
    for sigma in [0.15, 0.3, 0.6, 1.2, 2.4] {
        let noised = law.through::<f64>(Channel::variance_exploding(sigma)?)?;
        let wanted = [Quantity::LogDensity];
        let values = context.subject.evaluate(&noised, x.view(), &wanted)?.log_density;
        let density = given(values, "log density")?.mapv(exp);
        figure = figure.layer(Layer::line(format!("σ = {sigma}"), curve(&grid, density)));
    }
    Ok(figure)
}
