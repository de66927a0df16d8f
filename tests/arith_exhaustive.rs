//! Every f32 input of every function of one number, against the platform's f64 functions.
//!
//! The reference is good to 2⁻⁵⁰ relative (the platform's functions are below 2 ULP of f64, and each is used
//! where its argument is exact or rounded once), less than 2⁻²⁶ ULP of f32: it cannot hide an error of 2⁻²⁰ ULP.
//! Each measured worst error must lie within the function's bound, and equal `worst_seen` to 0.005, so
//! that the table stays true.

mod double_double;

use std::f64::consts::TAU;

use double_double::F32;
use rayon::prelude::*;
use tweedie::arith::bounds::{BOUNDS, FunctionBound};
use tweedie::arith::{Isa, Kernel, MulAdd, exp, ln, sigmoid, sin_cos_turns};

const CHUNK: usize = 4096;
/// 2^128, the power of two after the largest f32.
const OVERFLOW: f64 = f64::from_bits((1023 + 128) << 52);

/// Which function a kernel evaluates; two results, the second zero where there is one.
#[derive(Clone, Copy)]
enum Which {
    Exp,
    Ln,
    Circle,
    Sigmoid,
}

struct Evaluate<'a> {
    which: Which,
    x: &'a [f32],
    y: &'a mut [f32],
    z: &'a mut [f32],
}

impl Kernel for Evaluate<'_> {
    type Output = ();
    #[inline(always)]
    fn run<M: MulAdd>(self) {
        let places = self.x.iter().zip(self.y).zip(self.z);
        match self.which {
            Which::Exp => places.for_each(|((&x, y), _)| *y = exp::<f32, M>(x)),
            Which::Ln => places.for_each(|((&x, y), _)| *y = ln::<f32, M>(x)),
            Which::Sigmoid => places.for_each(|((&x, y), _)| *y = sigmoid::<f32, M>(x)),
            Which::Circle => {
                places.for_each(|((&x, y), z)| (*y, *z) = sin_cos_turns::<f32, M>(x));
            }
        }
    }
}

/// |y − truth| in ULP of f32 at the truth, fast: for a finite truth, from f64 alone.
fn ulps(y: f32, truth: f64) -> f64 {
    let size = truth.abs();
    let exponent = ((size.to_bits() >> 52) as i32 - 1023).max(F32.smallest);
    let unit = f64::from_bits(((1023 + exponent - 23) as u64) << 52);
    // Past the largest number an infinite y stands for 2^128.
    let y = if y.is_infinite() { f64::from(y.signum()) * OVERFLOW } else { f64::from(y) };
    let e = (y - truth).abs() / unit;
    if e.is_nan() { f64::INFINITY } else { e }
}

/// Worst of `error(x, y, z)` over the bit patterns from `first` to `last`.
fn sweep(
    which: Which,
    first: u32,
    last: u32,
    error: impl Fn(f32, f32, f32) -> [f64; 2] + Sync,
) -> [f64; 2] {
    let chunks = (u64::from(last) - u64::from(first) + 1).div_ceil(CHUNK as u64);
    (0..chunks)
        .into_par_iter()
        .map(|chunk| {
            let start = u64::from(first) + chunk * CHUNK as u64;
            let end = (start + CHUNK as u64).min(u64::from(last) + 1);
            let x: Vec<f32> = (start..end).map(|bits| f32::from_bits(bits as u32)).collect();
            let (mut y, mut z) = (vec![0.0; x.len()], vec![0.0; x.len()]);
            Isa::best().run(Evaluate { which, x: &x, y: &mut y, z: &mut z });
            let mut worst = [0f64; 2];
            for ((&x, &y), &z) in x.iter().zip(&y).zip(&z) {
                let e = error(x, y, z);
                worst = [worst[0].max(e[0]), worst[1].max(e[1])];
            }
            worst
        })
        .reduce(|| [0.0; 2], |a, b| [a[0].max(b[0]), a[1].max(b[1])])
}

fn row(name: &str) -> &'static FunctionBound {
    let found = BOUNDS.iter().find(|b| b.name == name && b.format == "f32");
    found.unwrap_or_else(|| panic!("no bound for {name} in f32"))
}

fn check(name: &str, worst: f64) {
    let bound = row(name);
    println!("{name} f32: worst {worst:.4}, bound {}", bound.bound_ulp);
    assert!(worst <= bound.bound_ulp, "{name}: {worst} ULP is over {}", bound.bound_ulp);
    let seen = bound.worst_seen;
    assert!((worst - seen).abs() <= 0.005, "{name}: worst {worst}, the table says {seen}");
}

/// The bits of +0 and +∞, −0 and −∞: what lies between is every positive, every negative number.
const POSITIVE: (u32, u32) = (0, 0x7f80_0000);
const NEGATIVE: (u32, u32) = (0x8000_0000, 0xff80_0000);

#[test]
fn exp_of_every_input() {
    // Below this eˣ is subnormal: rounding twice.
    let error = |x: f32, y: f32, _: f32| {
        let truth = reference_exp(f64::from(x));
        // From 2^128 on only infinity is right; below it, an infinite y is judged as 2^128.
        let e = if truth < OVERFLOW { ulps(y, truth) } else { miss(y == f32::INFINITY) };
        if truth < f64::from(f32::MIN_POSITIVE) { [0.0, e] } else { [e, 0.0] }
    };
    let up = sweep(Which::Exp, POSITIVE.0, POSITIVE.1, error);
    let down = sweep(Which::Exp, NEGATIVE.0, NEGATIVE.1, error);
    check("exp", up[0].max(down[0]));
    check("exp, subnormal result", up[1].max(down[1]));
}

#[test]
fn ln_of_every_input() {
    let error = |x: f32, y: f32, _: f32| {
        let truth = f64::from(x).ln();
        [if truth.is_infinite() { miss(f64::from(y) == truth) } else { ulps(y, truth) }, 0.0]
    };
    check("ln", sweep(Which::Ln, POSITIVE.0, POSITIVE.1, error)[0]);
    let nan = |x: f32, y: f32, _: f32| [miss(y.is_nan() || (x == 0.0 && y == -f32::INFINITY)), 0.0];
    assert_eq!(sweep(Which::Ln, NEGATIVE.0, NEGATIVE.1, nan)[0], 0.0);
}

#[test]
fn sigmoid_of_every_input() {
    let error = |x: f32, y: f32, _: f32| {
        let z = reference_exp(f64::from(-x.abs()));
        let truth = if x < 0.0 { z / (1.0 + z) } else { 1.0 / (1.0 + z) };
        let e = ulps(y, truth);
        if truth < f64::from(f32::MIN_POSITIVE) { [0.0, e] } else { [e, 0.0] }
    };
    let up = sweep(Which::Sigmoid, POSITIVE.0, POSITIVE.1, error);
    let down = sweep(Which::Sigmoid, NEGATIVE.0, NEGATIVE.1, error);
    check("sigmoid", up[0].max(down[0]));
    check("sigmoid, subnormal result", up[1].max(down[1]));
}

#[test]
fn circle_of_every_input() {
    let error = |u: f32, sin: f32, cos: f32| {
        let (true_sin, true_cos) = reference_circle(f64::from(u));
        [ulps(sin, true_sin), ulps(cos, true_cos)]
    };
    let last_finite = POSITIVE.1 - 1;
    let [sin, cos] = sweep(Which::Circle, POSITIVE.0, last_finite, error);
    check("sin_turns", sin);
    check("cos_turns", cos);

    // Negative inputs: an odd and an even function, to the bit.
    let differences: usize = (0..=(last_finite as usize / CHUNK))
        .into_par_iter()
        .map(|chunk| {
            let start = (chunk * CHUNK) as u32;
            let bits = start..(start + CHUNK as u32).min(POSITIVE.1);
            let up: Vec<f32> = bits.map(f32::from_bits).collect();
            let down: Vec<f32> = up.iter().map(|u| -u).collect();
            let n = up.len();
            let [mut s, mut c, mut minus_s, mut same_c] = [(); 4].map(|()| vec![0f32; n]);
            let which = Which::Circle;
            Isa::best().run(Evaluate { which, x: &up, y: &mut s, z: &mut c });
            Isa::best().run(Evaluate { which, x: &down, y: &mut minus_s, z: &mut same_c });
            let bad = |i: &usize| s[*i] != -minus_s[*i] || c[*i].to_bits() != same_c[*i].to_bits();
            (0..n).filter(bad).count()
        })
        .sum();
    assert_eq!(differences, 0);
}

#[test]
fn every_nan_stays_nan() {
    for which in [Which::Exp, Which::Ln, Which::Circle, Which::Sigmoid] {
        let circle = matches!(which, Which::Circle);
        let nan = |_: f32, y: f32, z: f32| [miss(y.is_nan()), miss(!circle || z.is_nan())];
        assert_eq!(sweep(which, POSITIVE.1 + 1, 0x7fff_ffff, nan), [0.0; 2]);
        assert_eq!(sweep(which, NEGATIVE.1 + 1, u32::MAX, nan), [0.0; 2]);
    }
}

fn miss(right: bool) -> f64 {
    if right { 0.0 } else { f64::INFINITY }
}

/// eˣ in f64. Most f32 are so small that three terms are exact to 2⁻⁵² (x³/6 < 2⁻⁵²), or beyond every format.
fn reference_exp(x: f64) -> f64 {
    if x.abs() < 1e-5 {
        1.0 + x * (1.0 + 0.5 * x)
    } else if x < -120.0 {
        // Below 2⁻²³ of the smallest f32.
        0.0
    } else if x > 100.0 {
        f64::INFINITY
    } else {
        x.exp()
    }
}

/// (sin 2πu, cos 2πu) in f64 for u ≥ 0: the angle is reduced exactly to an eighth of a turn, then rounded once.
fn reference_circle(u: f64) -> (f64, f64) {
    // Adding 2^52 rounds to an integer; every f32 from 2^23 on is one.
    const INTEGERS: f64 = 4_503_599_627_370_496.0;
    let round = |x: f64| (x + INTEGERS) - INTEGERS;
    let w = if u < 8_388_608.0 { u - round(u) + 1.0 } else { 1.0 };
    let q = round(4.0 * w);
    let f = if u < 0.125 { u } else { w - q / 4.0 };
    let angle = TAU * f;
    let (s, c) = if angle.abs() < 1e-4 {
        // The next terms are below 2⁻⁵⁷ of these.
        (angle - angle * angle * angle / 6.0, 1.0 - angle * angle / 2.0)
    } else {
        angle.sin_cos()
    };
    let q = if u < 0.125 { 0 } else { q as i32 & 3 };
    match q {
        0 => (s, c),
        1 => (c, -s),
        2 => (-s, -c),
        _ => (-c, s),
    }
}

#[test]
fn every_f32_row_is_swept() {
    let rows: Vec<&str> = BOUNDS.iter().filter(|b| b.format == "f32").map(|b| b.name).collect();
    let swept = [
        "exp",
        "exp, subnormal result",
        "ln",
        "sin_turns",
        "cos_turns",
        "sigmoid",
        "sigmoid, subnormal result",
    ];
    assert_eq!(rows, swept);
}
