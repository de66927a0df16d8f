//! A corrupted training set, addressed by (seed, stream, row): a row is the same whichever rows come with it.
//!
//! Floor 1. Uses `law`, `arith`, `error`. Spec: N3.

use ndarray::{Array2, ArrayView2, ArrayViewMut1, Axis};

use super::{Corruption, CorruptionKind};
use crate::arith::{fill_normal, fill_uniform, uniform_index};
use crate::error::{Error, Result};
use crate::law::sample::{CORRUPTION, substream};

/// A corrupted sample, and which rows were chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Corrupted {
    /// n×d.
    pub points: Array2<f64>,
    /// Whether the row was corrupted (where no coordinate happened to be missing, a chosen row is as it was).
    pub chosen: Vec<bool>,
}

impl Corruption {
    /// Corrupts each row with probability f, independently: n draws of p₀ become n draws of [`Corruption::law`].
    ///
    /// Row n has the elements n·(2 + d′) on of its random stream, d′ the even number from d on: one uniform for the
    /// choice, then its d normals or uniforms. The stream is none of those that [`crate::law::Mixture::sample`] draws from
    /// with the same (seed, stream); streams below 2⁶² do not meet.
    /// Errors: `Error::Empty` where there is no row or column; `Error::NotFinite`; `Error::Shape` as `law`.
    pub fn corrupt(
        &self,
        points: ArrayView2<'_, f64>,
        seed: u64,
        stream: u64,
    ) -> Result<Corrupted> {
        self.corrupt_rows(points, seed, stream, 0)
    }

    /// [`Corruption::corrupt`] where these points are rows `first` on of a larger sample.
    ///
    /// Errors: as `corrupt`; the index of one is that of the row here.
    pub fn corrupt_rows(
        &self,
        points: ArrayView2<'_, f64>,
        seed: u64,
        stream: u64,
        first: u64,
    ) -> Result<Corrupted> {
        if points.is_empty() {
            return Err(Error::Empty { what: "points", expected: "coordinate" });
        }
        if let Some(((n, i), &value)) = points.indexed_iter().find(|(_, x)| !x.is_finite()) {
            return Err(Error::NotFinite { what: "points", index: vec![n, i], value });
        }
        let d = points.ncols();
        self.check_dimension(d)?;
        let stream = substream(stream, CORRUPTION);
        // Even, because a call of the generator makes two elements: a row then shares none with the next.
        let stride = 2 + d.next_multiple_of(2) as u64;
        let mut points = points.to_owned();
        let mut chosen = Vec::with_capacity(points.nrows());
        let mut drawn = vec![0.0; d];
        for (n, mut row) in points.axis_iter_mut(Axis(0)).enumerate() {
            let start = first.wrapping_add(n as u64).wrapping_mul(stride);
            let mut choice = [0.0];
            fill_uniform(seed, stream, start, &mut choice);
            let take = choice[0] < self.fraction;
            chosen.push(take);
            if take {
                let from = start.wrapping_add(2);
                self.harm(&mut row, (seed, stream, from), &mut drawn);
            }
        }
        Ok(Corrupted { points, chosen })
    }

    /// What happens to a chosen row, from the random elements that begin at `from`.
    fn harm(
        &self,
        row: &mut ArrayViewMut1<'_, f64>,
        (seed, stream, from): (u64, u64, u64),
        drawn: &mut [f64],
    ) {
        match &self.kind {
            CorruptionKind::Gaussian { deviation } => {
                fill_normal(seed, stream, from, drawn);
                row.iter_mut().zip(drawn).for_each(|(x, z)| *x = deviation.mul_add(*z, *x));
            }
            CorruptionKind::Outliers { centre, deviation } => {
                fill_normal(seed, stream, from, drawn);
                for ((x, z), c) in row.iter_mut().zip(drawn).zip(centre) {
                    *x = deviation.mul_add(*z, *c);
                }
            }
            CorruptionKind::MissingCoordinates { fill, probability } => {
                fill_uniform(seed, stream, from, drawn);
                for (x, u) in row.iter_mut().zip(drawn) {
                    if *u < *probability {
                        *x = *fill;
                    }
                }
            }
            CorruptionKind::MissingCoordinate { fill } => {
                let which = uniform_index(seed, stream, from / 2, row.len() as u64);
                if let Some(x) = row.get_mut(which as usize) {
                    *x = *fill;
                }
            }
        }
    }
}
