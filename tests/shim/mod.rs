//! A machine that runs the kernels on the CPU, one process a launch, and counts its memory: what `DeviceLaw`, `DeviceTrainer` and
//! `DeviceArray` are tested on where there is no GPU. The caller has the module `cuda`.

#![allow(dead_code)]

use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

use tweedie::Error;
use tweedie::cuda::machine::{Argument, Arguments, Element, Geometry};
use tweedie::cuda::signature::Signature;
use tweedie::cuda::{self, DeviceReal, Kernel, Machine, Operand, source};

use crate::cuda::{Argument as Passed, Launch, Program, Watch};

#[derive(Clone)]
pub struct Shim {
    state: Arc<Mutex<State>>,
    change: Option<(&'static str, &'static str)>,
    launches: fn(&mut Geometry),
    arguments: fn(&str, &mut [Passed]),
    list: fn(&mut Vec<cuda::Launch>),
}

/// A list of launches, and its arrays.
pub struct Prepared {
    /// The text of each launch's kernel.
    list: Vec<(cuda::Launch, String)>,
    arrays: Arc<Vec<Memory<u8>>>,
}

struct State {
    free: u64,
    claimed: Option<u64>,
    launches: usize,
    reserves: usize,
}

/// Memory of the machine: bytes, given back when dropped.
pub struct Memory<T> {
    bytes: Mutex<Vec<u8>>,
    state: Arc<Mutex<State>>,
    format: PhantomData<T>,
}

impl<T> Drop for Memory<T> {
    fn drop(&mut self) {
        let bytes = self.bytes.get_mut().unwrap().len() as u64;
        self.state.lock().unwrap().free += bytes;
    }
}

impl Shim {
    pub fn new() -> Self {
        let state = State { free: 1 << 32, claimed: None, launches: 0, reserves: 0 };
        Shim {
            state: Arc::new(Mutex::new(state)),
            change: None,
            launches: |_| (),
            arguments: |_, _| (),
            list: |_| (),
        }
    }

    /// With a mistake in every kernel that has this text.
    pub fn with_text(self, from: &'static str, to: &'static str) -> Self {
        Shim { change: Some((from, to)), ..self }
    }

    /// With a mistake in every launch.
    pub fn with_launches(self, launches: fn(&mut Geometry)) -> Self {
        Shim { launches, ..self }
    }

    /// With a mistake in what kernels are given, by their names; an array stays one of its size.
    pub fn with_arguments(self, arguments: fn(&str, &mut [Passed])) -> Self {
        Shim { arguments, ..self }
    }

    /// With a mistake in every list of launches.
    pub fn with_list(self, list: fn(&mut Vec<cuda::Launch>)) -> Self {
        Shim { list, ..self }
    }

    fn memory<T>(&self, bytes: usize) -> tweedie::Result<Memory<T>> {
        let mut state = self.state.lock().unwrap();
        state.free = state.free.checked_sub(bytes as u64).ok_or_else(full)?;
        state.reserves += 1;
        // NaN until it is written.
        let bytes = Mutex::new(vec![0xff; bytes]);
        Ok(Memory { bytes, state: self.state.clone(), format: PhantomData })
    }

    fn changed(&self, text: String) -> String {
        match self.change {
            Some((from, to)) if text.contains(from) => text.replacen(from, to, 1),
            _ => text,
        }
    }

    /// So many bytes are free from now on.
    pub fn leave_free(&self, bytes: u64) {
        self.state.lock().unwrap().free = bytes;
    }

    /// It says that so many bytes are free.
    pub fn claim_free(&self, bytes: u64) {
        self.state.lock().unwrap().claimed = Some(bytes);
    }

    /// How many launches there were.
    pub fn launches(&self) -> usize {
        self.state.lock().unwrap().launches
    }

    /// How often memory was asked for.
    pub fn reserves(&self) -> usize {
        self.state.lock().unwrap().reserves
    }
}

fn bytes_of<E: Element>(values: &[E]) -> Vec<u8> {
    values.iter().flat_map(|x| x.word().to_le_bytes().into_iter().take(size_of::<E>())).collect()
}

fn number<E: Element>(bytes: &[u8]) -> E {
    E::of_word(bytes.iter().rev().fold(0, |word, &byte| (word << 8) | u64::from(byte)))
}

/// What an array holds from an element on; nothing for none.
fn held<E: Element>(at: Option<(&Memory<E>, usize)>) -> Vec<u8> {
    at.map_or(Vec::new(), |(array, first)| {
        array.bytes.lock().unwrap()[first * size_of::<E>()..].to_vec()
    })
}

fn keep<E: Element>(at: Option<(&Memory<E>, usize)>, left: &[u8]) {
    let Some((array, first)) = at else { return };
    array.bytes.lock().unwrap()[first * size_of::<E>()..].copy_from_slice(left);
}

fn full() -> Error {
    Error::Device {
        what: "device memory",
        reason: "its memory is full".into(),
        remedy: "none here",
    }
}

impl Machine for Shim {
    type Array<E: Element> = Memory<E>;
    type Prepared = Prepared;

    fn free_bytes(&self) -> tweedie::Result<u64> {
        let state = self.state.lock().unwrap();
        Ok(state.claimed.unwrap_or(state.free))
    }

    fn reserve<E: Element>(&self, count: usize) -> tweedie::Result<Memory<E>> {
        assert!(count > 0, "no memory is asked for");
        self.memory(count * size_of::<E>())
    }

    fn capacity<E: Element>(array: &Memory<E>) -> usize {
        array.bytes.lock().unwrap().len() / size_of::<E>()
    }

    fn upload<E: Element>(&self, from: &[E], to: &mut Memory<E>) -> tweedie::Result<()> {
        to.bytes.lock().unwrap()[..size_of_val(from)].copy_from_slice(&bytes_of(from));
        Ok(())
    }

    fn download<E: Element>(&self, from: &Memory<E>, to: &mut [E]) -> tweedie::Result<()> {
        let bytes = from.bytes.lock().unwrap();
        let numbers = bytes[..size_of_val(to)].chunks_exact(size_of::<E>()).map(number);
        to.iter_mut().zip(numbers).for_each(|(to, x)| *to = x);
        Ok(())
    }

    fn wait(&self) -> tweedie::Result<()> {
        Ok(())
    }

    fn launch_checked<T: DeviceReal>(
        &self,
        kernel: Kernel,
        signature: &Signature,
        mut geometry: Geometry,
        arguments: &Arguments<'_, Self, T>,
    ) -> tweedie::Result<()> {
        self.state.lock().unwrap().launches += 1;
        (self.launches)(&mut geometry);
        let text = self.changed(source::<T>(kernel));
        let mut passed: Vec<Passed> = arguments
            .iter()
            .map(|(_, argument)| match argument {
                Argument::Int(x) => Passed::int(*x),
                Argument::Count(x) => Passed::count(*x),
                Argument::Number(x) => Passed::real(*x),
                Argument::Input(at) | Argument::Output(at) => Passed::Buffer(held(*at)),
                Argument::Words(at) => Passed::Buffer(held(*at)),
                Argument::Counters(at) => Passed::Buffer(held(*at)),
            })
            .collect();
        (self.arguments)(signature.name, &mut passed);
        let launch = Launch {
            schedule: 77,
            blocks: geometry.blocks,
            threads: geometry.threads,
            shared: geometry.shared,
        };
        // The sanitizer sees a step beyond the end of an array.
        let run = Program::new(&text, Watch::Sanitizers).run(signature.name, launch, &passed);
        let buffers =
            run.map_err(|reason| Error::Device { what: "a launch", reason, remedy: "none here" })?;
        let mut buffers = buffers.iter();
        for ((_, argument), passed) in arguments.iter().zip(&passed) {
            let Passed::Buffer(given) = passed else { continue };
            let left = buffers.next().expect("a buffer an array");
            match argument {
                Argument::Output(at) => keep(*at, left),
                Argument::Counters(at) => keep(*at, left),
                _ => assert!(given == left, "{} wrote to what it reads", signature.name),
            }
        }
        Ok(())
    }

    fn prepare<T: DeviceReal>(
        &self,
        list: &[cuda::Launch],
        arrays: &Arc<Vec<Memory<u8>>>,
    ) -> tweedie::Result<Prepared> {
        let mut list = list.to_vec();
        (self.list)(&mut list);
        let text = |launch: cuda::Launch| {
            let text = match launch.in_f64 {
                true => source::<f64>(launch.kernel),
                false => source::<T>(launch.kernel),
            };
            (launch, self.changed(text))
        };
        Ok(Prepared { list: list.into_iter().map(text).collect(), arrays: arrays.clone() })
    }

    fn replay(&self, prepared: &Prepared) -> tweedie::Result<()> {
        for (launch, text) in &prepared.list {
            self.state.lock().unwrap().launches += 1;
            let of = |operand: &Operand| match operand {
                Operand::Array(Some(array)) => Some(&prepared.arrays[array.0]),
                _ => None,
            };
            let passed: Vec<Passed> = launch
                .arguments
                .iter()
                .map(|operand| match *operand {
                    Operand::Int(x) => Passed::int(x),
                    Operand::Count(x) => Passed::count(x),
                    Operand::F32(x) => Passed::real(x),
                    Operand::F64(x) => Passed::real(x),
                    Operand::Array(_) => Passed::Buffer(
                        of(operand)
                            .map_or(Vec::new(), |memory| memory.bytes.lock().unwrap().clone()),
                    ),
                })
                .collect();
            let geometry = Launch {
                schedule: 77,
                blocks: launch.blocks,
                threads: launch.threads,
                shared: launch.shared as u32,
            };
            let found = Program::new(text, Watch::Sanitizers)
                .run(launch.entry, geometry, &passed)
                .map_err(|reason| Error::Device {
                    what: "a launch",
                    reason,
                    remedy: "none here",
                })?;
            let arrays = launch.arguments.iter().filter(|x| matches!(x, Operand::Array(_)));
            for (operand, buffer) in arrays.zip(found) {
                if let Some(memory) = of(operand) {
                    *memory.bytes.lock().unwrap() = buffer;
                }
            }
        }
        Ok(())
    }
}
