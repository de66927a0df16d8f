//! Rows of a network at their levels: what a pass needs, and the checks around the kernels of `pass.rs`.
//!
//! The first layer's sums over bias and embedding depend on the level alone: they are made once a block, and shared
//! by every pass through it.
//!
//! Floor 3. Uses `arith`, `channel`, `denoiser`, `error`. Spec: T3, N3.

use ndarray::{Array2, ArrayView2};

use super::pass::{Along, Base, Deltas, Forward, ToParameters, ToPoints};
use super::{Level, Mlp};
use crate::arith::{Isa, Real};
use crate::channel::Channel;
use crate::denoiser::cotangents::Pair;
use crate::denoiser::trainable::{check_batch, check_parameters, check_record};
use crate::denoiser::{Block, Cotangent, Prediction, Trainable};
use crate::denoiser::{check_finite, check_flat, check_shape};
use crate::error::{Error, Result};

/// Rows of a network at their levels.
pub struct MlpBlock<'a, T: Real> {
    pub(super) mlp: &'a Mlp<T>,
    pub(super) levels: Vec<&'a Level<T>>,
    channels: Vec<Channel>,
    /// e(level), a row a point.
    pub(super) embedded: Vec<T>,
    /// b₁ + W₁·[0, e(level)], a row a point.
    pub(super) base: Vec<T>,
    isa: Isa,
}

/// What a forward pass keeps: y = c_in·x, and each hidden layer's values and slopes, a row a point.
#[derive(Clone, Debug)]
pub struct Pass<T> {
    pub(super) scaled: Vec<T>,
    pub(super) values: Vec<Vec<T>>,
    pub(super) slopes: Vec<Vec<T>>,
}

impl<'a, T: Real> MlpBlock<'a, T> {
    pub(super) fn new(mlp: &'a Mlp<T>, levels: &[&'a Level<T>]) -> Self {
        let mut block = MlpBlock {
            mlp,
            levels: levels.to_vec(),
            channels: levels.iter().map(|level| level.channel).collect(),
            embedded: levels.iter().flat_map(|l| l.embedding.iter().copied()).collect(),
            base: Vec::new(),
            isa: Isa::best(),
        };
        block.base = block.isa.run(Base(&block));
        block
    }

    /// The same block in a given instruction set: the same bits.
    pub fn with_isa(mut self, isa: Isa) -> Self {
        self.isa = isa;
        self.base = isa.run(Base(&self));
        self
    }

    /// Errors where the record is of another batch, or of a network of other layers.
    fn check_record(&self, record: &Pass<T>) -> Result<()> {
        let d = self.dimension();
        check_record(self, (record.scaled.len() / d, d))?;
        let architecture = self.mlp.architecture();
        let layer = self.levels.len() * architecture.width;
        let of_this = |layers: &[Vec<T>]| {
            layers.len() == architecture.layers && layers.iter().all(|l| l.len() == layer)
        };
        if of_this(&record.values) && of_this(&record.slopes) {
            return Ok(());
        }
        Err(Error::Shape {
            what: "record's layers",
            found: record.values.iter().map(Vec::len).collect(),
            expected: format!("{} of {layer} numbers", architecture.layers),
        })
    }

    fn pair(&self, cotangent: &Cotangent<T>) -> Result<Pair<T>> {
        Pair::new(cotangent, (self.levels.len(), self.dimension()))
    }

    fn shaped(&self, values: Vec<T>) -> Result<Array2<T>> {
        let (rows, columns) = (self.levels.len(), self.dimension());
        Array2::from_shape_vec((rows, columns), values).map_err(|error| Error::Shape {
            what: "result",
            found: vec![rows, columns],
            expected: error.to_string(),
        })
    }
}

impl<T: Real> Block<T> for MlpBlock<'_, T> {
    type Record = Pass<T>;

    fn dimension(&self) -> usize {
        self.mlp.architecture().dimension
    }

    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    fn forward(&self, x: ArrayView2<'_, T>) -> Result<(Prediction<T>, Pass<T>)> {
        check_batch(self, x)?;
        let x = x.as_standard_layout();
        let kernel = Forward { block: self, x: x.as_slice().unwrap_or_default() };
        let (denoised, noise, pass) = self.isa.run(kernel);
        let prediction =
            Prediction { denoised: self.shaped(denoised)?, noise: self.shaped(noise)? };
        check_finite("denoised", prediction.denoised.view())?;
        check_finite("noise", prediction.noise.view())?;
        Ok((prediction, pass))
    }

    fn push(&self, record: &Pass<T>, v: ArrayView2<'_, T>) -> Result<Array2<T>> {
        self.check_record(record)?;
        check_shape("v", v, (self.levels.len(), self.dimension()))?;
        check_finite("v", v)?;
        let v = v.as_standard_layout();
        let kernel = Along { block: self, pass: record, v: v.as_slice().unwrap_or_default() };
        let product = self.shaped(self.isa.run(kernel))?;
        check_finite("Jacobian times v", product.view())?;
        Ok(product)
    }

    fn to_points(&self, record: &Pass<T>, cotangent: &Cotangent<T>) -> Result<Array2<T>> {
        self.check_record(record)?;
        let pair = self.pair(cotangent)?;
        let deltas = self.isa.run(Deltas { block: self, pass: record, pair: &pair });
        let kernel = ToPoints { block: self, deltas: &deltas, pair: &pair };
        let pulled = self.shaped(self.isa.run(kernel))?;
        check_finite("pulled-back vector", pulled.view())?;
        Ok(pulled)
    }

    /// Every layer's numbers are chains over the passes, and in each over its rows; the embedding's weights, which are
    /// multiplied with the same numbers in every pass, one chain over the rows with the passes added first.
    fn to_parameters(
        &self,
        passes: &[(&Pass<T>, &Cotangent<T>)],
        gradient: &mut [T],
    ) -> Result<()> {
        check_parameters("gradient", gradient, self.mlp.parameters().len())?;
        let mut all = Vec::with_capacity(passes.len());
        for (record, cotangent) in passes {
            self.check_record(record)?;
            let pair = self.pair(cotangent)?;
            let kernel = Deltas { block: self, pass: record, pair: &pair };
            all.push((*record, self.isa.run(kernel)));
        }
        self.isa.run(ToParameters { block: self, passes: &all, gradient });
        check_flat("gradient", gradient)
    }
}
