//! The fast path equals the reference bit for bit: every instruction set, any number of threads, any batch (N3).

mod generators;
mod judge;

use generators::{Case, cases};
use ndarray::{Array2, ArrayView2, s};
use proptest::prelude::*;
use tweedie::arith::{Isa, Real};
use tweedie::law::{AtPoint, Evaluation, Noised, Quantity};

/// Every bit of an evaluation, in order.
fn bits<T: Real>(e: &Evaluation<T>) -> Vec<u64> {
    let mut out = Vec::new();
    let mut push = |values: Option<Vec<T>>| out.extend(values.into_iter().flatten().map(T::bits));
    push(e.log_density.as_ref().map(|v| v.to_vec()));
    push(e.score.as_ref().map(|v| v.iter().copied().collect()));
    push(e.denoiser.as_ref().map(|v| v.iter().copied().collect()));
    push(e.noise.as_ref().map(|v| v.iter().copied().collect()));
    push(e.responsibilities.as_ref().map(|v| v.iter().copied().collect()));
    push(e.covariance.as_ref().map(|v| v.iter().copied().collect()));
    out
}

/// One quantity of a point.
type Column<T> = fn(&AtPoint<T>) -> Vec<T>;

/// The same, from the reference, without the covariance (which has one path).
fn reference_bits<T: Real>(law: &Noised<T>, points: ArrayView2<'_, T>) -> Vec<u64> {
    let all = law.evaluate_reference(points).expect("an evaluation");
    let columns: [Column<T>; 5] = [
        |p| vec![p.log_density],
        |p| p.score.clone(),
        |p| p.denoiser.clone(),
        |p| p.noise.clone(),
        |p| p.responsibilities.clone(),
    ];
    columns.iter().flat_map(|pick| all.iter().flat_map(pick).map(T::bits)).collect()
}

const FIRST_ORDER: [Quantity; 5] = [
    Quantity::LogDensity,
    Quantity::Score,
    Quantity::Denoiser,
    Quantity::Noise,
    Quantity::Responsibilities,
];

fn points<T: Real>(case: &Case, n: usize) -> Array2<T> {
    case.points(n).mapv(T::from_f64)
}

fn check<T: Real>(case: &Case, n: usize) -> Result<(), TestCaseError> {
    let points = points::<T>(case, n);
    let tables = || case.mixture().through::<T>(case.channel()).expect("tables");
    let expected = reference_bits(&tables(), points.view());
    let mut covariances = Vec::new();
    for isa in Isa::available() {
        let law = tables().with_isa(isa);
        let found = law.evaluate(points.view(), &FIRST_ORDER).expect("an evaluation");
        prop_assert!(bits(&found) == expected, "{} in {isa:?}", T::NAME);
        let second = law.evaluate(points.view(), &[Quantity::Covariance]).expect("covariance");
        covariances.push(bits(&second));
    }
    prop_assert!(covariances.iter().all(|c| *c == covariances[0]), "covariance, {}", T::NAME);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn every_instruction_set_gives_the_reference_bits(case in cases(6, 12), n in 1usize..40) {
        check::<f64>(&case, n)?;
        check::<f32>(&case, n)?;
    }

    #[test]
    fn what_else_is_wanted_changes_no_bit(case in cases(4, 80)) {
        let law = case.mixture().through::<f64>(case.channel()).expect("tables");
        let points = points::<f64>(&case, 7);
        let all = law.evaluate(points.view(), &Quantity::ALL).expect("an evaluation");
        prop_assert_eq!(&law.log_density(points.view()).ok(), &all.log_density);
        prop_assert_eq!(&law.score(points.view()).ok(), &all.score);
        prop_assert_eq!(&law.denoiser(points.view()).ok(), &all.denoiser);
        prop_assert_eq!(&law.noise(points.view()).ok(), &all.noise);
        prop_assert_eq!(&law.responsibilities(points.view()).ok(), &all.responsibilities);
        prop_assert_eq!(&law.posterior_covariance(points.view()).ok(), &all.covariance);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn several_blocks_and_64_dimensions(case in cases(64, 200)) {
        check::<f64>(&case, 5)?;
        check::<f32>(&case, 5)?;
    }

    #[test]
    fn an_earlier_result_s_memory_changes_no_bit(
        case in cases(3, 70),
        before in cases(3, 70),
        n in 1usize..90,
        m in 1usize..90,
    ) {
        let law = case.mixture().through::<f64>(case.channel()).expect("tables");
        let other = before.mixture().through::<f64>(before.channel()).expect("tables");
        let (points, others) = (points::<f64>(&case, n), points::<f64>(&before, m));
        let earlier = other.evaluate(others.view(), &Quantity::ALL).expect("an evaluation");
        for wanted in [&Quantity::ALL[..], &FIRST_ORDER[1..2]] {
            let fresh = law.evaluate(points.view(), wanted).expect("an evaluation");
            let reused = law.evaluate_reusing(points.view(), wanted, earlier.clone());
            prop_assert!(bits(&reused.expect("an evaluation")) == bits(&fresh));
        }
    }

    #[test]
    fn threads_and_the_rest_of_the_batch_change_no_bit(case in cases(3, 70)) {
        let law = case.mixture().through::<f64>(case.channel()).expect("tables");
        let points = points::<f64>(&case, 700);
        let evaluate = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            pool.install(|| law.evaluate(points.view(), &Quantity::ALL).expect("an evaluation"))
        };
        let one = evaluate(1);
        prop_assert!(bits(&one) == bits(&evaluate(2)));
        prop_assert!(bits(&one) == bits(&evaluate(8)));
        let part = law.score(points.slice(s![313..402, ..])).expect("a score");
        prop_assert_eq!(part, one.score.expect("wanted").slice(s![313..402, ..]).to_owned());
    }
}
