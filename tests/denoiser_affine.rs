//! The affine denoiser and the matrix product beneath it, against 320-bit truth (floor 3).

mod multiprecision;

use multiprecision::{Big, big};
use ndarray::{Array1, Array2, ArrayView2, arr1, arr2, s};
use proptest::prelude::*;
use tweedie::Error;
use tweedie::arith::matrix::{multiply, multiply_with};
use tweedie::arith::{Isa, Real};
use tweedie::channel::Channel;
use tweedie::denoiser::{Affine, Denoiser};

const U: f64 = f64::EPSILON / 2.0;

/// k·u/(1 − k·u).
fn gamma(k: usize, u: f64) -> f64 {
    let ku = k as f64 * u;
    ku / (1.0 - ku)
}

/// Covers the rounding of a bound's own evaluation: a few dozen operations of relative error u.
const EVALUATED: f64 = 1.0 + 1e-12;

/// A rotation in three dimensions with exact columns up to rounding, and eigenvalues from 0 to 1e4.
fn law() -> (Array1<f64>, Array1<f64>, Array2<f64>) {
    let (c, s) = (0.6, 0.8);
    let q = arr2(&[[c, -s * c, s * s], [s, c * c, -c * s], [0.0, s, c]]);
    (arr1(&[1e6, -3.0, 0.25]), arr1(&[1e4, 0.0, 0.02]), q)
}

/// Q·diag(g)·Qᵀ and Σ_k |q_ik|·g_k·|q_jk|.
fn spectral(q: &Array2<f64>, g: &[Big]) -> (Vec<Vec<Big>>, Array2<f64>) {
    let d = g.len();
    let mut sizes = Array2::zeros((d, d));
    let rows = (0..d)
        .map(|i| {
            (0..d)
                .map(|j| {
                    let mut sum = big(0.0);
                    for k in 0..d {
                        let term = big(q[[i, k]]) * g[k].clone() * big(q[[j, k]]);
                        sizes[[i, j]] += term.to_f64().abs();
                        sum = sum + term;
                    }
                    sum
                })
                .collect()
        })
        .collect();
    (rows, sizes)
}

/// (the diagonal of A, the diagonal of B) of the Wiener filter.
fn gains(values: &Array1<f64>, a: f64, s: f64) -> (Vec<Big>, Vec<Big>) {
    let v = |value: f64| big(a) * big(a) * big(value) + big(s) * big(s);
    let denoised = values.iter().map(|&value| big(a) * big(value) / v(value)).collect();
    let noise = values.iter().map(|&value| big(s) / v(value)).collect();
    (denoised, noise)
}

const CHANNELS: [(f64, f64); 6] =
    [(1.0, 1e-6), (1.0, 1e3), (0.9, 0.3), (0.0, 1.0), (1e-3, 1.0), (1.0, 1e-200)];

#[test]
fn the_wiener_maps_are_within_their_bound() {
    let (mean, values, q) = law();
    let affine = Affine::wiener(mean.view(), values.view(), q.view()).unwrap();
    for (a, s) in CHANNELS {
        let maps = affine.maps(Channel::new(a, s).unwrap()).unwrap();
        let (denoised, noise) = gains(&values, a, s);
        for (gain, found) in [(denoised, &maps.denoised), (noise, &maps.noise)] {
            let (exact, sizes) = spectral(&q, &gain);
            for ((i, j), &entry) in found.indexed_iter() {
                let error = (exact[i][j].clone() - big(entry)).to_f64().abs();
                // d products, the diagonal's five roundings, and one product of it with q: d + 6 of which
                // the first fma from zero counts once.
                let bound = gamma(q.nrows() + 6, U) * sizes[[i, j]] * EVALUATED;
                assert!(error <= bound, "({a}, {s}) [{i}, {j}]: {error:e} {bound:e}");
            }
        }
    }
}

/// D̂ and ε̂ against the spectral formulas, and the slip of finding ε̂ by subtraction against the same bound.
fn predictions_are_within_their_bound<T: Real>() {
    let (mean, values, q) = law();
    let d = mean.len();
    let affine = Affine::wiener(mean.view(), values.view(), q.view()).unwrap();
    let u = T::UNIT_ROUNDOFF;
    let mut subtraction_caught = 0;
    for (a, s) in &CHANNELS[..5] {
        let (a, s) = (*a, *s);
        let channel = Channel::new(a, s).unwrap();
        for far in [0.0, 1.0, -40.0, 1e5] {
            let x: Array2<T> = Array2::from_shape_fn((1, d), |(_, i)| {
                T::from_f64(a * mean[i] + far * (s + a) * (i as f64 - 0.7))
            });
            let found = affine.predict(channel, x.view()).unwrap();
            let delta: Vec<Big> =
                (0..d).map(|i| big(x[[0, i]].to_f64()) - big(a) * big(mean[i])).collect();
            let (denoised, noise) = gains(&values, a, s);
            for (is_data, gain, computed) in
                [(true, denoised, &found.denoised), (false, noise, &found.noise)]
            {
                let (exact, sizes) = spectral(&q, &gain);
                for i in 0..d {
                    let shift = big(if is_data { mean[i] } else { 0.0 });
                    let sum =
                        (0..d).fold(shift, |sum, j| sum + exact[i][j].clone() * delta[j].clone());
                    let size: f64 = (0..d).map(|j| sizes[[i, j]] * delta[j].to_f64().abs()).sum();
                    // The maps' d + 6 roundings in f64, the product's d + 3 in the scalar, and D̂'s own sum in
                    // f64 and its rounding.
                    let last = if is_data { (U + u) * sum.to_f64().abs() } else { 0.0 };
                    let product = (gamma(d + 6, U) + gamma(d + 3, u)) * (1.0 + 1e-5) * size;
                    let bound = (product * (1.0 + 2.0 * u) + last) * EVALUATED + T::TINY * 8.0;
                    let error = (sum.clone() - big(computed[[0, i]].to_f64())).to_f64().abs();
                    assert!(error <= bound, "({a}, {s}) far {far} [{i}]: {error:e} {bound:e}");
                    if !is_data {
                        let subtracted =
                            (x[[0, i]] - T::from_f64(a) * found.denoised[[0, i]]) / T::from_f64(s);
                        let slip = (sum - big(subtracted.to_f64())).to_f64().abs();
                        subtraction_caught += usize::from(slip > bound);
                    }
                }
            }
        }
    }
    assert!(subtraction_caught > 10, "{subtraction_caught}");
}

#[test]
fn predictions_f64() {
    predictions_are_within_their_bound::<f64>();
}

#[test]
fn predictions_f32() {
    predictions_are_within_their_bound::<f32>();
}

/// The gaussian constructor, whose decomposition is not ours to choose, against one dimension and a plane.
#[test]
fn gaussian_laws_are_denoised_exactly() {
    let one = Affine::gaussian(arr1(&[2.0]).view(), arr2(&[[3.0]]).view()).unwrap();
    let channel = Channel::new(0.5, 2.0).unwrap();
    // V = 0.25·3 + 4 = 4.75, A = 1.5/4.75, B = 2/4.75.
    let maps = one.maps(channel).unwrap();
    assert!((maps.denoised[[0, 0]] - 1.5 / 4.75).abs() <= gamma(8, U) * 1.5 / 4.75);
    assert!((maps.noise[[0, 0]] - 2.0 / 4.75).abs() <= gamma(8, U) * 2.0 / 4.75);
    // A plane: along its normal (0, 0, 1) the data is the mean, whatever the noise.
    let covariance = arr2(&[[2.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 0.0]]);
    let plane = Affine::gaussian(arr1(&[0.0, 0.0, 7.0]).view(), covariance.view()).unwrap();
    let found = plane.predict(channel, arr2(&[[0.0, 0.0, 100.0]]).view()).unwrap();
    assert_eq!(found.denoised.row(0).to_vec(), vec![0.0, 0.0, 7.0]);
    assert_eq!(found.noise[[0, 2]], (100.0 - 0.5 * 7.0) / 2.0);
}

#[test]
fn a_fixed_matrix_and_its_products() {
    let matrix = arr2(&[[0.5, 2.0], [-1.0, 0.25]]);
    let affine = Affine::fixed(arr1(&[1.0, -1.0]).view(), matrix.view()).unwrap();
    let channel = Channel::new(0.5, 0.25).unwrap();
    let x = arr2(&[[3.0, 1.5], [0.5, -0.5]]);
    let v = arr2(&[[1.0, 0.0], [2.0, -4.0]]);
    // Every number is dyadic, so every result is exact.
    let found = affine.predict(channel, x.view()).unwrap();
    // δ = (2.5, 2), (0, 0).
    assert_eq!(found.denoised, arr2(&[[1.0 + 1.25 + 4.0, -1.0 - 2.5 + 0.5], [1.0, -1.0]]));
    // x = aD̂ + sε̂.
    assert_eq!(found.denoised * 0.5 + found.noise * 0.25, x);
    let forward = affine.jacobian_vector(channel, x.view(), v.view()).unwrap();
    assert_eq!(forward, arr2(&[[0.5, -1.0], [1.0 - 8.0, -2.0 - 1.0]]));
    let backward = affine.vector_jacobian(channel, x.view(), v.view()).unwrap();
    assert_eq!(backward, arr2(&[[0.5, 2.0], [1.0 + 4.0, 4.0 - 1.0]]));
    assert_eq!(affine.denoise(channel, x.view()).unwrap().row(1).to_vec(), vec![1.0, -1.0]);
    assert_eq!(affine.noise(channel, x.view()).unwrap().row(1).to_vec(), vec![0.0, 0.0]);
}

#[test]
fn bad_input_is_refused() {
    let mean = arr1(&[0.0, 0.0]);
    let identity = Array2::<f64>::eye(2);
    let refuse = |values: &[f64], q: ArrayView2<'_, f64>| {
        Affine::wiener(mean.view(), arr1(values).view(), q).unwrap_err()
    };
    assert!(matches!(refuse(&[1.0, -1e-9], identity.view()), Error::Entry { .. }));
    assert!(matches!(refuse(&[1.0, f64::NAN], identity.view()), Error::Entry { .. }));
    assert!(matches!(refuse(&[1.0], identity.view()), Error::Shape { .. }));
    assert!(matches!(refuse(&[1.0, 1.0], (identity.clone() * 2.0).view()), Error::Domain { .. }));
    assert!(matches!(refuse(&[1.0, 1.0], identity.slice(s![.., ..1])), Error::Shape { .. }));
    let none = Affine::fixed(arr1(&[]).view(), Array2::zeros((0, 0)).view());
    assert!(matches!(none, Err(Error::Empty { .. })));
    let asymmetric = Affine::gaussian(mean.view(), arr2(&[[1.0, 0.5], [0.0, 1.0]]).view());
    assert!(matches!(asymmetric, Err(Error::Asymmetric { .. })));
    let indefinite = Affine::gaussian(mean.view(), arr2(&[[1.0, 2.0], [2.0, 1.0]]).view());
    assert!(matches!(indefinite, Err(Error::Indefinite { .. })));

    let affine = Affine::fixed(mean.view(), identity.view()).unwrap();
    let channel = Channel::new(1.0, 1.0).unwrap();
    let predict = |x: ArrayView2<'_, f64>| affine.predict(channel, x).unwrap_err();
    assert!(matches!(predict(arr2(&[[1.0]]).view()), Error::Shape { .. }));
    assert!(matches!(predict(Array2::zeros((0, 2)).view()), Error::Empty { .. }));
    let bad = arr2(&[[1.0, 1.0], [0.0, f64::INFINITY]]);
    assert!(matches!(predict(bad.view()), Error::NotFinite { index, .. } if index == [1, 1]));
    let fine = Array2::<f64>::zeros((2, 2));
    assert!(affine.jacobian_vector(channel, fine.view(), bad.view()).is_err());
    assert!(affine.vector_jacobian(channel, fine.view(), arr2(&[[1.0, 1.0]]).view()).is_err());
    // A result that the scalar cannot hold is refused, not infinite.
    let large = Affine::fixed(mean.view(), (identity * 1e30).view()).unwrap();
    let overflow = large.predict(channel, arr2(&[[1e30_f32, 0.0]]).view());
    assert!(matches!(overflow, Err(Error::NotFinite { what: "denoised", .. })));
    assert!(multiply(fine.view(), Array2::zeros((3, 1)).view()).is_err());
}

proptest! {
    /// The same bits in every instruction set, within γ(k)·|A||B|, and each row whatever batch it is in.
    #[test]
    fn products_are_canonical(n in 1_usize..5, k in 1_usize..20, d in 1_usize..40, seed in any::<u64>()) {
        let mut entries = vec![0.0_f64; n * k + k * d];
        tweedie::arith::fill_normal(seed, 0, 0, &mut entries);
        let a = Array2::from_shape_vec((n, k), entries[..n * k].to_vec()).unwrap();
        let b = Array2::from_shape_vec((k, d), entries[n * k..].to_vec()).unwrap();
        let found = multiply(a.view(), b.view()).unwrap();
        for isa in Isa::available() {
            let other = multiply_with(isa, a.view(), b.view()).unwrap();
            prop_assert!(found.iter().zip(&other).all(|(x, y)| x.to_bits() == y.to_bits()));
        }
        // Column-major inputs are the same numbers.
        let turned = multiply(a.t().as_standard_layout().t(), b.t().as_standard_layout().t());
        prop_assert_eq!(&turned.unwrap(), &found);
        for row in 0..n {
            let alone = multiply(a.slice(s![row..=row, ..]), b.view()).unwrap();
            prop_assert_eq!(alone.row(0), found.row(row));
        }
        for ((i, j), &entry) in found.indexed_iter() {
            let mut sum = big(0.0);
            let mut size = 0.0;
            for l in 0..k {
                let term = big(a[[i, l]]) * big(b[[l, j]]);
                size += term.to_f64().abs();
                sum = sum + term;
            }
            prop_assert!((sum - big(entry)).to_f64().abs() <= gamma(k, U) * size * EVALUATED);
        }
    }

    /// ⟨u, ∇D̂·v⟩ = ⟨∇D̂ᵀ·u, v⟩: both sides are sums of d² products of |u||A||v|, each with at most 2d + 2 roundings.
    #[test]
    fn the_two_products_are_adjoint(seed in any::<u64>()) {
        let (mean, values, q) = law();
        let affine = Affine::wiener(mean.view(), values.view(), q.view()).unwrap();
        let channel = Channel::new(0.8, 0.6).unwrap();
        let mut entries = vec![0.0; 9];
        tweedie::arith::fill_normal(seed, 0, 0, &mut entries);
        let row = |i: usize| Array2::from_shape_vec((1, 3), entries[3 * i..3 * i + 3].to_vec()).unwrap();
        let (x, u, v) = (row(0), row(1), row(2));
        let forward = affine.jacobian_vector(channel, x.view(), v.view()).unwrap();
        let backward = affine.vector_jacobian(channel, x.view(), u.view()).unwrap();
        let (left, right) = ((&u * &forward).sum(), (&backward * &v).sum());
        let maps = affine.maps(channel).unwrap();
        let size = u.mapv(f64::abs).dot(&maps.denoised.mapv(f64::abs)).dot(&v.mapv(f64::abs).t())[[0, 0]];
        prop_assert!((left - right).abs() <= 2.0 * gamma(8, U) * size * EVALUATED);
    }
}
