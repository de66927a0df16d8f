//! C11: the inner objective: what either attack finds, and what it trains into the model.
//!
//! The prediction difference is largest where the posterior covariance is smallest, normal to the data, and there the residual is
//! smallest (E7). So the source method's attack finds less of the residual that its loss penalises.
//!
//! Floor 7. Uses `attack`, `channel`, `claims`, `denoiser`, `law`, `objective`. Spec: E1, E4, E7.

use super::trials::compare::{INTERVAL, Measured, SPREAD, exact, part, statistics, trained};
use super::trials::{Recipe, Way, over_seeds, table};
use super::{Claim, Context, Findings};
use crate::arith::{Real, mean};
use crate::attack::{Address, Attack, Inner, Norm, Settings, Shape, Units, perturb_at};
use crate::channel::Channel;
use crate::denoiser::{Denoiser, Exact};
use crate::error::Result;
use crate::figure::{Axis, Figure, Layer};
use crate::law::toy_law;
use crate::objective::consistency::perturbed;

pub(super) const CLAIM: Claim = Claim {
    id: "C11",
    title: "the inner objective",
    statement: "The attack on the prediction difference finds a smaller residual than random perturbations of the same size do, the attack on \
                the residual a larger one, and training against the latter loses more variance.",
    source: "Theory E7, of the source method's inner objective",
    hypothesis: "Theory (E7): the prediction difference is largest where the posterior covariance is smallest, the residual where it is largest.",
    measured: "E‖R‖² at perturbations of ‖ω‖₂ = 1/2 in the middle of the schedule: random on the sphere, five ℓ2 steps on either \
               objective; and the total variance generated after training",
    bound: INTERVAL,
    find,
};

const RADIUS: f64 = 0.5;
const STEPS: usize = 5;

fn find(context: &Context<'_>) -> Result<Findings> {
    let law = "oblique-plane";
    let channel = table(3)?.channels()[1];
    let points = if context.quick { 200 } else { 1000 };
    let plain = [Recipe::new(law, Way::Plain)];
    let found = over_seeds(context, "C11", &plain, |model| {
        residuals::<f32, _>(&model.model, channel, points, model.seed)
    })?;
    let truth = residuals::<f64, _>(&Exact::new(toy_law(law)?), channel, points, context.seed)?;
    let [random, difference, residual] = [0, 1, 2];
    let condition = format!("σ = {:.3}", channel.sigma());
    let mut cases = Vec::new();
    for (quantity, above, below) in [
        ("E‖R‖²: prediction difference / random", difference, random),
        ("E‖R‖²: random / residual", random, residual),
    ] {
        let pair = (&part(&found[0], above), &part(&found[0], below));
        cases.push(trained(law, &condition, quantity, pair, 1.0));
        cases.push(exact(law, &condition, quantity, (truth[above], truth[below]), 1.0));
    }
    let ways = [Way::Adversarial, Way::Residual].map(|way| Recipe::new(law, way));
    let after = Measured::of(context, "C11", &ways)?;
    let pair = ((1, "residual"), (0, "prediction difference"));
    cases.extend(after.cases("λ = 0.3, r = s²", SPREAD, pair, 1.0));

    let places = [(0.0, random), (1.0, difference), (2.0, residual)];
    let marks =
        places.map(|(x, which)| super::trials::compare::mark(x, &part(&found[0], which))).to_vec();
    let figure = Figure::new("inner-objectives", "The residual that either attack finds")
        .caption(
            "E‖R‖² of perturbations of one size: random on the sphere, five steps on the prediction difference, five on the \
             residual. Marks: plainly trained models, five seeds with 99 % intervals; discs: the exact denoiser.",
        )
        .axes(Axis::linear("random, prediction difference, residual"), Axis::linear("E‖R‖²"))
        .layer(Layer::errorbars("trained", marks))
        .layer(Layer::points("exact", places.map(|(x, which)| [x, truth[which]]).to_vec()));
    let statistics = Some(statistics(&cases));
    Ok(Findings { cases, statistics, figures: vec![figure] })
}

/// E‖R‖² over draws of the noised law: random, prediction difference, residual.
fn residuals<T: Real, D: Denoiser<T> + ?Sized>(
    denoiser: &D,
    channel: Channel,
    n: usize,
    seed: u64,
) -> Result<[f64; 3]> {
    let law = toy_law("oblique-plane")?;
    let x = law.sample_noised(channel, seed, 1, n)?.noised.mapv(T::from_f64);
    let radii = vec![T::from_f64(RADIUS); n];
    let address = Address { seed, stream: 2, first_row: 0 };
    let by = |inner| {
        let settings = Settings { inner, ..Settings::pgd(Norm::L2, STEPS) };
        let attack = Attack::new(settings)?;
        Ok(perturb_at(&attack, denoiser, channel, x.view(), &radii, address)?.perturbation)
    };
    let found = [
        Shape::Sphere.draw(address, &radii, x.ncols())?,
        by(Inner::PredictionDifference)?,
        by(Inner::Residual)?,
    ];
    let here = denoiser.denoise(channel, x.view())?;
    let mut means = [0.0; 3];
    for (mean_of, omega) in means.iter_mut().zip(found) {
        let moved = perturbed(&vec![channel; n], Units::Noise, x.view(), omega.view())?;
        let there = denoiser.denoise(channel, moved.view())?;
        let scale = channel.a() / channel.s();
        let rows = there.rows().into_iter().zip(here.rows());
        let squares: Vec<f64> = rows
            .map(|(there, here)| {
                there.iter().zip(here).fold(0.0, |sum, (there, here)| {
                    let part = scale * (there.to_f64() - here.to_f64());
                    sum + part * part
                })
            })
            .collect();
        *mean_of = mean(&squares);
    }
    Ok(means)
}
