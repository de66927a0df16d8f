//! C1: equivariance keeps an oblique plane, invariance leaves it.
//!
//! The law has no variance along the plane's normal. Along it the equivariant optimum is exactly 0 and the invariant one
//! λτ²/(a(1 + λτ²)) (E2, E3), so what the sampler leaves along the normal grows with λ for invariance alone.
//!
//! Floor 7. Uses `claims`, `figure`. Spec: E2, E3, T8.

use super::trials::compare::{INTERVAL, Measured, OFF, statistics};
use super::trials::{Recipe, Way};
use super::{Claim, Context, Findings};
use crate::error::Result;
use crate::figure::{Axis, Figure};

pub(super) const CLAIM: Claim = Claim {
    id: "C1",
    title: "equivariance keeps the plane, invariance leaves it",
    statement: "Trained with the equivariance term a denoiser generates points as near to the oblique plane as without it; \
                trained with the invariance term it leaves the plane.",
    source: "Why Adversarially Train Diffusion Models?, ICLR 2026: its toy experiment on an oblique plane",
    hypothesis: "Theory (E2, E3): on the normal the equivariant optimum is 0, the invariant one λτ²/(a(1 + λτ²)).",
    measured: "root mean square distance of generated points from the law's subspace, as a ratio of two ways of training; \
               twice as far counts as leaving, and less as keeping",
    bound: INTERVAL,
    find,
};

const WAYS: [Way; 5] = [Way::Plain, Way::Random, Way::Adversarial, Way::Residual, Way::Invariance];
/// The source's numbers, whose radius vanishes with the noise; and a strong constraint that does not.
const CONDITIONS: [(&str, &str, f64, f64); 2] =
    [("usual", "λ = 0.3, r = s²", 0.3, 2.0), ("strong", "λ = 3, r = 1 at every level", 3.0, 0.0)];
/// How much further than plain training counts as leaving.
const LEAVES: f64 = 2.0;

fn find(context: &Context<'_>) -> Result<Findings> {
    let laws: &[&'static str] =
        if context.full { &["oblique-plane", "digits-subspace"] } else { &["oblique-plane"] };
    let (mut cases, mut figures) = (Vec::new(), Vec::new());
    for &law in laws {
        for (name, condition, lambda, power) in CONDITIONS {
            let recipe = |way| Recipe { lambda, power, ..Recipe::new(law, way) };
            let measured = Measured::of(context, "C1", &WAYS.map(recipe))?;
            for (which, way) in WAYS.iter().enumerate().skip(1) {
                let (plain, this) = ((0, "plain"), (which, way.name()));
                let (pair, bound) = match way {
                    Way::Invariance => ((plain, this), 1.0 / LEAVES),
                    _ => ((this, plain), LEAVES),
                };
                cases.extend(measured.cases(condition, OFF, pair, bound));
            }
            figures.push(figure(law, name, condition, &measured));
        }
    }
    let statistics = Some(statistics(&cases));
    Ok(Findings { cases, statistics, figures })
}

fn figure(law: &str, name: &str, condition: &str, measured: &Measured) -> Figure {
    let name = format!("plane-{name}-{law}");
    let figure = Figure::new(name, format!("Distance from the subspace: {law}, {condition}"))
        .caption(
            "Root mean square distance of generated points from the law's subspace, over the law's deviation: five seeds \
             with 99 % intervals, and the exact affine optimum of each objective, where it is not 0.",
        );
    measured.by_way(figure, &WAYS, OFF, Axis::log("distance / deviation"))
}
