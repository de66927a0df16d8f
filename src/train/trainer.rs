//! Who carries out a run's steps: the CPU here, a device in `cuda`.
//!
//! Floor 5. Uses `arith`, `denoiser`, `error`, `train`. Spec: E1, T4, N3.

use super::batch::Table;
use super::optimizer::State;
use super::plan::Plan;
use super::step::{Losses, Workspace, gradient};
use crate::arith::Real;
use crate::denoiser::Trainable;
use crate::error::{Error, Result};

/// What carries out the steps of a plan, one after another. Every implementation gives the same bits (N3).
pub trait Trainer<T: Real, M> {
    /// Carries out the next steps, at least one and as many as it likes, but none once `until` are done. For each, in order: the losses
    /// before it and the gradient's norm before clipping. The caller asks for no step beyond the plan's last.
    ///
    /// Errors: `Error::Stopped` with the step where a loss, a prediction or a gradient is not finite, or a parameter leaves its range.
    fn advance_to(&mut self, until: u64) -> Result<Vec<(Losses, f64)>>;

    /// The model with its weights, and the optimiser's state, after the steps that are done.
    ///
    /// Errors: those of the device that holds them.
    fn now(&mut self) -> Result<(&M, &State<T>)>;
}

/// The CPU: a step at a time.
pub struct CpuTrainer<'a, T: Real, M: Trainable<T>> {
    plan: &'a Plan,
    model: M,
    table: Table<T, M::Level>,
    state: State<T>,
    parameters: Vec<T>,
    room: Workspace<T>,
}

impl<'a, T: Real, M: Trainable<T>> CpuTrainer<'a, T, M> {
    /// A model with its weights where `state` stands.
    ///
    /// Errors: `Error::Domain` where the model has no prediction at a level.
    pub fn new(plan: &'a Plan, model: M, state: State<T>) -> Result<Self> {
        let table = Table::new(plan, &model)?;
        let parameters = model.parameters().to_vec();
        let room = Workspace::new(parameters.len(), plan.config.batch);
        Ok(CpuTrainer { plan, model, table, state, parameters, room })
    }

    fn step(&mut self) -> Result<(Losses, f64)> {
        let CpuTrainer { plan, model, table, state, parameters, room } = self;
        let losses = gradient(plan, model, table, state.step, room)?;
        let gradient = room.gradient();
        let norm = state.advance(&plan.optimizer, plan.config.steps, parameters, gradient)?;
        model.set_parameters(parameters)?;
        Ok((losses, norm))
    }
}

impl<T: Real, M: Trainable<T>> Trainer<T, M> for CpuTrainer<'_, T, M> {
    fn advance_to(&mut self, until: u64) -> Result<Vec<(Losses, f64)>> {
        let step = self.state.step;
        if step >= until {
            return Ok(Vec::new());
        }
        // What is wrong in a step stops the run, whatever it is.
        let stopped = |error: Error| Error::Stopped { step, reason: error.to_string() };
        Ok(vec![self.step().map_err(stopped)?])
    }

    fn now(&mut self) -> Result<(&M, &State<T>)> {
        Ok((&self.model, &self.state))
    }
}
