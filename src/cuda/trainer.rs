//! Training on a machine: the arrays of a step stay there, and its list of launches is carried out again and again.
//!
//! Between steps nothing is copied and no argument changes: the step's number is counted there. Weights, moments and average have the
//! bits of `train::run`, for any number of steps between two downloads.
//!
//! Beside the floors. Uses `arith`, `denoiser`, `error`, `train`. Spec: T4, N3.

use std::sync::Arc;

use super::launch_list::Array;
use super::machine::{DeviceReal, Machine};
use super::step::{STEPS_IN_TABLE, Step};
use crate::denoiser::{Mlp, Trainable};
use crate::error::{Error, Result};
use crate::train::batch::Table;
use crate::train::optimizer::State;
use crate::train::plan::Plan;
use crate::train::step::{Losses, Workspace, gradient};

/// A network in training on a machine, with its plan.
pub struct DeviceTrainer<M: Machine, T: DeviceReal> {
    machine: M,
    plan: Plan,
    /// Its architecture is used, its weights are those of the start.
    model: Mlp<T>,
    of: Step,
    table: u64,
    memory: Arc<Vec<M::Bytes>>,
    matching: M::Prepared,
    constrained: Option<(u64, M::Prepared)>,
    /// Steps done or launched.
    step: u64,
}

impl<M: Machine, T: DeviceReal> DeviceTrainer<M, T> {
    /// Reserves the arrays of a plan's step, uploads weights, moments, average and tables, and makes the launches ready, for a network with
    /// its weights where `state` stands.
    ///
    /// Errors: those of [`Step::new`]; `Error::Device`.
    pub fn new(machine: &M, plan: &Plan, model: &Mlp<T>, state: &State<T>) -> Result<Self> {
        Self::with_table(machine, plan, model, state, STEPS_IN_TABLE)
    }

    /// The same, with the optimiser's numbers of at most so many steps, at least one, on the machine at a time. No bit depends on it.
    ///
    /// Errors: as [`DeviceTrainer::new`].
    pub fn with_table(
        machine: &M,
        plan: &Plan,
        model: &Mlp<T>,
        state: &State<T>,
        steps: u64,
    ) -> Result<Self> {
        let table = steps.clamp(1, STEPS_IN_TABLE);
        let mut of = Step::with_table(plan, model, state, table)?;
        let mut memory = Vec::with_capacity(of.arrays.0.len());
        for storage in &mut of.arrays.0 {
            let mut bytes = machine.reserve_bytes(storage.bytes.max(1))?;
            // What is there need not be kept here.
            if let Some(content) = storage.content.take().filter(|content| !content.is_empty()) {
                machine.upload_bytes(&content, &mut bytes)?;
            }
            memory.push(bytes);
        }
        let memory = Arc::new(memory);
        let matching = machine.prepare::<T>(&of.matching, &memory)?;
        let constrained = match &of.constrained {
            Some((start, list)) => Some((*start, machine.prepare::<T>(list, &memory)?)),
            None => None,
        };
        Ok(DeviceTrainer {
            machine: machine.clone(),
            plan: plan.clone(),
            model: model.clone(),
            of,
            table,
            memory,
            matching,
            constrained,
            step: state.step,
        })
    }

    /// Steps done, where all that were launched went well.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Launches so many steps. It returns before they are done, and does not look whether they went well:
    /// [`DeviceTrainer::download`] does. After a step with a number that is not finite nothing changes any more.
    ///
    /// Errors: `Error::Domain` for more steps than the plan has left; `Error::Device`; as [`DeviceTrainer::download`] where a table of
    /// steps ends, every 65,536.
    pub fn advance(&mut self, steps: u64) -> Result<()> {
        if steps > self.plan.config.steps.saturating_sub(self.step) {
            return Err(Error::Domain {
                what: "steps",
                value: steps as f64,
                expected: "no more than the plan has left",
            });
        }
        for _ in 0..steps {
            if self.step == self.of.end {
                let (model, state) = self.download()?;
                *self = Self::with_table(&self.machine, &self.plan, &model, &state, self.table)?;
            }
            let prepared = match &self.constrained {
                Some((start, prepared)) if self.step >= *start => prepared,
                _ => &self.matching,
            };
            self.machine.replay(prepared)?;
            self.step += 1;
        }
        Ok(())
    }

    /// Waits, and copies weights, moments and average: the bits of `train::run` at this step.
    ///
    /// Errors: `Error::Stopped` where a prediction, a perturbation, a loss or the gradient's norm was not finite, with the step and reason
    /// of `train::run`: the CPU does that step again and says so; where a weight left the format, with the step that was seen to do so, which
    /// is the CPU's where every step is looked at. `Error::Device`.
    pub fn download(&self) -> Result<(Mlp<T>, State<T>)> {
        let clock = self.counts(self.of.clock)?;
        let faulty = self.bytes(self.of.fault)?.iter().any(|&byte| byte != 0);
        let step = clock.first().copied().unwrap_or(0);
        let stopped = |step| move |error: Error| Error::Stopped { step, reason: error.to_string() };
        let state = State {
            step,
            first: self.numbers(self.of.first)?,
            second: self.numbers(self.of.second)?,
            average: self.numbers(self.of.average)?,
        };
        let parameters: Vec<T> = self.numbers(self.of.parameters)?;
        let mut model = self.model.clone();
        model.set_parameters(&parameters).map_err(stopped(step.saturating_sub(1)))?;
        if faulty {
            return Err(self.again(&model, state, parameters).map_or_else(stopped(step), |()| {
                fault(format!("a number was not finite at step {step}, and on the CPU all are"))
            }));
        }
        if step != self.step {
            return Err(fault(format!("it stands at step {step} and not at {}", self.step)));
        }
        Ok((model, state))
    }

    /// The last step's losses and its gradient's norm before clipping; waits for it.
    ///
    /// Errors: `Error::Device`.
    pub fn losses(&self) -> Result<(Losses, f64)> {
        let [losses, norm] = [self.of.losses, self.of.norm].map(|array| self.counts(array));
        let mut all = losses?.into_iter().chain(norm?).map(f64::from_bits);
        let mut next = || all.next().unwrap_or(f64::NAN);
        let losses = Losses { matching: next(), consistency: next(), radius: next() };
        Ok((losses, next()))
    }

    /// The step on the CPU.
    fn again(&self, model: &Mlp<T>, mut state: State<T>, mut parameters: Vec<T>) -> Result<()> {
        let plan = &self.plan;
        let table = Table::new(plan, model)?;
        let mut room = Workspace::new(parameters.len(), plan.config.batch);
        gradient(plan, model, &table, state.step, &mut room)?;
        state.advance(&plan.optimizer, plan.config.steps, &mut parameters, room.gradient())?;
        Ok(())
    }

    fn bytes(&self, array: Array) -> Result<Vec<u8>> {
        let mut bytes = vec![0; self.of.arrays.0[array.0].bytes];
        self.machine.download_bytes(&self.memory[array.0], &mut bytes)?;
        Ok(bytes)
    }

    fn counts(&self, array: Array) -> Result<Vec<u64>> {
        Ok(self.bytes(array)?.as_chunks().0.iter().map(|x| u64::from_le_bytes(*x)).collect())
    }

    fn numbers(&self, array: Array) -> Result<Vec<T>> {
        let bytes = self.bytes(array)?;
        // Through f64, which is exact.
        Ok(if size_of::<T>() == 4 {
            let single = |x: &[u8; 4]| T::from_f64(f32::from_le_bytes(*x).into());
            bytes.as_chunks().0.iter().map(single).collect()
        } else {
            let double = |x: &[u8; 8]| T::from_f64(f64::from_le_bytes(*x));
            bytes.as_chunks().0.iter().map(double).collect()
        })
    }
}

fn fault(reason: String) -> Error {
    Error::Device {
        what: "training on the device",
        reason,
        remedy: "this is a fault of tweedie or of the device: please report it",
    }
}
