//! The fast path: thirty-two points side by side, the same operations as `law::reference`, the same bits.
//!
//! Each point is a lane. Arrays of lanes are plain arrays: compiled through `arith::isa`, their loops become
//! vector instructions of whatever width the processor has, and no lane ever meets another, so neither
//! the width nor the number of lanes can change a bit.
//!
//! Floor 1. Uses `law::noised`, `arith`. Spec: N1, N2, N3.

use super::noised::{COMPONENT_BLOCK, Form, Noised};
use crate::arith::{MulAdd, Real, exp, ln};

/// Points evaluated side by side: enough vectors to hide the latency of an exponential, and enough that compilers keep
/// the loops over lanes and vectorise them (16 are unrolled first, and not all of the pieces become vectors again).
pub(crate) const LANES: usize = 32;

/// One number for each lane.
pub(crate) type Lanes<T> = [T; LANES];

/// What is wanted of each point; what is not wanted is not computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Want {
    pub score: bool,
    pub denoiser: bool,
    pub responsibilities: bool,
}

/// Scratch for one group of lanes, and where the results are left. Reused from group to group.
pub(crate) struct Workspace<T> {
    /// d: the points, coordinate by coordinate.
    pub points: Vec<Lanes<T>>,
    pub log_density: Lanes<T>,
    /// d.
    pub score: Vec<Lanes<T>>,
    /// d.
    pub denoiser: Vec<Lanes<T>>,
    /// K where responsibilities are wanted, one block otherwise.
    pub responsibilities: Vec<Lanes<T>>,
    sums: Sums<T>,
    block: Sums<T>,
    whitened: Vec<Lanes<T>>,
    unwhitened: Vec<Lanes<T>>,
}

/// Sums over some components relative to the largest logit among them.
struct Sums<T> {
    largest: Lanes<T>,
    total: Lanes<T>,
    coordinates: Vec<Coordinate<T>>,
}

/// The two sums of one coordinate, side by side: in 64 dimensions a few hundredths faster than two arrays.
#[derive(Clone, Copy)]
struct Coordinate<T> {
    precision: Lanes<T>,
    denoised: Lanes<T>,
}

impl<T: Real> Coordinate<T> {
    const ZERO: Self = Coordinate { precision: [T::ZERO; LANES], denoised: [T::ZERO; LANES] };
}

impl<T: Real> Sums<T> {
    fn new(d: usize) -> Self {
        let zero = [T::ZERO; LANES];
        Sums { largest: zero, total: zero, coordinates: vec![Coordinate::ZERO; d] }
    }

    #[inline(always)]
    fn clear(&mut self, largest: Lanes<T>) {
        self.largest = largest;
        self.total = [T::ZERO; LANES];
        self.coordinates.fill(Coordinate::ZERO);
    }
}

impl<T: Real> Workspace<T> {
    pub fn new(law: &Noised<T>, want: Want) -> Self {
        let (d, k) = (law.dimension(), law.components());
        let logits = if want.responsibilities { k } else { COMPONENT_BLOCK.min(k) };
        let zero = [T::ZERO; LANES];
        let whitened = if matches!(law.form, Form::Full { .. }) { d } else { 0 };
        Workspace {
            points: vec![zero; d],
            log_density: zero,
            score: vec![zero; d],
            denoiser: vec![zero; d],
            responsibilities: vec![zero; logits],
            sums: Sums::new(d),
            block: Sums::new(d),
            whitened: vec![zero; whitened],
            unwhitened: vec![zero; whitened],
        }
    }
}

/// Applies f to each lane of one operand.
#[inline(always)]
fn map<T: Real>(x: &Lanes<T>, f: impl Fn(T) -> T) -> Lanes<T> {
    let mut out = [T::ZERO; LANES];
    for p in 0..LANES {
        out[p] = f(x[p]);
    }
    out
}

/// Applies f to each lane of two operands.
#[inline(always)]
fn map2<T: Real>(x: &Lanes<T>, y: &Lanes<T>, f: impl Fn(T, T) -> T) -> Lanes<T> {
    let mut out = [T::ZERO; LANES];
    for p in 0..LANES {
        out[p] = f(x[p], y[p]);
    }
    out
}

impl<T: Real> Noised<T> {
    /// Evaluates the points in `work.points`, all within the safe radius.
    #[inline(always)]
    pub(crate) fn lanes<M: MulAdd>(&self, want: Want, work: &mut Workspace<T>) {
        let count = self.components();
        let mut first = 0;
        while first < count {
            let last = (first + COMPONENT_BLOCK).min(count);
            let at = if want.responsibilities { first } else { 0 };
            self.block::<M>(first, last, at, want, work);
            if first == 0 {
                std::mem::swap(&mut work.sums, &mut work.block);
            } else {
                combine::<T, M>(want, &mut work.sums, &work.block);
            }
            first = last;
        }
        self.finish_lanes::<M>(want, work);
    }

    /// Sums over the components first..last; their logits are left at `at` in `work.responsibilities`.
    #[inline(always)]
    fn block<M: MulAdd>(
        &self,
        first: usize,
        last: usize,
        at: usize,
        want: Want,
        work: &mut Workspace<T>,
    ) {
        let mut largest = [-T::INFINITY; LANES];
        for k in first..last {
            let distance = self.distances::<M>(k, &work.points, &mut work.whitened);
            let offset = self.offset[k];
            let logit = map(&distance, |q| M::mul_add(-T::HALF, q, offset));
            largest = map2(&largest, &logit, |m, l| m.larger(l));
            work.responsibilities[at + k - first] = logit;
        }
        work.block.clear(largest);
        for k in first..last {
            let logit = &work.responsibilities[at + k - first];
            let weight = map2(logit, &largest, |l, m| exp::exp::<T, M>(l - m));
            work.block.total = map2(&work.block.total, &weight, |sum, w| sum + w);
            if want.score || want.denoiser {
                self.accumulates::<M>(k, &weight, want, work);
            }
        }
    }

    #[inline(always)]
    fn distances<M: MulAdd>(
        &self,
        k: usize,
        points: &[Lanes<T>],
        whitened: &mut [Lanes<T>],
    ) -> Lanes<T> {
        let d = points.len();
        let mean = &self.mean[k * d..(k + 1) * d];
        let mut sum = [T::ZERO; LANES];
        match &self.form {
            Form::Isotropic { precision, .. } => {
                for (x, &mu) in points.iter().zip(mean) {
                    for p in 0..LANES {
                        let z = M::mul_add(-self.a, mu, x[p]);
                        sum[p] = M::mul_add(z, z, sum[p]);
                    }
                }
                let precision = precision[k];
                map(&sum, |q| q * precision)
            }
            Form::Diagonal { precision, .. } => {
                let row = &precision[k * d..(k + 1) * d];
                for ((x, &mu), &precision) in points.iter().zip(mean).zip(row) {
                    for p in 0..LANES {
                        let z = M::mul_add(-self.a, mu, x[p]);
                        sum[p] = M::mul_add(z * precision, z, sum[p]);
                    }
                }
                sum
            }
            Form::Full { whitener, .. } => {
                let rows = &whitener[k * d * d..(k + 1) * d * d];
                self.whitens::<M>(rows, mean, points, whitened);
                for u in whitened.iter() {
                    for p in 0..LANES {
                        sum[p] = M::mul_add(u[p], u[p], sum[p]);
                    }
                }
                sum
            }
        }
    }

    /// W·(x − aμ).
    #[inline(always)]
    fn whitens<M: MulAdd>(
        &self,
        rows: &[T],
        mean: &[T],
        points: &[Lanes<T>],
        whitened: &mut [Lanes<T>],
    ) {
        for (row, out) in rows.chunks_exact(mean.len()).zip(whitened) {
            let mut sum = [T::ZERO; LANES];
            for ((&w, &mu), x) in row.iter().zip(mean).zip(points) {
                for p in 0..LANES {
                    let z = M::mul_add(-self.a, mu, x[p]);
                    sum[p] = M::mul_add(w, z, sum[p]);
                }
            }
            *out = sum;
        }
    }

    #[inline(always)]
    fn accumulates<M: MulAdd>(
        &self,
        k: usize,
        weight: &Lanes<T>,
        want: Want,
        work: &mut Workspace<T>,
    ) {
        let d = work.points.len();
        let mean = &self.mean[k * d..(k + 1) * d];
        let shifted = &self.shifted[k * d..(k + 1) * d];
        match &self.form {
            Form::Isotropic { precision, gain, .. } => {
                let (precision, gain) = (precision[k], gain[k]);
                let scale = map(weight, |w| w * precision);
                if want.score && want.denoiser {
                    let sums = work.points.iter().zip(&mut work.block.coordinates);
                    for ((x, sums), (&mu, &shifted)) in sums.zip(mean.iter().zip(shifted)) {
                        add_both::<T, M>(x, (-self.a, mu, gain, shifted), weight, &scale, sums);
                    }
                    return;
                }
                for i in 0..d {
                    let z = map(&work.points[i], |x| M::mul_add(-self.a, mean[i], x));
                    if want.score {
                        add::<T, M>(&mut work.block.coordinates[i].precision, &scale, &z);
                    }
                    if want.denoiser {
                        let summand = map(&z, |z| M::mul_add(gain, z, shifted[i]));
                        add::<T, M>(&mut work.block.coordinates[i].denoised, weight, &summand);
                    }
                }
            }
            Form::Diagonal { precision, gain, .. } => {
                let (precision, gain) = (&precision[k * d..], &gain[k * d..]);
                for i in 0..d {
                    let z = map(&work.points[i], |x| M::mul_add(-self.a, mean[i], x));
                    if want.score {
                        let scale = map(weight, |w| w * precision[i]);
                        add::<T, M>(&mut work.block.coordinates[i].precision, &scale, &z);
                    }
                    if want.denoiser {
                        let summand = map(&z, |z| M::mul_add(gain[i], z, shifted[i]));
                        add::<T, M>(&mut work.block.coordinates[i].denoised, weight, &summand);
                    }
                }
            }
            Form::Full { whitener, gain } => {
                // A weight of exactly zero in every lane adds zeros: leaving it out changes no bit.
                if weight.iter().all(|w| *w == T::ZERO) {
                    return;
                }
                let rows = &whitener[k * d * d..(k + 1) * d * d];
                self.whitens::<M>(rows, mean, &work.points, &mut work.whitened);
                if want.score {
                    unwhitens::<T, M>(rows, &work.whitened, &mut work.unwhitened);
                    for (sum, pull) in work.block.coordinates.iter_mut().zip(&work.unwhitened) {
                        add::<T, M>(&mut sum.precision, weight, pull);
                    }
                }
                if want.denoiser {
                    for (u, &gain) in work.whitened.iter_mut().zip(&gain[k * d..(k + 1) * d]) {
                        *u = map(u, |u| gain * u);
                    }
                    unwhitens::<T, M>(rows, &work.whitened, &mut work.unwhitened);
                    let terms = work.unwhitened.iter().zip(shifted);
                    for (sum, (pull, &shifted)) in work.block.coordinates.iter_mut().zip(terms) {
                        let summand = map(pull, |pull| shifted + pull);
                        add::<T, M>(&mut sum.denoised, weight, &summand);
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn finish_lanes<M: MulAdd>(&self, want: Want, work: &mut Workspace<T>) {
        let total = work.sums.total;
        let largest = work.sums.largest;
        work.log_density = map2(&largest, &total, |m, s| (m + ln::ln::<T, M>(s)) + self.reference);
        if want.score {
            for (out, sum) in work.score.iter_mut().zip(&work.sums.coordinates) {
                *out = map2(&sum.precision, &total, |sum, total| -(sum / total));
            }
        }
        if want.denoiser {
            let sums = work.sums.coordinates.iter().zip(&self.origin);
            for (out, (sum, &origin)) in work.denoiser.iter_mut().zip(sums) {
                *out = map2(&sum.denoised, &total, |sum, total| origin + sum / total);
            }
        }
        if want.responsibilities {
            for logit in &mut work.responsibilities {
                let weight = map2(logit, &largest, |l, m| exp::exp::<T, M>(l - m));
                *logit = map2(&weight, &total, |w, total| w / total);
            }
        }
    }
}

/// sum += scale·z.
#[inline(always)]
fn add<T: Real, M: MulAdd>(sum: &mut Lanes<T>, scale: &Lanes<T>, z: &Lanes<T>) {
    for p in 0..LANES {
        sum[p] = M::mul_add(scale[p], z[p], sum[p]);
    }
}

/// Both sums of a coordinate in one loop, which reads x and forms z once.
#[inline(always)]
fn add_both<T: Real, M: MulAdd>(
    x: &Lanes<T>,
    (minus_a, mu, gain, shifted): (T, T, T, T),
    weight: &Lanes<T>,
    scale: &Lanes<T>,
    sums: &mut Coordinate<T>,
) {
    for p in 0..LANES {
        let z = M::mul_add(minus_a, mu, x[p]);
        sums.precision[p] = M::mul_add(scale[p], z, sums.precision[p]);
        let summand = M::mul_add(gain, z, shifted);
        sums.denoised[p] = M::mul_add(weight[p], summand, sums.denoised[p]);
    }
}

/// Wᵀ·u.
#[inline(always)]
fn unwhitens<T: Real, M: MulAdd>(rows: &[T], u: &[Lanes<T>], out: &mut [Lanes<T>]) {
    let d = out.len();
    for (i, out) in out.iter_mut().enumerate() {
        let mut sum = [T::ZERO; LANES];
        for (j, u) in u.iter().enumerate() {
            let w = rows[j * d + i];
            for p in 0..LANES {
                sum[p] = M::mul_add(w, u[p], sum[p]);
            }
        }
        *out = sum;
    }
}

/// Both sums relative to the larger of their two logits.
#[inline(always)]
fn combine<T: Real, M: MulAdd>(want: Want, sums: &mut Sums<T>, block: &Sums<T>) {
    let largest = map2(&sums.largest, &block.largest, |a, b| a.larger(b));
    let old = map2(&sums.largest, &largest, |l, m| exp::exp::<T, M>(l - m));
    let new = map2(&block.largest, &largest, |l, m| exp::exp::<T, M>(l - m));
    let merge = |sum: &mut Lanes<T>, block: &Lanes<T>| {
        for p in 0..LANES {
            sum[p] = M::mul_add(sum[p], old[p], block[p] * new[p]);
        }
    };
    sums.largest = largest;
    merge(&mut sums.total, &block.total);
    for (sum, block) in sums.coordinates.iter_mut().zip(&block.coordinates) {
        if want.score {
            merge(&mut sum.precision, &block.precision);
        }
        if want.denoiser {
            merge(&mut sum.denoised, &block.denoised);
        }
    }
}
