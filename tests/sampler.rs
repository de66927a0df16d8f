//! Samplers: their steps against the papers' formulas, the bits of a run, and T8 (floor 5).

mod multiprecision;

use std::cell::RefCell;

use multiprecision::{Big, big};
use ndarray::{Array1, Array2, arr1, arr2, s};
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

/// The law in one dimension by hand at 320 bits, for every method over 1000 steps, within the documented bound.
#[test]
fn the_recursion_holds_over_a_thousand_steps() {
    let (mean, variance) = (3.0, 0.7);
    let affine = Affine::gaussian(arr1(&[mean]).view(), arr2(&[[variance]]).view()).unwrap();
    for (name, n) in [("ddpm", 1000), ("edm", 200)] {
        let steps = Steps::by_name(name, n).unwrap();
        let start = GaussianLaw { mean: arr1(&[0.5]), covariance: arr2(&[[2.0]]) };
        for method in METHODS {
            let found = law_of_sampler(&affine, &steps, method, &start, End::LastLevel).unwrap();
            let (gap, spread, growth) = by_hand(&steps, method, mean, variance, &start);
            let last = steps.channels()[steps.len() - 1];
            let exact = big(last.a()) * big(mean) + gap.clone();
            // `growth` is Σ over steps of the relative error bound of M; twice for a variance, with the products.
            let bound = growth * gap.to_f64().abs() + 3.0 * U * exact.to_f64().abs();
            let error = (exact - big(found.mean[0])).to_f64().abs();
            // The start's own difference, 0.5 − a·3, is rounded once and the products of the mean once a step.
            let more = (steps.len() as f64 + 2.0) * U * gap.to_f64().abs();
            assert!(
                error <= (bound + more) * EVALUATED,
                "{name} {method} mean: {error:e} {bound:e}"
            );
            let error = ((spread.clone() - big(found.covariance[[0, 0]])) / spread).to_f64().abs();
            let bound = 2.0 * growth + 32.0 * U * steps.len() as f64;
            assert!(error <= bound * EVALUATED, "{name} {method}: {error:e} {bound:e}");
        }
    }
}

/// E δ and Var δ at the last channel, and the sum over steps of M's relative error bound: 48u (γ(3d + 45)) times
/// M̄/|M|.
fn by_hand(
    steps: &Steps,
    method: Method,
    mean: f64,
    variance: f64,
    start: &GaussianLaw,
) -> (Big, Big, f64) {
    let mut gap = big(start.mean[0]) - big(steps.first().a()) * big(mean);
    let mut spread = big(start.covariance[[0, 0]]);
    let mut growth = 0.0;
    let predicted = |channel: Channel| {
        let (a, s) = (big(channel.a()), big(channel.s()));
        let v = a.clone() * a.clone() * big(variance) + s.clone() * s.clone();
        (a * big(variance) / v.clone(), s / v)
    };
    for pair in steps.channels().windows(2) {
        let (a, s) = (big(pair[0].a()), big(pair[0].s()));
        let (b, t) = (big(pair[1].a()), big(pair[1].s()));
        let (sigma, next) = (s.clone() / a.clone(), t.clone() / b.clone());
        let (data, noise) = predicted(pair[0]);
        let (_, noise_after) = predicted(pair[1]);
        let q = next.clone() / sigma.clone();
        let rest = big(1.0) - q.clone() * q.clone();
        let slope = b.clone() * (next.clone() - sigma.clone());
        let (terms, random): (Vec<Big>, Big) = match method {
            Method::Ancestral => {
                (vec![q * t.clone() / s, b * rest.clone() * data], t.clone() * t * rest)
            }
            Method::Ddim { eta } => {
                let square = big(eta) * big(eta) * t.clone() * t.clone() * rest;
                let kept = (t.clone() * t - square.clone()).sqrt();
                (vec![b * data, kept * noise], square)
            }
            Method::Euler => (vec![b / a, slope * noise], big(0.0)),
            Method::Heun => {
                let guess = b.clone() / a.clone() + slope.clone() * noise.clone();
                let half = big(0.5) * slope.clone();
                // The guess's own terms, so that their magnitudes are counted.
                let after = half.clone() * noise_after.clone();
                assert!(guess.to_f64() > 0.0);
                let ratio = b / a;
                (
                    vec![
                        ratio.clone(),
                        half * noise.clone(),
                        after.clone() * ratio,
                        after * slope * noise,
                    ],
                    big(0.0),
                )
            }
            _ => {
                let lost = sigma.clone() * sigma.clone() - next.clone() * next;
                (
                    vec![b.clone() / a, -(b.clone() * lost.clone() / sigma * noise)],
                    b.clone() * b * lost,
                )
            }
        };
        let size: f64 = terms.iter().map(|term| term.to_f64().abs()).sum();
        let matrix = terms.into_iter().fold(big(0.0), |sum, term| sum + term);
        growth += 48.0 * U * size / matrix.to_f64().abs();
        gap = matrix.clone() * gap;
        spread = matrix.clone() * matrix * spread + random;
    }
    (gap, spread, growth)
}

/// The order of each method for the flow, from the error of the last variance when the steps double, rounded to the
/// nearest whole number: Euler 1, Heun 2 (Karras et al. 2022). Started at the exact law, ended at the last level.
#[test]
fn the_flow_s_orders_are_one_and_two() {
    let variance = 0.5;
    let affine = Affine::gaussian(arr1(&[1.0]).view(), arr2(&[[variance]]).view()).unwrap();
    let error = |method: Method, n: usize| {
        let steps = Steps::by_name("edm", n).unwrap();
        let exact = |channel: Channel| GaussianLaw {
            mean: arr1(&[channel.a()]),
            covariance: arr2(&[[channel.a().powi(2) * variance + channel.s().powi(2)]]),
        };
        let start = exact(steps.first());
        let found = law_of_sampler(&affine, &steps, method, &start, End::LastLevel).unwrap();
        let last = steps.channels()[n - 1];
        (found.covariance[[0, 0]] - exact(last).covariance[[0, 0]]).abs()
    };
    for (method, order) in
        [(Method::Euler, 1.0), (Method::Ddim { eta: 0.0 }, 1.0), (Method::Heun, 2.0)]
    {
        let found = (error(method, 401) / error(method, 801)).log2();
        assert_eq!(found.round(), order, "{method}: {found}");
    }
    // The stochastic methods tend to the law at order 1 too.
    for method in [Method::Ancestral, Method::EulerMaruyama] {
        let found = (error(method, 2001) / error(method, 4001)).log2();
        assert_eq!(found.round(), 1.0, "{method}: {found}");
    }
}

fn plane() -> Affine {
    let covariance = arr2(&[[2.0, 0.6], [0.6, 0.5]]);
    Affine::gaussian(arr1(&[4.0, -1.0]).view(), covariance.view()).unwrap()
}

/// A run's moments against the recursion along three directions, in both scalars.
///
/// With Gaussian samples of known law: the mean is N(μ, v/n), P(|z| > 6) < 2e-9; the centred square sum over v is χ²_n,
/// and (Laurent and Massart 2000) leaves [n − 2√(nx), n + 2√(nx) + 2x] with probability at most 2e^−x, x = 20.2: 4e-9.
/// 36 runs' checks of 2 × 3: below 1.3e-6 in all, each below 1e-8. Seen are means off by 2.7% of a deviation and
/// variances off by 4%. Rounding of a run (f32: 20 steps of some 10 roundings of 6e-8) is below a thousandth of both.
#[test]
fn runs_have_the_law_that_the_recursion_says() {
    let n = 50_000;
    let affine = plane();
    for name in ["ddpm", "edm", "rectified-inner"] {
        let steps = match name {
            // Without t = 1, where a = 0 and x/a is not defined.
            "rectified-inner" => {
                let all = Steps::by_name("rectified", 21).unwrap();
                Steps::new(all.channels()[1..].to_vec()).unwrap()
            }
            _ => Steps::by_name(name, 20).unwrap(),
        };
        for (m, method) in METHODS.into_iter().enumerate() {
            let factor = arr2(&[[1.5, 0.0], [-0.5, 1.0]]);
            let mean = arr1(&[0.5, 2.0]);
            let start = GaussianLaw::from_factor(mean.view(), factor.view()).unwrap();
            let law = law_of_sampler(&affine, &steps, method, &start, End::Data).unwrap();
            let seed = 7 + m as u64;
            let run = moments::<f64>(&affine, &steps, method, n, seed, (&mean, &factor));
            check_moments(&format!("{name} {method} f64"), &run, &law, true);
            let run = moments::<f32>(&affine, &steps, method, n, seed, (&mean, &factor));
            check_moments(&format!("{name} {method} f32"), &run, &law, true);
            // The planted slip, a law whose fresh noise is η² where it should be η, is told apart.
            if name == "ddpm" && method == (Method::Ddim { eta: 0.6 }) {
                let wrong = Method::Ddim { eta: 0.36 };
                let law = law_of_sampler(&affine, &steps, wrong, &start, End::Data).unwrap();
                let run = moments::<f64>(&affine, &steps, method, n, seed, (&mean, &factor));
                assert!(!check_moments(name, &run, &law, false), "the slip passes");
            }
        }
    }
}

fn moments<T: tweedie::arith::Real>(
    affine: &Affine,
    steps: &Steps,
    method: Method,
    n: usize,
    seed: u64,
    (mean, factor): (&Array1<f64>, &Array2<f64>),
) -> Array2<f64>
where
    Affine: Denoiser<T>,
{
    let options = Options {
        start: Start::Moments { mean: mean.clone(), factor: factor.clone() },
        ..Options::default()
    };
    sample::<T, _>(affine, steps, method, n, seed, &options).unwrap().points.mapv(|x| x.to_f64())
}

fn check_moments(what: &str, points: &Array2<f64>, law: &GaussianLaw, must: bool) -> bool {
    let n = points.nrows() as f64;
    let x = 20.2_f64;
    let mut holds = true;
    for direction in [arr1(&[1.0, 0.0]), arr1(&[0.0, 1.0]), arr1(&[0.6, -0.8])] {
        let mean = direction.dot(&law.mean);
        let variance = direction.dot(&law.covariance.dot(&direction));
        let along = points.dot(&direction);
        let z = (along.sum() / n - mean) / (variance / n).sqrt();
        let square = along.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / variance;
        let (low, high) = (n - 2.0 * (n * x).sqrt(), n + 2.0 * (n * x).sqrt() + 2.0 * x);
        let fine = z.abs() <= 6.0 && (low..=high).contains(&square);
        assert!(fine || !must, "{what}: z {z}, χ² {square} for {n}");
        holds &= fine;
    }
    holds
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
