//! E2, the affine optimum under random perturbations: A = a·C·(V + λτ²s²·I)⁻¹, the Wiener filter for inflated noise.
//!
//! Three checks, e being the optimum's own bound of ‖Â − A‖_F:
//!
//! 1. *The derivative of the loss as it is defined*, G = (aA − I)·aC + s²A + λhτ²·(hA − κI) (half the gradient), in
//!    double-double arithmetic. At the exact optimum G = 0 and G is linear in A with the matrix W, so ‖G‖_F ≤ e·‖W‖_F and
//!    2⁻⁹⁰ of the magnitudes. The loss is convex: this is optimality. For all four readings.
//! 2. *The exact denoiser of the Gaussian N(m, C) at the noise s′ = s·√(1 + λτ²)*, by the library's evaluation of laws, which
//!    shares nothing with the optimum: |D̂(x) − D*′(x)| ≤ e·‖x − am‖ + (N4) + rounding, where a rounding of s′ moves A by at
//!    most 8u·‖A‖. Likewise ε̂ = (s′/s)·ε*′.
//! 3. *On the kernel of C*, known in integers: ‖A·n‖ ≤ a·‖C′n‖/(a²c₊ + s²(1 + λτ²)), C′ what the optimum takes for C and c₊ its
//!    least eigenvalue above 0; 1/s² does not enter.
//!
//! Floor 7. Uses `claims`, `optimum`, `law`, `arith`, `figure`. Spec: E2. Source: the normal equations of a quadratic.

use ndarray::{Array1, Array2, ArrayView1};

use super::affine_cases::{self, READINGS, Setting};
use super::cases::{self, NamedChannel};
use super::subject::given;
use super::worst::{U, Worst};
use super::{Claim, Context, Findings, Stage};
use crate::arith::scalar::exp;
use crate::arith::wide::Wide;
use crate::channel::Channel;
use crate::denoiser::{Affine, Denoiser};
use crate::error::Result;
use crate::figure::{Axis, Figure, Layer};
use crate::law::{Quantity, toy_law};
use crate::objective::{Constraint, Units};
use crate::optimum::{Minimiser, Moments, Quadratic};

pub(super) const CLAIM: Claim = Claim {
    id: "E2",
    title: "equivariance under random noise is a Wiener filter for more noise",
    statement: "Over affine denoisers, E‖ε̂ − ε‖² + λ·E‖R‖² with ω of covariance τ²I is least for A = aC(V + λτ²s²I)⁻¹: the exact denoiser of N(m, C) for the noise s√(1 + λτ²). Where C has no extent, A is 0.",
    source: "normal equations; theory E2, proofs/Equivariance.v",
    hypothesis: "x₀ has mean m and covariance C; ω is independent of x with mean 0; noise units.",
    measured: "the loss's derivative at the library's optimum, from the definition, in double-double; its predictions against the exact denoiser of N(m, C) at the inflated noise; its value on C's kernel",
    bound: "the optimum's own proven distance, the evaluation's rounding bounds (N4), and the roundings of the comparison",
    find,
};

fn find(context: &Context<'_>) -> Result<Findings> {
    let settings = affine_cases::settings()?;
    let channels = affine_cases::channels(context.quick)?;
    let stage = Stage::new(context, CLAIM.id, settings.len());
    let mut cases = Vec::new();
    for setting in &settings {
        let mut slopes = [Worst::default(), Worst::default()];
        let (mut wiener, mut kernel) = (Worst::default(), Worst::default());
        for named in &channels {
            for &strength in affine_cases::strengths(context.quick) {
                for (at, &(constraint, units, _)) in READINGS.iter().enumerate() {
                    if constraint == Constraint::Invariance {
                        continue;
                    }
                    slope(
                        context,
                        setting,
                        named,
                        (constraint, units),
                        strength,
                        &mut slopes[at / 2],
                    )?;
                }
                inflated(context, setting, named, strength, &mut wiener)?;
                annihilated(context, setting, named, strength, &mut kernel)?;
            }
        }
        let [noise, input] = &slopes;
        cases.extend(noise.case(setting.law, "‖half the loss's gradient at A‖, noise units"));
        cases.extend(input.case(setting.law, "‖half the loss's gradient at A‖, input units"));
        cases.extend(
            wiener.case(setting.law, "|prediction − exact one of N(m, C) at s·√(1 + λτ²)|"),
        );
        cases.extend(kernel.case(setting.law, "‖A·n‖ for C·n = 0"));
        stage.step();
    }
    Ok(Findings { cases, statistics: None, figures: vec![gains(context)?] })
}

/// λτ² = `strength` as λ = 0.3 and τ².
const LAMBDA: f64 = 0.3;

/// Check 1, for any reading.
pub(super) fn slope(
    context: &Context<'_>,
    setting: &Setting,
    named: &NamedChannel,
    reading: (Constraint, Units),
    strength: f64,
    worst: &mut Worst,
) -> Result<()> {
    let (channel, tau_squared) = (named.channel, strength / LAMBDA);
    let quadratic = Quadratic::new(&setting.moments, reading, LAMBDA, channel)?;
    let found = context.subject.affine_optimum(&quadratic, tau_squared)?;
    let (a, s) = (Wide::new(channel.a()), Wide::new(channel.s()));
    // From E1, not from the objective: x′ = x + hω, and what is left for D̂ of x = a·D̂ + s·ε̂.
    let h = if reading.1 == Units::Noise { s } else { Wide::ONE };
    let of_noise = if reading.0 == Constraint::Equivariance { s } else { Wide::ZERO };
    let share = if reading == (Constraint::Equivariance, Units::Noise) {
        Wide::ZERO
    } else {
        h.minus(of_noise).over(a)
    };
    let weight = Wide::new(LAMBDA).times(Wide::new(tau_squared)).times(h);
    let c = setting.moments.covariance();
    let d = setting.dimension();
    let (mut square, mut left, mut size) = (0.0_f64, 0.0_f64, 0.0_f64);
    for i in 0..d {
        for j in 0..d {
            let own = if i == j { Wide::ONE } else { Wide::ZERO };
            let entry = Wide::new(found.denoised[[i, j]]);
            let residual = h.times(entry).minus(share.times(own));
            let mut sum = s.times(s).times(entry).plus(weight.times(residual));
            for k in 0..d {
                let unit = if i == k { Wide::ONE } else { Wide::ZERO };
                let shrunk = a.times(Wide::new(found.denoised[[i, k]])).minus(unit);
                sum = sum.plus(shrunk.times(a).times(Wide::new(c[[k, j]])));
            }
            let value = sum.to_f64();
            square = value.mul_add(value, square);
            let ridge = if i == j { (s.times(s).plus(weight.times(h))).to_f64() } else { 0.0 };
            let w = channel.a() * channel.a() * c[[i, j]] + ridge;
            left = w.mul_add(w, left);
            size += found.denoised[[i, j]].abs() + share.to_f64().abs() + 1.0;
        }
    }
    let left = left.sqrt();
    let tiny = 1.0 / (1u64 << 60) as f64 / (1u64 << 30) as f64;
    worst.add(
        &named.name,
        square.sqrt(),
        1.01 * (found.error * left + tiny * size * (left + channel.a())),
    );
    Ok(())
}

/// The channel (a, s·√(1 + λτ²)).
pub(super) fn inflation(channel: Channel, strength: f64) -> Result<Channel> {
    Channel::new(channel.a(), channel.s() * (1.0 + strength).sqrt())
}

/// Check 2.
fn inflated(
    context: &Context<'_>,
    setting: &Setting,
    named: &NamedChannel,
    strength: f64,
    worst: &mut Worst,
) -> Result<()> {
    let reading = (Constraint::Equivariance, Units::Noise);
    let quadratic = Quadratic::new(&setting.moments, reading, LAMBDA, named.channel)?;
    let found = context.subject.affine_optimum(&quadratic, strength / LAMBDA)?;
    // ε̂ = B·δ = (s′/s)·ε*′.
    let factor = inflation(named.channel, strength)?.s() / named.channel.s();
    against_exact(context, setting, named, strength, (&found, factor), worst)
}

/// |D̂ − D*′| (where the factor is above 1 or 1, that is for equivariance) and |ε̂ − factor·ε*′| at points of the law.
pub(super) fn against_exact(
    context: &Context<'_>,
    setting: &Setting,
    named: &NamedChannel,
    strength: f64,
    (found, factor): (&Minimiser, f64),
    worst: &mut Worst,
) -> Result<()> {
    let channel = named.channel;
    let noised = setting.gaussian()?.through::<f64>(inflation(channel, strength)?)?;
    let x = cases::points(&setting.mixture, channel, context.seed.wrapping_add(12_000), 4)?;
    let wanted = [Quantity::Denoiser, Quantity::Noise];
    let exact = noised.evaluate(x.view(), &wanted)?;
    let bounds = noised.bounds(x.view(), &wanted)?;
    let (noise, noise_bound) = (given(exact.noise, "noise")?, given(bounds.noise, "noise")?);
    let mean = setting.moments.mean();
    let d = x.ncols();
    let products = |matrix: &Array2<f64>, delta: &Array1<f64>| -> Vec<(f64, f64)> {
        let row = |row: ArrayView1<'_, f64>| {
            let pairs = row.iter().zip(delta);
            pairs.fold((0.0, 0.0), |(sum, size): (f64, f64), (b, x): (&f64, &f64)| {
                (b.mul_add(*x, sum), b.abs().mul_add(x.abs(), size))
            })
        };
        matrix.rows().into_iter().map(row).collect()
    };
    // δ and the products: d + 6 roundings of their terms, and the 8u of s′, twice over for B and its factor.
    let rounding = (d as f64 + 24.0) * U;
    for (n, point) in x.rows().into_iter().enumerate() {
        let pairs = point.iter().zip(mean);
        let delta: Array1<f64> = pairs.map(|(x, m)| (-channel.a()).mul_add(*m, *x)).collect();
        let length = delta.iter().fold(0.0_f64, |sum, v| v.mul_add(*v, sum)).sqrt();
        let moved = |error: f64, matrix: &Array2<f64>| {
            (error + 16.0 * U * frobenius(matrix)) * length * (1.0 + rounding)
        };
        for (i, (value, size)) in products(&found.noise, &delta).into_iter().enumerate() {
            let target = factor * noise[[n, i]];
            let bound = moved(found.noise_error, &found.noise)
                + factor * noise_bound[[n, i]]
                + rounding * (size + target.abs());
            worst.add(&named.name, (value - target).abs(), bound + f64::MIN_POSITIVE);
        }
        if factor < 1.0 {
            continue;
        }
        let (denoised, bound) = (
            given(exact.denoiser.as_ref(), "denoiser")?,
            given(bounds.denoiser.as_ref(), "denoiser")?,
        );
        let affine = Affine::fixed(mean, found.denoised.view())?;
        let own = affine.denoise(channel, x.slice(ndarray::s![n..n + 1, ..]))?;
        for (i, (_, size)) in products(&found.denoised, &delta).into_iter().enumerate() {
            let bound = moved(found.error, &found.denoised)
                + bound[[n, i]]
                + rounding * (size + mean[i].abs() + denoised[[n, i]].abs());
            worst.add(
                &named.name,
                (own[[0, i]] - denoised[[n, i]]).abs(),
                bound + f64::MIN_POSITIVE,
            );
        }
    }
    Ok(())
}

fn frobenius(matrix: &Array2<f64>) -> f64 {
    matrix.iter().fold(0.0_f64, |sum, v| v.mul_add(*v, sum)).sqrt()
}

/// ‖M·n − g·n‖ for a kernel vector n of C, over ‖n‖, with its bound for M = Q·diag(gains)·Qᵀ and g the gain at 0.
pub(super) fn on_kernel(
    setting: &Setting,
    channel: Channel,
    strength: f64,
    (matrix, gain): (&Array2<f64>, f64),
    vector: &Array1<f64>,
) -> (f64, f64) {
    let length = vector.iter().fold(0.0_f64, |sum, v| v.mul_add(*v, sum)).sqrt();
    let mut square = 0.0_f64;
    for (i, row) in matrix.rows().into_iter().enumerate() {
        let sum = row.iter().zip(vector).fold(-gain * vector[i], |sum, (m, v)| m.mul_add(*v, sum));
        square = sum.mul_add(sum, square);
    }
    let (a, s) = (channel.a(), channel.s());
    let least = setting.moments.values().iter().copied().find(|c| *c > 0.0);
    let spread = s * s * (1.0 + strength);
    let apart = least.map_or(0.0, |c| a * setting.moments.error() / (a * a * c + spread));
    let d = setting.dimension() as f64;
    // Q·diag(g)·Qᵀ: d + 5 roundings of at most |g|·‖q‖‖q‖, √d of them a row, and Q's own orthogonality; then the product.
    let size = frobenius(matrix) + gain.abs() * d.sqrt();
    let rounding = ((3.0 * d + 16.0) * U + setting.moments.orthogonality()) * d.sqrt() * size;
    (square.sqrt() / length, 1.01 * (apart + rounding) + f64::MIN_POSITIVE)
}

/// Check 3.
fn annihilated(
    context: &Context<'_>,
    setting: &Setting,
    named: &NamedChannel,
    strength: f64,
    worst: &mut Worst,
) -> Result<()> {
    let reading = (Constraint::Equivariance, Units::Noise);
    let quadratic = Quadratic::new(&setting.moments, reading, LAMBDA, named.channel)?;
    let found = context.subject.affine_optimum(&quadratic, strength / LAMBDA)?;
    for vector in &setting.kernel {
        let (measured, bound) =
            on_kernel(setting, named.channel, strength, (&found.denoised, 0.0), vector);
        worst.add(&named.name, measured, bound);
    }
    Ok(())
}

/// The gains along and across the oblique plane against λ, for both constraints, with their limits.
fn gains(context: &Context<'_>) -> Result<Figure> {
    let moments = Moments::of_law(&toy_law("oblique-plane")?)?;
    let channel = Channel::variance_preserving(0.8)?;
    let tau_squared = 1.0 / 3.0;
    let (n, along) =
        (Array1::from_vec(vec![1.0, 2.0, 2.0]) / 3.0, Array1::from_vec(vec![0.0, 1.0, -1.0]));
    let along = along / 2.0_f64.sqrt();
    let form = |matrix: &Array2<f64>, v: &Array1<f64>| {
        let turned = matrix
            .rows()
            .into_iter()
            .map(|row| row.iter().zip(v).fold(0.0_f64, |sum, (m, v)| m.mul_add(*v, sum)));
        turned.zip(v).fold(0.0_f64, |sum, (x, v)| x.mul_add(*v, sum))
    };
    let lambdas: Vec<f64> = (-20..=40).map(|k| exp(0.25 * k as f64)).collect();
    let mut figure = Figure::new("affine-gains", "Equivariance keeps the plane, invariance leaves it").caption(
        "Gains of the affine optimum on the oblique plane at ᾱ = 0.8, ω uniform in the box of radius 1, against λ. Equivariance: along the plane the gain falls to 0 (over-smoothing), across it is 0 for every λ. Invariance: both tend to 1/a (dashed): what leaves the plane stays outside.",
    ).axes(Axis::log("λ"), Axis::linear("gain"));
    for (hue, (constraint, name)) in
        [(Constraint::Equivariance, "equivariance"), (Constraint::Invariance, "invariance")]
            .into_iter()
            .enumerate()
    {
        for (direction, vector) in [("along the plane", &along), ("across", &n)] {
            let mut points = Vec::new();
            for &lambda in &lambdas {
                let quadratic =
                    Quadratic::new(&moments, (constraint, Units::Noise), lambda, channel)?;
                let found = context.subject.affine_optimum(&quadratic, tau_squared)?;
                points.push([lambda, form(&found.denoised, vector)]);
            }
            let hue = 2 * hue + usize::from(direction == "across");
            figure = figure.layer(Layer::line(format!("{name}, {direction}"), points).hue(hue));
        }
    }
    let ends = |y: f64| vec![[lambdas[0], y], [lambdas[lambdas.len() - 1], y]];
    Ok(figure
        .layer(Layer::dashed("1/a", ends(1.0 / channel.a())).hue(4))
        .layer(Layer::dashed("0", ends(0.0)).hue(5)))
}
