//! The launches of a training step up to its gradient: rows, predictions, both terms of the loss and the pass back.
//!
//! Beside the floors. Uses `arith`, `error`, `train`, `tweedie`. Spec: E1, T4, N3.

use super::launch_list::{Array, Arrays, Launch, Operand};
use super::network::{BackPass, Network, Record};
use super::part::Part;
use super::perturbation::{At, Batch, ascend, draw};
use super::rows::Rows;
use super::update::Update;
use crate::arith::Real;
use crate::error::Result;
use crate::train::batch::Purpose;
use crate::train::plan::{Constrained, Perturb, Plan};
use crate::tweedie::Kind;

/// Threads of the block that sums the losses.
const LOSS_THREADS: u32 = 256;

/// Whether the denoised and the noise prediction enter a parametrisation's loss.
pub(super) fn used(kind: Kind) -> [bool; 2] {
    match kind {
        Kind::Noise | Kind::Score => [false, true],
        Kind::Denoised => [true, false],
        Kind::Velocity => [true, true],
    }
}

/// What both kinds of step are made of.
pub(super) struct Parts<'a> {
    pub plan: &'a Plan,
    pub batch: Batch,
    pub network: Network,
    pub rows: Rows,
    pub clean: Record,
    pub deltas: Vec<Array>,
    pub parts: Array,
    /// v_D and v_ε at x.
    pub vectors: [Option<Array>; 2],
    pub values: Array,
    pub losses: Array,
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
        let shared = 3 * LOSS_THREADS as usize * size_of::<f64>();
        Launch::blocks(
            Part::Objective,
            "objective_losses",
            (1, LOSS_THREADS, shared),
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

    /// A step without the constraint.
    pub fn without<T: Real>(&self, update: &Update) -> Vec<Launch> {
        let mut list = Vec::new();
        self.matched::<T>(self.share(), &mut list);
        list.push(self.sum_losses(None, None));
        self.network.deltas::<T>(&self.clean, self.vectors, &self.deltas, &mut list);
        let to = (self.parts, update.gradient);
        self.network.gradient::<T>(self.back(), None, to, &mut list);
        update.launches::<T>(self.plan, &mut list);
        list
    }

    /// A step with it.
    ///
    /// Errors: those of [`ascend`].
    pub fn with<T: Real>(
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
