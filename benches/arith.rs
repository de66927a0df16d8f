//! Throughput of the canonical exponential and of normal random numbers, on one thread.
//!
//! Uses `arith`. `cargo bench --bench arith`.

mod common;

use std::hint::black_box;

use common::format_name;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tweedie::arith::{Isa, Kernel, MulAdd, Real, exp, fill_normal};

/// Small enough for the first cache in both formats, so that arithmetic is measured and not memory.
const COUNT: usize = 2048;

/// e to the power of each number, in place of the output.
struct Exps<'a, T>(&'a [T], &'a mut [T]);

impl<T: Real> Kernel for Exps<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<M: MulAdd>(self) {
        for (out, &x) in self.1.iter_mut().zip(self.0) {
            *out = exp::<T, M>(x);
        }
    }
}

fn bench<T: Real>(c: &mut Criterion) {
    let mut group = c.benchmark_group(format!("arith {}", format_name::<T>()));
    group.throughput(Throughput::Elements(COUNT as u64));
    let x: Vec<T> = (0..COUNT).map(|i| T::from_f64(-40.0 * i as f64 / COUNT as f64)).collect();
    let mut out = vec![T::ZERO; COUNT];
    group.bench_function("exp", |b| {
        b.iter(|| Isa::best().run(Exps(black_box(&x), black_box(&mut out))));
    });
    group.bench_function("normals", |b| b.iter(|| fill_normal(0, 0, 0, black_box(&mut out))));
    group.finish();
}

fn both(c: &mut Criterion) {
    bench::<f64>(c);
    bench::<f32>(c);
}

criterion_group!(benches, both);
criterion_main!(benches);
