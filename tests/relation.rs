//! The relation T1–T3 against 320-bit truth: every conversion within the bound that the library derives.

mod multiprecision;

use multiprecision::{Big, big};
use ndarray::{Array2, ArrayView2, arr2};
use proptest::prelude::*;
use tweedie::Error;
use tweedie::arith::Real;
use tweedie::channel::Channel;
use tweedie::tweedie::{Kind, condition, convert, error_bound, jacobian, posterior_covariance};

const U: f64 = f64::EPSILON / 2.0;

/// What the definitions say: `to` as a number that with x satisfies x = aD + sE, S = −E/s, v = aE − sD.
fn truth(channel: Channel, x: f64, from: Kind, to: Kind, value: f64) -> Big {
    if from == to {
        return big(value);
    }
    let (a, s, x, value) = (big(channel.a()), big(channel.s()), big(x), big(value));
    let n = a.clone() * a.clone() + s.clone() * s.clone();
    let noise = match from {
        Kind::Noise => value,
        Kind::Score => -(s.clone() * value),
        Kind::Denoised => (x.clone() - a.clone() * value) / s.clone(),
        Kind::Velocity => (s.clone() * x.clone() + a.clone() * value) / n.clone(),
    };
    match to {
        Kind::Noise => noise,
        Kind::Score => -(noise / s),
        Kind::Denoised => (x - s * noise) / a,
        Kind::Velocity => (n * noise - s * x) / a,
    }
}

fn convert_one<T: Real>(channel: Channel, x: T, from: Kind, to: Kind, value: T) -> T {
    let (x, value) = (Array2::from_elem((1, 1), x), Array2::from_elem((1, 1), value));
    convert(channel, x.view(), from, to, value.view()).unwrap()[[0, 0]]
}

/// The error of one conversion as a fraction of its bound.
fn fraction<T: Real>(channel: Channel, x: T, from: Kind, to: Kind, value: T) -> f64 {
    let computed = convert_one(channel, x, from, to, value);
    let exact = truth(channel, x.to_f64(), from, to, value.to_f64());
    let error = (exact - big(computed.to_f64())).to_f64().abs();
    let bound = error_bound(channel, x, from, to, value).unwrap();
    if error == 0.0 { 0.0 } else { error / bound }
}

fn channels() -> impl Strategy<Value = Channel> {
    (-20.0..20.0_f64, -20.0..20.0_f64).prop_map(|(a, s)| Channel::new(a.exp2(), s.exp2()).unwrap())
}

fn number() -> impl Strategy<Value = f64> {
    (-30.0..30.0_f64, any::<bool>()).prop_map(|(e, sign)| if sign { e.exp2() } else { -e.exp2() })
}

fn kind() -> impl Strategy<Value = Kind> {
    (0_usize..4).prop_map(|i| Kind::ALL[i])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_conversion_is_within_its_bound(
        channel in channels(), x in number(), value in number(), from in kind(), to in kind()
    ) {
        prop_assert!(fraction(channel, x, from, to, value) <= 1.0);
        let (x, value) = (x as f32, value as f32);
        prop_assert!(fraction(channel, x, from, to, value) <= 1.0);
    }

    /// There and back: the way back multiplies the first error by its condition and adds its own.
    #[test]
    fn round_trips_are_within_the_bounds(
        channel in channels(), x in number(), value in number(), from in kind(), to in kind()
    ) {
        let middle = convert_one(channel, x, from, to, value);
        let back = convert_one(channel, x, to, from, middle);
        let bound = condition(channel, to, from).unwrap()
            * error_bound(channel, x, from, to, value).unwrap()
            + error_bound(channel, x, to, from, middle).unwrap();
        // The condition is good to 6u, and the subtraction below rounds once.
        prop_assert!((back - value).abs() <= bound * (1.0 + 8.0 * U));
    }

    /// The condition is the slope: from the truth at two values, to 6u, and 2⁻²⁰⁰ for the differences.
    #[test]
    fn the_condition_is_the_slope(
        channel in channels(), x in number(), from in kind(), to in kind()
    ) {
        let rise = truth(channel, x, from, to, 3.0) - truth(channel, x, from, to, 2.0);
        let found = condition(channel, from, to).unwrap();
        let slope = rise.to_f64().abs();
        // `to_f64` cuts after 53 bits: 2u.
        prop_assert!((slope - found).abs() <= 9.0 * U * found, "{slope} {found}");
    }

    /// Σ to each derivative against the formulas, and back, in f64.
    #[test]
    fn second_order_is_within_its_bound(channel in channels(), sigma in number(), off in number(), kind in kind()) {
        let covariance = arr2(&[[sigma, off], [off, 2.0 * sigma]]);
        let found = jacobian(channel, kind, covariance.view()).unwrap();
        let back = posterior_covariance(channel, kind, covariance.view()).unwrap();
        let (a, s) = (big(channel.a()), big(channel.s()));
        for ((i, j), &entry) in covariance.indexed_iter() {
            let identity = big(if i == j { 1.0 } else { 0.0 });
            // (factor, terms): the sum of the terms times the factor.
            let e = big(entry);
            let (a2, s2) = (a.clone() * a.clone(), s.clone() * s.clone());
            let g = a2.clone() / s2.clone() * e.clone();
            let forward = match kind {
                Kind::Denoised => (a.clone() / s2.clone(), vec![e.clone()]),
                Kind::Noise => (big(1.0) / s.clone(), vec![identity.clone(), -g]),
                Kind::Score => (big(1.0) / s2.clone(), vec![g, -identity.clone()]),
                Kind::Velocity => (a.clone() / s.clone(), vec![identity.clone(), -g, -e.clone()]),
            };
            let ratio2 = s2.clone() / a2.clone();
            let backward = match kind {
                Kind::Denoised => (s2.clone() / a.clone(), vec![e]),
                Kind::Noise => (ratio2, vec![identity, -(s.clone() * e)]),
                Kind::Score => (ratio2, vec![identity, s2 * e]),
                Kind::Velocity => {
                    (s2.clone() / (a2 + s2), vec![identity, -(s.clone() / a.clone() * e)])
                }
            };
            for ((factor, terms), computed) in [(forward, found[[i, j]]), (backward, back[[i, j]])] {
                let sum = terms.iter().cloned().fold(big(0.0), |sum, term| sum + term);
                let size: f64 = terms.iter().map(|term| term.to_f64().abs()).sum();
                let error = (factor.clone() * sum - big(computed)).to_f64().abs();
                // The documented 9u, and 4u for the cut to 53 bits of the numbers in the bound.
                prop_assert!(error <= 9.0 * U * size * factor.to_f64() * (1.0 + 4.0 * U));
            }
        }
    }
}

/// Each planted slip, at points where nothing cancels, is outside the bound by orders of magnitude.
#[test]
fn planted_slips_are_outside_the_bound() {
    type Slip = (Kind, Kind, &'static str, fn(f64, f64, f64, f64) -> f64);
    let slips: [Slip; 12] = [
        (Kind::Noise, Kind::Score, "missing s", |_, _, _, y| -y),
        (Kind::Noise, Kind::Score, "sign", |_, s, _, y| y / s),
        (Kind::Noise, Kind::Score, "s squared", |_, s, _, y| -y / (s * s)),
        (Kind::Score, Kind::Noise, "sign", |_, s, _, y| s * y),
        (Kind::Score, Kind::Denoised, "s for s²", |a, s, x, y| (x + s * y) / a),
        (Kind::Score, Kind::Denoised, "no division by a", |_, s, x, y| x + s * s * y),
        (Kind::Noise, Kind::Denoised, "missing s", |a, _, x, y| (x - y) / a),
        (Kind::Denoised, Kind::Noise, "missing a", |_, s, x, y| (x - y) / s),
        (Kind::Denoised, Kind::Score, "x subtracted twice", |a, s, x, y| {
            (a * y - 2.0 * x) / (s * s)
        }),
        (Kind::Denoised, Kind::Velocity, "sign", |a, s, x, y| a * (x - a * y) / s + s * y),
        (Kind::Velocity, Kind::Denoised, "n left out", |a, s, x, y| a * x - s * y),
        (Kind::Velocity, Kind::Noise, "a and s exchanged", |a, s, x, y| {
            (a * x + s * y) / (a * a + s * s)
        }),
    ];
    let channel = Channel::new(0.8, 1.7).unwrap();
    for (from, to, name, slip) in slips {
        for (x, y) in [(0.3, -0.7), (2.0, 5.0), (-11.0, 0.02)] {
            let wrong = slip(channel.a(), channel.s(), x, y);
            let error = (truth(channel, x, from, to, y) - big(wrong)).to_f64().abs();
            let bound = error_bound(channel, x, from, to, y).unwrap();
            assert!(error > 1e6 * bound, "{from} to {to}, {name}: {error} against {bound}");
        }
    }
}

/// A Gaussian N(m, c) in one dimension, whose four predictions and posterior variance are known: V = a²c + s²,
/// S = −(x − am)/V, D = m + (ac/V)(x − am), Σ = cs²/V.
#[test]
fn gaussian_closed_forms() {
    let (m, c, x) = (big(0.3), big(2.5), big(-1.25));
    for (a, s) in [(0.9, 0.4), (1.0, 20.0), (0.01, 1.0), (1.0, 1e-5)] {
        let channel = Channel::new(a, s).unwrap();
        let (big_a, big_s) = (big(a), big(s));
        let s2 = big_s.clone() * big_s.clone();
        let v = big_a.clone() * big_a.clone() * c.clone() + s2.clone();
        let difference = x.clone() - big_a.clone() * m.clone();
        let score = -(difference.clone() / v.clone());
        let denoised = m.clone() + big_a.clone() * c.clone() / v.clone() * difference;
        // Rounding the score to f64 costs u of it, which the condition s²/a carries over; `to_f64` cuts: 2u.
        let given = score.to_f64();
        let found = convert_one(channel, -1.25, Kind::Score, Kind::Denoised, given);
        let bound = error_bound(channel, -1.25, Kind::Score, Kind::Denoised, given).unwrap()
            + 2.0 * U * given.abs() * condition(channel, Kind::Score, Kind::Denoised).unwrap();
        assert!((denoised - big(found)).to_f64().abs() <= bound * (1.0 + 8.0 * U));

        // ∇D = ac/V, from Σ cut to f64: 2u, and 3u of its own (9u documented).
        let sigma = (c.clone() * s2 / v.clone()).to_f64();
        let slope = jacobian(channel, Kind::Denoised, arr2(&[[sigma]]).view()).unwrap()[[0, 0]];
        let exact = big_a * c.clone() / v;
        assert!((exact.clone() - big(slope)).to_f64().abs() <= 11.1 * U * exact.to_f64());
    }
}

#[test]
fn pure_noise_says_nothing_of_the_data() {
    let channel = Channel::new(0.0, 1.0).unwrap();
    let x = arr2(&[[0.5, -2.0]]);
    for from in [Kind::Noise, Kind::Score] {
        for to in [Kind::Denoised, Kind::Velocity] {
            let refused = convert(channel, x.view(), from, to, x.view());
            assert!(matches!(refused, Err(Error::Domain { what: "a", .. })), "{from} to {to}");
            assert!(condition(channel, from, to).is_err());
            assert!(error_bound(channel, 0.5, from, to, 0.5).is_err());
        }
    }
    // x is the noise, whatever the data; and a velocity is −D.
    let noise = convert(channel, x.view(), Kind::Denoised, Kind::Noise, arr2(&[[7.0, 8.0]]).view());
    assert_eq!(noise.unwrap(), x);
    let velocity =
        convert(channel, x.view(), Kind::Denoised, Kind::Velocity, arr2(&[[7.0, 8.0]]).view());
    assert_eq!(velocity.unwrap(), arr2(&[[-7.0, -8.0]]));
    assert!(posterior_covariance(channel, Kind::Noise, arr2(&[[1.0]]).view()).is_err());
}

#[test]
fn bad_input_is_refused_by_place() {
    let channel = Channel::new(1.0, 1e-30).unwrap();
    let x = arr2(&[[0.0, 1.0]]);
    let shape = convert(channel, x.view(), Kind::Noise, Kind::Score, arr2(&[[1.0]]).view());
    assert!(matches!(shape, Err(Error::Shape { what: "noise", .. })));
    let bad = arr2(&[[1.0, f64::NAN]]);
    let at = |result: tweedie::Result<Array2<f64>>| match result {
        Err(Error::NotFinite { what, index, .. }) => (what, index),
        other => panic!("{other:?}"),
    };
    let pair = |x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>| {
        at(convert(channel, x, Kind::Noise, Kind::Score, y))
    };
    assert_eq!(pair(x.view(), bad.view()), ("noise", vec![0, 1]));
    assert_eq!(pair(bad.view(), x.view()), ("x", vec![0, 1]));
    // A score of 1e60 is no f32: refused, not infinite.
    let (x, y) = (arr2(&[[0.0_f32]]), arr2(&[[1e30_f32]]));
    let overflow = convert(channel, x.view(), Kind::Noise, Kind::Score, y.view());
    assert!(matches!(overflow, Err(Error::NotFinite { what: "score", .. })));
    assert!(jacobian(channel, Kind::Noise, arr2(&[[1.0, 2.0]]).view()).is_err());
    assert!(jacobian(channel, Kind::Noise, arr2(&[[f64::NAN]]).view()).is_err());
    for kind in Kind::ALL {
        assert_eq!(kind.to_string().parse::<Kind>().unwrap(), kind);
        assert_eq!(convert(channel, x.view(), kind, kind, x.view()).unwrap(), x);
    }
    assert!(matches!("epsilon".parse::<Kind>(), Err(Error::Unknown { .. })));
}
