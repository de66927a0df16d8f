//! `proofs/vectors.txt` is what the library computes. Coq runs its models of the same functions on that file
//! (`proofs/check.py vectors`), so neither side needs the other's tools and both must agree bit for bit.
//!
//! `proofs/points.txt` is the same for whole mixtures: the tables of a law at a channel, and every quantity of first order at a point.
//!
//! With `TWEEDIE_WRITE_VECTORS` set the files are written first.
//!
//! A line is a function and format, then `input output` for exp and ln and `n seed output` for sum and dot, numbers
//! as hexadecimal bits, every NaN as one. The elements of a sum come from `Stream`, which Coq has too.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use ndarray::Array2;
use tweedie::arith::{Real, dot, scalar, sum};
use tweedie::channel::Channel;
use tweedie::law::{Covariance, Mixture, Quantity};

const LINES: usize = 1000;

/// A linear congruential generator, whose words become the elements of a sum.
struct Stream(u64);

impl Stream {
    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        self.0
    }

    /// Sign from bit 63, exponent from bits 58 to 62, significand from bit 32 (f32) or 6 (f64) on. By the seed's
    /// last two bits exponents are around zero, around zero with signed zeros, the largest, or the smallest.
    fn element<T: Bits>(&mut self, kind: u64) -> T {
        let word = self.word();
        let exponent = (word >> 58) & 31;
        let field = match kind {
            0 | 1 => T::BIAS - 16 + exponent,
            2 => 2 * T::BIAS - 31 + exponent,
            _ => exponent,
        };
        let fraction = (word >> T::FROM) & ((1 << T::FRACTION) - 1);
        let sign = (word >> 63) << T::SIGN;
        if kind == 1 && exponent == 0 {
            return T::from_bits(sign);
        }
        T::from_bits(sign | (field << T::FRACTION) | fraction)
    }
}

trait Bits: Real {
    const BIAS: u64;
    const FRACTION: u32;
    const SIGN: u32;
    const FROM: u32;
    const SUFFIX: &'static str;
    fn from_bits(bits: u64) -> Self;
    fn canonical(self) -> u64;
}

impl Bits for f64 {
    const BIAS: u64 = 1023;
    const FRACTION: u32 = 52;
    const SIGN: u32 = 63;
    const FROM: u32 = 6;
    const SUFFIX: &'static str = "64";
    fn from_bits(bits: u64) -> Self {
        f64::from_bits(bits)
    }
    fn canonical(self) -> u64 {
        if self.is_nan() { 0x7ff8_0000_0000_0000 } else { self.to_bits() }
    }
}

impl Bits for f32 {
    const BIAS: u64 = 127;
    const FRACTION: u32 = 23;
    const SIGN: u32 = 31;
    const FROM: u32 = 32;
    const SUFFIX: &'static str = "32";
    fn from_bits(bits: u64) -> Self {
        f32::from_bits(bits as u32)
    }
    fn canonical(self) -> u64 {
        if self.is_nan() { 0x7fc0_0000 } else { self.to_bits() as u64 }
    }
}

/// Zeros, infinities, NaN, the ends of the format, and the numbers beside each of `centres`.
fn edges<T: Bits>(centres: &[f64]) -> Vec<T> {
    let mut found = Vec::new();
    let specials = [T::ZERO, T::ONE, T::MIN_POSITIVE, T::MAX, T::INFINITY, T::from_bits(1), T::NAN];
    for x in specials.into_iter().chain(centres.iter().map(|&c| T::from_f64(c))) {
        found.extend([x, -x]);
        if x.is_finite() && x != T::ZERO && x != T::MAX {
            found.extend([T::from_bits(x.bits() - 1), T::from_bits(x.bits() + 1)]);
        }
    }
    found
}

/// The arguments of exp: edges, the thresholds, halves of ln 2 where the reduction turns, the whole range, and
/// every magnitude.
fn exponents<T: Bits>(stream: &mut Stream) -> Vec<T> {
    let ln2 = std::f64::consts::LN_2;
    let range = if T::BIAS == 1023 { (-746.5, 710.5) } else { (-104.5, 89.5) };
    let ends = [709.782712893384, 710.0, -708.3964185322641, -745.1332191019411, -746.0];
    let ends32 = [88.72284, 89.0, -87.33655, -103.97208, -104.0];
    let mut centres: Vec<f64> = if T::BIAS == 1023 { ends.to_vec() } else { ends32.to_vec() };
    centres.extend((-60..60).map(|k| (f64::from(k) + 0.5) * ln2));
    let mut found = edges::<T>(&centres);
    while found.len() < LINES {
        let part = (stream.word() >> 11) as f64 / (1u64 << 53) as f64;
        found.push(T::from_f64(range.0 + part * (range.1 - range.0)));
        found.push(T::from_f64(-20.0 * part));
        found.push(stream.element::<T>(0));
    }
    found.truncate(LINES);
    found
}

/// The arguments of ln: edges, the powers of two, √½ times them, numbers near 1, and any bits.
fn logarithms<T: Bits>(stream: &mut Stream) -> Vec<T> {
    let mut centres: Vec<f64> = (-20..20).map(|k| 2f64.powi(k)).collect();
    centres.extend((-20..20).map(|k| 2f64.powi(k) * std::f64::consts::FRAC_1_SQRT_2));
    let mut found = edges::<T>(&centres);
    while found.len() < LINES {
        let part = (stream.word() >> 11) as f64 / (1u64 << 53) as f64;
        found.push(T::from_f64(0.5 + 1.5 * part));
        found.push(T::from_f64(1.0 + (part - 0.5) / 1024.0));
        found.push(stream.element::<T>(3).abs());
        found.push(T::from_bits((stream.word() >> (63 - T::SIGN)) & !(1 << T::SIGN)));
    }
    found.truncate(LINES);
    found
}

fn write_format<T: Bits>(out: &mut String) {
    let mut stream = Stream(2026);
    let suffix = T::SUFFIX;
    for x in exponents::<T>(&mut stream) {
        let _ = writeln!(out, "exp{suffix} {:x} {:x}", x.canonical(), scalar::exp(x).canonical());
    }
    for x in logarithms::<T>(&mut stream) {
        let _ = writeln!(out, "ln{suffix} {:x} {:x}", x.canonical(), scalar::ln(x).canonical());
    }
    for i in 0..LINES as u64 {
        // Most are short; a few pass one block of 256 and two.
        let n = if i % 200 == 199 { 100 + i / 2 } else { i % 25 };
        let seed = stream.word() >> 32;
        let mut elements = Stream(seed);
        let x: Vec<T> = (0..n).map(|_| elements.element(seed & 3)).collect();
        let y: Vec<T> = (0..n).map(|_| elements.element(seed & 3)).collect();
        let _ = writeln!(out, "sum{suffix} {n:x} {seed:x} {:x}", sum(&x).canonical());
        let _ = writeln!(out, "dot{suffix} {n:x} {seed:x} {:x}", dot(&x, &y).canonical());
    }
}

/// One line of `points.txt`; `computed` in PointVectors.v has the meaning of each field.
#[derive(Clone, Copy)]
struct Case {
    components: usize,
    dimension: usize,
    points: usize,
    seed: u64,
    same_means: bool,
    same_weights: bool,
    /// 0: no variance is zero, 1: all are, 2: every other one.
    masses: u64,
    a: f64,
    s: f64,
    /// What is common to all means: 0 or 2 to this power.
    common: Option<i32>,
    /// The powers of two below which means, variances and points lie.
    exponents: [i32; 3],
}

/// Between −2ᵉ and 2ᵉ.
fn signed(word: u64, exponent: i32) -> f64 {
    ((word >> 11) as i64 - (1i64 << 52)) as f64 * 2f64.powi(exponent - 52)
}

/// Between 0 and 2ᵉ.
fn positive(word: u64, exponent: i32) -> f64 {
    ((word >> 11) + 1) as f64 * 2f64.powi(exponent - 53)
}

impl Case {
    fn law(&self, stream: &mut Stream) -> Mixture {
        let (k, d) = (self.components, self.dimension);
        let drawn: Vec<f64> = (0..k).map(|_| positive(stream.word(), 0)).collect();
        let total = drawn.iter().fold(0.0, |sum, w| sum + w);
        let weights = if self.same_weights {
            vec![1.0 / k as f64; k]
        } else {
            drawn.iter().map(|w| w / total).collect()
        };
        let common = self.common.map_or(0.0, |e| 2f64.powi(e));
        let rows = if self.same_means { 1 } else { k };
        let values: Vec<f64> =
            (0..rows * d).map(|_| common + signed(stream.word(), self.exponents[0])).collect();
        let means = Array2::from_shape_fn((k, d), |(j, i)| values[(j % rows) * d + i]);
        let variances = (0..k).map(|j| {
            let drawn = positive(stream.word(), self.exponents[1]);
            let mass = self.masses == 1 || (self.masses == 2 && j % 2 == 0);
            if mass { 0.0 } else { drawn }
        });
        let covariance = Covariance::isotropic(variances.collect()).expect("variances");
        Mixture::new(weights, means, covariance).expect("a law")
    }

    fn write<T: Bits>(&self, out: &mut String) {
        let (k, d) = (self.components, self.dimension);
        let mut stream = Stream(self.seed);
        let law = self.law(&mut stream);
        let common = self.common.map_or(0.0, |e| 2f64.powi(e));
        let flat: Vec<T> = (0..self.points * d)
            .map(|_| T::from_f64(self.a * common + signed(stream.word(), self.exponents[2])))
            .collect();
        let points = Array2::from_shape_vec((self.points, d), flat).expect("points");
        let noised =
            law.through::<T>(Channel::new(self.a, self.s).expect("a channel")).expect("tables");
        let wanted = [
            Quantity::Score,
            Quantity::Noise,
            Quantity::Denoiser,
            Quantity::LogDensity,
            Quantity::Responsibilities,
        ];
        let result = noised.evaluate(points.view(), &wanted).expect("an evaluation");
        let _ = write!(out, "point{} {k:x} {d:x} {:x} {:x}", T::SUFFIX, self.points, self.seed);
        let _ = write!(
            out,
            " {:x} {:x} {:x} {:x} {:x}",
            self.same_means as u64,
            self.same_weights as u64,
            self.masses,
            self.a.to_bits(),
            self.s.to_bits()
        );
        let _ = write!(out, " {:x}", self.common.map_or(0, |e| e + 2000));
        for exponent in self.exponents {
            let _ = write!(out, " {:x}", exponent + 2000);
        }
        out.push_str(" :");
        let (score, noise) = (result.score.expect("score"), result.noise.expect("noise"));
        let denoiser = result.denoiser.expect("denoiser");
        let density = result.log_density.expect("log density");
        let shares = result.responsibilities.expect("responsibilities");
        for p in 0..self.points {
            let rows = score.row(p).into_iter().chain(noise.row(p)).chain(denoiser.row(p));
            for value in rows.chain([&density[p]]).chain(shares.row(p)) {
                assert!(value.is_finite());
                let _ = write!(out, " {:x}", value.canonical());
            }
        }
        out.push('\n');
    }
}

/// Laws of every kind that the theorems speak of: one to 130 components (blocks end at 64), up to 64 coordinates, point masses, equal
/// components, offsets that cost most digits, weights that underflow, and points near the edge of the safe radius.
fn cases<T: Bits>(stream: &mut Stream) -> Vec<Case> {
    let double = T::BIAS == 1023;
    let edge = if double { 509 } else { 61 };
    let mut found = Vec::new();
    let mut channel = |scale: i32| {
        let a = positive(stream.word(), 0);
        (a, positive(stream.word(), scale), stream.word() >> 32)
    };
    for i in 0..100usize {
        let (a, s, seed) = channel(0);
        let mut case = Case {
            components: 1 + i / 10 % 3,
            dimension: 1 + i / 30 % 3,
            points: 5,
            seed,
            same_means: false,
            same_weights: i % 3 == 0,
            masses: (i % 4) as u64,
            a,
            s,
            common: None,
            exponents: [0, 0, 1],
        };
        match i % 10 {
            1 => (case.s, case.masses) = (s / 64.0, 1),
            2 => (case.common, case.s) = (Some(if double { 30 } else { 12 }), s / 64.0),
            3 => (case.a, case.s, case.exponents) = (1.0, 1.0, [0, 0, edge]),
            4 => (case.s, case.exponents) = (s * 1024.0, [2, 1, 11]),
            5 => (case.s, case.exponents) = (s / 1048576.0, [-18, -40, -18]),
            6 => case.exponents = [3, 0, 6],
            7 => case.same_means = true,
            8 => case.exponents = [12, 20, 12],
            9 => (case.a, case.exponents) = (if i == 9 { 0.0 } else { a / 1048576.0 }, [1, 1, 2]),
            _ => {}
        }
        found.push(case);
    }
    for (i, (components, dimension)) in
        [(63, 1), (64, 2), (65, 1), (65, 2), (130, 1), (1, 64), (2, 64), (3, 64)]
            .into_iter()
            .enumerate()
    {
        let (a, s, seed) = channel(0);
        found.push(Case {
            components,
            dimension,
            points: 1,
            seed,
            same_means: i == 3,
            same_weights: i % 2 == 0,
            masses: (i % 3) as u64,
            a,
            s: s + 0.25,
            common: None,
            exponents: [1, 0, 1],
        });
    }
    found
}

fn check(name: &str, expected: &str) -> usize {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("proofs").join(name);
    if std::env::var_os("TWEEDIE_WRITE_VECTORS").is_some() {
        fs::write(&path, expected).expect(name);
    }
    let written = fs::read_to_string(&path).expect(name);
    for (i, (was, is)) in written.lines().zip(expected.lines()).enumerate() {
        assert_eq!(was, is, "line {} of {name}", i + 1);
    }
    assert_eq!(written, expected);
    written.lines().count()
}

#[test]
fn the_vectors_of_the_proofs_are_what_the_library_computes() {
    let mut expected = String::new();
    write_format::<f64>(&mut expected);
    write_format::<f32>(&mut expected);
    assert_eq!(check("vectors.txt", &expected), 8 * LINES);
}

#[test]
fn the_mixtures_of_the_proofs_are_what_the_library_computes() {
    let mut expected = String::new();
    let (doubles, singles) = (cases::<f64>(&mut Stream(5)), cases::<f32>(&mut Stream(6)));
    for case in &doubles {
        case.write::<f64>(&mut expected);
    }
    for case in &singles {
        case.write::<f32>(&mut expected);
    }
    let points = |cases: &[Case]| cases.iter().map(|case| case.points).sum::<usize>();
    assert_eq!(points(&doubles) + points(&singles), 1016);
    check("points.txt", &expected);
}
