//! The fast mode of a mixture on the CPU: its definition, with a matrix unit that adds in order and rounds to nearest.
//!
//! Every line has its counterpart in `kernels/fast.cu`; a kernel on another unit is within the bounds that both return. Uses `arith`, `error`, `law`.
//! Spec: T1, N4.

use ndarray::{Array1, Array2, ArrayView2};
use rayon::prelude::*;

use super::law::{FastLaw, NUMBERS, SAFETY, TILE, TWO_SERIES, first_words, place, steps};
use super::split::{small_products, split, widened};
use crate::arith::{Hardware, Real, ln};
use crate::error::Result;
use crate::law::{check_points, shaped};

const CEILING: f32 = f32::MAX * 0.25;

/// What the fast mode computes at N points, with a bound of the error of each.
///
/// The exact values are those of the law as given, in f64, at the points as they are. A bound is infinite where nothing can be said: more than 2⁴⁰ noise
/// deviations away. Spec: T1, N4.
#[derive(Clone, Debug, PartialEq)]
pub struct FastEvaluation {
    /// N: log p(x).
    pub log_density: Array1<f32>,
    /// N×d: ∇log p(x).
    pub score: Array2<f32>,
    /// N×d: E[x₀ | x].
    pub denoiser: Array2<f32>,
    /// N: at least |log density − exact|.
    pub log_density_bound: Array1<f32>,
    /// N: at least the Euclidean length of score − exact.
    pub score_bound: Array1<f32>,
    /// N: at least the Euclidean length of denoiser − exact.
    pub denoiser_bound: Array1<f32>,
}

impl FastEvaluation {
    /// From log densities, scores, denoised points and bounds, three a point, row by row.
    pub(super) fn of(n: usize, d: usize, columns: [Vec<f32>; 4]) -> Result<Self> {
        let [log_density, score, denoiser, bounds] = columns;
        let bound = |at: usize| bounds.iter().skip(at).step_by(3).copied().collect();
        Ok(FastEvaluation {
            log_density: Array1::from_vec(log_density),
            score: shaped(n, d, score)?,
            denoiser: shaped(n, d, denoiser)?,
            log_density_bound: bound(0),
            score_bound: bound(1),
            denoiser_bound: bound(2),
        })
    }
}

/// The means' parts, coordinate by coordinate.
struct Means {
    /// For each part K padded rows of 16·steps numbers.
    parts: Vec<Vec<f32>>,
    width: usize,
}

impl FastLaw {
    /// Log density, score and denoiser at the N×d points, and bounds.
    ///
    /// Errors: `Shape` where the points have another dimension, `Empty` for N = 0, `NotFinite` with the index of the entry. Spec: T1, N4.
    pub fn evaluate(&self, points: ArrayView2<'_, f32>) -> Result<FastEvaluation> {
        check_points(points, self.dimension)?;
        let (n, d) = points.dim();
        let points = points.as_standard_layout();
        let means = self.means();
        let flat = points.as_slice().unwrap_or(&[]);
        let all: Vec<Vec<f32>> = flat.par_chunks(d).map(|x| self.at_point(x, &means)).collect();
        let column = |from: usize, width: usize| -> Vec<f32> {
            all.iter().flat_map(|p| p[from..from + width].iter().copied()).collect()
        };
        FastEvaluation::of(n, d, [column(0, 1), column(4, d), column(4 + d, d), column(1, 3)])
    }

    fn number(&self, name: &str) -> f32 {
        let at = NUMBERS.iter().position(|n| *n == name);
        at.map_or(f32::NAN, |at| self.numbers[at])
    }

    /// Read back from the table of the first product.
    fn means(&self) -> Means {
        let width = 16 * steps(self.dimension);
        let words = first_words(self.dimension, self.parts);
        let of_part = |p: usize| -> Vec<f32> {
            let number = |at: usize| {
                let (row, i) = (at / width, at % width);
                let (word, shift) = place(i % 16, row % 8);
                let index = (i / 16 * (TILE / 8) + row % TILE / 8) * self.parts.count() + p;
                let packed = self.first[row / TILE * words + index * 64 + word];
                widened((packed >> shift) as u16)
            };
            (0..self.logits.len() * width).map(number).collect()
        };
        Means { parts: (0..self.parts.count()).map(of_part).collect(), width }
    }

    /// u·m_k, as the first product rounds it.
    fn inner_product(&self, scaled: &[[f32; 3]], means: &Means, k: usize) -> f32 {
        let row = |p: usize| &means.parts[p][k * means.width..(k + 1) * means.width];
        let (mut high, mut low) = (0.0f32, 0.0f32);
        for (u, m) in scaled.iter().zip(row(0)) {
            high = u[0].mul_add(*m, high);
        }
        for step in (0..means.width).step_by(16) {
            for (p, q) in small_products(self.parts) {
                for (u, m) in scaled[step..step + 16].iter().zip(&row(q)[step..]) {
                    low = u[p].mul_add(*m, low);
                }
            }
        }
        high + low
    }

    /// Σ w_k m_k over a tile, as the second product rounds it.
    fn weighted(&self, weights: &[[f32; 3]], means: &Means, from: usize) -> Vec<f32> {
        let (mut high, mut low) = (vec![0.0f32; means.width], vec![0.0f32; means.width]);
        let add = |sum: &mut [f32], p: usize, q: usize, step: usize| {
            let rows = means.parts[q][(from + step) * means.width..].chunks(means.width);
            for (weight, row) in weights[step..step + 16].iter().zip(rows) {
                for (sum, m) in sum.iter_mut().zip(row) {
                    *sum = weight[p].mul_add(*m, *sum);
                }
            }
        };
        for step in (0..TILE).step_by(16) {
            add(&mut high, 0, 0, step);
            for (p, q) in small_products(self.parts) {
                add(&mut low, p, q, step);
            }
        }
        high.iter().zip(&low).map(|(h, l)| h + l).collect()
    }

    /// Log density, the three bounds, score, denoiser.
    fn at_point(&self, x: &[f32], means: &Means) -> Vec<f32> {
        let (d, limit, slope) = (self.dimension, self.number("LIMIT"), self.number("SLOPE"));
        let from_centre = |i: usize| (x[i] - self.centre[d + i]) - self.centre[2 * d + i];
        let y: Vec<f32> = (0..d).map(|i| within(from_centre(i), limit)).collect();
        let far = (0..d).any(|i| from_centre(i).abs() > limit);
        let mut scaled: Vec<[f32; 3]> = y.iter().map(|y| split(y * slope, self.parts)).collect();
        scaled.resize(means.width, [0.0; 3]);
        let squares = by_quads(&y);

        let (mut top, mut level) = (-CEILING, -CEILING);
        let (mut totals, mut sums) = ([0.0f32; 4], vec![0.0f32; means.width]);
        for from in (0..self.logits.len()).step_by(TILE) {
            let tile = from..from + TILE;
            let logits: Vec<f32> =
                tile.map(|k| self.inner_product(&scaled, means, k) + self.logits[k]).collect();
            top = logits.iter().fold(top, |m: f32, &l| m.larger(l));
            let next = top.ceil();
            let scale = two_to(level - next);
            level = next;
            let weights: Vec<f32> = logits.iter().map(|l| two_to(l - level)).collect();
            for (quad, total) in totals.iter_mut().enumerate() {
                *total = total.mul_add(scale, of_quad(&weights, quad).fold(0.0, |sum, w| sum + w));
            }
            let parts: Vec<[f32; 3]> = weights.iter().map(|&w| split(w, self.parts)).collect();
            for (sum, part) in sums.iter_mut().zip(self.weighted(&parts, means, from)) {
                *sum = sum.mul_add(scale, part);
            }
        }
        let all = (totals[0] + totals[1]) + (totals[2] + totals[3]);
        let mean: Vec<f32> = sums[..d].iter().map(|sum| sum / all).collect();
        let exponent = level.mul_add(self.number("LN_TWO"), ln::ln::<f32, Hardware>(all));
        let quadratic = squares * self.number("HALF_PRECISION");
        let density = (exponent - quadratic) + self.number("REFERENCE");
        let bounds = Found {
            length: squares.sqrt(),
            mean_length: by_quads(&mean).sqrt(),
            heaviest: two_to(top - level) / all,
            level,
            exponent,
            quadratic,
            density,
        };
        let mut out = vec![density];
        out.extend(self.bounds(&bounds).map(|b| if far { f32::INFINITY } else { b }));
        let (of_mean, of_point) = (self.number("SCORE_OF_MEAN"), self.number("SCORE_OF_POINT"));
        out.extend((0..d).map(|i| of_mean.mul_add(mean[i], -(y[i] * of_point))));
        let of_mean = self.number("DENOISED_OF_MEAN");
        let of_point = self.number("DENOISED_OF_POINT");
        out.extend((0..d).map(|i| self.centre[i] + of_point.mul_add(y[i], mean[i] * of_mean)));
        out
    }

    /// Of log density, score and denoiser: docs/fast.md.
    fn bounds(&self, found: &Found) -> [f32; 3] {
        let of = |name| self.number(name);
        let &Found { length, mean_length, heaviest, level, exponent, quadratic, density } = found;
        let moved = length.mul_add(of("POINT_RATE"), of("POINT_FLOOR"));
        let logit = (length * of("SLOPE")).mul_add(of("LOGIT_RATE"), of("LOGIT_FLOOR"));
        let tail = (1.0 - heaviest).larger(0.0) + of("TAIL_FLOOR");
        let room = (-mean_length).mul_add(mean_length, of("SPREAD_CEILING")).larger(0.0);
        let spread = smaller(4.0 * tail, room.sqrt());
        let trivial = 1.0 + mean_length;
        let factor = (logit * (1.0 + logit)) * logit.mul_add(1.0 + logit, 1.0);
        let mean = if logit <= 1.0 {
            smaller(trivial, factor.mul_add(spread, of("MEAN_FLOOR")))
        } else {
            trivial
        };
        let unit = 4.0 * f32::EPSILON * 0.5;
        let bound = |of_mean: f32, of_point: f32| {
            let parts = of_mean.mul_add(mean_length, length * of_point);
            of_mean.mul_add(mean, of_point.mul_add(moved, unit * parts))
        };
        let score = bound(of("SCORE_OF_MEAN"), of("SCORE_OF_POINT"));
        let denoiser = bound(of("DENOISED_OF_MEAN"), of("DENOISED_OF_POINT"));
        let magnitudes = (exponent.abs() + level.abs()) + (density.abs() + quadratic * of("TERMS"));
        let log_density =
            unit.mul_add(magnitudes, logit) + (moved * (length + moved)) * of("SCORE_OF_POINT");
        [
            (log_density + of("DENSITY_FLOOR")) * SAFETY,
            (score + of("SCORE_FLOOR")) * SAFETY,
            (denoiser + of("DENOISER_FLOOR")) * SAFETY,
        ]
    }
}

/// What the pass over the components found, as far as the bounds need it.
struct Found {
    length: f32,
    mean_length: f32,
    /// The largest responsibility.
    heaviest: f32,
    level: f32,
    exponent: f32,
    quadratic: f32,
    density: f32,
}

fn smaller(a: f32, b: f32) -> f32 {
    if b < a { b } else { a }
}

fn within(y: f32, limit: f32) -> f32 {
    let y = if y > limit { limit } else { y };
    if y < -limit { -limit } else { y }
}

/// What the thread `quad` of a row's four has of its numbers: two of each eight.
fn of_quad(numbers: &[f32], quad: usize) -> impl Iterator<Item = f32> + '_ {
    numbers.chunks(8).flat_map(move |eight| eight.iter().skip(2 * quad).take(2).copied())
}

/// The sum of squares, as the four threads of a row make it.
fn by_quads(numbers: &[f32]) -> f32 {
    let part = |quad| of_quad(numbers, quad).fold(0.0f32, |sum, x| x.mul_add(x, sum));
    (part(0) + part(1)) + (part(2) + part(3))
}

/// 2^x for x ≤ 0; 0 below −125. Within 2⁻²² of the exact value, relatively.
fn two_to(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0;
    if x < -125.0 {
        return 0.0;
    }
    let whole = (x + ROUND) - ROUND;
    let r = x - whole;
    let mut power = TWO_SERIES[7] as f32;
    for c in TWO_SERIES[..7].iter().rev() {
        power = power.mul_add(r, *c as f32);
    }
    power * f32::from_bits(((127 + whole as i32) as u32) << 23)
}

#[cfg(test)]
mod tests {
    use super::two_to;

    #[test]
    fn powers_of_two_are_within_their_bound() {
        let worst = (0..2_000_000u32)
            .map(|i| -(i as f32) * 6.25e-5)
            .map(|x| (f64::from(two_to(x)) / f64::from(x).exp2() - 1.0).abs())
            .fold(0.0, f64::max);
        assert!(worst < 2f64.powi(-22), "{worst}");
        assert!([0.0, -1.0, -125.0].iter().all(|&x| two_to(x) == x.exp2()));
        assert_eq!([two_to(-125.1), two_to(-f32::INFINITY)], [0.0, 0.0]);
    }
}
