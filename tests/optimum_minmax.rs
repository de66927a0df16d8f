//! E4 and E7: min–max optima with their gaps, and the source method's equilibrium.

use ndarray::{Array1, Array2, arr1, arr2};
use proptest::prelude::*;
use proptest::strategy::Strategy as _;
use tweedie::arith::fill_normal;
use tweedie::attack::affine::{equivalent_box_radius, largest_effect};
use tweedie::attack::{Norm, Shape};
use tweedie::channel::Channel;
use tweedie::law::toy_law;
use tweedie::objective::{Constraint, Units};
use tweedie::optimum::minmax::{Saddle, Strategy, proven, saddle, search};
use tweedie::optimum::source::equilibrium;
use tweedie::optimum::{Moments, Quadratic};

const U: f64 = f64::EPSILON / 2.0;

type Reading = (Constraint, Units);

const READINGS: [Reading; 4] = [
    (Constraint::Equivariance, Units::Noise),
    (Constraint::Invariance, Units::Noise),
    (Constraint::Equivariance, Units::Input),
    (Constraint::Invariance, Units::Input),
];

fn norm(matrix: &Array2<f64>) -> f64 {
    matrix.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// BᵀB/d of rank `rank`, B standard normal.
fn moments(d: usize, rank: usize, seed: u64) -> Moments {
    let mut entries = vec![0.0; rank * d];
    fill_normal(seed, 0, 0, &mut entries);
    let b = Array2::from_shape_vec((rank, d), entries).unwrap();
    let product = b.t().dot(&b) / d as f64;
    let c = (&product + &product.t()) * 0.5;
    Moments::new(Array1::zeros(d).view(), c.view()).unwrap()
}

/// φ(A′) − φ(A) from below, for A′ = A + δ: the matching part is 2·tr δ(AV − aC)ᵀ + tr δVδᵀ, and the largest effects are
/// enclosed. The second number is what these sums can have rounded.
fn rise(
    quadratic: &Quadratic<'_>,
    norm_of: Norm,
    weight: f64,
    found: &Saddle,
    delta: &Array2<f64>,
) -> (f64, f64) {
    let [a, s, ..] = quadratic.numbers();
    let c = quadratic.moments().covariance();
    let v = c.mapv(|x| a * a * x) + Array2::<f64>::eye(c.nrows()) * (s * s);
    let matrix = &found.minimiser.denoised;
    let slope = matrix.dot(&v) - c.mapv(|x| a * x);
    let first = (delta * &slope).sum() * 2.0;
    let second = (delta * &delta.dot(&v)).sum();
    let there = quadratic.effect((matrix + delta).view());
    let here = quadratic.effect(matrix.view());
    let most = largest_effect(norm_of, there.view(), 1.0).unwrap().lower;
    let was = largest_effect(norm_of, here.view(), 1.0).unwrap().upper;
    let d = c.nrows() as f64;
    let size = norm(delta)
        * (norm(matrix) * norm(&v) + norm(&c.to_owned()) + norm(delta) * norm(&v))
        + weight * d * norm(&there) * norm(&there)
        + weight * d * norm(&here) * norm(&here);
    (first + second + weight * (most - was), 20.0 * (d + 4.0) * U * size)
}

/// The magnitudes that the two parts of the loss were formed from: what a gap is to be small beside.
fn stake(quadratic: &Quadratic<'_>, found: &Saddle) -> f64 {
    let [_, s, step, share] = quadratic.numbers();
    let matrix = &found.minimiser.denoised;
    let d = matrix.nrows() as f64;
    let effect = step * norm(matrix) + d * share.abs();
    quadratic.lambda() * effect * effect + s * s * norm(matrix) * norm(matrix) + f64::MIN_POSITIVE
}

fn quadratic(moments: &Moments, reading: Reading, lambda: f64, a: f64, s: f64) -> Quadratic<'_> {
    Quadratic::new(moments, reading, lambda, Channel::new(a, s).unwrap()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// No other matrix is better by more than the gap, wherever one looks.
    #[test]
    fn nothing_is_better_by_more_than_the_gap(
        (d, rank) in (1usize..6).prop_flat_map(|d| (Just(d), 1..=d)),
        seed in any::<u64>(),
        reading in prop::sample::select(READINGS.to_vec()),
        lambda in prop_oneof![Just(0.3), 0.01..20.0_f64],
        radius in 0.05..3.0_f64,
        (a, s) in (0.1..1.0_f64, 0.05..3.0_f64),
        ball in prop::sample::select(Norm::ALL.to_vec()),
    ) {
        let law = moments(d, rank, seed);
        let quadratic = quadratic(&law, reading, lambda, a, s);
        let square = radius * radius;
        let found = saddle(&quadratic, ball, square).unwrap();
        prop_assert!(found.gap >= 0.0);
        // The gap is not vacuous: small beside what is at stake.
        let stake = stake(&quadratic, &found);
        prop_assert!(found.gap <= 1e-9 * stake, "{:e} of {stake:e}", found.gap);
        for (turn, exponent) in [(0u64, -1), (1, -4), (2, -9), (3, -14), (4, 1)] {
            let mut entries = vec![0.0; d * d];
            fill_normal(seed, 10 + turn, 0, &mut entries);
            let delta = Array2::from_shape_vec((d, d), entries).unwrap() * 2.0_f64.powi(exponent);
            let (rise, rounding) = rise(&quadratic, ball, lambda * square, &found, &delta);
            prop_assert!(rise >= -found.gap - rounding, "{rise:e} {:e} {rounding:e}", found.gap);
        }
    }

    /// The closed form for ℓ2 and the search are two ways to one optimum.
    #[test]
    fn the_search_finds_the_closed_form(
        (d, rank) in (1usize..5).prop_flat_map(|d| (Just(d), 1..=d)),
        seed in any::<u64>(),
        reading in prop::sample::select(READINGS.to_vec()),
        lambda in 0.05..5.0_f64,
        (a, s) in (0.2..1.0_f64, 0.2..2.0_f64),
    ) {
        let law = moments(d, rank, seed);
        let quadratic = quadratic(&law, reading, lambda, a, s);
        let closed = saddle(&quadratic, Norm::L2, 1.0).unwrap();
        let searched = search(&quadratic, Norm::L2, 1.0).unwrap();
        let off = norm(&(&closed.minimiser.denoised - &searched.minimiser.denoised));
        let bound = closed.minimiser.error + searched.minimiser.error;
        prop_assert!(off <= bound, "{off:e} {bound:e}");
        let stake = stake(&quadratic, &closed);
        prop_assert!(closed.gap <= 1e-11 * stake, "closed: {:e}", closed.gap);
        prop_assert!(searched.gap <= 1e-3 * stake, "searched: {:e}", searched.gap);
    }

    /// On the line the adversary of radius r is the random box of radius √3·r, in every norm.
    #[test]
    fn on_the_line_the_adversary_is_a_box(
        variance in prop_oneof![Just(0.0), 1e-3..10.0_f64],
        reading in prop::sample::select(READINGS.to_vec()),
        lambda in 0.0..5.0_f64,
        radius in 0.0..2.0_f64,
        (a, s) in (0.1..1.0_f64, 0.05..3.0_f64),
        ball in prop::sample::select(Norm::ALL.to_vec()),
    ) {
        let law = Moments::new(arr1(&[0.0]).view(), arr2(&[[variance]]).view()).unwrap();
        let quadratic = quadratic(&law, reading, lambda, a, s);
        let found = saddle(&quadratic, ball, radius * radius).unwrap();
        let box_radius = equivalent_box_radius(radius);
        let tau_squared = Shape::Box.tau_squared(box_radius, 1);
        let random = quadratic.minimiser_along(&[tau_squared]).unwrap();
        let (one, other) = (found.minimiser.denoised[[0, 0]], random.denoised[[0, 0]]);
        // τ² is off by 8u and ℓ2's weight by 8u more; a gain moves by no more than what enters it, in the terms of its sum.
        let terms = one.abs() + quadratic.numbers()[3].abs() * lambda * tau_squared
            / quadratic.noised_variance(variance) * quadratic.numbers()[2] / s;
        prop_assert!((one - other).abs() <= 64.0 * U * terms, "{one} {other}");
    }
}

/// The adversary's weight fills the highest gains to one level and leaves the others alone.
#[test]
fn spectral_clipping_on_a_law_with_known_gains() {
    let c = Array2::from_diag(&arr1(&[9.0, 4.0, 1.0, 0.0]));
    let law = Moments::new(Array1::zeros(4).view(), c.view()).unwrap();
    let q = quadratic(&law, READINGS[0], 1.0, 1.0, 1.0);
    // Wiener gains 0.9, 0.8, 0.5, 0; v = 10, 5, 2, 1. With λr² = 1: one direction held gives t = 9/11 > 0.8.
    let found = saddle(&q, Norm::L2, 1.0).unwrap();
    let expected = [9.0 / 11.0, 0.8, 0.5, 0.0];
    for (i, gain) in expected.into_iter().enumerate() {
        assert!((found.minimiser.denoised[[i, i]] - gain).abs() <= 8.0 * U, "{i}");
    }
    // With λr² = 5 two are held, t = (9 + 4)/(10 + 5 + 5) = 0.65 > 0.5.
    let found = saddle(&q, Norm::L2, 5.0).unwrap();
    for (i, gain) in [0.65, 0.65, 0.5, 0.0].into_iter().enumerate() {
        assert!((found.minimiser.denoised[[i, i]] - gain).abs() <= 8.0 * U, "{i}");
    }
    let weights = [10.0 * 0.25 / (5.0 * 0.65), 5.0 * 0.15 / (5.0 * 0.65), 0.0, 0.0];
    for (point, p) in found.strategy.points.rows().into_iter().zip(&found.strategy.weights) {
        let at = point.iter().position(|x| x.abs() > 0.5).unwrap();
        assert!((p - weights[at]).abs() <= 40.0 * U, "{at}: {p}");
    }
}

/// A gap must grow where the strategy is wrong: planted mistakes.
#[test]
fn planted_strategies_have_a_large_gap() {
    let law = moments(4, 3, 7);
    let q = quadratic(&law, READINGS[0], 0.5, 0.8, 0.6);
    for ball in Norm::ALL {
        let right = saddle(&q, ball, 1.0).unwrap();
        let again = proven(&q, ball, 1.0, right.strategy.clone()).unwrap();
        assert!(again.gap <= 1e-9 * right.largest, "{ball}: {:e}", again.gap);
        // A wrong vertex: every sign of the first point but one turned.
        let mut wrong = right.strategy.clone();
        if ball == Norm::L1 {
            wrong.points = wrong.points.slice(ndarray::s![.., ..;-1]).to_owned();
        } else {
            wrong.points.column_mut(0).mapv_inplace(|x| -x);
            wrong.points.column_mut(2).mapv_inplace(|x| -x);
        }
        // Half the weight.
        let mut half = right.strategy.clone();
        half.weights.iter_mut().for_each(|p| *p *= 0.5);
        let nobody = Strategy { points: Array2::zeros((1, 4)), weights: vec![1.0] };
        for planted in [wrong, half, nobody] {
            let found = proven(&q, ball, 1.0, planted).unwrap();
            assert!(found.gap > 1e-3 * right.largest, "{ball}: {:e}", found.gap);
            // Wrong as it is, its bound of the distance still holds.
            let off = norm(&(&found.minimiser.denoised - &right.minimiser.denoised));
            assert!(off <= found.minimiser.error + right.minimiser.error);
        }
    }
}

/// In the largest dimension whose vertices are all visited, and above it, where the gap says that the maximum is only
/// enclosed.
#[test]
fn many_dimensions_have_an_honest_gap() {
    for (d, small) in [(9, true), (12, true), (24, false)] {
        let law = moments(d, d / 2, 3);
        let q = quadratic(&law, READINGS[0], 0.3, 0.7, 0.7);
        let found = saddle(&q, Norm::Linf, 0.25).unwrap();
        assert_eq!(
            found.gap <= 1e-9 * found.largest,
            small,
            "{d}: {:e} {:e}",
            found.gap,
            found.largest
        );
        let found = saddle(&q, Norm::L1, 0.25).unwrap();
        assert!(found.gap <= 1e-9 * found.largest, "{d}: {:e}", found.gap);
    }
}

/// On the oblique plane the source method's adversary sits on the normal and trains nothing: the plain Wiener filter.
#[test]
fn the_sources_adversary_trains_nothing_where_there_is_a_kernel() {
    for name in ["oblique-plane", "digits-subspace"] {
        let law = Moments::of_law(&toy_law(name).unwrap()).unwrap();
        for (a, s, lambda) in [(1.0, 0.5, 0.3), (0.6, 0.8, 30.0)] {
            let q = quadratic(&law, READINGS[0], lambda, a, s);
            let found = equilibrium(&q, 4.0).unwrap();
            let plain = q.minimiser_along(&vec![0.0; law.dimension()]).unwrap();
            assert_eq!(found.minimiser.denoised, plain.denoised);
            assert!(law.values()[found.direction] == 0.0);
            assert!(found.shortfall <= 1e-9, "{:e}", found.shortfall);
            assert!(found.pure.iter().all(|&j| law.values()[j] == 0.0));
            // The residual that its perturbation finds is none.
            let e = q.effect(found.minimiser.denoised.view());
            let moved = e.dot(&found.strategy.points.row(0));
            // A·n is off by what C's eigenvectors are, over the least variance that is not 0, and by rounding.
            let least = law.values().iter().copied().find(|c| *c > 0.0).unwrap();
            let bound = a * s * law.error() / (a * a * least + s * s) + 200.0 * U * norm(&e);
            assert!(moved.dot(&moved).sqrt() <= bound, "{moved} {bound:e}");
            // The residual's own adversary does train something.
            let other = saddle(&q, Norm::L2, 4.0).unwrap();
            let off = norm(&(&other.minimiser.denoised - &plain.denoised));
            assert!(off > 10.0 * (other.minimiser.error + plain.error));
        }
    }
}

/// Without a kernel the weight is on the least variance, and on any other direction where c_j ≤ (1 + λr²)·c_i.
#[test]
fn without_a_kernel_the_equilibria_are_those_of_the_rule() {
    let c = Array2::from_diag(&arr1(&[0.5, 0.25, 4.0]));
    let law = Moments::new(Array1::zeros(3).view(), c.view()).unwrap();
    for (lambda, pure) in [(0.1, vec![0]), (1.5, vec![0, 1]), (40.0, vec![0, 1, 2])] {
        let q = quadratic(&law, READINGS[0], lambda, 1.0, 1.0);
        let found = equilibrium(&q, 1.0).unwrap();
        assert_eq!(found.pure, pure, "{lambda}");
        // The rule against the definition: the target's 1 − a·g is the largest.
        for j in 0..3 {
            let mut tau = [0.0; 3];
            tau[j] = 1.0;
            let left = |i: usize| 1.0 - q.gains(law.values()[i], tau[i])[0];
            let best = (0..3).all(|i| left(j) >= left(i));
            assert_eq!(best, pure.contains(&j), "{lambda} {j}");
        }
        assert!(found.shortfall <= 1e-11 * (1.0 + lambda));
        assert!((found.minimiser.denoised[[1, 1]] - 0.25 / (1.25 + lambda)).abs() <= 8.0 * U);
    }
}

#[test]
fn bad_input_is_refused() {
    let law = moments(2, 2, 1);
    let q = quadratic(&law, READINGS[0], 1.0, 1.0, 1.0);
    for square in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(saddle(&q, Norm::L2, square).is_err());
        assert!(search(&q, Norm::Linf, square).is_err());
        assert!(equilibrium(&q, square).is_err());
    }
    let uneven = Strategy { points: Array2::zeros((2, 2)), weights: vec![1.0] };
    assert!(proven(&q, Norm::L2, 1.0, uneven).is_err());
    let wide = Strategy { points: Array2::zeros((1, 3)), weights: vec![1.0] };
    assert!(proven(&q, Norm::L2, 1.0, wide).is_err());
    let invariance = quadratic(&law, READINGS[1], 1.0, 1.0, 1.0);
    assert!(equilibrium(&invariance, 1.0).is_err());
    // λ = 0: nothing to pay, the Wiener filter, no gap but rounding.
    let free = quadratic(&law, READINGS[1], 0.0, 1.0, 1.0);
    for ball in Norm::ALL {
        assert!(saddle(&free, ball, 1.0).unwrap().gap <= 1e-12);
    }
}
