//! The launches that draw a step's rows: levels, data, noise and points, each random number at its address.
//!
//! Beside the floors. Uses `arith`, `law`, `train`. Spec: notation, N3.

use super::launch_list::{Array, Arrays, Launch, Operand};
use super::levels::Law;
use super::part::Part;
use super::perturbation::Batch;
use crate::arith::Real;
use crate::train::batch::Purpose;
use crate::train::plan::Plan;

/// Where data comes from.
enum Data {
    /// K×d points, and N words for those that are drawn.
    Set { points: Array, count: u64, index: Array },
    /// A law, with N uniform numbers and N×d normals, all f64.
    Law { law: Law, components: u64, uniforms: Array, normals: Array },
}

/// The rows of a step.
pub(super) struct Rows {
    data: Data,
    levels: u64,
    /// x₀.
    pub clean: Array,
    /// ε.
    pub noise: Array,
    /// x.
    pub x: Array,
}

impl Rows {
    pub fn new<T: Real>(plan: &Plan, batch: Batch, arrays: &mut Arrays) -> Self {
        let (n, entries) = (batch.rows as usize, batch.rows as usize * batch.dimension);
        let components = plan.trained.components() as u64;
        let data = if plan.set {
            let points: Vec<f64> = plan.trained.means().iter().copied().collect();
            let points = arrays.holding("training set", &points);
            Data::Set { points, count: components, index: arrays.words("chosen", n) }
        } else {
            Data::Law {
                law: Law::new(&plan.trained, arrays),
                components,
                uniforms: arrays.room::<f64>("components", n),
                normals: arrays.room::<f64>("positions", entries),
            }
        };
        Rows {
            data,
            levels: plan.steps.channels().len() as u64,
            clean: arrays.room::<T>("data", entries),
            noise: arrays.room::<T>("noise", entries),
            x: arrays.room::<T>("points", entries),
        }
    }

    pub fn launches<T: Real>(&self, batch: &Batch, list: &mut Vec<Launch>) {
        let (rows, entries) = (batch.rows, batch.rows * batch.dimension as u64);
        list.push(index(batch, Purpose::Level, self.levels, batch.level));
        match &self.data {
            Data::Set { points, count, index: chosen } => {
                list.push(index(batch, Purpose::Point, *count, *chosen));
                let own = [*chosen, *points, self.clean].map(Operand::from);
                list.push(batch.each_entry(Part::Rows, "rows_chosen", own));
            }
            Data::Law { law, components, uniforms, normals } => {
                // The streams of `law::sample`: four a step, of which the first two are the component and the place in it.
                list.push(batch.draw(false, (0, 4), (rows, 2), *uniforms).in_f64());
                list.push(batch.draw(true, (1, 4), (entries, 2), *normals).in_f64());
                let numbers = [(*components as usize).into(), law.form.into()];
                let arrays = [Some(law.cumulative), Some(law.mean), Some(law.deviation)];
                let drawn = [law.vectors, Some(*uniforms), Some(*normals), Some(self.clean)];
                let arrays = arrays.into_iter().chain(drawn).map(Operand::from);
                let own = numbers.into_iter().chain(arrays);
                list.push(batch.each_row(Part::Rows, "rows_sample", own));
            }
        }
        let stream = (Purpose::Noise.stream(0), 1);
        list.push(batch.draw(true, stream, (entries, T::PER_CALL as u64), self.noise));
        let own = [batch.level, batch.numbers, self.clean, self.noise, self.x];
        list.push(batch.each_entry(Part::Objective, "objective_points", own.map(Operand::from)));
    }
}

/// A number below `count` for every row.
fn index(batch: &Batch, purpose: Purpose, count: u64, out: Array) -> Launch {
    let numbers = [batch.seed, purpose.stream(0), count].map(Operand::from);
    let all = [batch.rows.into(), batch.clock.into()].into_iter().chain(numbers);
    Launch::each(Part::Rows, "rows_index", batch.rows, all.chain([out.into()]).collect())
}
