//! A noised law on a device: its tables uploaded once, its kernel compiled once, evaluated at points of the host or of the device.
//!
//! The names, shapes and errors are those of `Noised::evaluate`, and so are the bits. Uses `law`, `arith`, `error`.
//! Spec: T1, N1, N3.

use std::sync::{Mutex, PoisonError};

use ndarray::{Array1, ArrayView2};

use super::array::{DeviceArray, geometry};
use super::machine::{Argument, Arguments, DeviceReal, Machine, launch};
use super::plan::{THREADS, points_at_a_time};
use super::signature::MIXTURE;
use super::source::Kernel;
use super::tables::Tables;
use crate::error::{Error, Result};
use crate::law::{Evaluation, Noised, Quantity, check_points, shaped};

/// A noised law whose tables stay on a device. Spec: T1, N3.
pub struct DeviceLaw<M: Machine, T: DeviceReal> {
    machine: M,
    kernel: Kernel,
    dimension: usize,
    components: usize,
    shared: usize,
    /// Mean, origin, shifted, offset, precision, gain, whitener; one that the kind does not have is missing.
    tables: [(&'static str, Option<M::Array<T>>); 7],
    /// a, s, reference, safe radius, largest mean.
    numbers: [(&'static str, T); 5],
    /// Kept between launches, which come one after another.
    workspace: Mutex<Option<M::Array<T>>>,
}

/// Results that stay on the device; what was not asked for is `None`. Pass them to
/// [`DeviceLaw::evaluate_resident`] to have their memory used again.
pub struct DeviceEvaluation<M: Machine, T: DeviceReal> {
    /// N×1.
    pub log_density: Option<DeviceArray<M, T>>,
    /// N×d.
    pub score: Option<DeviceArray<M, T>>,
    /// N×d.
    pub denoiser: Option<DeviceArray<M, T>>,
    /// N×d.
    pub noise: Option<DeviceArray<M, T>>,
    /// N×K.
    pub responsibilities: Option<DeviceArray<M, T>>,
}

impl<M: Machine, T: DeviceReal> Default for DeviceEvaluation<M, T> {
    fn default() -> Self {
        DeviceEvaluation {
            log_density: None,
            score: None,
            denoiser: None,
            noise: None,
            responsibilities: None,
        }
    }
}

impl<M: Machine, T: DeviceReal> DeviceEvaluation<M, T> {
    /// All of it on the host. Errors: `Device`.
    pub fn download(&self) -> Result<Evaluation<T>> {
        let copied = |array: &Option<DeviceArray<M, T>>| {
            array.as_ref().map(DeviceArray::download).transpose()
        };
        let log_density = copied(&self.log_density)?;
        Ok(Evaluation {
            log_density: log_density.map(|a| Array1::from_vec(a.into_raw_vec_and_offset().0)),
            score: copied(&self.score)?,
            denoiser: copied(&self.denoiser)?,
            noise: copied(&self.noise)?,
            covariance: None,
            responsibilities: copied(&self.responsibilities)?,
        })
    }
}

impl<M: Machine, T: DeviceReal> DeviceLaw<M, T> {
    /// Uploads a law's tables.
    ///
    /// Errors: `Device` where memory is short, or the law has 2³¹ and more numbers a table, which a kernel does not count.
    pub fn new(machine: &M, law: &Noised<T>) -> Result<Self> {
        let (d, k) = (law.dimension(), law.components());
        if k.saturating_mul(d) > i32::MAX as usize {
            return Err(Error::Device {
                what: "the law",
                reason: format!("{k} components in {d} dimensions are 2³¹ numbers and more"),
                remedy: "compute on the CPU",
            });
        }
        let tables = Tables::of(law);
        let upload = |values: &[T]| -> Result<Option<M::Array<T>>> {
            if values.is_empty() {
                return Ok(None);
            }
            let mut array = machine.reserve(values.len())?;
            machine.upload(values, &mut array)?;
            Ok(Some(array))
        };
        Ok(DeviceLaw {
            kernel: Kernel::Mixture { dimension: d, kind: tables.kind },
            dimension: d,
            components: k,
            shared: tables.kind.shared_bytes::<T>(d),
            tables: [
                ("mean", upload(tables.mean)?),
                ("origin", upload(tables.origin)?),
                ("shifted", upload(tables.shifted)?),
                ("offset", upload(tables.offset)?),
                ("precision", upload(tables.precision)?),
                ("gain", upload(tables.gain)?),
                ("whitener", upload(tables.whitener)?),
            ],
            numbers: [
                ("a", tables.a),
                ("s", tables.s),
                ("reference", tables.reference),
                ("safe_radius", tables.safe_radius),
                ("largest_mean", tables.largest_mean),
            ],
            workspace: Mutex::new(None),
            machine: machine.clone(),
        })
    }

    /// The wanted quantities at the N×d points of the host: the bits of `Noised::evaluate`. Points that do not fit the
    /// device's free memory together go through it in pieces.
    ///
    /// Errors: as `Noised::evaluate`; `Device`, also for the covariance, which no kernel computes. Spec: T1, N3.
    pub fn evaluate(
        &self,
        points: ArrayView2<'_, T>,
        wanted: &[Quantity],
    ) -> Result<Evaluation<T>> {
        check_points(points, self.dimension)?;
        let wanted = Wanted::of(wanted)?;
        let (n, d, k) = (points.nrows(), self.dimension, self.components);
        let points = points.as_standard_layout();
        let flat = points.as_slice().unwrap_or(&[]);
        let numbers = d + wanted.numbers(d, k) + self.workspace_numbers();
        let at_a_time = self.at_a_time(n, numbers)?;
        let room = |asked: bool, width: usize| asked.then(|| vec![T::ZERO; n * width]);
        let widths = [1, d, d, d, k];
        let asked = wanted.flags();
        let mut host: [Option<Vec<T>>; 5] = std::array::from_fn(|i| room(asked[i], widths[i]));
        let mut kept = (None, DeviceEvaluation::default());
        for (piece, from) in flat.chunks(at_a_time * d).enumerate() {
            let rows = from.len() / d;
            let mut array = DeviceArray::reuse(&self.machine, rows, d, kept.0.take())?;
            self.machine.upload(from, &mut array.memory)?;
            let found = self.resident(&array, wanted, kept.1)?;
            for ((to, width), from) in host.iter_mut().zip(widths).zip(found.arrays()) {
                let (Some(to), Some(from)) = (to, from) else { continue };
                let start = piece * at_a_time * width;
                self.machine.download(&from.memory, &mut to[start..start + rows * width])?;
            }
            kept = (Some(array), found);
        }
        let [log_density, score, denoiser, noise, responsibilities] = host;
        let matrix =
            |values: Option<Vec<T>>, width| values.map(|v| shaped(n, width, v)).transpose();
        Ok(Evaluation {
            log_density: log_density.map(Array1::from_vec),
            score: matrix(score, d)?,
            denoiser: matrix(denoiser, d)?,
            noise: matrix(noise, d)?,
            covariance: None,
            responsibilities: matrix(responsibilities, k)?,
        })
    }

    /// The wanted quantities at points of the device, left on the device, in the memory of an earlier result where it has
    /// room. Returns before they are computed; whatever reads them waits.
    ///
    /// Errors: `Shape` where the points have another dimension, `Device`. Spec: T1, N3.
    pub fn evaluate_resident(
        &self,
        points: &DeviceArray<M, T>,
        wanted: &[Quantity],
        earlier: DeviceEvaluation<M, T>,
    ) -> Result<DeviceEvaluation<M, T>> {
        let (rows, columns) = points.dim();
        if columns != self.dimension {
            return Err(Error::Shape {
                what: "points",
                found: vec![rows, columns],
                expected: format!("N×{}", self.dimension),
            });
        }
        self.resident(points, Wanted::of(wanted)?, earlier)
    }

    fn resident(
        &self,
        points: &DeviceArray<M, T>,
        wanted: Wanted,
        earlier: DeviceEvaluation<M, T>,
    ) -> Result<DeviceEvaluation<M, T>> {
        let (n, d, k) = (points.dim().0, self.dimension, self.components);
        let array = |asked: bool, width, earlier| {
            asked.then(|| DeviceArray::reuse(&self.machine, n, width, earlier)).transpose()
        };
        let out = DeviceEvaluation {
            log_density: array(wanted.log_density, 1, earlier.log_density)?,
            score: array(wanted.score, d, earlier.score)?,
            denoiser: array(wanted.denoiser, d, earlier.denoiser)?,
            noise: array(wanted.noise, d, earlier.noise)?,
            responsibilities: array(wanted.responsibilities, k, earlier.responsibilities)?,
        };
        if wanted.numbers(d, k) == 0 {
            return Ok(out);
        }
        let mut slot = self.workspace.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = slot.as_ref().map_or(0, M::capacity);
        // What is kept already counts as free.
        let at_a_time = match self.workspace_numbers() {
            0 => self.at_a_time(n, 0)?,
            a_thread if kept >= a_thread * whole_blocks(n) => n,
            a_thread => {
                slot.take();
                self.at_a_time(n, a_thread)?
            }
        };
        let needed = self.workspace_numbers() * whole_blocks(at_a_time);
        if needed > 0 && slot.as_ref().map_or(0, M::capacity) < needed {
            *slot = Some(self.machine.reserve(needed)?);
        }
        for first in (0..n).step_by(at_a_time) {
            let rows = at_a_time.min(n - first);
            let arguments = self.arguments(points, first, rows, slot.as_ref(), &out);
            let shape = geometry(rows as u64, self.shared)?;
            launch(&self.machine, self.kernel, &MIXTURE, shape, &arguments)?;
        }
        Ok(out)
    }

    /// The arguments of a launch for `rows` points from point `first` on.
    fn arguments<'a>(
        &'a self,
        points: &'a DeviceArray<M, T>,
        first: usize,
        rows: usize,
        workspace: Option<&'a M::Array<T>>,
        out: &'a DeviceEvaluation<M, T>,
    ) -> Arguments<'a, M, T> {
        let mut arguments: Arguments<'a, M, T> = vec![
            ("n", Argument::Count(rows as u64)),
            ("points", Argument::Input(Some((&points.memory, first * self.dimension)))),
            // K·d is below 2³¹.
            ("components", Argument::Int(self.components as i32)),
        ];
        arguments.extend(
            self.tables
                .iter()
                .map(|(name, t)| (*name, Argument::Input(t.as_ref().map(|t| (t, 0))))),
        );
        arguments.extend(self.numbers.iter().map(|&(name, x)| (name, Argument::Number(x))));
        arguments.push(("workspace", Argument::Output(workspace.map(|w| (w, 0)))));
        let names = ["log_density", "score", "denoiser", "noise", "responsibilities"];
        arguments.extend(names.into_iter().zip(out.arrays()).map(|(name, array)| {
            let from = array.map(|a| (&a.memory, first * a.dim().1));
            (name, Argument::Output(from))
        }));
        arguments
    }

    /// Numbers of workspace that a thread needs.
    fn workspace_numbers(&self) -> usize {
        self.kernel.workspace_numbers::<T>()
    }

    /// The points of a launch where each takes so many numbers of memory.
    fn at_a_time(&self, n: usize, numbers: usize) -> Result<usize> {
        let bytes = numbers.saturating_mul(size_of::<T>()) as u64;
        // To ask the driver takes longer than a short launch.
        let free = if bytes == 0 { 0 } else { self.machine.free_bytes()? };
        Ok(points_at_a_time(n as u64, bytes, free)? as usize)
    }
}

/// Threads that a launch for n points starts.
fn whole_blocks(n: usize) -> usize {
    n.next_multiple_of(THREADS as usize)
}

impl<M: Machine, T: DeviceReal> DeviceEvaluation<M, T> {
    fn arrays(&self) -> [Option<&DeviceArray<M, T>>; 5] {
        let all =
            [&self.log_density, &self.score, &self.denoiser, &self.noise, &self.responsibilities];
        all.map(Option::as_ref)
    }
}

/// Which quantities a launch computes.
#[derive(Clone, Copy)]
struct Wanted {
    log_density: bool,
    score: bool,
    denoiser: bool,
    noise: bool,
    responsibilities: bool,
}

impl Wanted {
    fn of(wanted: &[Quantity]) -> Result<Self> {
        let wants = |quantity| wanted.contains(&quantity);
        if wants(Quantity::Covariance) {
            return Err(Error::Device {
                what: "covariance",
                reason: "no kernel computes it".to_string(),
                remedy: "compute it on the CPU",
            });
        }
        Ok(Wanted {
            log_density: wants(Quantity::LogDensity),
            score: wants(Quantity::Score),
            denoiser: wants(Quantity::Denoiser),
            noise: wants(Quantity::Noise),
            responsibilities: wants(Quantity::Responsibilities),
        })
    }

    fn flags(self) -> [bool; 5] {
        [self.log_density, self.score, self.denoiser, self.noise, self.responsibilities]
    }

    /// Numbers a point.
    fn numbers(self, d: usize, k: usize) -> usize {
        self.flags().into_iter().zip([1, d, d, d, k]).filter(|(f, _)| *f).map(|(_, w)| w).sum()
    }
}
