//! Every quantity of a noised law against the multi-precision judge, within the documented bound (N4).

mod generators;
mod judge;

use generators::{Case, cases, mixture};
use judge::{Cov, Law, abs_difference, truths};
use ndarray::{Array2, ArrayD, array};
use proptest::prelude::*;
use tweedie::arith::Real;
use tweedie::channel::Channel;
use tweedie::law::{Evaluation, Quantity};

/// The arrays of an evaluation, in the judge's order and by its names.
fn arrays<T: Real>(e: Evaluation<T>) -> Vec<(&'static str, ArrayD<T>)> {
    vec![
        ("log_density", e.log_density.expect("wanted").into_dyn()),
        ("score", e.score.expect("wanted").into_dyn()),
        ("denoiser", e.denoiser.expect("wanted").into_dyn()),
        ("noise", e.noise.expect("wanted").into_dyn()),
        ("covariance", e.covariance.expect("wanted").into_dyn()),
        ("responsibilities", e.responsibilities.expect("wanted").into_dyn()),
    ]
}

/// The judge carries at least 256 bits; its largest intermediates are squares of the means and points over s²,
/// so what it returns is exact to far better than 2⁻²⁰⁰ of those.
fn judge_resolution(law: &Law, rows: &[Vec<f64>]) -> f64 {
    let largest = rows.iter().chain(&law.means).flatten().fold(1.0f64, |m, x| m.max(x.abs()));
    2f64.powi(-200) * largest * largest
}

/// The worst |value − truth|/bound of each quantity.
fn worst_ratios<T: Real>(case: &Case, count: usize) -> Vec<(&'static str, f64)> {
    ratios::<T>(&case.law(), case.channel(), case.points(count))
}

fn ratios<T: Real>(
    numbers: &Law,
    channel: Channel,
    points: Array2<f64>,
) -> Vec<(&'static str, f64)> {
    let law = mixture(numbers).through::<T>(channel).expect("tables");
    let rounded = points.mapv(T::from_f64);
    let found = arrays(law.evaluate(rounded.view(), &Quantity::ALL).expect("an evaluation"));
    let bounds = arrays(law.bounds(points.view(), &Quantity::ALL).expect("bounds"));
    let rows: Vec<Vec<f64>> = points.outer_iter().map(|row| row.to_vec()).collect();
    let resolution = judge_resolution(numbers, &rows);
    let truth = truths(numbers, channel.a(), channel.s(), &rows);
    found
        .iter()
        .zip(&bounds)
        .map(|((name, values), (_, bounds))| {
            let exact = truth.iter().flat_map(|t| {
                let of_name = t.quantities().into_iter().find(|(other, _)| other == name);
                of_name.expect("a quantity of the judge").1.to_vec()
            });
            let mut worst = 0.0f64;
            for ((value, bound), exact) in values.iter().zip(bounds).zip(exact) {
                assert!(value.is_finite(), "{name} is {value}");
                assert!(*bound >= 0.0, "the bound of {name} is {bound}");
                let error = abs_difference(&exact, value.to_f64());
                // What the judge itself cannot resolve, for instance a variance that is exactly zero.
                if error > resolution {
                    worst = worst.max(error / bound);
                }
            }
            (*name, worst)
        })
        .collect()
}

fn check<T: Real>(case: &Case, count: usize) -> Result<(), TestCaseError> {
    for (name, ratio) in worst_ratios::<T>(case, count) {
        prop_assert!(ratio <= 1.0, "{}: {name} is off by {ratio} of its bound", T::NAME);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn small_laws_are_within_the_bound(case in cases(5, 9)) {
        check::<f64>(&case, 3)?;
        check::<f32>(&case, 3)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn laws_of_several_blocks_are_within_the_bound(case in cases(3, 200)) {
        check::<f64>(&case, 1)?;
        check::<f32>(&case, 1)?;
    }

    #[test]
    fn laws_in_64_dimensions_are_within_the_bound(case in cases(64, 3)) {
        check::<f64>(&case, 1)?;
        check::<f32>(&case, 1)?;
    }
}

/// A bound that is always far too wide would make every test above pass: over sixty cases the worst error of
/// each quantity must come within a factor 1000 of its bound.
#[test]
fn the_bounds_are_not_vacuous() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut worst = std::collections::BTreeMap::<&str, f64>::new();
    for _ in 0..60 {
        let case = cases(4, 6).new_tree(&mut runner).expect("a case").current();
        for (name, ratio) in worst_ratios::<f64>(&case, 3) {
            let entry = worst.entry(name).or_default();
            *entry = entry.max(ratio);
        }
    }
    for (name, ratio) in worst {
        assert!(ratio > 1e-3, "{name}: the worst error is {ratio} of its bound");
    }
}

/// Laws made to reach the ends of f32: products that underflow on the way to a normal number, a small coordinate
/// beside a huge one, deviations whose squares are near the largest number. Each once broke a bound.
#[test]
fn the_bounds_hold_at_the_ends_of_f32() {
    let isotropic = |weights: Vec<f64>, means: Vec<Vec<f64>>, variances: Vec<f64>| Law {
        weights,
        means,
        cov: Cov::Isotropic(variances),
    };
    let one = |mean: Vec<f64>, variance: f64| isotropic(vec![1.0], vec![mean], vec![variance]);
    let apart = isotropic(vec![0.5, 0.5], vec![vec![2e18], vec![-2e18]], vec![0.0, 0.0]);
    let wide = isotropic(vec![0.5, 0.5], vec![vec![0.0], vec![1.3e4]], vec![1e6, 1e6]);
    let uneven = isotropic(vec![0.5, 0.5], vec![vec![0.0], vec![1.0]], vec![0.25, 3.0]);
    let cases = [
        ("large deviations", apart, 1.0, 1e18, array![[0.0], [1e18], [-7e17]]),
        ("a small coordinate, far", one(vec![0.0, 0.0], 0.5), 1.0, 1.0, array![[1e25, 1.2e-17]]),
        ("a subnormal gain", one(vec![0.0], 1.03e-42), 1.0, 1.0, array![[1e10], [3e15]]),
        ("a subnormal noise", one(vec![0.0], 0.0), 1.0, 1e-3, array![[1.1e-42], [3e-41]]),
        ("a subnormal weight", wide, 1.0, 1.0, array![[0.0], [1.3e4], [6.5e3]]),
        ("a small noise", uneven, 1.0, 4.1e-18, array![[0.3], [0.9]]),
    ];
    for (what, law, a, s, points) in cases {
        let channel = Channel::new(a, s).expect("a channel");
        for (name, ratio) in ratios::<f32>(&law, channel, points) {
            assert!(ratio <= 1.0, "{what}: {name} is off by {ratio} of its bound");
        }
    }
}

/// A covariance of 4e36 is within f32 and must be bounded, not merely declared unknown.
#[test]
fn a_large_covariance_has_a_bound() {
    let law = Law {
        weights: vec![0.5, 0.5],
        means: vec![vec![2e18], vec![-2e18]],
        cov: Cov::Isotropic(vec![0.0, 0.0]),
    };
    let channel = Channel::new(1.0, 1e18).expect("a channel");
    let law = mixture(&law).through::<f32>(channel).expect("tables");
    let bounds = law.bounds(array![[0.0]].view(), &[Quantity::Covariance]).expect("bounds");
    let bound = bounds.covariance.expect("wanted")[[0, 0, 0]];
    // One part in a thousand of the value: far from vacuous at u = 2⁻²⁴.
    assert!(bound < 4e33, "{bound}");
}
