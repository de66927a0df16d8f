//! A noised law on a device: its tables uploaded once, its kernel compiled once, evaluated at points of the host or of the device.
//!
//! The names, shapes and errors are those of `Noised::evaluate`, and so are the bits. Uses `law`, `arith`, `error`.
//! Spec: T1, N1, N3.

use std::sync::{Mutex, PoisonError};

use ndarray::{Array1, ArrayView2};

use super::array::{DeviceArray, geometry};
use super::evaluation::{DeviceEvaluation, Wanted, matrices};
use super::machine::{Argument, Arguments, DeviceReal, Machine, launch, uploaded};
use super::plan::{THREADS, is_spread, points_at_a_time};
use super::signature::{COVARIANCE, MIXTURE};
use super::source::Kernel;
use super::spread::Room;
use super::tables::{Kind, Tables};
use crate::error::{Error, Result};
use crate::law::{Evaluation, Noised, Quantity, check_points, shaped};

/// A noised law whose tables stay on a device. Spec: T1, N3.
pub struct DeviceLaw<M: Machine, T: DeviceReal> {
    pub(super) machine: M,
    law: Noised<T>,
    pub(super) kind: Kind,
    pub(super) dimension: usize,
    pub(super) components: usize,
    /// Mean, origin, shifted, offset, precision, gain, whitener; one that the kind does not have is missing.
    tables: [(&'static str, Option<M::Array<T>>); 7],
    /// a, s, reference, safe radius, largest mean.
    numbers: [(&'static str, T); 5],
    /// Each component's own posterior covariance, uploaded when a covariance is first asked for.
    within: Mutex<Option<M::Array<T>>>,
    /// Kept between launches, which come one after another.
    workspace: Mutex<Option<M::Array<T>>>,
    /// The same, for few points of many components.
    pub(super) spread_room: Mutex<Option<Room<M, T>>>,
}

impl<M: Machine, T: DeviceReal> DeviceLaw<M, T> {
    /// Uploads a law's tables.
    ///
    /// Errors: `Device` where memory is short, or the law has 2³¹ and more numbers a table, which a kernel does not count.
    pub fn new(machine: &M, law: &Noised<T>) -> Result<Self> {
        let (d, k) = (law.dimension(), law.components());
        check_count(d, k)?;
        let tables = Tables::of(law);
        let upload = |values: &[T]| uploaded(machine, values);
        Ok(DeviceLaw {
            law: law.clone(),
            kind: tables.kind,
            dimension: d,
            components: k,
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
            within: Mutex::new(None),
            workspace: Mutex::new(None),
            spread_room: Mutex::new(None),
            machine: machine.clone(),
        })
    }

    /// The wanted quantities at the N×d points of the host: the bits of `Noised::evaluate`. Points that do not fit the
    /// device's free memory together go through it in pieces.
    ///
    /// Errors: as `Noised::evaluate`; `Device`. Spec: T1, T2, N3.
    pub fn evaluate(
        &self,
        points: ArrayView2<'_, T>,
        wanted: &[Quantity],
    ) -> Result<Evaluation<T>> {
        check_points(points, self.dimension)?;
        let wanted = Wanted::of(wanted);
        let (n, d, k) = (points.nrows(), self.dimension, self.components);
        let points = points.as_standard_layout();
        let flat = points.as_slice().unwrap_or(&[]);
        let numbers = d + wanted.numbers(d, k) + self.workspace_numbers(wanted);
        let at_a_time = self.at_a_time(n, numbers)?;
        let room = |asked: bool, width: usize| asked.then(|| vec![T::ZERO; n * width]);
        let widths = Wanted::widths(d, k);
        let asked = wanted.flags();
        let mut host: [Option<Vec<T>>; 6] = std::array::from_fn(|i| room(asked[i], widths[i]));
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
        let [log_density, score, denoiser, noise, responsibilities, covariance] = host;
        let matrix =
            |values: Option<Vec<T>>, width| values.map(|v| shaped(n, width, v)).transpose();
        Ok(Evaluation {
            log_density: log_density.map(Array1::from_vec),
            score: matrix(score, d)?,
            denoiser: matrix(denoiser, d)?,
            noise: matrix(noise, d)?,
            covariance: covariance.map(|v| matrices(n, d, v)).transpose()?,
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
        self.resident(points, Wanted::of(wanted), earlier)
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
            covariance: array(wanted.covariance, d * d, earlier.covariance)?,
        };
        if wanted.first_order() && !(is_spread(n, k) && self.spread(points, &out)?) {
            let kernel = self.first_order();
            self.in_pieces(kernel, n, |first, rows, workspace| {
                let mut arguments = self.points_and_components(points, first, rows);
                arguments.extend(self.tables(|_| true));
                arguments.extend(self.numbers(|_| true));
                arguments.push(("workspace", Argument::Output(workspace.map(|w| (w, 0)))));
                arguments.extend(self.outputs(&out, first));
                let shape = geometry(rows as u64, kernel.shared_bytes::<T>())?;
                launch(&self.machine, kernel, &MIXTURE, shape, &arguments)
            })?;
        }
        if let Some(covariance) = &out.covariance {
            let mut within = self.within.lock().unwrap_or_else(PoisonError::into_inner);
            if within.is_none() {
                *within = uploaded(&self.machine, Tables::within(&self.law))?;
            }
            let kernel = self.second_order();
            self.in_pieces(kernel, n, |first, rows, workspace| {
                let mut arguments = self.points_and_components(points, first, rows);
                arguments.extend(self.tables(|name| !matches!(name, "origin" | "shifted")));
                arguments.push(("within_each", input(within.as_ref())));
                arguments.extend(self.numbers(|name| name != "reference"));
                arguments.push(("workspace", Argument::Output(workspace.map(|w| (w, 0)))));
                let from = (&covariance.memory, first * d * d);
                arguments.push(("out", Argument::Output(Some(from))));
                let shape = geometry(rows as u64, kernel.shared_bytes::<T>())?;
                launch(&self.machine, kernel, &COVARIANCE, shape, &arguments)
            })?;
        }
        Ok(out)
    }

    fn first_order(&self) -> Kernel {
        Kernel::Mixture { dimension: self.dimension, kind: self.kind }
    }

    fn second_order(&self) -> Kernel {
        Kernel::Covariance { dimension: self.dimension, kind: self.kind }
    }

    /// Launches for n points in pieces whose workspace fits: from which point on, how many, the workspace.
    fn in_pieces(
        &self,
        kernel: Kernel,
        n: usize,
        one: impl Fn(usize, usize, Option<&M::Array<T>>) -> Result<()>,
    ) -> Result<()> {
        let mut slot = self.workspace.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = slot.as_ref().map_or(0, M::capacity);
        // What is kept already counts as free.
        let at_a_time = match kernel.workspace_numbers::<T>() {
            0 => self.at_a_time(n, 0)?,
            a_thread if kept >= a_thread * whole_blocks(n) => n,
            a_thread => {
                slot.take();
                self.at_a_time(n, a_thread)?
            }
        };
        let needed = kernel.workspace_numbers::<T>() * whole_blocks(at_a_time);
        if needed > 0 && slot.as_ref().map_or(0, M::capacity) < needed {
            *slot = Some(self.machine.reserve(needed)?);
        }
        for first in (0..n).step_by(at_a_time) {
            one(first, at_a_time.min(n - first), slot.as_ref())?;
        }
        Ok(())
    }

    /// The law's tables of these names.
    pub(super) fn tables(&self, read: impl Fn(&str) -> bool) -> Arguments<'_, M, T> {
        let tables = self.tables.iter().filter(|(name, _)| read(name));
        tables.map(|(name, t)| (*name, input(t.as_ref()))).collect()
    }

    /// The law's numbers of these names.
    pub(super) fn numbers(&self, read: impl Fn(&str) -> bool) -> Arguments<'_, M, T> {
        let numbers = self.numbers.iter().filter(|(name, _)| read(name));
        numbers.map(|&(name, x)| (name, Argument::Number(x))).collect()
    }

    /// The arrays of the first order, from a point on; a null pointer for what is not wanted.
    pub(super) fn outputs<'a>(
        &self,
        out: &'a DeviceEvaluation<M, T>,
        first: usize,
    ) -> Arguments<'a, M, T> {
        let names = ["log_density", "score", "denoiser", "noise", "responsibilities"];
        let of = |array: Option<&'a DeviceArray<M, T>>| {
            Argument::Output(array.map(|a| (&a.memory, first * a.dim().1)))
        };
        names.into_iter().zip(out.arrays()).map(|(name, array)| (name, of(array))).collect()
    }

    /// The first parameters of every kernel of a law: `rows` points from point `first` on.
    pub(super) fn points_and_components<'a>(
        &'a self,
        points: &'a DeviceArray<M, T>,
        first: usize,
        rows: usize,
    ) -> Arguments<'a, M, T> {
        vec![
            ("n", Argument::Count(rows as u64)),
            ("points", Argument::Input(Some((&points.memory, first * self.dimension)))),
            // K·d is below 2³¹.
            ("components", Argument::Int(self.components as i32)),
        ]
    }

    /// Numbers of workspace that a thread needs.
    fn workspace_numbers(&self, wanted: Wanted) -> usize {
        let second =
            if wanted.covariance { self.second_order().workspace_numbers::<T>() } else { 0 };
        second.max(self.first_order().workspace_numbers::<T>())
    }

    /// The points of a launch where each takes so many numbers of memory.
    fn at_a_time(&self, n: usize, numbers: usize) -> Result<usize> {
        let bytes = numbers.saturating_mul(size_of::<T>()) as u64;
        // To ask the driver takes longer than a short launch.
        let free = if bytes == 0 { 0 } else { self.machine.free_bytes()? };
        Ok(points_at_a_time(n as u64, bytes, free)? as usize)
    }
}

/// Refuses a law whose means a kernel cannot count.
pub(super) fn check_count(dimension: usize, components: usize) -> Result<()> {
    if components.saturating_mul(dimension) > i32::MAX as usize {
        return Err(Error::Device {
            what: "the law",
            reason: format!(
                "{components} components in {dimension} dimensions are 2³¹ numbers and more"
            ),
            remedy: "compute on the CPU",
        });
    }
    Ok(())
}

/// Threads that a launch for n points starts.
fn whole_blocks(n: usize) -> usize {
    n.next_multiple_of(THREADS as usize)
}

fn input<M: Machine, T: DeviceReal>(table: Option<&M::Array<T>>) -> Argument<'_, M, T> {
    Argument::Input(table.map(|t| (t, 0)))
}
