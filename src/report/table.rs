//! The table of claims for a terminal: aligned, no wider than it is told, colour only where it is wanted.
//!
//! Floor 8. Uses `claims`.

use std::ffi::OsStr;
use std::fmt::Write as _;

use super::text::{columns, elide, number};
use crate::claims::{Outcome, Verdict};

const GREEN: &str = "\u{1b}[32m";
const RED: &str = "\u{1b}[1;31m";
const PLAIN: &str = "\u{1b}[0m";

/// Whether to colour: on a terminal, unless `NO_COLOR` is set to anything but the empty text (no-color.org).
pub fn colour_wanted(terminal: bool, no_color: Option<&OsStr>) -> bool {
    terminal && no_color.is_none_or(OsStr::is_empty)
}

/// One line a claim under a heading: id, title, the worst case's measured figure and bound, how many cases hold, and the
/// verdict; then one line that counts the verdicts. `width` is in columns; titles are shortened to fit, numbers never.
pub fn table(outcomes: &[Outcome], width: usize, colour: bool) -> String {
    let rows: Vec<[String; 6]> = outcomes.iter().map(cells).collect();
    let heading = ["id", "claim", "measured", "bound", "cases", "verdict"].map(str::to_owned);
    let mut widths = [0usize; 6];
    for row in rows.iter().chain([&heading]) {
        for (most, cell) in widths.iter_mut().zip(row) {
            *most = (*most).max(columns(cell));
        }
    }
    // Two blanks between columns; the title takes what the others leave, down to eight columns.
    let others: usize = widths.iter().sum::<usize>() - widths[1] + 2 * (widths.len() - 1);
    widths[1] = widths[1].min(width.saturating_sub(others).max(8));

    let mut out = String::new();
    write_row(&mut out, &heading, &widths, None);
    let rule = widths.map(|width| "─".repeat(width));
    write_row(&mut out, &rule, &widths, None);
    for (row, outcome) in rows.iter().zip(outcomes) {
        let paint = match outcome.verdict {
            Verdict::Holds => GREEN,
            Verdict::Fails => RED,
            Verdict::HoldsUnder | Verdict::DoesNotHold | Verdict::Undecided => PLAIN,
        };
        write_row(&mut out, row, &widths, colour.then_some(paint));
    }
    let _ = writeln!(out, "\n{}", summary(outcomes));
    out
}

/// How many claims hold, in words: `7 claims hold.`, `6 of 7 claims hold; T2 fails.` or `15 of 18 claims hold; C2, C3 hold under
/// conditions; C4 is undecided.`
pub fn summary(outcomes: &[Outcome]) -> String {
    let of = |verdict| -> Vec<&str> {
        let these = outcomes.iter().filter(|outcome| outcome.verdict == verdict);
        these.map(|outcome| outcome.id.as_str()).collect()
    };
    let (all, holding) = (outcomes.len(), of(Verdict::Holds).len());
    let (noun, verb) = if all == 1 { ("claim", "holds") } else { ("claims", "hold") };
    let mut words = if holding == all {
        format!("{all} {noun} {verb}")
    } else {
        format!("{holding} of {all} {noun} hold")
    };
    for (verdict, one, many) in [
        (Verdict::HoldsUnder, "holds under conditions", "hold under conditions"),
        (Verdict::DoesNotHold, "does not hold", "do not hold"),
        (Verdict::Undecided, "is undecided", "are undecided"),
        (Verdict::Fails, "fails", "fail"),
    ] {
        let these = of(verdict);
        if !these.is_empty() {
            let verb = if these.len() == 1 { one } else { many };
            let _ = write!(words, "; {} {verb}", these.join(", "));
        }
    }
    words + "."
}

fn cells(outcome: &Outcome) -> [String; 6] {
    let worst = outcome.worst();
    let figure = |pick: fn(&crate::claims::Case) -> f64| {
        worst.map_or("-".to_owned(), |case| number(pick(case)))
    };
    let all = outcome.cases.len();
    [
        outcome.id.clone(),
        outcome.title.clone(),
        figure(|case| case.measured),
        figure(|case| case.bound),
        format!("{}/{all}", all - outcome.failures()),
        outcome.verdict.word().to_owned(),
    ]
}

/// Words to the left, numbers to the right; the last column carries the colour and no blanks after it.
fn write_row(out: &mut String, row: &[String; 6], widths: &[usize; 6], paint: Option<&str>) {
    for (i, (cell, &width)) in row.iter().zip(widths).enumerate() {
        let cell = elide(cell, width);
        let blanks = " ".repeat(width - columns(&cell));
        let _ = match (i, paint) {
            (0 | 1, _) => write!(out, "{cell}{blanks}  "),
            (2..=4, _) => write!(out, "{blanks}{cell}  "),
            (_, Some(paint)) => write!(out, "{paint}{cell}{PLAIN}"),
            (_, None) => write!(out, "{cell}"),
        };
    }
    out.push('\n');
}
