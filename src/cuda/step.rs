//! A training step as a list of launches that is the same every step: what a graph can be captured from.
//!
//! The step's number stands in an array (`clock`), from which random streams and the optimiser's numbers are read; the
//! last launch moves it on. So no argument ever changes. Weights, moments, gradient, losses and norm have the bits of
//! `train::step::gradient` and `train::optimizer::State::advance`.
//!
//! Beside the floors. Uses `arith`, `denoiser`, `error`, `law`, `train`, `tweedie`. Spec: E1, T4, N3.

use super::launch_list::{Array, Arrays, Launch};
use super::levels::Levels;
use super::loss::{Parts, used};
use super::network::Network;
use super::perturbation::Batch;
use super::rows::Rows;
use super::update::Update;
use crate::arith::Real;
use crate::denoiser::{Mlp, ModelSpec, Trainable};
use crate::error::{Error, Result};
use crate::train::optimizer::State;
use crate::train::plan::Plan;

/// Steps whose numbers are in the table: after so many the list is made anew.
pub const STEPS_IN_TABLE: u64 = 1 << 16;

/// The launches of a training step, and its arrays.
#[derive(Clone, Debug)]
pub struct Step {
    /// Every array; what outlives a step is named below.
    pub arrays: Arrays,
    /// A step without the constraint.
    pub matching: Vec<Launch>,
    /// The first step at which the constraint is on, and a step with it.
    pub constrained: Option<(u64, Vec<Launch>)>,
    /// The first step after the table's last.
    pub end: u64,
    /// θ.
    pub parameters: Array,
    /// m.
    pub first: Array,
    /// v.
    pub second: Array,
    /// e.
    pub average: Array,
    /// Two counts: the step, and its row in the table of steps.
    pub clock: Array,
    /// A word: 1 once a prediction, a perturbation, a loss or the norm was not finite, or a weight left the format in the step before. From
    /// then on nothing of the state changes.
    pub fault: Array,
    /// Three f64: the means of both losses and of the radius.
    pub losses: Array,
    /// An f64: the gradient's norm before clipping.
    pub norm: Array,
    /// Four f64 a row of the table of steps: what `losses` and `norm` held after each step that is done.
    pub history: Array,
    /// The gradient before clipping.
    pub gradient: Array,
}

impl Step {
    /// The step of a plan from where `state` stands, for a network with its weights.
    ///
    /// Errors: those of [`check_plan`]; `Error::Domain` where a level has no head.
    pub fn new<T: Real>(plan: &Plan, mlp: &Mlp<T>, state: &State<T>) -> Result<Step> {
        Step::with_table(plan, mlp, state, STEPS_IN_TABLE)
    }

    /// The same with at most so many steps in the table.
    pub(super) fn with_table<T: Real>(
        plan: &Plan,
        mlp: &Mlp<T>,
        state: &State<T>,
        in_table: u64,
    ) -> Result<Step> {
        check_plan(plan)?;
        let architecture = *mlp.architecture();
        check_size(plan.config.batch, architecture.width.max(architecture.dimension + 1))?;
        let (n, d, theta) = (plan.config.batch, architecture.dimension, mlp.parameters());
        let mut arrays = Arrays::default();
        let objective = Some((&plan.matching, plan.constrained.as_ref()));
        let channels = plan.steps.channels();
        let levels = Levels::new::<T>(channels, &architecture, objective, &mut arrays)?;
        let batch = Batch {
            rows: n as u64,
            dimension: d,
            seed: plan.config.seed,
            clock: arrays.holding_counts("clock", &[state.step, 0]),
            level: arrays.words("level", n),
            numbers: levels.numbers,
            wide: levels.wide,
            fault: arrays.holding_words("fault", &[0]),
        };
        let parameters = arrays.holding("parameters", theta);
        let own = [parameters, batch.level, batch.numbers, levels.embedding, batch.fault];
        let network = Network::new(n, architecture, theta.len(), own);
        let end = plan.config.steps.min(state.step.saturating_add(in_table));
        let losses = arrays.room::<f64>("losses", 3);
        let update = Update::new(plan, (state, end), (parameters, losses), batch, &mut arrays);
        let rows = Rows::new::<T>(plan, batch, &mut arrays);
        let clean = network.record::<T>(&mut arrays);
        let deltas = network.room_for_deltas::<T>(&mut arrays);
        let parts = network.room_for_parts::<T>(&mut arrays);
        let used = used(plan.matching.parametrisation);
        let vectors = used.map(|used| used.then(|| arrays.room::<T>("vectors", n * d)));
        let values = arrays.room::<T>("matching losses", n);
        let parts =
            Parts { plan, batch, network, rows, clean, deltas, parts, vectors, values, losses };
        let matching = parts.without::<T>(&update);
        let constrained = match &plan.constrained {
            None => None,
            Some(on) => Some((on.start, parts.with::<T>(on, &update, &mut arrays)?)),
        };
        let Update { first, second, average, norm, gradient, history, .. } = update;
        let Batch { clock, fault, .. } = batch;
        Ok(Step {
            arrays,
            matching,
            constrained,
            end,
            parameters,
            first,
            second,
            average,
            clock,
            fault,
            losses,
            norm,
            history,
            gradient,
        })
    }

    /// The launches of a step, which are one of the two lists.
    pub fn launches(&self, step: u64) -> &[Launch] {
        match &self.constrained {
            Some((start, list)) if step >= *start => list,
            _ => &self.matching,
        }
    }
}

/// Whether every part of a plan's steps has a kernel: a perceptron of any size, dimension and activation, any parametrisation, weighting,
/// constraint and perturbation, targets from the rows, f32 and f64.
///
/// Errors: `Error::Device` for another model and for the target `exact`; `Error::Domain` where a layer of the batch has 2³¹ numbers or more.
pub fn check_plan(plan: &Plan) -> Result<()> {
    let ModelSpec::Mlp { dimension, width, .. } = plan.spec()? else {
        return Err(Error::Device {
            what: "training on the device",
            reason: format!("no kernel computes a model of kind {:?}", plan.config.model.kind),
            remedy: "use model.kind = \"mlp\", or train on the CPU",
        });
    };
    if plan.exact_target {
        return Err(Error::Device {
            what: "training on the device",
            reason: "no kernel computes objective.target = \"exact\"".to_string(),
            remedy: "use \"sample\", which has the same minimiser, or train on the CPU",
        });
    }
    check_size(plan.config.batch, width.max(dimension + 1))
}

/// Places in a layer are counted in 32 bits by some launches.
fn check_size(batch: usize, widest: usize) -> Result<()> {
    if batch.saturating_mul(widest) >= 1 << 31 {
        return Err(Error::Domain {
            what: "batch",
            value: batch as f64,
            expected: "fewer than 2^31 numbers in a layer of it",
        });
    }
    Ok(())
}
