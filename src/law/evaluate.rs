//! Evaluation of a noised law at a batch of points, over threads: the entry that everyone uses.
//!
//! Points are cut into groups that are computed independently, each by `law::lanes` (or `law::far` where a
//! point is so far out that squares would overflow), so results do not depend on the number of threads.
//!
//! Floor 1. Uses `law`, `arith`, `error`. Spec: T1, T2, N1, N3.

use ndarray::{Array, Array1, Array2, Array3, ArrayView2, Dimension};
use rayon::prelude::*;

use super::lanes::{LANES, Lanes, Want, Workspace};
use super::noised::Noised;
use super::quantity::{Evaluation, Quantity};
use super::reference::AtPoint;
use crate::arith::{Hardware, Kernel, MulAdd, Real};
use crate::error::{Error, Result};

/// Points given to a thread at a time: long enough to repay the hand-over, short enough to balance; rayon must not join
/// them to longer pieces, or the thread that is late at the start stays late to the end.
const CHUNK: usize = 8 * LANES;

impl<T: Real> Noised<T> {
    /// The wanted quantities at the N×d points.
    ///
    /// Errors: `Shape` where the points have another dimension, `Empty` for N = 0, `NotFinite` with the
    /// index of the entry. A result beyond the format's range is its largest finite number (N1).
    /// Spec: T1, T2, N1, N3; error bound: [`Noised::bounds`] (N4).
    pub fn evaluate(
        &self,
        points: ArrayView2<'_, T>,
        wanted: &[Quantity],
    ) -> Result<Evaluation<T>> {
        self.evaluate_reusing(points, wanted, Evaluation::default())
    }

    /// The same as [`Noised::evaluate`], in the memory of an earlier result, whose numbers are not read: the results of
    /// a loop over batches of one size then need no new memory after the first. The covariance always gets its own.
    ///
    /// Errors: as [`Noised::evaluate`]. Spec: T1, T2, N1, N3.
    pub fn evaluate_reusing(
        &self,
        points: ArrayView2<'_, T>,
        wanted: &[Quantity],
        earlier: Evaluation<T>,
    ) -> Result<Evaluation<T>> {
        self.check_points(points)?;
        let wants = |quantity| wanted.contains(&quantity);
        let want = Want {
            score: wants(Quantity::Score) || wants(Quantity::Noise),
            denoiser: wants(Quantity::Denoiser),
            responsibilities: wants(Quantity::Responsibilities),
        };
        let points = points.as_standard_layout();
        let flat = points.as_slice().unwrap_or(&[]);
        let (n, d, k) = (points.nrows(), self.dimension(), self.components());
        let mut out = Buffers {
            log_density: memory(earlier.log_density, n),
            score: memory(earlier.score, if want.score { n * d } else { 0 }),
            denoiser: memory(earlier.denoiser, if want.denoiser { n * d } else { 0 }),
            responsibilities: memory(
                earlier.responsibilities,
                if want.responsibilities { n * k } else { 0 },
            ),
        };
        out.parts(d, k).into_par_iter().zip(flat.par_chunks(CHUNK * d)).with_max_len(1).for_each(
            |(part, points)| self.isa().run(EvaluatePart { law: self, want, points, part }),
        );
        let covariance = wants(Quantity::Covariance).then(|| self.covariances(flat));
        let noise = wants(Quantity::Noise).then(|| {
            let mut noise = memory(earlier.noise, n * d);
            let parts =
                noise.par_chunks_mut(d).zip(out.score.par_chunks(d)).zip(flat.par_chunks(d));
            parts
                .with_min_len(CHUNK)
                .for_each(|((noise, score), x)| self.noise_at(x, score, noise));
            noise
        });
        Ok(Evaluation {
            log_density: wants(Quantity::LogDensity).then(|| Array1::from_vec(out.log_density)),
            noise: noise.map(|v| shaped(n, d, v)).transpose()?,
            score: wants(Quantity::Score).then(|| shaped(n, d, out.score)).transpose()?,
            denoiser: want.denoiser.then(|| shaped(n, d, out.denoiser)).transpose()?,
            responsibilities: want
                .responsibilities
                .then(|| shaped(n, k, out.responsibilities))
                .transpose()?,
            covariance: covariance
                .map(|v| Array3::from_shape_vec((n, d, d), v).map_err(wrong_shape))
                .transpose()?,
        })
    }

    /// The noise at a point whose score is known.
    fn noise_at(&self, x: &[T], score: &[T], noise: &mut [T]) {
        if self.is_near(x) {
            noise.iter_mut().zip(score).for_each(|(noise, &score)| *noise = -self.s * score);
        } else {
            // Far out the score may be held to the format's largest number where the noise is not.
            noise.copy_from_slice(&self.at::<Hardware>(x).noise);
        }
    }

    /// ln p at each of N points. Errors: as [`Noised::evaluate`].
    pub fn log_density(&self, points: ArrayView2<'_, T>) -> Result<Array1<T>> {
        let found = self.evaluate(points, &[Quantity::LogDensity])?;
        Ok(found.log_density.unwrap_or_default())
    }

    /// S = ∇ln p, N×d. Errors: as [`Noised::evaluate`].
    pub fn score(&self, points: ArrayView2<'_, T>) -> Result<Array2<T>> {
        Ok(self.evaluate(points, &[Quantity::Score])?.score.unwrap_or_default())
    }

    /// D* = E[x₀ | x], N×d. Errors: as [`Noised::evaluate`].
    pub fn denoiser(&self, points: ArrayView2<'_, T>) -> Result<Array2<T>> {
        Ok(self.evaluate(points, &[Quantity::Denoiser])?.denoiser.unwrap_or_default())
    }

    /// ε* = E[ε | x] = −s·S, N×d. Errors: as [`Noised::evaluate`].
    pub fn noise(&self, points: ArrayView2<'_, T>) -> Result<Array2<T>> {
        Ok(self.evaluate(points, &[Quantity::Noise])?.noise.unwrap_or_default())
    }

    /// P(component k | x), N×K. Errors: as [`Noised::evaluate`].
    pub fn responsibilities(&self, points: ArrayView2<'_, T>) -> Result<Array2<T>> {
        let found = self.evaluate(points, &[Quantity::Responsibilities])?;
        Ok(found.responsibilities.unwrap_or_default())
    }

    /// Cov[x₀ | x], N×d×d. Errors: as [`Noised::evaluate`].
    pub fn posterior_covariance(&self, points: ArrayView2<'_, T>) -> Result<Array3<T>> {
        Ok(self.evaluate(points, &[Quantity::Covariance])?.covariance.unwrap_or_default())
    }

    /// The reference evaluation, one point after another in the clearest code: what [`Noised::evaluate`] must
    /// equal bit for bit.
    ///
    /// Errors: as [`Noised::evaluate`]. Spec: N3.
    pub fn evaluate_reference(&self, points: ArrayView2<'_, T>) -> Result<Vec<AtPoint<T>>> {
        self.check_points(points)?;
        Ok(points.outer_iter().map(|x| self.at::<Hardware>(&x.to_vec())).collect())
    }

    /// Refuses a batch that is empty, of another dimension or not finite.
    pub(crate) fn check_points<S: Real>(&self, points: ArrayView2<'_, S>) -> Result<()> {
        check_points(points, self.dimension())
    }
}

/// Refuses a batch of points that is empty, of another dimension than d or not finite.
pub(crate) fn check_points<S: Real>(points: ArrayView2<'_, S>, dimension: usize) -> Result<()> {
    let (n, d) = points.dim();
    if d != dimension {
        return Err(Error::Shape {
            what: "points",
            found: vec![n, d],
            expected: format!("N×{dimension}"),
        });
    }
    if n == 0 {
        return Err(Error::Empty { what: "points", expected: "point" });
    }
    // No early end, so that it vectorises; one thread does this for all.
    if points.iter().fold(true, |all, x| all & x.is_finite()) {
        return Ok(());
    }
    match points.indexed_iter().find(|(_, x)| !x.is_finite()) {
        None => Ok(()),
        Some(((row, column), value)) => Err(Error::NotFinite {
            what: "points",
            index: vec![row, column],
            value: value.to_f64(),
        }),
    }
}

/// N rows of results.
pub(crate) fn shaped<T>(n: usize, columns: usize, values: Vec<T>) -> Result<Array2<T>> {
    Array2::from_shape_vec((n, columns), values).map_err(wrong_shape)
}

fn wrong_shape(error: ndarray::ShapeError) -> Error {
    Error::Shape { what: "result", found: Vec::new(), expected: error.to_string() }
}

/// So many numbers, each still to be written, in the memory of an earlier result where there is one.
fn memory<T: Real, D: Dimension>(earlier: Option<Array<T, D>>, numbers: usize) -> Vec<T> {
    match earlier {
        // The system gives zeros without a pass over them.
        None => vec![T::ZERO; numbers],
        Some(array) => {
            let mut values = array.into_raw_vec_and_offset().0;
            values.resize(numbers, T::ZERO);
            values
        }
    }
}

/// The results of a batch; a quantity that is not wanted is empty.
struct Buffers<T> {
    log_density: Vec<T>,
    score: Vec<T>,
    denoiser: Vec<T>,
    responsibilities: Vec<T>,
}

/// The results of one chunk of points.
struct Part<'a, T> {
    log_density: &'a mut [T],
    score: &'a mut [T],
    denoiser: &'a mut [T],
    responsibilities: &'a mut [T],
}

impl<T> Buffers<T> {
    fn parts(&mut self, d: usize, k: usize) -> Vec<Part<'_, T>> {
        let mut score = self.score.chunks_mut(CHUNK * d);
        let mut denoiser = self.denoiser.chunks_mut(CHUNK * d);
        let mut responsibilities = self.responsibilities.chunks_mut(CHUNK * k);
        let part = |log_density| Part {
            log_density,
            score: score.next().unwrap_or_default(),
            denoiser: denoiser.next().unwrap_or_default(),
            responsibilities: responsibilities.next().unwrap_or_default(),
        };
        self.log_density.chunks_mut(CHUNK).map(part).collect()
    }
}

/// One chunk, compiled for each instruction set.
struct EvaluatePart<'a, T: Real> {
    law: &'a Noised<T>,
    want: Want,
    points: &'a [T],
    part: Part<'a, T>,
}

impl<T: Real> Kernel for EvaluatePart<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<M: MulAdd>(mut self) {
        let d = self.law.dimension();
        let mut work = Workspace::new(self.law, self.want);
        for (group, points) in self.points.chunks(LANES * d).enumerate() {
            let first = group * LANES;
            if self.law.is_near(points) {
                load(points, &mut work.points);
                self.law.lanes::<M>(self.want, &mut work);
                self.store(first, points.len() / d, &work);
            } else {
                self.store_each::<M>(first, points);
            }
        }
    }
}

/// Coordinates by lanes; lanes without a point of their own repeat the last one.
#[inline(always)]
fn load<T: Real>(points: &[T], lanes: &mut [Lanes<T>]) {
    let d = lanes.len();
    let last = points.len() / d - 1;
    for p in 0..LANES {
        let point = &points[p.min(last) * d..];
        for (lanes, &x) in lanes.iter_mut().zip(point) {
            lanes[p] = x;
        }
    }
}

impl<T: Real> EvaluatePart<'_, T> {
    #[inline(always)]
    fn store(&mut self, first: usize, count: usize, work: &Workspace<T>) {
        self.part.log_density[first..first + count].copy_from_slice(&work.log_density[..count]);
        if self.want.score {
            transpose(&work.score, first, count, self.part.score);
        }
        if self.want.denoiser {
            transpose(&work.denoiser, first, count, self.part.denoiser);
        }
        if self.want.responsibilities {
            transpose(&work.responsibilities, first, count, self.part.responsibilities);
        }
    }

    /// A group that holds a far point: each of its points by itself.
    fn store_each<M: MulAdd>(&mut self, first: usize, points: &[T]) {
        let (d, k) = (self.law.dimension(), self.law.components());
        for (n, x) in (first..).zip(points.chunks_exact(d)) {
            let found = self.law.at::<M>(x);
            self.part.log_density[n] = found.log_density;
            if self.want.score {
                self.part.score[n * d..(n + 1) * d].copy_from_slice(&found.score);
            }
            if self.want.denoiser {
                self.part.denoiser[n * d..(n + 1) * d].copy_from_slice(&found.denoiser);
            }
            if self.want.responsibilities {
                self.part.responsibilities[n * k..(n + 1) * k]
                    .copy_from_slice(&found.responsibilities);
            }
        }
    }
}

/// Lanes by rows into rows by point.
#[inline(always)]
fn transpose<T: Real>(lanes: &[Lanes<T>], first: usize, count: usize, out: &mut [T]) {
    let width = lanes.len();
    let rows = out[first * width..(first + count) * width].chunks_exact_mut(width);
    for (p, row) in rows.enumerate() {
        for (out, lanes) in row.iter_mut().zip(lanes) {
            *out = lanes[p];
        }
    }
}
