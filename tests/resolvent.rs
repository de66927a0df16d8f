//! E5 on grids: against E2, against manufactured solutions, against dense linear algebra; the maximum principle to the last
//! bit; fields as denoisers.
//!
//! Spec: E5.

mod generators;
mod judge;
mod optima;

use ndarray::{Array2, array};
use optima::{affine_optimum, apart, is_second_order, line_gaussian, two_modes};
use proptest::prelude::*;
use tweedie::arith::fill_normal;
use tweedie::channel::{Channel, Steps};
use tweedie::denoiser::{Denoiser, Exact};
use tweedie::error::Error;
use tweedie::law::{Covariance, Mixture, Quantity, toy_law};
use tweedie::optimum::{
    Field, Fields, Grid, GridAxis, Sampled, Tail, certify_resolvent, distance, expectation,
    resolvent, resolvent_of,
};
use tweedie::sampler::{Method, Options, sample};

const U: f64 = f64::EPSILON / 2.0;

fn normals(seed: u64, stream: u64, n: usize) -> Vec<f64> {
    let mut out = vec![0.0; n];
    fill_normal(seed, stream, 0, &mut out);
    out
}

fn plane(rows: usize, columns: usize) -> Grid {
    let axis =
        |n: usize, h: f64| GridAxis::new(-1.0, -1.0 + h * (n - 1) as f64, n).expect("an axis");
    Grid::new(vec![axis(rows, 0.25), axis(columns, 0.5)]).expect("a grid")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// The certificate holds where the truth is known.
    #[test]
    fn gaussian_laws_give_e2_within_the_certificate(
        mean in -20.0f64..20.0, variance in 0.0f64..4.0, a in 0.05f64..1.0, s in 0.2f64..2.0,
        kappa in 0.01f64..20.0, nodes in 40usize..400,
    ) {
        let (law, channel) = (line_gaussian(mean, variance), Channel::new(a, s).expect("a channel"));
        let grid = Grid::around(&law, channel, 8.0, nodes).expect("a grid");
        let field = resolvent_of(&law, channel, kappa, &grid).expect("a solution");
        let certificate = certify_resolvent(&law, kappa, &field).expect("a certificate");
        let noised = law.through::<f64>(channel).expect("tables");
        let truth = affine_optimum(&[mean], &[variance], channel, kappa);
        let found = distance(&noised, channel, &grid, &field, &truth).expect("a distance");
        // The affine map and D* are each off by some 20 roundings of their size.
        let rounding = 100.0 * U * (mean.abs() + 9.0 * variance.sqrt() + 9.0);
        prop_assert!(found <= certificate.bound() + rounding, "{found:e} {certificate:?}");
    }

    /// Every node within the range of the targets, to the last bit, for any density and any target.
    #[test]
    fn the_maximum_principle_is_exact(
        seed in any::<u64>(), rows in 4usize..9, columns in 4usize..12, rough in 0.0f64..150.0,
        kappa in prop_oneof![Just(0.0), (-6.0f64..8.0).prop_map(|e| 10f64.powf(e))],
        offset in prop_oneof![Just(0.0), Just(1e9)],
    ) {
        let grid = plane(rows, columns);
        let n = grid.len();
        let log: Vec<f64> = normals(seed, 1, n).iter().map(|z| rough * z).collect();
        let target = Array2::from_shape_fn((n, 2), |(i, c)| offset + normals(seed, 2 + c as u64, n)[i]);
        let sampled = Sampled::new(grid, log, target.clone()).expect("numbers");
        let solved = resolvent(&sampled, kappa, 1.0).expect("a solution");
        for c in 0..2 {
            let column = target.column(c);
            let low = column.iter().fold(f64::INFINITY, |m, &v| m.min(v));
            let high = column.iter().fold(f64::NEG_INFINITY, |m, &v| m.max(v));
            prop_assert!(solved.values.column(c).iter().all(|v| (low..=high).contains(v)));
        }
    }

    /// No node is further from the solution of the discrete equations than the residual and its rounding; judged by a dense
    /// factorisation whose own residual, formed here, is added by the same argument.
    #[test]
    fn the_residual_bounds_the_solver(
        seed in any::<u64>(), rows in 4usize..8, columns in 4usize..9, rough in 0.0f64..4.0,
        kappa in 0.001f64..100.0,
    ) {
        let grid = plane(rows, columns);
        let n = grid.len();
        let log: Vec<f64> = normals(seed, 1, n).iter().map(|z| rough * z).collect();
        let target = Array2::from_shape_fn((n, 1), |(i, _)| normals(seed, 2, n)[i]);
        let sampled = Sampled::new(grid, log.clone(), target.clone()).expect("numbers");
        let solved = resolvent(&sampled, kappa, 2.0).expect("a solution");
        // The scheme, written out: faces (i, j) of equal cells, κs²/h²·√(p_j/p_i).
        let mut matrix = nalgebra::DMatrix::<f64>::identity(n, n);
        let mut largest: f64 = 0.0;
        for i in 0..n {
            for j in 0..n {
                let (along, across) = ((i % columns).abs_diff(j % columns), (i / columns).abs_diff(j / columns));
                let h = match (along, across) { (1, 0) => 0.5, (0, 1) => 0.25, _ => continue };
                let weight = kappa * 4.0 / (h * h) * (0.5 * (log[j] - log[i])).exp();
                matrix[(i, j)] -= weight;
                matrix[(i, i)] += weight;
            }
            largest = largest.max(matrix[(i, i)]);
        }
        let right = nalgebra::DVector::from_iterator(n, target.iter().copied());
        let dense = matrix.clone().lu().solve(&right).expect("regular");
        let left_over = (&right - &matrix * &dense).amax();
        let size = right.amax();
        // A weight is off by 8u of itself in either, a residual by 12 roundings of its terms.
        let rounding = 40.0 * U * (1.0 + 2.0 * largest) * size;
        let bound = solved.residual[0] + left_over + rounding;
        for i in 0..n {
            prop_assert!((solved.values[[i, 0]] - dense[i]).abs() <= bound);
        }
        prop_assert!(solved.residual[0] <= 1e-11 * 2.0 * size + rounding, "{:e}", solved.residual[0]);
    }

    /// Hard laws (point masses, deficient covariances, equal components, s from 1e-6): a solution in range, or a typed error.
    #[test]
    fn hard_laws_give_a_solution_or_say_why(case in generators::cases(2, 4), kappa in 0.0f64..10.0) {
        let (law, channel) = (case.mixture(), case.channel());
        let grid = match Grid::around(&law, channel, 8.0, 21) {
            Ok(grid) => grid,
            Err(error) => {
                prop_assert!(matches!(error, Error::Domain { .. }), "{error}");
                return Ok(());
            }
        };
        match resolvent_of(&law, channel, kappa, &grid) {
            Err(error) => prop_assert!(matches!(error, Error::Domain { .. }), "{error}"),
            Ok(field) => {
                let target = Exact::new(law.clone()).denoise(channel, grid.nodes().view()).expect("D*");
                for (values, target) in field.values().columns().into_iter().zip(target.columns()) {
                    let low = target.iter().fold(f64::INFINITY, |m, &v| m.min(v));
                    let high = target.iter().fold(f64::NEG_INFINITY, |m, &v| m.max(v));
                    prop_assert!(values.iter().all(|v| (low..=high).contains(v)));
                }
                let certificate = certify_resolvent(&law, kappa, &field).expect("a certificate");
                prop_assert!(certificate.bound() >= 0.0, "{certificate:?}");
            }
        }
    }
}

/// A smooth function and its image under I + κs²𝓛, on the line and in the plane: errors fall as h².
#[test]
fn manufactured_solutions_come_back_at_second_order() {
    for law in [two_modes(), toy_law("three-gaussians").expect("a law")] {
        let channel = Channel::new(0.9, 0.5).expect("a channel");
        let noised = law.through::<f64>(channel).expect("tables");
        let (kappa, d) = (2.0, law.dimension());
        let mut errors = Vec::new();
        let mut grid = Grid::around(&law, channel, 8.0, 65).expect("a grid");
        for _ in 0..2 {
            let points = grid.nodes();
            let found = noised
                .evaluate(points.view(), &[Quantity::Score, Quantity::LogDensity])
                .expect("S");
            let score = found.score.expect("wanted");
            let log = found.log_density.expect("wanted").to_vec();
            // v = sin x₀ + cos(x₁/2); v'' and ∇v by hand.
            let value = |i: usize, c: usize| {
                let x = points[[i, c]];
                if c == 0 {
                    [x.sin(), x.cos(), -x.sin()]
                } else {
                    [(0.5 * x).cos(), -0.5 * (0.5 * x).sin(), -0.25 * (0.5 * x).cos()]
                }
            };
            let sum = |i: usize, of: &dyn Fn(usize) -> f64| {
                let _ = i;
                (0..d).map(of).sum::<f64>()
            };
            let exact =
                Array2::from_shape_fn((points.nrows(), 1), |(i, _)| sum(i, &|c| value(i, c)[0]));
            let target = Array2::from_shape_fn((points.nrows(), 1), |(i, _)| {
                let generator = sum(i, &|c| value(i, c)[2] + score[[i, c]] * value(i, c)[1]);
                exact[[i, 0]] - kappa * 0.25 * generator
            });
            let sampled = Sampled::new(grid.clone(), log.clone(), target).expect("numbers");
            let solved = resolvent(&sampled, kappa, channel.s()).expect("a solution");
            errors.push(apart(&log, &solved.values, &exact));
            grid = grid.halved().expect("a finer grid");
        }
        assert!(is_second_order(errors[0], errors[1]), "{errors:?}");
    }
}

/// The certificate of a law in the plane whose truth is known, its order, and what a wrong field does to it.
#[test]
fn certificates_fall_as_the_square_and_see_a_wrong_field() {
    let variances = [0.5, 0.1];
    let covariance = Covariance::diagonal(array![[0.5, 0.1]]).expect("variances");
    let law = Mixture::new(vec![1.0], array![[3.0, -2.0]], covariance).expect("a law");
    let channel = Channel::new(0.7, 0.4).expect("a channel");
    let truth = affine_optimum(&[3.0, -2.0], &variances, channel, 1.5);
    let noised = law.through::<f64>(channel).expect("tables");
    let mut bounds = Vec::new();
    for nodes in [49, 97] {
        let grid = Grid::around(&law, channel, 8.0, nodes).expect("a grid");
        let field = resolvent_of(&law, channel, 1.5, &grid).expect("a solution");
        let certificate = certify_resolvent(&law, 1.5, &field).expect("a certificate");
        let found = distance(&noised, channel, &grid, &field, &truth).expect("a distance");
        assert!(found <= certificate.bound(), "{found:e} {certificate:?}");
        // D* in its place is off by as much as it is, and the certificate knows.
        let exact = resolvent_of(&law, channel, 0.0, &grid).expect("a solution");
        let wrong = certify_resolvent(&law, 1.5, &exact).expect("a certificate");
        let off = distance(&noised, channel, &grid, &exact, &truth).expect("a distance");
        assert!(off <= wrong.bound() && off > certificate.bound(), "{off:e} {wrong:?}");
        bounds.push(certificate.bound());
    }
    assert!(is_second_order(bounds[0], bounds[1]), "{bounds:?}");
}

/// κ = 0 is D*, to the last bit; κ → ∞ is the mean of D* under the discrete law.
#[test]
fn the_ends_of_kappa() {
    let (law, channel) =
        (toy_law("ring").expect("a law"), Channel::new(1.0, 0.5).expect("a channel"));
    let grid = Grid::around(&law, channel, 8.0, 65).expect("a grid");
    let target = Exact::new(law.clone()).denoise(channel, grid.nodes().view()).expect("D*");
    assert_eq!(resolvent_of(&law, channel, 0.0, &grid).expect("a solution").values(), target);
    // The spectral gap γ of 𝓛 leaves at most ‖D*‖/(1 + κs²γ): between κ and 10κ it falls by at most 10 and, once κs²γ
    // is large, by nearly as much.
    let far = |kappa: f64| {
        let field = resolvent_of(&law, channel, kappa, &grid).expect("a solution");
        let sampled =
            Sampled::of_law(&law.through::<f64>(channel).expect("tables"), &grid).expect("numbers");
        let zero = Array2::zeros(target.dim());
        apart(sampled.log_density(), &field.values().to_owned(), &zero)
    };
    let (near, further) = (far(1e4), far(1e5));
    assert!(further < near / 5.0 && further >= near / 10.5, "{near:e} {further:e}");
}

#[test]
fn bits_do_not_depend_on_threads() {
    let (law, channel) =
        (toy_law("three-gaussians").expect("a law"), Channel::new(1.0, 0.3).expect("a channel"));
    let grid = Grid::around(&law, channel, 8.0, 48).expect("a grid");
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| {
            let field = resolvent_of(&law, channel, 3.0, &grid).expect("a solution");
            let certificate = certify_resolvent(&law, 3.0, &field).expect("a certificate");
            (field, certificate)
        })
    };
    assert_eq!(run(1), run(3));
}

/// A multilinear function comes back between nodes, with its derivative; beyond the box the nearest point counts.
#[test]
fn a_field_is_a_denoiser() {
    let grid = plane(5, 7);
    let channel = Channel::new(0.5, 2.0).expect("a channel");
    // Dyadic numbers: everything here is exact.
    let f = |x: f64, y: f64| [1.0 + 2.0 * x - y + 0.5 * x * y, 3.0 * y];
    let points = grid.nodes();
    let values =
        Array2::from_shape_fn((grid.len(), 2), |(n, c)| f(points[[n, 0]], points[[n, 1]])[c]);
    let field = Field::new(grid.clone(), channel, values).expect("a field");
    let x = array![[-0.875, 0.125], [-1.0, 2.0], [-0.25, -0.625], [-9.0, 0.25], [5.0, 5.0]];
    let found = field.predict(channel, x.view()).expect("a prediction");
    let v = array![[1.0, 0.5], [0.25, -1.0], [1.0, 1.0], [1.0, 1.0], [1.0, 1.0]];
    let forward = field.jacobian_vector(channel, x.view(), v.view()).expect("a product");
    let back = field.vector_jacobian(channel, x.view(), v.view()).expect("a product");
    for n in 0..5 {
        let (px, py) = (x[[n, 0]].clamp(-1.0, 0.0), x[[n, 1]].clamp(-1.0, 2.0));
        let [inside_x, inside_y] =
            [x[[n, 0]] == px, x[[n, 1]] == py].map(|b| if b { 1.0 } else { 0.0 });
        let expected = f(px, py);
        let jacobian =
            [[(2.0 + 0.5 * py) * inside_x, (-1.0 + 0.5 * px) * inside_y], [0.0, 3.0 * inside_y]];
        for i in 0..2 {
            assert_eq!(found.denoised[[n, i]], expected[i]);
            assert_eq!(found.noise[[n, i]], (x[[n, i]] - 0.5 * expected[i]) / 2.0);
            assert_eq!(forward[[n, i]], jacobian[i][0] * v[[n, 0]] + jacobian[i][1] * v[[n, 1]]);
            assert_eq!(back[[n, i]], jacobian[0][i] * v[[n, 0]] + jacobian[1][i] * v[[n, 1]]);
        }
    }
}

/// A table of fields runs through a sampler, and a level that it lacks is an error.
#[test]
fn fields_are_sampled_from() {
    let law = two_modes();
    let steps = Steps::by_name("edm", 6).expect("steps");
    let solve = |channel: Channel| {
        let grid = Grid::around(&law, channel, 8.0, 129)?;
        resolvent_of(&law, channel, 0.5, &grid)
    };
    let fields = Fields::over(&steps, solve).expect("levels");
    let run = sample(&fields, &steps, Method::Heun, 500, 7, &Options::default()).expect("a run");
    // The last step is D̂, an average of D*, which is an average of x₀: within what the components hold at 9.5 deviations.
    assert!(run.points.iter().all(|x| (-2.0..=2.9).contains(x)));
    let other = Channel::new(1.0, 0.123).expect("a channel");
    let error = fields.denoise(other, array![[0.0]].view());
    assert!(matches!(error, Err(Error::Domain { what: "sigma of a channel", .. })), "{error:?}");
}

#[test]
fn what_cannot_be_solved_is_refused() {
    let law = two_modes();
    let channel = Channel::new(1.0, 0.5).expect("a channel");
    let grid = Grid::around(&law, channel, 8.0, 33).expect("a grid");
    let domain = |error: Option<Error>, expected: &str| {
        assert!(
            matches!(&error, Some(Error::Domain { what, .. }) if *what == expected),
            "{error:?}"
        );
    };
    domain(resolvent_of(&law, channel, -1.0, &grid).err(), "kappa");
    domain(resolvent_of(&law, channel, f64::NAN, &grid).err(), "kappa");
    domain(Grid::around(&law, channel, 0.0, 33).err(), "deviations");
    domain(Grid::around(&law, channel, 8.0, 3).err(), "nodes of an axis");
    domain(GridAxis::new(1.0, 1.0, 9).err(), "spacing of a grid");
    let plane = toy_law("oblique-plane").expect("a law");
    assert!(matches!(Grid::around(&plane, channel, 8.0, 9), Err(Error::Shape { .. })));
    let flat = |log: Vec<f64>| Sampled::new(grid.clone(), log, Array2::zeros((33, 1)));
    assert!(matches!(flat(vec![0.0; 32]), Err(Error::Shape { .. })));
    let mut log = vec![0.0; 33];
    log[5] = f64::NEG_INFINITY;
    assert!(matches!(flat(log.clone()), Err(Error::NotFinite { .. })));
    let large = Sampled::new(grid.clone(), vec![0.0; 33], Array2::from_elem((33, 1), 1e101));
    assert!(matches!(large, Err(Error::Entry { .. })));
    log[5] = -5000.0;
    let steep = flat(log).expect("numbers");
    domain(resolvent(&steep, 1.0, 1.0).err(), "weight between neighbours of a grid");
}

/// Mass and moments outside a box, by quadrature on a wider one, are within the closed bounds; for one Gaussian those are at most
/// 1 + 1/t² too large, which is Mills' inequality from the other side.
#[test]
fn tails_bound_what_is_outside() {
    let laws = [two_modes(), line_gaussian(3.0, 0.0), toy_law("three-gaussians").expect("a law")];
    for (at, law) in laws.iter().enumerate() {
        for t in [1.5, 3.0] {
            let channel = Channel::new(0.8, 0.5).expect("a channel");
            let noised = law.through::<f64>(channel).expect("tables");
            let (inner, wide) = (
                Grid::around(law, channel, t, 9).expect("a grid"),
                Grid::around(law, channel, 12.0, if at == 2 { 257 } else { 6145 }).expect("a grid"),
            );
            let (ends, mean) = (inner.ends(), law.mean());
            let tail = Tail::outside(law, channel, &ends);
            let found = expectation(&noised, &wide, 3, |node, out| {
                let inside = node.x.iter().zip(&ends).all(|(x, (low, high))| x >= low && x <= high);
                let square = |v: f64| if inside { 0.0 } else { v * v };
                out[0] = square(1.0);
                out[1] = node.denoiser.iter().zip(&mean).map(|(d, m)| square(d - m)).sum();
                out[2] = node.score.iter().map(|s| square(0.5 * s)).sum();
            })
            .expect("integrals");
            let bounds = [tail.mass, tail.clean, tail.noise];
            assert!(found.iter().zip(bounds).all(|(f, b)| *f <= b), "{at} {t} {found:?} {tail:?}");
            if at == 1 {
                // The cells that the box's ends cut are within a 1/100 of the tail: 6145 nodes over 24 deviations.
                let mills = 1.01 * (1.0 + 1.0 / (t * t));
                assert!(tail.mass <= mills * found[0], "{t} {found:?} {tail:?}");
                assert!(tail.noise <= mills * found[2], "{t} {found:?} {tail:?}");
            }
        }
    }
}
