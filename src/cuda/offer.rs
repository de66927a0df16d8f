//! What this build and this machine offer: asked by the command line, which is the same with the feature `cuda` and without.
//!
//! Uses `channel`, `denoiser`, `error`, `law`, `sampler`, `train`. Spec: N3.

use std::path::Path;

use ndarray::ArrayView2;

use super::machine::DeviceReal;
#[cfg(feature = "cuda")]
use super::{DeviceLaw, first_device};
use crate::channel::Steps;
use crate::denoiser::Mlp;
#[cfg(not(feature = "cuda"))]
use crate::error::Error;
use crate::error::Result;
use crate::law::{Evaluation, Mixture, Noised, Quantity};
use crate::sampler::{Method, Options, Run};
use crate::train::plan::Plan;
use crate::train::run::{Begin, Progress};

/// The first device in words. Errors: `Device`, with what is missing.
#[cfg(feature = "cuda")]
pub fn found() -> Result<String> {
    Ok(first_device()?.properties().to_string())
}

/// `Noised::evaluate` on the first device. Errors: as `DeviceLaw::evaluate`.
#[cfg(feature = "cuda")]
pub fn evaluate<T: DeviceReal>(
    law: &Noised<T>,
    points: ArrayView2<'_, T>,
    wanted: &[Quantity],
) -> Result<Evaluation<T>> {
    DeviceLaw::new(&first_device()?, law)?.evaluate(points, wanted)
}

/// `sampler::sample` with the exact denoiser of a law on the first device. Errors: as `cuda::sample`.
#[cfg(feature = "cuda")]
pub fn sample<T: DeviceReal>(
    law: &Mixture,
    steps: &Steps,
    method: Method,
    n: usize,
    seed: u64,
    options: &Options<'_, T>,
) -> Result<Run<T>> {
    super::sample(&first_device()?, law, steps, method, n, seed, options)
}

/// `train::run` on the first device. Errors: as [`super::train`].
#[cfg(feature = "cuda")]
pub fn train<T: DeviceReal>(
    plan: &Plan,
    model: Mlp<T>,
    directory: &Path,
    begin: Begin,
    progress: &dyn Fn(Progress),
) -> Result<Mlp<T>> {
    super::train(&first_device()?, plan, model, directory, begin, progress)
}

/// The first device in words. Errors: `Device`, with what is missing.
#[cfg(not(feature = "cuda"))]
pub fn found() -> Result<String> {
    Err(not_built())
}

/// `Noised::evaluate` on the first device. Errors: as `DeviceLaw::evaluate`.
#[cfg(not(feature = "cuda"))]
pub fn evaluate<T: DeviceReal>(
    _: &Noised<T>,
    _: ArrayView2<'_, T>,
    _: &[Quantity],
) -> Result<Evaluation<T>> {
    Err(not_built())
}

/// `sampler::sample` with the exact denoiser of a law on the first device. Errors: as `cuda::sample`.
#[cfg(not(feature = "cuda"))]
pub fn sample<T: DeviceReal>(
    _: &Mixture,
    _: &Steps,
    _: Method,
    _: usize,
    _: u64,
    _: &Options<'_, T>,
) -> Result<Run<T>> {
    Err(not_built())
}

/// `train::run` on the first device. Errors: as [`super::train`].
#[cfg(not(feature = "cuda"))]
pub fn train<T: DeviceReal>(
    _: &Plan,
    _: Mlp<T>,
    _: &Path,
    _: Begin,
    _: &dyn Fn(Progress),
) -> Result<Mlp<T>> {
    Err(not_built())
}

#[cfg(not(feature = "cuda"))]
fn not_built() -> Error {
    Error::Device {
        what: "the GPU",
        reason: "this build has no launch code".to_string(),
        remedy: "build with `cargo build --release --features cuda`",
    }
}
