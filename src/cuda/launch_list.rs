//! Launches as plain data: which kernel, its geometry, its arguments, and the arrays that they name.
//!
//! Beside the floors. Uses `arith`, `cuda::source`. Spec: N3.

use super::part::Part;
use super::source::Kernel;
use crate::arith::Real;

/// Threads of a block where a thread is a row or an entry.
const THREADS: u32 = 256;

/// An array of a list, by its place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Array(pub usize);

/// An argument of a launch in a list, in the order of the parameters: plain data, where `machine::Argument` names memory itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Operand {
    /// `int`.
    Int(i32),
    /// `unsigned long long`.
    Count(u64),
    /// `float`.
    F32(f32),
    /// `double`.
    F64(f64),
    /// A pointer to the first number of an array; null where there is none.
    Array(Option<Array>),
}

impl Operand {
    /// A number in the format T.
    pub fn real<T: Real>(x: T) -> Self {
        if T::NAME == "f32" { Operand::F32(x.to_f64() as f32) } else { Operand::F64(x.to_f64()) }
    }
}

impl From<Array> for Operand {
    fn from(array: Array) -> Self {
        Operand::Array(Some(array))
    }
}

impl From<Option<Array>> for Operand {
    fn from(array: Option<Array>) -> Self {
        Operand::Array(array)
    }
}

impl From<u64> for Operand {
    fn from(count: u64) -> Self {
        Operand::Count(count)
    }
}

impl From<usize> for Operand {
    /// For a parameter of type `int`: sizes of a network and of a law are far below 2³¹.
    fn from(size: usize) -> Self {
        Operand::Int(size as i32)
    }
}

impl From<bool> for Operand {
    fn from(flag: bool) -> Self {
        Operand::Int(i32::from(flag))
    }
}

/// One launch: a grid of `blocks` and blocks of `threads`, both along x.
#[derive(Clone, Debug, PartialEq)]
pub struct Launch {
    /// The file of the kernel.
    pub kernel: Kernel,
    /// Whether it is compiled as `source::<f64>`, whatever the format of training.
    pub in_f64: bool,
    /// The kernel's name.
    pub entry: &'static str,
    /// Blocks.
    pub blocks: u32,
    /// Threads of a block.
    pub threads: u32,
    /// Bytes of dynamic shared memory.
    pub shared: usize,
    /// The arguments.
    pub arguments: Vec<Operand>,
}

impl Launch {
    /// A thread for each of `work` rows or entries.
    pub(super) fn each(
        part: Part,
        entry: &'static str,
        work: u64,
        arguments: Vec<Operand>,
    ) -> Self {
        Launch::blocks(part, entry, (work.div_ceil(u64::from(THREADS)), THREADS, 0), arguments)
    }

    /// So many blocks, threads and bytes of shared memory; at least one block, which then has nothing to do.
    pub(super) fn blocks(
        part: Part,
        entry: &'static str,
        (blocks, threads, shared): (u64, u32, usize),
        arguments: Vec<Operand>,
    ) -> Self {
        Launch {
            kernel: Kernel::Training(part),
            in_f64: false,
            entry,
            // What is made ready is checked to need fewer than 2³¹ of any kind.
            blocks: blocks.clamp(1, i32::MAX as u64) as u32,
            threads,
            shared,
            arguments,
        }
    }

    pub(super) fn in_f64(self) -> Self {
        Launch { in_f64: true, ..self }
    }
}

/// What an array is, and what it holds before the first launch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    /// Its name, for messages.
    pub name: &'static str,
    /// Its size.
    pub bytes: usize,
    /// Little-endian numbers; none where a launch writes it first.
    pub content: Option<Vec<u8>>,
}

/// The arrays of a list of launches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrays(pub Vec<Storage>);

impl Arrays {
    /// Room for n numbers.
    pub fn room<T: Real>(&mut self, name: &'static str, n: usize) -> Array {
        self.add(name, n * size_of::<T>(), None)
    }

    /// Room for n words of 32 bits.
    pub fn words(&mut self, name: &'static str, n: usize) -> Array {
        self.add(name, 4 * n, None)
    }

    /// An array that holds these numbers.
    pub fn holding<T: Real>(&mut self, name: &'static str, numbers: &[T]) -> Array {
        let size = size_of::<T>();
        let bytes = numbers.iter().flat_map(|x| x.bits().to_le_bytes().into_iter().take(size));
        let bytes: Vec<u8> = bytes.collect();
        self.add(name, bytes.len(), Some(bytes))
    }

    /// An array that holds these words of 32 bits.
    pub fn holding_words(&mut self, name: &'static str, words: &[u32]) -> Array {
        let bytes: Vec<u8> = words.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.add(name, bytes.len(), Some(bytes))
    }

    /// An array that holds these words of 64 bits.
    pub fn holding_counts(&mut self, name: &'static str, counts: &[u64]) -> Array {
        let bytes: Vec<u8> = counts.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.add(name, bytes.len(), Some(bytes))
    }

    fn add(&mut self, name: &'static str, bytes: usize, content: Option<Vec<u8>>) -> Array {
        self.0.push(Storage { name, bytes, content });
        Array(self.0.len() - 1)
    }
}
