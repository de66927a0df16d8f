//! Samplers: their steps against the papers' formulas, the bits of a run, and what is refused (floor 5).

mod multiprecision;

use std::cell::RefCell;

use multiprecision::{Big, big};
use ndarray::{Array2, arr1, arr2, s};
use proptest::prelude::*;
use tweedie::Error;
use tweedie::channel::steps::{cumulative, ddpm_linear_betas};
use tweedie::channel::{Channel, Steps};
use tweedie::denoiser::{Affine, Denoiser, Prediction};
use tweedie::sampler::{
    BLOCK, End, GaussianLaw, Method, Options, Record, Start, Step, Weights, law_of_sampler, sample,
};

const U: f64 = f64::EPSILON / 2.0;
/// Covers the second-order terms of a bound and its own rounding.
const EVALUATED: f64 = 1.0 + 1e-12;

const METHODS: [Method; 6] = [
    Method::Ancestral,
    Method::Ddim { eta: 0.0 },
    Method::Ddim { eta: 0.6 },
    Method::Euler,
    Method::Heun,
    Method::EulerMaruyama,
];

fn single(step: Step) -> Weights {
    match step {
        Step::Single(weights) => weights,
        Step::Corrected { predictor, .. } => predictor,
    }
}

fn pair() -> impl Strategy<Value = (Channel, Channel)> {
    (-6.0..6.0_f64, -6.0..6.0_f64, -6.0..6.0_f64, -40.0..3.0_f64).prop_map(|(a, b, s, gap)| {
        let (a, b, s) = (a.exp2(), b.exp2(), s.exp2());
        // σ' = σ/(1 + 2^gap): from nearly equal to a ninth.
        let next = b * (s / a) / (1.0 + gap.exp2());
        (Channel::new(a, s).unwrap(), Channel::new(b, next).unwrap())
    })
}

fn close(
    what: &str,
    exact: Big,
    found: f64,
    roundings: f64,
) -> std::result::Result<(), TestCaseError> {
    let bound = roundings * U * exact.to_f64().abs() * EVALUATED;
    let error = (exact - big(found)).to_f64().abs();
    prop_assert!(error <= bound, "{what}: {found:e} off by {error:e}, bound {bound:e}");
    Ok(())
}

proptest! {
    /// Every weight within the roundings that its method documents, from the formulas at 320 bits.
    #[test]
    fn weights_are_within_their_bounds((from, to) in pair(), eta in 0.0..1.0_f64) {
        let (a, s, b, t) = (big(from.a()), big(from.s()), big(to.a()), big(to.s()));
        let one = big(1.0);
        let q = a.clone() * t.clone() / (b.clone() * s.clone());
        let rest = one.clone() - q.clone() * q.clone();
        let (sigma, next) = (s.clone() / a.clone(), t.clone() / b.clone());

        let found = single(Method::Ancestral.step(from, to).unwrap());
        close("ancestral x", q.clone() * t.clone() / s.clone(), found.state, 12.0)?;
        close("ancestral D", b.clone() * rest.clone(), found.denoised, 12.0)?;
        close("ancestral z", t.clone() * rest.sqrt(), found.random, 12.0)?;

        let found = single(Method::Ddim { eta }.step(from, to).unwrap());
        let spread = big(eta) * t.clone() * rest.sqrt();
        close("ddim D", b.clone(), found.denoised, 0.0)?;
        let kept = (t.clone() * t.clone() - spread.clone() * spread.clone()).sqrt();
        close("ddim E", kept, found.noise, 10.0)?;
        close("ddim z", spread, found.random, 10.0)?;

        let found = single(Method::Euler.step(from, to).unwrap());
        close("euler x", b.clone() / a.clone(), found.state, 4.0)?;
        close("euler E", b.clone() * (next.clone() - sigma.clone()), found.noise, 4.0)?;

        let found = single(Method::EulerMaruyama.step(from, to).unwrap());
        let lost = sigma.clone() * sigma.clone() - next.clone() * next;
        close("euler-maruyama x", b.clone() / a, found.state, 10.0)?;
        close("euler-maruyama E", -(b.clone() * lost.clone() / sigma), found.noise, 10.0)?;
        close("euler-maruyama z", b * lost.sqrt(), found.random, 10.0)?;
    }

    /// state·a + denoised = a': what carries a·m to a'·m, to the weights' roundings. The recursion rests on it.
    #[test]
    fn every_step_keeps_the_mean_in_place((from, to) in pair(), which in 0_usize..6) {
        let step = METHODS[which].step(from, to).unwrap();
        let weights = single(step);
        let sum = weights.state * from.a() + weights.denoised;
        prop_assert!((sum - to.a()).abs() <= 16.0 * U * to.a());
        if let Step::Corrected { state, .. } = step {
            prop_assert_eq!(state, weights.state);
        }
    }

    /// DDIM with η = 1 is ancestral sampling, and with η = 0 Euler's flow: the same numbers on D̂, ε̂ and z once x is
    /// written a·D̂ + s·ε̂.
    #[test]
    fn ddim_ends_are_the_other_methods((from, to) in pair()) {
        let expand = |weights: Weights| (
            weights.denoised + weights.state * from.a(),
            (weights.noise, weights.state * from.s()),
            weights.random,
        );
        for (eta, method) in [(1.0, Method::Ancestral), (0.0, Method::Euler)] {
            let (d, (e, from_state), z) = expand(single(method.step(from, to).unwrap()));
            let ddim = single(Method::Ddim { eta }.step(from, to).unwrap());
            prop_assert!((ddim.denoised - d).abs() <= 16.0 * U * to.a());
            // 12u of each number, the ddim's included, and the sum.
            let size = e.abs() + from_state.abs() + ddim.noise;
            prop_assert!((ddim.noise - (e + from_state)).abs() <= 14.0 * U * size);
            prop_assert!((ddim.random - z).abs() <= 22.0 * U * z);
        }
    }
}

/// Ho et al. 2020, eq. 7, for the discrete table: from β_t, ᾱ_t and ᾱ_{t−1} at 320 bits. The channels carry u each of
/// rounding in a and s, and 1 − q² a cancellation of 1/(1 − q²) of it: so the bound has that factor.
#[test]
fn ancestral_steps_are_the_paper_s() {
    let betas = ddpm_linear_betas(1000).unwrap();
    let table = cumulative(&betas).unwrap();
    let mut before = big(1.0);
    for (t, beta) in betas.iter().enumerate() {
        let alpha_bar = before.clone() * (big(1.0) - big(*beta));
        if t > 0 {
            let found =
                single(Method::Ancestral.step(table[t].channel, table[t - 1].channel).unwrap());
            let complement = big(1.0) - alpha_bar.clone();
            let earlier = big(1.0) - before.clone();
            let on_x = (big(1.0) - big(*beta)).sqrt() * earlier.clone() / complement.clone();
            let on_data = before.sqrt() * big(*beta) / complement.clone();
            let variance = big(*beta) * earlier.clone() / complement.clone();
            let shrink = (alpha_bar.clone() * earlier / (before.clone() * complement)).to_f64();
            // q² moves by 8u of itself with the four roundings of a, s, a', s'.
            let inherited = 8.0 * shrink / (1.0 - shrink) + 8.0;
            for (exact, computed) in
                [(on_x, found.state), (on_data, found.denoised), (variance.sqrt(), found.random)]
            {
                let error = ((exact.clone() - big(computed)) / exact).to_f64().abs();
                assert!(error <= (12.0 + inherited) * U * EVALUATED, "{t}: {error:e}");
            }
            // The slips: s' for s in the noise, β itself for β̃, and σ² for σ.
            let limit = 1e3 * (12.0 + inherited) * U;
            let exact = found.random;
            for slip in [table[t].channel.s() * exact / table[t - 1].channel.s(), exact * exact] {
                assert!((slip - exact).abs() > limit * exact, "{t}");
            }
        }
        before = alpha_bar;
    }
}

fn plane() -> Affine {
    let covariance = arr2(&[[2.0, 0.6], [0.6, 0.5]]);
    Affine::gaussian(arr1(&[4.0, -1.0]).view(), covariance.view()).unwrap()
}

#[test]
fn bits_do_not_depend_on_threads_or_on_how_many_points() {
    let affine = plane();
    let steps = Steps::by_name("ddpm", 10).unwrap();
    let n = 2 * BLOCK + 37;
    for method in METHODS {
        let with = |threads: usize, n: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let options = Options::default();
                sample::<f32, _>(&affine, &steps, method, n, 11, &options).unwrap().points
            })
        };
        let bits = |points: &Array2<f32>| points.mapv(f32::to_bits);
        let one = with(1, n);
        assert_eq!(bits(&one), bits(&with(2, n)));
        assert_eq!(bits(&one), bits(&with(3, n)));
        assert_eq!(bits(&one.slice(s![..50, ..]).to_owned()), bits(&with(2, 50)));
        let other = sample::<f32, _>(&affine, &steps, method, n, 12, &Options::default()).unwrap();
        assert_ne!(bits(&one), bits(&other.points));
    }
}

/// The addresses of the random numbers, over several blocks: from zero, one ancestral step with D̂ = 0 is random·z, and
/// a table of one channel leaves the start itself.
#[test]
fn noise_is_addressed_by_stream_point_and_coordinate() {
    let affine = Affine::fixed(arr1(&[0.0; 3]).view(), Array2::zeros((3, 3)).view()).unwrap();
    let n = 2 * BLOCK + 5;
    let normals = |stream: u64| {
        let mut out = vec![0.0_f64; 3 * n];
        tweedie::arith::fill_normal(42, stream, 0, &mut out);
        Array2::from_shape_vec((n, 3), out).unwrap()
    };
    let ve = |sigma: f64| Channel::variance_exploding(sigma).unwrap();
    let steps = Steps::new(vec![ve(4.0), ve(2.0), ve(1.0)]).unwrap();
    let method = Method::Ancestral;
    let options = Options {
        start: Start::Given(Array2::zeros((n, 3))),
        end: End::LastLevel,
        ..Options::default()
    };
    let run = sample::<f64, _>(&affine, &steps, method, n, 42, &options).unwrap();
    let first = single(method.step(ve(4.0), ve(2.0)).unwrap()).random;
    let second = single(method.step(ve(2.0), ve(1.0)).unwrap());
    let before = normals(1) * first;
    let mut expected = normals(2) * second.random;
    expected.zip_mut_with(&before, |sum, x| *sum = second.state.mul_add(*x, *sum));
    assert_eq!(run.points, expected);

    let alone = Steps::new(vec![ve(4.0)]).unwrap();
    let options = Options { end: End::LastLevel, ..Options::default() };
    let run = sample::<f64, _>(&affine, &alone, method, n, 42, &options).unwrap();
    assert_eq!(run.points, normals(0) * 4.0);
}

#[test]
fn trajectories_and_progress() {
    let affine = plane();
    let steps = Steps::by_name("edm", 7).unwrap();
    let calls = RefCell::new(Vec::new());
    let progress = |done: usize, all: usize| calls.borrow_mut().push((done, all));
    let options =
        Options { record: Record::Every(3), progress: Some(&progress), ..Options::default() };
    let run = sample::<f64, _>(&affine, &steps, Method::Heun, 5, 1, &options).unwrap();
    let kept: Vec<usize> = run.trajectory.iter().map(|snapshot| snapshot.step).collect();
    assert_eq!(kept, [0, 3, 6, 7]);
    assert_eq!(run.trajectory[1].channel, Some(steps.channels()[3]));
    assert_eq!(run.trajectory[3].channel, None);
    assert_eq!(run.trajectory[3].points, run.points);
    assert_eq!(*calls.borrow(), (1..=7).map(|k| (k, 7)).collect::<Vec<_>>());
    // A run continued from a recorded state by the rest of the table is the same run (no fresh noise in Heun).
    let rest = Steps::new(steps.channels()[3..].to_vec()).unwrap();
    let options =
        Options { start: Start::Given(run.trajectory[1].points.clone()), ..Options::default() };
    let again = sample::<f64, _>(&affine, &rest, Method::Heun, 5, 99, &options).unwrap();
    assert_eq!(again.points, run.points);
    // Ended at the last level, one denoising is missing.
    let options = Options { end: End::LastLevel, ..Options::default() };
    let last = sample::<f64, _>(&affine, &steps, Method::Heun, 5, 1, &options).unwrap();
    let data = affine.denoise(steps.channels()[6], last.points.view()).unwrap();
    assert_eq!(data, run.points);
}

/// A denoiser that breaks the contract of shapes, and one that overflows.
struct Broken {
    columns: usize,
    value: f64,
}

impl Denoiser<f64> for Broken {
    fn dimension(&self) -> usize {
        2
    }
    fn predict(
        &self,
        _: Channel,
        x: ndarray::ArrayView2<'_, f64>,
    ) -> tweedie::Result<Prediction<f64>> {
        let array = Array2::from_elem((x.nrows(), self.columns), self.value);
        Ok(Prediction { denoised: array.clone(), noise: array })
    }
    fn jacobian_vector(
        &self,
        _: Channel,
        x: ndarray::ArrayView2<'_, f64>,
        _: ndarray::ArrayView2<'_, f64>,
    ) -> tweedie::Result<Array2<f64>> {
        Ok(x.to_owned())
    }
    fn vector_jacobian(
        &self,
        channel: Channel,
        x: ndarray::ArrayView2<'_, f64>,
        v: ndarray::ArrayView2<'_, f64>,
    ) -> tweedie::Result<Array2<f64>> {
        self.jacobian_vector(channel, x, v)
    }
}

#[test]
fn bad_input_is_refused() {
    let affine = plane();
    let steps = Steps::by_name("rectified", 4).unwrap();
    let run = |method: Method, n: usize, options: &Options<'_, f64>| {
        sample::<f64, _>(&affine, &steps, method, n, 0, options)
    };
    // a = 0 at the start: legal for the methods that use D̂, refused by those of x/a.
    for method in METHODS {
        let result = run(method, 3, &Options::default());
        match method {
            Method::Ancestral | Method::Ddim { .. } => assert!(result.is_ok()),
            _ => assert!(matches!(result, Err(Error::Domain { what: "a", .. }))),
        }
    }
    let eta = run(Method::Ddim { eta: 1.5 }, 3, &Options::default());
    assert!(matches!(eta, Err(Error::Domain { what: "eta", .. })));
    assert!(matches!(run(Method::Ancestral, 0, &Options::default()), Err(Error::Empty { .. })));
    let huge = run(Method::Ancestral, usize::MAX, &Options::default());
    assert!(matches!(huge, Err(Error::Domain { .. })));
    let given = |points: Array2<f64>| {
        let options = Options { start: Start::Given(points), ..Options::default() };
        run(Method::Ancestral, 3, &options).unwrap_err()
    };
    assert!(matches!(given(Array2::zeros((3, 1))), Error::Shape { .. }));
    assert!(matches!(given(Array2::zeros((2, 2))), Error::Shape { .. }));
    assert!(matches!(given(Array2::from_elem((3, 2), f64::NAN)), Error::NotFinite { .. }));
    let start = Start::Moments { mean: arr1(&[0.0]), factor: arr2(&[[1.0]]) };
    let wrong = run(Method::Ancestral, 3, &Options { start, ..Options::default() });
    assert!(matches!(wrong, Err(Error::Shape { .. })));

    let broken = |columns, value| {
        let denoiser = Broken { columns, value };
        sample::<f64, _>(&denoiser, &steps, Method::Ancestral, 3, 0, &Options::default())
    };
    assert!(matches!(broken(3, 0.0), Err(Error::Shape { .. })));
    assert!(matches!(broken(2, f64::NAN), Err(Error::NotFinite { what: "state", .. })));

    let law = GaussianLaw::standard(steps.first(), 3);
    let wrong = law_of_sampler(&affine, &steps, Method::Ancestral, &law, End::Data);
    assert!(matches!(wrong, Err(Error::Shape { .. })));
    for method in METHODS {
        assert_eq!(method.to_string().parse::<Method>().unwrap(), method);
    }
    for name in Method::NAMES {
        assert!(name.parse::<Method>().is_ok());
    }
    assert!("ddim:2".parse::<Method>().is_err() && "ddpm".parse::<Method>().is_err());
}
