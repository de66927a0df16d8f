//! Whether what a kernel left is what Rust computes, bit for bit, and what every test of kernels launches with.

use ndarray::ArrayView2;
use tweedie::arith::Real;
use tweedie::cuda::{Kernel, Tables};
use tweedie::law::{AtPoint, Noised};

use super::{Argument, Watch};

/// In order, in reverse, and two at random.
pub const SCHEDULES: [u32; 4] = [0, 1, 2, 77];

/// A launch, but for what the work decides.
#[derive(Clone, Debug)]
pub struct Run {
    pub threads: u32,
    pub schedule: u32,
    pub watch: Watch,
}

/// Whether a run of 64 threads is one that the caller looks for: in every order without sanitizers, which compile and run quicker, then with them.
pub fn some_run(mut found: impl FnMut(&Run) -> bool) -> bool {
    [Watch::Nothing, Watch::Sanitizers].into_iter().any(|watch| {
        SCHEDULES.into_iter().any(|schedule| found(&Run { threads: 64, schedule, watch }))
    })
}

/// The same bits. A NaN equals a NaN: its payload is no part of the arithmetic.
fn same<T: Real>(found: u64, expected: T) -> bool {
    let sign = 1u64 << (8 * size_of::<T>() - 1);
    found == expected.bits() || (expected.is_nan() && found & !sign > T::INFINITY.bits())
}

/// Where two arrays first differ.
pub fn difference<T: Real>(found: &[u64], expected: &[T]) -> Option<String> {
    if found.len() != expected.len() {
        return Some(format!("{} numbers for {}", found.len(), expected.len()));
    }
    let at = found.iter().zip(expected).position(|(&f, &e)| !same(f, e))?;
    Some(format!("entry {at}: {:#x} for {} ({:#x})", found[at], expected[at], expected[at].bits()))
}

/// The five buffers of the first order (log density, score, denoiser, noise, responsibilities) against `Noised::evaluate_reference`.
pub fn first_order_agrees<T: Real>(
    law: &Noised<T>,
    points: ArrayView2<'_, T>,
    buffers: &[Vec<u8>],
) -> Result<(), String> {
    let all = law.evaluate_reference(points).map_err(|e| e.to_string())?;
    type Column<T> = fn(&AtPoint<T>) -> Vec<T>;
    let columns: [(&str, Column<T>); 5] = [
        ("log_density", |p| vec![p.log_density]),
        ("score", |p| p.score.clone()),
        ("denoiser", |p| p.denoiser.clone()),
        ("noise", |p| p.noise.clone()),
        ("responsibilities", |p| p.responsibilities.clone()),
    ];
    if buffers.len() != columns.len() {
        return Err(format!("{} buffers", buffers.len()));
    }
    for ((name, column), output) in columns.iter().zip(buffers) {
        let expected: Vec<T> = all.iter().flat_map(column).collect();
        if let Some(at) = difference(&super::bits::<T>(output), &expected) {
            return Err(format!("{} {name} {:?}: {at}", T::NAME, Tables::of(law).kind));
        }
    }
    Ok(())
}

/// Thread blocks for so much work, at least one.
pub fn blocks(work: u64, threads: u32) -> u32 {
    work.div_ceil(threads as u64).max(1) as u32
}

/// The kernel of a law: `Kernel::Mixture` and its like.
pub fn compiled_for<T: Real>(
    law: &Noised<T>,
    kernel: fn(usize, tweedie::cuda::Kind) -> Kernel,
) -> Kernel {
    kernel(law.dimension(), Tables::of(law).kind)
}

/// A number of the format from its bits in a buffer.
pub fn numbers<T: Real>(buffer: &[u8]) -> Vec<T> {
    let widened = |bits: u64| match size_of::<T>() {
        4 => T::from_f64(f32::from_bits(bits as u32) as f64),
        _ => T::from_f64(f64::from_bits(bits)),
    };
    super::bits::<T>(buffer).into_iter().map(widened).collect()
}

impl Argument {
    /// A buffer of whole numbers, little-endian.
    pub fn words(x: &[u32]) -> Self {
        Argument::Buffer(x.iter().flat_map(|x| x.to_le_bytes()).collect())
    }
    pub fn counts(x: &[u64]) -> Self {
        Argument::Buffer(x.iter().flat_map(|x| x.to_le_bytes()).collect())
    }
}
