//! C3: the same as C2 for outliers.
//!
//! Outliers of a wide law around the mean add variance in every direction, and more than noise does; the affine optimum sees
//! only that. What a network sees beside it is that outliers are apart.
//!
//! Floor 7. Uses `claims`. Spec: E2, T8.

use super::trials::compare::INTERVAL;
use super::trials::harmed;
use super::trials::recipe::Harm;
use super::{Claim, Context, Findings};
use crate::error::Result;

pub(super) const CLAIM: Claim = Claim {
    id: "C3",
    title: "learning from data with outliers",
    statement: "With outliers among the data, equivariant training generates data nearer to the clean law than plain training does, and \
                adversarial perturbations do better than random ones.",
    source: "Why Adversarially Train Diffusion Models?, ICLR 2026: inlier and outlier data",
    hypothesis: "Theory (E2, T8): as for noise, of the outliers' variance.",
    measured: "Fréchet distance (Gaussian laws) or energy distance (others) of generated points to the clean law, and their distance \
               from its subspace, as ratios of two ways of training on the same data",
    bound: INTERVAL,
    find,
};

fn find(context: &Context<'_>) -> Result<Findings> {
    let whole = [0.05, 0.3, 0.6, 0.9];
    let studies: Vec<(&'static str, &[f64])> = match (context.quick, context.full) {
        (_, true) => {
            ["oblique-plane", "two-modes", "three-gaussians"].map(|l| (l, &whole[..])).into()
        }
        (true, _) => vec![("oblique-plane", &[0.3])],
        _ => vec![("oblique-plane", &[0.05, 0.3]), ("two-modes", &[0.3])],
    };
    let of_law = |(law, fractions): (&'static str, &[f64])| (law, harms(fractions));
    harmed::find(context, "C3", &studies.into_iter().map(of_law).collect::<Vec<_>>())
}

fn harms(fractions: &[f64]) -> Vec<(String, Harm)> {
    let harm = |&fraction: &f64| {
        let words = format!("{} % outliers of half the range", 100.0 * fraction);
        (words, Harm::Outliers { fraction, spread: 0.5 })
    };
    fractions.iter().map(harm).collect()
}
