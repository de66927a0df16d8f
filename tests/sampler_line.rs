//! T8 on the line for any denoiser: against the closed recursion for affine ones, against runs for mixtures, by symmetry for point
//! masses.
//!
//! Spec: T8.

use ndarray::{arr1, arr2, array};
use tweedie::channel::Steps;
use tweedie::denoiser::{Affine, Exact};
use tweedie::error::Error;
use tweedie::law::{Mixture, toy_law};
use tweedie::sampler::{
    End, GaussianLaw, LineLaw, Method, Options, law_of_sampler, law_on_line, sample,
};

const U: f64 = f64::EPSILON / 2.0;
/// More nodes than any level here has, which the last level's count stands for.
const NODES: usize = 100_000;

/// A mass is a sum of at most so many positive products, each a few roundings from its own (exp, two quotients, three products), a level:
/// (NODES + 20)·u of itself a step. What the kernel leaves out beyond 8.5 deviations is 2·10⁻¹⁷ of the mass and, with z² in it,
/// 2·10⁻¹⁵ of the second moment; the trapezoid rule adds 2·10⁻¹⁷ for slopes up to 2.6, and affine maps here have less.
fn bound(steps: &Steps, second_moment: f64) -> f64 {
    steps.len() as f64 * ((NODES + 20) as f64 * U + 2e-15) * second_moment
}

fn tables() -> Vec<Steps> {
    let ddpm = Steps::by_name("ddpm", 1000).expect("a table");
    vec![
        ddpm.stride(100).expect("a table"),
        ddpm.stride(7).expect("a table"),
        Steps::by_name("edm", 40).expect("a table"),
    ]
}

#[test]
fn affine_denoisers_give_the_recursion() {
    let (mean, variance) = (0.7, 0.3);
    let affine = Affine::gaussian(arr1(&[mean]).view(), arr2(&[[variance]]).view()).expect("a map");
    for steps in tables() {
        let start = GaussianLaw::standard(steps.first(), 1);
        for method in [Method::Ancestral, Method::Ddim { eta: 0.6 }, Method::EulerMaruyama] {
            for end in [End::Data, End::LastLevel] {
                let truth = law_of_sampler(&affine, &steps, method, &start, end).expect("a law");
                let found = law_on_line(&affine, &steps, method, end).expect("a law");
                assert!(found.values().len() < NODES);
                let second = truth.covariance[[0, 0]] + truth.mean[0] * truth.mean[0];
                let bound = bound(&steps, second.max(1.0));
                let mean = (found.mean() - truth.mean[0]).abs();
                let variance = (found.variance() - truth.covariance[[0, 0]]).abs();
                let whole = (found.masses().iter().sum::<f64>() - 1.0).abs();
                assert!(
                    mean <= bound && variance <= 4.0 * bound && whole <= bound,
                    "{method} {end:?}: {mean:e} {variance:e} {whole:e} {bound:e}"
                );
                // Another η is another law, and is seen.
                let other =
                    law_on_line(&affine, &steps, Method::Ddim { eta: 0.9 }, end).expect("a law");
                let apart = (other.variance() - truth.covariance[[0, 0]]).abs();
                assert!(apart > 4.0 * bound, "{method}: {apart:e}");
            }
        }
    }
}

/// sup |F_n − F| above ε has probability at most 2·exp(−2nε²) (Dvoretzky, Kiefer, Wolfowitz; Massart 1990): 1e-9 here, for ε = 0.0231, so that a
/// law whose distribution function is off by 0.05 somewhere is caught with probability above 1 − 1e-12.
#[test]
fn a_mixture_s_runs_have_that_law() {
    let law = toy_law("two-modes").expect("a law");
    let denoiser = Exact::new(law);
    let n = 20_000;
    let most = ((2e9f64).ln() / (2.0 * n as f64)).sqrt();
    let steps = &tables()[0];
    let told = Options::default();
    let apart = |found: &LineLaw, method: Method| {
        let run = sample(&denoiser, steps, method, n, 11, &told).expect("points");
        let mut points: Vec<f64> = run.points.iter().copied().collect();
        points.sort_by(f64::total_cmp);
        points.iter().enumerate().step_by(20).fold(0.0f64, |worst, (i, &x)| {
            let below = found.below(x);
            worst
                .max((below - i as f64 / n as f64).abs())
                .max(((i + 1) as f64 / n as f64 - below).abs())
        })
    };
    let found = law_on_line(&denoiser, steps, Method::Ancestral, End::Data).expect("a law");
    // Every twentieth point is looked at: between two of them F_n moves by 20/n at most, which is added.
    let slack = 20.0 / n as f64;
    assert!(apart(&found, Method::Ancestral) <= most + slack);
    // The law before the last move to the data is another one.
    let before =
        law_on_line(&denoiser, &tables()[1], Method::Ancestral, End::LastLevel).expect("a law");
    assert!(apart(&before, Method::Ancestral) > 2.0 * most);
}

#[test]
fn point_masses_get_their_share() {
    let law = Mixture::point_masses(array![[-1.0], [1.0]]).expect("a law");
    let steps = &tables()[0];
    let found = law_on_line(&Exact::new(law), steps, Method::Ancestral, End::Data).expect("a law");
    assert!(found.values().iter().all(|x| x.abs() <= 1.0));
    // By symmetry, to the masses' own error.
    assert!((found.below(0.0) - 0.5).abs() <= bound(steps, 1.0), "{:e}", found.below(0.0) - 0.5);
    // With the last s of 0.01 all of it is at the points.
    assert!(found.below(-0.99) > 0.499 && found.below(0.99) < 0.501);
    let [low, high] = found.range();
    // Cells that end on one value lie on it whole.
    let (before, whole) = (low - 1e-9, found.masses().iter().sum::<f64>());
    assert!(found.below(before) == 0.0 && (found.below(high) - whole).abs() <= bound(steps, 1.0));
}

#[test]
fn errors_name_what_is_wrong() {
    let law = toy_law("two-modes").expect("a law");
    let steps = &tables()[0];
    for method in [Method::Ddim { eta: 0.0 }, Method::Euler, Method::Heun] {
        let found = law_on_line(&Exact::new(law.clone()), steps, method, End::Data);
        assert!(matches!(found, Err(Error::Unknown { .. })), "{found:?}");
    }
    let plane = Exact::new(toy_law("ring").expect("a law"));
    let found = law_on_line(&plane, steps, Method::Ancestral, End::Data);
    assert!(matches!(found, Err(Error::Shape { .. })), "{found:?}");
    // A last step from σ = 1 to 1e-9 leaves noise that no grid of this size resolves.
    let channels =
        [1.0, 1e-9, 1e-10].map(|s| tweedie::channel::Channel::new(1.0, s).expect("a channel"));
    let steps = Steps::new(channels.to_vec()).expect("a table");
    let found = law_on_line(&Exact::new(law), &steps, Method::Ancestral, End::Data);
    assert!(matches!(found, Err(Error::Domain { .. })), "{found:?}");
}
