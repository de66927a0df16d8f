//! The gradient of one step: blocks of rows side by side, added in their order.
//!
//! Floor 5. Uses `arith`, `attack`, `denoiser`, `error`, `objective`, `train::{batch, plan}`. Spec: E1, N3.

use ndarray::Array2;
use rayon::prelude::*;

use super::batch::{Purpose, Rows, Table};
use super::plan::{Constrained, Perturb, Plan};
use crate::arith::Real;
use crate::attack::Address;
use crate::denoiser::trainable::BLOCK;
use crate::denoiser::{AtLevels, Block, Cotangent, Prediction, Trainable};
use crate::error::Result;
use crate::objective::consistency::perturbed;

/// Blocks whose gradients are held at a time: what bounds memory, and changes no bit.
const GROUP: usize = 16;

/// What a step measured: means over its rows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Losses {
    /// w·‖P̂ − P‖².
    pub matching: f64,
    /// λ·w·‖residual‖²; 0 where the constraint is off.
    pub consistency: f64,
    /// The radius; 0 where the constraint is off.
    pub radius: f64,
}

impl Losses {
    /// The loss.
    pub fn total(&self) -> f64 {
        self.matching + self.consistency
    }

    fn add(&mut self, other: Losses) {
        self.matching += other.matching;
        self.consistency += other.consistency;
        self.radius += other.radius;
    }
}

/// Room for the gradients of a group of blocks, kept from step to step.
pub struct Workspace<T> {
    total: Vec<T>,
    blocks: Vec<Vec<T>>,
}

impl<T: Real> Workspace<T> {
    /// Room for a model of so many parameters and steps of so many rows.
    pub fn new(parameters: usize, batch: usize) -> Self {
        let blocks = batch.div_ceil(BLOCK).min(GROUP);
        Workspace {
            total: vec![T::ZERO; parameters],
            blocks: vec![vec![T::ZERO; parameters]; blocks],
        }
    }

    /// The gradient that the last step left.
    pub fn gradient(&self) -> &[T] {
        &self.total
    }
}

/// The mean loss of a step's rows; its gradient with respect to the parameters is left in the workspace.
///
/// Blocks of 64 rows each give a gradient by one chain over their rows; blocks are added in index order, from
/// zero. A row's loss is in T, the sums of losses in f64, rows in order, then blocks in order.
/// Errors: those of the parts, `Error::NotFinite` where a prediction or a loss is not finite; of the first block that has one.
pub fn gradient<T: Real, M: Trainable<T>>(
    plan: &Plan,
    model: &M,
    table: &Table<T, M::Level>,
    step: u64,
    room: &mut Workspace<T>,
) -> Result<Losses> {
    let batch = plan.config.batch;
    let blocks = batch.div_ceil(BLOCK);
    let Workspace { total, blocks: of_blocks } = room;
    total.fill(T::ZERO);
    let mut losses = Losses::default();
    for group in (0..blocks).step_by(GROUP) {
        let of_group: Vec<Result<Losses>> = (group..blocks.min(group + GROUP))
            .into_par_iter()
            .zip(of_blocks.par_iter_mut())
            .map(|(block, gradient)| {
                let first = block * BLOCK;
                let rows = BLOCK.min(batch - first);
                gradient.fill(T::ZERO);
                of_block(plan, model, table, (step, first as u64, rows), gradient)
                    .map_err(|error| error.moved_down(first))
            })
            .collect();
        // The first block's error, whichever was found first.
        let of_group = of_group.into_iter().collect::<Result<Vec<Losses>>>()?;
        for of_block in &of_group {
            losses.add(*of_block);
        }
        const CHUNK: usize = 4096;
        total.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, sums)| {
            for gradient in of_blocks.iter().take(of_group.len()) {
                let part = &gradient[chunk * CHUNK..];
                sums.iter_mut().zip(part).for_each(|(sum, &entry)| *sum += entry);
            }
        });
    }
    let rows = batch as f64;
    Ok(Losses {
        matching: losses.matching / rows,
        consistency: losses.consistency / rows,
        radius: losses.radius / rows,
    })
}

/// The sums of a block's losses; its gradient is added to `gradient`.
fn of_block<T: Real, M: Trainable<T>>(
    plan: &Plan,
    model: &M,
    table: &Table<T, M::Level>,
    (step, first, n): (u64, u64, usize),
    gradient: &mut [T],
) -> Result<Losses> {
    let rows = Rows::draw(plan, table, step, first, n)?;
    let levels: Vec<&M::Level> = rows.levels.iter().map(|&l| &table.levels[l]).collect();
    let block = model.block(&levels);
    let (prediction, record) = block.forward(rows.x.view())?;
    let (clean, noise) = (rows.clean.view(), rows.noise.view());
    let matched = plan.matching.evaluate(&rows.channels, &prediction, clean, noise)?;
    let mut losses = Losses { matching: sum(&matched.values), ..Losses::default() };
    let mut of_clean = matched.gradient;
    let share = T::from_f64(1.0 / plan.config.batch as f64);
    let on = plan.constrained.as_ref().filter(|constrained| step >= constrained.start);
    let Some(constrained) = on else {
        scale(&mut of_clean, share);
        block.to_parameters(&[(&record, &of_clean)], gradient)?;
        return Ok(losses);
    };
    let (omega, radius) = perturbation(plan, constrained, &block, &rows, &prediction, step, first)?;
    let consistency = &constrained.consistency;
    let moved = perturbed(&rows.channels, consistency.units, rows.x.view(), omega.view())?;
    let (prediction_there, record_there) = block.forward(moved.view())?;
    let weighed = (plan.matching.parametrisation, plan.matching.weighting);
    let consistent = consistency.evaluate(
        &rows.channels,
        weighed,
        &prediction,
        &prediction_there,
        omega.view(),
    )?;
    losses.consistency = sum(&consistent.values);
    losses.radius = radius;
    add(&mut of_clean.denoised, consistent.clean.denoised);
    add(&mut of_clean.noise, consistent.clean.noise);
    let mut of_perturbed = consistent.perturbed;
    scale(&mut of_clean, share);
    scale(&mut of_perturbed, share);
    let passes = [(&record, &of_clean), (&record_there, &of_perturbed)];
    block.to_parameters(&passes, gradient)?;
    Ok(losses)
}

/// ω of every row, and the sum of the radii.
fn perturbation<T: Real, B: Block<T>>(
    plan: &Plan,
    constrained: &Constrained,
    block: &B,
    rows: &Rows<T>,
    prediction: &Prediction<T>,
    step: u64,
    first: u64,
) -> Result<(Array2<T>, f64)> {
    let seed = plan.config.seed;
    let radii = constrained.radius.draw(&rows.channels, seed, Purpose::Radius.stream(step), first);
    let total = radii.iter().sum();
    let radii: Vec<T> = radii.into_iter().map(T::from_f64).collect();
    let address = Address { seed, stream: Purpose::Perturbation.stream(step), first_row: first };
    let omega = match &constrained.perturb {
        Perturb::Random(shape) => shape.draw(address, &radii, rows.x.ncols())?,
        Perturb::Attack(attack) => {
            attack
                .perturb(&AtLevels(block), rows.x.view(), prediction, &radii, address)?
                .perturbation
        }
    };
    Ok((omega, total))
}

fn sum<T: Real>(values: &[T]) -> f64 {
    values.iter().fold(0.0, |sum, value| sum + value.to_f64())
}

fn scale<T: Real>(cotangent: &mut Cotangent<T>, by: T) {
    for part in [&mut cotangent.denoised, &mut cotangent.noise].into_iter().flatten() {
        part.mapv_inplace(|entry| by * entry);
    }
}

fn add<T: Real>(sum: &mut Option<Array2<T>>, term: Option<Array2<T>>) {
    match (sum.as_mut(), term) {
        (Some(sum), Some(term)) => sum.zip_mut_with(&term, |sum, &term| *sum += term),
        (None, Some(term)) => *sum = Some(term),
        (_, None) => {}
    }
}
