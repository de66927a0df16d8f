//! The exact optimum of what a recipe trains, and what a sampler makes of it: among affine maps for a law that is one Gaussian,
//! over all functions for mixtures on the line and in the plane.
//!
//! The latter is E5's resolvent, the limit of small radii, in which a perturbation is its covariance τ²I alone: at the usual numbers
//! κ = λτ² is at most 0.3, and D_κ is O(r²) from the optimum for the radius itself (E6).
//!
//! For FGSM on the prediction difference no optimum in closed form exists: from a start that is uniform in the box its step
//! is near r·sign(ω₀) wherever ε̂ moves with x nearly as the identity does, so that ω is a random vertex, τ² = r². That is
//! what stands for it here; for the residual it is the certified min–max optimum over the box (E4).
//!
//! Floor 7. Uses `attack`, `error`, `law`, `objective`, `optimum`, `sampler`, `train`. Spec: E2, E3, E4, T8.

use super::recipe::{Recipe, Way};
use super::{Size, table};
use crate::attack::{Norm, Shape};
use crate::channel::{Channel, Steps};
use crate::denoiser::{Denoiser, Exact};
use crate::error::{Error, Result};
use crate::law::Mixture;
use crate::objective::{Constraint, Radius, Strength, Units};
use crate::optimum::{
    AffineObjective, AffineOptimum, Changed, Grid, Moments, Perturbation, Spread,
};
use crate::sampler::{End, GaussianLaw, Method, law_of_sampler};
use crate::train::plan::Plan;

/// The affine optimum of a recipe, over the law that it trains on.
pub(crate) fn of_recipe(recipe: &Recipe, size: Size) -> Result<AffineOptimum> {
    of_plan(recipe.way, &Plan::new(&recipe.config(size, 0))?)
}

/// The affine optimum of a way of training by a plan; plain training's where the way is plain, whatever the plan says.
pub(crate) fn of_plan(way: Way, plan: &Plan) -> Result<AffineOptimum> {
    if way == Way::Plain || plan.constrained.is_none() {
        let objective = AffineObjective {
            constraint: Constraint::Equivariance,
            units: Units::Noise,
            strength: Strength::new(0.0, 0.0)?,
            radius: Radius::new(0.0, 0.0, 0.0)?,
        };
        let moments = Moments::of_law(&plan.trained)?;
        return AffineOptimum::new(moments, objective, Perturbation::Random(Shape::Box));
    }
    let perturbation = match way {
        Way::Residual => Perturbation::Adversary(Norm::Linf),
        Way::Adversarial => {
            Perturbation::Covariance(Spread::isotropic(plan.trained.dimension(), 1.0))
        }
        Way::Plain | Way::Random | Way::Invariance => Perturbation::Random(Shape::Box),
    };
    against(plan, perturbation)
}

/// The affine optimum of the plan's constraint for these perturbations.
///
/// Errors: `Error::Unknown` where the plan has no constraint; those of `AffineOptimum::new`.
pub(crate) fn against(plan: &Plan, perturbation: Perturbation) -> Result<AffineOptimum> {
    let Some(constrained) = &plan.constrained else {
        let (what, name) = ("optimum of a plan", "plain".to_owned());
        return Err(Error::Unknown { what, name, expected: "a plan with a constraint".into() });
    };
    let consistency = &constrained.consistency;
    let objective = AffineObjective {
        constraint: consistency.constraint,
        units: consistency.units,
        strength: consistency.strength,
        radius: constrained.radius,
    };
    AffineOptimum::new(Moments::of_law(&plan.trained)?, objective, perturbation)
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

/// The optimum over all functions at the levels of a table; none for a way without one, and for a constraint none in more than two
/// dimensions.
///
/// Plain training's is D* of the law that it trains on. For perturbations of covariance τ²I it is D_κ, κ = λ(level)·τ²(level).
fn over_functions(way: Way, plan: &Plan, steps: &Steps) -> Result<Option<Box<dyn Denoiser<f64>>>> {
    let law = &plan.trained;
    let shape = match way {
        Way::Plain => return Ok(Some(Box::new(Exact::new(law.clone())))),
        // Of the box itself, and of its vertices.
        Way::Random => Shape::Box.tau_squared(1.0, law.dimension()),
        Way::Adversarial => 1.0,
        Way::Residual | Way::Invariance => return Ok(None),
    };
    let Some(constrained) = plan.constrained.as_ref().filter(|_| law.dimension() <= 2) else {
        return Ok(None);
    };
    let (strength, radius) = (constrained.consistency.strength, constrained.radius);
    let kappa = |level: Channel| strength.at(level) * shape * radius.mean_square(level);
    let optimum = Changed::resolvents(law, steps, kappa, |level| grid(law, level))?;
    Ok(Some(Box::new(optimum)))
}

/// The optimum of a recipe at the levels of a table, for a training set drawn by the seed: affine for a law that is one Gaussian, over
/// all functions otherwise; none where there is none of either kind.
pub(crate) fn at_levels(
    recipe: &Recipe,
    size: Size,
    steps: &Steps,
    seed: u64,
) -> Result<Option<Box<dyn Denoiser<f64>>>> {
    let plan = Plan::new(&recipe.config(size, seed))?;
    match plan.clean.components() {
        1 => Ok(Some(Box::new(of_plan(recipe.way, &plan)?))),
        _ => over_functions(recipe.way, &plan, steps),
    }
}

/// Deviations of every component that the box holds: a mass of 10⁻⁹ is outside, fewer than one point in all that are generated.
const DEVIATIONS: f64 = 6.0;
/// Nodes a deviation of the narrowest component, and the most nodes an axis may have for it.
const NODES_A_DEVIATION: f64 = 6.0;
const MOST_NODES: [usize; 2] = [40_000, 161];
const FEWEST_NODES: usize = 101;

/// A grid that resolves the narrowest component at this level, as far as the most nodes allow.
fn grid(law: &Mixture, level: Channel) -> Result<Grid> {
    let rough = Grid::around(law, level, DEVIATIONS, FEWEST_NODES)?;
    let spacing = rough.axes().iter().fold(0.0_f64, |most, axis| most.max(axis.spacing()));
    let width = spacing * (FEWEST_NODES - 1) as f64;
    let variances = (0..law.components()).map(|k| law.covariance().least_variance(k));
    let narrow = variances.fold(f64::INFINITY, f64::min);
    let least = narrow.mul_add(level.a() * level.a(), level.s() * level.s()).sqrt();
    let wanted = (width / least * NODES_A_DEVIATION).ceil();
    let most = MOST_NODES[law.dimension() - 1];
    let nodes = if wanted < most as f64 { (wanted as usize).max(FEWEST_NODES) } else { most };
    Grid::around(law, level, DEVIATIONS, nodes)
}
