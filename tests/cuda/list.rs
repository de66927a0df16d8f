//! Lists of launches run on the CPU, one after the other, as `tweedie::cuda` describes them; and mistakes planted in them.

#![allow(dead_code)]

use proptest::prelude::*;
use tweedie::arith::Real;
use tweedie::cuda::{self, Array, Arrays, Kernel, Part};

use super::cuda::{Argument, Launch, Program, Watch, bits};

/// How a list is run.
#[derive(Clone, Copy, Debug)]
pub struct How {
    pub schedule: u32,
    pub watch: Watch,
    /// A text in a part's source, and what stands there instead.
    pub mistake: Option<(Part, &'static str, &'static str)>,
}

/// The arrays as they are.
pub struct Memory(Vec<Vec<u8>>);

impl Memory {
    /// What nothing has written is NaN.
    pub fn new(arrays: &Arrays) -> Self {
        let start = |storage: &cuda::Storage| match &storage.content {
            Some(content) => {
                assert_eq!(content.len(), storage.bytes, "{}", storage.name);
                content.clone()
            }
            None => vec![0xff; storage.bytes],
        };
        Memory(arrays.0.iter().map(start).collect())
    }

    pub fn bits<T: Real>(&self, array: Array) -> Vec<u64> {
        bits::<T>(&self.0[array.0])
    }

    pub fn words(&self, array: Array) -> Vec<u32> {
        let word = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
        self.0[array.0].chunks_exact(4).map(word).collect()
    }

    pub fn counts(&self, array: Array) -> Vec<u64> {
        let count = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
        self.0[array.0].chunks_exact(8).map(count).collect()
    }

    pub fn set<T: Real>(&mut self, array: Array, numbers: &[T]) {
        let Argument::Buffer(bytes) = Argument::array(numbers) else { unreachable!() };
        assert_eq!(bytes.len(), self.0[array.0].len());
        self.0[array.0] = bytes;
    }

    /// Runs the launches in order; what the program said where it refused or was stopped.
    pub fn run<T: Real>(&mut self, launches: &[cuda::Launch], how: How) -> Result<(), String> {
        for launch in launches {
            let text = text::<T>(launch, how);
            let (mut arguments, mut arrays) = (Vec::new(), Vec::new());
            for argument in &launch.arguments {
                arguments.push(match *argument {
                    cuda::Operand::Int(x) => Argument::int(x),
                    cuda::Operand::Count(x) => Argument::count(x),
                    cuda::Operand::F32(x) => Argument::real(x),
                    cuda::Operand::F64(x) => Argument::real(x),
                    cuda::Operand::Array(None) => Argument::Buffer(Vec::new()),
                    cuda::Operand::Array(Some(Array(at))) => Argument::Buffer(self.0[at].clone()),
                });
                if let cuda::Operand::Array(array) = argument {
                    // An array in two places would be two copies here.
                    assert!(array.is_none() || !arrays.contains(array), "{}", launch.entry);
                    arrays.push(*array);
                }
            }
            let geometry = Launch {
                schedule: how.schedule,
                blocks: launch.blocks,
                threads: launch.threads,
                shared: launch.shared as u32,
            };
            let found = Program::new(&text, how.watch)
                .run(launch.entry, geometry, &arguments)
                .map_err(|said| format!("{}: {said}", launch.entry))?;
            for (array, content) in arrays.into_iter().zip(found) {
                if let Some(Array(at)) = array {
                    self.0[at] = content;
                }
            }
        }
        Ok(())
    }
}

fn text<T: Real>(launch: &cuda::Launch, how: How) -> String {
    let text = match launch.in_f64 {
        true => cuda::source::<f64>(launch.kernel),
        false => cuda::source::<T>(launch.kernel),
    };
    match how.mistake {
        Some((part, from, to)) if launch.kernel == Kernel::Training(part) => {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        }
        _ => text,
    }
}

/// Where an array first differs from what it should hold.
pub fn difference<T: Real>(what: &str, found: &[u64], expected: &[T]) -> Result<(), String> {
    if found.len() != expected.len() {
        return Err(format!("{what}: {} numbers for {}", found.len(), expected.len()));
    }
    match found.iter().zip(expected).position(|(&f, &e)| f != e.bits()) {
        None => Ok(()),
        Some(at) => {
            let (f, e) = (found[at], expected[at]);
            Err(format!("{what} {}[{at}]: {f:#x} for {e} ({:#x})", T::NAME, e.bits()))
        }
    }
}

/// In order, in reverse, and two at random.
const SCHEDULES: [u32; 4] = [0, 1, 2, 77];

/// The kernels as they are.
pub fn right(schedule: u32, watch: Watch) -> How {
    How { schedule, watch, mistake: None }
}

pub fn hows() -> impl Strategy<Value = How> {
    let watch = prop_oneof![3 => Just(Watch::Nothing), 1 => Just(Watch::Sanitizers)];
    (prop::sample::select(&SCHEDULES[..]), watch)
        .prop_map(|(schedule, watch)| right(schedule, watch))
}

/// Whether some order of threads shows that a changed kernel is wrong, in `check`.
pub fn caught(
    (part, from, to): (Part, &'static str, &'static str),
    check: &dyn Fn(How) -> Result<(), String>,
) -> bool {
    SCHEDULES.iter().any(|&schedule| {
        check(How { schedule, watch: Watch::Nothing, mistake: Some((part, from, to)) }).is_err()
    })
}
