//! A machine that runs the kernels on the CPU, one process a launch, and counts its memory: what `DeviceLaw`, `DeviceTrainer` and
//! `DeviceArray` are tested on where there is no GPU. The caller has the module `cuda`.

#![allow(dead_code)]

use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

use tweedie::Error;
use tweedie::arith::Real;
use tweedie::cuda::machine::{Argument, Arguments, Geometry};
use tweedie::cuda::signature::Signature;
use tweedie::cuda::{self, DeviceReal, Kernel, Machine, Operand, source};

use crate::cuda::{Argument as Passed, Launch, Program, Watch};

#[derive(Clone)]
pub struct Shim {
    state: Arc<Mutex<State>>,
    change: Option<(&'static str, &'static str)>,
    launches: fn(&mut Geometry),
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
        Shim { state: Arc::new(Mutex::new(state)), change: None, launches: |_| (), list: |_| () }
    }

    /// With a mistake in every kernel that has this text.
    pub fn with_text(self, from: &'static str, to: &'static str) -> Self {
        Shim { change: Some((from, to)), ..self }
    }

    /// With a mistake in every launch.
    pub fn with_launches(self, launches: fn(&mut Geometry)) -> Self {
        Shim { launches, ..self }
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

fn bytes_of<T: Real>(values: &[T]) -> Vec<u8> {
    values.iter().flat_map(|x| x.bits().to_le_bytes().into_iter().take(size_of::<T>())).collect()
}

fn number<T: Real>(bytes: &[u8]) -> T {
    // Exact, signed zeros and subnormal numbers included.
    match bytes.len() {
        4 => T::from_f64(f32::from_le_bytes(bytes.try_into().unwrap()).into()),
        _ => T::from_f64(f64::from_le_bytes(bytes.try_into().unwrap())),
    }
}

fn full() -> Error {
    Error::Device {
        what: "device memory",
        reason: "its memory is full".into(),
        remedy: "none here",
    }
}

impl Machine for Shim {
    type Array<T: DeviceReal> = Memory<T>;
    type Bytes = Memory<u8>;
    type Prepared = Prepared;

    fn free_bytes(&self) -> tweedie::Result<u64> {
        let state = self.state.lock().unwrap();
        Ok(state.claimed.unwrap_or(state.free))
    }

    fn reserve<T: DeviceReal>(&self, count: usize) -> tweedie::Result<Memory<T>> {
        assert!(count > 0, "no memory is asked for");
        self.memory(count * size_of::<T>())
    }

    fn capacity<T: DeviceReal>(array: &Memory<T>) -> usize {
        array.bytes.lock().unwrap().len() / size_of::<T>()
    }

    fn upload<T: DeviceReal>(&self, from: &[T], to: &mut Memory<T>) -> tweedie::Result<()> {
        to.bytes.lock().unwrap()[..size_of_val(from)].copy_from_slice(&bytes_of(from));
        Ok(())
    }

    fn download<T: DeviceReal>(&self, from: &Memory<T>, to: &mut [T]) -> tweedie::Result<()> {
        let bytes = from.bytes.lock().unwrap();
        let numbers = bytes[..size_of_val(to)].chunks_exact(size_of::<T>()).map(number);
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
        let from = |at: Option<(&Memory<T>, usize)>| {
            at.map_or(Vec::new(), |(array, first)| {
                array.bytes.lock().unwrap()[first * size_of::<T>()..].to_vec()
            })
        };
        let passed: Vec<Passed> = arguments
            .iter()
            .map(|(_, argument)| match argument {
                Argument::Int(x) => Passed::int(*x),
                Argument::Count(x) => Passed::count(*x),
                Argument::Number(x) => Passed::real(*x),
                Argument::Input(at) | Argument::Output(at) => Passed::Buffer(from(*at)),
            })
            .collect();
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
        let arrays = arguments
            .iter()
            .filter(|(_, argument)| matches!(argument, Argument::Input(_) | Argument::Output(_)));
        for ((_, argument), buffer) in arrays.zip(buffers) {
            let (Argument::Input(Some((array, first))) | Argument::Output(Some((array, first)))) =
                argument
            else {
                continue;
            };
            let written = matches!(argument, Argument::Output(_));
            let mut bytes = array.bytes.lock().unwrap();
            let kept = &mut bytes[first * size_of::<T>()..];
            assert!(written || *kept == buffer[..], "{} wrote to what it reads", signature.name);
            kept.copy_from_slice(&buffer);
        }
        Ok(())
    }

    fn reserve_bytes(&self, count: usize) -> tweedie::Result<Memory<u8>> {
        assert!(count > 0, "no memory is asked for");
        self.memory(count)
    }

    fn upload_bytes(&self, from: &[u8], to: &mut Memory<u8>) -> tweedie::Result<()> {
        to.bytes.lock().unwrap()[..from.len()].copy_from_slice(from);
        Ok(())
    }

    fn download_bytes(&self, from: &Memory<u8>, to: &mut [u8]) -> tweedie::Result<()> {
        to.copy_from_slice(&from.bytes.lock().unwrap()[..to.len()]);
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
