//! E2 and E3 as denoisers: against 200-bit solutions, on the kernel, against least squares, and through samplers.

mod generators;
mod judge;
mod multiprecision;

use multiprecision::{Big, big};
use ndarray::{Array1, Array2, ArrayView2, arr1, arr2};
use proptest::prelude::*;
use tweedie::arith::Real;
use tweedie::attack::{Norm, Shape};
use tweedie::channel::Channel;
use tweedie::denoiser::{Affine, AffineMaps, Denoiser};
use tweedie::law::toy_law;
use tweedie::objective::{Constraint, Radius, Strength, Units};
use tweedie::optimum::{AffineObjective, AffineOptimum, Moments, Perturbation, Quadratic, Spread};
use tweedie::train::least_squares::{Penalty, normal_equations_of_law};

const U: f64 = f64::EPSILON / 2.0;

const READINGS: [(Constraint, Units); 4] = [
    (Constraint::Equivariance, Units::Noise),
    (Constraint::Invariance, Units::Noise),
    (Constraint::Equivariance, Units::Input),
    (Constraint::Invariance, Units::Input),
];

fn objective(
    (constraint, units): (Constraint, Units),
    lambda: f64,
    radius: f64,
) -> AffineObjective {
    AffineObjective {
        constraint,
        units,
        strength: Strength::new(lambda, 0.0).unwrap(),
        radius: Radius::new(radius, 0.0, 0.0).unwrap(),
    }
}

/// h and κ from E1, in 200 bits: the residual of D̂ is hAω − κω.
fn step_and_share(reading: (Constraint, Units), a: f64, s: f64) -> (Big, Big) {
    match reading {
        (Constraint::Equivariance, Units::Noise) => (big(s), big(0.0)),
        (Constraint::Invariance, Units::Noise) => (big(s), big(s) / big(a)),
        (Constraint::Equivariance, Units::Input) => (big(1.0), (big(1.0) - big(s)) / big(a)),
        (Constraint::Invariance, Units::Input) => (big(1.0), big(1.0) / big(a)),
    }
}

type Matrix = Vec<Vec<Big>>;

/// X with X·W = N, W symmetric and definite, by elimination: rows of Xᵀ solve W·xᵀ = nᵀ.
fn solved(mut left: Matrix, mut right: Matrix) -> Matrix {
    let d = left.len();
    for k in 0..d {
        for i in k + 1..d {
            let factor = left[i][k].clone() / left[k][k].clone();
            for j in 0..d {
                left[i][j] = left[i][j].clone() - factor.clone() * left[k][j].clone();
                right[i][j] = right[i][j].clone() - factor.clone() * right[k][j].clone();
            }
        }
    }
    for k in (0..d).rev() {
        let mut row = right[k].clone();
        for l in k + 1..d {
            let pairs = row.iter_mut().zip(&right[l]);
            pairs.for_each(|(sum, x)| *sum = sum.clone() - left[k][l].clone() * x.clone());
        }
        row.iter_mut().for_each(|sum| *sum = sum.clone() / left[k][k].clone());
        right[k] = row;
    }
    (0..d).map(|i| (0..d).map(|j| right[j][i].clone()).collect()).collect()
}

/// A and B of the minimiser, from the definition of the loss, in 200 bits. B is (I − aA)/s.
fn truth(
    reading: (Constraint, Units),
    (a, s, lambda): (f64, f64, f64),
    c: ArrayView2<'_, f64>,
    t: ArrayView2<'_, f64>,
) -> (Matrix, Matrix) {
    let (step, share) = step_and_share(reading, a, s);
    let d = c.nrows();
    let entry = |i: usize, j: usize| {
        let own = if i == j { big(s) * big(s) } else { big(0.0) };
        let spread = big(lambda) * step.clone() * big(t[[i, j]]);
        let left = big(a) * big(a) * big(c[[i, j]]) + own + step.clone() * spread.clone();
        (left, big(a) * big(c[[i, j]]) + share.clone() * spread)
    };
    let rows = |which: usize| -> Matrix {
        (0..d)
            .map(|i| {
                (0..d).map(|j| if which == 0 { entry(i, j).0 } else { entry(i, j).1 }).collect()
            })
            .collect()
    };
    let denoised = solved(rows(0), rows(1));
    let noise = (0..d)
        .map(|i| {
            (0..d)
                .map(|j| {
                    let own = if i == j { big(1.0) } else { big(0.0) };
                    (own - big(a) * denoised[i][j].clone()) / big(s)
                })
                .collect()
        })
        .collect();
    (denoised, noise)
}

/// ‖found − truth‖_F, the differences in 200 bits.
fn apart(found: &Array2<f64>, truth: &Matrix) -> f64 {
    let square = |((i, j), x): ((usize, usize), &f64)| {
        let off = (big(*x) - truth[i][j].clone()).to_f64();
        off * off
    };
    found.indexed_iter().map(square).sum::<f64>().sqrt()
}

fn norm(matrix: &Array2<f64>) -> f64 {
    matrix.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// BᵀDB with small integers in B: semidefinite exactly, of any rank.
fn exact_covariance(case: &generators::Case) -> Array2<f64> {
    let law = generators::Case { components: 1, ..case.clone() }.mixture();
    law.total_covariance()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_optimum_is_within_its_bound(
        case in generators::cases(6, 2),
        other in any::<u64>(),
        lambda in prop_oneof![Just(0.0), Just(0.3), Just(1e6), 0.01..10.0_f64],
        radius in prop_oneof![Just(0.0), Just(1e-3), 0.01..3.0_f64],
        reading in prop::sample::select(READINGS.to_vec()),
        isotropic in any::<bool>(),
    ) {
        let (channel, c) = (case.channel(), exact_covariance(&case));
        let d = c.nrows();
        let mean = Array1::from_elem(d, case.offset);
        let moments = Moments::new(mean.view(), c.view()).unwrap();
        let shape = exact_covariance(&generators::Case {
            seed: other, kind: generators::Kind::Full, ..case.clone()
        });
        let perturbation = if isotropic {
            Perturbation::Random(Shape::Box)
        } else {
            Perturbation::Covariance(Spread::covariance(shape.view()).unwrap())
        };
        let optimum =
            AffineOptimum::new(moments, objective(reading, lambda, radius), perturbation).unwrap();
        let found = match optimum.at(channel) {
            Ok(found) => found,
            Err(error) => {
                let only_a = case.a == 0.0 && reading != READINGS[0] && lambda > 0.0;
                prop_assert!(only_a, "{error}");
                return Ok(());
            }
        };
        // T as computed is within `spread.error()` of the T that is meant, and the bound counts that.
        let numbers = (channel.a(), channel.s(), lambda);
        let (denoised, noise) = if case.a > 0.0 || reading == READINGS[0] {
            truth(reading, numbers, c.view(), found.spread.matrix())
        } else {
            truth(READINGS[0], numbers, c.view(), found.spread.matrix())
        };
        let m = &found.minimiser;
        let (off, off_noise) = (apart(&m.denoised, &denoised), apart(&m.noise, &noise));
        prop_assert!(off <= m.error, "A: {off:e} {:e} {channel:?}", m.error);
        prop_assert!(off_noise <= m.noise_error, "B: {off_noise:e} {:e}", m.noise_error);
    }
}

/// A bound that bounds nothing would pass the test above: on laws of moderate size it is a few hundred roundings.
#[test]
fn the_bounds_are_not_vacuous() {
    for name in ["oblique-plane", "three-gaussians", "training-set"] {
        let moments = Moments::of_law(&toy_law(name).unwrap()).unwrap();
        let size = norm(&moments.covariance().to_owned());
        for reading in READINGS {
            let optimum = AffineOptimum::new(
                moments.clone(),
                objective(reading, 0.3, 1.0),
                Perturbation::Random(Shape::Box),
            )
            .unwrap();
            for s in [0.05, 1.0, 20.0] {
                let found = optimum.at(Channel::new(1.0, s).unwrap()).unwrap();
                let condition = 1.0 + size / (s * s);
                let error = found.minimiser.error;
                assert!(error <= 1000.0 * U * condition * (1.0 + norm(&found.minimiser.denoised)));
            }
        }
    }
}

/// C·n = 0 exactly on the oblique plane. With C′ the matrix that the formula works with, ‖C′ − C‖ ≤ e and least kept
/// eigenvalue c₊, A·n = a·W⁻¹·C′·n and C′n is in the range of C′, so ‖A·n‖ ≤ a·e·‖n‖/(a²c₊ + s²(1 + λτ²)): 1/s² does not enter.
#[test]
fn on_the_kernel_equivariance_is_zero_and_invariance_is_not() {
    let moments = Moments::of_law(&toy_law("oblique-plane").unwrap()).unwrap();
    let normal = arr1(&[1.0, 2.0, 2.0]) / 3.0;
    assert_eq!(moments.values()[0], 0.0);
    let least = moments.values()[1];
    for (a, s) in [(1.0, 1e-6), (1.0, 0.1), (0.6, 0.8), (0.1, 3.0)] {
        for lambda in [0.0, 0.3, 1e4] {
            let channel = Channel::new(a, s).unwrap();
            let at = |reading| {
                let optimum = AffineOptimum::new(
                    moments.clone(),
                    objective(reading, lambda, 1.0),
                    Perturbation::Random(Shape::Gaussian),
                )
                .unwrap();
                optimum.at(channel).unwrap().minimiser.denoised.clone()
            };
            let equivariance = at(READINGS[0]);
            let kept = equivariance.dot(&normal);
            // The last term: Q·g·Qᵀ·n is a chain of products of three roundings each, and n is rounded.
            let bound = a * moments.error() / (a * a * least + s * s * (1.0 + lambda))
                + 40.0 * U * norm(&equivariance);
            assert!(kept.dot(&kept).sqrt() <= bound, "{a} {s} {lambda}: {kept} {bound:e}");
            assert!(bound < 1e-12);
            let invariance = at(READINGS[1]);
            let exact = &normal * (lambda / a / (1.0 + lambda));
            let moved = invariance.dot(&normal) - &exact;
            // As above, about A − (λ/a)/(1 + λ)·I, which vanishes on the kernel as A_eq does.
            let bound = a * moments.error() / (a * a * least + s * s * (1.0 + lambda))
                + 40.0 * U * (norm(&invariance) + 1.0 / a);
            assert!(moved.dot(&moved).sqrt() <= bound, "{a} {s} {lambda}: {moved} {bound:e}");
            assert!(lambda == 0.0 || exact.dot(&exact).sqrt() > 1e3 * bound);
        }
    }
}

/// Planted mistakes in the gains, each of which the bound excludes.
#[test]
fn planted_mistakes_are_outside_the_bound() {
    let moments = Moments::of_law(&toy_law("three-gaussians").unwrap()).unwrap();
    let (a, s, lambda, tau) = (0.6, 0.5, 0.3, 1.0 / 3.0);
    let optimum = AffineOptimum::new(
        moments.clone(),
        objective(READINGS[0], lambda, 1.0),
        Perturbation::Random(Shape::Box),
    )
    .unwrap();
    let found = optimum.at(Channel::new(a, s).unwrap()).unwrap();
    type Gain = fn(f64, f64, f64, f64, f64) -> f64;
    let gains: [(bool, Gain); 5] = [
        (true, |a, s, c, l, t| a * c / (a * a * c + s * s * (1.0 + l * t))),
        (false, |a, s, c, l, t| a * c / (a * a * c + s * s + l * t)),
        (false, |a, s, c, l, t| a * c / (a * c + s * s * (1.0 + l * t))),
        (false, |a, s, c, _, _| a * c / (a * a * c + s * s)),
        (false, |a, s, c, l, t| a * c / (a * a * c + s * s * (1.0 + l * l * t))),
    ];
    for (right, gain) in gains {
        let diagonal: Array1<f64> =
            moments.values().iter().map(|&c| gain(a, s, c, lambda, tau)).collect();
        let matrix = (&moments.vectors() * &diagonal).dot(&moments.vectors().t());
        let off = norm(&(matrix - &found.minimiser.denoised));
        // The gains here and the product of three roundings each.
        let allowed = found.minimiser.error + 40.0 * U;
        assert_eq!(off <= allowed, right, "{off:e} {allowed:e}");
    }
}

/// The same optimum by another way: the normal equations of `train::least_squares`.
#[test]
fn least_squares_of_the_law_agrees() {
    let (lambda, radius) = (0.7, 0.9);
    for name in ["oblique-plane", "three-gaussians", "ring", "training-set"] {
        let moments = Moments::of_law(&toy_law(name).unwrap()).unwrap();
        for (constraint, units) in READINGS {
            for (a, s) in [(1.0, 0.2), (0.6, 0.8), (0.3, 5.0)] {
                let channel = Channel::new(a, s).unwrap();
                let optimum = AffineOptimum::new(
                    moments.clone(),
                    objective((constraint, units), lambda, radius),
                    Perturbation::Random(Shape::Sphere),
                )
                .unwrap();
                let d = moments.dimension();
                let tau_squared = Shape::Sphere.tau_squared(1.0, d) * (radius * radius);
                let penalty = Penalty { constraint, units, weight: lambda };
                let other = normal_equations_of_law(
                    channel,
                    moments.mean(),
                    moments.covariance(),
                    tau_squared,
                    penalty,
                )
                .unwrap();
                let solution = other.solve().unwrap();
                let found = optimum.at(channel).unwrap();
                let m = &found.minimiser;
                // M and N as computed are within a few roundings of those meant; W's least eigenvalue is at least s².
                let inputs = 8.0 * U * (norm(&other.left) * norm(&m.denoised) + norm(&other.right));
                let bound = m.error + solution.distance.unwrap() + 1.01 * inputs / (s * s);
                let off = norm(&(&m.denoised - &solution.matrix));
                assert!(off <= bound, "{name} {constraint:?} {units}: {off:e} {bound:e}");
                let (matrix, offset) = optimum.matrix_and_offset(channel).unwrap();
                assert_eq!(matrix, m.denoised);
                let size = moments.mean().iter().map(|m| m.abs()).sum::<f64>();
                let slack = (a * bound + 20.0 * U) * size;
                let pairs = offset.iter().zip(&solution.offset);
                assert!(pairs.into_iter().all(|(x, y)| (x - y).abs() <= slack));
            }
        }
    }
}

/// Predictions are those of the matrix, in either scalar, to the bit.
#[test]
fn it_is_a_denoiser() {
    fn check<T: Real>(optimum: &AffineOptimum, channel: Channel) {
        let fixed =
            Affine::fixed(optimum.mean(), optimum.at(channel).unwrap().minimiser.denoised.view())
                .unwrap();
        let x = arr2(&[[0.5, -1.0], [3.0, 0.25]]).mapv(T::from_f64);
        let v = arr2(&[[1.0, 2.0], [-1.0, 0.5]]).mapv(T::from_f64);
        let bits = |m: Array2<T>| m.mapv(|x| x.to_f64().to_bits());
        let both = [
            (optimum.denoise(channel, x.view()), fixed.denoise(channel, x.view())),
            (
                optimum.jacobian_vector(channel, x.view(), v.view()),
                fixed.jacobian_vector(channel, x.view(), v.view()),
            ),
            (
                optimum.vector_jacobian(channel, x.view(), v.view()),
                fixed.vector_jacobian(channel, x.view(), v.view()),
            ),
        ];
        for (one, other) in both {
            assert_eq!(bits(one.unwrap()), bits(other.unwrap()));
        }
    }
    let moments = Moments::of_law(&toy_law("three-gaussians").unwrap()).unwrap();
    for perturbation in [
        Perturbation::Random(Shape::Ball(Norm::L2)),
        Perturbation::Adversary(Norm::Linf),
        Perturbation::SourceAdversary,
    ] {
        let optimum =
            AffineOptimum::new(moments.clone(), objective(READINGS[0], 0.3, 1.0), perturbation)
                .unwrap();
        let channel = Channel::new(0.6, 0.8).unwrap();
        check::<f64>(&optimum, channel);
        check::<f32>(&optimum, channel);
        // Asked twice, the same.
        assert_eq!(optimum.at(channel).unwrap(), optimum.at(channel).unwrap());
    }
}

/// E r² is the integral of a parabola: Simpson's rule has no error.
#[test]
fn the_mean_square_of_the_radius_is_its_integral() {
    for (max, power, offset) in [(1.0, 2.0, 0.5), (0.0, 2.0, 0.03), (2.0, 1.0, 0.0)] {
        let radius = Radius::new(max, power, offset).unwrap();
        let channel = Channel::variance_exploding(0.7).unwrap();
        let c = radius.at(channel);
        let square = |b: f64| (c + b) * (c + b);
        let exact = (square(0.0) + 4.0 * square(offset / 2.0) + square(offset)) / 6.0;
        let found = radius.mean_square(channel);
        assert!((found - exact).abs() <= 16.0 * U * exact, "{found} {exact}");
    }
}

#[test]
fn bad_input_is_refused() {
    let (mean, c) = (arr1(&[0.0, 1.0]), Array2::<f64>::eye(2));
    assert!(Moments::new(mean.view(), arr2(&[[1.0]]).view()).is_err());
    assert!(Moments::new(mean.view(), arr2(&[[1.0, 0.0], [0.0, -1.0]]).view()).is_err());
    assert!(Moments::new(arr1(&[]).view(), Array2::zeros((0, 0)).view()).is_err());
    assert!(Moments::new(arr1(&[f64::NAN, 0.0]).view(), c.view()).is_err());
    let moments = Moments::new(mean.view(), c.view()).unwrap();
    let three = Spread::isotropic(3, 1.0);
    let ask = |perturbation| {
        AffineOptimum::new(moments.clone(), objective(READINGS[1], 0.3, 1.0), perturbation)
    };
    assert!(ask(Perturbation::Covariance(three)).is_err());
    assert!(Spread::covariance(arr2(&[[1.0, 2.0], [2.0, 1.0]]).view()).is_err());
    assert!(Spread::of_points(c.view(), &[1.0]).is_err());
    // Invariance has no optimum where a = 0, and the source's adversary none against invariance.
    let blind = Channel::new(0.0, 1.0).unwrap();
    assert!(ask(Perturbation::Random(Shape::Box)).unwrap().at(blind).is_err());
    let channel = Channel::new(1.0, 1.0).unwrap();
    assert!(ask(Perturbation::SourceAdversary).unwrap().at(channel).is_err());
    assert!(Quadratic::new(&moments, READINGS[0], -1.0, channel).is_err());
    assert!(Quadratic::new(&moments, READINGS[0], f64::NAN, channel).is_err());
    let quadratic = Quadratic::new(&moments, READINGS[0], 1.0, channel).unwrap();
    assert!(quadratic.minimiser_along(&[1.0]).is_err());
    assert!(quadratic.minimiser(&Spread::isotropic(3, 1.0)).is_err());
}
