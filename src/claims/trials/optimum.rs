//! The exact affine optimum of what a recipe trains, and the law that a sampler makes of it.
//!
//! For FGSM on the prediction difference no optimum in closed form exists: from a start that is uniform in the box its step
//! is near r·sign(ω₀) wherever ε̂ moves with x nearly as the identity does, so that ω is a random vertex, τ² = r². That is
//! what stands for it here; for the residual it is the certified min–max optimum over the box (E4).
//!
//! Floor 7. Uses `attack`, `error`, `law`, `objective`, `optimum`, `sampler`, `train`. Spec: E2, E3, E4, T8.

use super::recipe::{Recipe, Way};
use super::{Size, table};
use crate::attack::{Norm, Shape};
use crate::error::Result;
use crate::objective::{Constraint, Radius, Strength, Units};
use crate::optimum::{AffineObjective, AffineOptimum, Moments, Perturbation, Spread};
use crate::sampler::{End, GaussianLaw, Method, law_of_sampler};
use crate::train::plan::Plan;

/// The affine optimum of a recipe, over the law that it trains on.
pub(crate) fn of_recipe(recipe: &Recipe, size: Size) -> Result<AffineOptimum> {
    of_plan(recipe.way, &Plan::new(&recipe.config(size, 0))?)
}

/// The affine optimum of a way of training by a plan; plain training's where the way is plain, whatever the plan says.
pub(crate) fn of_plan(way: Way, plan: &Plan) -> Result<AffineOptimum> {
    let moments = Moments::of_law(&plan.trained)?;
    let d = moments.dimension();
    let (objective, perturbation) = match plan.constrained.as_ref().filter(|_| way != Way::Plain) {
        None => {
            let objective = AffineObjective {
                constraint: Constraint::Equivariance,
                units: Units::Noise,
                strength: Strength::new(0.0, 0.0)?,
                radius: Radius::new(0.0, 0.0, 0.0)?,
            };
            (objective, Perturbation::Random(Shape::Box))
        }
        Some(constrained) => {
            let consistency = &constrained.consistency;
            let objective = AffineObjective {
                constraint: consistency.constraint,
                units: consistency.units,
                strength: consistency.strength,
                radius: constrained.radius,
            };
            let perturbation = match way {
                Way::Residual => Perturbation::Adversary(Norm::Linf),
                Way::Adversarial => Perturbation::Covariance(Spread::isotropic(d, 1.0)),
                Way::Plain | Way::Random | Way::Invariance => Perturbation::Random(Shape::Box),
            };
            (objective, perturbation)
        }
    };
    AffineOptimum::new(moments, objective, perturbation)
}

/// The law that a sampler with so many of the table's levels generates from the recipe's optimum (T8).
pub(crate) fn generated(
    recipe: &Recipe,
    size: Size,
    method: Method,
    steps: usize,
) -> Result<GaussianLaw> {
    let optimum = of_recipe(recipe, size)?;
    let steps = table(steps)?;
    let start = GaussianLaw::standard(steps.first(), optimum.moments().dimension());
    law_of_sampler(&optimum, &steps, method, &start, End::Data)
}
