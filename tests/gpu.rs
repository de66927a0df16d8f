//! The property suite on the machine's first GPU: every bit is the CPU path's. Built with the feature `cuda`.
//!
//! Without a GPU it prints one line and passes; with TWEEDIE_REQUIRE_GPU=1 it fails instead, so that a skip cannot hide.

mod generators;
mod judge;
mod on_device;

use std::process::ExitCode;

use on_device::{Extent, suite};
use tweedie::cuda::first_device;

fn main() -> ExitCode {
    let device = match first_device() {
        Ok(device) => device,
        Err(reason) if std::env::var("TWEEDIE_REQUIRE_GPU").is_ok_and(|v| v == "1") => {
            eprintln!("TWEEDIE_REQUIRE_GPU is 1, and there is no GPU: {reason}");
            return ExitCode::FAILURE;
        }
        Err(reason) => {
            println!("skipped, no GPU: {reason}");
            return ExitCode::SUCCESS;
        }
    };
    println!("{}", device.properties());
    let dimensions = vec![1, 2, 3, 5, 8, 9, 16, 33, 64];
    let extent = Extent { dimensions, components: 200, cases: 300, points: 700, long: 100_003 };
    let mut code = ExitCode::SUCCESS;
    for (name, verdict) in suite(&device, &extent) {
        match verdict {
            Ok(()) => println!("ok: {name}"),
            Err(problem) => {
                println!("FAILED: {name}: {problem}");
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}
