//! C7: the price on clean data.
//!
//! The plain optimum is the best there is for the clean law; any constraint moves away from it (E2), the more the larger λτ².
//!
//! Floor 7. Uses `claims`, `figure`. Spec: E2, T8.

use super::trials::compare::{ENERGY, FRECHET, INTERVAL, MODE_WEIGHTS, Measured, statistics};
use super::trials::{Recipe, Way};
use super::{Claim, Context, Findings};
use crate::error::Result;
use crate::figure::{Axis, Figure};

pub(super) const CLAIM: Claim = Claim {
    id: "C7",
    title: "the price on clean data",
    statement: "On clean data equivariant training costs quality: generated points are further from the law than those of plain training.",
    source: "Why Adversarially Train Diffusion Models?, ICLR 2026: results on clean data",
    hypothesis: "Theory (E2): the optimum is the Wiener filter of a noise inflated by 1 + λτ², so variance is lost.",
    measured: "Fréchet distance (Gaussian laws), or energy distance and the error of the mode weights (others), of generated points to the law: \
               plain training over the other",
    bound: INTERVAL,
    find,
};

const WAYS: [Way; 4] = [Way::Plain, Way::Random, Way::Adversarial, Way::Residual];

fn find(context: &Context<'_>) -> Result<Findings> {
    let whole = ["oblique-plane", "two-modes", "three-gaussians", "ring"];
    let laws = if context.full { &whole[..] } else { &whole[..3] };
    let (mut cases, mut figures) = (Vec::new(), Vec::new());
    for &law in laws {
        let measured = Measured::of(context, "C7", &WAYS.map(|way| Recipe::new(law, way)))?;
        let aspect = if measured.is_gaussian() { FRECHET } else { ENERGY };
        for (which, way) in WAYS.iter().enumerate().skip(1) {
            let pair = ((0, "plain"), (which, way.name()));
            cases.extend(measured.cases("λ = 0.3, r = s²", aspect, pair, 1.0));
            if !measured.is_gaussian() {
                cases.extend(measured.cases("λ = 0.3, r = s²", MODE_WEIGHTS, pair, 1.0));
            }
        }
        let figure = Figure::new(format!("price-{law}"), format!("The price on clean data: {law}"))
            .caption(format!(
                "{} of generated points, over the law's deviation: five seeds with 99 % intervals, and the exact affine \
                 optimum of each objective where the law is Gaussian.",
                aspect.name
            ));
        figures.push(measured.by_way(figure, &WAYS, aspect, Axis::linear(aspect.name)));
    }
    let statistics = Some(statistics(&cases));
    Ok(Findings { cases, statistics, figures })
}
