//! Sums: the stated order, the same bits in parallel, and the error bound.

mod multiprecision;

use multiprecision::big;
use proptest::prelude::*;
use tweedie::arith::{
    Real, dot, fill_normal, mean, sum, sum_by, sum_by_parallel, sum_depth, sum_parallel,
};

/// The documented order, written again: blocks of 256, 8 strided lanes, a halving tree, blocks in order.
fn stated<T: Real>(x: &[T]) -> T {
    let mut total = T::ZERO;
    for block in x.chunks(256) {
        let mut lanes = [T::ZERO; 8];
        for (i, &v) in block.iter().enumerate() {
            lanes[i % 8] += v;
        }
        for half in [4, 2, 1] {
            for j in 0..half {
                let other = lanes[j + half];
                lanes[j] += other;
            }
        }
        total += lanes[0];
    }
    total
}

fn numbers(n: usize, stream: u64) -> Vec<f64> {
    let mut x = vec![0f64; n];
    fill_normal(11, stream, 0, &mut x);
    x
}

const LENGTHS: [usize; 14] = [0, 1, 2, 7, 8, 9, 63, 255, 256, 257, 511, 513, 5000, 70_001];

#[test]
fn every_way_of_summing_gives_the_bits_of_the_stated_order() {
    let x = numbers(70_001, 0);
    let narrow: Vec<f32> = x.iter().map(|&v| v as f32).collect();
    for n in LENGTHS {
        let want = stated(&x[..n]).to_bits();
        assert_eq!(sum(&x[..n]).to_bits(), want);
        assert_eq!(sum_parallel(&x[..n]).to_bits(), want);
        assert_eq!(sum_by(n, |i| x[i]).to_bits(), want);
        assert_eq!(sum_by_parallel(n, |i| x[i]).to_bits(), want);
        assert_eq!(sum(&narrow[..n]).to_bits(), stated(&narrow[..n]).to_bits());
        if n > 0 {
            assert_eq!(mean(&x[..n]).to_bits(), (stated(&x[..n]) / n as f64).to_bits());
        }
    }
    // A sum in index order is another number, so the equality above can fail.
    assert_ne!(x.iter().fold(0.0, |a, b| a + b).to_bits(), stated(&x).to_bits());
}

#[test]
fn one_thread_and_many_give_the_same_bits() {
    let x = numbers(70_001, 1);
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| sum_parallel(&x)).to_bits()
    };
    assert_eq!(with(1), with(2));
    assert_eq!(with(1), with(7));
}

#[test]
fn the_depth_is_the_longest_path() {
    // A path of d additions that each round up by u turns 1 + d·(a little over u) into 1 + 2du: count the
    // additions of one element by hand in the order of `stated`.
    for n in LENGTHS {
        let mut longest = 0;
        for i in 0..n.min(600) {
            let block_start = i / 256 * 256;
            let in_block = (n - block_start).min(256);
            let lane_length = (in_block - i % 256 % 8).div_ceil(8);
            let in_lane = (lane_length - i % 256 / 8).min(lane_length - 1);
            let blocks_after = n.div_ceil(256) - i / 256 - 1;
            let joins = blocks_after + usize::from(i >= 256);
            longest = longest.max(in_lane + 3 + joins);
        }
        assert_eq!(sum_depth(n), longest, "{n}");
    }
}

/// γ(d)·Σ|x| with Σ|x| from above: the computed one, itself below by at most the factor 1 − γ(d).
fn bound(depth: usize, magnitude: f64, u: f64) -> f64 {
    let gamma = depth as f64 * u / (1.0 - depth as f64 * u);
    gamma * magnitude / (1.0 - 2.0 * gamma)
}

fn exact(x: &[f64]) -> multiprecision::Big {
    x.iter().fold(big(0.0), |total, &v| total + big(v))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn the_error_is_within_its_bound(n in 1usize..3000, stream: u64, cancel: bool) {
        let mut x = numbers(n, stream);
        if cancel {
            // Alternating pairs: the sum is far smaller than Σ|x|.
            for i in 1..n {
                if i % 2 == 1 { x[i] = -x[i - 1] * (1.0 + 1e-12); }
            }
        }
        let magnitude: f64 = x.iter().map(|v| v.abs()).sum();
        let error = (exact(&x) - big(sum(&x))).to_f64().abs();
        prop_assert!(error <= bound(sum_depth(n), magnitude, f64::UNIT_ROUNDOFF));
        let narrow: Vec<f32> = x.iter().map(|&v| v as f32).collect();
        let same: Vec<f64> = narrow.iter().map(|&v| f64::from(v)).collect();
        let error = (exact(&same) - big(f64::from(sum(&narrow)))).to_f64().abs();
        prop_assert!(error <= bound(sum_depth(n), magnitude * (1.0 + 1e-7), f32::UNIT_ROUNDOFF));

        let y = numbers(n, stream.wrapping_add(1));
        let products = x.iter().zip(&y).fold(big(0.0), |t, (&a, &b)| t + big(a) * big(b));
        let magnitude: f64 = x.iter().zip(&y).map(|(a, b)| (a * b).abs()).sum();
        let error = (products - big(dot(&x, &y))).to_f64().abs();
        prop_assert!(error <= bound(sum_depth(n) + 1, magnitude, f64::UNIT_ROUNDOFF));
    }
}
