//! Sums over a batch, in one stated order.
//!
//! The values are cut into blocks of 256. Inside a block lane j of 8 adds the elements j, j + 8, j + 16, …, each
//! lane starting from zero; the lanes are combined as j with j + 4, then + 2, then + 1; the block totals are
//! added in index order, starting from zero. So any number of threads gives the same bits. Floor 0. Uses
//! `arith::real`, `arith::isa`. Spec: N3.
//!
//! Error: with d = `sum_depth(n)` the number of additions on the longest path that can round, the result
//! differs from the exact sum by at most γ(d)·Σ|xᵢ|, γ(d) = d·u/(1 − d·u) (Higham, *Accuracy and Stability of
//! Numerical Algorithms*, 2nd edition, section 4.2); an addition has no error when it underflows. For `dot`,
//! d + 1 in place of d and Σ|xᵢyᵢ|, plus one `Real::TINY` an element where products underflow.

use rayon::prelude::*;

use super::isa::{Isa, Kernel};
use super::real::{MulAdd, Real};

/// Values a block.
pub const SUM_BLOCK: usize = 256;
/// Partial sums inside a block.
pub const SUM_LANES: usize = 8;

/// Σ xᵢ in the stated order; 0 for no values.
pub fn sum<T: Real>(values: &[T]) -> T {
    let mut total = T::ZERO;
    for block in values.chunks(SUM_BLOCK) {
        total += block_sum(block);
    }
    total
}

/// `sum` with the blocks shared among threads: the same bits.
pub fn sum_parallel<T: Real>(values: &[T]) -> T {
    let totals: Vec<T> = values.par_chunks(SUM_BLOCK).map(block_sum).collect();
    add_in_order(&totals)
}

/// Σ f(i) for i from 0 to n − 1, in the order of `sum`, with no array of the values.
pub fn sum_by<T: Real>(n: usize, f: impl Fn(usize) -> T) -> T {
    let mut total = T::ZERO;
    for start in (0..n).step_by(SUM_BLOCK) {
        total += block_sum_by(start, n, &f);
    }
    total
}

/// `sum_by` with the blocks shared among threads: the same bits.
pub fn sum_by_parallel<T: Real>(n: usize, f: impl Fn(usize) -> T + Sync) -> T {
    let blocks = n.div_ceil(SUM_BLOCK);
    let totals: Vec<T> =
        (0..blocks).into_par_iter().map(|b| block_sum_by(b * SUM_BLOCK, n, &f)).collect();
    add_in_order(&totals)
}

/// Σ xᵢ/n: the sum divided once by n rounded to the format. Of no values it is 0/0, NaN: callers refuse an
/// empty batch first.
pub fn mean<T: Real>(values: &[T]) -> T {
    sum(values) / T::from_f64(values.len() as f64)
}

/// Σ xᵢyᵢ, each product added by one fused multiply–add, in the order of `sum`, over the shorter length.
pub fn dot<T: Real>(x: &[T], y: &[T]) -> T {
    Isa::best().run(Dot { x, y })
}

/// The additions on the longest path of a sum of n values that can round: each lane's first addition is to
/// zero, and so is the first block's.
pub fn sum_depth(n: usize) -> usize {
    if n == 0 {
        return 0;
    }
    let in_lane = n.min(SUM_BLOCK).div_ceil(SUM_LANES) - 1;
    let tree = SUM_LANES.trailing_zeros() as usize;
    in_lane + tree + n.div_ceil(SUM_BLOCK) - 1
}

/// `dot` inside a kernel.
#[inline(always)]
pub fn dot_in_kernel<T: Real, M: MulAdd>(x: &[T], y: &[T]) -> T {
    let mut total = T::ZERO;
    for (x, y) in x.chunks(SUM_BLOCK).zip(y.chunks(SUM_BLOCK)) {
        let mut lanes = [T::ZERO; SUM_LANES];
        for (x, y) in x.chunks(SUM_LANES).zip(y.chunks(SUM_LANES)) {
            for ((lane, &x), &y) in lanes.iter_mut().zip(x).zip(y) {
                *lane = M::mul_add(x, y, *lane);
            }
        }
        total += combine(lanes);
    }
    total
}

struct Dot<'a, T> {
    x: &'a [T],
    y: &'a [T],
}

impl<T: Real> Kernel for Dot<'_, T> {
    type Output = T;
    #[inline(always)]
    fn run<M: MulAdd>(self) -> T {
        dot_in_kernel::<T, M>(self.x, self.y)
    }
}

fn add_in_order<T: Real>(totals: &[T]) -> T {
    totals.iter().fold(T::ZERO, |total, &block| total + block)
}

fn block_sum<T: Real>(block: &[T]) -> T {
    let mut lanes = [T::ZERO; SUM_LANES];
    for row in block.chunks(SUM_LANES) {
        for (lane, &x) in lanes.iter_mut().zip(row) {
            *lane += x;
        }
    }
    combine(lanes)
}

fn block_sum_by<T: Real>(start: usize, n: usize, f: &impl Fn(usize) -> T) -> T {
    let end = n.min(start + SUM_BLOCK);
    let mut lanes = [T::ZERO; SUM_LANES];
    for row in (start..end).step_by(SUM_LANES) {
        for (lane, i) in lanes.iter_mut().zip(row..end) {
            *lane += f(i);
        }
    }
    combine(lanes)
}

/// The halving tree: j with j + 4, then j with j + 2, then 0 with 1.
#[inline(always)]
fn combine<T: Real>(lanes: [T; SUM_LANES]) -> T {
    let [a, b, c, d, e, f, g, h] = lanes;
    let [a, b, c, d] = [a + e, b + f, c + g, d + h];
    (a + c) + (b + d)
}
