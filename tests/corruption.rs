//! Corruption of data: what is done to samples has the law that is claimed, by bounds that hold for every n.

use ndarray::{Array2, ArrayView2, arr2, s};
use tweedie::Error;
use tweedie::arith::{fill_normal, mean};
use tweedie::channel::Channel;
use tweedie::law::{
    Corruption, CorruptionKind, Covariance, MOST_COMPONENTS, Mixture, digits, toy_law,
};

/// Samples of a comparison.
const N: usize = 40_000;
/// Frequencies of a comparison.
const FREQUENCIES: usize = 16;
/// No comparison of a whole file's run fails by chance with more than this probability.
const FALSE_ALARM: f64 = 1e-9;
/// Means that are compared in this file: laws · kinds · frequencies · (cosine, sine), and the score's.
const COMPARISONS: f64 = (5 * 4 * FREQUENCIES * 2 + 4 * FREQUENCIES * 2) as f64;

/// Hoeffding: the mean of n independent numbers in an interval of this width is off by more with probability at most
/// `FALSE_ALARM / COMPARISONS`, for every n.
fn hoeffding(n: usize, width: f64) -> f64 {
    width * ((2.0 * COMPARISONS / FALSE_ALARM).ln() / (2.0 * n as f64)).sqrt()
}

fn kinds(d: usize) -> [CorruptionKind; 4] {
    [
        CorruptionKind::Gaussian { deviation: 0.75 },
        CorruptionKind::Outliers { centre: vec![0.5; d], deviation: 3.0 },
        CorruptionKind::MissingCoordinates { fill: -1.5, probability: 0.6 },
        CorruptionKind::MissingCoordinate { fill: 2.5 },
    ]
}

fn laws() -> Vec<Mixture> {
    let diagonal = Covariance::diagonal(arr2(&[[0.5, 0.0, 2.0], [0.1, 1.0, 0.3]])).unwrap();
    let means = arr2(&[[1.0, 0.0, -1.0], [-1.0, 0.5, 2.0]]);
    let mut laws: Vec<Mixture> = ["oblique-plane", "three-gaussians", "ring", "training-set"]
        .map(|n| toy_law(n).unwrap())
        .into();
    laws.push(Mixture::new(vec![0.3, 0.7], means, diagonal).unwrap());
    laws
}

fn frequencies(d: usize, seed: u64) -> Array2<f64> {
    let mut values = vec![0.0; FREQUENCIES * d];
    fill_normal(seed, 0, 0, &mut values);
    Array2::from_shape_vec((FREQUENCIES, d), values).unwrap()
}

/// E e^(iω·x) of a mixture.
fn characteristic(law: &Mixture, omega: &[f64]) -> (f64, f64) {
    let d = omega.len();
    (0..law.components()).fold((0.0, 0.0), |(cosine, sine), k| {
        let sigma = law.covariance().matrix(k, d);
        let form: f64 =
            (0..d * d).map(|at| omega[at / d] * sigma[[at / d, at % d]] * omega[at % d]).sum();
        let phase: f64 = law.means().row(k).iter().zip(omega).map(|(m, w)| m * w).sum();
        let size = law.weights()[k] * (-0.5 * form).exp();
        (cosine + size * phase.cos(), sine + size * phase.sin())
    })
}

fn phases(points: ArrayView2<'_, f64>, omega: &[f64]) -> Vec<f64> {
    points.outer_iter().map(|x| x.iter().zip(omega).map(|(x, w)| x * w).sum()).collect()
}

/// The largest difference between the sample's characteristic function and the law's, in units of the bound.
fn worst(points: ArrayView2<'_, f64>, law: &Mixture) -> f64 {
    let bound = hoeffding(points.nrows(), 2.0);
    frequencies(points.ncols(), 77).outer_iter().fold(0.0, |worst: f64, omega| {
        let omega = omega.to_vec();
        let (cosine, sine) = characteristic(law, &omega);
        let phases = phases(points, &omega);
        let of = |f: fn(f64) -> f64| mean(&phases.iter().map(|&p| f(p)).collect::<Vec<f64>>());
        worst.max((of(f64::cos) - cosine).abs() / bound).max((of(f64::sin) - sine).abs() / bound)
    })
}

#[test]
fn a_corrupted_sample_has_the_corrupted_law() {
    for (seed, clean) in laws().iter().enumerate() {
        let points = clean.sample(seed as u64, 0, N).unwrap().points;
        for kind in kinds(clean.dimension()) {
            let corruption = Corruption::new(0.4, kind).unwrap();
            let found = corruption.corrupt(points.view(), seed as u64, 0).unwrap();
            let law = corruption.law(clean).unwrap();
            let ratio = worst(found.points.view(), &law);
            assert!(ratio <= 1.0, "{:?}: {ratio}", corruption.kind());
            // The bound is not idle: the clean law, and that of half the fraction, are outside it.
            let half = Corruption::new(0.2, corruption.kind().clone()).unwrap().law(clean).unwrap();
            assert!(worst(found.points.view(), clean) > 1.0, "{:?}", corruption.kind());
            assert!(worst(found.points.view(), &half) > 1.0, "{:?}", corruption.kind());
            let chosen = found.chosen.iter().filter(|c| **c).count() as f64 / N as f64;
            assert!((chosen - 0.4).abs() <= hoeffding(N, 1.0));
        }
    }
}

/// T1 on corrupted data: E[(D*(x) − x₀)_i·cos(ω·x)] = 0 for D* of the corrupted law. The points are bounded, so D* and
/// x₀ are, and so is every term: by twice the largest coordinate.
#[test]
fn the_exact_denoiser_is_that_of_the_corrupted_law() {
    let clean = toy_law("training-set").unwrap();
    let (channel, fill) = (Channel::new(0.9, 0.4).unwrap(), 2.5);
    for kind in [
        CorruptionKind::MissingCoordinates { fill, probability: 0.5 },
        CorruptionKind::MissingCoordinate { fill },
    ] {
        let corruption = Corruption::new(0.5, kind).unwrap();
        let points = clean.sample(3, 0, N).unwrap().points;
        let x0 = corruption.corrupt(points.view(), 3, 0).unwrap().points;
        let mut noise = vec![0.0; 2 * N];
        fill_normal(3, 1 << 40, 0, &mut noise);
        let mut x = x0.clone();
        x.iter_mut().zip(&noise).for_each(|(x, e)| *x = channel.a() * *x + channel.s() * e);
        let largest = x0.iter().fold(fill, |m, x| m.max(x.abs()));
        let ratio = |law: &Mixture| {
            let denoised = law.through::<f64>(channel).unwrap().denoiser(x.view()).unwrap();
            let bound = hoeffding(N, 4.0 * largest);
            frequencies(2, 5).outer_iter().fold(0.0, |worst: f64, omega| {
                let phases = phases(x.view(), &omega.to_vec());
                (0..2).fold(worst, |worst, i| {
                    let terms: Vec<f64> =
                        (0..N).map(|n| (denoised[[n, i]] - x0[[n, i]]) * phases[n].cos()).collect();
                    worst.max(mean(&terms).abs() / bound)
                })
            })
        };
        let own = ratio(&corruption.law(&clean).unwrap());
        assert!(own <= 1.0, "{own}");
        assert!(ratio(&clean) > 1.0);
    }
}

#[test]
fn none_and_all() {
    for clean in laws() {
        let points = clean.sample(1, 0, 50).unwrap().points;
        for kind in kinds(clean.dimension()) {
            let none = Corruption::new(0.0, kind.clone()).unwrap();
            assert_eq!(none.law(&clean).unwrap(), clean);
            let same = none.corrupt(points.view(), 1, 0).unwrap();
            assert_eq!(same.points, points);
            assert!(!same.chosen.contains(&true));
            let all = Corruption::new(1.0, kind.clone()).unwrap();
            assert!(!all.corrupt(points.view(), 1, 0).unwrap().chosen.contains(&false));
            let (k, d) = (clean.components(), clean.dimension());
            let expected = match kind {
                CorruptionKind::Gaussian { .. } => k,
                CorruptionKind::Outliers { .. } => 1,
                CorruptionKind::MissingCoordinates { .. } => k << d,
                CorruptionKind::MissingCoordinate { .. } => k * d,
            };
            assert_eq!(all.law(&clean).unwrap().components(), expected);
        }
    }
}

/// Components, weights and moments of a law whose numbers are all dyadic, so that every one is exact.
#[test]
fn the_corrupted_law_by_hand() {
    let covariance = Covariance::isotropic(vec![0.25, 1.0]).unwrap();
    let clean =
        Mixture::new(vec![0.25, 0.75], arr2(&[[1.0, 2.0], [-1.0, 0.0]]), covariance).unwrap();
    let gaussian = Corruption::new(0.5, CorruptionKind::Gaussian { deviation: 0.5 }).unwrap();
    let law = gaussian.law(&clean).unwrap();
    assert_eq!(law.weights(), [0.125, 0.375, 0.125, 0.375]);
    assert_eq!(*law.covariance(), Covariance::isotropic(vec![0.25, 1.0, 0.5, 1.25]).unwrap());
    let outliers = Corruption::outliers_of(&clean, 0.5, 2.0).unwrap();
    let law = outliers.law(&clean).unwrap();
    assert_eq!(law.weights(), [0.125, 0.375, 0.5]);
    assert_eq!(law.means().row(2).to_vec(), clean.mean());
    // tr C/d with C = Σ + the spread of the means: (0.25·0.25 + 0.75·1) + (0.1875·(4 + 4))/2.
    let square = 0.8125 + 0.75;
    let Covariance::Isotropic(values) = law.covariance() else { panic!("isotropic") };
    assert!((values[2] - 4.0 * square).abs() <= 4.0 * f64::EPSILON * values[2]);
    let missing = CorruptionKind::MissingCoordinates { fill: 8.0, probability: 0.5 };
    let law = Corruption::new(0.5, missing).unwrap().law(&clean).unwrap();
    assert_eq!(
        law.weights(),
        [0.15625, 0.46875, 0.03125, 0.09375, 0.03125, 0.09375, 0.03125, 0.09375]
    );
    assert_eq!(
        law.means().slice(s![2..6, ..]),
        arr2(&[[8.0, 2.0], [8.0, 0.0], [1.0, 8.0], [-1.0, 8.0]])
    );
    let Covariance::Diagonal(values) = law.covariance() else { panic!("diagonal") };
    assert_eq!(
        values.slice(s![2..8, ..]),
        arr2(&[[0.0, 0.25], [0.0, 1.0], [0.25, 0.0], [1.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    );
    let one = Corruption::new(0.5, CorruptionKind::MissingCoordinate { fill: 8.0 }).unwrap();
    assert_eq!(one.law(&clean).unwrap().weights(), [0.125, 0.375, 0.0625, 0.1875, 0.0625, 0.1875]);
    // A coordinate of a full covariance goes with its row and column.
    let full = toy_law("three-gaussians").unwrap();
    let law = one.law(&full).unwrap();
    assert_eq!(law.covariance().matrix(3, 2), arr2(&[[0.0, 0.0], [0.0, 0.125]]));
}

#[test]
fn all_the_digits() {
    let clean = toy_law("digits").unwrap();
    let gaussian = Corruption::new(0.3, CorruptionKind::Gaussian { deviation: 0.2 }).unwrap();
    let law = gaussian.law(&clean).unwrap();
    assert_eq!(law.components(), 2 * 1797);
    assert_eq!(
        Corruption::outliers_of(&clean, 0.1, 3.0).unwrap().law(&clean).unwrap().components(),
        1798
    );
    let x = digits::images().unwrap().slice(s![..3, ..]).to_owned();
    let channel = Channel::variance_exploding(0.5).unwrap();
    assert!(
        law.through::<f64>(channel).unwrap().score(x.view()).unwrap().iter().all(|s| s.is_finite())
    );
    let one = Corruption::new(0.3, CorruptionKind::MissingCoordinate { fill: -1.0 }).unwrap();
    let law = one.law(&clean).unwrap();
    assert_eq!(law.components(), 1797 * 65);
    assert!(law.components() <= MOST_COMPONENTS);
    let total: f64 = tweedie::arith::sum(law.weights());
    // K weights, each divided by a sum of K roundings.
    assert!((total - 1.0).abs() <= 2.0 * law.components() as f64 * f64::EPSILON);
    let kind = CorruptionKind::MissingCoordinates { fill: 0.0, probability: 0.1 };
    let refused = Corruption::new(0.3, kind).unwrap().law(&clean);
    assert!(matches!(refused, Err(Error::Domain { value, .. }) if value > 1e22));
}

/// A row is the same whichever rows come with it, and another stream is another draw.
#[test]
fn rows_are_independent() {
    let points = toy_law("oblique-plane").unwrap().sample(1, 0, 100).unwrap().points;
    for kind in kinds(3) {
        let corruption = Corruption::new(0.5, kind).unwrap();
        let whole = corruption.corrupt(points.view(), 9, 4).unwrap();
        let part = corruption.corrupt(points.slice(s![..37, ..]), 9, 4).unwrap();
        assert_eq!(whole.points.slice(s![..37, ..]), part.points);
        assert_eq!(whole.chosen[..37], part.chosen);
        let rest = corruption.corrupt_rows(points.slice(s![37.., ..]), 9, 4, 37).unwrap();
        assert_eq!(whole.points.slice(s![37.., ..]), rest.points);
        let mut changed = points.clone();
        changed.row_mut(5).fill(100.0);
        let other = corruption.corrupt(changed.view(), 9, 4).unwrap();
        assert_eq!(whole.chosen, other.chosen);
        assert_eq!(whole.points.slice(s![6.., ..]), other.points.slice(s![6.., ..]));
        assert_ne!(whole, corruption.corrupt(points.view(), 9, 5).unwrap());
    }
}

#[test]
fn bad_input_is_refused() {
    let refused =
        |fraction: f64, kind: CorruptionKind| Corruption::new(fraction, kind).unwrap_err();
    let gaussian = |deviation: f64| CorruptionKind::Gaussian { deviation };
    for fraction in [-0.1, 1.5, f64::NAN] {
        assert!(matches!(refused(fraction, gaussian(1.0)), Error::Domain { what: "fraction", .. }));
    }
    for deviation in [-1.0, f64::INFINITY, f64::NAN] {
        assert!(matches!(
            refused(0.5, gaussian(deviation)),
            Error::Domain { what: "deviation", .. }
        ));
    }
    let missing =
        |fill: f64, probability: f64| CorruptionKind::MissingCoordinates { fill, probability };
    assert!(matches!(refused(0.5, missing(f64::NAN, 0.5)), Error::Domain { what: "fill", .. }));
    assert!(matches!(refused(0.5, missing(0.0, 2.0)), Error::Domain { what: "probability", .. }));
    let outliers = |centre: Vec<f64>| CorruptionKind::Outliers { centre, deviation: 1.0 };
    assert!(matches!(refused(0.5, outliers(vec![])), Error::Empty { .. }));
    assert!(
        matches!(refused(0.5, outliers(vec![0.0, f64::NAN])), Error::Entry { index, .. } if index == [1])
    );
    let fits_not = Corruption::new(0.5, outliers(vec![0.0; 3])).unwrap();
    let ring = toy_law("ring").unwrap();
    assert!(matches!(fits_not.law(&ring), Err(Error::Shape { .. })));
    assert!(matches!(fits_not.corrupt(arr2(&[[0.0, 0.0]]).view(), 0, 0), Err(Error::Shape { .. })));
    let fine = Corruption::new(0.5, gaussian(1.0)).unwrap();
    assert!(matches!(fine.corrupt(Array2::zeros((0, 2)).view(), 0, 0), Err(Error::Empty { .. })));
    let bad = arr2(&[[0.0, 1.0], [f64::NAN, 0.0]]);
    assert!(
        matches!(fine.corrupt(bad.view(), 0, 0), Err(Error::NotFinite { index, .. }) if index == [1, 0])
    );
    let point = Mixture::point_masses(arr2(&[[1.0, 1.0]])).unwrap();
    assert!(matches!(Corruption::outliers_of(&point, 0.1, 2.0), Err(Error::Domain { .. })));
}
