//! E6 on grids: the minimum of the loss as defined, manufactured solutions, the limit E5, what a Gaussian law shows.
//!
//! Spec: E6.

mod optima;

use ndarray::Array2;
use optima::{affine_optimum, apart, is_second_order, line_gaussian, two_modes};
use proptest::prelude::*;
use tweedie::arith::fill_normal;
use tweedie::channel::Channel;
use tweedie::error::Error;
use tweedie::law::{Mixture, toy_law};
use tweedie::optimum::{
    BoxPerturbation, Grid, GridAxis, Sampled, certify_finite_radius, certify_resolvent, distance,
    finite_radius, finite_radius_of, resolvent_of,
};

const U: f64 = f64::EPSILON / 2.0;

fn normals(seed: u64, stream: u64, n: usize) -> Vec<f64> {
    let mut out = vec![0.0; n];
    fill_normal(seed, stream, 0, &mut out);
    out
}

/// E over u uniform in [−ρ, ρ] of the hat at k, by the midpoint rule on 2¹⁴ points a unit, and the second moment set right.
fn hats(rho: f64) -> Vec<f64> {
    let m = rho.ceil() as usize;
    let count = (rho * 16384.0).ceil() as usize * 2;
    let mut all = vec![0.0; 2 * m + 1];
    for i in 0..count {
        let u = -rho + 2.0 * rho * (i as f64 + 0.5) / count as f64;
        for (k, q) in all.iter_mut().enumerate() {
            *q += (1.0 - (u - (k as f64 - m as f64)).abs()).max(0.0) / count as f64;
        }
    }
    let second: f64 = all.iter().enumerate().map(|(k, q)| q * (k as f64 - m as f64).powi(2)).sum();
    for (k, q) in all.iter_mut().enumerate() {
        *q *= if k == m { 0.0 } else { rho * rho / 3.0 / second };
    }
    all[m] = 1.0 - all.iter().sum::<f64>();
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// The loss as defined, Σ p_i(D_i − D*_i)² + λ·Σ_i Σ_k q_k·p_i(D_i − D_{i+k})², is least at the solution: along any direction
    /// its slope is no more than the residual and the weights' own accuracy allow, and its curvature is positive.
    #[test]
    fn the_loss_as_defined_is_least_there(
        seed in any::<u64>(), n in 8usize..24, rough in 0.0f64..2.0, lambda in 0.0f64..50.0,
        rho in 0.3f64..5.0,
    ) {
        let grid = Grid::new(vec![GridAxis::new(0.0, (n - 1) as f64, n).expect("an axis")]).expect("a grid");
        let log: Vec<f64> = normals(seed, 1, n).iter().map(|z| rough * z).collect();
        let target = normals(seed, 2, n);
        let column = Array2::from_shape_fn((n, 1), |(i, _)| target[i]);
        let sampled = Sampled::new(grid, log.clone(), column).expect("numbers");
        let perturbation = BoxPerturbation::new(lambda, rho).expect("a perturbation");
        let solved = finite_radius(&sampled, perturbation, 1.0).expect("a solution");
        let values: Vec<f64> = solved.values.iter().copied().collect();
        let q = hats(rho);
        let m = q.len() / 2;
        let p: Vec<f64> = log.iter().map(|v| v.exp()).collect();
        let loss = |d: &[f64], target: &[f64]| -> f64 {
            let mut sum = 0.0;
            for i in 0..n {
                sum += p[i] * (d[i] - target[i]).powi(2);
                for (k, q) in q.iter().enumerate() {
                    if let Some(j) = (i + k).checked_sub(m).filter(|j| *j < n) {
                        sum += lambda * q * p[i] * (d[i] - d[j]).powi(2);
                    }
                }
            }
            sum
        };
        for direction in 0..4 {
            let delta = normals(seed, 3 + direction, n);
            let moved = |t: f64| -> Vec<f64> { values.iter().zip(&delta).map(|(v, e)| v + t * e).collect() };
            let (ahead, behind) = (loss(&moved(1.0), &target), loss(&moved(-1.0), &target));
            let here = loss(&values, &target);
            let curvature = loss(&delta, &vec![0.0; n]);
            // L(±1) = L ± slope + curvature for a quadratic form.
            let slope = 0.5 * (ahead - behind);
            let total: f64 = p.iter().zip(&delta).map(|(p, e)| p * e.abs()).sum();
            // The midpoint rule of the hats is off by 2⁻²⁸ relative, on kinks by no more than that.
            let weights = 2f64.powi(-26) * (1.0 + 8.0 * lambda) * p.iter().sum::<f64>() * 16.0;
            let bound = 2.0 * solved.residual[0] * total + weights + 1e3 * U * (ahead + behind);
            prop_assert!(slope.abs() <= bound, "{slope:e} {bound:e}");
            prop_assert!(ahead > here - bound && behind > here - bound && curvature > 0.0);
        }
    }

    /// Every node is within the range of the targets, up to the rounding of an average.
    #[test]
    fn the_maximum_principle_holds(
        seed in any::<u64>(), rows in 4usize..9, columns in 4usize..12, rough in 0.0f64..20.0,
        lambda in prop_oneof![Just(0.0), (-3.0f64..4.0).prop_map(|e| 10f64.powf(e))], rho in 0.2f64..2.9,
    ) {
        let axis = |n: usize| GridAxis::new(0.0, (n - 1) as f64, n).expect("an axis");
        let grid = Grid::new(vec![axis(rows), axis(columns)]).expect("a grid");
        let n = grid.len();
        let log: Vec<f64> = normals(seed, 1, n).iter().map(|z| rough * z).collect();
        let target = Array2::from_shape_fn((n, 1), |(i, _)| normals(seed, 2, n)[i]);
        let sampled = Sampled::new(grid, log, target.clone()).expect("numbers");
        let perturbation = BoxPerturbation::new(lambda, rho).expect("a perturbation");
        let solved = finite_radius(&sampled, perturbation, 1.0).expect("a solution");
        let low = target.iter().fold(f64::INFINITY, |m, &v| m.min(v));
        let high = target.iter().fold(f64::NEG_INFINITY, |m, &v| m.max(v));
        let slack = (4.0 * 2.0 * (2.0 * rho.ceil() + 1.0) + 32.0) * U * low.abs().max(high.abs());
        prop_assert!(solved.values.iter().all(|v| *v >= low - slack && *v <= high + slack));
    }
}

/// f = K v for v = sin x by a midpoint rule of 4000 points in u, at grids of h and h/2.
#[test]
fn manufactured_solutions_come_back_at_second_order() {
    let (law, channel) = (two_modes(), Channel::new(1.0, 0.5).expect("a channel"));
    let noised = law.through::<f64>(channel).expect("tables");
    let (lambda, radius) = (1.5, 0.8);
    let reach = radius * 0.5;
    let mut errors = Vec::new();
    for nodes in [65, 129] {
        let grid = Grid::around(&law, channel, 8.0, nodes).expect("a grid");
        let points = grid.nodes();
        let log = noised.log_density(points.view()).expect("ln p").to_vec();
        let count = 4000;
        let step = |k: usize| -reach + 2.0 * reach * (k as f64 + 0.5) / count as f64;
        let exact = points.mapv(f64::sin);
        let target = Array2::from_shape_fn((nodes, 1), |(i, _)| {
            let x = points[[i, 0]];
            let around = Array2::from_shape_fn((count, 1), |(k, _)| x + step(k));
            let near = noised.log_density(around.view()).expect("ln p");
            let pairs: f64 = (0..count)
                .map(|k| (1.0 + (near[k] - log[i]).exp()) * (x.sin() - (x + step(k)).sin()))
                .sum();
            x.sin() + lambda * pairs / count as f64
        });
        let sampled = Sampled::new(grid, log.clone(), target).expect("numbers");
        let perturbation = BoxPerturbation::new(lambda, radius).expect("a perturbation");
        let solved = finite_radius(&sampled, perturbation, 0.5).expect("a solution");
        errors.push(apart(&log, &solved.values, &exact));
    }
    assert!(is_second_order(errors[0], errors[1]), "{errors:?}");
}

/// E6 → E5 at the rate r², on the line and in the plane, beyond the errors of both grids.
#[test]
fn the_limit_of_small_radius_is_the_resolvent() {
    let kappa = 0.5;
    for (law, nodes) in [(two_modes(), 1025), (toy_law("three-gaussians").expect("a law"), 97)] {
        let channel = Channel::new(1.0, 0.5).expect("a channel");
        let noised = law.through::<f64>(channel).expect("tables");
        let grid = Grid::around(&law, channel, 8.0, nodes).expect("a grid");
        let limit = resolvent_of(&law, channel, kappa, &grid).expect("a solution");
        let mut apart = Vec::new();
        for radius in [1.0, 0.5] {
            let perturbation = BoxPerturbation::of_kappa(kappa, radius).expect("a perturbation");
            let field = finite_radius_of(&law, channel, perturbation, &grid).expect("a solution");
            let found = distance(&noised, channel, &grid, &field, &limit).expect("a distance");
            let between = certify_finite_radius(&law, perturbation, &limit).expect("a certificate");
            let own = certify_finite_radius(&law, perturbation, &field).expect("a certificate");
            assert!(found <= between.bound() + own.bound(), "{found:e} {between:?} {own:?}");
            apart.push(found);
        }
        assert!(is_second_order(apart[0], apart[1]), "{apart:?}");
    }
}

/// For a Gaussian law and a random ω the affine optimum E2 is the optimum among affine maps only: the distance of the
/// optimum from it is more than the certificate allows for an error, and falls with r.
#[test]
fn the_optimum_of_a_gaussian_law_is_not_affine() {
    let (law, channel) = (line_gaussian(0.5, 0.49), Channel::new(0.8, 0.5).expect("a channel"));
    let noised = law.through::<f64>(channel).expect("tables");
    let grid = Grid::around(&law, channel, 8.0, 1025).expect("a grid");
    let affine = affine_optimum(&[0.5], &[0.49], channel, 0.5);
    let mut apart = Vec::new();
    for radius in [1.0, 0.5] {
        let perturbation = BoxPerturbation::of_kappa(0.5, radius).expect("a perturbation");
        let field = finite_radius_of(&law, channel, perturbation, &grid).expect("a solution");
        let certificate = certify_finite_radius(&law, perturbation, &field).expect("a certificate");
        let found = distance(&noised, channel, &grid, &field, &affine).expect("a distance");
        assert!(found > certificate.bound(), "{found:e} {certificate:?}");
        apart.push(found);
    }
    assert!(is_second_order(apart[0], apart[1]), "{apart:?}");
}

/// λ = 0 is D*; the certificate of another λ's field is as large as the fields are apart.
#[test]
fn certificates_see_a_wrong_field() {
    let (law, channel) = (two_modes(), Channel::new(1.0, 0.5).expect("a channel"));
    let noised = law.through::<f64>(channel).expect("tables");
    let grid = Grid::around(&law, channel, 8.0, 513).expect("a grid");
    let of = |lambda: f64| {
        let how = BoxPerturbation::new(lambda, 0.7).expect("a perturbation");
        (how, finite_radius_of(&law, channel, how, &grid).expect("a solution"))
    };
    let ((_, zero), (one, field)) = (of(0.0), of(1.0));
    let exact = resolvent_of(&law, channel, 0.0, &grid).expect("a solution");
    let tiny = distance(&noised, channel, &grid, &zero, &exact).expect("a distance");
    assert!(tiny <= 1e-10, "the residual's goal, 1e-11 of a range of less than 10: {tiny:e}");
    let own = certify_finite_radius(&law, one, &field).expect("a certificate").bound();
    let wrong = certify_finite_radius(&law, one, &zero).expect("a certificate").bound();
    let off = distance(&noised, channel, &grid, &field, &zero).expect("a distance");
    assert!(off > own && off <= wrong + own, "{off:e} {own:e} {wrong:e}");
    let other = certify_resolvent(&law, one.kappa(), &field).expect("a certificate").bound();
    assert!(other > own, "E5's equation is not E6's: {other:e} {own:e}");
}

#[test]
fn bits_do_not_depend_on_threads() {
    let law = toy_law("three-gaussians").expect("a law");
    let channel = Channel::new(1.0, 0.5).expect("a channel");
    let grid = Grid::around(&law, channel, 8.0, 40).expect("a grid");
    let how = BoxPerturbation::new(2.0, 0.6).expect("a perturbation");
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| {
            let field = finite_radius_of(&law, channel, how, &grid).expect("a solution");
            let certificate = certify_finite_radius(&law, how, &field).expect("a certificate");
            (field, certificate)
        })
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn what_cannot_be_solved_is_refused() {
    let domain = |error: Option<Error>, expected: &str| {
        assert!(
            matches!(&error, Some(Error::Domain { what, .. }) if *what == expected),
            "{error:?}"
        );
    };
    domain(BoxPerturbation::new(-1.0, 1.0).err(), "lambda");
    domain(BoxPerturbation::new(1.0, 0.0).err(), "radius");
    domain(BoxPerturbation::of_kappa(1.0, f64::INFINITY).err(), "radius");
    let channel = Channel::new(1.0, 0.5).expect("a channel");
    let how = |radius: f64| BoxPerturbation::new(1.0, radius).expect("a perturbation");
    let grid = |law: &Mixture| Grid::around(law, channel, 8.0, 65).expect("a grid");
    let law = two_modes();
    domain(
        finite_radius_of(&law, channel, how(50.0), &grid(&law)).err(),
        "reach of the perturbation",
    );
    let far = Mixture::point_masses(ndarray::array![[0.0], [100.0]]).expect("a law");
    let found = finite_radius_of(&far, channel, how(1.0), &grid(&far));
    domain(found.err(), "span of the log density over the grid");
}
