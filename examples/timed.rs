//! Evaluates a mixture at points again and again, on command: what `benches/peers/` times beside NumPy.
//!
//! `timed LAW.json POINTS.npy SIGMA f64|f32 THREADS fresh|reused`: whether each result is in fresh memory or in that of the
//! one before. Each line of standard input is a number of evaluations; the answer
//! is one line, the seconds that they took together. An evaluation makes the tables of the law at its noise level, then
//! log density, score and denoiser at every point. At the end of the input the peak of resident memory is told.
//!
//! Uses `law`, `channel`, `format`, rayon.

use std::error::Error;
use std::hint::black_box;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::time::Instant;

use rayon::ThreadPoolBuilder;
use tweedie::arith::Real;
use tweedie::channel::Channel;
use tweedie::format::npy::read_points;
use tweedie::law::{Evaluation, Mixture, Quantity};

const WANTED: [Quantity; 3] = [Quantity::LogDensity, Quantity::Score, Quantity::Denoiser];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [law, points, sigma, format, threads, memory] = arguments.as_slice() else {
        return Err("usage: timed LAW.json POINTS.npy SIGMA f64|f32 THREADS fresh|reused".into());
    };
    let reuse = match memory.as_str() {
        "fresh" => false,
        "reused" => true,
        _ => return Err(format!("{memory}: expected fresh or reused").into()),
    };
    let law = Mixture::read(Path::new(law))?;
    let channel = Channel::variance_exploding(sigma.parse()?)?;
    let pool = ThreadPoolBuilder::new().num_threads(threads.parse()?).build()?;
    pool.install(|| match format.as_str() {
        "f64" => serve::<f64>(&law, channel, Path::new(points), reuse),
        "f32" => serve::<f32>(&law, channel, Path::new(points), reuse),
        _ => Err(format!("{format}: expected f64 or f32").into()),
    })
    .map_err(|e| e as Box<dyn Error>)
}

fn serve<T: Real>(
    law: &Mixture,
    channel: Channel,
    points: &Path,
    reuse: bool,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let points = read_points::<T>(points)?;
    let mut out = io::stdout().lock();
    let mut earlier = Evaluation::default();
    for line in io::stdin().lock().lines() {
        let evaluations: usize = line?.trim().parse()?;
        let start = Instant::now();
        for _ in 0..evaluations {
            let law = law.through::<T>(channel)?;
            let found = black_box(law.evaluate_reusing(points.view(), &WANTED, earlier)?);
            earlier = if reuse { found } else { Evaluation::default() };
        }
        writeln!(out, "{:.9}", start.elapsed().as_secs_f64())?;
        out.flush()?;
    }
    // Linux tells the peak; elsewhere the line is empty.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    writeln!(out, "{peak}")?;
    Ok(())
}
