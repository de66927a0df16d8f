//! `tweedie claims`: measures every claim, prints a table and writes the report.
//!
//! Floor 9. Uses `claims`, `report`.

use std::ffi::OsString;
use std::fs;
use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

use super::{FAILS, HOLDS, arguments, complain, say};
use crate::claims::{Claim, Context, Library, Models, Outcome, Progress, Verdict, select};
use crate::error::{Error, Result};
use crate::report::{self, Header, table};

/// Where the models of a whole study are kept, under the report's directory.
const MODELS: &str = "models";
/// Columns of the table where the terminal does not tell its width.
const WIDTH: usize = 100;

pub(super) fn run(options: &arguments::Claims) -> Result<u8> {
    let chosen = select(options.only.as_deref())?;
    // Before the work, so that a directory that cannot be written costs no minute.
    fs::create_dir_all(&options.out).map_err(|error| Error::File {
        path: options.out.display().to_string(),
        reason: error.to_string(),
    })?;
    let terminal = std::io::stderr().is_terminal();
    let models =
        if options.full { Models::under(options.out.join(MODELS)) } else { Models::default() };
    let outcomes = chosen
        .iter()
        .map(|claim| measure(claim, options, &models, terminal))
        .collect::<Result<Vec<Outcome>>>()?;
    let header = Header {
        version: env!("CARGO_PKG_VERSION").into(),
        seed: options.seed,
        quick: options.quick,
        full: options.full,
        command: command(options),
    };
    report::write(&options.out, &header, &outcomes)?;
    let no_color: Option<OsString> = std::env::var_os("NO_COLOR");
    let colour = table::colour_wanted(std::io::stdout().is_terminal(), no_color.as_deref());
    say(&table::table(&outcomes, WIDTH, colour));
    say(&format!("Report: {}\n", options.out.join("report.html").display()));
    // A finding about training that does not hold is a result; only a theorem that fails is a fault.
    let fails = outcomes.iter().any(|outcome| outcome.verdict == Verdict::Fails);
    Ok(if fails { FAILS } else { HOLDS })
}

fn measure(
    claim: &Claim,
    options: &arguments::Claims,
    models: &Models,
    terminal: bool,
) -> Result<Outcome> {
    let bar = if terminal { ProgressBar::new(1) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len} {elapsed}") {
        bar.set_style(style);
    }
    bar.set_message(format!("{:3} {}", claim.id, claim.title));
    let progress = |step: Progress| {
        bar.set_length(step.total as u64);
        bar.set_position(step.done as u64);
    };
    let context = Context {
        seed: options.seed,
        quick: options.quick,
        full: options.full,
        models,
        subject: &Library,
        progress: &progress,
    };
    let outcome = claim.run(&context)?;
    bar.finish_and_clear();
    if !terminal {
        complain(&format!("{} {}", outcome.id, outcome.verdict.word()));
    }
    Ok(outcome)
}

/// The command that gives the same report again.
fn command(options: &arguments::Claims) -> String {
    let mut words = vec!["tweedie claims".to_string()];
    if let Some(only) = &options.only {
        words.push(format!("--only {}", only.join(",")));
    }
    words.push(format!("--seed {}", options.seed));
    for (said, word) in [(options.quick, "--quick"), (options.full, "--full")] {
        if said {
            words.push(word.into());
        }
    }
    words.join(" ")
}
