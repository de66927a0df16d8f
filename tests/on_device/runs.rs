//! Runs of the sampler on a machine against `sampler::sample`.

use proptest::prelude::*;
use tweedie::Error;
use tweedie::channel::Steps;
use tweedie::cuda::{DeviceReal, DeviceSampler, Machine, sample};
use tweedie::denoiser::Exact;
use tweedie::law::Mixture;
use tweedie::sampler::{self, End, Method, Options, Record, Start};

use super::{Extent, Verdict, holds, law_of, said, same};
use crate::generators::{Case, Kind, cases};

/// A run of the sampler: steps, method, points, seed.
pub type Asked<'a> = (&'a Steps, Method, usize, u64);

/// A run on the machine against `sampler::sample`: every state, or the same error.
pub fn run_agrees<M: Machine, T: DeviceReal>(
    machine: &M,
    law: &Mixture,
    (steps, method, n, seed): Asked<'_>,
    options: &Options<'_, T>,
) -> Verdict {
    let expected = sampler::sample(&Exact::new(law.clone()), steps, method, n, seed, options);
    let found = sample(machine, law, steps, method, n, seed, options);
    let what = format!("{} {method}", T::NAME);
    match (found, expected) {
        (Ok(found), Ok(expected)) => {
            same(&what, &found.points, &expected.points)?;
            if found.trajectory.len() != expected.trajectory.len() {
                return Err(format!("{what}: {} snapshots", found.trajectory.len()));
            }
            for (found, expected) in found.trajectory.iter().zip(&expected.trajectory) {
                if (found.step, found.channel) != (expected.step, expected.channel) {
                    return Err(format!("{what}: step {} for {}", found.step, expected.step));
                }
                same(&format!("{what} {}", found.step), &found.points, &expected.points)?;
            }
            Ok(())
        }
        // A law that a level's format cannot hold is refused before the steps: what the CPU meets first may be a state.
        (Err(Error::Domain { .. }), Err(_)) => Ok(()),
        (Err(found), Err(expected)) if found.to_string() == expected.to_string() => Ok(()),
        (found, expected) => {
            Err(format!("{what}: {:?} for {:?}", found.map(|_| "a run"), expected.map(|_| "a run")))
        }
    }
}

pub fn methods<M: Machine, T: DeviceReal>(machine: &M) -> Verdict {
    let all = [
        Method::Ancestral,
        Method::Ddim { eta: 0.0 },
        Method::Ddim { eta: 0.5 },
        Method::Euler,
        Method::Heun,
        Method::EulerMaruyama,
    ];
    for kind in [Kind::Isotropic, Kind::Full] {
        let law = law_of::<T>(kind, 2, 70).0.mixture();
        for method in all {
            let steps = said(Steps::by_name("ve", 4))?;
            for record in [Record::Nothing, Record::Every(2)] {
                let options = Options { record, ..Options::default() };
                run_agrees::<M, T>(machine, &law, (&steps, method, 130, 9), &options)?;
            }
        }
    }
    Ok(())
}

pub fn runs<M: Machine>(machine: &M, extent: &Extent) -> Verdict {
    fn one<M: Machine, T: DeviceReal>(
        machine: &M,
        case: &Case,
        asked: Asked<'_>,
        (end, record, given): (End, Record, Option<f64>),
    ) -> Verdict {
        let start = given.map_or(Start::Standard, |far| Start::Given(case.stretched(asked.2, far)));
        let options = Options { start, end, record, ..Options::default() };
        run_agrees::<M, T>(machine, &case.mixture(), asked, &options)
    }
    let method = prop_oneof![
        Just(Method::Ancestral),
        (0.0f64..=1.0).prop_map(|eta| Method::Ddim { eta }),
        Just(Method::Euler),
        Just(Method::Heun),
        Just(Method::EulerMaruyama),
    ];
    let table = (prop::sample::select(&Steps::NAMES[..]), 1usize..8);
    let end = prop_oneof![Just(End::Data), Just(End::LastLevel)];
    let record = prop_oneof![Just(Record::Nothing), (0usize..4).prop_map(Record::Every)];
    let far = prop_oneof![Just(1.0f64), Just(1e18), Just(1e37), Just(1e305)];
    let how = (end, record, prop::option::weighted(0.4, far));
    let n = prop_oneof![1 => Just(0usize), 2 => Just(1), 6 => 2..extent.points];
    let strategy = (
        cases(2, extent.components),
        prop::sample::select(extent.dimensions.clone()),
        table,
        method,
        n,
        (any::<u64>(), how),
    );
    holds(extent.cases, &strategy, |(case, dimension, (name, count), method, n, (seed, how))| {
        // In many dimensions the CPU's tables of each level take long.
        let components = if dimension > 9 { case.components.min(70) } else { case.components };
        let case = Case { dimension, components, ..case };
        let steps = said(Steps::by_name(name, count))?;
        one::<M, f64>(machine, &case, (&steps, method, n, seed), how)?;
        one::<M, f32>(machine, &case, (&steps, method, n, seed), how)
    })
}

/// Runs that are left on the device, one in the memory of another.
pub fn resident<M: Machine, T: DeviceReal>(machine: &M) -> Verdict {
    let law = law_of::<T>(Kind::Diagonal, 2, 70).0.mixture();
    let steps = said(Steps::by_name("ve", 4))?;
    let (method, end) = (Method::Heun, End::Data);
    let on = said(DeviceSampler::<M, T>::new(machine, &law, &steps, method, end, 0..4))?;
    let mut earlier = None;
    for n in [200, 7, 130] {
        let states = said(on.run(n, 9, earlier))?;
        let options = Options::<T>::default();
        let expected = sampler::sample(&Exact::new(law.clone()), &steps, method, n, 9, &options);
        same(&format!("{n} rows"), &said(states.download())?, &said(expected)?.points)?;
        earlier = Some(states);
    }
    let later = said(DeviceSampler::<M, T>::new(machine, &law, &steps, method, end, 1..4))?;
    match (on.run(0, 9, None).err(), later.run(3, 9, None).err()) {
        (Some(Error::Empty { .. }), Some(Error::Domain { what: "first step", .. })) => Ok(()),
        other => Err(format!("{other:?}")),
    }
}
