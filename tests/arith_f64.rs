//! Errors of the f64 functions over edge, spaced and random inputs against double-double, the table's coverage,
//! and mutants of the functions that the same measurement must catch.

mod double_double;
mod multiprecision;

use double_double::{F64, Truth};
use multiprecision::{Big, big};
use tweedie::arith::bounds::{BOUNDS, FunctionBound};
use tweedie::arith::{fill_uniform, scalar};

/// Inputs of each kind; enough for the worst cases that the table names to be near their bounds.
const RANDOM: usize = 400_000;

fn uniforms(stream: u64) -> Vec<f64> {
    let mut u = vec![0.0; RANDOM];
    fill_uniform(2026, stream, 0, &mut u);
    u
}

/// Every power of two with its neighbours, both signs, and the extremes.
fn edges() -> Vec<f64> {
    let mut x = vec![0.0, f64::MAX, f64::MIN_POSITIVE, 5e-324, f64::MIN_POSITIVE.next_down()];
    for n in -1074..=1023 {
        let p = double_double::power(n);
        x.extend([p.next_down(), p, p.next_up(), 1.5 * p]);
    }
    let minus: Vec<f64> = x.iter().map(|v| -v).collect();
    x.extend(minus);
    x
}

fn spaced(from: f64, to: f64) -> impl Iterator<Item = f64> {
    (0..=100_000).map(move |i| from + (to - from) * f64::from(i) / 100_000.0)
}

fn exp_inputs() -> Vec<f64> {
    let mut x: Vec<f64> = edges().into_iter().filter(|x| x.abs() <= 745.2 && *x < 709.79).collect();
    x.extend(spaced(-745.0, 709.7));
    x.extend(spaced(-0.35, 0.35));
    x.extend(uniforms(1).iter().map(|u| -745.1 + 1454.8 * u));
    x.extend(uniforms(2).iter().map(|u| -30.0 * u));
    // Where the reduced argument is largest: half way between two multiples of ln 2, to both sides.
    x.extend(uniforms(3).iter().map(|u| {
        let n = (u * 2000.0).floor() - 1050.0;
        (n + 0.5) * std::f64::consts::LN_2 + (u * 2000.0 - (u * 2000.0).floor() - 0.5) * 1e-3
    }));
    x.retain(|x| *x < 709.7);
    x
}

fn ln_inputs() -> Vec<f64> {
    let mut x: Vec<f64> = edges().into_iter().filter(|x| *x > 0.0).collect();
    x.extend(spaced(0.5, 2.0));
    x.extend(uniforms(4).iter().map(|u| 0.5 + 1.5 * u));
    let near_one =
        |(i, u): (usize, &f64)| 1.0 + (u - 0.5) * double_double::power(-((i % 52) as i32));
    x.extend(uniforms(5).iter().enumerate().map(near_one));
    // Every exponent alike, subnormal numbers too.
    x.extend(uniforms(6).iter().map(|u| f64::from_bits((u * 9_218_868_437_227_405_311.0) as u64)));
    x.retain(|x| *x > 0.0);
    x
}

fn circle_inputs() -> Vec<f64> {
    let mut x = edges();
    x.extend(spaced(-1.0, 1.0));
    x.extend((-4096..=4096).map(|q| f64::from(q) / 8.0));
    x.extend(uniforms(7).iter().map(|u| u - 0.5));
    let wide = |(i, u): (usize, &f64)| (u - 0.5) * double_double::power((i % 80) as i32 - 30);
    x.extend(uniforms(8).iter().enumerate().map(wide));
    x
}

fn sigmoid_inputs() -> Vec<f64> {
    let mut x: Vec<f64> = edges().into_iter().filter(|x| x.abs() <= 745.2).collect();
    x.extend(spaced(-745.0, 745.0));
    x.extend(uniforms(9).iter().map(|u| 80.0 * (u - 0.5)));
    x.extend(uniforms(10).iter().map(|u| -745.1 * u));
    x.extend(uniforms(11).iter().map(|u| -6.0 * u));
    x
}

/// Worst error where the truth is normal, and where it is subnormal.
fn worst(inputs: &[f64], f: impl Fn(f64) -> f64, truth: impl Fn(f64) -> Truth) -> [f64; 2] {
    let mut worst = [0f64; 2];
    for &x in inputs {
        let t = truth(x);
        let place = usize::from(t.is_subnormal(F64));
        worst[place] = worst[place].max(t.ulps(f(x), F64));
    }
    worst
}

fn measured(name: &str) -> f64 {
    let part = usize::from(name.ends_with(", subnormal result"));
    match name {
        "exp" | "exp, subnormal result" => {
            worst(&exp_inputs(), scalar::exp, double_double::exp)[part]
        }
        "ln" => worst(&ln_inputs(), scalar::ln, double_double::ln)[part],
        "sin_turns" => {
            let w = worst(
                &circle_inputs(),
                |u| scalar::sin_cos_turns(u).0,
                |u| double_double::sin_cos_turns(u).0,
            );
            w[0].max(w[1])
        }
        "cos_turns" => {
            let cos = |u| scalar::sin_cos_turns(u).1;
            worst(&circle_inputs(), cos, |u| double_double::sin_cos_turns(u).1)[0]
        }
        "sigmoid" | "sigmoid, subnormal result" => {
            worst(&sigmoid_inputs(), scalar::sigmoid, double_double::sigmoid)[part]
        }
        other => panic!("{other} has a bound and no test"),
    }
}

#[test]
fn every_f64_bound_holds() {
    let report: Vec<(&FunctionBound, f64)> = std::thread::scope(|scope| {
        let rows = BOUNDS.iter().filter(|b| b.format == "f64");
        let running: Vec<_> = rows.map(|b| (b, scope.spawn(|| measured(b.name)))).collect();
        running.into_iter().map(|(b, t)| (b, t.join().expect("a measurement"))).collect()
    });
    for (b, worst) in &report {
        println!("{} f64: worst {worst:.4}, bound {}", b.name, b.bound_ulp);
    }
    for (b, worst) in report {
        assert!(worst <= b.bound_ulp, "{}: {worst} ULP is over {}", b.name, b.bound_ulp);
        // The inputs are fixed, so the table must name what they show.
        let seen = b.worst_seen;
        assert!((worst - seen).abs() <= 0.005, "{}: worst {worst}, the table says {seen}", b.name);
    }
}

#[test]
fn every_function_has_its_bounds_in_both_formats() {
    // What `arith::scalar` exports is what must be in the table.
    let source = include_str!("../src/arith/scalar.rs");
    let functions = source.lines().filter_map(|l| l.strip_prefix("pub fn ")?.split('<').next());
    let names: Vec<&str> = functions.collect();
    assert_eq!(names, ["exp", "ln", "sin_cos_turns", "sigmoid"]);
    for format in ["f32", "f64"] {
        for name in names.iter().flat_map(|n| match *n {
            "sin_cos_turns" => vec!["sin_turns", "cos_turns"],
            one => vec![one],
        }) {
            assert!(BOUNDS.iter().any(|b| b.name == name && b.format == format), "{name} {format}");
        }
    }
    for b in BOUNDS {
        assert!(b.worst_seen <= b.bound_ulp && !b.reason.is_empty(), "{}", b.name);
    }
}

#[test]
fn limits_are_exact() {
    let inf = f64::INFINITY;
    assert_eq!([scalar::exp(inf), scalar::exp(-inf), scalar::exp(0.0)], [inf, 0.0, 1.0]);
    assert_eq!([scalar::exp(709.79), scalar::exp(1e300), scalar::exp(-745.2)], [inf, inf, 0.0]);
    assert_eq!(
        [scalar::ln(0.0), scalar::ln(-0.0), scalar::ln(inf), scalar::ln(1.0)],
        [-inf, -inf, inf, 0.0]
    );
    assert!(scalar::ln(-1.0f64).is_nan() && scalar::ln(-inf).is_nan());
    assert_eq!(
        [scalar::sigmoid(inf), scalar::sigmoid(-inf), scalar::sigmoid(0.0)],
        [1.0, 0.0, 0.5]
    );
    for q in -64..=64 {
        let exact = [(0.0, 1.0), (1.0, 0.0), (0.0, -1.0), (-1.0, 0.0)][(q & 3) as usize];
        assert_eq!(scalar::sin_cos_turns(f64::from(q) / 4.0), exact);
    }
    let (s, c) = scalar::sin_cos_turns(inf);
    assert!(s.is_nan() && c.is_nan());
    let nan = f64::NAN;
    assert!(scalar::exp(nan).is_nan() && scalar::ln(nan).is_nan() && scalar::sigmoid(nan).is_nan());
}

/// |t − exact|/|exact| in 320-bit arithmetic.
fn relative(t: Truth, exact: Big) -> f64 {
    let lift = big(double_double::power(t.exponent / 2))
        * big(double_double::power(t.exponent - t.exponent / 2));
    let value = (big(t.value.0) + big(t.value.1)) * lift;
    ((value - exact.clone()) / exact).to_f64().abs()
}

#[test]
fn the_judge_agrees_with_multiprecision() {
    // 2^−80 is 10^−8 ULP of f64. Exact zeros are left out.
    const ENOUGH: f64 = 8.3e-25;
    let thin = |x: Vec<f64>| x.into_iter().step_by(2003);
    for x in thin(exp_inputs()) {
        assert!(relative(double_double::exp(x), big(x).exp()) < ENOUGH, "exp {x:e}");
    }
    for x in thin(ln_inputs()).filter(|x| *x != 1.0) {
        assert!(relative(double_double::ln(x), big(x).ln()) < ENOUGH, "ln {x:e}");
    }
    for x in thin(sigmoid_inputs()) {
        let exact = big(1.0) / (big(1.0) + (-big(x)).exp());
        assert!(relative(double_double::sigmoid(x), exact) < ENOUGH, "sigmoid {x:e}");
    }
    // Larger angles are reduced exactly to these by the double-double itself.
    for u in thin(circle_inputs()).filter(|u| u.abs() < 1e3 && (8.0 * u) % 1.0 != 0.0) {
        let angle = Big::pi() * big(2.0) * big(u);
        let (s, c) = double_double::sin_cos_turns(u);
        assert!(relative(s, angle.sin()) < ENOUGH, "sin {u:e}");
        assert!(relative(c, angle.cos()) < ENOUGH, "cos {u:e}");
    }
}

/// exp with three switches, each a fault that the measurement above must see.
fn faulty_exp(x: f64, coefficient: f64, low: f64, ln2_low: f64) -> f64 {
    let n = (x * std::f64::consts::LOG2_E).round();
    let r_hi = n.mul_add(-std::f64::consts::LN_2, x);
    let r = n.mul_add(-ln2_low, r_hi);
    let r_lo = low * n.mul_add(-ln2_low, r_hi - r);
    let mut q = 0.0;
    for k in (3..=16).rev() {
        let factorial: f64 = (1..=k).map(f64::from).product();
        let c = if k == 7 { coefficient } else { 1.0 } / factorial;
        q = r.mul_add(q, c);
    }
    let (line, square) = (1.0 + r, r * r);
    let curve = r.mul_add(q, 0.5);
    let y = line + square.mul_add(curve, r_lo.mul_add(line, (1.0 - line) + r));
    y * double_double::power(n as i32)
}

#[test]
fn a_wrong_coefficient_or_a_dropped_term_of_exp_is_seen() {
    const LOW: f64 = 2.3190468138462996e-17;
    let inputs: Vec<f64> = exp_inputs().into_iter().filter(|x| x.abs() < 700.0).collect();
    let bound =
        BOUNDS.iter().find(|b| b.name == "exp" && b.format == "f64").expect("a row").bound_ulp;
    let error = |c, l, n| worst(&inputs, |x| faulty_exp(x, c, l, n), double_double::exp)[0];
    assert!(error(1.0, 1.0, LOW) <= bound, "without a fault it is as good as the function");
    // 1/7! off by 10⁻⁸ of itself: r⁷/7! reaches 1.2e-7 there, so the result moves by 10 ULP.
    assert!(error(1.0 + 1e-8, 1.0, LOW) > bound);
    assert!(error(1.0, 0.0, LOW) > bound, "r_lo dropped");
    assert!(error(1.0, 1.0, 0.0) > bound, "the low part of ln 2 dropped");
}
