//! The same bits from every instruction set, with and without the fused multiply–add instruction.

use proptest::prelude::*;
use tweedie::arith::emulated::{mul_add_f32, mul_add_f64};
use tweedie::arith::random::{fill_normal_with, fill_uniform_with};
use tweedie::arith::sum::dot_in_kernel;
use tweedie::arith::{
    Emulated, Hardware, Isa, Kernel, MulAdd, Real, exp, fill_uniform, ln, sigmoid, sin_cos_turns,
};

/// Every function of one number over the inputs, function after function.
struct All<'a, T>(&'a [T]);

impl<T: Real> Kernel for All<'_, T> {
    type Output = Vec<T>;
    #[inline(always)]
    fn run<M: MulAdd>(self) -> Vec<T> {
        let mut out = Vec::new();
        out.extend(self.0.iter().map(|&x| exp::<T, M>(x)));
        out.extend(self.0.iter().map(|&x| ln::<T, M>(x)));
        out.extend(self.0.iter().map(|&x| sigmoid::<T, M>(x)));
        out.extend(self.0.iter().map(|&x| sin_cos_turns::<T, M>(x).0));
        out.extend(self.0.iter().map(|&x| sin_cos_turns::<T, M>(x).1));
        out.push(dot_in_kernel::<T, M>(self.0, self.0));
        out
    }
}

/// Bits, with one pattern for every NaN: a NaN's payload is no part of the arithmetic.
fn bits<T: Real>(x: T) -> u64 {
    if x.is_nan() { u64::MAX } else { x.bits() }
}

fn assert_same<T: Real>(isa: &str, x: &[T], got: &[T], want: &[T]) {
    assert_eq!(got.len(), want.len());
    for (i, (&g, &w)) in got.iter().zip(want).enumerate() {
        let input = x.get(i % x.len().max(1)).copied().unwrap_or_default();
        assert!(bits(g) == bits(w), "{isa}, function {}, x = {input:?}: {g:?}, {w:?}", i / x.len());
    }
}

fn edges_f64() -> Vec<f64> {
    let mut x =
        vec![0.0, f64::INFINITY, f64::NAN, f64::MAX, 5e-324, 709.78, 709.79, -745.13, -745.14];
    for e in (0u64..0x7ff).step_by(3) {
        x.extend([e << 52, (e << 52) + 1, (e << 52 | ((1 << 52) - 1))].map(f64::from_bits));
    }
    let minus: Vec<f64> = x.iter().map(|v| -v).collect();
    x.extend(minus);
    x
}

/// Random numbers of the range where the functions bend, and random bit patterns.
fn inputs_f64() -> Vec<f64> {
    let mut u = vec![0f64; 40_000];
    fill_uniform(5, 0, 0, &mut u);
    let mut x = edges_f64();
    x.extend(u.iter().map(|u| 60.0 * (u - 0.5)));
    x.extend(u.iter().map(|u| 1500.0 * (u - 0.5)));
    x.extend(u.iter().map(|u| f64::from_bits((u * 1.8446744073709552e19) as u64)));
    x
}

#[test]
fn every_instruction_set_gives_the_same_bits() {
    let wide = inputs_f64();
    let narrow: Vec<f32> = (0..200_000u32)
        .map(|i| f32::from_bits(i.wrapping_mul(2_654_435_761)))
        .chain((0..200_000).map(|i| (i as f32 - 1e5) * 1e-3))
        .collect();
    let (want64, want32) = (All(&wide).run::<Hardware>(), All(&narrow).run::<Hardware>());
    for isa in Isa::available() {
        assert_same(&format!("{isa:?}"), &wide, &isa.run(All(&wide)), &want64);
        assert_same(&format!("{isa:?}"), &narrow, &isa.run(All(&narrow)), &want32);
    }
    assert_same("emulated", &wide, &All(&wide).run::<Emulated>(), &want64);
    assert_same("emulated", &narrow, &All(&narrow).run::<Emulated>(), &want32);
}

fn same_fills<T: Real>() {
    let mut want = [vec![T::ZERO; 5001], vec![T::ZERO; 5001]];
    fill_uniform_with(Isa::Portable, 3, 9, 77, &mut want[0]);
    fill_normal_with(Isa::Portable, 3, 9, 77, &mut want[1]);
    for isa in Isa::available() {
        let mut got = [vec![T::ZERO; 5001], vec![T::ZERO; 5001]];
        fill_uniform_with(isa, 3, 9, 77, &mut got[0]);
        fill_normal_with(isa, 3, 9, 77, &mut got[1]);
        for (g, w) in got.iter().zip(&want) {
            assert_same(&format!("{isa:?}"), g, g, w);
        }
    }
}

#[test]
fn random_numbers_are_the_same_in_every_instruction_set() {
    same_fills::<f32>();
    same_fills::<f64>();
}

fn check64(a: f64, b: f64, c: f64) {
    let (got, want) = (mul_add_f64(a, b, c), a.mul_add(b, c));
    assert!(bits(got) == bits(want), "{a:e} * {b:e} + {c:e}: {got:e}, {want:e}");
}

fn check32(a: f32, b: f32, c: f32) {
    let (got, want) = (mul_add_f32(a, b, c), a.mul_add(b, c));
    assert!(bits(got) == bits(want), "{a:e} * {b:e} + {c:e}: {got:e}, {want:e}");
}

#[test]
fn emulated_fma_on_every_triple_of_special_values() {
    let wide =
        [0.0, 1.0, 1.0f64.next_up(), 1.0f64.next_down(), 3.0, 5e-324, 1e-310, f64::MIN_POSITIVE]
            .into_iter()
            .chain([
                f64::MIN_POSITIVE.next_down(),
                1e-200,
                1e200,
                f64::MAX,
                f64::INFINITY,
                f64::NAN,
            ])
            .chain(
                [-480, -479, 479, 480, 999, 1000, -969, -1021, -537, 511, 512]
                    .map(|n| 2f64.powi(n)),
            );
    let wide: Vec<f64> = wide.flat_map(|x| [x, -x]).collect();
    for &a in &wide {
        for &b in &wide {
            for &c in &wide {
                check64(a, b, c);
                check32(a as f32, b as f32, c as f32);
            }
        }
    }
}

#[test]
fn an_fma_that_rounds_twice_is_caught() {
    // 1 + 2^−52 + 2^−105-like ties: a·b exact plus c, the plain sum loses the deciding bit.
    let (a, b, c) = (1.0f64.next_up(), 1.0f64.next_up(), 2f64.powi(-53));
    assert_ne!(a * b + c, a.mul_add(b, c));
    check64(a, b, c);
    // In f32: through f64 without rounding to odd, a tie is made of what is not one.
    let (a, b, c) = (1.0f32.next_up(), 1.0f32.next_up(), 2f32.powi(-60));
    check32(a, b, c);
    let tie = 2f32.powi(-24) - 2f32.powi(-46);
    let (up, down) = (tie.next_up(), tie.next_down());
    for c in [c, -c, tie, up, down] {
        check32(a, b, c);
    }
    let (a, b) = (1.0f32 + 2f32.powi(-12), 1.0f32 + 2f32.powi(-12));
    // a·b = 1 + 2^−11 + 2^−24: half way between two f32; c decides, and is below the last bit of f64.
    let c = 2f32.powi(-70);
    assert_ne!((f64::from(a) * f64::from(b) + f64::from(c)) as f32, a.mul_add(b, c));
    check32(a, b, c);
    check32(a, b, -c);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn emulated_fma_equals_the_instruction_on_any_bits(a: u64, b: u64, c: u64) {
        check64(f64::from_bits(a), f64::from_bits(b), f64::from_bits(c));
        check32(f32::from_bits(a as u32), f32::from_bits(b as u32), f32::from_bits(c as u32));
    }

    // c near −a·b (cancellation), near its half units (ties), and of every relation of exponents.
    #[test]
    fn emulated_fma_equals_the_instruction_where_it_is_hard(
        a in 0u64..1 << 52, b in 0u64..1 << 52, shift in -120i32..120, up in -3i64..=3,
        scale in -450i32..450, trailing in 0u32..52, negative: bool,
    ) {
        // Short significands make products whose tails are ties.
        let mask = u64::MAX << trailing;
        let a = f64::from_bits((1023 << 52) | (a & mask)) * 2f64.powi(scale);
        let b = f64::from_bits((1023 << 52) | (b & mask));
        let p = if negative { a * b } else { -(a * b) };
        let near = f64::from_bits(p.to_bits().wrapping_add(up as u64));
        for c in [near, near * 2f64.powi(shift), 2f64.powi(scale + shift), near * 0.5] {
            check64(a, b, c);
            check64(-a, b, c);
        }
        let (a, b) = ((a * 2f64.powi(-scale)) as f32, b as f32);
        let exact = f64::from(a) * f64::from(b);
        for s in [0, shift / 2, -24, -25, 23] {
            let c = (exact * 2f64.powi(s)) as f32;
            let c = f32::from_bits(c.to_bits().wrapping_add(up as u32));
            check32(a, b, c);
            check32(a, -b, c);
            // The results are subnormal here.
            check32(a * 2f32.powi(-70), b * 2f32.powi(-70), c * 2f32.powi(-135));
        }
    }
}
