//! The suite and the timings of the GPU path in one program, to be carried to a machine with a GPU and no Rust (`make carried`,
//! docs/gpu.md). Built with the feature `cuda`; driver and NVRTC are looked for when it runs.
//!
//! `carried about`: what it is and what device it finds, JSON.
//! `carried suite`: the property suite (`tests/on_device`), JSON.
//! `carried problem FOLDER`: the inputs of the timings, and the CPU's results in f64, as files; needs no device.
//! `carried bench PART`: `mixture`, `sampler` or `adversarial`. First a line of JSON says which it is; then each line of standard
//! input is a number of evaluations, and each answer the seconds that they took together, the device waited for. The end of the input is
//! answered by how far the results are from the CPU's in f64, of `adversarial` by how far three steps are from the CPU's in f32.
//!
//! Exit codes: 0 all holds; 1 a check of the suite fails; 2 the command line is wrong, or a file or a launch fails; 3 no
//! device (one line on standard error says why).

#[path = "../benches/common/mod.rs"]
mod common;
#[path = "../tests/generators/mod.rs"]
mod generators;
#[path = "../tests/judge/mod.rs"]
mod judge;
#[path = "../tests/on_device/mod.rs"]
mod on_device;

use std::error::Error;
use std::hint::black_box;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use ndarray::{Array2, ArrayView2};
use serde_json::{Value, json};
use tweedie::arith::fill_normal;
use tweedie::channel::steps::Steps;
use tweedie::cuda::{
    Device, DeviceArray, DeviceEvaluation, DeviceLaw, DeviceSampler, DeviceTrainer, Machine,
    Properties, SamplerTables, first_device,
};
use tweedie::denoiser::{Exact, Mlp, Trainable};
use tweedie::law::{Evaluation, Mixture, Quantity};
use tweedie::sampler::{End, Method, Options, Start, prior_deviation, sample};
use tweedie::train::config::Config;
use tweedie::train::optimizer::State;
use tweedie::train::plan::Plan;
use tweedie::train::run::learn;

const FAILS: u8 = 1;
const WRONG: u8 = 2;
const NO_DEVICE: u8 = 3;

const POINTS: usize = 1_000_000;
const COMPONENTS: usize = 64;
const DIMENSION: usize = 2;
const SAMPLER_STEPS: usize = 1000;
const SAMPLER: Method = Method::Ddim { eta: 0.0 };
const SAMPLER_SEED: u64 = 5;
/// Rows of a run that are compared with the CPU's.
const SAMPLED: usize = 1000;
const BATCH: usize = 1024;
const WIDTH: usize = 128;
const LAYERS: usize = 3;
const WANTED: [Quantity; 3] = [Quantity::LogDensity, Quantity::Score, Quantity::Denoiser];

type Outcome = Result<u8, Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["about"] => about(),
        ["suite"] => on_a_device(run_suite),
        ["problem", folder] => problem(Path::new(folder)),
        ["bench", "mixture"] => on_a_device(bench_mixture),
        ["bench", "sampler"] => on_a_device(bench_sampler),
        ["bench", "adversarial"] => on_a_device(bench_adversarial),
        _ => {
            Err("usage: carried about | suite | problem FOLDER | bench mixture|sampler|adversarial"
                .into())
        }
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("carried: {error}");
            ExitCode::from(WRONG)
        }
    }
}

fn say(value: &Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{value}")?;
    out.flush()
}

fn on_a_device(work: impl FnOnce(&Device) -> Outcome) -> Outcome {
    match first_device() {
        Ok(device) => work(&device),
        Err(reason) => {
            eprintln!("no device: {reason}");
            Ok(NO_DEVICE)
        }
    }
}

fn about() -> Outcome {
    let device = match first_device() {
        Ok(device) => described(device.properties()),
        Err(reason) => json!({"none": reason.to_string()}),
    };
    say(&json!({
        "tweedie": env!("CARGO_PKG_VERSION"),
        "commit": option_env!("TWEEDIE_COMMIT").unwrap_or("unknown"),
        "device": device,
    }))?;
    Ok(0)
}

fn described(properties: &Properties) -> Value {
    json!({
        "name": properties.name,
        "capability": [properties.capability.0, properties.capability.1],
        "memory": properties.memory,
        "driver": [properties.driver.0, properties.driver.1],
        "multiprocessors": properties.multiprocessors,
        "clock": properties.clock,
    })
}

fn run_suite(device: &Device) -> Outcome {
    let extent = on_device::Extent {
        dimensions: vec![1, 2, 3, 5, 8, 9, 16, 33, 64],
        components: 200,
        cases: 300,
        points: 700,
        long: 1_000_003,
    };
    let start = Instant::now();
    let checks = on_device::suite(device, &extent);
    let passed = checks.iter().all(|(_, verdict)| verdict.is_ok());
    let list: Vec<Value> = checks
        .into_iter()
        .map(|(name, verdict)| json!({"check": name, "problem": verdict.err()}))
        .collect();
    let seconds = start.elapsed().as_secs_f64();
    say(&json!({"passed": passed, "checks": list, "seconds": seconds}))?;
    Ok(if passed { 0 } else { FAILS })
}

/// The law and the points of the timings. Points are drawn in f64 and rounded.
fn inputs() -> (Mixture, Array2<f32>) {
    let law = common::isotropic(COMPONENTS, DIMENSION);
    let points = common::points::<f32>(&law, POINTS);
    (law, points)
}

/// The CPU's results in f64, at the points as they are in f32.
fn truth(law: &Mixture, points: ArrayView2<'_, f32>) -> tweedie::Result<Evaluation<f64>> {
    let wide = points.mapv(f64::from);
    law.through::<f64>(common::channel())?.evaluate(wide.view(), &WANTED)
}

fn problem(folder: &Path) -> Outcome {
    std::fs::create_dir_all(folder)?;
    let (law, points) = inputs();
    let tweedie::law::Covariance::Isotropic(variances) = law.covariance() else {
        return Err("the law is isotropic".into());
    };
    let singles =
        |values: &[f32]| -> Vec<u8> { values.iter().flat_map(|x| x.to_le_bytes()).collect() };
    let doubles = |values: Option<&[f64]>| -> Vec<u8> {
        values.unwrap_or_default().iter().flat_map(|x| x.to_le_bytes()).collect()
    };
    std::fs::write(folder.join("points.f32"), singles(points.as_slice().unwrap_or_default()))?;
    let exact = truth(&law, points.view())?;
    let parts = [
        ("log_density", exact.log_density.as_ref().and_then(|a| a.as_slice())),
        ("score", exact.score.as_ref().and_then(|a| a.as_slice())),
        ("denoiser", exact.denoiser.as_ref().and_then(|a| a.as_slice())),
    ];
    for (name, values) in parts {
        std::fs::write(folder.join(format!("{name}.f64")), doubles(values))?;
    }
    let (start, sampled) = (start(POINTS)?, sampled(&law)?);
    std::fs::write(folder.join("start.f32"), singles(start.as_slice().unwrap_or_default()))?;
    std::fs::write(folder.join("sampled.f64"), doubles(sampled.as_slice()))?;
    let levels: Vec<[f64; 2]> = Steps::ddpm_linear(SAMPLER_STEPS)?
        .channels()
        .iter()
        .map(|channel| [channel.a(), channel.s()])
        .collect();
    let means: Vec<Vec<f64>> = law.means().outer_iter().map(|row| row.to_vec()).collect();
    let text = json!({
        "points": POINTS, "components": COMPONENTS, "dimension": DIMENSION, "sigma": common::SIGMA,
        "weights": law.weights(), "means": means, "variances": variances, "levels": levels,
        "batch": BATCH, "width": WIDTH, "layers": LAYERS,
    });
    std::fs::write(folder.join("problem.json"), text.to_string())?;
    Ok(0)
}

/// The start of the sampler's run, its first n rows: what `sample` draws.
fn start(n: usize) -> tweedie::Result<Array2<f32>> {
    let deviation = prior_deviation(Steps::ddpm_linear(SAMPLER_STEPS)?.first()) as f32;
    let mut start = Array2::<f32>::zeros((n, DIMENSION));
    if let Some(flat) = start.as_slice_mut() {
        fill_normal(SAMPLER_SEED, 0, 0, flat);
        flat.iter_mut().for_each(|x| *x *= deviation);
    }
    Ok(start)
}

/// The CPU's run in f64 of the first rows, from the start as it is in f32.
fn sampled(law: &Mixture) -> tweedie::Result<Array2<f64>> {
    let start = Start::Given(start(SAMPLED)?.mapv(f64::from));
    let options = Options { start, ..Options::default() };
    let (exact, steps) = (Exact::new(law.clone()), Steps::ddpm_linear(SAMPLER_STEPS)?);
    Ok(sample(&exact, &steps, SAMPLER, SAMPLED, SAMPLER_SEED, &options)?.points)
}

/// The largest difference, relative to the largest number.
fn apart<'a>(
    found: impl Iterator<Item = &'a f32>,
    exact: impl Iterator<Item = &'a f64> + Clone,
) -> f64 {
    let largest = exact.clone().fold(0.0f64, |m, x| m.max(x.abs()));
    found.zip(exact).fold(0.0f64, |m, (f, e)| m.max((f64::from(*f) - e).abs())) / largest
}

/// The largest of any of the three from the CPU's f64.
fn distance(found: &Evaluation<f32>, exact: &Evaluation<f64>) -> f64 {
    let density = found.log_density.iter().flatten();
    let score = found.score.iter().flatten();
    let denoiser = found.denoiser.iter().flatten();
    apart(density, exact.log_density.iter().flatten())
        .max(apart(score, exact.score.iter().flatten()))
        .max(apart(denoiser, exact.denoiser.iter().flatten()))
}

/// Points, tables and results stay on the device; what is timed is launches and the wait for them.
fn bench_mixture(device: &Device) -> Outcome {
    let (law, points) = inputs();
    let there = DeviceArray::upload(device, points.view())?;
    let noised = law.through::<f32>(common::channel())?;
    let on = DeviceLaw::new(device, &noised)?;
    let mut earlier = on.evaluate_resident(&there, &WANTED, DeviceEvaluation::default())?;
    device.wait()?;
    say(&json!({"part": "mixture", "bits": "those of the CPU's f32"}))?;
    for line in io::stdin().lock().lines() {
        let evaluations: usize = line?.trim().parse()?;
        let start = Instant::now();
        for _ in 0..evaluations {
            earlier = black_box(on.evaluate_resident(&there, &WANTED, earlier)?);
        }
        device.wait()?;
        say(&json!({"seconds": start.elapsed().as_secs_f64()}))?;
    }
    let difference = distance(&earlier.download()?, &truth(&law, points.view())?);
    say(&json!({"difference": difference}))?;
    Ok(0)
}

/// Tables and states stay on the device; what is timed is whole runs, the start drawn there, and the wait for them.
fn bench_sampler(device: &Device) -> Outcome {
    let law = common::isotropic(COMPONENTS, DIMENSION);
    let (steps, end) = (Steps::ddpm_linear(SAMPLER_STEPS)?, End::Data);
    let all = 0..SamplerTables::<f32>::count(&steps, end);
    let on = DeviceSampler::<_, f32>::new(device, &law, &steps, SAMPLER, end, all)?;
    let mut states = on.run(POINTS, SAMPLER_SEED, None)?;
    device.wait()?;
    say(&json!({"part": "sampler", "bits": "those of the CPU's f32"}))?;
    for line in io::stdin().lock().lines() {
        let runs: usize = line?.trim().parse()?;
        let begun = Instant::now();
        for _ in 0..runs {
            states = black_box(on.run(POINTS, SAMPLER_SEED, Some(states))?);
        }
        device.wait()?;
        say(&json!({"seconds": begun.elapsed().as_secs_f64()}))?;
    }
    let (found, exact) = (states.download()?, sampled(&law)?);
    say(&json!({"difference": apart(found.iter(), exact.iter())}))?;
    Ok(0)
}

/// Training on the law of the timings: one signed-gradient step, the equivariance residual, Adam; radius and rate are those of `peers.py`.
fn plan(steps: u64) -> Result<Plan, Box<dyn Error>> {
    let text = format!(
        "steps = {steps}\nbatch = {BATCH}\n[data]\nlaw = \"ring\"\n[channel]\nlevels = {SAMPLER_STEPS}\n\
         [model]\nwidth = {WIDTH}\nlayers = {LAYERS}\n\
         [objective]\nconstraint = \"equivariance\"\nlambda = 1.0\n\
         [perturbation]\nkind = \"fgsm\"\ninner = \"residual\"\nradius = 0.1\npower = 0.0\noffset = 0.0\n\
         [optimizer]\nlearning_rate = 1e-3\nwarmup = 0\nschedule = \"constant\"\nclip = 0.0\naverage = 0.0\n"
    );
    let mut plan = Plan::new(&Config::parse(&text)?)?;
    plan.clean = common::isotropic(COMPONENTS, DIMENSION);
    plan.trained = plan.clean.clone();
    Ok(plan)
}

/// Everything stays on the device; what is timed is the launches of steps and the wait for them.
fn bench_adversarial(device: &Device) -> Outcome {
    const CHECKED: u64 = 3;
    // More than any timing takes.
    let endless = plan(1 << 32)?;
    let model: Mlp<f32> = endless.start(&endless.spec()?)?;
    let state = State::new(model.parameters());
    let mut trainer = DeviceTrainer::new(device, &endless, &model, &state)?;
    trainer.advance(1)?;
    device.wait()?;
    say(&json!({"part": "adversarial", "bits": "those of the CPU's f32"}))?;
    for line in io::stdin().lock().lines() {
        let steps: u64 = line?.trim().parse()?;
        let start = Instant::now();
        trainer.advance(steps)?;
        device.wait()?;
        say(&json!({"seconds": start.elapsed().as_secs_f64()}))?;
    }
    trainer.download()?;
    let few = plan(CHECKED)?;
    let mut again = DeviceTrainer::new(device, &few, &model, &state)?;
    again.advance(CHECKED)?;
    let (_, found) = again.download()?;
    let exact = learn(&few, model)?;
    let largest = exact.parameters().iter().fold(0.0f64, |m, &x| m.max(f64::from(x).abs()));
    let apart = found.average.iter().zip(exact.parameters());
    let apart = apart.fold(0.0f64, |m, (f, e)| m.max((f64::from(*f) - f64::from(*e)).abs()));
    say(&json!({"difference": apart / largest}))?;
    Ok(0)
}
