//! Products of dense matrices in one stated order.
//!
//! A library's product chooses its order by the processor; here entry (n, i) of A·B is the chain
//! fma(a_nj, b_ji, sum) over j ascending, from zero. So its error is at most γ(k)·Σ_j |a_nj|·|b_ji| with
//! k the inner length and γ(k) = k·u/(1 − k·u) (Higham, *Accuracy and Stability of Numerical Algorithms*,
//! section 3.1), plus k·`Real::TINY` where products underflow.
//!
//! Floor 0. Uses `arith::isa`, `arith::real`, `error`. Spec: N3, N4.

use ndarray::{Array2, ArrayView2};

use super::isa::{Isa, Kernel};
use super::real::{MulAdd, Real};
use crate::error::{Error, Result};

/// A·B for A N×k and B k×d.
///
/// Errors: `Error::Shape` where the inner lengths differ.
pub fn multiply<T: Real>(a: ArrayView2<'_, T>, b: ArrayView2<'_, T>) -> Result<Array2<T>> {
    multiply_with(Isa::best(), a, b)
}

/// `multiply` in a given instruction set: the same bits.
pub fn multiply_with<T: Real>(
    isa: Isa,
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
) -> Result<Array2<T>> {
    if a.ncols() != b.nrows() {
        return Err(Error::Shape {
            what: "right factor",
            found: b.shape().to_vec(),
            expected: format!("{} rows, as many as the left factor has columns", a.ncols()),
        });
    }
    let mut out = Array2::default((a.nrows(), b.ncols()));
    let (left, right) = (a.as_standard_layout(), b.as_standard_layout());
    if let (Some(a), Some(b), Some(result)) =
        (left.as_slice(), right.as_slice(), out.as_slice_mut())
    {
        isa.run(Product { inner: left.ncols(), width: right.ncols(), a, b, out: result });
    }
    Ok(out)
}

struct Product<'a, T> {
    inner: usize,
    width: usize,
    a: &'a [T],
    b: &'a [T],
    out: &'a mut [T],
}

impl<T: Real> Kernel for Product<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<M: MulAdd>(self) {
        if self.inner == 0 || self.width == 0 {
            return;
        }
        let rows = self.a.chunks_exact(self.inner).zip(self.out.chunks_exact_mut(self.width));
        for (row, sums) in rows {
            for (&entry, others) in row.iter().zip(self.b.chunks_exact(self.width)) {
                for (sum, &other) in sums.iter_mut().zip(others) {
                    *sum = M::mul_add(entry, other, *sum);
                }
            }
        }
    }
}
