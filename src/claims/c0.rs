//! C0: what is learned is the optimum of what was asked for, not the exact denoiser.
//!
//! Affine maps, one a level, against the affine optimum of each objective, and networks against the optimum over all functions: the
//! exact denoiser for plain training, E6's on a grid for random perturbations. Against an attack the optimum is where training
//! settles, which takes the attack as it is (`optimum::equilibrium`); for affine maps on the line its signed step always ends at ±r
//! (E4). What training leaves is measured, not assumed: it is the distance that plain training leaves to *its* optimum with
//! the same model, data, steps and seed.
//!
//! Floor 7. Uses `channel`, `claims`, `denoiser`, `law`, `objective`, `optimum`, `train`. Spec: E2, E3, E4, E6, E7, T4.

use rayon::prelude::*;

use super::interval::SEEDS;
use super::trials::compare::{INTERVAL, mark, part, statistics, trained};
use super::trials::{Recipe, Size, Way, optimum, seeds};
use super::{Claim, Context, Findings, Stage};
use crate::channel::Channel;
use crate::denoiser::{AffineLevels, Denoiser, Exact, Mlp, Stored};
use crate::error::{Error, Result};
use crate::figure::{Axis, Figure, Layer};
use crate::law::Mixture;
use crate::optimum::{
    BoxPerturbation, Grid, Moments, Perturbation, Settling, distance, finite_radius_of,
};
use crate::train::config::Config;
use crate::train::plan::{Perturb, Plan};
use crate::train::run::learn;

pub(super) const CLAIM: Claim = Claim {
    id: "C0",
    title: "what is learned is its own optimum",
    statement: "A denoiser learned by any of the objectives is as near to that objective's own exact optimum as plain training brings the \
                same model to the exact denoiser, and nearer to it than to the exact denoiser.",
    source: "Theory E: a learned model is to be compared with what its objective asks for",
    hypothesis: "Theory (E2, E3, E4, E6): the optima are known, among affine maps and over all functions; against an attack, where training settles.",
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
/// Deviations of every component that the grids hold.
const DEVIATIONS: f64 = 6.0;

fn find(context: &Context<'_>) -> Result<Findings> {
    let ways = [Way::Plain, Way::Random, Way::Adversarial, Way::Residual, Way::Invariance];
    let studies = [
        ("two-modes", Kind::Affine),
        ("three-gaussians", Kind::Affine),
        ("two-modes", Kind::Network),
        ("three-gaussians", Kind::Network),
    ];
    let stage = Stage::new(context, "C0", studies.len() * ways.len() * SEEDS);
    let (mut cases, mut figure) = (Vec::new(), figure());
    for (at, (law, kind)) in studies.into_iter().enumerate() {
        let mut found = Vec::new();
        for way in ways {
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
             plain training. From left to right: plain, random, adversarial, residual, invariance.",
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
    let references = References::new(&plan, &recipe, kind, &channels, Effort::of(context))?;
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

/// How much is spent on an equilibrium over all functions in the plane.
#[derive(Clone, Copy)]
struct Effort {
    /// Nodes a coordinate.
    nodes: usize,
    /// Starts a coordinate.
    starts: usize,
    rounds: usize,
}

impl Effort {
    fn of(context: &Context<'_>) -> Effort {
        match (context.quick, context.full) {
            (true, _) => Effort { nodes: 31, starts: 4, rounds: 4 },
            (false, false) => Effort { nodes: 61, starts: 6, rounds: 12 },
            (false, true) => Effort { nodes: 81, starts: 8, rounds: 60 },
        }
    }
}

/// Nodes a coordinate, these in the plane.
fn nodes(law: &Mixture, in_the_plane: usize) -> usize {
    if law.dimension() == 1 { 401 } else { in_the_plane }
}

/// What the plan trains with, for an equilibrium of so many starts a coordinate and rounds.
fn settling(plan: &Plan, recipe: &Recipe, starts: usize, rounds: usize) -> Result<Settling> {
    let Some(constrained) = &plan.constrained else {
        let (what, name) = ("equilibrium of a way of training", recipe.way.name().to_owned());
        return Err(Error::Unknown { what, name, expected: "a way with a constraint".into() });
    };
    let attack = match constrained.perturb {
        Perturb::Attack(attack) => Some(attack),
        Perturb::Random(_) => None,
    };
    let (constraint, lambda) = (constrained.consistency.constraint, recipe.lambda);
    Ok(Settling { constraint, lambda, radius: recipe.radius, attack, starts, rounds })
}

/// A denoiser at each measured level, or one for all.
type Levels = Vec<Box<dyn Denoiser<f64>>>;

/// The optimum of what is trained and that of plain training, with the grid that distances are taken on, a level each.
struct References {
    law: Mixture,
    channels: [Channel; MEASURED.len()],
    grids: Vec<Grid>,
    own: Levels,
    plain: Levels,
    effort: Effort,
}

impl References {
    fn new(
        plan: &Plan,
        recipe: &Recipe,
        kind: Kind,
        channels: &[Channel; MEASURED.len()],
        effort: Effort,
    ) -> Result<Self> {
        let law = plan.clean.clone();
        let around = |&channel: &Channel| Grid::around(&law, channel, DEVIATIONS, nodes(&law, 81));
        let grids: Result<Vec<Grid>> = channels.iter().map(around).collect();
        let grids = grids?;
        let (own, plain_own) = (Vec::new(), Vec::new());
        let mut references =
            References { law, channels: *channels, grids, own, plain: plain_own, effort };
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
        let channel = self.channels[at];
        match (kind, recipe.way) {
            (Kind::Network, Way::Plain) => Ok(Box::new(Exact::new(self.law.clone()))),
            (Kind::Network, Way::Random) => {
                let perturbation = BoxPerturbation::new(recipe.lambda, recipe.radius)?;
                let grid = &self.grids[at];
                Ok(Box::new(finite_radius_of(&self.law, channel, perturbation, grid)?))
            }
            (Kind::Network, _) => {
                let Effort { nodes: in_the_plane, rounds, .. } = self.effort;
                let nodes = nodes(&self.law, in_the_plane);
                let grid = Grid::around(&self.law, channel, DEVIATIONS, nodes)?;
                let settling = settling(plan, recipe, self.starts(recipe.way), rounds)?;
                Ok(Box::new(settling.over_functions(&self.law, channel, &grid)?.field))
            }
            // On the line the attack's end does not depend on the map.
            (Kind::Affine, Way::Adversarial | Way::Residual) if self.law.dimension() > 1 => {
                let moments = Moments::of_law(&self.law)?;
                let (spread, _) =
                    settling(plan, recipe, 32, 100)?.among_affine(&moments, channel)?;
                let unit = spread.scaled(1.0 / (recipe.radius * recipe.radius));
                Ok(Box::new(optimum::against(plan, Perturbation::Covariance(unit))?))
            }
            (Kind::Affine, way) => Ok(Box::new(optimum::of_plan(way, plan)?)),
        }
    }

    /// Starts a coordinate over all functions: what is settled in one round can have more.
    fn starts(&self, way: Way) -> usize {
        match (self.law.dimension(), way) {
            (1, _) => 64,
            (_, Way::Invariance) => 16,
            _ => self.effort.starts,
        }
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
