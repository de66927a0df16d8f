//! The kernels of perturbations, run on the CPU, equal `attack` bit for bit (N3): starts of every shape, projections of hard rows in every
//! norm, and ascents of the inner objective at a network. At the end mistakes are planted.

mod cuda;
#[path = "cuda/list.rs"]
mod list;
mod networks;

use cuda::Watch;
use list::{How, Memory, caught, difference, hows, right};
use ndarray::Array2;
use networks::architectures;
use proptest::prelude::*;
use tweedie::arith::{Real, fill_normal, fill_uniform, uniform_index};
use tweedie::attack::{Address, Attack, Inner, Keep, Norm, Settings, Shape, StepSize, Units};
use tweedie::channel::Channel;
use tweedie::cuda::{
    Arrays, At, Batch, Kernel, Launch, Levels, Network, Operand, Part, ascend, draw,
};
use tweedie::denoiser::mlp::Architecture;
use tweedie::denoiser::{AtLevels, Block, Mlp, Trainable};
use tweedie::objective::{Consistency, Constraint, Matching, Radius, Strength, Weighting};
use tweedie::train::plan::{Constrained, Perturb};
use tweedie::tweedie::Kind;

const SHAPES: [Shape; 6] = [
    Shape::Box,
    Shape::Ball(Norm::Linf),
    Shape::Ball(Norm::L2),
    Shape::Ball(Norm::L1),
    Shape::Sphere,
    Shape::Gaussian,
];

/// An attack on a network at a batch: the step and the stream's base are part of the address.
#[derive(Clone, Debug)]
struct Case {
    architecture: Architecture,
    rows: usize,
    step: u64,
    stream: u64,
    seed: u64,
    settings: Settings,
    /// What a radius of ordinary size is multiplied with.
    size: f64,
}

fn channels() -> Vec<Channel> {
    [(0.8, 0.6), (1.0, 2e-3), (1e-3, 1.0), (1.0, 40.0)]
        .map(|(a, s)| Channel::new(a, s).unwrap())
        .to_vec()
}

/// Radii of which one of five is 0.
fn radii<T: Real>(case: &Case) -> Vec<T> {
    let mut uniforms = vec![0.0; case.rows];
    fill_uniform(case.seed, 11, 0, &mut uniforms);
    let radius = |(n, u): (usize, f64)| if n % 5 == 3 { 0.0 } else { case.size * u };
    uniforms.into_iter().enumerate().map(|of| T::from_f64(radius(of))).collect()
}

/// A network at levels with the batch's arrays, as launches see it.
struct Scene<T: Real> {
    arrays: Arrays,
    batch: Batch,
    network: Network,
    mlp: Mlp<T>,
    chosen: Vec<u32>,
}

fn scene<T: Real>(case: &Case) -> Scene<T> {
    let a = case.architecture;
    let parameters = Mlp::<T>::tensors_of(&a).unwrap().iter().map(|t| t.len()).sum::<usize>();
    let mut theta = vec![T::ZERO; parameters];
    fill_normal(case.seed, 0, 0, &mut theta);
    let count = channels().len() as u64;
    let level = |row| uniform_index(case.seed, 1, row, count) as u32;
    let chosen: Vec<u32> = (0..case.rows as u64).map(level).collect();
    let matching = Matching { parametrisation: Kind::Noise, weighting: Weighting::Uniform };
    let on = Constrained {
        consistency: Consistency {
            constraint: Constraint::Equivariance,
            units: case.settings.units,
            strength: Strength::new(0.3, 0.0).unwrap(),
            stop_gradient: false,
        },
        perturb: Perturb::Random(Shape::Box),
        radius: Radius::new(1.0, 2.0, 0.0).unwrap(),
        start: 0,
    };
    let mut arrays = Arrays::default();
    let objective = Some((&matching, Some(&on)));
    let levels = Levels::new::<T>(&channels(), &a, objective, &mut arrays).unwrap();
    let batch = Batch {
        rows: case.rows as u64,
        dimension: a.dimension,
        seed: case.seed,
        clock: arrays.holding_counts("clock", &[case.step, 0]),
        level: arrays.holding_words("level", &chosen),
        numbers: levels.numbers,
        wide: levels.wide,
        fault: arrays.holding_words("fault", &[0]),
    };
    let theta_array = arrays.holding("parameters", &theta);
    let own = [theta_array, batch.level, batch.numbers, levels.embedding, batch.fault];
    let network = Network::new(case.rows, a, parameters, own);
    Scene { arrays, batch, network, mlp: Mlp::new(a, theta).unwrap(), chosen }
}

/// A drawn start, or an ascent with its settings, against `Shape::draw` and `Attack::perturb`.
fn perturbation_agrees<T: Real>(case: &Case, drawn: Option<Shape>, how: How) -> Result<(), String> {
    let d = case.architecture.dimension;
    let Scene { mut arrays, batch, network, mlp, chosen } = scene::<T>(case);
    let mut points = vec![T::ZERO; case.rows * d];
    fill_normal(case.seed, 2, 0, &mut points);
    let radii = radii::<T>(case);
    let x = arrays.holding("x", &points);
    let clean = network.record::<T>(&mut arrays);
    let there = arrays.room::<T>("there", points.len());
    let record = network.record::<T>(&mut arrays);
    let deltas = network.room_for_deltas::<T>(&mut arrays);
    let radius = arrays.holding("radius", &radii);
    let there = (there, &record, &deltas[..]);
    let at = At { batch, network: &network, x, clean: &clean, there, radius, stream: case.stream };
    let mut launches = Vec::new();
    let address = Address { seed: case.seed, stream: case.stream + case.step, first_row: 0 };
    if let Some(shape) = drawn {
        let omega = draw::<T>(&at, shape, &mut arrays, &mut launches);
        let mut memory = Memory::new(&arrays);
        memory.run::<T>(&launches, how)?;
        let expected = shape.draw(address, &radii, d).unwrap();
        return difference("start", &memory.bits::<T>(omega), expected.as_slice().unwrap());
    }
    let attack = Attack::new(case.settings).unwrap();
    network.forward::<T>(x, &clean, &mut launches);
    let omega = ascend::<T>(&at, &attack, &mut arrays, &mut launches).unwrap();
    let mut memory = Memory::new(&arrays);
    memory.run::<T>(&launches, how)?;

    let points = Array2::from_shape_vec((case.rows, d), points).unwrap();
    let levels: Vec<_> =
        chosen.iter().map(|&l| mlp.level(channels()[l as usize]).unwrap()).collect();
    let block = mlp.block(&levels.iter().collect::<Vec<_>>());
    let (prediction, _) = block.forward(points.view()).map_err(|e| e.to_string())?;
    let found = attack.perturb(&AtLevels(&block), points.view(), &prediction, &radii, address);
    let fault = memory.words(batch.fault)[0] != 0;
    match found {
        Ok(found) => {
            assert!(!fault, "a fault where every number is finite");
            let expected: Vec<T> = found.perturbation.iter().copied().collect();
            difference("omega", &memory.bits::<T>(omega), &expected)
        }
        Err(error) => {
            assert!(fault, "no fault: {error}");
            Ok(())
        }
    }
}

fn settings() -> impl Strategy<Value = Settings> {
    let alpha = prop_oneof![
        (0.1f64..2.0).prop_map(StepSize::Relative),
        (0.01f64..1.0).prop_map(StepSize::Absolute)
    ];
    (
        prop::sample::select(Norm::ALL.to_vec()),
        alpha,
        1usize..3,
        1usize..3,
        any::<bool>(),
        prop::sample::select(vec![Inner::PredictionDifference, Inner::Residual]),
        prop::sample::select(Units::ALL.to_vec()),
        any::<bool>(),
    )
        .prop_map(|(norm, alpha, steps, restarts, best, inner, units, sphere)| Settings {
            norm,
            alpha,
            steps,
            random_start: Some(if sphere { Shape::Gaussian } else { Shape::Ball(norm) }),
            restarts: if best { restarts } else { 1 },
            keep: if best { Keep::Best } else { Keep::Last },
            inner,
            units,
        })
}

fn attacks() -> impl Strategy<Value = Case> {
    let size = prop_oneof![4 => Just(1.0f64), 1 => Just(1e-6), 1 => Just(1e-30)];
    let stream = prop::sample::select(vec![0u64, 5 << 56, 3 << 50]);
    (
        architectures(1usize..9, 1..20),
        1usize..40,
        0u64..1000,
        stream,
        any::<u64>(),
        settings(),
        size,
    )
        .prop_map(|(architecture, rows, step, stream, seed, settings, size)| Case {
            architecture,
            rows,
            step,
            stream,
            seed,
            settings,
            size,
        })
}

/// Rows in and out of balls, with few entries other than 0, at the border by a step of the format, and small ones; with radii.
fn hard_rows<T: Real>(norm: Norm, d: usize, seed: u64) -> (Vec<T>, Vec<T>) {
    let n = 60;
    let mut normals = vec![0.0; n * d];
    fill_normal(seed, 0, 0, &mut normals);
    let mut uniforms = vec![0.0; n];
    fill_uniform(seed, 1, 0, &mut uniforms);
    let tiny = T::TINY.log2();
    let (mut rows, mut radii) = (Vec::new(), Vec::new());
    for (k, (z, u)) in normals.chunks_exact(d).zip(&uniforms).enumerate() {
        // An exponent anywhere in the range of the format, or near 1.
        let size = if k % 3 == 0 { ((tiny + 8.0) * u).exp2() } else { 1.0 };
        let radius = if k % 7 == 6 { 0.0 } else { size * [1.0, 3.0, 1e-3][k % 3] };
        let mut row: Vec<T> = z.iter().map(|z| T::from_f64(size * z)).collect();
        if k % 5 == 1 {
            row.iter_mut().skip(1).for_each(|x| *x = T::ZERO);
        }
        let radius = T::from_f64(radius);
        if k % 4 == 2 && radius > T::ZERO {
            // On the border, and one entry a step beyond: the filter cannot tell.
            norm.project(&mut row, radius).unwrap();
            let last = row[d - 1].to_f64();
            row[d - 1] = T::from_f64(last * (1.0 + 2.0 * T::UNIT_ROUNDOFF * (k % 3) as f64));
        }
        if k % 11 == 5 {
            // Equal entries: equal gaps.
            row.iter_mut().for_each(|x| *x = T::from_f64(size));
        }
        if k % 13 == 7 && d > 1 && radius > T::ZERO {
            // Beyond the border by less than any sum in f64 shows.
            row.fill(T::ZERO);
            (row[0], row[d - 1]) = (radius, T::from_f64(radius.to_f64() * 2f64.powi(-60)));
        }
        rows.extend(row);
        radii.push(radius);
    }
    (rows, radii)
}

fn projections_agree<T: Real>(norm: Norm, d: usize, seed: u64, how: How) -> Result<(), String> {
    let (rows, radii) = hard_rows::<T>(norm, d, seed);
    let mut arrays = Arrays::default();
    let (radius, omega) = (arrays.holding("radius", &radii), arrays.holding("omega", &rows));
    let number = Norm::ALL.iter().position(|&n| n == norm).unwrap() as i32;
    let launch = Launch {
        kernel: Kernel::Training(Part::Attack),
        in_f64: false,
        entry: "attack_project",
        blocks: 2,
        threads: 33,
        shared: 0,
        arguments: vec![
            Operand::Count(radii.len() as u64),
            Operand::Int(d as i32),
            Operand::Int(number),
            radius.into(),
            omega.into(),
        ],
    };
    let mut memory = Memory::new(&arrays);
    memory.run::<T>(&[launch], how)?;
    let mut expected = rows;
    for (row, &radius) in expected.chunks_exact_mut(d).zip(&radii) {
        norm.project(row, radius).unwrap();
    }
    difference("projection", &memory.bits::<T>(omega), &expected)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn starts_agree(case in attacks(), shape in prop::sample::select(SHAPES.to_vec()), how in hows()) {
        let both = [perturbation_agrees::<f32>(&case, Some(shape), how), perturbation_agrees::<f64>(&case, Some(shape), how)];
        for verdict in both {
            prop_assert!(verdict.is_ok(), "{verdict:?}");
        }
    }

    #[test]
    fn hard_projections_agree(
        norm in prop::sample::select(Norm::ALL.to_vec()), d in 1usize..12, seed in any::<u64>(), how in hows(),
    ) {
        let both = [projections_agree::<f32>(norm, d, seed, how), projections_agree::<f64>(norm, d, seed, how)];
        for verdict in both {
            prop_assert!(verdict.is_ok(), "{verdict:?}");
        }
    }

    #[test]
    fn ascents_agree(case in attacks(), how in hows()) {
        for verdict in [perturbation_agrees::<f32>(&case, None, how), perturbation_agrees::<f64>(&case, None, how)] {
            prop_assert!(verdict.is_ok(), "{verdict:?}");
        }
    }
}

#[test]
fn mistakes_in_projections_are_caught() {
    let rows = |norm: Norm| {
        move |how: How| {
            (1..9).try_for_each(|d| projections_agree::<f32>(norm, d, 7, how))?;
            (8..14).try_for_each(|seed| projections_agree::<f64>(norm, 5, seed, how))
        }
    };
    let (l2, l1) = (rows(Norm::L2), rows(Norm::L1));
    l2(right(0, Watch::Sanitizers)).unwrap();
    l1(right(0, Watch::Sanitizers)).unwrap();
    let in_l2 = [
        // The border decided by the filter's sum alone, a square's carry lost, words compared from below.
        ("if (sum >= bound * ((real)1 + margin)) return false;\n  }", "return sum <= bound;\n  }"),
        ("(cross >> 31) + (sum < bottom)", "(cross >> 31)"),
        ("for (int k = EXACT_WORDS - 1; k >= 0; --k)", "for (int k = 0; k < EXACT_WORDS; ++k)"),
        // The length's errors left out, its margin, the factor's; small entries by the quick way.
        ("rest = rest + (lost + error)", "rest = 0"),
        ("(real)16 * terms * terms", "(real)16 * terms"),
        ("((real)1 - (real)2 * SCALAR_ROUNDOFF)", "(real)1"),
        ("ratio * part < limit", "ratio * part < 0"),
        ("entries < 2", "entries < 1"),
    ];
    let missed = |(from, to): &(_, _), check| !caught((Part::Attack, *from, *to), check);
    let of_l2: Vec<_> = in_l2.into_iter().filter(|m| missed(m, &l2)).collect();
    let in_l1 = [
        ("(count == 1 || wide_minus(mean, tau).hi < 0)", "(count == 1)"),
        ("tau = wide_minus(tau, {tau.hi * margin, 0});", ""),
        ("rest = wide_tail(left) < 0 ? next_down(left.hi) : left.hi", "rest = left.hi"),
        ("else if (!before(next, next_tail, gap, tail)) ++equal;", ""),
        ("return wide_fast_sum(v.hi, t.lo + v.lo)", "return {v.hi, 0}"),
        ("(scalar)(floor(x / spacing) * spacing)", "(scalar)x"),
    ];
    let of_l1: Vec<_> = in_l1.into_iter().filter(|m| missed(m, &l1)).collect();
    assert!(of_l2.is_empty() && of_l1.is_empty(), "{of_l2:?} {of_l1:?}");
}
