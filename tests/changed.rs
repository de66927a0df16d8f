//! D* plus its change on a grid: against E2 within the certificate, nearer than the field alone where D* is steep; samplers run
//! through it.
//!
//! Spec: E5.

mod optima;

use ndarray::{Array2, array};
use optima::{affine_optimum, line_gaussian, two_modes};
use proptest::prelude::*;
use tweedie::channel::{Channel, Steps};
use tweedie::denoiser::{Denoiser, Exact};
use tweedie::error::Error;
use tweedie::law::{Covariance, Mixture};
use tweedie::optimum::{Changed, Field, Fields, Grid, certify_resolvent, distance, resolvent_of};
use tweedie::sampler::{Method, Options, sample};

const U: f64 = f64::EPSILON / 2.0;

fn one_level(channel: Channel) -> Steps {
    Steps::new(vec![channel]).expect("a table")
}

fn changed(law: &Mixture, channel: Channel, kappa: f64, grid: &Grid) -> Changed {
    Changed::resolvents(law, &one_level(channel), |_| kappa, |_| Ok(grid.clone()))
        .expect("a solution")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// E2's change of D* is affine, so that interpolating it adds nothing: what is left is the error at the nodes, which is
    /// what the certificate of the field bounds for an affine truth.
    #[test]
    fn gaussian_laws_give_e2_within_the_certificate(
        mean in -20.0f64..20.0, variance in 0.01f64..4.0, a in 0.05f64..1.0, s in 0.2f64..2.0,
        kappa in 0.01f64..20.0, nodes in 60usize..400,
    ) {
        let (law, channel) = (line_gaussian(mean, variance), Channel::new(a, s).expect("a channel"));
        let grid = Grid::around(&law, channel, 8.0, nodes).expect("a grid");
        let noised = law.through::<f64>(channel).expect("tables");
        let truth = affine_optimum(&[mean], &[variance], channel, kappa);
        let field = resolvent_of(&law, channel, kappa, &grid).expect("a solution");
        let bound = certify_resolvent(&law, kappa, &field).expect("a certificate").bound();
        // The affine map and D* are each off by some 20 roundings of their size.
        let rounding = 100.0 * U * (mean.abs() + 9.0 * variance.sqrt() + 9.0);
        let to_truth = |denoiser: &dyn Denoiser<f64>| {
            distance(&noised, channel, &grid, denoiser, &truth).expect("a distance")
        };
        let found = to_truth(&changed(&law, channel, kappa, &grid));
        prop_assert!(found <= bound + rounding, "{found:e} {bound:e}");
        // What was planted: the change left out, taken twice, or for another κ.
        let twice = {
            let change = changed(&law, channel, kappa, &grid).change().fields()[0].values().to_owned();
            let field = Field::new(grid.clone(), channel, change * 2.0).expect("a field");
            Changed::new(law.clone(), Fields::new(vec![field]).expect("fields")).expect("a denoiser")
        };
        let effect = to_truth(&Exact::new(law.clone()));
        if effect > 4.0 * (bound + rounding) {
            prop_assert!(to_truth(&twice) > bound + rounding);
        }
    }

    /// ⟨v, J·w⟩ = ⟨Jᵀ·v, w⟩, and x = a·D̂ + s·ε̂.
    #[test]
    fn products_are_adjoint_and_predictions_fit(
        x in prop::collection::vec(-3.0f64..3.0, 2), v in prop::collection::vec(-1.0f64..1.0, 2),
        w in prop::collection::vec(-1.0f64..1.0, 2), kappa in 0.0f64..3.0, s in 0.2f64..1.0,
    ) {
        let covariance = Covariance::isotropic(vec![0.1, 0.2]).expect("variances");
        let law = Mixture::new(vec![0.3, 0.7], array![[-1.0, 0.0], [1.0, 0.5]], covariance).expect("a law");
        let channel = Channel::new(0.8, s).expect("a channel");
        let grid = Grid::around(&law, channel, 6.0, 21).expect("a grid");
        let denoiser = changed(&law, channel, kappa, &grid);
        let row = |v: &[f64]| Array2::from_shape_vec((1, 2), v.to_vec()).expect("a point");
        let (x, v, w) = (row(&x), row(&v), row(&w));
        let forth = denoiser.jacobian_vector(channel, x.view(), w.view()).expect("a product");
        let back = denoiser.vector_jacobian(channel, x.view(), v.view()).expect("a product");
        let (left, right) = ((&v * &forth).sum(), (&back * &w).sum());
        // Each product is within 4u of a sum of four terms of this size, and D*'s two are one and the same computation, off by
        // its own bound, which is some 200 roundings of (a/s²)·max Σ_post.
        let size = v.mapv(f64::abs).sum() * w.mapv(f64::abs).sum() * (0.8 / (s * s) * 2.0 + 10.0);
        prop_assert!((left - right).abs() <= 500.0 * U * size, "{left:e} {right:e}");
        let found = denoiser.predict(channel, x.view()).expect("a prediction");
        for i in 0..2 {
            let again = 0.8f64.mul_add(found.denoised[[0, i]], s * found.noise[[0, i]]);
            prop_assert!((again - x[[0, i]]).abs() <= 500.0 * U * 10.0, "{again:e}");
        }
    }
}

/// Between nodes the field loses what D* bends there; D* plus its change loses only what the change bends.
#[test]
fn the_change_is_nearer_than_the_field() {
    let (law, channel) = (two_modes(), Channel::new(0.9, 0.2).expect("a channel"));
    let coarse = Grid::around(&law, channel, 8.0, 129).expect("a grid");
    let fine = coarse.halved().and_then(|g| g.halved()).and_then(|g| g.halved()).expect("a grid");
    let noised = law.through::<f64>(channel).expect("tables");
    let truth = resolvent_of(&law, channel, 0.1, &fine).expect("a solution");
    let to_truth = |denoiser: &dyn Denoiser<f64>| {
        distance(&noised, channel, &fine, denoiser, &truth).expect("a distance")
    };
    let field = to_truth(&resolvent_of(&law, channel, 0.1, &coarse).expect("a solution"));
    let both = to_truth(&changed(&law, channel, 0.1, &coarse));
    assert!(both < 0.5 * field, "{both:e} {field:e}");
}

#[test]
fn a_sampler_runs_through_every_level() {
    let law = two_modes();
    let steps = Steps::by_name("ddpm", 1000).and_then(|all| all.stride(20)).expect("a table");
    let grid = |channel: Channel| Grid::around(&law, channel, 6.0, 401);
    let told = Options::default();
    let run = |kappa: f64| {
        let denoiser = Changed::resolvents(&law, &steps, |_| kappa, grid).expect("levels");
        sample(&denoiser, &steps, Method::Ancestral, 500, 7, &told).expect("points").points
    };
    let exact = sample(&Exact::new(law.clone()), &steps, Method::Ancestral, 500, 7, &told);
    // κ = 0: the change is zero to the solver's last bit, and so are the points.
    assert_eq!(run(0.0), exact.expect("points").points);
    let variance = |points: &Array2<f64>| points.var(0.0);
    assert!(variance(&run(3.0)) < 0.9 * variance(&run(0.0)), "the constraint takes variance");
}

#[test]
fn errors_name_what_is_wrong() {
    let channel = Channel::new(0.9, 0.2).expect("a channel");
    let law = two_modes();
    let grid = Grid::around(&law, channel, 8.0, 33).expect("a grid");
    let denoiser = changed(&law, channel, 0.1, &grid);
    let change = denoiser.change().clone();
    let plane = Mixture::point_masses(array![[0.0, 1.0]]).expect("a law");
    assert!(matches!(Changed::new(plane, change), Err(Error::Shape { .. })));
    let other = Channel::new(0.9, 0.3).expect("a channel");
    let found = denoiser.predict(other, array![[0.0]].view());
    assert!(matches!(found, Err(Error::Domain { .. })), "{found:?}");
    let found = denoiser.predict(channel, array![[f64::NAN]].view());
    assert!(matches!(found, Err(Error::NotFinite { .. })), "{found:?}");
}
