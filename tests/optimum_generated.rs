//! T8 for affine optima: the law that a sampler generates, in closed form; and the distance of Gaussian laws.

mod multiprecision;

use multiprecision::big;
use ndarray::{Array2, arr1, arr2};
use tweedie::attack::Shape;
use tweedie::channel::{Channel, Steps};
use tweedie::denoiser::AffineMaps;
use tweedie::objective::{Constraint, Radius, Strength, Units};
use tweedie::optimum::{AffineObjective, AffineOptimum, Moments, Perturbation, bures};
use tweedie::sampler::{End, GaussianLaw, Method, law_of_sampler};

const U: f64 = f64::EPSILON / 2.0;

/// T8 for the whole question. With independent coordinates the recursion is that of each coordinate alone, to the bit; and
/// DDIM with η = 0 multiplies a deviation by a′g + s′b a step, so the variance generated is the square of their product.
#[test]
fn the_law_generated_is_a_product_of_gains() {
    let variances = [4.0, 1.0, 0.0625, 0.0];
    let steps = Steps::by_name("ddpm", 40).unwrap();
    let whole = Moments::new(
        arr1(&[0.5, -1.0, 2.0, 0.0]).view(),
        Array2::from_diag(&arr1(&variances)).view(),
    )
    .unwrap();
    for lambda in [0.0, 0.3, 30.0] {
        let ask = |moments: Moments| {
            let objective = AffineObjective {
                constraint: Constraint::Equivariance,
                units: Units::Noise,
                strength: Strength::new(lambda, 0.0).unwrap(),
                radius: Radius::new(1.0, 2.0, 8.0 / 255.0).unwrap(),
            };
            AffineOptimum::new(moments, objective, Perturbation::Random(Shape::Gaussian)).unwrap()
        };
        let optimum = ask(whole.clone());
        for method in [Method::Ddim { eta: 0.0 }, Method::Ancestral, Method::EulerMaruyama] {
            let law = |optimum: &AffineOptimum, d: usize| {
                let start = GaussianLaw::standard(steps.first(), d);
                law_of_sampler(optimum, &steps, method, &start, End::Data).unwrap()
            };
            let found = law(&optimum, 4);
            for (i, &variance) in variances.iter().enumerate() {
                let mean = arr1(&[optimum.mean()[i]]);
                let one = ask(Moments::new(mean.view(), arr2(&[[variance]]).view()).unwrap());
                let alone = law(&one, 1);
                assert_eq!(alone.covariance[[0, 0]], found.covariance[[i, i]]);
                assert_eq!(alone.mean[0], found.mean[i]);
                if method != (Method::Ddim { eta: 0.0 }) {
                    continue;
                }
                let mut product = big(1.0);
                let at = |channel: Channel| {
                    let (a, s) = (big(channel.a()), big(channel.s()));
                    let square = big(optimum.objective().radius.mean_square(channel));
                    let inflated = big(1.0) + big(lambda) * square;
                    let c = big(variance);
                    let below = a.clone() * a.clone() * c.clone()
                        + s.clone() * s.clone() * inflated.clone();
                    (a * c / below.clone(), s * inflated / below)
                };
                for pair in steps.channels().windows(2) {
                    let (g, b) = at(pair[0]);
                    product = product * (big(pair[1].a()) * g + big(pair[1].s()) * b);
                }
                let last = *steps.channels().last().unwrap();
                product = product * at(last).0;
                let start = law_start(steps.first());
                let exact = (product.clone() * product * big(start)).to_f64();
                // (8d + 96)u a step and d = 1, by the recursion's own statement; gains within 12u each, squared.
                let bound = 1.01 * U * (104.0 + 48.0) * (steps.len() as f64 + 2.0) * exact;
                let off = (alone.covariance[[0, 0]] - exact).abs();
                assert!(off <= bound, "{lambda} {variance}: {off:e} {bound:e}");
                // A kernel stays one; and what is generated along the data is narrower than the data, the more so for large λ.
                assert_eq!(variance == 0.0, alone.covariance[[0, 0]] == 0.0);
                assert!(variance == 0.0 || lambda == 0.0 || alone.covariance[[0, 0]] < variance);
            }
        }
    }
}

fn law_start(first: Channel) -> f64 {
    GaussianLaw::standard(first, 1).covariance[[0, 0]]
}

/// W₂ of commuting covariances is that of their deviations; of a law to itself 0; and it is symmetric.
#[test]
fn the_distance_of_gaussians_is_known_where_they_commute() {
    let q = arr2(&[[0.6, 0.8, 0.0], [-0.8, 0.6, 0.0], [0.0, 0.0, 1.0]]);
    let law = |mean: [f64; 3], deviations: [f64; 3]| {
        let squares = arr1(&deviations).mapv(|v| v * v);
        let product = (&q * &squares).dot(&q.t());
        GaussianLaw { mean: arr1(&mean), covariance: (&product + &product.t()) * 0.5 }
    };
    let cases = [
        ([1.0, 0.5, 0.0], [0.5, 0.5, 0.0], 0.0),
        ([1.0, 0.5, 0.0], [1.0, 0.5, 0.25], 0.0),
        ([1.0, 1.0, 1.0], [1.0, 1.0, 1.0], 3.0),
        ([0.0, 0.0, 0.0], [3.0, 0.0, 0.0], 1.0),
        ([1.0, 1e-5, 1.0], [1.0, 2e-5, 1.0], 0.0),
    ];
    for (one, other, moved) in cases {
        let exact = one.iter().zip(other).map(|(x, y): (&f64, f64)| (x - y) * (x - y)).sum::<f64>();
        let exact = (exact + moved * moved).sqrt();
        let (first, second) = (law([0.0; 3], one), law([moved, 0.0, 0.0], other));
        let found = bures(&first, &second).unwrap();
        // A covariance is rounded to e = 40u of its size; a root of it is off by at most √e (Powers and Størmer).
        let size = first.covariance.diag().sum() + second.covariance.diag().sum();
        let bound = 2.0 * (40.0 * U * size).sqrt() * 3.0_f64.sqrt();
        assert!((found - exact).abs() <= bound, "{found} {exact} {bound:e}");
        let back = bures(&second, &first).unwrap();
        assert!((found - back).abs() <= bound);
    }
    assert!(
        bures(&law([0.0; 3], [1.0; 3]), &GaussianLaw::standard(Channel::new(1.0, 1.0).unwrap(), 2))
            .is_err()
    );
}
