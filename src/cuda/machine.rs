//! What a launch needs of a device: memory, copies and the launch itself. `Device` is a GPU; the tests have a machine
//! that runs the same kernels on the CPU, so that all of the host's work is tested where there is no GPU.
//!
//! Uses `arith`, `error`. Spec: N3.

use std::sync::Arc;

use super::launch_list::Launch;
use super::signature::{Parameter, Signature};
use super::source::Kernel;
use crate::arith::Real;
use crate::error::Result;

#[cfg(feature = "cuda")]
use cudarc::driver::DeviceRepr as Stored;
/// Nothing more is asked of a number where there is no driver.
#[cfg(not(feature = "cuda"))]
pub trait Stored {}

/// What a device's memory holds: numbers of a format, `u32` and `u64`; `u8` for an array of a list of launches, whose type its kernels know.
pub trait Element: Stored + Copy + Default + Send + Sync + 'static {
    /// Its bits, in the lowest.
    fn word(self) -> u64;
    /// The element of these bits; higher ones are left out.
    fn of_word(word: u64) -> Self;
}

macro_rules! element {
    ($name:ty, $word:expr, $of:expr) => {
        #[cfg(not(feature = "cuda"))]
        impl Stored for $name {}
        impl Element for $name {
            fn word(self) -> u64 {
                $word(self)
            }
            fn of_word(word: u64) -> Self {
                $of(word)
            }
        }
    };
}
element!(f32, |x: f32| u64::from(x.to_bits()), |word| f32::from_bits(word as u32));
element!(f64, f64::to_bits, f64::from_bits);
element!(u8, u64::from, |word| word as u8);
element!(u32, u64::from, |word| word as u32);
element!(u64, |x| x, |word| word);

/// A format that a device computes in: `f32` or `f64`.
pub trait DeviceReal: Real + Element {}

impl DeviceReal for f32 {}
impl DeviceReal for f64 {}

/// The shape of a launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Blocks in the grid.
    pub blocks: u32,
    /// Threads in a block.
    pub threads: u32,
    /// Bytes of shared memory that a block asks for.
    pub shared: u32,
}

/// An argument of a launch.
pub enum Argument<'a, M: Machine, T: DeviceReal> {
    /// 32 bits.
    Int(i32),
    /// 64 bits.
    Count(u64),
    /// A number of the format.
    Number(T),
    /// Memory that is read, from this element on; nothing is a null pointer.
    Input(Option<(&'a M::Array<T>, usize)>),
    /// Memory that is written, from this element on; nothing is a null pointer.
    Output(Option<(&'a M::Array<T>, usize)>),
    /// Words of 32 bits that are read; nothing is a null pointer.
    Words(Option<(&'a M::Array<u32>, usize)>),
    /// Words of 64 bits that are read and written.
    Counters(Option<(&'a M::Array<u64>, usize)>),
}

impl<M: Machine, T: DeviceReal> Argument<'_, M, T> {
    /// Which kind of parameter it is for.
    pub fn parameter(&self) -> Parameter {
        match self {
            Argument::Int(_) => Parameter::Int,
            Argument::Count(_) => Parameter::Count,
            Argument::Number(_) => Parameter::Number,
            Argument::Input(_) => Parameter::Input,
            Argument::Output(_) => Parameter::Output,
            Argument::Words(_) => Parameter::Words,
            Argument::Counters(_) => Parameter::Counters,
        }
    }
}

/// The arguments of a launch, each with the name of its parameter.
pub type Arguments<'a, M, T> = Vec<(&'static str, Argument<'a, M, T>)>;

/// Something that holds numbers and runs kernels on them, one launch after another.
pub trait Machine: Clone {
    /// Numbers in its memory.
    type Array<E: Element>;
    /// A list of launches made ready, with the arrays that it names.
    type Prepared;

    /// Bytes that are free.
    fn free_bytes(&self) -> Result<u64>;

    /// Memory for so many numbers, at least one; what it holds is not said.
    fn reserve<E: Element>(&self, count: usize) -> Result<Self::Array<E>>;

    /// How many numbers it has room for.
    fn capacity<E: Element>(array: &Self::Array<E>) -> usize;

    /// Copies the host's numbers to the start of the memory, which has room for them.
    fn upload<E: Element>(&self, from: &[E], to: &mut Self::Array<E>) -> Result<()>;

    /// Copies from the start of the memory, after all launches so far; an error of one of them is seen here at the latest.
    fn download<E: Element>(&self, from: &Self::Array<E>, to: &mut [E]) -> Result<()>;

    /// Returns when every launch so far is done.
    fn wait(&self) -> Result<()>;

    /// Launches a kernel, compiled at its first use. The arguments are those of `signature`, checked before.
    fn launch_checked<T: DeviceReal>(
        &self,
        kernel: Kernel,
        signature: &Signature,
        geometry: Geometry,
        arguments: &Arguments<'_, Self, T>,
    ) -> Result<()>;

    /// Makes a list for the format T ready to be carried out any number of times: kernels are compiled, and no argument changes any more.
    /// The list is one that `Step` made, with memory for each of its arrays.
    ///
    /// Errors: `Device`, also where a launch names an array that is not there.
    fn prepare<T: DeviceReal>(
        &self,
        list: &[Launch],
        arrays: &Arc<Vec<Self::Array<u8>>>,
    ) -> Result<Self::Prepared>;

    /// Starts every launch of a list, in its order, after all launches so far.
    fn replay(&self, prepared: &Self::Prepared) -> Result<()>;
}

/// Memory that holds these; nothing for none.
pub(super) fn uploaded<M: Machine, E: Element>(
    machine: &M,
    values: &[E],
) -> Result<Option<M::Array<E>>> {
    if values.is_empty() {
        return Ok(None);
    }
    let mut array = machine.reserve(values.len())?;
    machine.upload(values, &mut array)?;
    Ok(Some(array))
}

/// Launches a kernel with arguments that are compared with its signature first.
pub(super) fn launch<M: Machine, T: DeviceReal>(
    machine: &M,
    kernel: Kernel,
    signature: &Signature,
    geometry: Geometry,
    arguments: &Arguments<'_, M, T>,
) -> Result<()> {
    signature.check(arguments.iter().map(|(name, argument)| (*name, argument.parameter())))?;
    machine.launch_checked(kernel, signature, geometry, arguments)
}
