//! E1 for every predictor: the residual in noise against that in denoised, within a derived rounding.

mod generators;
mod judge;

use ndarray::{Array2, ArrayView2, Axis};
use proptest::prelude::*;
use tweedie::arith::{Real, fill_normal};
use tweedie::channel::Channel;
use tweedie::denoiser::mlp::{Activation, Architecture, Embedding};
use tweedie::denoiser::{Affine, Denoiser, Exact, Head, Mlp, Prediction};
use tweedie::law::Quantity;
use tweedie::objective::consistency::perturbed;
use tweedie::objective::{Consistency, Constraint, Strength, Units, Weighting};
use tweedie::tweedie::Kind;

type Gap<T> = Box<dyn Fn(Channel, ArrayView2<'_, T>) -> Array2<f64>>;

/// A predictor with a bound of |x − a·D̂ − s·ε̂| at each coordinate, from how it makes the two.
struct Predictor<T: Real> {
    denoiser: Box<dyn Denoiser<T>>,
    gap: Gap<T>,
}

fn wide<T: Real>(array: &Array2<T>) -> Array2<f64> {
    array.mapv(Real::to_f64)
}

fn predictors<T: Real>(case: &generators::Case) -> Vec<Predictor<T>> {
    let d = case.dimension;
    let law = case.mixture();
    let exact = Exact::new(law.clone());
    let of_exact = move |channel: Channel, x: ArrayView2<'_, T>| {
        let noised = law.through::<T>(channel).expect("a noised law");
        let wanted = [Quantity::Denoiser, Quantity::Noise];
        let given = x.mapv(Real::to_f64);
        let bounds = noised.bounds(given.view(), &wanted).expect("bounds");
        let (denoised, noise) = (bounds.denoiser.expect("D"), bounds.noise.expect("E"));
        wide(&denoised) * channel.a() + wide(&noise) * channel.s()
    };
    let architecture = Architecture {
        dimension: d,
        width: 8,
        layers: 2,
        activation: Activation::Silu,
        embedding: Embedding::Fourier { waves: 2 },
        head: Head::new("edm", 1.5).expect("a head"),
    };
    let mlp = Mlp::<T>::initial(architecture, case.seed).expect("a network");
    let network = mlp.clone();
    let of_mlp = move |channel: Channel, x: ArrayView2<'_, T>| {
        // Coefficients: at most six roundings of f64 and one of T each; D̂ and ε̂: two roundings of T.
        let head = network.architecture().head.at::<f64>(channel).expect("a head");
        let found = network.predict(channel, x).expect("a prediction");
        let u = 3.0 * T::UNIT_ROUNDOFF + 8.0 * f64::UNIT_ROUNDOFF;
        let (a, s) = (channel.a(), channel.s());
        Array2::from_shape_fn(x.dim(), |at| {
            let x = x[at].to_f64().abs();
            let denoised = a * (found.denoised[at].to_f64().abs() + 2.0 * head.denoised_of_x * x);
            let noise = s * (found.noise[at].to_f64().abs() + 2.0 * head.noise_of_x * x);
            1.01 * u * (denoised + noise) + (a + s) * T::TINY
        })
    };
    let mut list = vec![
        Predictor { denoiser: Box::new(exact), gap: Box::new(of_exact) },
        Predictor { denoiser: Box::new(mlp), gap: Box::new(of_mlp) },
    ];
    // A wide matrix of small numbers: the fixed affine denoiser.
    let mut entries = vec![0.0; d * d];
    fill_normal(case.seed, 50, 0, &mut entries);
    let matrix = Array2::from_shape_vec((d, d), entries).expect("d×d") / 4.0;
    let mean = ndarray::Array1::from_elem(d, 0.5);
    let affine = Affine::fixed(mean.view(), matrix.view()).expect("an affine denoiser");
    let maps_of = affine.clone();
    let of_affine = move |channel: Channel, x: ArrayView2<'_, T>| {
        let maps = maps_of.maps(channel).expect("maps");
        let d = maps_of.mean().len() as f64;
        let (a, s) = (channel.a(), channel.s());
        // δ = x − a·m: rounded in f64 and in T. Each row of A·δ and B·δ: γ(d + 3) of its terms in T, and each entry of
        // B is within 3u of (I − aA)/s in f64; D̂ adds the rounding of its sum.
        let u = 1.01 * T::UNIT_ROUNDOFF;
        Array2::from_shape_fn(x.dim(), |(n, i)| {
            let delta = |j: usize| x[[n, j]].to_f64() - a * 0.5;
            let size = |m: &Array2<f64>| -> f64 {
                (0..x.ncols()).map(|j| (m[[i, j]] * delta(j)).abs()).sum()
            };
            let grown = |j: usize| (x[[n, j]].to_f64().abs() + a * 0.5) * 2.0;
            let spread: f64 = (0..x.ncols())
                .map(|j| {
                    (a * maps.denoised[[i, j]].abs() + s * maps.noise[[i, j]].abs()) * grown(j)
                })
                .sum();
            u * (d + 8.0) * (a * size(&maps.denoised) + s * size(&maps.noise) + a * 0.5)
                + 4.0 * f64::UNIT_ROUNDOFF * spread
                + u * x[[n, i]].to_f64().abs()
                + (a + s) * (d + 2.0) * T::TINY
        })
    };
    list.push(Predictor { denoiser: Box::new(affine), gap: Box::new(of_affine) });
    list
}

/// E1: R = −(a/s)(D̂(x′) − D̂(x)), in the library's own losses: the residual in noise against that in denoised.
///
/// With g = x − a·D̂ − s·ε̂ at x and g′ at x′, s·R + a·(D̂′ − D̂) = (x′ − x − s·ω) − g′ + g exactly. x′ is rounded once,
/// s too; R and the difference of D̂ are sums of three and two numbers, each operation rounded once; the value is
/// compared through √ of one number's square, which costs three roundings more.
/// `factor` multiplies s·R: 1, and another number to plant a mistake.
fn equivariance_is_invariance<T: Real>(
    case: &generators::Case,
    factor: f64,
) -> Result<(), TestCaseError> {
    let channel = case.channel();
    let (a, s) = (channel.a(), channel.s());
    let x = case.points(3).mapv(T::from_f64);
    let mut drawn = vec![T::ZERO; x.len()];
    fill_normal(case.seed, 60, 0, &mut drawn);
    let omega = Array2::from_shape_vec(x.dim(), drawn).expect("the shape");
    let channels = vec![channel; x.nrows()];
    let moved = perturbed(&channels, Units::Noise, x.view(), omega.view()).expect("x′");
    for Predictor { denoiser, gap } in predictors::<T>(case) {
        let clean = denoiser.predict(channel, x.view()).expect("a prediction");
        let there = denoiser.predict(channel, moved.view()).expect("a prediction");
        let (gap_here, gap_there) = (gap(channel, x.view()), gap(channel, moved.view()));
        for i in 0..x.ncols() {
            // One coordinate at a time, so that a row's value is one square.
            let column = |p: &Prediction<T>| Prediction {
                denoised: p.denoised.select(Axis(1), &[i]),
                noise: p.noise.select(Axis(1), &[i]),
            };
            let (clean, there) = (column(&clean), column(&there));
            let omega = omega.select(Axis(1), &[i]);
            let consistency = Consistency {
                constraint: Constraint::Equivariance,
                units: Units::Noise,
                strength: Strength::new(1.0, 0.0).expect("a strength"),
                stop_gradient: false,
            };
            let residual = |kind: Kind| {
                let found = consistency.evaluate(
                    &channels,
                    (kind, Weighting::Uniform),
                    &clean,
                    &there,
                    omega.view(),
                );
                found.map(|found| found.values)
            };
            let (Ok(noise), Ok(denoised)) = (residual(Kind::Noise), residual(Kind::Denoised))
            else {
                // A square that leaves the format is refused, not compared.
                continue;
            };
            for n in 0..x.nrows() {
                let (r, difference) = (noise[n].to_f64().sqrt(), denoised[n].to_f64().sqrt());
                let at = [n, i];
                let u = 1.01 * T::UNIT_ROUNDOFF;
                let sizes = |p: &Prediction<T>| {
                    (p.noise[[n, 0]].to_f64().abs(), p.denoised[[n, 0]].to_f64().abs())
                };
                let ((e, d), (e_there, d_there)) = (sizes(&clean), sizes(&there));
                let w = omega[[n, 0]].to_f64().abs();
                let rounding = u
                    * (s * (2.0 * (e + e_there) + 3.0 * w + 4.0 * r)
                        + a * (d + d_there + 4.0 * difference)
                        + moved[at].to_f64().abs());
                // A square below the smallest number is lost: its root is at most this.
                let lost = (s + a) * 1.5 * T::TINY.sqrt();
                let bound = gap_here[at] + gap_there[at] + rounding + lost;
                let found = (factor * s * r - a * difference).abs();
                prop_assert!(
                    found <= bound || !bound.is_finite(),
                    "s·|R| = {}, a·|ΔD| = {}, bound {bound:e}, {channel:?}",
                    s * r,
                    a * difference
                );
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn equivariance_of_noise_is_invariance_of_data(case in generators::cases(6, 5)) {
        equivariance_is_invariance::<f64>(&case, 1.0)?;
        equivariance_is_invariance::<f32>(&case, 1.0)?;
    }
}

#[test]
fn a_wrong_factor_is_caught() {
    for kind in [generators::Kind::Isotropic, generators::Kind::Diagonal, generators::Kind::Full] {
        let case = generators::Case {
            kind,
            size: generators::Size::Ordinary,
            place: generators::Place::Typical,
            dimension: 3,
            components: 4,
            offset: 0.0,
            equal: false,
            a: 0.8,
            s: 0.5,
            seed: 1,
        };
        assert!(equivariance_is_invariance::<f64>(&case, 1.0).is_ok());
        assert!(equivariance_is_invariance::<f64>(&case, 1.0 + 1e-9).is_err(), "{kind:?}, f64");
        assert!(equivariance_is_invariance::<f32>(&case, 1.001).is_err(), "{kind:?}, f32");
    }
}
