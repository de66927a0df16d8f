//! C0: what is learned is the optimum of what was asked for, not the exact denoiser.
//!
//! Affine maps, one a level, against the affine optimum of each objective; on the line the signed step always ends at ±r, so
//! that the adversarial ways have a known optimum too (E4). Networks against the optimum over all functions: the exact
//! denoiser for plain training, E6's on a grid for random perturbations. What training leaves is measured, not assumed:
//! it is the distance that plain training leaves to *its* optimum with the same model, data, steps and seed.
//!
//! Floor 7. Uses `channel`, `claims`, `denoiser`, `law`, `objective`, `optimum`, `train`. Spec: E2, E3, E4, E6, T4.

use rayon::prelude::*;

use super::interval::SEEDS;
use super::trials::compare::{INTERVAL, mark, part, statistics, trained};
use super::trials::{Recipe, Size, Way, optimum, seeds};
use super::{Claim, Context, Findings, Stage};
use crate::channel::Channel;
use crate::denoiser::{AffineLevels, Denoiser, Exact, Mlp, Stored};
use crate::error::Result;
use crate::figure::{Axis, Figure, Layer};
use crate::optimum::{BoxPerturbation, Grid, distance, finite_radius_of};
use crate::train::config::Config;
use crate::train::plan::Plan;
use crate::train::run::learn;

pub(super) const CLAIM: Claim = Claim {
    id: "C0",
    title: "what is learned is its own optimum",
    statement: "A denoiser learned by any of the objectives is as near to that objective's own exact optimum as plain training brings the \
                same model to the exact denoiser, and nearer to it than to the exact denoiser.",
    source: "Theory E: a learned model is to be compared with what its objective asks for",
    hypothesis: "Theory (E2, E3, E4, E6): the optima are known, among affine maps and over all functions.",
    measured: "√(mean over three levels of E‖D̂ − D‖²) by quadrature: to the own optimum over what plain training leaves (at most 2), \
               and to the own optimum over that to the exact one of plain training (at most 1)",
    bound: INTERVAL,
    find,
};

/// What learns.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Affine,
    Network,
}

const LEVELS: usize = 8;
/// The levels of the table that are measured.
const MEASURED: [usize; 3] = [2, 4, 6];
/// How much more than plain training may be left.
const AS_NEAR: f64 = 2.0;
const LAMBDA: f64 = 3.0;

fn find(context: &Context<'_>) -> Result<Findings> {
    let all = [Way::Plain, Way::Random, Way::Adversarial, Way::Residual, Way::Invariance];
    let spread = [Way::Plain, Way::Random, Way::Invariance];
    let studies: [(&'static str, Kind, &[Way]); 4] = [
        ("two-modes", Kind::Affine, &all),
        ("three-gaussians", Kind::Affine, &spread),
        ("two-modes", Kind::Network, &all[..2]),
        ("three-gaussians", Kind::Network, &all[..2]),
    ];
    let total: usize = studies.iter().map(|(_, _, ways)| ways.len() * SEEDS).sum();
    let stage = Stage::new(context, "C0", total);
    let (mut cases, mut figure) = (Vec::new(), figure());
    for (at, (law, kind, ways)) in studies.into_iter().enumerate() {
        let mut found = Vec::new();
        for &way in ways {
            found.push(over_seeds(context, &stage, law, kind, way)?);
        }
        let words = if kind == Kind::Affine { "affine maps" } else { "network" };
        let condition = format!("{words}, λ = {LAMBDA}, r = 1");
        for (which, way) in ways.iter().enumerate() {
            let own = part(&found[which], 0);
            let marks = vec![mark(which as f64 + 0.15 * at as f64, &own)];
            figure = figure
                .layer(Layer::errorbars(format!("{law}, {words}: to its own optimum"), marks));
            if which == 0 {
                continue;
            }
            let exact = part(&found[which], 1);
            let marks = vec![mark(which as f64 + 0.15 * at as f64, &exact)];
            figure = figure
                .layer(Layer::errorbars(format!("{law}, {words}: to plain training's"), marks));
            let quantity = format!("{}: to its optimum / plain to its own", way.name());
            let pair = (&own, &part(&found[0], 0));
            cases.push(trained(law, &condition, &quantity, pair, AS_NEAR));
            let quantity = format!("{}: to its optimum / to that of plain training", way.name());
            cases.push(trained(law, &condition, &quantity, (&own, &exact), 1.0));
        }
    }
    let statistics = Some(statistics(&cases));
    Ok(Findings { cases, statistics, figures: vec![figure] })
}

fn figure() -> Figure {
    Figure::new("own-optimum", "Learned denoisers, their own optimum and plain training's")
        .caption(
            "√E‖D̂ − D‖² over three levels, five seeds with 99 % intervals: D the exact optimum of what was trained, and that of \
             plain training. From left to right: plain, random, and then adversarial, residual, invariance (on the line) or \
             invariance (in the plane).",
        )
        .axes(Axis::linear("way of training"), Axis::log("√E‖D̂ − D‖²"))
}

/// Distances to the own optimum and to that of plain training, a pair a seed.
fn over_seeds(
    context: &Context<'_>,
    stage: &Stage<'_>,
    law: &'static str,
    kind: Kind,
    way: Way,
) -> Result<[[f64; 2]; SEEDS]> {
    let recipe = Recipe { lambda: LAMBDA, power: 0.0, ..Recipe::new(law, way) };
    let plan = Plan::new(&config(context, &recipe, kind, context.seed))?;
    let channels = MEASURED.map(|level| plan.steps.channels()[level]);
    let references = References::new(&plan, &recipe, kind, &channels)?;
    let found: Result<Vec<[f64; 2]>> = seeds(context)
        .into_par_iter()
        .map(|seed| {
            let plan = Plan::new(&config(context, &recipe, kind, seed))?;
            let measured = match kind {
                Kind::Affine => references.measure(&learned::<AffineLevels<f64>>(&plan)?),
                Kind::Network => references.measure(&learned::<Mlp<f64>>(&plan)?),
            };
            stage.step();
            measured
        })
        .collect();
    let found = found?;
    Ok(std::array::from_fn(|k| found[k]))
}

fn learned<M: Stored<f64>>(plan: &Plan) -> Result<M> {
    learn(plan, plan.start(&plan.spec()?)?)
}

fn config(context: &Context<'_>, recipe: &Recipe, kind: Kind, seed: u64) -> Config {
    let mut config = recipe.config(Size::of(context), seed);
    (config.channel.schedule, config.channel.levels) = ("vp-cosine".into(), LEVELS);
    // One radius a level: E6 is about one.
    config.perturbation.offset = Some(0.0);
    if kind == Kind::Affine {
        config.model.kind = "affine".into();
        // Entries of a few units from 0 in some hundred steps.
        config.optimizer.learning_rate = 0.02;
    }
    config
}

/// A denoiser at each measured level, or one for all.
type Levels = Vec<Box<dyn Denoiser<f64>>>;

/// The optimum of what is trained and that of plain training, with the grid that distances are taken on, a level each.
struct References {
    law: crate::law::Mixture,
    channels: [Channel; MEASURED.len()],
    grids: Vec<Grid>,
    own: Levels,
    plain: Levels,
}

impl References {
    fn new(
        plan: &Plan,
        recipe: &Recipe,
        kind: Kind,
        channels: &[Channel; MEASURED.len()],
    ) -> Result<Self> {
        let law = plan.clean.clone();
        let nodes = if law.dimension() == 1 { 401 } else { 81 };
        let grids: Result<Vec<Grid>> =
            channels.iter().map(|&channel| Grid::around(&law, channel, 6.0, nodes)).collect();
        let grids = grids?;
        let mut references =
            References { law, channels: *channels, grids, own: Vec::new(), plain: Vec::new() };
        for at in 0..channels.len() {
            let own = references.optimum(plan, recipe, kind, at)?;
            let plain_recipe = Recipe { way: Way::Plain, ..*recipe };
            let plain = references.optimum(plan, &plain_recipe, kind, at)?;
            references.own.push(own);
            references.plain.push(plain);
        }
        Ok(references)
    }

    fn optimum(
        &self,
        plan: &Plan,
        recipe: &Recipe,
        kind: Kind,
        at: usize,
    ) -> Result<Box<dyn Denoiser<f64>>> {
        if kind == Kind::Affine {
            return Ok(Box::new(optimum::of_plan(recipe.way, plan)?));
        }
        if recipe.way == Way::Plain {
            return Ok(Box::new(Exact::new(self.law.clone())));
        }
        let perturbation = BoxPerturbation::new(recipe.lambda, recipe.radius)?;
        Ok(Box::new(finite_radius_of(&self.law, self.channels[at], perturbation, &self.grids[at])?))
    }

    /// To the own optimum, and to that of plain training.
    fn measure(&self, model: &dyn Denoiser<f64>) -> Result<[f64; 2]> {
        let mut totals = [0.0; 2];
        for (at, (&channel, grid)) in self.channels.iter().zip(&self.grids).enumerate() {
            let noised = self.law.through::<f64>(channel)?;
            for (total, optima) in totals.iter_mut().zip([&self.own, &self.plain]) {
                let apart = distance(&noised, channel, grid, model, &*optima[at])?;
                *total += apart * apart / self.channels.len() as f64;
            }
        }
        Ok(totals.map(f64::sqrt))
    }
}
