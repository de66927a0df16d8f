//! Every claim holds for the library, gives the same bytes on any number of threads, and says what it is.
//!
//! Spec: T1, T2, T3, T4, T6, T7, T8, E5, E6.

use tweedie::claims::{CLAIMS, Context, Library, Outcome, Verdict, run_all, select};

fn run(quick: bool, threads: usize) -> Vec<Outcome> {
    let context = Context { seed: 0, quick, subject: &Library, progress: &|_| {} };
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
    let failing: Vec<String> = one.iter().flat_map(failures).collect();
    assert!(failing.is_empty(), "{}", failing.join("\n"));
    assert!(one.iter().all(|outcome| outcome.verdict == Verdict::Holds));
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
    assert!(ids(&["T5"]).is_err());
    assert_eq!(select(None).map(|claims| claims.len()), Ok(CLAIMS.len()));
}
