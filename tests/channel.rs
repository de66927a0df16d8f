//! Channels, schedules and step tables against 320-bit truth (floor 1).
//!
//! The bound everywhere is the documented one: a double-word evaluation rounded once, 0.5 + 2⁻²⁰ ULP. It is
//! derived in `src/arith/wide.rs`: relative errors of at most 2⁻⁸⁰ before the last rounding, which is 2⁻²⁷ ULP.

mod multiprecision;

use multiprecision::{Big, big};
use proptest::prelude::*;
use tweedie::Error;
use tweedie::arith::wide::Wide;
use tweedie::channel::steps::{cumulative, ddpm_cosine_betas, ddpm_linear_betas};
use tweedie::channel::{Channel, Schedule, Steps};

/// Half a unit for the one rounding, and a double word's error, far below 2⁻²⁰.
const ROUNDED_ONCE: f64 = 0.5 + 1.0 / 1_048_576.0;

const SCHEDULES: [Schedule; 5] = [
    Schedule::VP_LINEAR,
    Schedule::VP_COSINE,
    Schedule::VE_GEOMETRIC,
    Schedule::EDM,
    Schedule::Rectified,
];

fn assert_ulps(what: &str, exact: &Big, computed: f64) {
    let error = exact.ulps_from(computed);
    assert!(error <= ROUNDED_ONCE, "{what}: {computed:e} is off by {error} ULP");
}

/// hi + lo against the truth, relative to it, in bits.
fn bits_of(exact: &Big, computed: Wide) -> f64 {
    let hi = computed.to_f64();
    let lo = computed.minus(Wide::new(hi)).to_f64();
    let error = ((big(hi) + big(lo) - exact.clone()) / exact.clone()).to_f64().abs();
    if error == 0.0 { 200.0 } else { -error.log2() }
}

fn one() -> Big {
    big(1.0)
}

/// (a, s) of a schedule at t from its defining formula, where 320 bits make its cancellations harmless.
fn defined(schedule: Schedule, t: f64) -> (Big, Big) {
    let vp = |alpha_bar: Big| (alpha_bar.sqrt(), (one() - alpha_bar).sqrt());
    match schedule {
        Schedule::VpLinear { start, end } => {
            let half_slope = (big(end) - big(start)) * big(0.5);
            vp((-(big(start) * big(t) + half_slope * big(t) * big(t))).exp())
        }
        Schedule::VpCosine { offset } => {
            let cosine = |t: f64| {
                let angle = (big(t) + big(offset)) / (one() + big(offset)) * Big::pi() * big(0.5);
                angle.cos()
            };
            let ratio = cosine(t) / cosine(0.0);
            vp(ratio.clone() * ratio)
        }
        Schedule::VeGeometric { sigma_min, sigma_max } => {
            let ratio = big(sigma_max) / big(sigma_min);
            (one(), big(sigma_min) * (ratio.ln() * big(t)).exp())
        }
        Schedule::Edm { sigma_min, sigma_max, rho } => {
            let root = |x: f64| (big(x).ln() / big(rho)).exp();
            let (low, high) = (root(sigma_min), root(sigma_max));
            let middle = low.clone() + big(t) * (high - low);
            (one(), (middle.ln() * big(rho)).exp())
        }
        _ => (one() - big(t), big(t)),
    }
}

#[test]
fn double_words_hold_their_stated_bits() {
    let mut x = 1e-30;
    while x < 700.0 {
        for x in [x, -x] {
            let w = Wide::new(x);
            assert!(bits_of(&big(x).exp(), w.exp()) >= 93.0, "exp {x}");
            assert!(bits_of(&(big(x).exp() - one()), w.exp_m1()) >= 91.0, "exp_m1 {x}");
            if x > -1.0 {
                assert!(bits_of(&(one() + big(x)).ln(), w.ln_1p()) >= 95.0, "ln_1p {x}");
            }
            if x > 0.0 {
                assert!(bits_of(&big(x).ln(), w.ln()) >= 95.0, "ln {x}");
                assert!(bits_of(&big(x).sqrt(), w.sqrt()) >= 103.0, "sqrt {x}");
                let thirds = big(x).ln() / big(3.0);
                let third = Wide::ONE.over(Wide::new(3.0));
                let floor = 92.0 - (1.0 + thirds.to_f64().abs()).log2();
                assert!(bits_of(&thirds.exp(), w.powered(third)) >= floor, "cube root {x}");
            }
            if x.abs() < 1.6 {
                assert!(bits_of(&big(x).sin(), w.sin()) >= 95.0, "sin {x}");
            }
        }
        x *= 1.37;
    }
}

#[test]
fn double_words_have_the_right_ends() {
    let of = |x: f64| Wide::new(x);
    assert_eq!(of(0.0).exp().to_f64(), 1.0);
    assert_eq!(of(-800.0).exp().to_f64(), 0.0);
    assert_eq!(of(f64::NEG_INFINITY).exp().to_f64(), 0.0);
    assert_eq!(of(f64::NEG_INFINITY).exp_m1().to_f64(), -1.0);
    assert_eq!(of(710.0).exp().to_f64(), f64::INFINITY);
    assert_eq!(of(0.0).ln().to_f64(), f64::NEG_INFINITY);
    assert!(of(-1.0).ln().to_f64().is_nan());
    assert_eq!(of(1.0).ln().to_f64(), 0.0);
    // A subnormal is lifted before its logarithm is taken.
    let exact = big(-1074.0) * big(2.0).ln();
    assert_ulps("ln of the smallest number", &exact, of(5e-324).ln().to_f64());
}

#[test]
fn channels_are_rounded_once() {
    for c in [1e-300, 1e-40, 1e-17, 1e-9, 0.1, 0.5, 0.9, 1.0 - 1e-16] {
        let small = Channel::variance_preserving_from_complement(c).unwrap();
        assert_ulps("a from 1-ᾱ", &(one() - big(c)).sqrt(), small.a());
        assert_ulps("s from 1-ᾱ", &big(c).sqrt(), small.s());
        let noisy = Channel::variance_preserving(c).unwrap();
        assert_ulps("a from ᾱ", &big(c).sqrt(), noisy.a());
        assert_ulps("s from ᾱ", &(one() - big(c)).sqrt(), noisy.s());
    }
    for lambda in [-1000.0, -700.0, -30.0, -1.0, -1e-9, 0.0, 1e-20, 0.3, 5.0, 80.0, 720.0, 1000.0] {
        let channel = Channel::from_log_snr(lambda).unwrap();
        let sigmoid = |x: f64| one() / (one() + (-big(x)).exp());
        assert_ulps("a from λ", &sigmoid(lambda).sqrt(), channel.a());
        assert_ulps("s from λ", &sigmoid(-lambda).sqrt(), channel.s());
    }
}

#[test]
fn log_snr_is_rounded_once_for_the_numbers_kept() {
    for (a, s) in [
        (1.0, 1e-300),
        (1.0, 1.0_f64.next_up()),
        (0.7, 0.9),
        (1e-200, 3.0),
        (0.5, 0.25),
        (3.0, 1.4),
    ] {
        let channel = Channel::new(a, s).unwrap();
        let exact = big(2.0) * (big(a) / big(s)).ln();
        assert_ulps("log-SNR", &exact, channel.log_snr());
    }
    assert_eq!(Channel::new(2.0, 2.0).unwrap().log_snr(), 0.0);
    assert_eq!(Channel::new(0.0, 1.0).unwrap().log_snr(), f64::NEG_INFINITY);
    assert_eq!(Channel::new(0.0, 1.0).unwrap().signal_to_noise(), 0.0);
    assert_eq!(Channel::new(3.0, 2.0).unwrap().signal_to_noise(), 2.25);
}

#[test]
fn channels_refuse_what_is_no_channel() {
    let refused = |result: tweedie::Result<Channel>| {
        assert!(matches!(result, Err(Error::Domain { .. })), "{result:?}");
    };
    for x in [f64::NAN, f64::INFINITY, -1.0] {
        refused(Channel::new(x, 1.0));
        refused(Channel::new(1.0, x));
        refused(Channel::variance_exploding(x));
        refused(Channel::variance_preserving(x));
        refused(Channel::variance_preserving_from_complement(x));
        refused(Schedule::EDM.channel(x));
    }
    for x in [f64::NAN, f64::INFINITY, -1001.0] {
        refused(Channel::from_log_snr(x));
    }
    refused(Channel::new(1.0, 0.0));
    refused(Channel::variance_preserving(1.0));
    refused(Channel::variance_preserving_from_complement(0.0));
    for schedule in [Schedule::VP_LINEAR, Schedule::VP_COSINE, Schedule::Rectified] {
        refused(schedule.channel(0.0));
    }
    refused(Schedule::VpLinear { start: 2.0, end: 1.0 }.channel(0.5));
    refused(Schedule::VpCosine { offset: -0.1 }.channel(0.5));
    refused(Schedule::VeGeometric { sigma_min: 0.0, sigma_max: 1.0 }.channel(0.5));
    refused(Schedule::Edm { sigma_min: 1.0, sigma_max: 0.5, rho: 7.0 }.channel(0.5));
    refused(Schedule::Edm { sigma_min: 0.1, sigma_max: 0.5, rho: 0.0 }.channel(0.5));
}

#[test]
fn schedules_are_rounded_once_at_both_ends_and_between() {
    for schedule in SCHEDULES {
        let mut times =
            vec![1e-30, 1e-18, 1e-10, 1e-4, 1.0 / 3.0, 0.5, 0.9, 0.999, 1.0 - 1e-12, 1.0];
        times.extend((1..50).map(|i| f64::from(i) / 50.0));
        if schedule.starts_noisy() {
            times.push(0.0);
        }
        for t in times {
            let channel = schedule.channel(t).unwrap();
            let (a, s) = defined(schedule, t);
            assert_ulps(&format!("{schedule} s({t})"), &s, channel.s());
            // cos(π/2) is zero, and the formula at 320 bits says 2⁻³²⁰ or so.
            if a.to_f64().abs() > 1e-80 {
                assert_ulps(&format!("{schedule} a({t})"), &a, channel.a());
            } else {
                assert_eq!(channel.a(), 0.0, "{schedule} a({t})");
            }
        }
    }
}

#[test]
fn named_ends() {
    let end = |schedule: Schedule, t: f64| schedule.channel(t).unwrap();
    assert_eq!(end(Schedule::EDM, 0.0).s(), 0.002);
    assert_eq!(end(Schedule::EDM, 1.0).s(), 80.0);
    assert_eq!(end(Schedule::VE_GEOMETRIC, 0.0).s(), 0.01);
    assert_eq!(end(Schedule::VE_GEOMETRIC, 1.0).s(), 50.0);
    assert_eq!(end(Schedule::Rectified, 1.0), Channel::new(0.0, 1.0).unwrap());
    assert_eq!(end(Schedule::VP_COSINE, 1.0), Channel::new(0.0, 1.0).unwrap());
    // As t → 0, s² → ∫β = 0.1 t: the noise does not vanish early.
    let small = end(Schedule::VP_LINEAR, 1e-100);
    assert_eq!(small.a(), 1.0);
    assert_ulps("s near the data", &(big(0.1) * big(1e-100)).sqrt(), small.s());
}

#[test]
fn names_round_trip() {
    for (schedule, name) in SCHEDULES.into_iter().zip(Schedule::NAMES) {
        assert_eq!(schedule.to_string(), name);
        assert_eq!(name.parse::<Schedule>().unwrap(), schedule);
    }
    assert!(matches!("cosine".parse::<Schedule>(), Err(Error::Unknown { .. })));
    for name in Steps::NAMES {
        assert_eq!(Steps::by_name(name, 17).unwrap().len(), 17, "{name}");
        assert!(Steps::by_name(name, 0).is_err());
        assert!(Steps::by_name(name, usize::MAX).is_err());
    }
    assert!(matches!(Steps::by_name("cosine", 3), Err(Error::Unknown { .. })));
}

/// The cumulative table against 320-bit products; the same table from a running f64 product must fail it.
#[test]
fn discrete_tables_are_rounded_once() {
    for betas in
        [ddpm_linear_betas(1000).unwrap(), ddpm_cosine_betas(1000).unwrap(), vec![1e-12; 50]]
    {
        let table = cumulative(&betas).unwrap();
        let mut exact = one();
        let mut running = 1.0;
        let mut worst_running: f64 = 0.0;
        for (beta, entry) in betas.iter().zip(&table) {
            exact = exact * (one() - big(*beta));
            running *= 1.0 - beta;
            assert_ulps("ᾱ", &exact, entry.alpha_bar);
            assert_ulps("1-ᾱ", &(one() - exact.clone()), entry.complement);
            assert_ulps("log ᾱ", &exact.ln(), entry.log_alpha_bar);
            assert_ulps("a", &exact.sqrt(), entry.channel.a());
            assert_ulps("s", &(one() - exact.clone()).sqrt(), entry.channel.s());
            worst_running = worst_running.max((one() - exact.clone()).ulps_from(1.0 - running));
        }
        assert!(worst_running > 10.0, "the test must tell a running product: {worst_running}");
    }
}

#[test]
fn ddpm_betas_follow_their_papers() {
    let betas = ddpm_linear_betas(1000).unwrap();
    assert_eq!((betas[0], betas[999]), (1e-4, 0.02));
    for (i, beta) in betas.iter().enumerate() {
        let exact = big(1e-4) + (big(0.02) - big(1e-4)) * big(i as f64) / big(999.0);
        assert_ulps("β", &exact, *beta);
    }
    let angle = |i: usize| {
        (big(i as f64) / big(1000.0) + big(0.008)) / (one() + big(0.008)) * Big::pi() * big(0.5)
    };
    let f = |i: usize| angle(i).cos() * angle(i).cos();
    let betas = ddpm_cosine_betas(1000).unwrap();
    for (i, beta) in betas.iter().enumerate().take(999) {
        assert_ulps("β", &(one() - f(i + 1) / f(i)), *beta);
    }
    assert_eq!(betas[999], 0.999);
    assert!(cumulative(&[]).is_err());
    assert!(cumulative(&[0.5, 1.0]).is_err());
    assert!(cumulative(&[f64::NAN]).is_err());
    assert!(ddpm_linear_betas(0).is_err() && ddpm_cosine_betas(0).is_err());
    // The well-known end of the DDPM table.
    let last = cumulative(&ddpm_linear_betas(1000).unwrap()).unwrap()[999];
    assert!((last.alpha_bar - 4.0358e-5).abs() < 5e-10, "{}", last.alpha_bar);
}

#[test]
fn step_tables_run_from_noisy_to_clean() {
    for name in Steps::NAMES {
        for n in [1, 2, 7, 50] {
            let steps = Steps::by_name(name, n).unwrap();
            for pair in steps.channels().windows(2) {
                assert!(pair[1].log_snr() > pair[0].log_snr(), "{name}");
                assert!(pair[1].a() >= pair[0].a() && pair[1].s() < pair[0].s(), "{name}");
            }
            for (i, channel) in steps.channels().iter().enumerate() {
                assert_eq!(steps.nearest(*channel), i);
            }
        }
    }
    let full = Steps::ddpm_linear(1000).unwrap();
    let part = full.stride(50).unwrap();
    assert_eq!(part.first(), full.first());
    assert_eq!(part.channels()[49], full.channels()[999]);
    assert_eq!(full.stride(1000).unwrap(), full);
    assert!(full.stride(1001).is_err() && full.stride(0).is_err());
    // Beyond both ends the nearest is the end; between two levels it is decided in log-SNR.
    let ve = |sigma: f64| Channel::variance_exploding(sigma).unwrap();
    let three = Steps::new(vec![ve(16.0), ve(4.0), ve(1.0)]).unwrap();
    assert_eq!(three.nearest(ve(100.0)), 0);
    assert_eq!(three.nearest(ve(8.1)), 0);
    assert_eq!(three.nearest(ve(7.9)), 1);
    assert_eq!(three.nearest(ve(0.1)), 2);
    assert!(matches!(Steps::new(vec![]), Err(Error::Empty { .. })));
    assert!(matches!(Steps::new(vec![ve(1.0), ve(1.0)]), Err(Error::Entry { .. })));
    assert!(matches!(Steps::new(vec![ve(1.0), ve(2.0)]), Err(Error::Entry { .. })));
    // Karras et al. 2022, eq. 5: both ends are levels.
    let edm = Steps::of_schedule(Schedule::EDM, 18).unwrap();
    assert_eq!((edm.first().s(), edm.channels()[17].s()), (80.0, 0.002));
}

#[test]
fn inverses_refuse_what_lies_outside() {
    assert!(Schedule::EDM.time_of_sigma(80.1).is_err());
    assert!(Schedule::EDM.time_of_sigma(0.0019).is_err());
    assert_eq!(Schedule::EDM.time_of_sigma(80.0).unwrap(), 1.0);
    // The largest t whose level still rounds to 0.002 is a little above 0.
    let lowest = Schedule::EDM.time_of_sigma(0.002).unwrap();
    assert_eq!(Schedule::EDM.channel(lowest).unwrap().s(), 0.002);
    assert!(Schedule::VP_LINEAR.time_of_alpha_bar(1e-5).is_err());
    let pure_noise = Channel::new(0.0, 1.0).unwrap();
    assert_eq!(Schedule::Rectified.time_of(pure_noise).unwrap(), 1.0);
    assert!(Schedule::VP_LINEAR.time_of(pure_noise).is_err());
    // Rectified: s/a = t/(1−t) = 1 at one half, exactly.
    assert_eq!(Schedule::Rectified.time_of_sigma(1.0).unwrap(), 0.5);
    assert_eq!(Schedule::Rectified.time_of_log_snr(0.0).unwrap(), 0.5);
}

proptest! {
    /// The time found is the largest with at least this signal-to-noise ratio, to the last bit: the channel there
    /// is no noisier and the next time's is.
    #[test]
    fn the_time_of_a_channel_is_bracketed_to_the_last_bit(which in 0_usize..5, exponent in -60.0..0.0_f64) {
        let schedule = SCHEDULES[which];
        let t = exponent.exp2();
        let channel = schedule.channel(t).unwrap();
        let found = schedule.time_of(channel).unwrap();
        prop_assert!(found >= t);
        let at = schedule.channel(found).unwrap();
        prop_assert!(at.s() * channel.a() <= channel.s() * at.a());
        if found < 1.0 {
            let next = schedule.channel(found.next_up()).unwrap();
            prop_assert!(next.s() * channel.a() > channel.s() * next.a());
        }
    }

    /// a and s are monotone in t, bit by bit.
    #[test]
    fn schedules_are_monotone(which in 0_usize..5, t in 1e-9..1.0_f64) {
        let schedule = SCHEDULES[which];
        let (here, next) = (schedule.channel(t).unwrap(), schedule.channel(t.next_up()).unwrap());
        prop_assert!(next.a() <= here.a() && next.s() >= here.s());
    }

    /// λ → channel → λ. a and s carry a relative error of half an ULP, at most u each, so λ = 2 ln(a/s) an
    /// absolute one of 4u(1 + u), and its own rounding adds u|λ| (with 2⁻²⁰ of each for the double words).
    #[test]
    fn log_snr_round_trips(lambda in -1000.0..1000.0_f64) {
        let u = f64::EPSILON / 2.0;
        let back = Channel::from_log_snr(lambda).unwrap().log_snr();
        prop_assert!((back - lambda).abs() <= (4.0 * u + u * lambda.abs()) * 1.000_002);
    }
}
