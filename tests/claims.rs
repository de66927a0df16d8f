//! Every claim holds for the library, gives the same bytes on any number of threads, and says what it is.
//!
//! Spec: T1, T2, T3, T4, T6, T7, T8, E1, E2, E3, E4, E5, E6, E7.

use tweedie::claims::{CLAIMS, Context, Library, Models, Outcome, Verdict, run_all, select};

fn run(quick: bool, threads: usize) -> Vec<Outcome> {
    let (full, models) = (false, &Models::default());
    let context = Context { seed: 0, quick, full, models, subject: &Library, progress: &|_| {} };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a thread pool");
    pool.install(|| run_all(&context, None)).expect("every claim can be measured")
}

fn failures(outcome: &Outcome) -> Vec<String> {
    let failing = outcome.cases.iter().filter(|case| !case.holds);
    failing.map(|case| format!("{}: {case:?}", outcome.id)).collect()
}

#[test]
fn every_claim_holds_and_no_bit_depends_on_threads() {
    let one = run(true, 1);
    // A finding (C) may hold in some of its cases or in none; a theorem holds.
    let (findings, theorems): (Vec<_>, Vec<_>) =
        one.iter().partition(|outcome| outcome.id.starts_with('C'));
    let failing: Vec<String> = theorems.iter().flat_map(|outcome| failures(outcome)).collect();
    assert!(failing.is_empty(), "{}", failing.join("\n"));
    assert!(theorems.iter().all(|outcome| outcome.verdict == Verdict::Holds));
    assert!(findings.iter().all(|outcome| outcome.verdict != Verdict::Fails));
    assert_eq!(findings.len(), 13);
    // Debug output of f64 is the shortest that reads back to the same bits.
    assert_eq!(format!("{one:?}"), format!("{:?}", run(true, 2)));
}

#[test]
fn claims_are_chosen_by_id() {
    let ids = |only: &[&str]| {
        let only: Vec<String> = only.iter().map(|id| id.to_string()).collect();
        select(Some(&only)).map(|claims| claims.iter().map(|claim| claim.id).collect::<Vec<_>>())
    };
    assert_eq!(ids(&["t2", "T1"]), Ok(vec!["T1", "T2"]));
    assert!(ids(&["T9"]).is_err());
    assert_eq!(select(None).map(|claims| claims.len()), Ok(CLAIMS.len()));
}
