//! `proofs/vectors.txt` is what the library computes. Coq runs its models of the same functions on that file
//! (`proofs/check.py vectors`), so neither side needs the other's tools and both must agree bit for bit.
//!
//! With `TWEEDIE_WRITE_VECTORS` set the file is written first.
//!
//! A line is a function and format, then `input output` for exp and ln and `n seed output` for sum and dot, numbers
//! as hexadecimal bits, every NaN as one. The elements of a sum come from `Stream`, which Coq has too.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use tweedie::arith::{Real, dot, scalar, sum};

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

#[test]
fn the_vectors_of_the_proofs_are_what_the_library_computes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("proofs/vectors.txt");
    let mut expected = String::new();
    write_format::<f64>(&mut expected);
    write_format::<f32>(&mut expected);
    if std::env::var_os("TWEEDIE_WRITE_VECTORS").is_some() {
        fs::write(&path, &expected).expect("proofs/vectors.txt");
    }
    let written = fs::read_to_string(&path).expect("proofs/vectors.txt");
    for (i, (was, is)) in written.lines().zip(expected.lines()).enumerate() {
        assert_eq!(was, is, "line {}", i + 1);
    }
    assert_eq!(written.lines().count(), 8 * LINES);
    assert_eq!(written, expected);
}
