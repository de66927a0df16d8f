//! The fast mode of a mixture on a device: its tables uploaded once, evaluated at points of the host.
//!
//! Uses `error`, `law`, and the machine beside it. Spec: T1, N4.

use ndarray::ArrayView2;

use super::law::FastLaw;
use super::reference::FastEvaluation;
use crate::cuda::array::geometry;
use crate::cuda::machine::{Argument, Arguments, Machine, launch};
use crate::cuda::plan::points_at_a_time;
use crate::cuda::signature::FAST;
use crate::cuda::source::Kernel;
use crate::error::{Error, Result};
use crate::law::check_points;

/// A law in the fast mode whose tables stay on a device with matrix units: compute capability 8.0 and later.
///
/// Results are within their bounds where docs/fast.md's assumption M holds for the device; they are not the bits of [`FastLaw::evaluate`]. Spec: T1, N4.
pub struct DeviceFastLaw<M: Machine> {
    machine: M,
    kernel: Kernel,
    dimension: usize,
    components: i32,
    tables: [(&'static str, M::Array<f32>); 5],
}

impl<M: Machine> DeviceFastLaw<M> {
    /// Uploads a law's tables.
    ///
    /// Errors: `Device` where memory is short, or the law has 2³¹ components and more.
    pub fn new(machine: &M, law: &FastLaw) -> Result<Self> {
        let components = i32::try_from(law.components()).map_err(|_| Error::Device {
            what: "the law",
            reason: format!("{} components are 2³¹ and more", law.components()),
            remedy: "compute on the CPU",
        })?;
        let upload = |(name, values): (&'static str, Vec<f32>)| {
            let mut array = machine.reserve(values.len())?;
            machine.upload(&values, &mut array)?;
            Ok((name, array))
        };
        let [first, second, logits, centre, numbers] = law.tables();
        Ok(DeviceFastLaw {
            machine: machine.clone(),
            kernel: Kernel::Fast { dimension: law.dimension(), parts: law.parts() },
            dimension: law.dimension(),
            components,
            tables: [
                upload(first)?,
                upload(second)?,
                upload(logits)?,
                upload(centre)?,
                upload(numbers)?,
            ],
        })
    }

    /// Log density, score and denoiser at the N×d points, and bounds. Points that do not fit the device's free memory together go through it in pieces.
    ///
    /// Errors: as [`FastLaw::evaluate`]; `Device`. Spec: T1, N4.
    pub fn evaluate(&self, points: ArrayView2<'_, f32>) -> Result<FastEvaluation> {
        check_points(points, self.dimension)?;
        let (n, d) = points.dim();
        let points = points.as_standard_layout();
        let flat = points.as_slice().unwrap_or(&[]);
        let widths = [1, d, d, 3];
        let numbers = d + widths.iter().sum::<usize>();
        let bytes = (numbers * size_of::<f32>()) as u64;
        let at_a_time = points_at_a_time(n as u64, bytes, self.machine.free_bytes()?)? as usize;
        let mut input = self.machine.reserve::<f32>(at_a_time * d)?;
        let [a, b, c, e] = widths.map(|width| self.machine.reserve::<f32>(at_a_time * width));
        let outputs = [a?, b?, c?, e?];
        let mut host = widths.map(|width| vec![0.0f32; n * width]);
        for (piece, from) in flat.chunks(at_a_time * d).enumerate() {
            let rows = from.len() / d;
            self.machine.upload(from, &mut input)?;
            let mut arguments: Arguments<'_, M, f32> = vec![
                ("n", Argument::Count(rows as u64)),
                ("points", Argument::Input(Some((&input, 0)))),
                ("components", Argument::Int(self.components)),
            ];
            let tables = self.tables.iter();
            arguments.extend(tables.map(|(name, t)| (*name, Argument::Input(Some((t, 0))))));
            let names = ["log_density", "score", "denoiser", "bounds"];
            let room = outputs.iter().map(|array| Argument::Output(Some((array, 0))));
            arguments.extend(names.into_iter().zip(room));
            // A block of 128 threads has 64 points.
            let shape = geometry(2 * rows as u64, self.kernel.shared_bytes::<f32>())?;
            launch(&self.machine, self.kernel, &FAST, shape, &arguments)?;
            for ((to, width), from) in host.iter_mut().zip(widths).zip(&outputs) {
                let start = piece * at_a_time * width;
                self.machine.download(from, &mut to[start..start + rows * width])?;
            }
        }
        FastEvaluation::of(n, d, host)
    }
}
