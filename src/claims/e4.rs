//! E4, the affine adversary: how large its effect can be, and the optimum against it, with a duality gap.
//!
//! 1. *The largest effect.* ‖Bω‖² for B = −aA of the Wiener filter: over all 2ᵈ vertices (ℓ∞) and all d (ℓ1) in double-double
//!    arithmetic the maximum is in the library's enclosure; for ℓ2 the Rayleigh quotient at the point given is not below
//!    the lower end, and no draw of directions is above the upper.
//! 2. *The min–max optimum.* For the strategy that the library gives, the proof is made again here: weights that sum to 1 at
//!    most, points in the ball, the minimiser for it, the gap. The library's A is within the two bounds √gap/s of it; and the
//!    gap is what rounding leaves, 64(d + 16)u of the magnitudes at stake and the width of the enclosure.
//! 3. *Two ways.* For ℓ2 water filling against the search over mixed strategies, within both bounds.
//! 4. *On the line* the adversary of radius r is the random box of radius √3·r.
//!
//! Floor 7. Uses `claims`, `attack`, `optimum`, `law`, `arith`, `figure`. Spec: E4. Source: Sion 1958; theory E4.

use ndarray::{Array1, Array2, ArrayView1};

use super::affine_cases::{self, READINGS, Setting};
use super::cases::NamedChannel;
use super::worst::{U, Worst};
use super::{Claim, Context, Findings, Stage};
use crate::arith::fill_normal;
use crate::arith::scalar::exp;
use crate::arith::wide::Wide;
use crate::attack::affine::{equivalent_box_radius, largest_effect};
use crate::attack::{Norm, Shape};
use crate::channel::Channel;
use crate::error::Result;
use crate::figure::{Axis, Figure, Layer};
use crate::law::toy_law;
use crate::objective::{Constraint, Units};
use crate::optimum::minmax::{Saddle, proven, search};
use crate::optimum::{Moments, Quadratic};

pub(super) const CLAIM: Claim = Claim {
    id: "E4",
    title: "the affine adversary, and the optimum against it",
    statement: "max ‖Bω‖² over a ball is r²‖B‖₂² (ℓ2), r² times the largest squared column (ℓ1), attained at a vertex (ℓ∞). The affine optimum against it is that for random ω with the covariance of a best mixed strategy; for ℓ2 it holds the largest residual gains to one level. On the line it is the random box of radius √3·r.",
    source: "Rockafellar 1970, 32.3; Sion 1958; theory E4",
    hypothesis: "affine predictions; the adversary knows the denoiser, and one ω serves every point.",
    measured: "the enclosures against every vertex; the duality gap of the library's strategy, proven again; water filling against search; the line",
    bound: "enclosures by rounding analysis; ‖A − A*‖ ≤ √gap/s; the gap against the rounding of what it is the difference of",
    find,
};

fn find(context: &Context<'_>) -> Result<Findings> {
    let settings = affine_cases::settings()?;
    let channels = affine_cases::channels(true)?;
    let stage = Stage::new(context, CLAIM.id, settings.len());
    let mut cases = Vec::new();
    for setting in &settings {
        let mut checks = Checks::default();
        for named in &channels {
            enclosures(context, setting, named, &mut checks)?;
            for &(constraint, units, _) in &READINGS {
                for square_radius in if context.quick { &[0.25][..] } else { &[1e-2, 0.25, 9.0] } {
                    let quadratic = Quadratic::new(
                        &setting.moments,
                        (constraint, units),
                        LAMBDA,
                        named.channel,
                    )?;
                    saddles(context, setting, named, (&quadratic, *square_radius), &mut checks)?;
                }
            }
        }
        cases.extend(checks.cases(setting.law));
        stage.step();
    }
    Ok(Findings { cases, statistics: None, figures: vec![clipping(context)?] })
}

const LAMBDA: f64 = 0.5;

#[derive(Default)]
struct Checks {
    above: Worst,
    below: Worst,
    width: Worst,
    strategy: Worst,
    gap: Worst,
    distance: Worst,
    two_ways: Worst,
    line: Worst,
}

impl Checks {
    fn cases(&self, law: &str) -> Vec<super::Case> {
        [
            self.above
                .case(law, "largest effect found by visiting, against the enclosure's upper end"),
            self.below
                .case(law, "the enclosure's lower end, against the largest effect by visiting"),
            self.width.case(law, "the enclosure's upper end − the largest effect by visiting"),
            self.strategy.case(law, "weights and lengths of the strategy, against 1"),
            self.gap.case(law, "duality gap, proven again"),
            self.distance.case(law, "‖A − the minimiser for its strategy‖"),
            self.two_ways.case(law, "‖A by water filling − A by search‖, ℓ2"),
            self.line.case(law, "|A − A of the random box of radius √3·r|"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// ‖Bω‖² to 100 bits, rounded.
fn effect(matrix: &Array2<f64>, omega: ArrayView1<'_, f64>) -> f64 {
    let rows = matrix.rows().into_iter().map(|row| {
        let sum =
            row.iter().zip(omega).fold(Wide::ZERO, |sum, (b, w)| sum.plus(Wide::product(*b, *w)));
        sum.times(sum)
    });
    rows.fold(Wide::ZERO, Wide::plus).to_f64()
}

/// Check 1.
fn enclosures(
    context: &Context<'_>,
    setting: &Setting,
    named: &NamedChannel,
    checks: &mut Checks,
) -> Result<()> {
    let d = setting.dimension();
    let reading = (Constraint::Equivariance, Units::Noise);
    let quadratic = Quadratic::new(&setting.moments, reading, 0.0, named.channel)?;
    let wiener = quadratic.minimiser_along(&vec![0.0; d])?;
    let matrix = wiener.denoised.mapv(|entry| -named.channel.a() * entry);
    let sign = |code: usize, j: usize| if code >> j & 1 == 1 { -1.0 } else { 1.0 };
    for norm in Norm::ALL {
        let found = context.subject.largest_effect(norm, matrix.view(), 1.0)?;
        let visited: Vec<f64> = match norm {
            Norm::Linf => (0..1usize << d)
                .map(|code| effect(&matrix, Array1::from_shape_fn(d, |j| sign(code, j)).view()))
                .collect(),
            Norm::L1 => (0..d)
                .map(|j| {
                    let vertex = Array1::from_shape_fn(d, |i| if i == j { 1.0 } else { 0.0 });
                    effect(&matrix, vertex.view())
                })
                .collect(),
            Norm::L2 => directions(d, context.seed)
                .iter()
                .chain([&found.at])
                .map(|v| effect(&matrix, v.view()) / effect(&Array2::eye(d), v.view()))
                .collect(),
        };
        let most = visited.iter().fold(0.0_f64, |m, v| m.max(*v));
        let name = format!("{}, {norm}", named.name);
        checks.above.add(&name, most, found.upper * (1.0 + 4.0 * U));
        checks.below.add(&name, found.lower, most * (1.0 + 4.0 * U));
        // The enclosure is no wider than rounding makes it, so that a maximum that is too large is seen.
        let width =
            64.0 * (d as f64 + 16.0) * U * (matrix.iter().map(|b| b * b).sum::<f64>() * d as f64);
        checks.width.add(&name, found.upper - most, width + f64::MIN_POSITIVE);
    }
    Ok(())
}

fn directions(d: usize, seed: u64) -> Vec<Array1<f64>> {
    (0..32)
        .map(|k| {
            let mut normals = vec![0.0; d];
            fill_normal(seed, 14_000 + k, 0, &mut normals);
            Array1::from_vec(normals)
        })
        .filter(|v| v.iter().any(|x| *x != 0.0))
        .collect()
}

/// What the gap is a difference of, in magnitude.
fn stake(quadratic: &Quadratic<'_>, matrix: &Array2<f64>, square_radius: f64) -> f64 {
    let [_, s, step, share] = quadratic.numbers();
    let d = matrix.nrows() as f64;
    let size = matrix.iter().fold(0.0_f64, |sum, v| v.mul_add(*v, sum));
    let effect = step * size.sqrt() + d.sqrt() * share.abs();
    // ‖ω‖₂² is up to d over the ℓ∞ box.
    quadratic.lambda() * square_radius * d * effect * effect + s * s * size
}

/// Checks 2 to 4.
fn saddles(
    context: &Context<'_>,
    setting: &Setting,
    named: &NamedChannel,
    (quadratic, square_radius): (&Quadratic<'_>, f64),
    checks: &mut Checks,
) -> Result<()> {
    let d = setting.dimension();
    for norm in Norm::ALL {
        let name = format!("{}, {norm}", named.name);
        let found = context.subject.saddle(quadratic, norm, square_radius)?;
        legal(&found, norm, &name, &mut checks.strategy);
        let again = proven(quadratic, norm, square_radius, found.strategy.clone())?;
        let effect = quadratic.effect(again.minimiser.denoised.view());
        let enclosure = largest_effect(norm, effect.view(), 1.0)?;
        let stake = stake(quadratic, &again.minimiser.denoised, square_radius);
        let width = LAMBDA * square_radius * (enclosure.upper - enclosure.lower);
        // C's own error is in the gap too, by what it can have cost.
        let own = again.minimiser.excess + found.minimiser.excess;
        let bound = 64.0 * (d as f64 + 16.0) * U * stake + 2.0 * width + own;
        checks.gap.add(&name, again.gap, bound + f64::MIN_POSITIVE);
        let apart = apart(&found, &again);
        checks.distance.add(&name, apart, found.minimiser.error + again.minimiser.error);
        if norm == Norm::L2 {
            let other = search(quadratic, norm, square_radius)?;
            let apart = self::apart(&found, &other);
            checks.two_ways.add(&name, apart, found.minimiser.error + other.minimiser.error);
        }
        if d == 1 {
            let radius = equivalent_box_radius(square_radius.sqrt());
            let random = quadratic.minimiser_along(&[Shape::Box.tau_squared(radius, 1)])?;
            let off = (found.minimiser.denoised[[0, 0]] - random.denoised[[0, 0]]).abs();
            let [a, _, _, share] = quadratic.numbers();
            let size = random.denoised[[0, 0]].abs() + 1.0 / a + share.abs();
            checks.line.add(&name, off, 64.0 * U * size);
        }
    }
    Ok(())
}

fn apart(one: &Saddle, other: &Saddle) -> f64 {
    let pairs = one.minimiser.denoised.iter().zip(&other.minimiser.denoised);
    pairs.fold(0.0_f64, |sum, (x, y)| (x - y).mul_add(x - y, sum)).sqrt()
}

/// The weights sum to at most 1, no point is outside the ball: each compared with 1 and its rounding.
fn legal(found: &Saddle, norm: Norm, name: &str, worst: &mut Worst) {
    let slack = 1.0 + 4.0 * (found.strategy.weights.len() as f64 + 8.0) * U;
    worst.add(name, found.strategy.weights.iter().sum(), slack);
    for (row, p) in found.strategy.points.rows().into_iter().zip(&found.strategy.weights) {
        worst.add(name, norm.of(&row.to_vec()), slack);
        worst.add(name, -p, 0.0);
    }
}

/// The gains that each adversary and chance of the same E‖ω‖² leave, against λ.
fn clipping(context: &Context<'_>) -> Result<Figure> {
    let c = Array2::from_diag(&Array1::from_vec(vec![4.0, 1.0, 0.25, 0.0]));
    let moments = Moments::new(Array1::zeros(4).view(), c.view())?;
    let channel = Channel::variance_exploding(1.0)?;
    let lambdas: Vec<f64> = (-12..=16).map(|k| exp(0.25 * k as f64)).collect();
    let mut figure = Figure::new("affine-clipping", "An adversary holds the largest gains to one level").caption(
        "Gains of the affine optimum for equivariance at σ = 1 along directions of variance 4, 1 and ¼, against λ. Solid: against the ℓ2 adversary of radius 1, whose weight fills the largest gains to one level and leaves the others as they are. Dashed: for random ω on the sphere of that radius, which lowers all. Discs: the largest gain on the oblique plane, of variance 9/8, against the ℓ∞ adversary of radius 1/√3.",
    ).axes(Axis::log("λ"), Axis::linear("gain"));
    for (at, variance) in [(0, "4"), (1, "1"), (2, "¼")] {
        let (mut solid, mut dashed) = (Vec::new(), Vec::new());
        for &lambda in &lambdas {
            let reading = (Constraint::Equivariance, Units::Noise);
            let quadratic = Quadratic::new(&moments, reading, lambda, channel)?;
            let found = context.subject.saddle(&quadratic, Norm::L2, 1.0)?;
            let chance = context.subject.affine_optimum(&quadratic, 0.25)?;
            solid.push([lambda, found.minimiser.denoised[[at, at]]]);
            dashed.push([lambda, chance.denoised[[at, at]]]);
        }
        figure = figure
            .layer(Layer::line(format!("adversary, variance {variance}"), solid).hue(at))
            .layer(Layer::dashed(format!("chance, variance {variance}"), dashed).hue(at));
    }
    Ok(figure
        .layer(Layer::points("oblique plane, ℓ∞ adversary, largest gain", plane(context)?).hue(3)))
}

/// The largest gain on the oblique plane against the ℓ∞ adversary of radius 1/√3, whose box has the same E‖ω‖² at most.
fn plane(context: &Context<'_>) -> Result<Vec<[f64; 2]>> {
    let moments = Moments::of_law(&toy_law("oblique-plane")?)?;
    let channel = Channel::variance_exploding(1.0)?;
    let mut points = Vec::new();
    for k in -3..=4 {
        let lambda = exp(k as f64);
        let reading = (Constraint::Equivariance, Units::Noise);
        let quadratic = Quadratic::new(&moments, reading, lambda, channel)?;
        let found = context.subject.saddle(&quadratic, Norm::Linf, 1.0 / 3.0)?;
        let matrix = &found.minimiser.denoised;
        points.push([lambda, largest_effect(Norm::L2, matrix.view(), 1.0)?.lower.sqrt()]);
    }
    Ok(points)
}
