//! C7: the price on clean data.
//!
//! The plain optimum is the best there is for the clean law; any constraint moves away from it (E2), the more the larger λτ².
//!
//! Floor 7. Uses `claims`, `figure`. Spec: E2, T8.

use super::trials::compare::{ENERGY, FRECHET, INTERVAL, Measured, statistics};
use super::trials::{Recipe, Way};
use super::{Claim, Context, Findings};
use crate::error::Result;
use crate::figure::{Axis, Figure, Layer};

pub(super) const CLAIM: Claim = Claim {
    id: "C7",
    title: "the price on clean data",
    statement: "On clean data equivariant training costs quality: generated points are further from the law than those of plain training.",
    source: "Why Adversarially Train Diffusion Models?, ICLR 2026: results on clean data",
    hypothesis: "Theory (E2): the optimum is the Wiener filter of a noise inflated by 1 + λτ², so variance is lost.",
    measured: "Fréchet distance (Gaussian laws) or energy distance (others) of generated points to the law: plain training over the other",
    bound: INTERVAL,
    find,
};

const WAYS: [Way; 4] = [Way::Plain, Way::Random, Way::Adversarial, Way::Residual];

fn find(context: &Context<'_>) -> Result<Findings> {
    let whole = ["oblique-plane", "three-gaussians", "ring"];
    let laws = if context.full { &whole[..] } else { &whole[..2] };
    let (mut cases, mut figures) = (Vec::new(), Vec::new());
    for &law in laws {
        let measured = Measured::of(context, "C7", &WAYS.map(|way| Recipe::new(law, way)))?;
        let aspect = if measured.is_gaussian() { FRECHET } else { ENERGY };
        let mut figure = Figure::new(format!("price-{law}"), format!("The price on clean data: {law}"))
            .caption(format!(
                "{} of generated points, over the law's deviation: five seeds with 99 % intervals, and the exact affine \
                 optimum of each objective where the law is Gaussian.",
                aspect.name
            ))
            .axes(Axis::linear("way of training, as in the legend"), Axis::linear(aspect.name));
        let places: Vec<(f64, usize)> =
            (0..WAYS.len()).map(|which| (which as f64, which)).collect();
        for (which, way) in WAYS.iter().enumerate() {
            if which > 0 {
                let pair = ((0, "plain"), (which, way.name()));
                cases.extend(measured.cases("λ = 0.3, r = s²", aspect, pair, 1.0));
            }
            figure = figure.layer(measured.marks(way.name(), aspect, &places[which..=which]));
        }
        figures.push(
            figure.layer(Layer::points("exact optimum", measured.exact_points(aspect, &places))),
        );
    }
    let statistics = Some(statistics(&cases));
    Ok(Findings { cases, statistics, figures })
}
