//! Numbers that stay on a device: uploaded, drawn there, or left there by an evaluation.
//!
//! Every one of them is finite: an upload is checked, random numbers and evaluations are finite by their definition (N1). So an
//! array needs no check when it is passed back in. Uses `law`, `arith`, `error`. Spec: N1, N3.

use ndarray::{Array2, ArrayView2};

use super::machine::{Argument, Arguments, DeviceReal, Geometry, Machine, launch};
use super::plan::{THREADS, blocks};
use super::signature::{FUNCTIONS, RANDOM};
use super::source::Kernel;
use crate::error::{Error, Result};
use crate::law::{check_points, shaped};

/// rows×columns finite numbers in a device's memory, row-major.
pub struct DeviceArray<M: Machine, T: DeviceReal> {
    machine: M,
    pub(super) memory: M::Array<T>,
    rows: usize,
    columns: usize,
}

/// Which distribution numbers are drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draw {
    /// `arith::fill_normal`.
    Normal,
    /// `arith::fill_uniform`.
    Uniform,
}

/// A canonical function of one number, as `kernels/functions.cu` counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// `arith::scalar::exp`.
    Exp = 0,
    /// `arith::scalar::ln`.
    Ln = 1,
    /// `arith::scalar::sigmoid`.
    Sigmoid = 2,
    /// sin 2πx: the first of `arith::scalar::sin_cos_turns`.
    SinTurns = 3,
    /// cos 2πx: the second of `arith::scalar::sin_cos_turns`.
    CosTurns = 4,
}

impl<M: Machine, T: DeviceReal> DeviceArray<M, T> {
    /// Memory that a kernel is about to fill with finite numbers.
    pub(super) fn reserve(machine: &M, rows: usize, columns: usize) -> Result<Self> {
        let count =
            rows.checked_mul(columns).filter(|&n| n <= isize::MAX as usize / size_of::<T>());
        let count = count.ok_or_else(|| Error::Device {
            what: "device memory",
            reason: format!("{rows}×{columns} numbers are more than an address can count"),
            remedy: "ask for fewer at a time",
        })?;
        let memory = machine.reserve(count)?;
        Ok(DeviceArray { machine: machine.clone(), memory, rows, columns })
    }

    /// The same, in the memory of an earlier array where that has room.
    pub(super) fn reuse(
        machine: &M,
        rows: usize,
        columns: usize,
        earlier: Option<Self>,
    ) -> Result<Self> {
        match earlier {
            Some(array) if M::capacity(&array.memory) >= rows.saturating_mul(columns) => {
                Ok(DeviceArray { rows, columns, ..array })
            }
            _ => Self::reserve(machine, rows, columns),
        }
    }

    /// N×d numbers of the host, copied to the device.
    ///
    /// Errors: `Empty` for N = 0 or d = 0, `NotFinite` with the index of the entry, `Device`.
    pub fn upload(machine: &M, values: ArrayView2<'_, T>) -> Result<Self> {
        let (rows, columns) = values.dim();
        check_points(values, columns)?;
        let values = values.as_standard_layout();
        let flat = filled(values.as_slice().unwrap_or(&[]))?;
        let mut array = Self::reserve(machine, rows, columns)?;
        machine.upload(flat, &mut array.memory)?;
        Ok(array)
    }

    /// Elements `start`, `start` + 1, … (mod 2⁶⁴) of a stream, drawn on the device: the bits of `arith::fill_normal` or
    /// `arith::fill_uniform`.
    ///
    /// Errors: `Empty` for no element, `Device`. Spec: N3.
    pub fn draw(
        machine: &M,
        draw: Draw,
        (seed, stream, start): (u64, u64, u64),
        (rows, columns): (usize, usize),
    ) -> Result<Self> {
        if rows == 0 || columns == 0 {
            return Err(Error::Empty { what: "a draw", expected: "number" });
        }
        let array = Self::reserve(machine, rows, columns)?;
        let n = (rows * columns) as u64;
        let calls = (n + start % T::PER_CALL as u64).div_ceil(T::PER_CALL as u64);
        let arguments: Arguments<'_, M, T> = vec![
            ("normal", Argument::Int((draw == Draw::Normal) as i32)),
            ("seed", Argument::Count(seed)),
            ("stream", Argument::Count(stream)),
            ("start", Argument::Count(start)),
            ("n", Argument::Count(n)),
            ("out", Argument::Output(Some((&array.memory, 0)))),
        ];
        launch(machine, Kernel::Random, &RANDOM, geometry(calls, 0)?, &arguments)?;
        Ok(array)
    }

    /// (rows, columns).
    pub fn dim(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// The numbers, copied to the host. Errors: `Device`, also where an earlier launch failed.
    pub fn download(&self) -> Result<Array2<T>> {
        let mut values = vec![T::ZERO; self.rows * self.columns];
        self.machine.download(&self.memory, &mut values)?;
        shaped(self.rows, self.columns, values)
    }
}

/// A canonical function of each number, any number at all, on the device: the bits of `arith::scalar`. For checking a device.
///
/// Errors: `Empty`, `Device`. Spec: N3.
pub fn apply<M: Machine, T: DeviceReal>(
    machine: &M,
    function: Function,
    values: &[T],
) -> Result<Vec<T>> {
    let values = filled(values)?;
    let mut input = machine.reserve(values.len())?;
    machine.upload(values, &mut input)?;
    let output = machine.reserve(values.len())?;
    let arguments: Arguments<'_, M, T> = vec![
        ("which", Argument::Int(function as i32)),
        ("n", Argument::Count(values.len() as u64)),
        ("in", Argument::Input(Some((&input, 0)))),
        ("out", Argument::Output(Some((&output, 0)))),
    ];
    let shape = geometry(values.len() as u64, 0)?;
    launch(machine, Kernel::Functions, &FUNCTIONS, shape, &arguments)?;
    let mut found = vec![T::ZERO; values.len()];
    machine.download(&output, &mut found)?;
    Ok(found)
}

fn filled<T>(values: &[T]) -> Result<&[T]> {
    if values.is_empty() {
        return Err(Error::Empty { what: "an array for a device", expected: "number" });
    }
    Ok(values)
}

/// A launch of n threads.
pub(super) fn geometry(n: u64, shared: usize) -> Result<Geometry> {
    // A block's tables are at most 48 KiB.
    Ok(Geometry { blocks: blocks(n)?, threads: THREADS as u32, shared: shared as u32 })
}
