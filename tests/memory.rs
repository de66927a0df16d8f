//! Memory: an evaluation holds its results and a scratch for each chunk at work, never an array of N×K.
//!
//! This binary counts what is allocated, so its one test is alone in it.
//!
//! Spec: N3.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::Array2;
use tweedie::arith::{Real, fill_normal};
use tweedie::channel::Channel;
use tweedie::law::{COMPONENT_BLOCK, Mixture, Quantity};

/// The system's allocator, with the bytes in use and their peak.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = IN_USE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes in use at once while `work` ran, beyond those in use before.
fn peak_of<R>(work: impl FnOnce() -> R) -> usize {
    let before = IN_USE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let result = work();
    let peak = PEAK.load(Ordering::Relaxed);
    drop(result);
    peak - before
}

/// Points side by side in a group: an upper bound, so that the number may change.
const LANES: usize = 64;

fn check<T: Real>(law: &Mixture, n: usize, threads: usize) {
    let d = law.dimension();
    let noised = law.through::<T>(Channel::variance_exploding(0.5).unwrap()).unwrap();
    let mut values = vec![T::ZERO; n * d];
    fill_normal(1, 0, 0, &mut values);
    let points = Array2::from_shape_vec((n, d), values).unwrap();
    let wanted = [Quantity::LogDensity, Quantity::Score, Quantity::Denoiser];
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let evaluate = |wanted: &[Quantity]| pool.install(|| noised.evaluate(points.view(), wanted));
    // Threads make their own small things once.
    evaluate(&wanted).unwrap();
    let peak = peak_of(|| evaluate(&wanted));
    let number = size_of::<T>();
    let results = n * (1 + 2 * d) * number;
    // A chunk at work: logits and weights of one block, and about eight arrays of d numbers a lane.
    let scratch = threads * LANES * (2 * COMPONENT_BLOCK + 8 * d) * number;
    // The list of chunks, and what rayon keeps to divide it.
    let lists = 256 * (n / 16 + 64);
    let bound = results + scratch + lists;
    assert!(peak >= results, "the results are counted");
    assert!(peak <= bound, "{} at N = {n}, {threads} threads: {peak} bytes > {bound}", T::NAME);
    // With an earlier result at hand the results are no longer among what is asked for.
    let earlier = evaluate(&wanted).unwrap();
    let reused = peak_of(|| {
        pool.install(|| noised.evaluate_reusing(points.view(), &wanted, earlier).unwrap())
    });
    assert!(reused <= scratch + lists, "{reused} bytes beside {results} of an earlier result");
    // Responsibilities are an array of N×K: asking for them is the mistake that the bound must notice.
    let planted = peak_of(|| evaluate(&[Quantity::Responsibilities]));
    assert!(planted > bound, "{planted} bytes pass for {bound}");
}

#[test]
fn an_evaluation_allocates_no_array_of_points_by_components() {
    let (k, d) = (50_000, 64);
    let mut means = vec![0.0; k * d];
    fill_normal(0, 0, 0, &mut means);
    let law = Mixture::point_masses(Array2::from_shape_vec((k, d), means).unwrap()).unwrap();
    for threads in [1, 2] {
        check::<f64>(&law, 64, threads);
        check::<f32>(&law, 64, threads);
    }
}
