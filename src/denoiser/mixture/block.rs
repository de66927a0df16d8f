//! Rows of the mixture-parametrised denoiser at their levels: the batch around `passes`.
//!
//! Floor 3. Uses `arith`, `channel`, `denoiser`, `error`. Spec: T1, T2, N3.

use ndarray::{Array2, ArrayView2};

use super::MixtureDenoiser;
use super::passes::{Finding, Found, Row};
use super::table::{Table, variances};
use crate::arith::{Kernel, MulAdd, Real};
use crate::channel::Channel;
use crate::denoiser::cotangents::Pair;
use crate::denoiser::trainable::{check_batch, check_parameters, check_record};
use crate::denoiser::{Block, Cotangent, Prediction, check_finite, check_flat, check_vectors};
use crate::error::{Error, Result};

/// Rows of a [`MixtureDenoiser`], a channel each. Rows at the same channel share their tables.
pub struct MixtureBlock<'a, T> {
    model: &'a MixtureDenoiser<T>,
    channels: Vec<Channel>,
    tables: Vec<Table<T>>,
    /// Which table a row has.
    table_of: Vec<usize>,
    largest_mean: T,
}

/// What a forward pass of a [`MixtureBlock`] keeps: responsibilities and means of every row.
#[derive(Clone, Debug)]
pub struct MixtureRecord<T> {
    x: Array2<T>,
    scale: Vec<T>,
    heavy: Vec<usize>,
    weights: Vec<T>,
    denoised: Vec<T>,
    noise: Vec<T>,
}

impl<'a, T: Real> MixtureBlock<'a, T> {
    pub(super) fn new(model: &'a MixtureDenoiser<T>, levels: &[&'a Channel]) -> Self {
        let channels: Vec<Channel> = levels.iter().map(|level| **level).collect();
        let mut distinct: Vec<Channel> = Vec::new();
        let mut table_of = Vec::with_capacity(channels.len());
        for channel in &channels {
            // The last one first: a batch is most often at one level, or sorted by level.
            let known = distinct.iter().rposition(|other| other == channel);
            table_of.push(known.unwrap_or_else(|| {
                distinct.push(*channel);
                distinct.len() - 1
            }));
        }
        let variances = variances(model);
        let tables =
            distinct.iter().map(|&channel| Table::new(model, &variances, channel)).collect();
        let largest_mean = model.means().iter().fold(T::ZERO, |most, mean| most.larger(mean.abs()));
        MixtureBlock { model, channels, tables, table_of, largest_mean }
    }

    fn row<'b>(&'b self, n: usize, x: &'b [T]) -> Row<'b, T> {
        Row {
            means: self.model.means(),
            table: &self.tables[self.table_of[n]],
            width: self.model.width(),
            x,
        }
    }

    fn room(&self) -> usize {
        self.model.components * self.model.dimension
    }

    /// Errors where the record is of another batch, or of a model of another number of components.
    fn check_record(&self, record: &MixtureRecord<T>) -> Result<()> {
        check_record(self, record.x.dim())?;
        let weights = self.channels.len() * self.model.components;
        if record.weights.len() == weights {
            return Ok(());
        }
        Err(Error::Shape {
            what: "record's responsibilities",
            found: vec![record.weights.len()],
            expected: format!("{weights} numbers"),
        })
    }
}

impl<T: Real> MixtureRecord<T> {
    fn empty(x: Array2<T>, components: usize) -> Self {
        let (n, d) = x.dim();
        MixtureRecord {
            x,
            scale: vec![T::ONE; n],
            heavy: vec![0; n],
            weights: vec![T::ZERO; n * components],
            denoised: vec![T::ZERO; n * d],
            noise: vec![T::ZERO; n * d],
        }
    }

    fn found(&self, n: usize) -> Found<'_, T> {
        let d = self.x.ncols();
        let k = self.weights.len() / self.scale.len();
        Found {
            scale: self.scale[n],
            heavy: self.heavy[n],
            weights: &self.weights[n * k..(n + 1) * k],
            denoised: &self.denoised[n * d..(n + 1) * d],
            noise: &self.noise[n * d..(n + 1) * d],
        }
    }

    fn points(&self) -> std::slice::ChunksExact<'_, T> {
        self.x.as_slice().unwrap_or(&[]).chunks_exact(self.x.ncols())
    }
}

impl<T: Real> Block<T> for MixtureBlock<'_, T> {
    type Record = MixtureRecord<T>;

    fn dimension(&self) -> usize {
        self.model.dimension
    }

    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    fn forward(&self, x: ArrayView2<'_, T>) -> Result<(Prediction<T>, MixtureRecord<T>)> {
        check_batch(self, x)?;
        let own = Array2::from_shape_fn(x.dim(), |at| x[at]);
        let mut record = MixtureRecord::empty(own, self.model.components);
        self.model.isa.run(Forward { block: self, record: &mut record });
        let d = self.model.dimension;
        let means = self.model.means();
        let at = |(n, i): (usize, usize)| n * d + i;
        let denoised = Array2::from_shape_fn(x.dim(), |(n, i)| {
            means[record.heavy[n] * d + i] + record.denoised[at((n, i))] / record.scale[n]
        });
        let noise =
            Array2::from_shape_fn(x.dim(), |(n, i)| record.noise[at((n, i))] / record.scale[n]);
        check_finite("denoised", denoised.view())?;
        check_finite("noise", noise.view())?;
        Ok((Prediction { denoised, noise }, record))
    }

    fn push(&self, record: &MixtureRecord<T>, v: ArrayView2<'_, T>) -> Result<Array2<T>> {
        self.check_record(record)?;
        check_vectors(self.model.dimension, record.x.view(), v)?;
        let mut out = Array2::default(record.x.dim());
        let v = v.as_standard_layout();
        if let (Some(v), Some(out)) = (v.as_slice(), out.as_slice_mut()) {
            self.model.isa.run(Push { block: self, record, v, out });
        }
        check_finite("Jacobian times v", out.view())?;
        Ok(out)
    }

    fn to_points(&self, record: &MixtureRecord<T>, cotangent: &Cotangent<T>) -> Result<Array2<T>> {
        self.check_record(record)?;
        let pair = Pair::new(cotangent, record.x.dim())?;
        let mut out = Array2::default(record.x.dim());
        if let Some(out) = out.as_slice_mut() {
            self.model.isa.run(ToPoints { block: self, record, pair: &pair, out });
        }
        check_finite("pulled-back vector", out.view())?;
        Ok(out)
    }

    fn to_parameters(
        &self,
        passes: &[(&MixtureRecord<T>, &Cotangent<T>)],
        gradient: &mut [T],
    ) -> Result<()> {
        check_parameters("gradient", gradient, self.model.parameters.len())?;
        for (record, cotangent) in passes {
            self.check_record(record)?;
            let pair = Pair::new(cotangent, record.x.dim())?;
            self.model.isa.run(ToParameters { block: self, record, pair: &pair, gradient });
        }
        check_flat("gradient", gradient)
    }
}

struct Forward<'a, 'b, T> {
    block: &'a MixtureBlock<'b, T>,
    record: &'a mut MixtureRecord<T>,
}

impl<T: Real> Kernel for Forward<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<M: MulAdd>(self) {
        let (block, record) = (self.block, self.record);
        let (k, d) = (block.model.components, block.model.dimension);
        let mut delta = vec![T::ZERO; block.room()];
        let mut logits = vec![T::ZERO; k];
        let rows = record.x.as_slice().unwrap_or(&[]).chunks_exact(d).enumerate();
        for (n, x) in rows {
            let out = Finding {
                scale: &mut record.scale[n],
                heavy: &mut record.heavy[n],
                weights: &mut record.weights[n * k..(n + 1) * k],
                denoised: &mut record.denoised[n * d..(n + 1) * d],
                noise: &mut record.noise[n * d..(n + 1) * d],
            };
            block.row(n, x).forward::<M>(block.largest_mean, out, &mut delta, &mut logits);
        }
    }
}

struct Push<'a, 'b, T> {
    block: &'a MixtureBlock<'b, T>,
    record: &'a MixtureRecord<T>,
    v: &'a [T],
    out: &'a mut [T],
}

impl<T: Real> Kernel for Push<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<M: MulAdd>(self) {
        let d = self.block.model.dimension;
        let mut delta = vec![T::ZERO; self.block.room()];
        let mut slopes = vec![T::ZERO; self.block.model.components];
        let vectors = self.v.chunks_exact(d).zip(self.out.chunks_exact_mut(d));
        for ((n, x), (v, out)) in self.record.points().enumerate().zip(vectors) {
            let found = self.record.found(n);
            self.block.row(n, x).push::<M>(&found, v, out, &mut delta, &mut slopes);
        }
    }
}

struct ToPoints<'a, 'b, T> {
    block: &'a MixtureBlock<'b, T>,
    record: &'a MixtureRecord<T>,
    pair: &'a Pair<T>,
    out: &'a mut [T],
}

impl<T: Real> Kernel for ToPoints<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<M: MulAdd>(self) {
        let d = self.block.model.dimension;
        let mut delta = vec![T::ZERO; self.block.room()];
        let rows = self.record.points().enumerate().zip(self.out.chunks_exact_mut(d));
        for ((n, x), out) in rows {
            let vectors = self.pair.row(n, d);
            let found = self.record.found(n);
            self.block.row(n, x).to_point::<M>(&found, vectors, out, &mut delta);
        }
    }
}

struct ToParameters<'a, 'b, T> {
    block: &'a MixtureBlock<'b, T>,
    record: &'a MixtureRecord<T>,
    pair: &'a Pair<T>,
    gradient: &'a mut [T],
}

impl<T: Real> Kernel for ToParameters<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<M: MulAdd>(self) {
        let d = self.block.model.dimension;
        let mut delta = vec![T::ZERO; self.block.room()];
        for (n, x) in self.record.points().enumerate() {
            let vectors = self.pair.row(n, d);
            let found = self.record.found(n);
            self.block.row(n, x).to_parameters::<M>(&found, vectors, self.gradient, &mut delta);
        }
    }
}
