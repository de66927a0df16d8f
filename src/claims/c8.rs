//! C8: what a step costs, counted.
//!
//! Nearly all of a step is products with the weights: one a row for a prediction, one for a gradient in the point, two for
//! the gradient in the parameters (of the layer's input and of its weights). Time itself is not in a claim, whose outcome
//! must be the same bytes on every machine; `docs/speed.md` has it.
//!
//! Floor 7. Uses `arith`, `channel`, `claims`, `denoiser`, `error`, `train`. Spec: N3.

use std::sync::atomic::{AtomicU64, Ordering};

use ndarray::{Array2, ArrayView2};

use super::interval::Estimate;
use super::trials::{Recipe, Size, Way};
use super::{Case, Claim, Context, Findings};
use crate::channel::Channel;
use crate::denoiser::{Block, Cotangent, Denoiser, Mlp, Prediction, Tensor, Trainable};
use crate::error::Result;
use crate::train::batch::Table;
use crate::train::plan::Plan;
use crate::train::step::{Workspace, gradient};

pub(super) const CLAIM: Claim = Claim {
    id: "C8",
    title: "what a step costs",
    statement: "A step of adversarial training costs about 2.5 times a step of plain training.",
    source: "Why Adversarially Train Diffusion Models?, ICLR 2026: training time",
    hypothesis: "Counting: plain 1 + 2, random 1 + 1 + 4, adversarial 1 + 1 + 1 + 1 + 4 products with the weights a row.",
    measured: "products of a row with the weights in one step, counted as it runs, over those of a plain step, over 2.5; within a tenth of it \
               counts as about",
    bound: "1.1, and no more than an equal part below for the adversarial ways; there is no chance in it. Time: docs/speed.md",
    find,
};

/// What the source says, and how near counts as about.
const SAID: f64 = 2.5;
const ABOUT: f64 = 1.1;

fn find(context: &Context<'_>) -> Result<Findings> {
    let mut cases = Vec::new();
    let plain = products(context, Way::Plain)? as f64;
    for way in [Way::Adversarial, Way::Residual] {
        let ratio = products(context, way)? as f64 / plain / SAID;
        for (quantity, value) in [("over", ratio), ("under", ratio.recip())] {
            let quantity = format!("products, {} / plain, {quantity} {SAID}", way.name());
            let estimate = Estimate::exact(value);
            cases.push(Case::estimated("oblique-plane", "one step", quantity, estimate, ABOUT));
        }
    }
    Ok(Findings { cases, statistics: None, figures: Vec::new() })
}

/// Products of a row with the weights in a step.
fn products(context: &Context<'_>, way: Way) -> Result<u64> {
    let recipe = Recipe::new("oblique-plane", way);
    let plan = Plan::new(&recipe.config(Size::of(context), context.seed))?;
    let model: Mlp<f32> = plan.start(&plan.spec()?)?;
    let counted = Counted { model, products: AtomicU64::new(0) };
    let table = Table::new(&plan, &counted)?;
    let mut room = Workspace::new(counted.parameters().len(), plan.config.batch);
    gradient(&plan, &counted, &table, 0, &mut room)?;
    Ok(counted.products.load(Ordering::Relaxed))
}

/// A network that counts how many products of a row with its weights it makes.
struct Counted {
    model: Mlp<f32>,
    products: AtomicU64,
}

struct CountedBlock<'a> {
    block: <Mlp<f32> as Trainable<f32>>::Block<'a>,
    products: &'a AtomicU64,
}

impl Counted {
    fn count(&self, rows: usize) {
        self.products.fetch_add(rows as u64, Ordering::Relaxed);
    }
}

impl CountedBlock<'_> {
    fn count(&self, products: usize) {
        self.products.fetch_add((products * self.channels().len()) as u64, Ordering::Relaxed);
    }
}

impl Denoiser<f32> for Counted {
    fn dimension(&self) -> usize {
        self.model.dimension()
    }

    fn predict(&self, channel: Channel, x: ArrayView2<'_, f32>) -> Result<Prediction<f32>> {
        self.count(x.nrows());
        self.model.predict(channel, x)
    }

    fn jacobian_vector(
        &self,
        channel: Channel,
        x: ArrayView2<'_, f32>,
        v: ArrayView2<'_, f32>,
    ) -> Result<Array2<f32>> {
        self.count(2 * x.nrows());
        self.model.jacobian_vector(channel, x, v)
    }

    fn vector_jacobian(
        &self,
        channel: Channel,
        x: ArrayView2<'_, f32>,
        v: ArrayView2<'_, f32>,
    ) -> Result<Array2<f32>> {
        self.count(2 * x.nrows());
        self.model.vector_jacobian(channel, x, v)
    }
}

impl Trainable<f32> for Counted {
    type Level = <Mlp<f32> as Trainable<f32>>::Level;
    type Block<'a> = CountedBlock<'a>;

    fn level(&self, channel: Channel) -> Result<Self::Level> {
        self.model.level(channel)
    }

    fn block<'a>(&'a self, levels: &[&'a Self::Level]) -> CountedBlock<'a> {
        CountedBlock { block: self.model.block(levels), products: &self.products }
    }

    fn tensors(&self) -> Vec<Tensor> {
        self.model.tensors()
    }

    fn parameters(&self) -> &[f32] {
        self.model.parameters()
    }

    fn set_parameters(&mut self, parameters: &[f32]) -> Result<()> {
        self.model.set_parameters(parameters)
    }
}

impl<'b> Block<f32> for CountedBlock<'b> {
    type Record = <<Mlp<f32> as Trainable<f32>>::Block<'b> as Block<f32>>::Record;

    fn dimension(&self) -> usize {
        self.block.dimension()
    }

    fn channels(&self) -> &[Channel] {
        self.block.channels()
    }

    fn forward(&self, x: ArrayView2<'_, f32>) -> Result<(Prediction<f32>, Self::Record)> {
        self.count(1);
        self.block.forward(x)
    }

    fn push(&self, record: &Self::Record, v: ArrayView2<'_, f32>) -> Result<Array2<f32>> {
        self.count(1);
        self.block.push(record, v)
    }

    fn to_points(&self, record: &Self::Record, cotangent: &Cotangent<f32>) -> Result<Array2<f32>> {
        self.count(1);
        self.block.to_points(record, cotangent)
    }

    fn to_parameters(
        &self,
        passes: &[(&Self::Record, &Cotangent<f32>)],
        gradient: &mut [f32],
    ) -> Result<()> {
        self.count(2 * passes.len());
        self.block.to_parameters(passes, gradient)
    }
}
