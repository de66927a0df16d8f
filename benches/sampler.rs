//! One sampler run from noise to data by the exact denoiser: Heun, 40 steps, 2,000 points of the ring.
//!
//! Uses `sampler`, `denoiser`, `law`. `cargo bench --bench sampler`.

mod common;

use std::hint::black_box;

use common::{format_name, pool};
use criterion::{Criterion, criterion_group, criterion_main};
use tweedie::arith::Real;
use tweedie::channel::Steps;
use tweedie::denoiser::Exact;
use tweedie::law::toy_law;
use tweedie::sampler::{Method, Options, sample};

fn bench<T: Real>(c: &mut Criterion) {
    let denoiser = Exact::new(toy_law("ring").expect("a toy law"));
    let steps = Steps::by_name("edm", 40).expect("a table of channels");
    let pool = pool(1);
    let run = || sample::<T, _>(&denoiser, &steps, Method::Heun, 2000, 0, &Options::default());
    c.bench_function(&format!("ring, heun, 40 steps, 2000 points, {}", format_name::<T>()), |b| {
        b.iter(|| black_box(pool.install(run)));
    });
}

fn both(c: &mut Criterion) {
    bench::<f64>(c);
    bench::<f32>(c);
}

criterion_group!(benches, both);
criterion_main!(benches);
