//! Random numbers: known answers, addressing, and their distribution.
//!
//! Every statistical check has a false-alarm rate of at most 10⁻⁸ by a theorem that holds for any sample size:
//! T = ln(2·10⁸) = 19.12 is the exponent that a two-sided tail of 10⁻⁸ needs. The seeds are fixed, so a check
//! that passes once passes always; the rate is that of the choice of seed.

use tweedie::arith::philox::philox4x32_10;
use tweedie::arith::{Real, fill_normal, fill_uniform, scalar, uniform_index};

const T: f64 = 19.12;
const N: usize = 1_000_000;

fn uniforms<F: Real>(stream: u64) -> Vec<f64> {
    let mut x = vec![F::ZERO; N];
    fill_uniform(42, stream, 0, &mut x);
    x.into_iter().map(F::to_f64).collect()
}

fn normals<F: Real>(seed: u64, stream: u64) -> Vec<f64> {
    let mut x = vec![F::ZERO; N];
    fill_normal(seed, stream, 0, &mut x);
    x.into_iter().map(F::to_f64).collect()
}

/// Philox with its constants as arguments, written from the paper.
fn philox(
    rounds: usize,
    multipliers: [u64; 2],
    steps: [u32; 2],
    counter: [u32; 4],
    key: [u32; 2],
) -> [u32; 4] {
    let ([mut a, mut b, mut c, mut d], [mut k, mut l]) = (counter, key);
    for _ in 0..rounds {
        let (p, q) = (multipliers[0] * u64::from(a), multipliers[1] * u64::from(c));
        (a, b, c, d) = ((q >> 32) as u32 ^ b ^ k, q as u32, (p >> 32) as u32 ^ d ^ l, p as u32);
        (k, l) = (k.wrapping_add(steps[0]), l.wrapping_add(steps[1]));
    }
    [a, b, c, d]
}

/// The known answers of Random123 for philox4x32 with 10 rounds: counter, key, words.
const KNOWN: [([u32; 4], [u32; 2], [u32; 4]); 3] = [
    ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
    ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
    (
        [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
        [0xa409_3822, 0x299f_31d0],
        [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
    ),
];

#[test]
fn philox_gives_the_known_answers() {
    for (counter, key, words) in KNOWN {
        assert_eq!(philox4x32_10(counter, key), words);
    }
}

#[test]
fn known_answers_catch_a_wrong_constant_or_round() {
    let (m, s) = ([0xD251_1F53, 0xCD9E_8D57], [0x9E37_79B9, 0xBB67_AE85]);
    let wrong = |rounds, m, s| KNOWN.iter().any(|&(c, k, w)| philox(rounds, m, s, c, k) != w);
    assert!(!wrong(10, m, s));
    assert!(wrong(10, [m[1], m[0]], s));
    assert!(wrong(10, m, [s[1], s[0]]));
    assert!(wrong(9, m, s));
}

fn addressing<F: Real>() {
    let mut whole = vec![F::ZERO; 400];
    let mut part = vec![F::ZERO; 150];
    for fill in [fill_uniform::<F>, fill_normal::<F>] {
        for first in [0, 12_345, u64::MAX - 200] {
            fill(1, 2, first, &mut whole);
            for skip in [0, 1, 2, 3, 5, 64, 133, 250] {
                fill(1, 2, first.wrapping_add(skip), &mut part);
                let expected = &whole[skip as usize..skip as usize + 150];
                assert!(part.iter().zip(expected).all(|(a, b)| a.bits() == b.bits()), "{skip}");
            }
        }
        // Seed, stream and index each matter in their high words too.
        fill(1, 2, 0, &mut whole);
        for (seed, stream, start) in [(1 << 32 | 1, 2, 0), (1, 1 << 32 | 2, 0), (1, 2, 1 << 40)] {
            fill(seed, stream, start, &mut part);
            assert!(part.iter().zip(&whole).all(|(a, b)| a.bits() != b.bits()));
        }
        fill(1, 2, 0, &mut []);
    }
}

#[test]
fn an_element_is_the_same_in_whichever_range() {
    addressing::<f32>();
    addressing::<f64>();
}

#[test]
fn the_map_from_words_is_the_documented_one() {
    let w = philox4x32_10([5, 0, 9, 0], [7, 0]);
    let pair = |i: usize| u64::from(w[i]) | u64::from(w[i + 1]) << 32;
    let wide = |w: u64| (2 * (w >> 12) + 1) as f64 / 2f64.powi(53);
    let narrow = |w: u32| (2 * (w >> 9) + 1) as f32 / 2f32.powi(24);
    let (mut x, mut y) = ([0f64; 2], [0f32; 4]);
    fill_uniform(7, 9, 10, &mut x);
    assert_eq!(x, [wide(pair(0)), wide(pair(2))]);
    fill_uniform(7, 9, 20, &mut y);
    assert_eq!(y, w.map(narrow));

    fill_normal(7, 9, 10, &mut x);
    let high = f64::from(w[1]) * 2f64.powi(32);
    let radius = (-2.0 * scalar::ln((high + (f64::from(w[0]) + 0.5)) / 2f64.powi(64))).sqrt();
    let (s, c) = scalar::sin_cos_turns(wide(pair(2)));
    assert_eq!(x, [radius * c, radius * s]);
    fill_normal(7, 9, 20, &mut y);
    for p in [0, 2] {
        let v = (f64::from(w[p]) + 0.5) as f32 / 2f32.powi(32);
        let radius = (-2.0 * scalar::ln(v)).sqrt();
        let (s, c) = scalar::sin_cos_turns(narrow(w[p + 1]));
        assert_eq!(y[p..p + 2], [radius * c, radius * s]);
    }
    assert_eq!(uniform_index(7, 9, 5, 1000), ((u128::from(pair(0)) * 1000) >> 64) as u64);
    assert_eq!(uniform_index(7, 9, 5, 0), 0);
    assert_eq!(
        uniform_index(7, 9, 5, u64::MAX),
        ((u128::from(pair(0)) * u128::from(u64::MAX)) >> 64) as u64
    );
}

/// Φ by its series, good to 10⁻¹⁴ for |x| ≤ 6.
fn normal_cdf(x: f64) -> f64 {
    let (mut term, mut total, mut k) = (x, x, 1.0);
    while term.abs() > 1e-18 * total.abs() {
        k += 2.0;
        term *= x * x / k;
        total += term;
    }
    0.5 + total * (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt()
}

/// Whether the empirical distribution leaves the band √(T/2N) around `cdf` at a grid point: the inequality of
/// Dvoretzky, Kiefer and Wolfowitz with Massart's constant, rate 2e^−T. Sees any shift of probability by more
/// than twice the band, 0.62%.
fn distribution_is_off(x: &[f64], grid: &[f64], cdf: impl Fn(f64) -> f64) -> bool {
    let mut sorted = x.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = x.len() as f64;
    grid.iter().any(|&g| {
        let below = sorted.partition_point(|&v| v <= g) as f64 / n;
        (below - cdf(g)).abs() > (T / (2.0 * n)).sqrt()
    })
}

/// Whether a frequency differs from p by more than Bernstein's inequality allows at rate 2e^−T.
fn frequency_is_off(hits: usize, n: usize, p: f64) -> bool {
    let mean = n as f64 * p;
    (hits as f64 - mean).abs() > (2.0 * mean * T).sqrt() + T
}

/// Whether disjoint pairs are correlated. For independent normals E e^{tXY} = (1 − t²)^(−1/2), so by Chernoff
/// |ΣXY| > z√N has probability below 2·exp(−z²/2·(1 − z²/2N)): z = 6.2 gives 10⁻⁸. Sees |ρ| > 2z/√N = 1.8% at
/// N = 500,000.
fn correlated(pairs: impl Iterator<Item = (f64, f64)>) -> bool {
    let (sum, n) = pairs.fold((0.0, 0.0), |(s, n), (x, y)| (s + x * y, n + 1.0));
    sum.abs() > 6.2 * f64::sqrt(n)
}

/// Disjoint pairs of elements at the given distance.
fn at_distance(x: &[f64], lag: usize) -> impl Iterator<Item = (f64, f64)> {
    x.chunks_exact(2 * lag).flat_map(move |c| (0..lag).map(move |i| (c[i], c[i + lag])))
}

fn uniform_is_off(x: &[f64]) -> bool {
    let grid: Vec<f64> = (1..1024).map(|i| f64::from(i) / 1024.0).collect();
    // Hoeffding: the mean leaves 1/2 ± √(T/2N) with probability 2e^−T.
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    x.iter().any(|&u| u <= 0.0 || u >= 1.0)
        || distribution_is_off(x, &grid, |g| g)
        || (mean - 0.5).abs() > (T / (2.0 * x.len() as f64)).sqrt()
        || frequency_is_off(x.iter().filter(|&&u| u < 1e-4).count(), x.len(), 1e-4)
        || frequency_is_off(x.iter().filter(|&&u| u > 1.0 - 1e-4).count(), x.len(), 1e-4)
}

fn normal_is_off(x: &[f64]) -> bool {
    let n = x.len() as f64;
    let grid: Vec<f64> = (-300..=300).map(|i| f64::from(i) / 50.0).collect();
    let mean = x.iter().sum::<f64>() / n;
    let squares = x.iter().map(|v| v * v).sum::<f64>();
    let above = |c: f64| x.iter().filter(|v| v.abs() > c).count();
    distribution_is_off(x, &grid, normal_cdf)
        // √N times the mean is standard normal: P(|Z| > z) < 2e^(−z²/2).
        || mean.abs() > (2.0 * T / n).sqrt()
        // Laurent and Massart: χ²(N) leaves N ± (2√(NT) + 2T) with probability 2e^−T.
        || (squares - n).abs() > 2.0 * (n * T).sqrt() + 2.0 * T
        || frequency_is_off(above(3.0), x.len(), 2.0 * normal_cdf(-3.0))
        || frequency_is_off(above(4.0), x.len(), 2.0 * normal_cdf(-4.0))
        || [1, 2, 3, 4, 8, 16, 32].into_iter().any(|lag| correlated(at_distance(x, lag)))
        // The sizes of a cosine and its sine: Bernstein on how often both are beyond 1.
        || frequency_is_off(
            at_distance(x, 1).filter(|(a, b)| a.abs() > 1.0 && b.abs() > 1.0).count(),
            x.len() / 2,
            (2.0 * normal_cdf(-1.0)).powi(2),
        )
}

#[test]
fn uniforms_are_uniform() {
    assert!(!uniform_is_off(&uniforms::<f64>(3)));
    assert!(!uniform_is_off(&uniforms::<f32>(4)));
}

#[test]
fn normals_are_normal() {
    assert!(!normal_is_off(&normals::<f64>(1, 5)));
    assert!(!normal_is_off(&normals::<f32>(1, 6)));
}

#[test]
fn streams_and_seeds_are_independent() {
    let x = normals::<f64>(1, 5);
    for (seed, stream) in [(1, 6), (2, 5), (1 << 32 | 1, 5), (1, 1 << 32 | 5)] {
        let y = normals::<f64>(seed, stream);
        assert!(!correlated(x.iter().copied().zip(y)));
    }
}

#[test]
fn wrong_random_numbers_are_caught() {
    let u = uniforms::<f64>(7);
    let v = uniforms::<f64>(8);
    let bend = |f: fn(f64) -> f64| u.iter().map(|&x| f(x)).collect::<Vec<f64>>();
    assert!(uniform_is_off(&bend(|u| u * (1.0 + 0.02 * (1.0 - u)))));
    assert!(uniform_is_off(&bend(|u| if u < 2e-4 { u + 2e-4 } else { u })));
    assert!(uniform_is_off(&bend(|u| if u > 0.9999 { 1.0 } else { u })));

    let polar = |radius: fn(f64) -> f64, angle: &[f64]| -> Vec<f64> {
        let point = |(&u, &v): (&f64, &f64)| {
            let (s, c) = (std::f64::consts::TAU * v).sin_cos();
            [radius(u) * c, radius(u) * s]
        };
        u.iter().zip(angle).take(N / 2).flat_map(point).collect()
    };
    let right = |u: f64| (-2.0 * u.ln()).sqrt();
    assert!(!normal_is_off(&polar(right, &v)), "without a fault nothing is seen");
    assert!(normal_is_off(&polar(right, &u)), "the radius's word used for the angle");
    assert!(normal_is_off(&polar(|u| (-2.0 * u.ln()).sqrt() * 1.01, &v)), "a scale");
    assert!(normal_is_off(&polar(|u| (-2.0 * (u + 2e-3).ln().min(0.0)).sqrt(), &v)), "a cut tail");
    let half: Vec<f64> = v.iter().map(|v| v / 2.0).collect();
    assert!(normal_is_off(&polar(right, &half)), "half the circle");
    let mut repeated = normals::<f64>(1, 5);
    for i in (1..N).step_by(64) {
        repeated[i] = repeated[i - 1];
    }
    assert!(!correlated(at_distance(&normals::<f64>(1, 5), 1)));
    assert!(correlated(at_distance(&repeated, 1)), "one in 32 elements repeated");
}

#[test]
fn index_draws_are_even() {
    let mut counts = [0usize; 10];
    for i in 0..N as u64 {
        counts[uniform_index(3, 1, i, 10) as usize] += 1;
    }
    for c in counts {
        assert!(!frequency_is_off(c, N, 0.1));
    }
}
