//! The command line: `claims` (also with no argument), `eval`, `sample`, `train`, `attack`, `optimum`, `compare` and `info`.
//!
//! Exit codes: 0 all holds, 1 a claim fails, 2 bad input, in one line: what, where, what was expected.
//!
//! Floor 9. Uses every room below.

mod arguments;
mod attack;
mod claims;
mod compare;
mod eval;
mod info;
mod optimum;
mod optimum_grid;
mod optimum_settled;
mod sample;
mod train;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::error::{Error, Result};
use arguments::{Arguments, Command};

/// All that was asked for holds.
const HOLDS: u8 = 0;
/// A claim or a comparison fails.
const FAILS: u8 = 1;
/// The input is at fault.
const BAD_INPUT: u8 = 2;

/// Runs the command line and returns its exit code.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    match run(arguments) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            complain(&error.to_string());
            ExitCode::from(BAD_INPUT)
        }
    }
}

fn run(arguments: Arguments) -> Result<u8> {
    let threads = arguments.threads.unwrap_or(0);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(|_| {
        Error::Domain {
            what: "--threads",
            value: threads as f64,
            expected: "a number of threads that the system can start",
        }
    })?;
    pool.install(|| match arguments.command.unwrap_or_default() {
        Command::Claims(options) => claims::run(&options),
        Command::Eval(options) => eval::run(&options),
        Command::Sample(options) => sample::run(&options),
        Command::Attack(options) => attack::run(&options),
        Command::Optimum(options) => optimum::run(&options),
        Command::Compare(options) => compare::run(&options),
        Command::Train(options) => train::run(&options),
        Command::Info(options) => info::run(&options),
    })
}

/// Help and version are printed whole; a mistake is one line.
fn usage(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        say(&error.render().to_string());
        return ExitCode::from(HOLDS);
    }
    let text = error.render().to_string();
    // The first paragraph says what is wrong, the rest how to ask for help.
    let what: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let what = what.join(" ");
    complain(&format!("{} (see `tweedie --help`)", what.trim_start_matches("error: ")));
    ExitCode::from(BAD_INPUT)
}

/// Prints to standard output; a reader that has gone away is no error of ours.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Prints one line to standard error.
fn complain(text: &str) {
    let one_line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let _ = writeln!(std::io::stderr(), "tweedie: {one_line}");
}
