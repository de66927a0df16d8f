//! A training step as a list of launches that is the same every step: what a graph can be captured from.
//!
//! The step's number stands in an array (`clock`), from which random streams and the optimiser's numbers are read; the
//! last launch moves it on. So no argument ever changes. Weights, moments, gradient, losses and norm have the bits of
//! `train::step::gradient` and `train::optimizer::State::advance`.
//!
//! Beside the floors. Uses `arith`, `denoiser`, `error`, `law`, `train`, `tweedie`. Spec: E1, T4, N3.

use super::launch_list::{Array, Arrays, Launch, Operand};
use super::levels::Levels;
use super::network::{BackPass, Network, Record};
use super::part::{Part, STEP_NUMBERS};
use super::perturbation::{At, Batch, ascend, draw};
use super::rows::Rows;
use crate::arith::Real;
use crate::denoiser::{Mlp, Trainable};
use crate::error::{Error, Result};
use crate::train::batch::Purpose;
use crate::train::optimizer::State;
use crate::train::plan::{Constrained, Perturb, Plan};
use crate::tweedie::Kind;

/// Steps whose numbers are in the table: after so many the list is made anew.
pub const STEPS_IN_TABLE: u64 = 1 << 16;
/// SUM_BLOCK and CHUNKS of `kernels/optimizer.cu`.
const SUM_BLOCK: u64 = 256;
const CHUNKS: u64 = 32;
/// Threads of a launch that is one block, and of one that sums.
const ONE_BLOCK: u32 = 256;

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
    /// A word: 1 once a prediction, a perturbation, a loss or the norm was not finite. From then on nothing of the state changes.
    pub fault: Array,
    /// Three f64: the means of both losses and of the radius.
    pub losses: Array,
    /// An f64: the gradient's norm before clipping.
    pub norm: Array,
    /// The gradient before clipping.
    pub gradient: Array,
}

impl Step {
    /// The step of a plan from where `state` stands, for a network with its weights.
    ///
    /// Errors: `Error::Unknown` for the target `exact`, which no kernel computes; `Error::Domain` where the batch is too
    /// large for one launch, or a level has no head.
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
        check(plan, mlp)?;
        let architecture = *mlp.architecture();
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
        let update = Update::new(plan, (state, end), parameters, batch, &mut arrays);
        let losses = arrays.room::<f64>("losses", 3);
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
        let Update { first, second, average, norm, gradient, .. } = update;
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

fn check<T: Real>(plan: &Plan, mlp: &Mlp<T>) -> Result<()> {
    if plan.exact_target {
        return Err(Error::Unknown {
            what: "target of a kernel",
            name: "exact".into(),
            expected: "sample".into(),
        });
    }
    let widest = mlp.architecture().width.max(mlp.architecture().dimension + 1);
    if plan.config.batch.saturating_mul(widest) >= 1 << 31 {
        return Err(Error::Domain {
            what: "batch",
            value: plan.config.batch as f64,
            expected: "fewer than 2^31 numbers in a layer of it",
        });
    }
    Ok(())
}

/// Whether the denoised and the noise prediction enter a parametrisation's loss.
fn used(kind: Kind) -> [bool; 2] {
    match kind {
        Kind::Noise | Kind::Score => [false, true],
        Kind::Denoised => [true, false],
        Kind::Velocity => [true, true],
    }
}

/// What both kinds of step are made of.
struct Parts<'a> {
    plan: &'a Plan,
    batch: Batch,
    network: Network,
    rows: Rows,
    clean: Record,
    deltas: Vec<Array>,
    parts: Array,
    /// v_D and v_ε at x.
    vectors: [Option<Array>; 2],
    values: Array,
    losses: Array,
}

impl Parts<'_> {
    /// The rows, their predictions and the matching term, whose gradient is multiplied with `share`.
    fn matched<T: Real>(&self, share: T, list: &mut Vec<Launch>) {
        let (batch, rows) = (&self.batch, &self.rows);
        rows.launches::<T>(batch, list);
        self.network.forward::<T>(rows.x, &self.clean, list);
        list.push(batch.each_row(
            Part::Objective,
            "objective_matching",
            [
                batch.level.into(),
                batch.numbers.into(),
                self.clean.denoised.into(),
                self.clean.noise.into(),
                rows.clean.into(),
                rows.noise.into(),
                Operand::real(share),
                self.vectors[0].into(),
                self.vectors[1].into(),
                self.values.into(),
            ],
        ));
    }

    fn share<T: Real>(&self) -> T {
        T::from_f64(1.0 / self.batch.rows as f64)
    }

    fn back(&self) -> BackPass<'_> {
        BackPass { x: self.rows.x, record: &self.clean, deltas: &self.deltas }
    }

    fn sum_losses(&self, consistency: Option<Array>, radius: Option<Array>) -> Launch {
        let shared = 3 * ONE_BLOCK as usize * size_of::<f64>();
        Launch::blocks(
            Part::Objective,
            "objective_losses",
            (1, ONE_BLOCK, shared),
            vec![
                self.batch.rows.into(),
                self.values.into(),
                consistency.into(),
                radius.into(),
                self.losses.into(),
                self.batch.fault.into(),
            ],
        )
    }

    fn without<T: Real>(&self, update: &Update) -> Vec<Launch> {
        let mut list = Vec::new();
        self.matched::<T>(self.share(), &mut list);
        list.push(self.sum_losses(None, None));
        self.network.deltas::<T>(&self.clean, self.vectors, &self.deltas, &mut list);
        let to = (self.parts, update.gradient);
        self.network.gradient::<T>(self.back(), None, to, &mut list);
        update.launches::<T>(self.plan, &mut list);
        list
    }

    fn with<T: Real>(
        &self,
        on: &Constrained,
        update: &Update,
        arrays: &mut Arrays,
    ) -> Result<Vec<Launch>> {
        let (batch, network, mut list) = (&self.batch, &self.network, Vec::new());
        let (n, entries) = (batch.rows as usize, batch.rows as usize * batch.dimension);
        self.matched::<T>(T::ONE, &mut list);
        let uniforms = arrays.room::<f64>("offsets", n);
        let exact = arrays.room::<f64>("radii in f64", n);
        let radius = arrays.room::<T>("radii", n);
        let stream = (Purpose::Radius.stream(0), 1);
        list.push(batch.draw(false, stream, (batch.rows, 2), uniforms).in_f64());
        let offset = Operand::F64(on.radius.offset);
        let own = [uniforms, exact, radius].map(Operand::from);
        let own = [batch.level.into(), batch.wide.into(), offset].into_iter().chain(own);
        list.push(Launch::each(
            Part::Rows,
            "rows_radius",
            batch.rows,
            [batch.rows.into()].into_iter().chain(own).collect(),
        ));

        let there = arrays.room::<T>("perturbed points", entries);
        let record = network.record::<T>(arrays);
        let deltas = network.room_for_deltas::<T>(arrays);
        let at = At {
            batch: *batch,
            network,
            x: self.rows.x,
            clean: &self.clean,
            there: (there, &record, &deltas),
            radius,
            stream: Purpose::Perturbation.stream(0),
        };
        let omega = match &on.perturb {
            Perturb::Random(shape) => draw::<T>(&at, *shape, arrays, &mut list),
            Perturb::Attack(attack) => ascend::<T>(&at, attack, arrays, &mut list)?,
        };
        list.push(batch.moved(self.rows.x, omega, there));
        network.forward::<T>(there, &record, &mut list);
        let vectors =
            self.vectors.map(|used| used.map(|_| arrays.room::<T>("vectors there", entries)));
        let values = arrays.room::<T>("consistency losses", n);
        list.push(batch.each_row(
            Part::Objective,
            "objective_consistency",
            [
                batch.level.into(),
                batch.numbers.into(),
                self.clean.denoised.into(),
                self.clean.noise.into(),
                record.denoised.into(),
                record.noise.into(),
                omega.into(),
                on.consistency.stop_gradient.into(),
                Operand::real(self.share::<T>()),
                self.vectors[0].into(),
                self.vectors[1].into(),
                vectors[0].into(),
                vectors[1].into(),
                values.into(),
            ],
        ));
        list.push(self.sum_losses(Some(values), Some(exact)));
        network.deltas::<T>(&self.clean, self.vectors, &self.deltas, &mut list);
        network.deltas::<T>(&record, vectors, &deltas, &mut list);
        let perturbed = BackPass { x: there, record: &record, deltas: &deltas };
        let to = (self.parts, update.gradient);
        network.gradient::<T>(self.back(), Some(perturbed), to, &mut list);
        update.launches::<T>(self.plan, &mut list);
        Ok(list)
    }
}

/// The optimiser's arrays.
struct Update {
    count: u64,
    batch: Batch,
    parameters: Array,
    steps: Array,
    gradient: Array,
    first: Array,
    second: Array,
    average: Array,
    sums: Array,
    norm: Array,
    shrink: Array,
}

impl Update {
    fn new<T: Real>(
        plan: &Plan,
        (state, end): (&State<T>, u64),
        parameters: Array,
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
        }
    }

    fn launches<T: Real>(&self, plan: &Plan, list: &mut Vec<Launch>) {
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
        ];
        let own = [self.count.into(), clock.into(), self.steps.into()];
        let all = own.into_iter().chain(numbers).chain(arrays.map(Operand::from)).collect();
        list.push(Launch::each(Part::Optimizer, "optimizer_update", self.count, all));
        let own = vec![clock.into(), fault.into()];
        list.push(Launch::blocks(Part::Optimizer, "optimizer_advance", (1, 1, 0), own));
    }
}
