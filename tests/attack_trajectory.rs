//! Attacks on a sampler's states, and the intervention that they are made by.

use std::cell::RefCell;

use ndarray::{Array2, ArrayView2, array};
use tweedie::Error;
use tweedie::arith::Real;
use tweedie::attack::affine::{effect, largest_effect};
use tweedie::attack::trajectory::{Chosen, Displaced, TrajectoryAttack, displace};
use tweedie::attack::{Address, Attack, Inner, Norm, Settings, Shape, Units, perturb_at};
use tweedie::channel::{Channel, Steps};
use tweedie::denoiser::{Affine, Denoiser, Exact};
use tweedie::error::Result;
use tweedie::law::toy_law;
use tweedie::sampler::{End, Method, Options, Record, Run, sample};

const METHODS: [Method; 4] =
    [Method::Ancestral, Method::Euler, Method::Heun, Method::EulerMaruyama];

fn steps() -> Steps {
    let channels = [10.0, 3.0, 1.0, 0.3, 0.1].map(|s| Channel::variance_exploding(s).unwrap());
    Steps::new(channels.to_vec()).unwrap()
}

fn plan(norm: Norm, eps: f64, chosen: Chosen) -> TrajectoryAttack {
    let settings = Settings { inner: Inner::Residual, ..Settings::pgd(norm, 3) };
    TrajectoryAttack { attack: Attack::new(settings).unwrap(), eps, chosen }
}

fn ring() -> Exact {
    Exact::new(toy_law("ring").unwrap())
}

fn run<T: Real>(method: Method, n: usize, plan: &TrajectoryAttack) -> Displaced<T> {
    displace(&ring(), &steps(), method, n, 3, &Options::default(), plan).unwrap()
}

#[test]
fn no_budget_and_no_state_change_nothing() {
    for method in METHODS {
        let plain: Run<f64> = sample(&ring(), &steps(), method, 5, 3, &Options::default()).unwrap();
        for (eps, chosen) in [(0.0, Chosen::All), (1.0, Chosen::States(vec![]))] {
            let states = if chosen == Chosen::All { 5 } else { 0 };
            let found = run::<f64>(method, 5, &plan(Norm::L2, eps, chosen));
            assert_eq!((&found.clean, &found.attacked), (&plain, &plain));
            assert_eq!((found.displacement.to_vec(), found.perturbed), (vec![0.0; 5], states));
        }
    }
}

/// The attack against the same one made by hand from an intervention, whose states show that each stays in its budget.
/// `radius` is the budget 0.4, in f32 the number below it that the scalar holds.
fn by_hand<T: Real>(method: Method, norm: Norm, units: Units, radius: T) {
    let eps = 0.4;
    let mut plan = plan(norm, eps, Chosen::States(vec![1, 3, 4]));
    plan.attack = Attack::new(Settings { units, ..*plan.attack.settings() }).unwrap();
    let found = run::<T>(method, 4, &plan);
    let seen = RefCell::new(Vec::new());
    let intervene =
        |k: usize, channel: Channel, x: ArrayView2<'_, T>| -> Result<Option<Array2<T>>> {
            seen.borrow_mut().push((k, channel));
            if ![1, 3, 4].contains(&k) {
                return Ok(None);
            }
            let address = Address { seed: 3, stream: (1 << 47) + k as u64, first_row: 0 };
            let found = perturb_at(&plan.attack, &ring(), channel, x, &[radius; 4], address)?;
            for row in found.perturbation.rows() {
                assert!(norm.contains(row.to_slice().unwrap(), radius) && radius.to_f64() <= eps);
            }
            let factor = T::from_f64(if units == Units::Noise { channel.s() } else { 1.0 });
            let mut moved = x.to_owned();
            moved.zip_mut_with(&found.perturbation, |x, w| *x = factor.hardware_mul_add(*w, *x));
            Ok(Some(moved))
        };
    let options = Options { intervene: Some(&intervene), ..Options::default() };
    let other: Run<T> = sample(&ring(), &steps(), method, 4, 3, &options).unwrap();
    assert_eq!(other, found.attacked);
    assert_eq!(found.perturbed, 3);
    let expected: Vec<_> = steps().channels().iter().copied().enumerate().collect();
    assert_eq!(*seen.borrow(), expected);
    for (n, &displacement) in found.displacement.iter().enumerate() {
        let (end, clean) = (found.attacked.points.row(n), found.clean.points.row(n));
        let difference: Vec<T> = end.iter().zip(clean).map(|(x, y)| *x - *y).collect();
        assert_eq!(displacement, Norm::L2.of(&difference));
        assert!(displacement > 0.0);
    }
}

#[test]
fn an_attack_is_an_intervention_of_its_budget() {
    for method in METHODS {
        for norm in Norm::ALL {
            by_hand(method, norm, Units::Noise, 0.4_f64);
            by_hand(method, norm, Units::Noise, 0.4_f32.next_down());
        }
    }
    by_hand(Method::Euler, Norm::L2, Units::Input, 0.4_f64);
}

#[test]
fn threads_and_longer_runs_change_no_bit() {
    let plan = plan(Norm::Linf, 0.3, Chosen::All);
    let [one, many] = [1, 4].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| run::<f32>(Method::Ancestral, 600, &plan))
    });
    assert_eq!(one, many);
    let short = run::<f32>(Method::Ancestral, 270, &plan);
    assert_eq!(short.attacked.points, one.attacked.points.slice(ndarray::s![..270, ..]));
    assert!(one.displacement.iter().all(|x| x.is_finite()));
}

/// At the last state alone, D̂ is affine: the end moves by (s/a)·‖Bω‖ with B the residual's effect, and PGD from a
/// sphere comes within the gap of power iteration (`attack_affine`): here λ₂/λ₁ = 1/16, ρ = 20 and 30 steps leave less
/// than the roundings that are allowed.
#[test]
fn the_last_state_moves_the_end_by_the_closed_form() {
    let affine =
        Affine::fixed(array![0.0, 0.0].view(), array![[0.8, 0.0], [0.0, 0.2]].view()).unwrap();
    let channel = *steps().channels().last().unwrap();
    let settings = Settings {
        inner: Inner::Residual,
        random_start: Some(Shape::Sphere),
        alpha: tweedie::attack::StepSize::Relative(20.0),
        ..Settings::pgd(Norm::L2, 30)
    };
    let plan = TrajectoryAttack {
        attack: Attack::new(settings).unwrap(),
        eps: 0.5,
        chosen: Chosen::States(vec![4]),
    };
    let b = effect(&affine, channel, Inner::Residual, Units::Noise).unwrap();
    let largest = largest_effect(Norm::L2, b.view(), 0.5).unwrap();
    let found: Displaced<f64> =
        displace(&affine, &steps(), Method::Euler, 50, 1, &Options::default(), &plan).unwrap();
    for displacement in found.displacement {
        let ratio = displacement / (channel.s() / channel.a() * largest.upper.sqrt());
        // States are below 64 in magnitude, displacements above 2⁻⁵: twenty roundings.
        let rounding = 20.0 * 64.0 * 32.0 * f64::EPSILON;
        assert!((1.0 - rounding..=1.0 + rounding).contains(&ratio), "{ratio}");
    }
}

#[test]
fn an_intervention_keeps_to_its_place() {
    let denoiser = ring();
    let told = |state: Option<Array2<f64>>| {
        let intervene = move |_: usize, _: Channel, _: ArrayView2<'_, f64>| Ok(state.clone());
        let options = Options { intervene: Some(&intervene), ..Options::default() };
        sample(&denoiser, &steps(), Method::Euler, 2, 0, &options)
    };
    let plain = sample(&denoiser, &steps(), Method::Euler, 2, 0, &Options::default()).unwrap();
    assert_eq!(told(None).unwrap(), plain);
    let wrong = told(Some(Array2::zeros((2, 3)))).unwrap_err();
    assert!(matches!(wrong, Error::Shape { .. }));
    let bad = told(Some(array![[0.0, 0.0], [0.0, f64::NAN]])).unwrap_err();
    assert!(matches!(bad, Error::NotFinite { index, .. } if index == [1, 1]));
    // Given at every state, the last is what is denoised; column-major points are the same points.
    let points = array![[0.5, 0.1], [-0.2, 0.3]];
    let last = *steps().channels().last().unwrap();
    let end = denoiser.denoise(last, points.view()).unwrap();
    assert_eq!(
        told(Some(points.t().as_standard_layout().into_owned().reversed_axes())).unwrap().points,
        end
    );
    // Snapshots show the state before it.
    let intervene = |_: usize, _: Channel, _: ArrayView2<'_, f64>| Ok(Some(points.clone()));
    let options =
        Options { intervene: Some(&intervene), record: Record::Every(1), ..Options::default() };
    let recorded = sample(&denoiser, &steps(), Method::Euler, 2, 0, &options).unwrap();
    let start = sample(
        &denoiser,
        &steps(),
        Method::Euler,
        2,
        0,
        &Options { record: Record::Every(1), ..Options::default() },
    );
    assert_eq!(recorded.trajectory[0], start.unwrap().trajectory[0]);
}

#[test]
fn bad_plans_are_refused() {
    let refused = |plan: TrajectoryAttack, end: End| {
        let options = Options { end, ..Options::default() };
        displace::<f32, _>(&ring(), &steps(), Method::Euler, 2, 0, &options, &plan).unwrap_err()
    };
    for eps in [-1.0, f64::NAN, f64::INFINITY, 1e39] {
        let error = refused(plan(Norm::L2, eps, Chosen::All), End::Data);
        assert!(matches!(error, Error::Domain { what: "eps", .. }));
    }
    for (states, end) in [(vec![0, 5], End::Data), (vec![1, 4], End::LastLevel)] {
        let error = refused(plan(Norm::L2, 1.0, Chosen::States(states)), end);
        assert!(matches!(error, Error::Entry { what: "chosen states", index, .. } if index == [1]));
    }
}
