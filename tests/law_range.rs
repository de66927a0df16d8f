//! No overflow and no NaN for any finite input; far away the law is that of the nearest component (N1).

mod generators;
mod judge;

use generators::mixture;
use judge::{Cov, Law, abs_difference, truth};
use ndarray::{Array2, array};
use proptest::prelude::*;
use tweedie::arith::Real;
use tweedie::channel::Channel;
use tweedie::law::{Covariance, Mixture, Quantity};

fn pair(distance: f64) -> Mixture {
    Mixture::new(
        vec![0.25, 0.75],
        array![[0.0, 0.0], [distance, 0.0]],
        Covariance::isotropic(vec![0.0, 0.0]).expect("variances"),
    )
    .expect("a law")
}

/// Every quantity at a point, flattened.
fn everything<T: Real>(law: &Mixture, channel: Channel, x: &[f64]) -> Vec<T> {
    let points = Array2::from_shape_fn((1, x.len()), |(_, i)| T::from_f64(x[i]));
    let law = law.through::<T>(channel).expect("tables");
    let e = law.evaluate(points.view(), &Quantity::ALL).expect("an evaluation");
    let mut out = e.log_density.expect("wanted").to_vec();
    out.extend(e.score.expect("wanted"));
    out.extend(e.denoiser.expect("wanted"));
    out.extend(e.noise.expect("wanted"));
    out.extend(e.covariance.expect("wanted"));
    out.extend(e.responsibilities.expect("wanted"));
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

    #[test]
    fn every_quantity_is_finite_at_every_finite_point(
        exponent in -300.0f64..308.0,
        direction in -1.0f64..1.0,
        s in -6.0f64..3.0,
        kind in 0usize..3,
    ) {
        let reach = 10f64.powf(exponent);
        let x = [reach * direction, reach * 0.3];
        let cov = match kind {
            0 => Cov::Isotropic(vec![0.0, 0.5]),
            1 => Cov::Diagonal(vec![vec![0.0, 2.0], vec![1.0, 1.0]]),
            _ => Cov::Full(vec![vec![1.0, 1.0, 1.0, 1.0], vec![2.0, 0.0, 0.0, 0.0]]),
        };
        let law = Law { weights: vec![0.5, 0.5], means: vec![vec![1.0, -1.0], vec![-3.0, 2.0]], cov };
        let channel = Channel::new(0.9, 10f64.powf(s)).expect("a channel");
        let found = everything::<f64>(&mixture(&law), channel, &x);
        prop_assert!(found.iter().all(|v| v.is_finite()), "f64: {:?}", found);
        if reach < 3e38 {
            let found = everything::<f32>(&mixture(&law), channel, &x);
            prop_assert!(found.iter().all(|v| v.is_finite()), "f32: {:?}", found);
        }
    }
}

#[test]
fn far_away_the_score_is_that_of_the_nearest_component() {
    let channel = Channel::new(1.0, 2.0).expect("a channel");
    let law = pair(1e180).through::<f64>(channel).expect("tables");
    for (x, nearest) in [(-3e181, 0.0), (3e181, 1e180), (0.6e180, 1e180), (0.4e180, 0.0)] {
        let e = law.evaluate(array![[x, 0.0]].view(), &Quantity::ALL).expect("an evaluation");
        let score = e.score.expect("wanted")[[0, 0]];
        let exact: f64 = -(x - nearest) / 4.0;
        assert!((score - exact).abs() <= 8.0 * f64::EPSILON * exact.abs(), "{score} for {exact}");
        // Two roundings of numbers of at most the distance of the means, which is about half a unit each.
        let denoised = e.denoiser.expect("wanted")[[0, 0]];
        assert!((denoised - nearest).abs() <= 2.0 * f64::EPSILON * 1e180, "{denoised}, {nearest}");
    }
}

/// The scaled path is not used near the law, and where it begins it continues what the direct path gives.
#[test]
fn the_scaled_path_is_as_accurate_as_the_direct_one() {
    let numbers = Law {
        weights: vec![0.25, 0.75],
        means: vec![vec![0.0, 1.0], vec![2e19, -1.0]],
        cov: Cov::Diagonal(vec![vec![0.0, 3.0], vec![0.5, 0.0]]),
    };
    // 1e19 squared overflows f32, so f32 takes the scaled path; the sum has two terms and every term two
    // products, which makes 16 roundings a generous count of those that matter here.
    let x = [1.0e20, 3.0e18];
    let channel = Channel::new(1.0, 1.0).expect("a channel");
    let found = everything::<f32>(&mixture(&numbers), channel, &x);
    let exact = truth(&numbers, 1.0, 1.0, &[x[0] as f32 as f64, x[1] as f32 as f64]);
    let expected = [&exact.score[0], &exact.score[1], &exact.denoiser[0], &exact.denoiser[1]];
    for (value, exact) in found[1..5].iter().zip(expected) {
        let allowed = 16.0 * f32::UNIT_ROUNDOFF * exact.to_f64().abs();
        assert!(abs_difference(exact, value.to_f64()) <= allowed, "{value} for {}", exact.to_f64());
    }
}

#[test]
fn a_tie_at_infinity_is_shared_by_weight() {
    let channel = Channel::new(1.0, 1.0).expect("a channel");
    let law = pair(2.0).through::<f64>(channel).expect("tables");
    // On the bisector the two squared distances are equal however far out.
    let e =
        law.responsibilities(array![[1.0, 1e200], [1.0, 3.0]].view()).expect("responsibilities");
    // ln w, its exponential (1 ULP), the sum and the division: at most eight roundings.
    for row in e.outer_iter() {
        assert!((row[0] - 0.25).abs() <= 4.0 * f64::EPSILON, "{row}");
    }
}

/// A point mass at 0: the noise is x/s. Here the score x/s² is beyond the format, and the noise is not.
fn noise_beyond_the_score<T: Real>(x: f64, s: f64) {
    let law =
        Mixture::new(vec![1.0], array![[0.0]], Covariance::isotropic(vec![0.0]).unwrap()).unwrap();
    let noised = law.through::<T>(Channel::variance_exploding(s).unwrap()).unwrap();
    let points = array![[T::from_f64(x)], [T::ONE]];
    let wanted = [Quantity::Score, Quantity::Noise];
    let found = noised.evaluate(points.view(), &wanted).unwrap();
    let given = array![[x], [1.0]];
    let bound = noised.bounds(given.view(), &wanted).unwrap().noise.unwrap();
    assert_eq!(found.score.unwrap()[[0, 0]], -T::MAX);
    let noise = found.noise.unwrap();
    let reference = noised.evaluate_reference(points.view()).unwrap();
    for (at, found) in noise.indexed_iter() {
        assert_eq!(found.bits(), reference[at.0].noise[at.1].bits());
        let exact = given[at] / s;
        let rounding = f64::UNIT_ROUNDOFF * exact.abs();
        assert!((found.to_f64() - exact).abs() <= bound[at] + rounding, "{found} for {exact}");
    }
}

#[test]
fn the_noise_is_not_held_to_what_the_score_is_held_to() {
    noise_beyond_the_score::<f32>(1e34, 1e-3);
    noise_beyond_the_score::<f64>(1e304, 1e-3);
}
