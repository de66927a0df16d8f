//! Norms and projections against multi-precision numbers: containment exactly, accuracy by the documented bound.

mod judge;

use judge::Big;
use proptest::prelude::*;
use tweedie::Error;
use tweedie::arith::{Real, fill_normal, uniform_index};
use tweedie::attack::Norm;

/// Enough for a sum of 64 squares of any f64 with no rounding.
const BITS: usize = 4400;

fn big(x: f64) -> Big {
    Big::new(x, BITS)
}

fn zero() -> Big {
    big(0.0)
}

/// ‖row‖ ≤ r in real arithmetic.
fn inside<T: Real>(norm: Norm, row: &[T], r: T) -> bool {
    let entries = row.iter().map(|x| big(x.to_f64()).abs());
    let r = big(r.to_f64());
    match norm {
        Norm::Linf => entries.into_iter().all(|x| x <= r),
        Norm::L1 => entries.fold(zero(), |sum, x| sum + x) <= r,
        Norm::L2 => entries.fold(zero(), |sum, x| sum + &x * &x) <= &r * &r,
    }
}

/// The magnitudes of the exact projection of a row outside the ball (ℓ2 to the working precision of 4400 bits).
fn projected<T: Real>(norm: Norm, row: &[T], r: T) -> Vec<Big> {
    let entries: Vec<Big> = row.iter().map(|x| big(x.to_f64()).abs()).collect();
    let r = big(r.to_f64());
    if r.is_zero() {
        return vec![zero(); row.len()];
    }
    match norm {
        Norm::Linf => entries.iter().map(|x| if x < &r { x.clone() } else { r.clone() }).collect(),
        Norm::L2 => {
            let length = entries.iter().fold(zero(), |sum, x| sum + x * x).sqrt();
            entries.iter().map(|x| x * &r / &length).collect()
        }
        Norm::L1 => {
            // The textbook's: the last j whose entry exceeds the threshold that j entries give.
            let mut sorted = entries.clone();
            sorted.sort_by(|x, y| y.partial_cmp(x).expect("numbers"));
            let (mut sum, mut threshold) = (zero(), zero());
            for (j, x) in sorted.iter().enumerate() {
                sum = sum + x;
                let next = (&sum - &r) / big(j as f64 + 1.0);
                if x > &next {
                    threshold = next;
                }
            }
            let shrink = |x: &Big| if x > &threshold { x - &threshold } else { zero() };
            entries.iter().map(shrink).collect()
        }
    }
}

/// The documented bound of |row_i − P_i|.
fn bound<T: Real>(norm: Norm, dimension: usize, part: &Big, r: T) -> Big {
    let (u, tiny, unit) = (T::UNIT_ROUNDOFF, T::TINY, f64::UNIT_ROUNDOFF);
    let r = big(r.to_f64());
    match norm {
        Norm::Linf => zero(),
        Norm::L2 => {
            big(4.0 * u + 14.0 * unit) * part + r * big(2.0_f64.powi(-1000)) + big(12.0) * big(tiny)
        }
        Norm::L1 => {
            let sum = big((8 * dimension + 120) as f64 * unit * unit);
            big(2.0 * u + 2.0 * unit) * part + r * sum + big(2.0) * big(tiny)
        }
    }
}

/// What a projection is held to; the name of the first thing that fails.
fn judged<T: Real>(norm: Norm, before: &[T], after: &[T], r: T) -> Result<(), &'static str> {
    if !inside(norm, after, r) {
        return Err("outside");
    }
    if inside(norm, before, r) {
        return if before == after { Ok(()) } else { Err("moved a point of the ball") };
    }
    let exact = projected(norm, before, r);
    let mut variation = zero();
    let (mut inner, mut dual) = (zero(), zero());
    for ((x, y), part) in before.iter().zip(after).zip(&exact) {
        let (x, y) = (big(x.to_f64()), big(y.to_f64()));
        if (x.is_positive() && (-&y).is_positive()) || ((-&x).is_positive() && y.is_positive()) {
            return Err("sign");
        }
        // The working precision of the exact one.
        let magnitude = y.abs();
        if &magnitude > part && norm == Norm::Linf {
            return Err("larger than the projection");
        }
        let allowed = bound(norm, before.len(), part, r);
        if (part - &magnitude).abs() > allowed {
            return Err("off by more than its bound");
        }
        // ⟨y − p, z − p⟩ for the z of the ball that maximises it.
        let rest = &x - &y;
        inner += &rest * &y;
        dual = match norm {
            Norm::Linf => dual + rest.abs(),
            Norm::L2 => dual + &rest * &rest,
            Norm::L1 => {
                if rest.abs() > dual {
                    rest.abs()
                } else {
                    dual
                }
            }
        };
        let whole = big(2.0) * big(r.to_f64()) + rest.abs() + big(2.0) * &allowed;
        variation += allowed * whole;
    }
    if norm == Norm::L2 {
        dual = dual.sqrt();
    }
    // With p = P − δ: ⟨x − P, z − P⟩ ≤ 0 and what is left is at most Σ|δ_i|·(2r + |x_i − P_i| + |δ_i|).
    let slack = big(1.0) + big(2.0_f64.powi(-1000));
    if dual * big(r.to_f64()) > inner + variation * slack {
        return Err("not the nearest point");
    }
    Ok(())
}

/// Radii at both ends of the range, on purpose.
fn radius<T: Real>(kind: u8, exponent: f64, fraction: f64) -> T {
    let power = |e: f64| T::from_f64(fraction * e.exp2());
    let lowest = T::TINY.log2();
    match kind {
        0 => T::ZERO,
        1 => T::from_f64(T::TINY),
        2 => power(lowest + 3.0 + 10.0 * exponent),
        3 => T::MIN_POSITIVE,
        4 => T::MAX,
        5 => power(-lowest * 0.7 * exponent),
        6 => power(lowest * 0.9 * exponent),
        _ => power(16.0 * exponent - 8.0),
    }
}

/// Entries of about the radius times 2^spread, with ties, zeros and the ends of the range among them.
fn row<T: Real>(r: T, dimension: usize, kind: u8, spread: f64, seed: u64) -> Vec<T> {
    let mut normals = vec![0.0; dimension];
    fill_normal(seed, 0, 0, &mut normals);
    let size = r.to_f64().max(T::TINY);
    let entry = |(i, z): (usize, &f64)| {
        let pick = uniform_index(seed, 1, i as u64, 8);
        let x = match (kind, pick) {
            (0, _) => z * size * spread.exp2(),
            (1, 0..4) => size * spread.exp2(),
            (1, _) => -size * (0.5 * spread).exp2(),
            (2, 0) => T::MAX.to_f64(),
            (2, 1) => -T::TINY,
            (2, 2) => 0.0,
            (2, 3) => size,
            (2, _) => z * size * (z * spread).exp2(),
            (3, 0) => size,
            (3, _) => z * T::TINY * 4.0,
            // Just outside or on the border.
            (4, _) => size / (dimension as f64).sqrt(),
            (5, _) => -size / dimension as f64,
            (6, _) => size * if i < 2 { 0.6 + 0.2 * i as f64 } else { 0.0 },
            _ => z * size / (dimension as f64).sqrt(),
        };
        let x = T::from_f64(x);
        if x.is_finite() { x } else { T::MAX }
    };
    normals.iter().enumerate().map(entry).collect()
}

fn dimensions() -> impl Strategy<Value = usize> {
    prop_oneof![Just(1usize), Just(2), 3usize..9, Just(64)]
}

fn check<T: Real>(r: T, before: &[T]) -> Result<(), TestCaseError> {
    for norm in Norm::ALL {
        prop_assert_eq!(norm.contains(before, r), inside(norm, before, r), "{}", norm);
        let mut after = before.to_vec();
        norm.project(&mut after, r).expect("a projection");
        let verdict = judged(norm, before, &after, r);
        prop_assert!(verdict.is_ok(), "{norm}: {verdict:?} {before:?} -> {after:?} in {r}");
        let mut again = after.clone();
        norm.project(&mut again, r).expect("a projection");
        prop_assert_eq!(&again, &after);
        // The norm itself: never below, at most 7 roundings above.
        let found = norm.of(before);
        let square = |x: &Big| x * x;
        let entries = before.iter().map(|x| big(x.to_f64()).abs());
        let exact = match norm {
            Norm::Linf => entries.fold(zero(), |m, x| if x > m { x } else { m }),
            Norm::L1 => entries.fold(zero(), |sum, x| sum + x),
            Norm::L2 => entries.fold(zero(), |sum, x| sum + square(&x)).sqrt(),
        };
        let room = big(1.0 + 7.0 * f64::UNIT_ROUNDOFF) * &exact + big(2.0 * f64::TINY);
        if found.is_finite() {
            let low = &exact * (big(1.0) - big(2.0_f64.powi(-1000)));
            prop_assert!(big(found) >= low && big(found) <= room, "{norm} of {before:?}");
        } else {
            prop_assert!(room > big(f64::MAX), "{norm} of {before:?}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn projections_are_contained_and_nearest_in_f64(
        d in dimensions(), size in 0u8..9, exponent in 0.0..1.0_f64, fraction in 1.0..2.0_f64, kind in 0u8..8,
        spread in -60.0..60.0_f64, seed in any::<u64>(),
    ) {
        let r: f64 = radius(size, exponent, fraction);
        check(r, &row(r, d, kind, spread, seed))?;
    }

    #[test]
    fn projections_are_contained_and_nearest_in_f32(
        d in dimensions(), size in 0u8..9, exponent in 0.0..1.0_f64, fraction in 1.0..2.0_f64, kind in 0u8..8,
        spread in -60.0..60.0_f64, seed in any::<u64>(),
    ) {
        let r: f32 = radius(size, exponent, fraction);
        check(r, &row(r, d, kind, spread, seed))?;
    }

    /// ⟨g, v⟩ is the dual norm of g and ‖v‖ is 1, both to the roundings of one division a coordinate and their sum.
    #[test]
    fn the_steepest_direction_is_dual(d in dimensions(), e in -900.0..900.0_f64, seed in any::<u64>()) {
        let mut g = vec![0.0; d];
        fill_normal(seed, 0, 0, &mut g);
        g.iter_mut().for_each(|x| *x *= e.exp2());
        for (norm, dual) in [(Norm::Linf, Norm::L1), (Norm::L2, Norm::L2), (Norm::L1, Norm::Linf)] {
            let mut v = vec![0.0; d];
            norm.steepest(&g, &mut v);
            let inner = g.iter().zip(&v).fold(zero(), |sum, (g, v)| sum + big(*g) * big(*v)).to_f64();
            let unit = 12.0 * f64::UNIT_ROUNDOFF;
            prop_assert!((norm.of(&v) - 1.0).abs() <= unit * 2.0);
            prop_assert!((inner / dual.of(&g) - 1.0).abs() <= unit * 2.0, "{} {:?}", norm, g);
        }
    }
}

/// What is usually written: the scale and the threshold rounded to nearest. The same judge must refuse it.
#[test]
fn the_usual_projection_is_caught() {
    let (mut squares, mut sums) = (0, 0);
    for seed in 0..50 {
        let before: Vec<f64> = row(1.0, 16, 0, 1.0, seed);
        let length = before.iter().map(|x| x * x).sum::<f64>().sqrt();
        let scaled: Vec<f64> = before.iter().map(|x| x * (1.0 / length)).collect();
        squares += usize::from(judged(Norm::L2, &before, &scaled, 1.0) == Err("outside"));
        let mut sorted: Vec<f64> = before.iter().map(|x| x.abs()).collect();
        sorted.sort_by(|x, y| y.total_cmp(x));
        let (mut sum, mut threshold) = (0.0, 0.0);
        for (j, x) in sorted.iter().enumerate() {
            sum += x;
            let next = (sum - 1.0) / (j as f64 + 1.0);
            threshold = if *x > next { next } else { threshold };
        }
        let shrunk: Vec<f64> =
            before.iter().map(|x| (x.abs() - threshold).max(0.0).copysign(*x)).collect();
        sums += usize::from(judged(Norm::L1, &before, &shrunk, 1.0) == Err("outside"));
        // Scaling, which is in the ball of ℓ1 but is not its projection.
        let total: f64 = before.iter().map(|x| x.abs()).sum();
        let scaled: Vec<f64> = before.iter().map(|x| x * (0.999 / total)).collect();
        assert_eq!(judged(Norm::L1, &before, &scaled, 1.0), Err("off by more than its bound"));
    }
    assert!(squares > 5 && sums > 5, "{squares} {sums}");
}

/// (max − r/ties) where numbers are so large that differing ones differ by more than r: exact ties share r.
#[test]
fn huge_ties_share_the_radius() {
    let mut row = [1e30, -1e30, 3.0, 1e30_f64.next_down(), 1e30];
    Norm::L1.project(&mut row, 3.0).unwrap();
    assert_eq!(row[2..4], [0.0, 0.0]);
    for x in [row[0], -row[1], row[4]] {
        assert!((1.0 - 4.0 * f64::EPSILON..=1.0).contains(&x), "{x}");
    }
    let mut border = [3.0_f32, 4.0];
    Norm::L2.project(&mut border, 5.0).unwrap();
    assert_eq!(border, [3.0, 4.0]);
    let mut single = [0.0, -7.0_f64, 0.0];
    for norm in Norm::ALL {
        norm.project(&mut single, 0.7).unwrap();
        assert_eq!(single, [0.0, -0.7, 0.0]);
    }
}

#[test]
fn gaps_beside_the_largest_number_do_not_overflow() {
    let before = [f64::MAX, 4.548473729496686e307];
    check(f64::MAX, &before).unwrap();
}

#[test]
fn bad_input_is_refused() {
    let mut row = [1.0, f64::NAN];
    let refused = Norm::L2.project(&mut row, 1.0).unwrap_err();
    assert!(matches!(refused, Error::NotFinite { index, .. } if index == [1]));
    for r in [-1.0, f64::NAN, f64::INFINITY] {
        let refused = Norm::L1.project(&mut [1.0, 2.0], r).unwrap_err();
        assert!(matches!(refused, Error::Domain { what: "radius", .. }));
    }
    assert!(!Norm::L2.contains(&row, 5.0) && !Norm::L2.contains(&[0.0], f64::NAN));
    assert!(!Norm::Linf.contains(&[0.0], -1.0));
    assert!(matches!("l3".parse::<Norm>(), Err(Error::Unknown { what: "norm", .. })));
    for norm in Norm::ALL {
        assert_eq!(norm.to_string().parse::<Norm>().unwrap(), norm);
        let mut out = [1.0; 2];
        norm.steepest(&[0.0, -0.0], &mut out);
        assert_eq!(out, [0.0, 0.0]);
        norm.project(&mut [] as &mut [f64], 1.0).unwrap();
    }
    let mut first = [0.0; 3];
    Norm::L1.steepest(&[1.0, -2.0, 2.0], &mut first);
    assert_eq!(first, [0.0, -1.0, 0.0]);
}
