//! `tweedie info`: what this build holds, or what a law is.
//!
//! Floor 9. Uses `law`, `channel`, `sampler`, `claims`, `arith`, `cuda`.

use std::fmt::Write;

use super::arguments::Info;
use super::{HOLDS, say};
use crate::arith::Isa;
use crate::channel::steps::Steps;
use crate::claims::CLAIMS;
use crate::error::Result;
use crate::law::{Mixture, Quantity, TOY_LAWS};
use crate::sampler::Method;

pub(super) fn run(options: &Info) -> Result<u8> {
    say(&match options.law.get()? {
        Some(law) => about_law(&law),
        None => about_build(),
    });
    Ok(HOLDS)
}

fn about_build() -> String {
    let mut out = String::new();
    let mut line = |name: &str, text: String| {
        let _ = writeln!(out, "{name:18} {text}");
    };
    line("tweedie", env!("CARGO_PKG_VERSION").into());
    let sets = Isa::available().iter().map(|isa| format!("{isa:?}")).collect::<Vec<_>>();
    line("instruction sets", format!("{} (the first is used)", sets.join(", ")));
    line("threads", rayon::current_num_threads().to_string());
    line("gpu", crate::cuda::offer::found().unwrap_or_else(|error| format!("none: {error}")));
    line("quantities", Quantity::ALL.map(Quantity::name).join(", "));
    line("schedules", Steps::NAMES.join(", "));
    line("methods", format!("{}, exact", Method::NAMES.join(", ")));
    line("claims", CLAIMS.iter().map(|claim| claim.id).collect::<Vec<_>>().join(", "));
    line("laws", String::new());
    for law in TOY_LAWS {
        line(&format!("  {}", law.name), law.about.into());
    }
    out
}

fn about_law(law: &Mixture) -> String {
    let mut out = String::new();
    let mut line = |name: &str, text: String| {
        let _ = writeln!(out, "{name:18} {text}");
    };
    let total = law.total_covariance();
    let trace: f64 = total.diag().iter().sum();
    line("dimension", law.dimension().to_string());
    line("components", law.components().to_string());
    line("covariance", law.covariance().kind().into());
    line("mean", format!("{:?}", law.mean()));
    line("total variance", format!("{trace} (trace of the covariance of x₀)"));
    line("radius of means", format!("{} (largest distance from the mean)", law.radius()));
    out
}
