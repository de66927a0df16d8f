//! Trials: denoisers trained by each way of the source method's comparison, over seeds, and what they generate.
//!
//! A finding (claims C0 to C12) is a comparison of trials: the same data, network, steps and seeds, one thing changed. What is
//! compared is a ratio, seed by seed; its interval is Student's over five seeds. Beside each stands the same ratio for
//! the exact optimum of the very objective ([`optimum`]): affine for a Gaussian law, with no chance in it, and over all
//! functions for mixtures on the line and in the plane.
//!
//! Floor 7. Uses `channel`, `denoiser`, `error`, `law`, `objective`, `optimum`, `sampler`, `train`, `claims`.

pub(super) mod compare;
pub(super) mod harmed;
pub(super) mod models;
pub(super) mod optimum;
pub(super) mod reading;
pub(super) mod recipe;
pub(super) mod yardstick;

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::interval::SEEDS;
use super::{Context, Stage};
use crate::channel::Steps;
use crate::denoiser::Mlp;
use crate::error::Result;
use crate::sampler::{Method, Options, sample};
use crate::train::plan::Plan;

pub(super) use reading::Reading;
pub(super) use recipe::{Recipe, Way};
pub(super) use yardstick::Yardstick;

/// Levels of the table that everything here is trained on; samplers take a stride of it.
pub(super) const LEVELS: usize = 1000;

/// How large trials are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub width: usize,
    pub layers: usize,
    pub batch: usize,
    pub steps: u64,
    /// Points that a model generates.
    pub generated: usize,
    /// Steps of the sampler that generates them.
    pub sampler_steps: usize,
}

impl Size {
    /// Seconds for all claims together, minutes, or hours.
    pub fn of(context: &Context<'_>) -> Size {
        match (context.quick, context.full) {
            (true, _) => Size {
                width: 16,
                layers: 2,
                batch: 128,
                steps: 300,
                generated: 256,
                sampler_steps: 25,
            },
            (false, false) => Size {
                width: 32,
                layers: 2,
                batch: 256,
                steps: 1500,
                generated: 1000,
                sampler_steps: 100,
            },
            (false, true) => Size {
                width: 64,
                layers: 2,
                batch: 256,
                steps: 4000,
                generated: 4000,
                sampler_steps: 100,
            },
        }
    }
}

/// A model at the end of its training.
pub(super) struct Trained {
    pub plan: Plan,
    pub model: Mlp<f32>,
    pub seed: u64,
}

impl Trained {
    /// n points of the sampler with so many of the table's levels.
    pub fn generate(&self, method: Method, steps: usize, n: usize) -> Result<Array2<f64>> {
        let table = table(steps)?;
        let told = Options::default();
        let run = sample(&self.model, &table, method, n, self.seed, &told)?;
        Ok(widened(run.points.view()))
    }
}

/// So many of the levels that models are trained on.
pub(super) fn table(steps: usize) -> Result<Steps> {
    Steps::by_name("ddpm", LEVELS)?.stride(steps)
}

/// The same numbers in f64.
pub(super) fn widened(points: ArrayView2<'_, f32>) -> Array2<f64> {
    points.mapv(f64::from)
}

/// What `measure` finds on each recipe's models, a row a recipe, a number a seed; told to the context model by model.
///
/// Models are trained side by side, each from its own seed ([`seeds`]).
pub(super) fn over_seeds<M: Copy + Send>(
    context: &Context<'_>,
    claim: &'static str,
    recipes: &[Recipe],
    measure: impl Fn(&Trained) -> Result<M> + Sync,
) -> Result<Vec<[M; SEEDS]>> {
    let stage = Stage::new(context, claim, recipes.len() * SEEDS);
    let pairs: Vec<(&Recipe, u64)> =
        recipes.iter().flat_map(|recipe| seeds(context).map(|seed| (recipe, seed))).collect();
    let found: Result<Vec<M>> = pairs
        .par_iter()
        .map(|&(recipe, seed)| {
            let measured = measure(&trained(context, recipe, seed)?)?;
            stage.step();
            Ok(measured)
        })
        .collect();
    let found = found?;
    Ok(found.chunks(SEEDS).map(|seeds| std::array::from_fn(|k| seeds[k])).collect())
}

/// The model of a recipe and a seed.
fn trained(context: &Context<'_>, recipe: &Recipe, seed: u64) -> Result<Trained> {
    let plan = Plan::new(&recipe.config(Size::of(context), seed))?;
    let name = format!("{}-seed-{seed}", recipe.name());
    let model = context.models.of_plan(&name, &plan)?;
    Ok(Trained { plan, model, seed })
}

/// The seeds of everything that is trained: context.seed, context.seed + 1, and so on.
pub(super) fn seeds(context: &Context<'_>) -> [u64; SEEDS] {
    std::array::from_fn(|k| context.seed.wrapping_add(k as u64))
}
