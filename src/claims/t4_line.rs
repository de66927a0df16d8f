//! T4 on the line by quadrature, for laws of point masses.
//!
//! Left: E(D̂(x) − x₀)² = ∫ Σ_k w_k N(x; aμ_k, s²)·(D̂(x) − μ_k)² dx, from the definition alone. Right:
//! ∫ p·((D̂ − D*)² + Σ_post) dx with the subject's p, D* and Σ_post. Each is a trapezoid sum of step H (a power of
//! two), the left over (j + ½)H and the right over jH, so that the two share no node.
//!
//! Quadrature. For F analytic in |Im x| < b with ∫|F(x + iy)|dx ≤ M there, a trapezoid sum over the whole line is within
//! 2M/(e^(2πb/H) − 1) of the integral (Trefethen and Weideman 2014, theorem 5.1). Both integrands are, as functions, the
//! same F. On x + iy the terms of p have phases −y(x − aμ_k)/s², which differ by at most y·a·L/s², L the range of the
//! μ_k; where that is at most 2π/3, |Σ w_k N_k| ≥ ½Σ w_k|N_k| and so |D*(x + iy)| ≤ 2·max|μ|. Hence with
//! b = min(s, (2π/3)s²/(aL)) every D̂ here is at most 2·max|μ| in the strip (the one for 1.5·s has a wider strip),
//! |N(x + iy)| = N(x)e^(y²/2s²), and M ≤ e^½·(3·max|μ|)² ≤ 15·max|μ|². With H ≤ 2πb/45 the error is below
//! 30·e⁻⁴⁵·max|μ|²·1.01 ≤ 1e-18·max|μ|². Nodes reach 13s beyond the outermost aμ_k; beyond them are less than 1e-36.
//! The pulled-back Wiener filter has a kink, so it is not examined here.
//!
//! Rounding, left: r = (x − aμ_k)/s has an error e_r = 2u·(|x − aμ_k|/s) (x is exact), the weight a relative
//! |r|e_r + 4u·(1 + r²); D̂ is within δ (0 for zero). Right: p within a relative 1.01·(δ ln p + 2u), D*, D̂, Σ_post
//! within their bounds. Sums of J terms: (J + 4)u of a sum of positive terms.
//!
//! Floor 7. Uses `claims`, `law`, `arith`. Spec: T4.

use ndarray::Array2;

use super::cases::{self, NamedChannel};
use super::pictures::on_line;
use super::stencil::power_of_two;
use super::subject::given;
use super::worst::U;
use super::wrong::{Predictor, Wrong, noisier};
use super::{Case, Context};
use crate::arith::scalar::exp;
use crate::error::Result;
use crate::law::{Mixture, Quantity};

/// 1/√(2π), rounded.
const ROOT: f64 = 0.398_942_280_401_432_7;

/// A law of point masses on the line, through a channel.
pub(super) struct Setting {
    pub law: &'static str,
    pub mixture: Mixture,
    pub named: NamedChannel,
}

pub(super) fn settings(context: &Context<'_>) -> Result<Vec<Setting>> {
    let mut channels = vec![cases::ve(0.5)?, cases::vp(0.5)?];
    if !context.quick {
        channels.extend([
            cases::ve(0.2)?,
            cases::ve(2.0)?,
            cases::vp(0.9)?,
            cases::rectified(0.6)?,
        ]);
    }
    let mut all = Vec::new();
    for (law, mixture) in
        [("two points", cases::two_points()?), ("three points", cases::three_points()?)]
    {
        for named in &channels {
            all.push(Setting { law, mixture: mixture.clone(), named: named.clone() });
        }
    }
    Ok(all)
}

/// A number and its error.
#[derive(Clone, Copy, Default)]
struct Sum {
    value: f64,
    error: f64,
}

/// Nodes, and the largest |μ|.
pub(super) struct Grid {
    pub h: f64,
    pub first: f64,
    pub count: usize,
    pub largest: f64,
}

pub(super) fn grid(setting: &Setting) -> Grid {
    let (a, s) = (setting.named.channel.a(), setting.named.channel.s());
    let means: Vec<f64> = setting.mixture.means().iter().copied().collect();
    let low = means.iter().copied().fold(f64::INFINITY, f64::min);
    let high = means.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // (2π/3)·s²/(aL), and 2π/45, both rounded down.
    let strip = (2.09 * s * s / (a * (high - low))).min(s);
    let h = power_of_two(strip * 0.1396);
    let first = ((a * low - 13.0 * s) / h).floor() - 1.0;
    let last = ((a * high + 13.0 * s) / h).ceil() + 1.0;
    Grid { h, first, count: (last - first) as usize, largest: low.abs().max(high.abs()) }
}

pub(super) fn examine(context: &Context<'_>, setting: &Setting) -> Result<Vec<Case>> {
    let grid = grid(setting);
    let predictor = Predictor::new(&setting.mixture, setting.named.channel)?;
    let mut cases = Vec::new();
    for wrong in [Wrong::Zero, Wrong::Shrunk, Wrong::OtherNoise] {
        let left = left(setting, &grid, &predictor, wrong)?;
        let right = right(context, setting, &grid, &predictor, wrong)?;
        let quadrature = 2e-18 * grid.largest * grid.largest;
        let scale = setting.named.channel.a() / setting.named.channel.s();
        for (name, left, factor) in [("loss", left[0], 1.0), ("noise loss", left[1], scale * scale)]
        {
            let residual = (left.value - factor * right.value).abs();
            let bound = left.error
                + factor * (right.error + quadrature)
                + U * (residual + 4.0 * factor * right.value);
            let quantity = format!("|{name} − its two terms|, {}", wrong.name());
            cases.push(Case::new(
                setting.law,
                setting.named.name.clone(),
                quantity,
                residual,
                bound * 1.001,
            ));
        }
    }
    Ok(cases)
}

/// D̂ and its error bound at nodes.
fn guess(
    setting: &Setting,
    predictor: &Predictor,
    wrong: Wrong,
    nodes: &Array2<f64>,
) -> Result<(Array2<f64>, Array2<f64>)> {
    let values = predictor.predict(wrong, nodes.view())?;
    let bound = |channel| -> Result<Array2<f64>> {
        let noised = setting.mixture.through::<f64>(channel)?;
        given(noised.bounds(nodes.view(), &[Quantity::Denoiser])?.denoiser, "denoiser")
    };
    let channel = setting.named.channel;
    let bounds = match wrong {
        Wrong::Zero | Wrong::Wiener => Array2::zeros(nodes.dim()),
        // The product with ¾ rounds once more.
        Wrong::Shrunk => bound(channel)? + values.mapv(|v| U * v.abs()),
        Wrong::OtherNoise => bound(noisier(channel)?)?,
    };
    Ok((values, bounds))
}

/// The loss in units of the data, and in units of the noise, from the definition.
fn left(setting: &Setting, grid: &Grid, predictor: &Predictor, wrong: Wrong) -> Result<[Sum; 2]> {
    let (a, s) = (setting.named.channel.a(), setting.named.channel.s());
    let nodes: Vec<f64> = (0..grid.count).map(|j| (grid.first + j as f64 + 0.5) * grid.h).collect();
    let nodes = on_line(&nodes)?;
    let (values, bounds) = guess(setting, predictor, wrong, &nodes)?;
    let mut sums = [Sum::default(); 2];
    for (n, &x) in nodes.iter().enumerate() {
        let (guess, guess_error) = (values[[n, 0]], bounds[[n, 0]]);
        let noise = (-a).mul_add(guess, x) / s;
        let noise_error = a * guess_error / s + 2.0 * U * noise.abs();
        for (&weight, &mu) in setting.mixture.weights().iter().zip(setting.mixture.means()) {
            let r = (-a).mul_add(mu, x) / s;
            let r_error = 2.0 * U * r.abs();
            let mass = weight * grid.h * (ROOT / s) * exp(-0.5 * r * r);
            // The normalised weight and 1/(s√2π) have a few roundings of their own.
            let relative = 1.01 * (r.abs() * r_error + 4.0 * U * (1.0 + r * r))
                + (setting.mixture.components() as f64 + 8.0) * U;
            let miss = guess - mu;
            let miss_error = guess_error + U * miss.abs();
            let miss_noise = noise - r;
            let miss_noise_error = noise_error + r_error + U * miss_noise.abs();
            for (sum, miss, error) in [(0, miss, miss_error), (1, miss_noise, miss_noise_error)] {
                sums[sum].value += mass * miss * miss;
                sums[sum].error +=
                    mass * (relative * miss * miss + 1.01 * (2.0 * miss.abs() + error) * error);
            }
        }
    }
    let terms = (grid.count * setting.mixture.components()) as f64;
    for sum in &mut sums {
        sum.error += (terms + 8.0) * U * sum.value;
    }
    Ok(sums)
}

/// E(D̂ − D*)² + E Σ_post.
fn right(
    context: &Context<'_>,
    setting: &Setting,
    grid: &Grid,
    predictor: &Predictor,
    wrong: Wrong,
) -> Result<Sum> {
    let nodes: Vec<f64> = (0..grid.count).map(|j| (grid.first + j as f64) * grid.h).collect();
    let nodes = on_line(&nodes)?;
    let (guesses, guess_bounds) = guess(setting, predictor, wrong, &nodes)?;
    let wanted = [Quantity::LogDensity, Quantity::Denoiser, Quantity::Covariance];
    let noised = setting.mixture.through::<f64>(setting.named.channel)?;
    let values = context.subject.evaluate(&noised, nodes.view(), &wanted)?;
    let bounds = noised.bounds(nodes.view(), &wanted)?;
    let (density, density_bound) =
        (given(values.log_density, "log density")?, given(bounds.log_density, "log density")?);
    let (exact, exact_bound) =
        (given(values.denoiser, "denoiser")?, given(bounds.denoiser, "denoiser")?);
    let (variance, variance_bound) =
        (given(values.covariance, "covariance")?, given(bounds.covariance, "covariance")?);
    let mut sum = Sum::default();
    for n in 0..grid.count {
        let mass = grid.h * exp(density[n]);
        let relative = 1.01 * density_bound[n] + 3.0 * U;
        let apart = guesses[[n, 0]] - exact[[n, 0]];
        let apart_error = guess_bounds[[n, 0]] + exact_bound[[n, 0]] + U * apart.abs();
        let inside = apart * apart + variance[[n, 0, 0]];
        let inside_error = 1.01 * (2.0 * apart.abs() + apart_error) * apart_error
            + variance_bound[[n, 0, 0]]
            + 3.0 * U * inside.abs();
        sum.value += mass * inside;
        sum.error += mass * (relative * inside.abs() + inside_error);
    }
    sum.error += (grid.count as f64 + 8.0) * U * sum.value.abs();
    Ok(sum)
}
