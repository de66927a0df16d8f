//! A sampler on a device, with the exact denoiser of a mixture: `sampler::sample` with its bits, a launch for as many steps as fit.
//!
//! Steps are cut where their tables do not fit the free memory and where a snapshot is wanted, rows where they do not fit beside the
//! tables. Uses `channel`, `law`, `sampler`, `error`. Spec: T8, N3.

use std::ops::Range;

use ndarray::Array2;

use super::array::geometry;
use super::launch::check_count;
use super::machine::{Argument, Arguments, DeviceReal, Machine, launch, uploaded};
use super::plan::{THREADS, points_at_a_time};
use super::sampler_tables::{SamplerTables, check_outcomes};
use super::signature::SAMPLER;
use super::source::Kernel;
use crate::channel::Steps;
use crate::error::{Error, Result};
use crate::law::{Covariance, Mixture};
use crate::sampler::{
    End, Method, Options, Record, Run, Snapshot, Start, check_size, moves, start,
};

/// The most steps of a launch: a kernel counts their numbers in 32 bits.
const MOST_STEPS: usize = 1 << 20;

/// n points by a method through a table of channels with the exact denoiser of a law, on a device: the bits of
/// `sampler::sample` with `denoiser::Exact`, whatever the run is cut into.
///
/// `Options::progress` is told after each launch's steps. Spec: T8, N3. Errors: those of `sampler::sample`; where a level is refused
/// (`Mixture::through`), before the steps that share its launch; `Device`, also for an intervention, which no kernel makes.
pub fn sample<M: Machine, T: DeviceReal>(
    machine: &M,
    law: &Mixture,
    steps: &Steps,
    method: Method,
    n: usize,
    seed: u64,
    options: &Options<'_, T>,
) -> Result<Run<T>> {
    if options.intervene.is_some() {
        return Err(Error::Device {
            what: "an intervention",
            reason: "no kernel makes it".to_string(),
            remedy: "compute on the CPU",
        });
    }
    let moves = moves(steps, method, options.end)?;
    let d = law.dimension();
    let all = moves.len();
    let due = |step: usize| match options.record {
        Record::Nothing => false,
        Record::Every(k) => step.is_multiple_of(k.max(1)) || step == all,
    };
    // The customary start is drawn in the kernel, but where it is to be kept.
    let drawn = matches!(options.start, Start::Standard) && !due(0) && all > 0;
    let mut states = if drawn {
        check_size(n, d)?;
        Array2::from_elem((n, d), T::ZERO)
    } else {
        start(&options.start, steps.first(), n, d, seed)?.as_standard_layout().into_owned()
    };
    let mut trajectory = Vec::new();
    if due(0) {
        trajectory.push(Snapshot { step: 0, channel: Some(steps.first()), points: states.clone() });
    }
    let mut done = 0;
    while done < all {
        let next = (done + 1..all).find(|&step| due(step)).unwrap_or(all);
        let end = next.min(done + steps_at_a_time::<T>(law, machine.free_bytes()?)?);
        let part = DeviceSampler::new(machine, law, steps, method, options.end, done..end)?;
        part.advance(seed, drawn && done == 0, &mut states)?;
        done = end;
        if due(done) {
            let channel = moves.get(done - 1).and_then(|step| step.1);
            trajectory.push(Snapshot { step: done, channel, points: states.clone() });
        }
        if let Some(progress) = options.progress {
            progress(done, all);
        }
    }
    Ok(Run { points: states, trajectory })
}

/// The steps whose tables fit in half of what is free, an eighth left alone.
///
/// Errors: `Device` where not even one step's do, or a table has 2³¹ and more numbers.
fn steps_at_a_time<T: DeviceReal>(law: &Mixture, free: u64) -> Result<usize> {
    let (d, k) = (law.dimension(), law.components());
    let own = match law.covariance() {
        Covariance::Isotropic(_) => 3 * k,
        Covariance::Diagonal(_) => k * (1 + 2 * d),
        Covariance::Full(_) => k.saturating_mul(1 + d + d * d),
    };
    check_count(d, k)?;
    let a_level = own.saturating_add(3 + 8).saturating_mul(size_of::<T>()).saturating_add(4) as u64;
    let means = ((2 * k + 1) * d * size_of::<T>()) as u64;
    let room = (free - free / 8) / 2;
    // A corrected step at the end has one level more.
    let levels = room.saturating_sub(means) / a_level;
    if levels < 2 {
        return Err(Error::Device {
            what: "device memory",
            reason: format!(
                "{free} bytes are free, and one step's tables need {}",
                means + 2 * a_level
            ),
            remedy: "end what else uses the device, or compute on the CPU",
        });
    }
    Ok(((levels - 1) as usize).min(MOST_STEPS))
}

/// Some steps of a sampler with a law's exact denoiser, their tables on a device. Spec: T8, N3.
pub struct DeviceSampler<M: Machine, T: DeviceReal> {
    machine: M,
    kernel: Kernel,
    dimension: usize,
    components: usize,
    done: u64,
    steps: usize,
    deviation: T,
    largest_mean: T,
    kinds: Option<M::Array<u32>>,
    /// In the order of the parameters: weights, levels; mean, origin, shifted, offset, precision, gain, whitener.
    numbers: [(&'static str, Option<M::Array<T>>); 2],
    tables: [(&'static str, Option<M::Array<T>>); 7],
}

/// States of a run that stay on the device, with the step at which each left the format, if it did.
pub struct DeviceStates<M: Machine, T: DeviceReal> {
    machine: M,
    rows: usize,
    dimension: usize,
    states: M::Array<T>,
    workspace: M::Array<T>,
    outcomes: M::Array<u64>,
}

impl<M: Machine, T: DeviceReal> DeviceStates<M, T> {
    /// The states on the host. Errors: those of the steps, as `sampler::sample` names them; `Device`.
    pub fn download(&self) -> Result<Array2<T>> {
        let mut states = Array2::from_elem((self.rows, self.dimension), T::ZERO);
        let mut outcomes = vec![0; self.rows];
        if let Some(flat) = states.as_slice_mut() {
            self.machine.download(&self.states, flat)?;
        }
        self.machine.download(&self.outcomes, &mut outcomes)?;
        check_outcomes(&outcomes, states.view())?;
        Ok(states)
    }
}

impl<M: Machine, T: DeviceReal> DeviceSampler<M, T> {
    /// Uploads the tables of the steps `range`, counted from 0, of the run that `sample` makes.
    ///
    /// Errors: `Domain` where the range goes beyond the run; those of `Method::step` and `Mixture::through`; `Device` where memory is
    /// short, or a table has 2³¹ and more numbers.
    pub fn new(
        machine: &M,
        law: &Mixture,
        steps: &Steps,
        method: Method,
        end: End,
        range: Range<usize>,
    ) -> Result<Self> {
        check_count(law.dimension(), law.components())?;
        let tables = SamplerTables::<T>::new(law, steps, method, end, range)?;
        let count = i32::try_from(tables.kinds.len());
        if count.is_err() {
            return Err(Error::Device {
                what: "the steps",
                reason: format!("{} are more than a kernel counts", tables.kinds.len()),
                remedy: "ask for fewer at a time",
            });
        }
        let upload = |values: &[T]| uploaded(machine, values);
        Ok(DeviceSampler {
            machine: machine.clone(),
            kernel: Kernel::Sampler { dimension: tables.dimension, kind: tables.kind },
            dimension: tables.dimension,
            components: tables.components,
            done: tables.done,
            steps: tables.kinds.len(),
            deviation: tables.deviation,
            largest_mean: tables.largest_mean,
            kinds: uploaded(machine, &tables.kinds)?,
            numbers: [("weights", upload(&tables.weights)?), ("levels", upload(&tables.levels)?)],
            tables: [
                ("mean", upload(&tables.mean)?),
                ("origin", upload(&tables.origin)?),
                ("shifted", upload(&tables.shifted)?),
                ("offset", upload(&tables.offset)?),
                ("precision", upload(&tables.precision)?),
                ("gain", upload(&tables.gain)?),
                ("whitener", upload(&tables.whitener)?),
            ],
        })
    }

    /// The steps of n rows from the customary start, left on the device, in the memory of an earlier run where that has room. Returns before
    /// they are done; [`DeviceStates::download`] waits.
    ///
    /// Errors: `Empty` where n = 0; `Domain` where the steps do not begin at the first; `Device`.
    pub fn run(
        &self,
        n: usize,
        seed: u64,
        earlier: Option<DeviceStates<M, T>>,
    ) -> Result<DeviceStates<M, T>> {
        check_size(n, self.dimension)?;
        if self.done > 0 {
            return Err(Error::Domain {
                what: "first step",
                value: self.done as f64,
                expected: "0, where the start is drawn",
            });
        }
        let fits = |states: &DeviceStates<M, T>| {
            M::capacity(&states.states) >= n * self.dimension
                && M::capacity(&states.workspace) >= self.workspace_numbers(n)
                && M::capacity(&states.outcomes) >= n
        };
        let mut there = match earlier {
            Some(states) if fits(&states) => {
                DeviceStates { rows: n, dimension: self.dimension, ..states }
            }
            _ => self.reserve(n)?,
        };
        self.machine.upload(&vec![0; n], &mut there.outcomes)?;
        self.launch(&there, (0, n), seed, true)?;
        Ok(there)
    }

    /// Numbers of workspace for the threads of n rows.
    fn workspace_numbers(&self, n: usize) -> usize {
        self.kernel.workspace_numbers::<T>() * n.next_multiple_of(THREADS as usize)
    }

    /// Room for n rows and the threads that compute them.
    fn reserve(&self, n: usize) -> Result<DeviceStates<M, T>> {
        Ok(DeviceStates {
            machine: self.machine.clone(),
            rows: n,
            dimension: self.dimension,
            states: self.machine.reserve(n * self.dimension)?,
            workspace: self.machine.reserve(self.workspace_numbers(n))?,
            outcomes: self.machine.reserve(n)?,
        })
    }

    /// The steps, of every row; `drawn` where the start is drawn in the kernel.
    ///
    /// Errors: those of the steps, of the earliest; `Device`.
    fn advance(&self, seed: u64, drawn: bool, states: &mut Array2<T>) -> Result<()> {
        let (n, d) = states.dim();
        let numbers = d + self.kernel.workspace_numbers::<T>();
        let bytes = numbers.saturating_mul(size_of::<T>()).saturating_add(8) as u64;
        let at_a_time = points_at_a_time(n as u64, bytes, self.machine.free_bytes()?)? as usize;
        let mut there = self.reserve(at_a_time)?;
        let mut outcomes = vec![0u64; n];
        let Some(flat) = states.as_slice_mut() else {
            return Err(Error::Empty { what: "states", expected: "row after another" });
        };
        let rows = flat.chunks_mut(at_a_time * d).zip(outcomes.chunks_mut(at_a_time));
        for (piece, (own, outcome)) in rows.enumerate() {
            self.machine.upload(outcome, &mut there.outcomes)?;
            if !drawn {
                self.machine.upload(own, &mut there.states)?;
            }
            self.launch(&there, (piece * at_a_time, outcome.len()), seed, drawn)?;
            self.machine.download(&there.states, own)?;
            self.machine.download(&there.outcomes, outcome)?;
        }
        check_outcomes(&outcomes, states.view())
    }

    fn launch(
        &self,
        there: &DeviceStates<M, T>,
        (first, rows): (usize, usize),
        seed: u64,
        drawn: bool,
    ) -> Result<()> {
        let mut arguments: Arguments<'_, M, T> = vec![
            ("n", Argument::Count(rows as u64)),
            ("states", Argument::Output(Some((&there.states, 0)))),
            ("first", Argument::Count(first as u64)),
            ("seed", Argument::Count(seed)),
            ("done", Argument::Count(self.done)),
            // Both are counted in `new`.
            ("steps", Argument::Int(self.steps as i32)),
            ("deviation", Argument::Number(if drawn { self.deviation } else { -T::ONE })),
            ("kinds", Argument::Words(self.kinds.as_ref().map(|k| (k, 0)))),
        ];
        arguments.extend(self.numbers.iter().map(named));
        arguments.push(("components", Argument::Int(self.components as i32)));
        arguments.extend(self.tables.iter().map(named));
        arguments.push(("largest_mean", Argument::Number(self.largest_mean)));
        arguments.push(("workspace", Argument::Output(Some((&there.workspace, 0)))));
        arguments.push(("outcomes", Argument::Counters(Some((&there.outcomes, 0)))));
        let shape = geometry(rows as u64, self.kernel.shared_bytes::<T>())?;
        launch(&self.machine, self.kernel, &SAMPLER, shape, &arguments)
    }
}

fn named<'a, M: Machine, T: DeviceReal>(
    (name, table): &'a (&'static str, Option<M::Array<T>>),
) -> (&'static str, Argument<'a, M, T>) {
    (*name, Argument::Input(table.as_ref().map(|table| (table, 0))))
}
