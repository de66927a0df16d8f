//! The judge judged: its numbers, closed forms, identities, and agreement with the Python judge.
//!
//! The judge promises 60 digits relative to the largest number of a quantity; `assert_agree`
//! holds it to that promise. Spec: T1, T2.

mod judge;

use judge::{Big, Cov, Judge, Law, Truth, abs_difference, big_vector, truth, working_bits};

const BITS: usize = 320;

fn big(x: f64) -> Big {
    Big::new(x, BITS)
}

fn power_of_two(e: i32) -> Big {
    (0..e.abs()).fold(big(1.0), |p, _| p * big(if e < 0 { 0.5 } else { 2.0 }))
}

fn largest(x: &[Big]) -> Big {
    x.iter().map(Big::abs).fold(big(0.0), |most, v| if v > most { v } else { most })
}

/// The greatest |x − y| as a part of the greatest |y|.
fn disagreement(x: &[Big], y: &[Big]) -> f64 {
    assert_eq!(x.len(), y.len());
    let differences: Vec<Big> = x.iter().zip(y).map(|(x, y)| x - y).collect();
    let (worst, scale) = (largest(&differences), largest(y));
    if worst.is_zero() { 0.0 } else { (worst / scale).abs_to_f64_up() }
}

/// To the promised 60 digits.
fn assert_agree(name: &str, x: &[Big], y: &[Big]) {
    let worst = disagreement(x, y);
    assert!(worst <= 1e-60, "{name}: {worst:e}");
}

fn assert_same_truth(x: &Truth, y: &Truth) {
    for ((name, x), (_, y)) in x.quantities().iter().zip(&y.quantities()) {
        assert_agree(name, x, y);
    }
}

/// A small law with every difficulty that d = 2 allows, given as full covariances.
fn three_full() -> Law {
    Law {
        weights: vec![0.5, 0.2, 0.4],
        means: vec![vec![1.0, -0.5], vec![-1.25, 0.75], vec![0.1, 0.3]],
        cov: Cov::Full(vec![
            vec![0.5, 0.25, 0.25, 0.75],
            vec![1.0, -2.0, -2.0, 4.0],
            vec![0.0, 0.0, 0.0, 0.0],
        ]),
    }
}

#[test]
fn every_f64_survives_the_round_trip() {
    let mut list = vec![0.0, 1.0, -1.0 / 3.0, f64::MAX, f64::MIN_POSITIVE, 5e-324, -1.5e-323];
    for e in -1074..1023 {
        let power = power_of_two(e).to_f64();
        list.extend([power, power.next_up(), -power.next_up().next_up()]);
    }
    for x in list {
        assert_eq!(big(x).to_f64(), x);
        assert_eq!(big(x).abs_to_f64_up(), x.abs());
        assert_eq!(abs_difference(&big(x), x), 0.0);
    }
    assert_eq!(power_of_two(-1074).to_f64(), 5e-324);
    assert_eq!((big(5e-324) * power_of_two(1074)).to_f64(), 1.0);
}

#[test]
fn rounding_is_to_nearest_even_or_outward() {
    let (tiny, half_unit) = (power_of_two(-200), power_of_two(-53));
    let one = big(1.0);
    assert_eq!((&one + &half_unit).to_f64(), 1.0);
    assert_eq!((&one + &half_unit + &tiny).to_f64(), 1f64.next_up());
    assert_eq!((&one + big(3.0) * &half_unit).to_f64(), 1f64.next_up().next_up());
    assert_eq!((&one + &tiny).abs_to_f64_up(), 1f64.next_up());
    assert_eq!((-(&one + &tiny)).abs_to_f64_up(), 1f64.next_up());
    assert_eq!((big(1.0) / big(3.0)).to_f64(), 1.0 / 3.0);
    let quarter_least = power_of_two(-1076);
    assert_eq!(quarter_least.to_f64(), 0.0);
    assert_eq!(quarter_least.abs_to_f64_up(), 5e-324);
    assert_eq!(power_of_two(-1075).to_f64(), 0.0);
    assert_eq!((big(3.0) * power_of_two(-1075)).to_f64(), 1e-323);
    assert_eq!((big(f64::MAX) + power_of_two(970)).to_f64(), f64::INFINITY);
    assert_eq!((big(f64::MAX) + power_of_two(969)).to_f64(), f64::MAX);
    assert_eq!(power_of_two(1100).to_f64(), f64::INFINITY);
}

#[test]
fn differences_are_rounded_up_and_never_forgive() {
    let third = big(1.0) / big(3.0);
    let exact = &third - big(1.0 / 3.0);
    assert!(big(abs_difference(&third, 1.0 / 3.0)) >= exact);
    assert!(big(abs_difference(&third, 1.0 / 3.0).next_down()) < exact);
    assert_eq!(abs_difference(&power_of_two(-400), 1.0), 1.0);
    assert_eq!(abs_difference(&power_of_two(-400), -1.0), 1f64.next_up());
    assert!(abs_difference(&third, f64::NAN).is_nan());
    assert_eq!(abs_difference(&third, f64::NEG_INFINITY), f64::INFINITY);
}

#[test]
fn exp_and_ln_are_inverse_to_each_other() {
    let mut list = vec![1e-300, 1e-30, 1e-9, 1e8, 9.99e8, 0.0];
    list.extend((0..400).map(|i| i as f64 * 0.173_f64.powi(i % 7)));
    for bits in [64, 320, 384, 1024] {
        for x in list.iter().flat_map(|x| [*x, -*x]) {
            let x = Big::new(x, bits) / Big::new(3.0, bits);
            // Two units of the last bit of exp are 2^(2−bits) of its value and so the absolute
            // error of its logarithm; ln adds as much of its own value.
            let unit = power_of_two(2 - bits as i32);
            let back = x.exp().ln();
            assert!((back - &x).abs() <= unit * (big(1.0) + x.abs()), "{bits} bits, {x:?}");
        }
    }
    assert!(big(-1.1e9).exp().is_zero());
    assert_agree("e", &[big(1.0).exp()], &[Big::parse(E, BITS)]);
    assert_agree("pi", &[Big::pi(BITS)], &[Big::parse(PI, BITS)]);
}

const E: &str = "2.7182818284590452353602874713526624977572470936999595749669676277240766";
const PI: &str = "3.1415926535897932384626433832795028841971693993751058209749445923078164";

#[test]
fn one_component_has_a_closed_form() {
    let (mu, v, a, s, x) = (0.75, 0.3, 0.8, 0.4, -1.7);
    let law = Law { weights: vec![2.5], means: vec![vec![mu]], cov: Cov::Isotropic(vec![v]) };
    let t = truth(&law, a, s, &[x]);
    let (mu, v, a, s, x) = (big(mu), big(v), big(a), big(s), big(x));
    let total = &a * &a * &v + &s * &s;
    let delta = &x - &a * &mu;
    let log_density =
        -((big(2.0) * Big::pi(BITS) * &total).ln() + &delta * &delta / &total) / big(2.0);
    assert_agree("log_density", &[t.log_density], &[log_density]);
    assert_agree("score", &t.score, &[-(&delta / &total)]);
    assert_agree("noise", &t.noise, &[&s * &delta / &total]);
    let denoiser = (&s * &s * &mu + &a * &v * &x) / &total;
    assert_agree("denoiser", &t.denoiser, &[denoiser]);
    assert_agree("covariance", &t.covariance, &[&s * &s * &v / &total]);
    assert_agree("responsibilities", &t.responsibilities, &[big(1.0)]);
}

#[test]
fn two_mirrored_point_masses_have_a_closed_form() {
    let law = Law {
        weights: vec![0.3, 0.3],
        means: vec![vec![1.5], vec![-1.5]],
        cov: Cov::Isotropic(vec![0.0, 0.0]),
    };
    let (a, s) = (0.5, 0.25);
    let centre = truth(&law, a, s, &[0.0]);
    assert!(centre.score[0].is_zero() && centre.denoiser[0].is_zero());
    assert_agree("halves", &centre.responsibilities, &[big(0.5), big(0.5)]);
    assert_agree("spread", &centre.covariance, &[big(2.25)]);

    // D(x) = μ·tanh(aμx/s²), Cov = μ²·(1 − tanh²).
    let x = 0.15;
    let t = truth(&law, a, s, &[x]);
    let rate = (big(2.0 * a) * big(1.5) * big(x) / (big(s) * big(s))).exp();
    let tanh = (&rate - big(1.0)) / (&rate + big(1.0));
    assert_agree("tanh", &t.denoiser, &[big(1.5) * &tanh]);
    assert_agree("sech", &t.covariance, &[big(2.25) * (big(1.0) - &tanh * &tanh)]);
}

#[test]
fn tweedie_holds() {
    for (a, s, x) in [(1.0, 0.5, [0.2, 0.9]), (0.6, 1e-3, [0.3, -2.0]), (0.01, 30.0, [40.0, 5.0])] {
        let t = truth(&three_full(), a, s, &x);
        let (a, s) = (big(a), big(s));
        let left: Vec<Big> = t.denoiser.iter().map(|d| &a * d).collect();
        let right: Vec<Big> = x.iter().zip(&t.score).map(|(x, g)| big(*x) + &s * &s * g).collect();
        assert_agree("a·D = x + s²·S", &left, &right);
        let noise: Vec<Big> = t.score.iter().map(|g| -(&s * g)).collect();
        assert_agree("noise", &t.noise, &noise);
    }
}

#[test]
fn covariance_is_the_jacobian_of_the_judges_own_score() {
    let (a, s, x) = (0.9, 0.4, [0.2, 0.6]);
    let judge = Judge::new(&three_full(), a, s, 640);
    let t = judge.at(&big_vector(&x, 640));
    let wide = |v: f64| Big::new(v, 640);
    let (a, s2) = (wide(a), wide(s) * wide(s));
    // (I + s²∇S)·s²/a² by central differences.
    let column = |j: usize, h: &Big| -> Vec<Big> {
        let shifted = |step: Big| {
            let mut x = big_vector(&x, 640);
            x[j] += step;
            judge.at(&x).score
        };
        let (above, below) = (shifted(h.clone()), shifted(-h));
        let slope = |i: usize| (&above[i] - &below[i]) / (wide(2.0) * h);
        (0..2).map(|i| (wide((i == j) as u8 as f64) + &s2 * slope(i)) * &s2 / (&a * &a)).collect()
    };
    let h = Big::new(2f64.powi(-120), 640);
    for j in 0..2 {
        let (fine, coarse) = (column(j, &h), column(j, &(wide(2.0) * &h)));
        for i in 0..2 {
            // The error is c·h² + O(h⁴), fine and coarse differ by 3c·h² + O(h⁴); rounding adds
            // 2⁻⁶⁴⁰/h = 2⁻⁵²⁰ of the score, less than 10⁻¹⁵⁰.
            let step_error = (&fine[i] - &coarse[i]).abs();
            let error = (&fine[i] - &t.covariance[i * 2 + j]).abs();
            assert!(error <= &step_error + wide(1e-150));
            assert!(step_error < wide(1e-68), "the check would be empty");
        }
    }
}

#[test]
fn equal_components_are_one() {
    let cov = vec![0.7, 0.1, 0.1, 0.2];
    let one =
        Law { weights: vec![1.0], means: vec![vec![0.3, -2.0]], cov: Cov::Full(vec![cov.clone()]) };
    let three = Law {
        weights: vec![0.25, 0.5, 0.25],
        means: vec![vec![0.3, -2.0]; 3],
        cov: Cov::Full(vec![cov; 3]),
    };
    let (x, y) = (truth(&one, 0.5, 0.1, &[1.0, 2.0]), truth(&three, 0.5, 0.1, &[1.0, 2.0]));
    assert_agree("weights", &y.responsibilities, &[big(0.25), big(0.5), big(0.25)]);
    assert_same_truth(
        &Truth { responsibilities: vec![], ..y },
        &Truth { responsibilities: vec![], ..x },
    );
}

#[test]
fn the_three_kinds_agree() {
    let (means, weights) = (vec![vec![1.0, 2.0, 0.5], vec![-3.0, 0.25, 1.0]], vec![0.6, 0.7]);
    let law = |cov| Law { weights: weights.clone(), means: means.clone(), cov };
    let full = |v: &[f64; 3]| vec![v[0], 0.0, 0.0, 0.0, v[1], 0.0, 0.0, 0.0, v[2]];
    let at = |cov| truth(&law(cov), 0.7, 0.3, &[0.1, 0.2, -0.4]);
    let (p, q) = ([0.3, 0.0, 2.0], [1e-9, 0.5, 0.6]);
    assert_same_truth(
        &at(Cov::Full(vec![full(&p), full(&q)])),
        &at(Cov::Diagonal(vec![p.to_vec(), q.to_vec()])),
    );
    assert_same_truth(
        &at(Cov::Isotropic(vec![0.3, 0.0])),
        &at(Cov::Diagonal(vec![vec![0.3; 3], vec![0.0; 3]])),
    );
}

/// The orthogonal matrix H/2 of order 4, H Hadamard: exact in f64.
const TURN: [[f64; 4]; 4] =
    [[0.5, 0.5, 0.5, 0.5], [0.5, -0.5, 0.5, -0.5], [0.5, 0.5, -0.5, -0.5], [0.5, -0.5, -0.5, 0.5]];

fn turn(x: &[Big]) -> Vec<Big> {
    TURN.iter()
        .map(|row| row.iter().zip(x).fold(big(0.0), |sum, (q, x)| sum + big(*q) * x))
        .collect()
}

#[test]
fn a_rotation_rotates_the_truth() {
    // Eigenvalues are multiples of 4 and means even: the rotated law is exact in f64, rank 3.
    let (values, mean) = ([4.0, 0.0, 16.0, 8.0], [2.0, -4.0, 6.0, 10.0]);
    let x = [1.0, 3.0, -5.0, 2.5];
    let exact = |v: &[f64]| turn(&big_vector(v, BITS)).iter().map(Big::to_f64).collect::<Vec<_>>();
    let rotated: Vec<f64> = (0..16)
        .map(|i| (0..4).map(|p| TURN[i / 4][p] * values[p] * TURN[i % 4][p]).sum())
        .collect();
    let plain = Law {
        weights: vec![0.5, 0.5],
        means: vec![mean.to_vec(), vec![0.0; 4]],
        cov: Cov::Diagonal(vec![values.to_vec(), vec![1.0; 4]]),
    };
    let identity = (0..16).map(|i| (i % 5 == 0) as u8 as f64).collect();
    let turned = Law {
        weights: vec![0.5, 0.5],
        means: vec![exact(&mean), vec![0.0; 4]],
        cov: Cov::Full(vec![rotated, identity]),
    };
    let (p, t) = (truth(&plain, 0.9, 0.05, &x), truth(&turned, 0.9, 0.05, &exact(&x)));
    assert_agree("log_density", &[t.log_density], &[p.log_density]);
    assert_agree("score", &t.score, &turn(&p.score));
    assert_agree("denoiser", &t.denoiser, &turn(&p.denoiser));
    let rows: Vec<Big> = p.covariance.chunks(4).flat_map(turn).collect();
    for j in 0..4 {
        let column = |m: &[Big]| (0..4).map(|i| m[i * 4 + j].clone()).collect::<Vec<_>>();
        assert_agree("covariance", &column(&t.covariance), &turn(&column(&rows)));
    }
}

#[test]
fn precision_follows_the_magnitudes() {
    let law = |means: [f64; 2], v: [f64; 2]| Law {
        weights: vec![1.0, 1.0],
        means: means.map(|m| vec![m]).to_vec(),
        cov: Cov::Isotropic(v.to_vec()),
    };
    assert!(working_bits(&law([0.0, 1.0], [0.0, 1e-3]), 1.0, 1.0, &[1.0]) <= 320);
    // q = 10²⁴ for both components, and only 2 between them.
    let (law, s, x) = (law([0.0, 1e-18], [0.0, 0.0]), 1e-6, [1e6]);
    let bits = working_bits(&law, 1.0, s, &x);
    let at = |bits: usize| Judge::new(&law, 1.0, s, bits).at(&big_vector(&x, bits));
    let truth = truth(&law, 1.0, s, &x);
    assert_same_truth(&truth, &at(2 * bits));
    // 256 bits would not have been enough: the assertion above can fail.
    assert!(disagreement(&at(256).responsibilities, &truth.responsibilities) > 1e-60);
}
