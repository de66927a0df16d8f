//! What this build and this machine offer: asked by the command line, which is the same with the feature `cuda` and without.
//!
//! Uses `denoiser`, `error`, `law`, `train`. Spec: N3.

use std::path::Path;

use ndarray::ArrayView2;

use super::machine::DeviceReal;
#[cfg(feature = "cuda")]
use super::{DeviceLaw, first_device};
use crate::denoiser::Mlp;
#[cfg(not(feature = "cuda"))]
use crate::error::Error;
use crate::error::Result;
use crate::law::{Evaluation, Noised, Quantity};
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
