//! Training on a machine: the arrays of a step stay there, and its list of launches is carried out again and again.
//!
//! Between steps nothing is copied and no argument changes: the step's number is counted there, and so is what a step measures kept. Weights,
//! moments, average and losses have the bits of `train::run`, for any number of steps between two downloads.
//!
//! Beside the floors. Uses `arith`, `denoiser`, `error`, `train`. Spec: T4, N3.

use std::path::Path;
use std::sync::Arc;

use super::launch_list::Array;
use super::machine::{DeviceReal, Machine};
use super::part::HISTORY_NUMBERS;
use super::step::{STEPS_IN_TABLE, Step, check_plan};
use crate::denoiser::{Mlp, Trainable};
use crate::error::{Error, Result};
use crate::train::batch::Table;
use crate::train::optimizer::State;
use crate::train::plan::Plan;
use crate::train::run::{Begin, Progress, run_by};
use crate::train::step::{Losses, Workspace, gradient};
use crate::train::trainer::Trainer;

/// Steps that a run launches before it waits for them, so that its progress is seen.
const STEPS_AT_A_TIME: u64 = 256;

/// `train::run` with its steps on a machine: the same files, bits and errors, and a run that one began the other can go on with.
///
/// Errors: those of [`check_plan`], before anything is written; as `train::run`; `Error::Device`.
pub fn train<M: Machine, T: DeviceReal>(
    machine: &M,
    plan: &Plan,
    model: Mlp<T>,
    directory: &Path,
    begin: Begin,
    progress: &dyn Fn(Progress),
) -> Result<Mlp<T>> {
    check_plan(plan)?;
    let start = |model, state| DeviceTrainer::new(machine, plan, &model, &state);
    run_by(plan, model, directory, begin, progress, start)
}

/// A network in training on a machine, with its plan.
pub struct DeviceTrainer<M: Machine, T: DeviceReal> {
    machine: M,
    plan: Plan,
    /// Its architecture is used, its weights are those of the start.
    model: Mlp<T>,
    of: Step,
    table: u64,
    memory: Arc<Vec<M::Array<u8>>>,
    matching: M::Prepared,
    constrained: Option<(u64, M::Prepared)>,
    /// The step of the table's first row.
    first: u64,
    /// Steps done or launched.
    step: u64,
    /// What was last downloaded for a run.
    seen: Option<(Mlp<T>, State<T>)>,
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
            let mut bytes = machine.reserve::<u8>(storage.bytes.max(1))?;
            // What is there need not be kept here.
            if let Some(content) = storage.content.take().filter(|content| !content.is_empty()) {
                machine.upload(&content, &mut bytes)?;
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
            first: state.step,
            step: state.step,
            seen: None,
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
                self.renew()?;
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

    /// The table of the steps after this one.
    fn renew(&mut self) -> Result<()> {
        let (model, state) = self.download()?;
        *self = Self::with_table(&self.machine, &self.plan, &model, &state, self.table)?;
        Ok(())
    }

    /// Waits, and copies weights, moments and average: the bits of `train::run` at this step.
    ///
    /// Errors: `Error::Stopped` with the step and reason of `train::run` where a prediction, a perturbation, a loss or the gradient's norm was
    /// not finite (the CPU does that step again and says so) and where a weight left the format. `Error::Device`.
    pub fn download(&self) -> Result<(Mlp<T>, State<T>)> {
        let (step, faulty) = self.clock()?;
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

    /// The step where it stands, and whether a number was not finite.
    fn clock(&self) -> Result<(u64, bool)> {
        let clock = self.counts(self.of.clock)?;
        let faulty = self.bytes(self.of.fault)?.iter().any(|&byte| byte != 0);
        Ok((clock.first().copied().unwrap_or(0), faulty))
    }

    /// The losses of each step from `from` on and its gradient's norm before clipping, of those that were launched last and are in one table;
    /// waits for them.
    ///
    /// Errors: `Error::Domain` where step `from` is in none; as [`DeviceTrainer::download`].
    pub fn history(&self, from: u64) -> Result<Vec<(Losses, f64)>> {
        if !(self.first..=self.step).contains(&from) {
            return Err(Error::Domain {
                what: "from",
                value: from as f64,
                expected: "a step of the present table that was launched",
            });
        }
        if self.clock()? != (self.step, false) {
            self.download()?;
        }
        const ROW: usize = HISTORY_NUMBERS.len() * size_of::<f64>();
        let row = |step: u64| (step - self.first) as usize * ROW;
        // The rows before `from` too, since a copy is from an array's start: at most 2 MiB.
        let mut bytes = vec![0; row(self.step)];
        if !bytes.is_empty() {
            self.machine.download(&self.memory[self.of.history.0], &mut bytes)?;
        }
        let numbers = bytes.as_chunks().0.iter().map(|x| f64::from_le_bytes(*x));
        let numbers: Vec<f64> = numbers.skip(row(from) / size_of::<f64>()).collect();
        let of_step = |&[matching, consistency, radius, norm]: &[f64; HISTORY_NUMBERS.len()]| {
            (Losses { matching, consistency, radius }, norm)
        };
        Ok(numbers.as_chunks().0.iter().map(of_step).collect())
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
        self.machine.download(&self.memory[array.0], &mut bytes)?;
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

impl<M: Machine, T: DeviceReal> Trainer<T, Mlp<T>> for DeviceTrainer<M, T> {
    fn advance_to(&mut self, until: u64) -> Result<Vec<(Losses, f64)>> {
        if self.step == self.of.end && self.step < until {
            self.renew()?;
        }
        let from = self.step;
        let steps = until.min(self.of.end).saturating_sub(from);
        self.advance(steps.min(STEPS_AT_A_TIME))?;
        self.history(from)
    }

    fn now(&mut self) -> Result<(&Mlp<T>, &State<T>)> {
        let seen = match self.seen.take() {
            Some(seen) if seen.1.step == self.step => seen,
            _ => self.download()?,
        };
        let (model, state) = self.seen.insert(seen);
        Ok((model, state))
    }
}

fn fault(reason: String) -> Error {
    Error::Device {
        what: "training on the device",
        reason,
        remedy: "this is a fault of tweedie or of the device: please report it",
    }
}
