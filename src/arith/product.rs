//! C + A·B for dense blocks, fast: the order of `arith::matrix`, kept in registers.
//!
//! Entry (r, c) is the chain fma(A(r, k), B(k, c), sum) over k ascending, from the entry that C holds. The tiles
//! below change which entries are computed side by side, never the order inside one; so the bits are those of the
//! plain loop, which `tests/arith_product.rs` compares them with. The error is that of `arith::matrix`.
//!
//! Floor 0. Uses `arith::real`. Spec: N3, N4.

use super::real::{MulAdd, Real};

/// Rows of a tile: with `columns` two vector registers wide, six rows of sums fill the sixteen of AVX2.
const ROWS: usize = 6;

/// A in place: A(r, k) is element r·row + k·inner of `entries`. So a matrix and its transpose are both read as stored.
#[derive(Clone, Copy, Debug)]
pub struct Strided<'a, T> {
    /// The numbers.
    pub entries: &'a [T],
    /// Distance of one row to the next.
    pub row: usize,
    /// Distance of one inner index to the next.
    pub inner: usize,
}

/// C += A·B inside a kernel: A `rows`×`inner`, B `inner`×`columns` and C `rows`×`columns`, both in row-major order.
///
/// Where a slice is shorter than these shapes say, the entries that it cannot give are left out: callers size them.
/// `pack` is room for a panel of B, kept between calls so that none is allocated twice.
#[inline(always)]
pub fn add_product<T: Real, M: MulAdd>(
    a: Strided<'_, T>,
    b: &[T],
    c: &mut [T],
    (rows, inner, columns): (usize, usize, usize),
    pack: &mut Vec<T>,
) {
    // Two vectors of AVX2 a row, 16 numbers of four bytes or 8 of eight; one small vector where there are few columns.
    let shape = (rows, inner, columns);
    if columns <= 4 {
        panels::<T, M, 4>(a, b, c, shape, pack);
    } else if size_of::<T>() == 4 {
        panels::<T, M, 16>(a, b, c, shape, pack);
    } else {
        panels::<T, M, 8>(a, b, c, shape, pack);
    }
}

/// Panels of `W` columns of B, each copied once, the last filled up with zeros, so that every tile has full vectors.
#[inline(always)]
fn panels<T: Real, M: MulAdd, const W: usize>(
    a: Strided<'_, T>,
    b: &[T],
    c: &mut [T],
    (rows, inner, columns): (usize, usize, usize),
    pack: &mut Vec<T>,
) {
    for first in (0..columns).step_by(W) {
        let width = W.min(columns - first);
        pack.clear();
        pack.resize(inner * W, T::ZERO);
        for (row, line) in pack.chunks_exact_mut(W).zip(b.chunks_exact(columns)) {
            row[..width].copy_from_slice(&line[first..first + width]);
        }
        let mut r = 0;
        while r + ROWS <= rows {
            tile::<T, M, W, ROWS>(a, r, pack, c, (first, width, columns));
            r += ROWS;
        }
        while r < rows {
            tile::<T, M, W, 1>(a, r, pack, c, (first, width, columns));
            r += 1;
        }
    }
}

/// R rows from row `r` on, `width` columns from column `first` on.
#[inline(always)]
fn tile<T: Real, M: MulAdd, const W: usize, const R: usize>(
    a: Strided<'_, T>,
    r: usize,
    panel: &[T],
    c: &mut [T],
    (first, width, columns): (usize, usize, usize),
) {
    let mut sums = [[T::ZERO; W]; R];
    for (i, sums) in sums.iter_mut().enumerate() {
        let start = (r + i) * columns + first;
        sums[..width].copy_from_slice(&c[start..start + width]);
    }
    let mut at = r * a.row;
    for line in panel.chunks_exact(W) {
        let mut right = [T::ZERO; W];
        right.copy_from_slice(line);
        let mut left = [T::ZERO; R];
        for (i, left) in left.iter_mut().enumerate() {
            *left = a.entries[at + i * a.row];
        }
        for (sums, left) in sums.iter_mut().zip(left) {
            for (sum, right) in sums.iter_mut().zip(right) {
                *sum = M::mul_add(left, right, *sum);
            }
        }
        at += a.inner;
    }
    for (i, sums) in sums.iter().enumerate() {
        let start = (r + i) * columns + first;
        c[start..start + width].copy_from_slice(&sums[..width]);
    }
}
