//! What a person or a program reads: JSON, the table for the terminal, numbers as text.

use tweedie::claims::{Case, Verdict};
use tweedie::report::{json, table, text};

use crate::{case, every_shape, header, outcome};

#[test]
fn json_has_every_number_and_strings_where_there_is_none() {
    let cases =
        vec![case(0.1 + 0.2, 1e-300), case(f64::NAN, f64::INFINITY), case(f64::NEG_INFINITY, -1.0)];
    let text = json::json(&header(), &[outcome("T1", cases, vec![every_shape()])]).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["tweedie"], "1.2.3");
    assert_eq!((&value["seed"], &value["quick"]), (&7.into(), &false.into()));
    let claim = &value["claims"][0];
    assert_eq!(claim["verdict"], "fails");
    assert!(claim.get("figures").is_none());
    assert_eq!(claim["cases"][1]["measured"], "NaN");
    assert_eq!(claim["cases"][1]["bound"], "Infinity");
    assert_eq!(claim["cases"][2]["measured"], "-Infinity");
    assert!(text.contains("\"measured\": 0.30000000000000004"));
    assert!(text.contains("\"bound\": 1e-300"));
}

#[test]
fn the_worst_case_is_the_gravest() {
    let worst = |cases: Vec<Case>| outcome("T1", cases, vec![]).worst().cloned();
    assert_eq!(worst(vec![]), None);
    assert_eq!(worst(vec![case(1.0, 4.0), case(3.0, 4.0)]), Some(case(3.0, 4.0)));
    assert_eq!(worst(vec![case(5.0, 4.0), case(3.0, 4.0)]), Some(case(5.0, 4.0)));
    // Exact equality against a bound of zero is mild; a case that fails is graver than any that holds.
    assert_eq!(worst(vec![case(0.0, 0.0), case(1.0, 4.0)]), Some(case(1.0, 4.0)));
    assert_eq!(worst(vec![case(-2.0, -1.0), case(-0.5, -1.0)]), Some(case(-0.5, -1.0)));
    let nan = worst(vec![case(9.0, 4.0), case(f64::NAN, 4.0), case(1.0, 4.0)]).unwrap();
    assert!(nan.measured.is_nan() && !nan.holds);
    assert_eq!(Verdict::of(&[]), Verdict::Fails);
    assert_eq!(Verdict::of(&[case(1.0, 1.0)]), Verdict::Holds);
    assert_eq!(Verdict::of(&[case(1.0, 1.0), case(f64::NAN, 1.0)]), Verdict::Fails);
}

#[test]
fn the_table_is_aligned_and_no_wider_than_asked() {
    let mut long = outcome("T4", vec![case(11.0, 9.5)], vec![]);
    long.title = "E‖D̂(x) − x₀‖² splits into a reducible and an irreducible part".into();
    let outcomes = [outcome("T1", vec![case(1.5e-9, 2.0)], vec![]), long];
    for width in [60, 80, 200] {
        let plain = table::table(&outcomes, width, false);
        assert!(plain.lines().all(|line| text::columns(line) <= width), "{plain}");
        // The verdicts start in one column.
        let verdicts: Vec<usize> = plain
            .lines()
            .filter_map(|line| {
                line.find("holds").or(line.find("fails")).map(|at| text::columns(&line[..at]))
            })
            .take(2)
            .collect();
        assert_eq!(verdicts[0], verdicts[1], "{plain}");
        assert!(plain.contains("1.5e-9") && plain.ends_with("1 of 2 claims hold; T4 fails.\n"));
        assert!(!plain.contains('\u{1b}'));
        let coloured = table::table(&outcomes, width, true);
        let stripped = ["\u{1b}[32m", "\u{1b}[1;31m", "\u{1b}[0m"]
            .iter()
            .fold(coloured.clone(), |text, code| text.replace(code, ""));
        assert!(coloured != plain && stripped == plain);
    }
    assert!(table::table(&outcomes, 0, false).contains("fails"));
    assert!(table::colour_wanted(true, None));
    assert!(table::colour_wanted(true, Some("".as_ref())));
    assert!(!table::colour_wanted(true, Some("1".as_ref())));
    assert!(!table::colour_wanted(false, None));
}

#[test]
fn numbers_are_those_a_person_would_write() {
    for (value, plain, typeset) in [
        (0.0, "0", "0"),
        (1.0, "1", "1"),
        (9.5, "9.5", "9.5"),
        (123.456, "123", "123"),
        (9999.0, "1e4", "10⁴"),
        (0.001234, "0.00123", "0.00123"),
        (0.00099999, "0.001", "0.001"),
        (-1.234e-7, "-1.23e-7", "−1.23×10⁻⁷"),
        (1e-9, "1e-9", "10⁻⁹"),
        (-1e-9, "-1e-9", "−10⁻⁹"),
        (f64::INFINITY, "inf", "∞"),
        (f64::NEG_INFINITY, "-inf", "−∞"),
        (f64::NAN, "NaN", "NaN"),
        (1.797e308, "1.8e308", "1.8×10³⁰⁸"),
    ] {
        assert_eq!(text::number(value), plain);
        assert_eq!(text::number_unicode(value), typeset);
    }
}
