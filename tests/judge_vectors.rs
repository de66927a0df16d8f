//! The Rust judge against the Python judge: 63 vectors of 64 digits, computed by mpmath along
//! another route (`tests/judge/judge.py vectors`). Spec: N4.

mod judge;

use judge::{Big, Cov, Law, Truth, truth};
use serde_json::Value;

const DIGITS_BITS: usize = 384;

struct Vector {
    name: String,
    law: Law,
    a: f64,
    s: f64,
    x: Vec<f64>,
    expected: Value,
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().expect("a list").iter().map(|v| v.as_str().expect("a string")).collect()
}

/// Numbers are strings in the file: serde_json misreads some by an ulp without `float_roundtrip`.
fn number(text: &str) -> f64 {
    text.parse().expect("a number")
}

fn numbers(value: &Value) -> Vec<f64> {
    texts(value).into_iter().map(number).collect()
}

fn lists(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().expect("a list").iter().map(numbers).collect()
}

fn read(row: &Value) -> Vector {
    let text = |key: &str| row[key].as_str().expect("a string").to_string();
    let covariances = lists(&row["covariances"]);
    let cov = match text("kind").as_str() {
        "isotropic" => Cov::Isotropic(covariances.concat()),
        "diagonal" => Cov::Diagonal(covariances),
        "full" => Cov::Full(covariances),
        kind => panic!("unknown kind {kind}"),
    };
    Vector {
        name: text("name"),
        law: Law { weights: numbers(&row["weights"]), means: lists(&row["means"]), cov },
        a: number(&text("a")),
        s: number(&text("s")),
        x: numbers(&row["x"]),
        expected: row["truth"].clone(),
    }
}

fn vectors() -> Vec<Vector> {
    let rows: Value = serde_json::from_str(include_str!("judge/vectors.json")).expect("JSON");
    rows.as_array().expect("a list").iter().map(read).collect()
}

/// Above d = 8 the file holds C·(1, 2, …, d)ᵀ in place of the covariance C.
fn as_in_the_file(name: &str, values: &[Big], d: usize) -> Vec<Big> {
    if name != "covariance" || d <= 8 {
        return values.to_vec();
    }
    let times_index = |row: &[Big]| {
        row.iter().enumerate().fold(Big::new(0.0, row[0].bits()), |sum, (j, c)| {
            sum + c * Big::new((j + 1) as f64, 64)
        })
    };
    values.chunks(d).map(times_index).collect()
}

/// The worst |truth − expected| of a quantity as a part of its largest entry.
fn disagreement(name: &str, values: &[Big], vector: &Vector) -> f64 {
    let expected = texts(&vector.expected[name]);
    let values = as_in_the_file(name, values, vector.x.len());
    assert_eq!(values.len(), expected.len());
    let zero = Big::new(0.0, DIGITS_BITS);
    let (mut worst, mut scale) = (zero.clone(), zero);
    for (value, text) in values.iter().zip(expected) {
        let expected = parse(text);
        let difference = (value - &expected).abs();
        worst = if difference > worst { difference } else { worst };
        scale = if expected.abs() > scale { expected.abs() } else { scale };
    }
    if worst.is_zero() { 0.0 } else { (worst / scale).abs_to_f64_up() }
}

/// A decimal string; one below the exponents of the Rust judge is zero there and here.
fn parse(text: &str) -> Big {
    let exponent = text.split_once('e').map_or(0, |(_, e)| e.parse::<i64>().unwrap_or(i64::MIN));
    if exponent < -400_000_000 { Big::new(0.0, DIGITS_BITS) } else { Big::parse(text, DIGITS_BITS) }
}

fn worst(t: &Truth, vector: &Vector) -> f64 {
    t.quantities().iter().map(|(name, v)| disagreement(name, v, vector)).fold(0.0, f64::max)
}

#[test]
fn two_judges_agree_to_sixty_digits() {
    let vectors = vectors();
    assert!(vectors.len() >= 40);
    for v in &vectors {
        let t = truth(&v.law, v.a, v.s, &v.x);
        for (name, values) in t.quantities() {
            let worst = disagreement(name, values, v);
            assert!(worst <= 1e-60, "{} {name}: {worst:e}", v.name);
        }
    }
}

#[test]
fn one_ulp_of_any_input_is_seen() {
    for v in vectors().iter().filter(|v| v.law.weights.len() * v.x.len() <= 12) {
        let seen = |law: &Law, a: f64, s: f64, x: &[f64]| {
            let worst = worst(&truth(law, a, s, x), v);
            assert!(worst > 1e-60, "{}", v.name);
        };
        seen(&v.law, v.a, v.s.next_up(), &v.x);
        // The ulp of zero is 5·10⁻³²⁴, below sixty digits of anything.
        if v.a != 0.0 {
            seen(&v.law, v.a.next_up(), v.s, &v.x);
        }
        let mut x = v.x.clone();
        if x[0] != 0.0 {
            x[0] = x[0].next_up();
            seen(&v.law, v.a, v.s, &x);
        }
        let responsibilities = numbers(&v.expected["responsibilities"]);
        let nearest = (0..responsibilities.len())
            .max_by(|i, j| responsibilities[*i].total_cmp(&responsibilities[*j]))
            .expect("a component");
        let mut law = v.law.clone();
        law.means[nearest][0] = law.means[nearest][0].next_up();
        seen(&law, v.a, v.s, &v.x);
        if law.weights.len() > 1 {
            let mut law = v.law.clone();
            law.weights[nearest] = law.weights[nearest].next_up();
            seen(&law, v.a, v.s, &v.x);
        }
    }
}
