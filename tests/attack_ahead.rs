//! The attacker who looks ahead, where the whole run is a linear map: what one step along the gradient must reach.
//!
//! Spec: E4, T8.

use ndarray::{Array1, Array2, array};
use proptest::prelude::*;
use tweedie::attack::ahead::{LookAhead, displace_looking_ahead};
use tweedie::attack::trajectory::Chosen;
use tweedie::attack::{Address, Norm, Shape};
use tweedie::channel::Steps;
use tweedie::denoiser::Affine;
use tweedie::error::Error;
use tweedie::sampler::{Method, Options, Start, sample};

const STEPS: usize = 12;
const POINTS: usize = 9;

fn affine(variances: &[f64]) -> Affine {
    let d = variances.len();
    let mean = Array1::from_elem(d, 0.5);
    let mut covariance = Array2::from_diag(&Array1::from(variances.to_vec()));
    // Turned a little, so that the axes are not the eigenvectors.
    for i in 1..d {
        let shared = 0.3 * (variances[i] * variances[0]).sqrt();
        (covariance[[0, i]], covariance[[i, 0]]) = (shared / d as f64, shared / d as f64);
    }
    Affine::gaussian(mean.view(), covariance.view()).unwrap()
}

/// The ends of a run from these states at level k, without noise.
fn ends(denoiser: &Affine, steps: &Steps, states: Array2<f64>, k: usize) -> Array2<f64> {
    let rest = Steps::new(steps.channels()[k..].to_vec()).unwrap();
    let n = states.nrows();
    let told = Options { start: Start::Given(states), ..Options::default() };
    sample(denoiser, &rest, Method::Ddim { eta: 0.0 }, n, 0, &told).unwrap().points
}

fn norm(row: ndarray::ArrayView1<'_, f64>) -> f64 {
    row.dot(&row).sqrt()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// With M = PᵀP for the rest of the run P, one step goes to Mω₀, and ‖PMω₀‖/‖Mω₀‖ ≥ ‖Pω₀‖/‖ω₀‖ for every ω₀, since
    /// (ωᵀM³ω)(ωᵀω) ≥ (ωᵀM²ω)(ωᵀMω) for a semidefinite M. No ω does better than the largest singular value. A gradient with a
    /// wrong sign of ∇D̂ᵀ keeps the last two and not the first.
    #[test]
    fn one_step_ahead_is_one_power_iteration(
        variances in prop::collection::vec(0.0f64..4.0, 1..5),
        k in 0usize..STEPS,
        seed in any::<u64>(),
    ) {
        let denoiser = affine(&variances);
        let d = variances.len();
        let steps = Steps::by_name("ddpm", 1000).unwrap().stride(STEPS).unwrap();
        let (eps, method) = (0.25, Method::Ddim { eta: 0.0 });
        let chosen = Chosen::States(vec![k]);
        let plan = LookAhead { norm: Norm::L2, eps, chosen, draws: 2 };
        let found =
            displace_looking_ahead(&denoiser, &steps, method, POINTS, seed, &plan).unwrap();
        prop_assert_eq!(found.perturbed, 1);

        let s = steps.channels()[k].s();
        let address = Address { seed, stream: (1 << 46) + k as u64, first_row: 0 };
        let start = Shape::Ball(Norm::L2).draw(address, &[eps; POINTS], d).unwrap();
        let origin = Array2::zeros((1, d));
        let still = ends(&denoiser, &steps, origin.clone(), k);
        let moved = ends(&denoiser, &steps, &start * s, k) - &still;
        let basis = Array2::eye(d) * s;
        let columns = ends(&denoiser, &steps, basis, k) - &still;
        let largest = columns.iter().map(|entry| entry * entry).sum::<f64>().sqrt();
        // A run's rounding: each step within (8d + 96)·u of the states it meets, which are no larger than ten here; four
        // ends are subtracted.
        let scale = found.clean.points.iter().chain(&columns).fold(10.0f64, |m, x| m.max(x.abs()));
        let rounding = 4.0 * (STEPS * (8 * d + 96)) as f64 * (f64::EPSILON / 2.0) * scale * (d as f64).sqrt();
        for (row, (moved, start)) in
            found.displacement.iter().zip(moved.rows().into_iter().zip(start.rows()))
        {
            // The gradient is Pᵀ(Pω₀) but for a factor; row i of `columns` is P·(s·e_i).
            let gradient = columns.dot(&moved);
            let furthest = columns.t().dot(&gradient) * (eps / norm(gradient.view()));
            // The direction is off by what either gradient is off by, over its length.
            let turned = 8.0 * rounding * (largest + norm(moved)) / norm(gradient.view());
            let near = rounding + eps * largest * turned;
            prop_assert!((row - norm(furthest.view())).abs() <= near, "{row}: {near}");
            prop_assert!(*row >= eps * norm(moved) / norm(start) - near, "{row} loses");
            prop_assert!(*row <= eps * largest + near, "{row} > {largest}");
        }
    }
}

#[test]
fn it_beats_chance_where_directions_differ() {
    // One direction with much variance and three with little: chance finds the first a quarter of the time.
    let denoiser = affine(&[4.0, 0.01, 0.01, 0.01]);
    let steps = Steps::by_name("ddpm", 1000).unwrap().stride(STEPS).unwrap();
    let k = STEPS - 3;
    let chosen = Chosen::States(vec![k]);
    let plan = LookAhead { norm: Norm::L2, eps: 0.25, chosen, draws: 1 };
    let method = Method::Ddim { eta: 0.0 };
    let found =
        displace_looking_ahead::<f64, _>(&denoiser, &steps, method, POINTS, 3, &plan).unwrap();
    let s = steps.channels()[k].s();
    let still = ends(&denoiser, &steps, Array2::zeros((1, 4)), k);
    let columns = ends(&denoiser, &steps, Array2::eye(4) * s, k) - &still;
    let best = columns.rows().into_iter().map(norm).fold(0.0, f64::max) * 0.25;
    // One power iteration on eigenvalues that far apart is all but there.
    assert!(found.displacement.iter().filter(|moved| **moved > 0.9 * best).count() > POINTS / 2);
}

#[test]
fn what_it_cannot_do_is_said() {
    let denoiser = affine(&[1.0, 2.0]);
    let steps = Steps::by_name("ddpm", 1000).unwrap().stride(4).unwrap();
    let run = |method, plan: &LookAhead| {
        displace_looking_ahead(
            &denoiser as &dyn tweedie::denoiser::Denoiser<f64>,
            &steps,
            method,
            2,
            0,
            plan,
        )
    };
    let plan = LookAhead { norm: Norm::L2, eps: 0.1, chosen: Chosen::All, draws: 1 };
    assert!(run(Method::Ancestral, &plan).is_ok());
    assert!(matches!(run(Method::Heun, &plan), Err(Error::Unknown { .. })));
    let none = LookAhead { draws: 0, ..plan.clone() };
    assert!(matches!(run(Method::Ancestral, &none), Err(Error::Domain { what: "draws", .. })));
    let negative = LookAhead { eps: -1.0, ..plan.clone() };
    assert!(matches!(run(Method::Ancestral, &negative), Err(Error::Domain { what: "eps", .. })));
    let beyond = LookAhead { chosen: Chosen::States(vec![4]), ..plan.clone() };
    assert!(matches!(run(Method::Ancestral, &beyond), Err(Error::Entry { .. })));
    // A radius of 0 moves nothing, to the bit.
    let still = run(Method::Ancestral, &LookAhead { eps: 0.0, ..plan }).unwrap();
    assert_eq!(still.displacement, array![0.0, 0.0]);
}
