//! Central differences with exact steps.
//!
//! (f(x + h) − f(x − h))/2h differs from f'(x) by at most h²/6·max|f'''| on the segment, and by (δ₊ + δ₋)/2h where
//! the two values are known within δ. Here h is a power of two and x a multiple of it, so that x ± h are exact.
//!
//! Floor 7. Uses nothing of the crate.

use ndarray::{Array2, ArrayView2};

use super::pictures::table;
use crate::error::Result;

/// One difference: rows 3n, 3n + 1 and 3n + 2 of the points are x, x + h·e_j and x − h·e_j.
#[derive(Clone, Copy, Debug)]
pub(super) struct Difference {
    pub coordinate: usize,
    pub h: f64,
}

/// Differences at many points along some coordinates.
pub(super) struct Stencil {
    pub points: Array2<f64>,
    pub differences: Vec<Difference>,
}

impl Stencil {
    /// `step` proposes h for the point of an index and a coordinate; it is rounded to a power of two, and taken no
    /// smaller than 2⁻⁴⁵ of the coordinate.
    pub fn new(
        points: ArrayView2<'_, f64>,
        coordinates: &[usize],
        step: impl Fn(usize, usize) -> f64,
    ) -> Result<Self> {
        let d = points.ncols();
        let (mut rows, mut differences) = (Vec::new(), Vec::new());
        for (n, x) in points.outer_iter().enumerate() {
            for &j in coordinates {
                let least = x[j].abs() / (1u64 << 45) as f64;
                let h = power_of_two(step(n, j).max(least));
                let centre = (x[j] / h).round() * h;
                for value in [centre, centre + h, centre - h] {
                    let mut row = x.to_vec();
                    row[j] = value;
                    rows.extend(row);
                }
                differences.push(Difference { coordinate: j, h });
            }
        }
        let points = table(3 * differences.len(), d, rows)?;
        Ok(Stencil { points, differences })
    }
}

/// The step at which a truncation error of h²/6·third and a rounding error of δ/h are alike, at most `largest`.
pub(super) fn balanced(rounding: f64, third: f64, largest: f64) -> f64 {
    let cube = 3.0 * rounding / third;
    if cube.is_finite() && cube > 0.0 { cube_root_power(cube).min(largest) } else { largest }
}

/// The exponent e of 2^e ≤ x < 2^(e+1), for normal x > 0.
fn exponent(x: f64) -> i64 {
    ((x.to_bits() >> 52) & 0x7ff) as i64 - 1023
}

fn two_to(exponent: i64) -> f64 {
    f64::from_bits(((exponent.clamp(-1000, 1000) + 1023) as u64) << 52)
}

/// The largest power of two that is at most x, for normal x > 0.
pub(super) fn power_of_two(x: f64) -> f64 {
    two_to(exponent(x))
}

/// A power of two within a factor 2 of the cube root.
fn cube_root_power(x: f64) -> f64 {
    two_to(exponent(x).div_euclid(3))
}
