//! T8: the law that a sampler generates for an affine denoiser, by the closed recursion, against 320-bit recursions by
//! hand, the orders that theory gives, and the moments of runs (floor 5).

mod multiprecision;

use multiprecision::{Big, big};
use ndarray::{Array1, Array2, arr1, arr2};
use tweedie::channel::{Channel, Steps};
use tweedie::denoiser::{Affine, Denoiser};
use tweedie::sampler::{End, GaussianLaw, Method, Options, Start, law_of_sampler, sample};

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
