//! C12: the subspace of real images, learned from noisy ones.
//!
//! Floor 7. Uses `arith`, `channel`, `claims`, `denoiser`, `figure`, `law`. Spec: E2, T4, T8.

use ndarray::{Array2, ArrayView2};

use super::trials::compare::{FRECHET, INTERVAL, Measured, OFF, exact, statistics, trained};
use super::trials::recipe::Harm;
use super::trials::{Recipe, Size, Way, optimum, over_seeds, widened};
use super::{Claim, Context, Findings};
use crate::arith::{Hardware, ln, mean};
use crate::channel::Channel;
use crate::denoiser::Denoiser;
use crate::error::Result;
use crate::figure::{Axis, Figure};
use crate::law::{Mixture, toy_law};
use crate::train::measure::squared_rows;

pub(super) const CLAIM: Claim = Claim {
    id: "C12",
    title: "the subspace of real images",
    statement: "Learned from noisy images, equivariant training generates images nearer to the clean subspace and law than plain training, \
                and denoises clean images' noise better.",
    source: "Why Adversarially Train Diffusion Models?, ICLR 2026: its experiments on images, here on the 8×8 digits' 20 leading \
             components",
    hypothesis: "Theory (E2, T8): as C2; the law is the Gaussian of the digits' mean and leading components.",
    measured: "distance from the subspace and Fréchet distance of generated images; and the mean square error, which PSNR is the logarithm \
               of, of denoising clean images at σ = 0.5; as ratios of two ways of training",
    bound: INTERVAL,
    find,
};

const LAW: &str = "digits-subspace";
const WAYS: [Way; 3] = [Way::Plain, Way::Random, Way::Adversarial];
const SIGMA: f64 = 0.5;

fn find(context: &Context<'_>) -> Result<Findings> {
    let size = Size::of(context);
    let law = toy_law(LAW)?;
    let channel = Channel::from_log_snr(-2.0 * ln::<f64, Hardware>(SIGMA))?;
    let deviations: &[f64] = if context.full { &[0.1, 0.2] } else { &[0.2] };
    let (mut cases, mut figures) = (Vec::new(), Vec::new());
    for &deviation in deviations {
        let harm = Harm::Noise { fraction: 0.9, deviation };
        let condition = format!("90 % with σ_c = {deviation} of the range");
        let recipes = WAYS.map(|way| Recipe::new(LAW, way).harmed(harm));
        let measured = Measured::of(context, "C12", &recipes)?;
        let errors = over_seeds(context, "C12", &recipes, |model| {
            error(&law, channel, model.seed, size.generated, |x| {
                let x = x.mapv(|entry| entry as f32);
                Ok(widened(model.model.denoise(channel, x.view())?.view()))
            })
        })?;
        let mut ideal = Vec::new();
        for recipe in &recipes {
            let best = optimum::of_recipe(recipe, size)?;
            ideal.push(error(&law, channel, context.seed, size.generated, |x| {
                best.denoise(channel, x)
            })?);
        }
        for (which, way) in WAYS.iter().enumerate().skip(1) {
            let pair = ((which, way.name()), (0, "plain"));
            cases.extend(measured.cases(&condition, OFF, pair, 1.0));
            cases.extend(measured.cases(&condition, FRECHET, pair, 1.0));
            let quantity = format!("error of denoising at σ = {SIGMA}: {} / plain", way.name());
            cases.push(trained(LAW, &condition, &quantity, (&errors[which], &errors[0]), 1.0));
            cases.push(exact(LAW, &condition, &quantity, (ideal[which], ideal[0]), 1.0));
        }
        figures.push(figure(deviation, &measured));
    }
    let statistics = Some(statistics(&cases));
    Ok(Findings { cases, statistics, figures })
}

/// The mean square error of denoising draws of the clean law.
fn error(
    law: &Mixture,
    channel: Channel,
    seed: u64,
    n: usize,
    denoise: impl Fn(ArrayView2<'_, f64>) -> Result<Array2<f64>>,
) -> Result<f64> {
    let drawn = law.sample_noised(channel, seed, 1, n)?;
    let found = denoise(drawn.noised.view())?;
    Ok(mean(&squared_rows(found.view(), drawn.clean.view())))
}

fn figure(deviation: f64, measured: &Measured) -> Figure {
    let name = format!("images-{deviation}").replace('.', "-");
    let figure = Figure::new(name, "Generated images' distance from the clean subspace").caption(format!(
        "Over the law's deviation, learned from images of which 90 % carry noise of {deviation} of the range: five seeds with \
         99 % intervals, and the exact affine optimum of each objective."
    ));
    measured.by_way(figure, &WAYS, OFF, Axis::linear("distance / deviation"))
}
