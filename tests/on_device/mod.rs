//! What a machine that runs the kernels must do: the property suite of `tests/gpu.rs` (a GPU), of the carried program, and of
//! `tests/launch.rs` (kernels on the CPU, where it is shown that the suite sees mistakes).
//!
//! The reference is the CPU path, and every comparison is of bits. The caller has the modules `generators` and `judge`.

#![allow(dead_code)]

pub mod runs;
pub mod training;

use ndarray::{Array1, Array2, ArrayView2};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestError, TestRunner};
use tweedie::Error;
use tweedie::arith::{Real, fill_normal, fill_uniform, scalar};
use tweedie::cuda::plan::MANY_COMPONENTS;
use tweedie::cuda::{
    DeviceArray, DeviceEvaluation, DeviceLaw, DeviceReal, Draw, Function, Machine, apply,
};
use tweedie::law::{Evaluation, Noised, Quantity};

use runs::{methods, runs as generated};

use crate::generators::{Case, Kind, cases};

/// How much is asked.
#[derive(Clone, Debug)]
pub struct Extent {
    /// Dimensions of generated laws; a kernel is compiled for each.
    pub dimensions: Vec<usize>,
    /// The most components of a generated law.
    pub components: usize,
    /// Generated cases a check.
    pub cases: u32,
    /// The most points of a generated case.
    pub points: usize,
    /// Points of the one long batch.
    pub long: usize,
}

/// What one kernel computes.
pub const FIRST_ORDER: [Quantity; 5] = [
    Quantity::LogDensity,
    Quantity::Score,
    Quantity::Denoiser,
    Quantity::Noise,
    Quantity::Responsibilities,
];

/// What can be computed on a device.
pub const ALL: [Quantity; 6] = [
    Quantity::LogDensity,
    Quantity::Score,
    Quantity::Denoiser,
    Quantity::Noise,
    Quantity::Responsibilities,
    Quantity::Covariance,
];

type Verdict = Result<(), String>;

/// A check's name, and what it found wrong.
pub type Checked = (&'static str, Verdict);

/// A check, to be carried out when its verdict is asked for.
type Check<'a> = (&'static str, Box<dyn FnOnce() -> Verdict + 'a>);

/// Every check, in both formats.
pub fn suite<M: Machine>(machine: &M, extent: &Extent) -> Vec<Checked> {
    checks(machine, extent).into_iter().map(|(name, check)| (name, check())).collect()
}

/// Whether a check fails; those after it are left out.
pub fn fails<M: Machine>(machine: &M, extent: &Extent) -> bool {
    checks(machine, extent).into_iter().any(|(_, check)| check().is_err())
}

fn checks<'a, M: Machine>(m: &'a M, extent: &'a Extent) -> Vec<Check<'a>> {
    vec![
        (
            "functions of one number",
            Box::new(|| both(|| functions::<M, f64>(m), || functions::<M, f32>(m))),
        ),
        ("random numbers", Box::new(|| random(m, extent))),
        ("generated laws", Box::new(|| laws(m, extent))),
        (
            "few points and many components",
            Box::new(|| both(|| few::<M, f64>(m), || few::<M, f32>(m))),
        ),
        (
            "a long batch",
            Box::new(|| both(|| long::<M, f64>(m, extent), || long::<M, f32>(m, extent))),
        ),
        (
            "quantities by themselves",
            Box::new(|| both(|| subsets::<M, f64>(m), || subsets::<M, f32>(m))),
        ),
        ("arrays that stay", Box::new(|| both(|| resident::<M, f64>(m), || resident::<M, f32>(m)))),
        (
            "every method of the sampler",
            Box::new(|| both(|| methods::<M, f64>(m), || methods::<M, f32>(m))),
        ),
        ("generated runs of the sampler", Box::new(|| generated(m, extent))),
        (
            "runs that stay",
            Box::new(|| both(|| runs::resident::<M, f64>(m), || runs::resident::<M, f32>(m))),
        ),
        ("training", Box::new(|| training::training(m, extent))),
        ("refusals", Box::new(|| both(|| refusals::<M, f64>(m), || refusals::<M, f32>(m)))),
    ]
}

fn both(first: impl FnOnce() -> Verdict, second: impl FnOnce() -> Verdict) -> Verdict {
    first().map_err(|e| format!("f64: {e}"))?;
    second().map_err(|e| format!("f32: {e}"))
}

/// Where two lists first differ in a bit; any NaN is any other.
fn same<'a, T: Real>(
    what: &str,
    found: impl IntoIterator<Item = &'a T>,
    expected: impl IntoIterator<Item = &'a T>,
) -> Verdict {
    let (found, expected): (Vec<&T>, Vec<&T>) =
        (found.into_iter().collect(), expected.into_iter().collect());
    if found.len() != expected.len() {
        return Err(format!("{what}: {} numbers for {}", found.len(), expected.len()));
    }
    let equal = |(f, e): (&&T, &&T)| f.bits() == e.bits() || (f.is_nan() && e.is_nan());
    match found.iter().zip(&expected).position(|pair| !equal(pair)) {
        None => Ok(()),
        Some(at) => Err(format!("{what}[{at}]: {:?} for {:?}", found[at], expected[at])),
    }
}

/// Every array of two evaluations, bit by bit; one that is missing must be missing in both.
pub fn same_evaluation<T: Real>(found: &Evaluation<T>, expected: &Evaluation<T>) -> Verdict {
    fn one<T: Real, D: ndarray::Dimension>(
        what: &str,
        found: &Option<ndarray::Array<T, D>>,
        expected: &Option<ndarray::Array<T, D>>,
    ) -> Verdict {
        match (found, expected) {
            (None, None) => Ok(()),
            (Some(f), Some(e)) if f.shape() == e.shape() => same(what, f, e),
            (f, e) => {
                let shape =
                    |a: &Option<ndarray::Array<T, D>>| a.as_ref().map(|a| a.shape().to_vec());
                Err(format!("{what}: shape {:?} for {:?}", shape(f), shape(e)))
            }
        }
    }
    one("log_density", &found.log_density, &expected.log_density)?;
    one("score", &found.score, &expected.score)?;
    one("denoiser", &found.denoiser, &expected.denoiser)?;
    one("noise", &found.noise, &expected.noise)?;
    one("covariance", &found.covariance, &expected.covariance)?;
    one("responsibilities", &found.responsibilities, &expected.responsibilities)
}

fn said<T>(result: tweedie::Result<T>) -> Result<T, String> {
    result.map_err(|e| e.to_string())
}

/// Runs a property on generated values; the smallest that fails is told.
fn holds<S: Strategy>(cases: u32, strategy: &S, property: impl Fn(S::Value) -> Verdict) -> Verdict {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let test = |value| property(value).map_err(TestCaseError::fail);
    match TestRunner::new(config).run(strategy, test) {
        Ok(()) => Ok(()),
        Err(TestError::Fail(reason, value)) => Err(format!("{reason}, for {value:?}")),
        Err(TestError::Abort(reason)) => Err(format!("aborted: {reason}")),
    }
}

fn functions<M: Machine, T: DeviceReal>(machine: &M) -> Verdict {
    let mut u = vec![0.0f64; 20_001];
    fill_uniform(7, 0, 0, &mut u);
    let low = T::TINY.log2() - 1.0;
    let sized = |(i, u): (usize, &f64)| {
        let size = [(low - 2.0 * low * u).exp2(), 120.0 * u, 800.0 * u][i % 3];
        T::from_f64(if i % 2 == 0 { size } else { -size })
    };
    let mut values: Vec<T> = u.iter().enumerate().map(sized).collect();
    let edges =
        [T::ZERO, T::ONE, T::HALF, T::MAX, T::MIN_POSITIVE, T::INFINITY, T::from_f64(T::TINY)];
    values.extend(edges.into_iter().flat_map(|x| [x, -x]));
    values.push(T::NAN);
    type Reference<T> = fn(T) -> T;
    let all: [(Function, Reference<T>); 5] = [
        (Function::Exp, scalar::exp),
        (Function::Ln, scalar::ln),
        (Function::Sigmoid, scalar::sigmoid),
        (Function::SinTurns, |x| scalar::sin_cos_turns(x).0),
        (Function::CosTurns, |x| scalar::sin_cos_turns(x).1),
    ];
    for (function, reference) in all {
        let found = said(apply(machine, function, &values))?;
        let expected: Vec<T> = values.iter().map(|&x| reference(x)).collect();
        same(&format!("{function:?}"), &found, &expected)?;
    }
    Ok(())
}

fn random<M: Machine>(machine: &M, extent: &Extent) -> Verdict {
    fn agrees<M: Machine, T: DeviceReal>(
        machine: &M,
        key: (u64, u64, u64),
        (rows, columns): (usize, usize),
    ) -> Verdict {
        for draw in [Draw::Normal, Draw::Uniform] {
            let found = said(DeviceArray::<M, T>::draw(machine, draw, key, (rows, columns)))?;
            let mut expected = vec![T::ZERO; rows * columns];
            let fill = if draw == Draw::Normal { fill_normal::<T> } else { fill_uniform::<T> };
            fill(key.0, key.1, key.2, &mut expected);
            let found = said(found.download())?;
            if found.dim() != (rows, columns) {
                return Err(format!("{:?} for {rows}×{columns}", found.dim()));
            }
            same(&format!("{} {draw:?}", T::NAME), &found, &expected)?;
        }
        Ok(())
    }
    let start = prop_oneof![0u64..9, any::<u64>(), (0u64..40).prop_map(|x| u64::MAX - x)];
    let key = (any::<u64>(), any::<u64>(), start);
    let rows = prop_oneof![Just(1usize), 1..extent.points];
    holds(extent.cases, &(key, rows, 1usize..4), |(key, rows, columns)| {
        agrees::<M, f64>(machine, key, (rows, columns))?;
        agrees::<M, f32>(machine, key, (rows, columns))
    })
}

/// All quantities at points of the host.
pub fn agrees<M: Machine, T: DeviceReal>(
    machine: &M,
    law: &Noised<T>,
    points: ArrayView2<'_, T>,
) -> Verdict {
    let found = said(said(DeviceLaw::new(machine, law))?.evaluate(points, &ALL))?;
    same_evaluation(&found, &said(law.evaluate(points, &ALL))?)
        .map_err(|e| format!("{}: {e}", T::NAME))
}

fn laws<M: Machine>(machine: &M, extent: &Extent) -> Verdict {
    let dimension = prop::sample::select(extent.dimensions.clone());
    let n = prop_oneof![Just(1usize), 2..extent.points];
    let stretch = prop_oneof![3 => Just(1.0f64), 1 => Just(1e18), 1 => Just(1e36), 1 => Just(1e160), 1 => Just(1e300)];
    let most = extent.components;
    let strategy = (cases(2, most), dimension, n, stretch);
    holds(extent.cases, &strategy, |(case, dimension, n, stretch)| {
        let components = if dimension > 9 { case.components.min(70) } else { case.components };
        let case = Case { dimension, components, ..case };
        let mixture = case.mixture();
        // A law that a format cannot hold is refused before any launch.
        if let Ok(law) = mixture.through::<f64>(case.channel()) {
            agrees(machine, &law, case.stretched(n, stretch).view())?;
        }
        if let Ok(law) = mixture.through::<f32>(case.channel()) {
            agrees(machine, &law, case.stretched(n, stretch).view())?;
        }
        Ok(())
    })
}

/// A law of three blocks of components in two dimensions, or of another size.
pub fn law_of<T: Real>(kind: Kind, dimension: usize, components: usize) -> (Case, Noised<T>) {
    let case = Case::ordinary(kind, dimension, components);
    let law = case.mixture().through(case.channel()).expect("an ordinary law");
    (case, law)
}

fn long<M: Machine, T: DeviceReal>(machine: &M, extent: &Extent) -> Verdict {
    for kind in [Kind::Isotropic, Kind::Diagonal, Kind::Full] {
        let (case, law) = law_of::<T>(kind, 2, 150);
        agrees(machine, &law, case.stretched(extent.long, 1.0).view())?;
    }
    Ok(())
}

/// Few points of many components, which are spread over thread blocks.
fn few<M: Machine, T: DeviceReal>(machine: &M) -> Verdict {
    for (kind, dimension, components) in [
        (Kind::Isotropic, 2, 64 * 70 + 7),
        (Kind::Diagonal, 9, MANY_COMPONENTS),
        (Kind::Full, 2, MANY_COMPONENTS + 1),
    ] {
        let (case, law) = law_of::<T>(kind, dimension, components);
        for (n, stretch) in [(1, 1.0), (5, 1e30)] {
            agrees(machine, &law, case.stretched(n, stretch).view())?;
        }
        // Quantities by themselves, and none whose logits could be kept.
        let on = said(DeviceLaw::new(machine, &law))?;
        let points = case.stretched::<T>(3, 1e30);
        for quantity in ALL {
            let found = said(on.evaluate(points.view(), &[quantity]))?;
            let expected = said(law.evaluate(points.view(), &[quantity]))?;
            same_evaluation(&found, &expected).map_err(|e| format!("{quantity:?}: {e}"))?;
        }
    }
    Ok(())
}

fn subsets<M: Machine, T: DeviceReal>(machine: &M) -> Verdict {
    let (case, law) = law_of::<T>(Kind::Full, 3, 70);
    let on = said(DeviceLaw::new(machine, &law))?;
    let points = case.stretched::<T>(77, 1e30);
    let mut sets: Vec<Vec<Quantity>> = ALL.iter().map(|&q| vec![q]).collect();
    sets.extend([vec![], vec![Quantity::Noise, Quantity::Score], vec![Quantity::Score; 2]]);
    for set in sets {
        let found = said(on.evaluate(points.view(), &set))?;
        let expected = said(law.evaluate(points.view(), &set))?;
        same_evaluation(&found, &expected).map_err(|e| format!("{set:?}: {e}"))?;
    }
    Ok(())
}

fn resident<M: Machine, T: DeviceReal>(machine: &M) -> Verdict {
    for dimension in [2, 9] {
        let (case, law) = law_of::<T>(Kind::Diagonal, dimension, 70);
        let on = said(DeviceLaw::new(machine, &law))?;
        let mut earlier = DeviceEvaluation::default();
        // Memory of a longer and of a shorter batch is used again.
        for n in [130, 7, 300] {
            let host = case.stretched::<T>(n, 1.0);
            let there = said(DeviceArray::upload(machine, host.view()))?;
            earlier = said(on.evaluate_resident(&there, &ALL, earlier))?;
            let expected = said(law.evaluate(host.view(), &ALL))?;
            same_evaluation(&said(earlier.download())?, &expected)?;
            same("points afterwards", &said(there.download())?, &host)?;
        }
        // Denoised points are points: passed back in without a copy.
        let Some(denoised) = earlier.denoiser.take() else { return Err("no denoiser".into()) };
        let host = said(denoised.download())?;
        let again = said(on.evaluate_resident(&denoised, &[Quantity::Score], earlier))?;
        let expected = said(law.evaluate(host.view(), &[Quantity::Score]))?;
        same_evaluation(&said(again.download())?, &expected)?;
        let drawn = said(DeviceArray::draw(machine, Draw::Normal, (1, 2, 3), (77, dimension)))?;
        let found = said(on.evaluate_resident(&drawn, &FIRST_ORDER, DeviceEvaluation::default()))?;
        let mut flat = vec![T::ZERO; 77 * dimension];
        fill_normal(1, 2, 3, &mut flat);
        let host = Array1::from_vec(flat).into_shape_with_order((77, dimension)).expect("77 rows");
        let expected = said(law.evaluate(host.view(), &FIRST_ORDER))?;
        same_evaluation(&said(found.download())?, &expected)?;
    }
    Ok(())
}

fn refusals<M: Machine, T: DeviceReal>(machine: &M) -> Verdict {
    let (case, law) = law_of::<T>(Kind::Isotropic, 2, 3);
    let on = said(DeviceLaw::new(machine, &law))?;
    let right = case.stretched::<T>(5, 1.0);
    let mut broken = right.clone();
    broken[[3, 1]] = T::NAN;
    let mut infinite = right.clone();
    infinite[[0, 0]] = T::INFINITY;
    let wrong = [
        Array2::from_elem((0, 2), T::ZERO),
        Array2::from_elem((4, 3), T::ZERO),
        Array2::from_elem((0, 3), T::ZERO),
        broken.clone(),
        infinite,
    ];
    for points in &wrong {
        let (found, expected) = (
            on.evaluate(points.view(), &[Quantity::Score]).err(),
            law.evaluate(points.view(), &[Quantity::Score]).err(),
        );
        // A NaN in an error equals no other.
        if found.is_none() || format!("{found:?}") != format!("{expected:?}") {
            return Err(format!("{found:?} for {expected:?}"));
        }
    }
    for (name, error) in [
        ("an upload of nothing", DeviceArray::<M, T>::upload(machine, wrong[0].view()).err()),
        ("an upload of a NaN", DeviceArray::<M, T>::upload(machine, broken.view()).err()),
        (
            "a draw of nothing",
            DeviceArray::<M, T>::draw(machine, Draw::Normal, (0, 0, 0), (3, 0)).err(),
        ),
        ("functions of nothing", apply::<M, T>(machine, Function::Exp, &[]).err()),
    ] {
        if !matches!(error, Some(Error::Empty { .. } | Error::NotFinite { .. })) {
            return Err(format!("{name}: {error:?}"));
        }
    }
    let three = said(DeviceArray::upload(machine, Array2::from_elem((4, 3), T::ZERO).view()))?;
    match on.evaluate_resident(&three, &[Quantity::Score], DeviceEvaluation::default()).err() {
        Some(Error::Shape { .. }) => Ok(()),
        other => Err(format!("points of another dimension: {other:?}")),
    }
}
