//! Euclidean projection onto the balls of the three norms, contained in real arithmetic.
//!
//! The nearest point of a ball is known in closed form for each norm; what is rounded is rounded toward zero, or
//! scaled by a factor that is below the exact one by more than the roundings. So the result is in the ball by a theorem, with nothing to repeat.
//!
//! Floor 5. Uses `arith`, `error`, `attack::{exact, length, norm}`. Spec: E4, N4.

use super::exact::{exponent, floor_to, scale, scale_down};
use super::length::{largest, shrink, signed};
use super::norm::Norm;
use crate::arith::Real;
use crate::arith::wide::Wide;
use crate::error::{Error, Result};

impl Norm {
    /// Replaces the row by its nearest point in the ball {ω : ‖ω‖ ≤ radius}.
    ///
    /// Afterwards ‖row‖ ≤ radius in real arithmetic (`Norm::contains`), and a row that was in the ball is unchanged.
    /// With P the exact projection, |row_i − P_i| is at most
    /// - ℓ∞, and every norm where at most one entry is not 0: 0;
    /// - ℓ2: (4u + 14·2⁻⁵³)·|P_i| + 2⁻¹⁰⁰⁰·radius + 12·TINY;
    /// - ℓ1: (2u + 2·2⁻⁵³)·|P_i| + (8d + 120)·2⁻¹⁰⁶·radius + 2·TINY;
    ///
    /// u and TINY those of the scalar; and |row_i| ≤ |P_i|. Cost: d for ℓ∞ and ℓ2, d·log d for ℓ1.
    ///
    /// Errors: `Error::NotFinite` where an entry is not finite; `Error::Domain` where the radius is not finite or below
    /// 0. Spec: E4. Source: Duchi, Shalev-Shwartz, Singer and Chandra 2008 (ℓ1).
    pub fn project<T: Real>(self, row: &mut [T], radius: T) -> Result<()> {
        if !(radius >= T::ZERO && radius.is_finite()) {
            return Err(Error::Domain {
                what: "radius",
                value: radius.to_f64(),
                expected: "a finite number, at least 0",
            });
        }
        if let Some((i, x)) = row.iter().enumerate().find(|(_, x)| !x.is_finite()) {
            return Err(Error::NotFinite {
                what: "perturbation",
                index: vec![i],
                value: x.to_f64(),
            });
        }
        self.project_finite(row, radius);
        Ok(())
    }

    /// `project` for finite entries and a radius that was checked.
    pub(super) fn project_finite<T: Real>(self, row: &mut [T], radius: T) {
        if radius == T::ZERO {
            row.fill(T::ZERO);
            return;
        }
        let single = || row.iter().filter(|x| **x != T::ZERO).count() < 2;
        if self == Norm::Linf || single() {
            row.iter_mut().for_each(|x| *x = clamp(*x, radius));
        } else if !self.contains(row, radius) {
            match self {
                Norm::L1 => project_sum(row, radius.to_f64()),
                _ => {
                    let before = row.to_vec();
                    shrink(&before, radius.to_f64(), row);
                }
            }
        }
    }
}

fn clamp<T: Real>(x: T, radius: T) -> T {
    if x > radius {
        radius
    } else if x < -radius {
        -radius
    } else {
        x
    }
}

/// The projection onto the ℓ1 ball of a row outside it, r > 0.
///
/// It is (|x_i| − θ)₊ with the sum r. Written by the gaps g_i = max|x| − |x_i| ≥ 0 and τ = max|x| − θ it is (τ − g_i)₊
/// with τ = min_j (r + g_(1) + … + g_(j))/j over the gaps in ascending order: sums of non-negative numbers, which do
/// not cancel however large x is against r. Gaps are exact in double words, each τ_j is within (3j + 24)·u² of itself;
/// the margin covers these and the last subtraction, so no entry exceeds the exact one and the sum is at most r.
fn project_sum<T: Real>(row: &mut [T], r: f64) {
    let (top, e) = (largest(row), exponent(r));
    let gap = |x: T| {
        // The larger number last: the other way round its rounding error overflows beside f64's largest.
        let gap = Wide::sum(-x.to_f64().abs(), top);
        (gap.to_f64() <= r).then(|| gap.scaled(-e))
    };
    let mut gaps: Vec<Wide> = row.iter().filter_map(|x| gap(*x)).collect();
    // By both words: a tie of the heads taken the wrong way round could make τ too large.
    gaps.sort_by(|g, h| g.to_f64().total_cmp(&h.to_f64()).then(tail(*g).total_cmp(&tail(*h))));
    let mut sum = Wide::new(scale(r, -e));
    let mut tau = sum;
    for (j, g) in gaps.iter().enumerate() {
        sum = sum.plus(*g);
        let next = sum.over(Wide::new(j as f64 + 1.0));
        if next.minus(tau).to_f64() < 0.0 || j == 0 {
            tau = next;
        }
    }
    let margin = (4.0 * gaps.len() as f64 + 80.0) * f64::UNIT_ROUNDOFF * f64::UNIT_ROUNDOFF;
    let tau = tau.minus(Wide::new(tau.to_f64() * margin));
    for x in row.iter_mut() {
        let rest = gap(*x).map_or(0.0, |gap| floor(tau.minus(gap)));
        *x = signed(floor_to(scale_down(rest.max(0.0), e)), x.to_f64());
    }
}

/// The largest f64 not above a double word.
fn floor(x: Wide) -> f64 {
    if tail(x) < 0.0 { x.to_f64().next_down() } else { x.to_f64() }
}

/// The lower word.
fn tail(x: Wide) -> f64 {
    x.minus(Wide::new(x.to_f64())).to_f64()
}
