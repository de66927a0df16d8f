//! A mixture for the fast mode: its tables as the kernel reads them, and the constants of its bounds.
//!
//! The means are centred and scaled into the unit ball, m_k = (μ_k − c)/ρ, whatever the channel; a logit is u·m_k + h_k with
//! u = (x − a·c)·aρ/(v ln 2), in powers of two. Uses `arith`, `channel`, `error`, `law`. Spec: N2, N4.

use std::fmt::Write;

use super::rates::{UNIT, product_rate};
use super::split::{Parts, split_wide};
use crate::arith::{Hardware, ln};
use crate::channel::Channel;
use crate::cuda::source::hexadecimal;
use crate::error::{Error, Result};
use crate::law::{Covariance, Mixture};

/// The largest dimension of the fast mode: beyond it a point's numbers do not fit the registers of a warp.
pub const FAST_DIMENSION: usize = 64;
/// Components of a tile.
pub(super) const TILE: usize = 64;
/// h of a component that only fills the last tile.
const NO_COMPONENT: f32 = -f32::MAX / 4.0;
/// What an underflow anywhere moves at most, in logits and in means of the unit ball.
const UNDERFLOW: f64 = 8.271_806_125_530_277e-25;
/// The same in the results.
pub(super) const TINIEST: f64 = 7.523_163_845_262_64e-37;
/// Bounds are computed in f32 by at most a hundred operations on numbers that are not negative.
pub(super) const SAFETY: f32 = 1.0 + 1.0 / 1024.0;
/// 2^r for |r| ≤ 1/2: (ln 2)ⁱ/i!.
pub(super) const TWO_SERIES: [f64; 8] = [
    1.0,
    std::f64::consts::LN_2,
    0.240_226_506_959_100_7,
    0.055_504_108_664_821_58,
    0.009_618_129_107_628_477,
    0.001_333_355_814_642_844_3,
    0.000_154_035_303_933_816_1,
    0.000_015_252_733_804_059_84,
];

/// The numbers of a law that the kernel reads, by their places.
pub(super) const NUMBERS: [&str; 20] = [
    "LIMIT",
    "SLOPE",
    "SCORE_OF_MEAN",
    "SCORE_OF_POINT",
    "DENOISED_OF_MEAN",
    "DENOISED_OF_POINT",
    "LN_TWO",
    "HALF_PRECISION",
    "REFERENCE",
    "POINT_RATE",
    "POINT_FLOOR",
    "LOGIT_RATE",
    "LOGIT_FLOOR",
    "TAIL_FLOOR",
    "SPREAD_CEILING",
    "MEAN_FLOOR",
    "TERMS",
    "DENSITY_FLOOR",
    "SCORE_FLOOR",
    "DENOISER_FLOOR",
];

/// What stands before the kernels' text.
pub fn fast_constants(parts: Parts) -> String {
    let mut text = format!("#define PARTS {}\n", parts.count());
    // Writing to a string cannot fail.
    for (i, name) in NUMBERS.iter().enumerate() {
        let _ = writeln!(text, "#define {name} {i}");
    }
    let of = |x: f64| format!("((real){})", hexadecimal(f64::from(x as f32), true));
    let series: Vec<String> = TWO_SERIES.iter().map(|&c| of(c)).collect();
    let _ = writeln!(text, "#define TWO_SERIES {{{}}}", series.join(", "));
    let _ = writeln!(text, "#define SAFETY {}", of(f64::from(SAFETY)));
    text
}

/// A mixture seen through a channel, for the fast mode: isotropic components of one variance, at most 64 dimensions, in f32.
///
/// p = Σ_k w_k N(a·μ_k, v·I), v = a²σ² + s². Spec: T1, N4.
#[derive(Clone, Debug)]
pub struct FastLaw {
    pub(super) dimension: usize,
    pub(super) components: usize,
    pub(super) parts: Parts,
    pub(super) first: Vec<u32>,
    pub(super) second: Vec<u32>,
    pub(super) logits: Vec<f32>,
    pub(super) centre: Vec<f32>,
    pub(super) numbers: [f32; NUMBERS.len()],
}

impl FastLaw {
    /// The law of a·x₀ + s·ε.
    ///
    /// Errors: `Domain` where the components do not share one isotropic variance, for more than 64 dimensions, and where v, a mean, or a mean's
    /// distance from the others in noise deviations leaves the range of the mode (v within 2^±60, the others below 2^60).
    pub fn new(law: &Mixture, channel: Channel, parts: Parts) -> Result<Self> {
        let (d, k) = (law.dimension(), law.components());
        let variance = common_variance(law)?;
        in_range("the dimension", d as f64, 1.0, FAST_DIMENSION as f64, "at most 64")?;
        let (a, s) = (channel.a(), channel.s());
        let v = (a * a).mul_add(variance, s * s);
        let (least, most) = (2f64.powi(-60), 2f64.powi(60));
        in_range("a²·variance + s²", v, least, most, "a number within 2^±60")?;
        let centre: Vec<f64> = law.mean().iter().map(|&c| f64::from(c as f32)).collect();
        for &mean in law.means() {
            in_range("a mean", mean.abs().max(a), 0.0, most, "a number below 2^60")?;
        }
        let distance = |row: ndarray::ArrayView1<'_, f64>| {
            row.iter().zip(&centre).map(|(m, c)| (m - c).powi(2)).sum::<f64>().sqrt()
        };
        let furthest = law.means().outer_iter().map(distance).fold(0.0, f64::max);
        let scale =
            if furthest > 0.0 { (furthest * (1.0 + 1e-9)).log2().ceil().exp2() } else { 1.0 };
        let slope = a * scale / v * std::f64::consts::LOG2_E;
        in_range("a·|mean − centre|/v", slope, 0.0, most, "a number below 2^60")?;
        let unit = |row: usize, i: usize| (law.means()[[row, i]] - centre[i]) / scale;
        let heaviest = law.weights().iter().fold(0.0f64, |m, &w| m.max(w));
        let logit = |row: usize| -> f64 {
            let square: f64 = (0..d).map(|i| unit(row, i).powi(2)).sum();
            let weight = ln::ln::<f64, Hardware>(law.weights()[row] / heaviest);
            std::f64::consts::LOG2_E * (weight - (a * scale).powi(2) * square / (2.0 * v))
        };
        let logits: Vec<f64> = (0..k).map(logit).collect();
        let lowest = logits.iter().fold(0.0f64, |m, h| m.max(h.abs()));
        in_range("a logit", lowest, 0.0, 2f64.powi(90), "a number below 2^90")?;
        let constants = Constants {
            a,
            s,
            v,
            variance,
            scale,
            slope,
            lowest,
            reference: ln::ln::<f64, Hardware>(heaviest)
                - 0.5 * d as f64 * ln::ln::<f64, Hardware>(std::f64::consts::TAU * v),
            centre: centre.iter().map(|c| c * c).sum::<f64>().sqrt(),
        };
        let mut padded: Vec<f32> = logits.iter().map(|&h| h as f32).collect();
        padded.resize(k.next_multiple_of(TILE), NO_COMPONENT);
        let (first, second) = fragments(d, k, parts, unit);
        let high: Vec<f32> = centre.iter().map(|c| (a * c) as f32).collect();
        let low = centre.iter().zip(&high).map(|(c, h)| a.mul_add(*c, -f64::from(*h)) as f32);
        let places = centre.iter().map(|&c| c as f32).chain(high.iter().copied()).chain(low);
        Ok(FastLaw {
            dimension: d,
            components: k,
            parts,
            first,
            second,
            logits: padded,
            centre: places.collect(),
            numbers: constants.numbers(d, k, parts),
        })
    }

    /// d, the dimension of the space.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// K, the number of components.
    pub fn components(&self) -> usize {
        self.components
    }

    /// In how many parts numbers are split.
    pub fn parts(&self) -> Parts {
        self.parts
    }

    /// The tables that the kernel reads, by its parameters' names: the means' parts as fragments of the first and of the second product (bits of
    /// two bf16 each), logits, centre, numbers.
    pub fn tables(&self) -> [(&'static str, Vec<f32>); 5] {
        let words = |table: &[u32]| table.iter().map(|&w| f32::from_bits(w)).collect();
        [
            ("first", words(&self.first)),
            ("second", words(&self.second)),
            ("logits", self.logits.clone()),
            ("centre", self.centre.clone()),
            ("numbers", self.numbers.to_vec()),
        ]
    }

    /// Bytes of shared memory that the kernel stages a tile in, at most 48 KiB.
    pub fn shared_bytes(dimension: usize, parts: Parts) -> usize {
        4 * (first_words(dimension, parts) + second_words(dimension, parts))
    }
}

/// The variance of all components.
fn common_variance(law: &Mixture) -> Result<f64> {
    let Covariance::Isotropic(all) = law.covariance() else {
        return Err(Error::Unknown {
            what: "covariance of the fast mode",
            name: law.covariance().kind().to_string(),
            expected: "isotropic".to_string(),
        });
    };
    let common = all.first().copied().unwrap_or(0.0);
    match all.iter().position(|&v| v != common) {
        None => Ok(common),
        Some(k) => Err(Error::Entry {
            what: "variance",
            index: vec![k],
            value: all[k],
            expected: "the same variance for all components in the fast mode",
        }),
    }
}

fn in_range(
    what: &'static str,
    value: f64,
    least: f64,
    most: f64,
    expected: &'static str,
) -> Result<()> {
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err(Error::Domain { what, value, expected })
    }
}

pub(super) fn steps(dimension: usize) -> usize {
    dimension.div_ceil(16)
}

/// Words of a tile in the table of the first product.
pub(super) fn first_words(dimension: usize, parts: Parts) -> usize {
    steps(dimension) * (TILE / 8) * parts.count() * 64
}

fn second_words(dimension: usize, parts: Parts) -> usize {
    (TILE / 16) * dimension.div_ceil(8) * parts.count() * 64
}

/// Where in a right factor's fragment a number lies: the word, and the shift in it; by its inner index (of 16) and its column (of 8).
pub(super) fn place(inner: usize, column: usize) -> (usize, usize) {
    let (half, quad) = (inner / 8, inner % 8 / 2);
    (2 * (4 * column + quad) + half, 16 * (inner % 2))
}

/// The means' parts as the two products read them: inner index the coordinate, then inner index the component.
fn fragments(
    d: usize,
    k: usize,
    parts: Parts,
    unit: impl Fn(usize, usize) -> f64,
) -> (Vec<u32>, Vec<u32>) {
    let (tiles, count) = (k.div_ceil(TILE), parts.count());
    let (in_first, in_second) = (first_words(d, parts), second_words(d, parts));
    let (mut first, mut second) = (vec![0u32; tiles * in_first], vec![0u32; tiles * in_second]);
    for row in 0..k {
        let (tile, c) = (row / TILE, row % TILE);
        for i in 0..d {
            for (p, &part) in split_wide(unit(row, i), parts).iter().take(count).enumerate() {
                let (word, shift) = place(i % 16, c % 8);
                let at = ((i / 16 * (TILE / 8) + c / 8) * count + p) * 64 + word;
                first[tile * in_first + at] |= u32::from(part) << shift;
                let (word, shift) = place(c % 16, i % 8);
                let at = ((c / 16 * d.div_ceil(8) + i / 8) * count + p) * 64 + word;
                second[tile * in_second + at] |= u32::from(part) << shift;
            }
        }
    }
    (first, second)
}

/// What the numbers are made from, in f64.
struct Constants {
    a: f64,
    s: f64,
    v: f64,
    variance: f64,
    scale: f64,
    slope: f64,
    /// The largest |h|.
    lowest: f64,
    reference: f64,
    /// ‖c‖.
    centre: f64,
}

impl Constants {
    /// In the order of `NUMBERS`. Each constant of a bound is derived in docs/fast.md, by its name there.
    fn numbers(&self, d: usize, k: usize, parts: Parts) -> [f32; NUMBERS.len()] {
        let &Constants { a, s, v, variance, scale, slope, lowest, reference, centre } = self;
        let ln2 = std::f64::consts::LN_2;
        let tiles = k.div_ceil(TILE) as f64;
        let total = (16.0 + tiles + 2.0) * UNIT * 1.01;
        let point_floor = 2f64.powi(-46) * a * centre + 2f64.powi(-100);
        let logit_rate = ln2 * 1.01 * (5.3 * UNIT + product_rate(steps(d), parts));
        let in_powers = slope * point_floor * 1.01 + 2.2 * UNIT * lowest + 41.0 * UNIT;
        let logit_floor = ln2 * in_powers + 4.0 * UNIT + 2f64.powi(-50) * lowest + UNDERFLOW;
        let lost = k as f64 * 2f64.powi(-54);
        let sums = product_rate(TILE / 16, parts) + 1.01 * tiles * UNIT;
        let mean_floor = 1.01 * (sums + total) + 1.1 * UNIT + lost + UNDERFLOW;
        let limit = (2f64.powi(40) * v.sqrt()).min(2f64.powi(60));
        [
            if slope > 0.0 { limit.min(2f64.powi(40) / slope) } else { limit },
            slope,
            a * scale / v,
            1.0 / v,
            scale * (s * s / v),
            a * variance / v,
            ln2,
            0.5 / v,
            reference,
            2.1 * UNIT,
            point_floor,
            logit_rate,
            logit_floor,
            2f64.powi(-16) + 2.0 * total,
            1.0 + 4.0 * mean_floor + 2f64.powi(-18),
            mean_floor,
            0.5 * (d as f64 + 10.0),
            2.2 * UNIT * ((k as f64).ln() + 1.0) + 1.02 * total + lost,
            TINIEST,
            1.01 * UNIT * centre + TINIEST,
        ]
        .map(|x| x as f32)
    }
}
