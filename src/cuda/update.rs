//! The launches of the optimiser, which end a training step: they move the weights and what is kept of them, and go to the next step.
//!
//! Beside the floors. Uses `arith`, `train`. Spec: N3.

use super::launch_list::{Array, Arrays, Launch, Operand};
use super::part::{HISTORY_NUMBERS, Part, STEP_NUMBERS};
use super::perturbation::Batch;
use crate::arith::Real;
use crate::train::optimizer::State;
use crate::train::plan::Plan;

/// SUM_BLOCK and CHUNKS of `kernels/optimizer.cu`.
const SUM_BLOCK: u64 = 256;
const CHUNKS: u64 = 32;
/// Threads of a launch that sums.
const ONE_BLOCK: u32 = 256;

/// The optimiser's arrays.
pub(super) struct Update {
    count: u64,
    batch: Batch,
    parameters: Array,
    steps: Array,
    /// The gradient before clipping.
    pub gradient: Array,
    /// m.
    pub first: Array,
    /// v.
    pub second: Array,
    /// e.
    pub average: Array,
    sums: Array,
    /// The gradient's norm before clipping, f64.
    pub norm: Array,
    shrink: Array,
    /// A word: 1 once a weight left the format.
    left: Array,
    losses: Array,
    /// `HISTORY_NUMBERS` f64 a row of the table of steps.
    pub history: Array,
}

impl Update {
    /// What the steps from where `state` stands up to `end` need; `losses` is where each leaves its own.
    pub fn new<T: Real>(
        plan: &Plan,
        (state, end): (&State<T>, u64),
        (parameters, losses): (Array, Array),
        batch: Batch,
        arrays: &mut Arrays,
    ) -> Self {
        let of_step = |step| plan.optimizer.of_step(step, plan.config.steps).map(T::from_f64);
        let of_steps: Vec<[T; STEP_NUMBERS.len()]> = (state.step..end).map(of_step).collect();
        let count = state.first.len();
        Update {
            count: count as u64,
            batch,
            parameters,
            steps: arrays.holding("steps", of_steps.as_flattened()),
            gradient: arrays.room::<T>("gradient", count),
            first: arrays.holding("first moments", &state.first),
            second: arrays.holding("second moments", &state.second),
            average: arrays.holding("average", &state.average),
            sums: arrays.room::<f64>("sums", count.div_ceil(SUM_BLOCK as usize)),
            norm: arrays.room::<f64>("norm", 1),
            shrink: arrays.room::<T>("shrink", 1),
            left: arrays.holding_words("left", &[0]),
            losses,
            history: arrays.room::<f64>("history", of_steps.len() * HISTORY_NUMBERS.len()),
        }
    }

    /// From the gradient to the next step.
    pub fn launches<T: Real>(&self, plan: &Plan, list: &mut Vec<Launch>) {
        let (clock, fault, settings) = (self.batch.clock, self.batch.fault, &plan.optimizer);
        let sums = self.count.div_ceil(SUM_BLOCK);
        let one_block = |size: u64| (size, ONE_BLOCK, ONE_BLOCK as usize * size_of::<f64>());
        let blocks = one_block(sums.div_ceil(CHUNKS));
        list.push(Launch::blocks(
            Part::Optimizer,
            "optimizer_squares",
            blocks,
            vec![self.count.into(), self.gradient.into(), self.sums.into()],
        ));
        list.push(Launch::blocks(
            Part::Optimizer,
            "optimizer_norm",
            one_block(1),
            vec![
                sums.into(),
                self.sums.into(),
                Operand::F64(settings.clip),
                self.norm.into(),
                self.shrink.into(),
                fault.into(),
            ],
        ));
        let numbers = [
            settings.beta1,
            1.0 - settings.beta1,
            settings.beta2,
            1.0 - settings.beta2,
            settings.epsilon,
            settings.weight_decay,
            1.0 - settings.average,
        ];
        let numbers = numbers.map(|x| Operand::real(T::from_f64(x)));
        let arrays = [
            self.shrink,
            fault,
            self.gradient,
            self.parameters,
            self.first,
            self.second,
            self.average,
            self.left,
        ];
        let own = [self.count.into(), clock.into(), self.steps.into()];
        let all = own.into_iter().chain(numbers).chain(arrays.map(Operand::from)).collect();
        list.push(Launch::each(Part::Optimizer, "optimizer_update", self.count, all));
        let own = [self.losses, self.norm, self.left, self.history, clock, fault];
        let own = own.map(Operand::from).to_vec();
        list.push(Launch::blocks(Part::Optimizer, "optimizer_advance", (1, 1, 0), own));
    }
}
