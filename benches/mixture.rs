//! Score and denoiser of noised mixtures: many points, threads, a training set, full covariances.
//!
//! Uses `law`. `cargo bench --bench mixture`; a name filters: `cargo bench --bench mixture -- training`.

mod common;

use std::hint::black_box;
use std::time::Duration;

use common::{channel, format_name, points, pool};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tweedie::arith::Real;
use tweedie::law::{Mixture, Quantity};

/// One law at n of its own points; throughput is counted in pairs of a point and a component.
fn bench<T: Real>(c: &mut Criterion, name: &str, law: &Mixture, n: usize, threads: usize) {
    let x = points::<T>(law, n);
    let noised = law.through::<T>(channel()).expect("a channel within range");
    let wanted = [Quantity::Score, Quantity::Denoiser];
    let mut group = c.benchmark_group(name);
    group.sample_size(10).measurement_time(Duration::from_secs(3));
    group.throughput(Throughput::Elements((n * law.components()) as u64));
    let pool = pool(threads);
    group.bench_function(format!("{}, {threads} threads", format_name::<T>()), |b| {
        b.iter(|| black_box(pool.install(|| noised.evaluate(x.view(), &wanted))));
    });
    group.finish();
}

fn both(c: &mut Criterion, name: &str, law: &Mixture, n: usize, threads: usize) {
    bench::<f64>(c, name, law, n, threads);
    bench::<f32>(c, name, law, n, threads);
}

fn isotropic(c: &mut Criterion) {
    let law = common::isotropic(64, 2);
    for threads in [1, 2] {
        both(c, "isotropic N=100000 K=64 d=2", &law, 100_000, threads);
    }
}

/// Components pass in blocks: no array of N×K is ever made (`tests/memory.rs`).
fn training_set(c: &mut Criterion) {
    both(c, "training set N=256 K=50000 d=64", &common::training_set(50_000, 64), 256, 1);
}

fn full(c: &mut Criterion) {
    both(c, "full N=4096 K=32 d=16", &common::full(32, 16), 4096, 1);
}

criterion_group!(benches, isotropic, training_set, full);
criterion_main!(benches);
