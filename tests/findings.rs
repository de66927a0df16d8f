//! Findings about training: a verdict rests on whole intervals, never on their middles.

use tweedie::claims::{Case, Context, Estimate, Library, Models, Verdict, run_all};

/// A case whose interval is that of these two ends, against 1.
fn case(low: f64, high: f64) -> Case {
    let estimate = Estimate::new((low * high).sqrt(), low, high);
    Case::estimated("law", "condition", "ratio", estimate, 1.0)
}

#[test]
fn an_interval_across_the_bound_shows_nothing() {
    let across = case(0.5, 1.1);
    // The middle is within the bound: a verdict that looked at it alone would be "holds".
    assert!(across.measured < 1.0 && !across.holds);
    assert_eq!(Verdict::of(&[across]), Verdict::Undecided);
}

#[test]
fn every_verdict_has_its_cases() {
    let (shown, across, beyond) = (case(0.5, 0.9), case(0.9, 1.2), case(1.1, 1.3));
    let of = |cases: &[&Case]| Verdict::of(&cases.iter().map(|c| (*c).clone()).collect::<Vec<_>>());
    assert_eq!(of(&[&shown, &shown]), Verdict::Holds);
    assert_eq!(of(&[&shown, &across]), Verdict::HoldsUnder);
    assert_eq!(of(&[&shown, &beyond]), Verdict::HoldsUnder);
    assert_eq!(of(&[&across, &across]), Verdict::Undecided);
    assert_eq!(of(&[&across, &beyond]), Verdict::DoesNotHold);
    assert_eq!(of(&[&beyond]), Verdict::DoesNotHold);
    assert_eq!(of(&[]), Verdict::Fails);
    // One case without an interval makes it a theorem, which fails in any of its cases.
    let theorem = Case::new("law", "channel", "residual", 2.0, 1.0);
    assert_eq!(of(&[&shown, &theorem]), Verdict::Fails);
}

#[test]
fn what_is_no_number_shows_nothing() {
    let nothing = case(f64::NAN, f64::NAN);
    assert!(!nothing.holds);
    assert_eq!(Verdict::of(&[nothing]), Verdict::Undecided);
    let exact = Case::estimated("law", "condition", "ratio", Estimate::exact(1.0), 1.0);
    assert!(exact.holds, "a bound that is reached is kept");
}

#[test]
fn a_step_s_products_are_counted() {
    let (seed, quick, full, models) = (0, true, false, &Models::default());
    let context = Context { seed, quick, full, models, subject: &Library, progress: &|_| {} };
    let found = run_all(&context, Some(&["C8".to_string()])).expect("a count");
    // A prediction, and twice as much for the gradient: 3. Two predictions, the attack's two passes, and the gradient at both
    // points: 8. To the bit, in the order of the claim's own divisions.
    let ratio = 8.0 / 3.0 / 2.5;
    let expected = [ratio, f64::recip(ratio)];
    for (case, expected) in found[0].cases.iter().zip(expected.into_iter().cycle()) {
        assert_eq!(case.measured, expected, "{}", case.quantity);
    }
    assert_eq!(found[0].cases.len(), 4);
}

#[test]
fn a_finding_with_many_cases_has_a_false_alarm_rate_of_all() {
    let (seed, quick, full, models) = (0, true, false, &Models::default());
    let context = Context { seed, quick, full, models, subject: &Library, progress: &|_| {} };
    let found = run_all(&context, Some(&["C4".to_string()])).expect("an outcome");
    let count = found[0].cases.len();
    let statistics = found[0].statistics.as_ref().expect("statistics");
    assert!(count > 1 && statistics.false_alarm == 0.005 * count as f64);
}
