//! Rows of the affine denoiser at their levels: products with each row's own map, and their derivatives.
//!
//! Floor 3. Uses `arith`, `channel`, `denoiser`, `error`. Spec: T1, T2, N3.

use ndarray::{Array2, ArrayView2};

use super::{AffineLevels, NearestLevel};
use crate::arith::{Kernel, MulAdd, Real};
use crate::channel::Channel;
use crate::denoiser::cotangents::Pair;
use crate::denoiser::trainable::{check_batch, check_parameters, check_record};
use crate::denoiser::{Block, Cotangent, Prediction, check_finite, check_flat, check_vectors};
use crate::error::Result;

/// The two maps at a level, d×d in row-major order and turned, so that both products run along rows.
struct Map<T> {
    level: NearestLevel,
    denoised_turned: Vec<T>,
    /// B = (I − a·A)/s.
    noise: Vec<T>,
    noise_turned: Vec<T>,
    /// −(a/s)·c.
    noise_offset: Vec<T>,
    /// −a/s: v_ε against ε̂ is −(a/s)·v_ε against D̂, in the parameters.
    factor: T,
}

impl<T: Real> Map<T> {
    fn new(model: &AffineLevels<T>, level: NearestLevel) -> Self {
        let (a, s) = (level.channel.a(), level.channel.s());
        let (d, matrix) = (model.dimension, model.matrix(level.index));
        let noise = matrix.iter().enumerate().map(|(at, entry)| {
            let identity = if at / d == at % d { 1.0 } else { 0.0 };
            T::from_f64((-a).mul_add(entry.to_f64(), identity) / s)
        });
        let noise: Vec<T> = noise.collect();
        let turn = |m: &[T]| (0..d * d).map(|at| m[at % d * d + at / d]).collect();
        let offset = model.offset(level.index).iter().map(|c| T::from_f64(-a * c.to_f64() / s));
        Map {
            level,
            denoised_turned: turn(matrix),
            noise_turned: turn(&noise),
            noise,
            noise_offset: offset.collect(),
            factor: T::from_f64(-a / s),
        }
    }
}

/// Rows of an [`AffineLevels`], a channel each.
pub struct AffineLevelsBlock<'a, T> {
    model: &'a AffineLevels<T>,
    channels: Vec<Channel>,
    maps: Vec<Map<T>>,
    map_of: Vec<usize>,
}

impl<'a, T: Real> AffineLevelsBlock<'a, T> {
    pub(super) fn new(model: &'a AffineLevels<T>, levels: &[&'a NearestLevel]) -> Self {
        let mut distinct: Vec<NearestLevel> = Vec::new();
        let mut map_of = Vec::with_capacity(levels.len());
        for level in levels {
            let known = distinct.iter().rposition(|other| other == *level);
            map_of.push(known.unwrap_or_else(|| {
                distinct.push(**level);
                distinct.len() - 1
            }));
        }
        AffineLevelsBlock {
            model,
            channels: levels.iter().map(|level| level.channel).collect(),
            maps: distinct.into_iter().map(|level| Map::new(model, level)).collect(),
            map_of,
        }
    }

    /// In row n, Σ over the products given, one after the other.
    fn products(&self, shape: (usize, usize), terms: &[Term<'_, T>]) -> Array2<T> {
        let mut out = Array2::default(shape);
        if let Some(out) = out.as_slice_mut() {
            self.model.isa.run(Products { block: self, terms, out });
        }
        out
    }
}

/// Which matrix of a row's map, as stored for a product with a vector from the right, (turned) or from the left.
#[derive(Clone, Copy)]
enum Which {
    Denoised,
    DenoisedLeft,
    Noise,
    NoiseLeft,
}

/// A matrix of each row and the vectors that it is multiplied with, N×d.
struct Term<'a, T> {
    which: Which,
    vectors: &'a [T],
}

struct Products<'a, 'b, T> {
    block: &'a AffineLevelsBlock<'b, T>,
    terms: &'a [Term<'a, T>],
    out: &'a mut [T],
}

impl<T: Real> Kernel for Products<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<M: MulAdd>(self) {
        let d = self.block.model.dimension;
        for (n, out) in self.out.chunks_exact_mut(d).enumerate() {
            let map = &self.block.maps[self.block.map_of[n]];
            for term in self.terms {
                let rows = match term.which {
                    Which::Denoised => &map.denoised_turned,
                    Which::DenoisedLeft => self.block.model.matrix(map.level.index),
                    Which::Noise => &map.noise_turned,
                    Which::NoiseLeft => &map.noise,
                };
                let vector = &term.vectors[n * d..(n + 1) * d];
                for (&entry, row) in vector.iter().zip(rows.chunks_exact(d)) {
                    for (sum, &other) in out.iter_mut().zip(row) {
                        *sum = M::mul_add(entry, other, *sum);
                    }
                }
            }
        }
    }
}

impl<T: Real> Block<T> for AffineLevelsBlock<'_, T> {
    /// The points.
    type Record = Array2<T>;

    fn dimension(&self) -> usize {
        self.model.dimension
    }

    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    fn forward(&self, x: ArrayView2<'_, T>) -> Result<(Prediction<T>, Array2<T>)> {
        check_batch(self, x)?;
        let own = Array2::from_shape_fn(x.dim(), |at| x[at]);
        let points = own.as_slice().unwrap_or(&[]);
        let product = |which| self.products(x.dim(), &[Term { which, vectors: points }]);
        let (mut denoised, mut noise) = (product(Which::Denoised), product(Which::Noise));
        for (n, &map) in self.map_of.iter().enumerate() {
            let map = &self.maps[map];
            let offset = self.model.offset(map.level.index);
            denoised.row_mut(n).iter_mut().zip(offset).for_each(|(sum, c)| *sum += *c);
            noise.row_mut(n).iter_mut().zip(&map.noise_offset).for_each(|(sum, c)| *sum += *c);
        }
        check_finite("denoised", denoised.view())?;
        check_finite("noise", noise.view())?;
        Ok((Prediction { denoised, noise }, own))
    }

    fn push(&self, record: &Array2<T>, v: ArrayView2<'_, T>) -> Result<Array2<T>> {
        check_record(self, record.dim())?;
        check_vectors(self.model.dimension, record.view(), v)?;
        let v: Vec<T> = v.iter().copied().collect();
        let out = self.products(record.dim(), &[Term { which: Which::Denoised, vectors: &v }]);
        check_finite("Jacobian times v", out.view())?;
        Ok(out)
    }

    fn to_points(&self, record: &Array2<T>, cotangent: &Cotangent<T>) -> Result<Array2<T>> {
        check_record(self, record.dim())?;
        let pair = Pair::new(cotangent, record.dim())?;
        let terms = [
            Term { which: Which::DenoisedLeft, vectors: &pair.denoised },
            Term { which: Which::NoiseLeft, vectors: &pair.noise },
        ];
        let out = self.products(record.dim(), &terms);
        check_finite("pulled-back vector", out.view())?;
        Ok(out)
    }

    /// ∂L/∂A_l += w·xᵀ and ∂L/∂c_l += w with w = v_D − (a/s)·v_ε, rows in order.
    fn to_parameters(
        &self,
        passes: &[(&Array2<T>, &Cotangent<T>)],
        gradient: &mut [T],
    ) -> Result<()> {
        check_parameters("gradient", gradient, self.model.parameters.len())?;
        for (record, cotangent) in passes {
            check_record(self, record.dim())?;
            let pair = Pair::new(cotangent, record.dim())?;
            self.model.isa.run(ToParameters { block: self, record, pair: &pair, gradient });
        }
        check_flat("gradient", gradient)
    }
}

struct ToParameters<'a, 'b, T> {
    block: &'a AffineLevelsBlock<'b, T>,
    record: &'a Array2<T>,
    pair: &'a Pair<T>,
    gradient: &'a mut [T],
}

impl<T: Real> Kernel for ToParameters<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<M: MulAdd>(self) {
        let d = self.block.model.dimension;
        let (matrices, offsets) = self.gradient.split_at_mut(self.block.model.offsets_start());
        let points = self.record.as_slice().unwrap_or(&[]).chunks_exact(d);
        for (n, x) in points.enumerate() {
            let map = &self.block.maps[self.block.map_of[n]];
            let l = map.level.index;
            let (v, w) = self.pair.row(n, d);
            let rows = matrices[l * d * d..(l + 1) * d * d].chunks_exact_mut(d);
            let own = rows.zip(&mut offsets[l * d..(l + 1) * d]);
            for ((row, offset), (&v, &w)) in own.zip(v.iter().zip(w)) {
                let both = M::mul_add(map.factor, w, v);
                *offset += both;
                for (sum, &x) in row.iter_mut().zip(x) {
                    *sum = M::mul_add(both, x, *sum);
                }
            }
        }
    }
}
