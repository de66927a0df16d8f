//! C2: learned from data that mostly carry Gaussian noise, adversarial training generates points nearer to the clean law.
//!
//! Noise of variance f·σ_c² is added to every direction. The optimum's gain a·c/(a²c + s² + λτ²s²) is smaller than the plain one
//! wherever c is small against s², so what the noise added is taken back first, and at a greater price the more λ is.
//!
//! Floor 7. Uses `claims`. Spec: E2, T8.

use super::trials::compare::INTERVAL;
use super::trials::harmed;
use super::trials::recipe::Harm;
use super::{Claim, Context, Findings};
use crate::error::Result;

pub(super) const CLAIM: Claim = Claim {
    id: "C2",
    title: "learning from noisy data",
    statement: "With 90 % of the data corrupted by Gaussian noise, equivariant training generates data nearer to the clean law than plain \
                training does, and adversarial perturbations do better than random ones.",
    source: "Why Adversarially Train Diffusion Models?, ICLR 2026: Gaussian noise of 0.1 and 0.2 of the data's range",
    hypothesis: "Theory (E2, T8): the optimum is the Wiener filter of inflated noise; it shrinks the directions of least variance most.",
    measured: "Fréchet distance (Gaussian laws) or energy distance (others) of generated points to the clean law, and their distance \
               from its subspace, as ratios of two ways of training on the same data",
    bound: INTERVAL,
    find,
};

fn find(context: &Context<'_>) -> Result<Findings> {
    let whole = [0.0, 0.3, 0.6, 0.9, 1.0];
    let studies: Vec<(&'static str, &[f64])> = match (context.quick, context.full) {
        (_, true) => {
            ["oblique-plane", "two-modes", "three-gaussians"].map(|l| (l, &whole[..])).into()
        }
        (true, _) => vec![("oblique-plane", &[0.9])],
        _ => vec![("oblique-plane", &[0.3, 0.9]), ("two-modes", &[0.9])],
    };
    let of_law = |(law, fractions): (&'static str, &[f64])| (law, harms(fractions));
    harmed::find(context, "C2", &studies.into_iter().map(of_law).collect::<Vec<_>>())
}

fn harms(fractions: &[f64]) -> Vec<(String, Harm)> {
    let mut harms = Vec::new();
    for &fraction in fractions {
        for deviation in [0.1, 0.2] {
            // Without noise there is one case, not two.
            if fraction > 0.0 || deviation == 0.1 {
                let words = format!("{} % with σ_c = {deviation} of the range", 100.0 * fraction);
                harms.push((words, Harm::Noise { fraction, deviation }));
            }
        }
    }
    harms
}
