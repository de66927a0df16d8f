//! Rows of a network at their levels: what a pass needs, and the checks around the kernels of `pass.rs`.
//!
//! The first layer's sums over bias and embedding depend on the level alone: they are made once a block, and shared
//! by every pass through it.
//!
//! Floor 3. Uses `arith`, `channel`, `denoiser`, `error`. Spec: T3, N3.

use ndarray::{Array2, ArrayView2, CowArray, Ix2};

use super::pass::{Along, Base, Deltas, Forward, ToParameters, ToPoints};
use super::{Level, Mlp};
use crate::arith::{Isa, Real};
use crate::channel::Channel;
use crate::denoiser::levelled::check_rows;
use crate::denoiser::{
    Block, Choose, Cotangent, Levelled, Prediction, Trainable, check_finite, check_points,
};
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

    fn check(&self, what: &'static str, rows: ArrayView2<'_, T>) -> Result<()> {
        check_points(what, self.dimension(), rows)?;
        check_rows(&self.channels, rows)
    }

    /// The cotangent as slices; an absent one is zeros.
    fn both<'c>(&self, cotangent: &'c Cotangent<T>) -> Result<[CowArray<'c, T, Ix2>; 2]> {
        let row = |v: &'c Option<Array2<T>>| match v {
            Some(v) => {
                self.check("cotangent", v.view())?;
                Ok(v.as_standard_layout())
            }
            None => Ok(Array2::default((self.levels.len(), self.dimension())).into()),
        };
        Ok([row(&cotangent.denoised)?, row(&cotangent.noise)?])
    }

    fn deltas(&self, record: &Pass<T>, cotangent: &Cotangent<T>) -> Result<Vec<Vec<T>>> {
        let [denoised, noise] = self.both(cotangent)?;
        let (Some(denoised), Some(noise)) = (denoised.as_slice(), noise.as_slice()) else {
            return Ok(Vec::new());
        };
        Ok(self.isa.run(Deltas { block: self, pass: record, denoised, noise }))
    }

    fn shaped(&self, values: Vec<T>) -> Result<Array2<T>> {
        shaped(self.levels.len(), self.mlp.architecture().dimension, values)
    }

    fn dimension(&self) -> usize {
        self.mlp.architecture().dimension
    }
}

fn shaped<T: Real>(rows: usize, columns: usize, values: Vec<T>) -> Result<Array2<T>> {
    Array2::from_shape_vec((rows, columns), values).map_err(|error| Error::Shape {
        what: "result",
        found: vec![rows, columns],
        expected: error.to_string(),
    })
}

impl<T: Real> Levelled<T> for MlpBlock<'_, T> {
    fn dimension(&self) -> usize {
        self.dimension()
    }

    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    fn predict(&self, x: ArrayView2<'_, T>) -> Result<Prediction<T>> {
        Ok(self.forward(x)?.0)
    }

    fn pull_back(
        &self,
        x: ArrayView2<'_, T>,
        choose: &mut Choose<'_, T>,
    ) -> Result<(Prediction<T>, Array2<T>)> {
        let (prediction, record) = self.forward(x)?;
        let cotangent = choose(&prediction)?;
        let pulled = self.to_points(&record, &cotangent)?;
        Ok((prediction, pulled))
    }
}

impl<T: Real> Block<T> for MlpBlock<'_, T> {
    type Record = Pass<T>;

    fn forward(&self, x: ArrayView2<'_, T>) -> Result<(Prediction<T>, Pass<T>)> {
        self.check("x", x)?;
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
        self.check("v", v)?;
        let v = v.as_standard_layout();
        let kernel = Along { block: self, pass: record, v: v.as_slice().unwrap_or_default() };
        let product = self.shaped(self.isa.run(kernel))?;
        check_finite("Jacobian times v", product.view())?;
        Ok(product)
    }

    fn to_points(&self, record: &Pass<T>, cotangent: &Cotangent<T>) -> Result<Array2<T>> {
        let deltas = self.deltas(record, cotangent)?;
        let [denoised, noise] = self.both(cotangent)?;
        let (Some(denoised), Some(noise)) = (denoised.as_slice(), noise.as_slice()) else {
            return self.shaped(Vec::new());
        };
        let kernel = ToPoints { block: self, deltas: &deltas, denoised, noise };
        let pulled = self.shaped(self.isa.run(kernel))?;
        check_finite("pulled-back vector", pulled.view())?;
        Ok(pulled)
    }

    fn to_parameters(
        &self,
        passes: &[(&Pass<T>, &Cotangent<T>)],
        gradient: &mut [T],
    ) -> Result<()> {
        if gradient.len() != self.mlp.parameters().len() {
            return Err(Error::Shape {
                what: "gradient",
                found: vec![gradient.len()],
                expected: format!("{} numbers", self.mlp.parameters().len()),
            });
        }
        let deltas = passes
            .iter()
            .map(|(record, cotangent)| Ok((*record, self.deltas(record, cotangent)?)))
            .collect::<Result<Vec<_>>>()?;
        self.isa.run(ToParameters { block: self, passes: &deltas, gradient });
        Ok(())
    }
}
