//! A wide layer's product in the fast mode on the CPU: its definition, with a matrix unit that adds in order and rounds to nearest.
//!
//! Mirrored by `kernels/fast_product.cu`. Uses `error`. Spec: N4.

use ndarray::{Array2, ArrayView1, ArrayView2};

use super::rates::{UNIT, product_rate};
use super::split::{Parts, small_products, split};
use crate::error::{Error, Result};

/// Inner indices whose sum is formed before it is added to the others.
const INNER_BLOCK: usize = 64;
/// 2^60: products of entries up to it, and sums of them, are far from the end of f32.
const LARGEST: f32 = 1.152_921_5e18;
/// What underflows of parts and products move at most a term, over what entries below 2^60 can multiply.
const UNDERFLOW: f64 = 1e-18;

/// left·rightᵀ + bias for a rows×inner and a columns×inner matrix: a layer with the weights `right`.
///
/// Each entry is within [`fast_product_rate`] of (|left|·|right|ᵀ + |bias|) of the exact value. Errors: `Shape`; `Entry` for an entry that is not within 2^60. Spec: N4.
pub fn fast_product(
    left: ArrayView2<'_, f32>,
    right: ArrayView2<'_, f32>,
    bias: Option<ArrayView1<'_, f32>>,
    parts: Parts,
) -> Result<Array2<f32>> {
    let (rows, inner) = left.dim();
    let columns = right.nrows();
    check("right", right, &[columns, inner])?;
    check("left", left, &[rows, inner])?;
    if let Some(bias) = bias {
        check("bias", bias.insert_axis(ndarray::Axis(0)), &[1, columns])?;
    }
    let in_parts = |matrix: ArrayView2<'_, f32>| matrix.map(|&x| split(x, parts));
    let (left, right) = (in_parts(left), in_parts(right));
    Ok(Array2::from_shape_fn((rows, columns), |(r, c)| {
        let mut sum = 0.0f32;
        for from in (0..inner).step_by(INNER_BLOCK) {
            let (mut high, mut low) = (0.0f32, 0.0f32);
            let end = inner.min(from + INNER_BLOCK);
            for i in from..end {
                high = left[[r, i]][0].mul_add(right[[c, i]][0], high);
            }
            for step in (from..end).step_by(16) {
                for (p, q) in small_products(parts) {
                    for i in step..end.min(step + 16) {
                        low = left[[r, i]][p].mul_add(right[[c, i]][q], low);
                    }
                }
            }
            sum += high + low;
        }
        bias.map_or(sum, |bias| sum + bias[c])
    }))
}

/// γ: an entry of [`fast_product`] over so many inner indices is within γ·(Σ|left||right| + |bias|) + 10⁻¹⁸·inner of the exact one, on any unit that
/// assumption M of docs/fast.md holds for. Spec: N4.
pub fn fast_product_rate(inner: usize, parts: Parts) -> (f64, f64) {
    let blocks = inner.div_ceil(INNER_BLOCK) as f64;
    let rate = product_rate(INNER_BLOCK / 16, parts) + (blocks + 1.0) * UNIT;
    (1.01 * rate, UNDERFLOW * inner as f64)
}

fn check(what: &'static str, matrix: ArrayView2<'_, f32>, shape: &[usize; 2]) -> Result<()> {
    if matrix.shape() != shape {
        let expected = format!("{}×{}", shape[0], shape[1]);
        return Err(Error::Shape { what, found: matrix.shape().to_vec(), expected });
    }
    // What is not a number is in no range.
    match matrix.indexed_iter().find(|(_, x)| !(-LARGEST..=LARGEST).contains(*x)) {
        None => Ok(()),
        Some(((r, c), &x)) => Err(Error::Entry {
            what,
            index: vec![r, c],
            value: f64::from(x),
            expected: "a number within 2^60",
        }),
    }
}
