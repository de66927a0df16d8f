//! The fast mode (docs/fast.md): its kernels equal their Rust definition bit for bit on a matrix unit that adds in order and rounds to nearest, and
//! are within their bounds on every unit that the assumption allows (T1, N2, N4).
//!
//! The truth is the exact path in f64 with its own bound. Planted at the end: mistakes in the kernels, units that the assumption does not allow.

mod cuda;
mod fast;
mod shim;

use cuda::agree::{SCHEDULES, difference, numbers};
use cuda::{Argument, Launch, Program, Watch, bits};
use fast::{Case, cases, ordinary};
use ndarray::{Array1, Array2};
use proptest::prelude::*;
use shim::Shim;
use tweedie::cuda::{DeviceFastLaw, FastEvaluation, FastLaw, Kernel, Parts, source};
use tweedie::law::{Covariance, Mixture, Quantity};

/// The ways of adding that assumption M allows, after the definition; `tests/cuda/matrix.h` has them.
const UNITS: std::ops::RangeInclusive<u32> = 1..=10;
/// Each sum rounded to bf16, and products rounded to bf16: not allowed.
const WRONG_UNITS: [u32; 2] = [100, 101];

/// What the kernel leaves: log density, score, denoiser, bounds (three a point).
fn launched(
    text: &str,
    law: &FastLaw,
    points: &Array2<f32>,
    (schedule, unit): (u32, u32),
    watch: Watch,
) -> Result<Vec<Vec<u8>>, String> {
    let (n, d) = points.dim();
    let flat: Vec<f32> = points.iter().copied().collect();
    let kernel = Kernel::Fast { dimension: d, parts: law.parts() };
    let launch = Launch {
        schedule: schedule | unit << 24,
        blocks: n.div_ceil(64).max(1) as u32,
        threads: 128,
        shared: kernel.shared_bytes::<f32>() as u32,
    };
    let mut arguments = vec![
        Argument::count(n as u64),
        Argument::array(&flat),
        Argument::int(law.components() as i32),
    ];
    arguments.extend(law.tables().iter().map(|(_, table)| Argument::array(table)));
    arguments.extend([n, n * d, n * d, 3 * n].map(Argument::room::<f32>));
    let buffers = Program::new(text, watch).run("fast_evaluate", launch, &arguments)?;
    Ok(buffers[buffers.len() - 4..].to_vec())
}

/// The definition's numbers in the kernel's order.
fn columns(found: &FastEvaluation) -> [Vec<f32>; 4] {
    let bounds = [&found.log_density_bound, &found.score_bound, &found.denoiser_bound];
    let n = found.log_density.len();
    [
        found.log_density.to_vec(),
        found.score.iter().copied().collect(),
        found.denoiser.iter().copied().collect(),
        (0..3 * n).map(|at| bounds[at % 3][at / 3]).collect(),
    ]
}

fn agrees(
    text: &str,
    law: &FastLaw,
    points: &Array2<f32>,
    schedule: u32,
    watch: Watch,
) -> Result<(), String> {
    let found = launched(text, law, points, (schedule, 0), watch)?;
    if points.nrows() == 0 {
        return Ok(());
    }
    let expected = columns(&law.evaluate(points.view()).map_err(|e| e.to_string())?);
    for (name, (found, expected)) in
        ["log density", "score", "denoiser", "bounds"].iter().zip(found.iter().zip(&expected))
    {
        if let Some(at) = difference(&bits::<f32>(found), expected) {
            return Err(format!("{name}: {at}"));
        }
    }
    Ok(())
}

/// Exact values in f64, and how far they may be off: log density, score, denoiser.
struct Truth {
    values: [Array2<f64>; 3],
    /// N: at least the error, of the vectors its length.
    bounds: [Array1<f64>; 3],
}

fn truth(case: &Case, law: &Mixture, points: &Array2<f32>) -> Truth {
    let noised = law.through::<f64>(case.channel()).unwrap();
    let points = points.mapv(f64::from);
    let wanted = [Quantity::LogDensity, Quantity::Score, Quantity::Denoiser];
    let found = noised.evaluate(points.view(), &wanted).unwrap();
    let bounds = noised.bounds(points.view(), &wanted).unwrap();
    let length = |rows: Array2<f64>| -> Array1<f64> {
        rows.outer_iter()
            .map(|row| row.iter().map(|x| x * x).sum::<f64>().sqrt() * (1.0 + 1e-12))
            .collect()
    };
    let column = |x: Array1<f64>| x.insert_axis(ndarray::Axis(1));
    Truth {
        values: [column(found.log_density.unwrap()), found.score.unwrap(), found.denoiser.unwrap()],
        bounds: [
            bounds.log_density.unwrap(),
            length(bounds.score.unwrap()),
            length(bounds.denoiser.unwrap()),
        ],
    }
}

/// The largest error over its bound, each of the three quantities; infinite where a number is none.
fn worst(truth: &Truth, found: &[Vec<f32>]) -> [f64; 3] {
    std::array::from_fn(|q| {
        let width = truth.values[q].ncols();
        let mut worst = 0.0f64;
        for (row, exact) in truth.values[q].outer_iter().enumerate() {
            let bound = f64::from(found[3][3 * row + q]);
            let off = exact
                .iter()
                .enumerate()
                .map(|(i, e)| (f64::from(found[q][row * width + i]) - e).powi(2));
            let off = off.sum::<f64>().sqrt();
            if !off.is_finite() || bound.is_nan() {
                return f64::INFINITY;
            }
            // The truth is itself known within its bound.
            worst = worst.max(off / (bound + truth.bounds[q][row]));
        }
        worst
    })
}

fn numbers_of(buffers: &[Vec<u8>]) -> Vec<Vec<f32>> {
    buffers.iter().map(|b| numbers::<f32>(b)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_definition_is_within_its_bounds(case in cases()) {
        let law = case.mixture();
        let fast = FastLaw::new(&law, case.channel(), case.parts).unwrap();
        let points = case.points(&law);
        let found = columns(&fast.evaluate(points.view()).unwrap());
        let worst = worst(&truth(&case, &law, &points), &found);
        prop_assert!(worst.iter().all(|&w| w <= 1.0), "{worst:?}");
    }

    #[test]
    fn the_kernel_is_its_definition_and_every_unit_is_within_the_bounds(
        case in cases(), schedule in prop::sample::select(&SCHEDULES[..]), unit in UNITS,
    ) {
        let law = case.mixture();
        let fast = FastLaw::new(&law, case.channel(), case.parts).unwrap();
        let points = case.points(&law);
        let text = source::<f32>(case.kernel());
        let watch = if case.dimension == 17 { Watch::Sanitizers } else { Watch::Nothing };
        let verdict = agrees(&text, &fast, &points, schedule, watch);
        prop_assert!(verdict.is_ok(), "{verdict:?}");
        let found = numbers_of(&launched(&text, &fast, &points, (schedule, unit), watch).unwrap());
        let worst = worst(&truth(&case, &law, &points), &found);
        prop_assert!(worst.iter().all(|&w| w <= 1.0), "unit {unit}: {worst:?}");
    }
}

#[test]
fn nothing_is_launched_for_nothing_and_what_the_mode_cannot_do_is_refused() {
    let case = Case { points: 0, ..ordinary() };
    let law = case.mixture();
    let fast = FastLaw::new(&law, case.channel(), case.parts).unwrap();
    let found = agrees(&source::<f32>(case.kernel()), &fast, &case.points(&law), 0, Watch::Nothing);
    assert_eq!(found, Ok(()));
    assert!(fast.evaluate(case.points(&law).view()).is_err());
    let refused = |case: Case| {
        FastLaw::new(&case.mixture(), case.channel(), case.parts).unwrap_err().to_string()
    };
    assert!(refused(Case { dimension: 65, ..ordinary() }).contains("at most 64"));
    assert!(refused(Case { s: 1e-12, ..ordinary() }).contains("2^±60"));
    assert!(refused(Case { offset: 1e20, ..ordinary() }).contains("a mean"));
    let two = |covariance| {
        let law = Mixture::new(vec![0.5; 2], Array2::zeros((2, 2)), covariance).unwrap();
        FastLaw::new(&law, case.channel(), Parts::Three).unwrap_err().to_string()
    };
    assert!(two(Covariance::isotropic(vec![1.0, 2.0]).unwrap()).contains("variance[1] is 2.0"));
    assert!(two(Covariance::diagonal(Array2::ones((2, 2))).unwrap()).contains("isotropic"));
}

#[test]
fn a_thousand_components_in_64_dimensions_agree() {
    for components in [1000, 64] {
        let case = Case { components, dimension: 64, points: 17, ..ordinary() };
        let law = case.mixture();
        let fast = FastLaw::new(&law, case.channel(), case.parts).unwrap();
        let (text, points) = (source::<f32>(case.kernel()), case.points(&law));
        assert_eq!(agrees(&text, &fast, &points, 2, Watch::Nothing), Ok(()));
        let found = numbers_of(&launched(&text, &fast, &points, (0, 3), Watch::Nothing).unwrap());
        let worst = worst(&truth(&case, &law, &points), &found);
        assert!(worst.iter().all(|&w| w <= 1.0), "{worst:?}");
    }
}

#[test]
fn where_nothing_can_be_said_the_bound_is_infinite_and_the_numbers_are_finite() {
    let case = ordinary();
    let law = case.mixture();
    let fast = FastLaw::new(&law, case.channel(), case.parts).unwrap();
    let mut points = case.points(&law);
    points.row_mut(3).fill(1e30);
    points.row_mut(7)[1] = -f32::MAX;
    let found = fast.evaluate(points.view()).unwrap();
    for (row, bound) in found.score_bound.iter().enumerate() {
        assert_eq!(bound.is_finite(), row != 3 && row != 7, "{row}");
    }
    assert!(
        found.score.iter().chain(&found.denoiser).chain(&found.log_density).all(|x| x.is_finite())
    );
    assert_eq!(agrees(&source::<f32>(case.kernel()), &fast, &points, 1, Watch::Nothing), Ok(()));
}

/// The largest error over its bound for a case on a unit.
fn worst_on(case: &Case, unit: u32) -> f64 {
    let law = case.mixture();
    let fast = FastLaw::new(&law, case.channel(), case.parts).unwrap();
    let points = case.points(&law);
    let text = source::<f32>(case.kernel());
    let found = numbers_of(&launched(&text, &fast, &points, (0, unit), Watch::Nothing).unwrap());
    worst(&truth(case, &law, &points), &found).into_iter().fold(0.0, f64::max)
}

#[test]
fn units_that_the_assumption_does_not_allow_break_the_bound() {
    for unit in WRONG_UNITS {
        let off = worst_on(&ordinary(), unit);
        assert!(off > 1.0, "unit {unit}: {off}");
    }
    for unit in UNITS {
        let off = worst_on(&ordinary(), unit);
        assert!(off <= 1.0, "unit {unit}: {off}");
    }
}

#[test]
fn a_machine_gives_the_definition_s_bits_in_one_piece_or_several() {
    let case = Case { points: 300, components: 70, ..ordinary() };
    let law = case.mixture();
    let fast = FastLaw::new(&law, case.channel(), case.parts).unwrap();
    let points = case.points(&law);
    let expected = fast.evaluate(points.view()).unwrap();
    let machine = Shim::new();
    let there = DeviceFastLaw::new(&machine, &fast).unwrap();
    assert_eq!(there.evaluate(points.view()).unwrap(), expected);
    assert_eq!(machine.launches(), 1);
    // Room for 128 points of ten numbers and an eighth more.
    machine.claim_free(7000);
    assert_eq!(there.evaluate(points.view()).unwrap(), expected);
    assert_eq!(machine.launches(), 4);
    assert!(there.evaluate(Array2::zeros((2, 3)).view()).is_err());
}

/// How sharp the bounds are: `cargo test --release --test kernels_fast sharpness -- --ignored --nocapture`; docs/fast.md has the answer.
#[test]
#[ignore]
fn sharpness() {
    for (dimension, s) in [(2, 0.1), (2, 1.0), (64, 0.5), (64, 2.0)] {
        for parts in [Parts::Two, Parts::Three] {
            let case = Case {
                dimension,
                s,
                parts,
                components: 1000,
                a: 1.0,
                points: 64,
                spread: 1.0,
                ..ordinary()
            };
            let law = case.mixture();
            let fast = FastLaw::new(&law, case.channel(), parts).unwrap();
            let points = case.points(&law);
            let truth = truth(&case, &law, &points);
            for unit in [0, 3, 5] {
                let buffers = launched(
                    &source::<f32>(case.kernel()),
                    &fast,
                    &points,
                    (0, unit),
                    Watch::Nothing,
                );
                let found = numbers_of(&buffers.unwrap());
                let middle: Vec<f32> = (0..3)
                    .map(|q| {
                        let mut all: Vec<f32> =
                            found[3].iter().skip(q).step_by(3).copied().collect();
                        all.sort_by(f32::total_cmp);
                        all[all.len() / 2]
                    })
                    .collect();
                println!(
                    "d {dimension} s {s} {parts:?} unit {unit}: median bounds {middle:?}, worst error/bound {:?}",
                    worst(&truth, &found)
                );
            }
        }
    }
}

/// Whether some schedule shows that a changed kernel is wrong, without sanitizers or with them.
fn caught(from: &str, to: &str) -> bool {
    let case = Case { dimension: 17, components: 130, points: 20, ..ordinary() };
    let law = case.mixture();
    let fast = FastLaw::new(&law, case.channel(), case.parts).unwrap();
    let right = source::<f32>(case.kernel());
    assert!(right.contains(from), "{from}");
    let wrong = right.replacen(from, to, 1);
    let points = case.points(&law);
    let of = |schedule, watch| agrees(&wrong, &fast, &points, schedule, watch).is_err();
    [0, 1, 77].into_iter().any(|schedule| of(schedule, Watch::Nothing)) || of(0, Watch::Sanitizers)
}

#[test]
fn planted_mistakes_are_caught() {
    // What is caught must be the mistake: the text as it is passes.
    assert!(!caught("TILE", "TILE"));
    for (from, to) in [
        // A tile that is overwritten while others read it, and one that is read before it is there.
        (
            "__syncthreads();\n    for (int i = threadIdx.x; i < FIRST",
            "for (int i = threadIdx.x; i < FIRST",
        ),
        ("__syncthreads();\n\n    real weight", "real weight"),
        // A product of parts that is left out, one taken twice, and parts not of what is left.
        ("for (int p = 0; p <= order; ++p)", "for (int p = 0; p < order; ++p)"),
        ("right[order - p]", "right[order]"),
        ("second = second - from_bits(parts[p] & 0xffff0000u);", ""),
        // Sums that are not rescaled where the level rises.
        ("fused(sum[column][i], scale[i / 2], high", "fused(sum[column][i], (real)1, high"),
        ("fused(total[row], scale[row], part[row])", "total[row] + part[row]"),
        // Fragments with rows and columns the other way round, and a thread's place in them.
        ("left[step][p][2 * half + row]", "left[step][p][2 * row + half]"),
        ("weights[2 * step + i / 2][i % 2][p]", "weights[2 * step + i % 2][i / 2][p]"),
        ("group = lane / 4, quad = lane % 4", "group = lane % 8, quad = lane / 8"),
        ("64 + 2 * lane + half]", "64 + 32 * half + lane]"),
        // The largest logit of a thread for that of its row, and a sum of two threads of four.
        ("larger(top[row], largest_of_quad(most[row]))", "larger(top[row], most[row])"),
        ("return x + EXCHANGE(x, 2);", "return x;"),
        // Steps beyond the points and the dimension.
        ("if (point < n && i < DIMENSION) {", "if (i < DIMENSION) {"),
        ("if (point < n && i < DIMENSION) {", "if (point < n) {"),
        ("if (point >= n || i >= DIMENSION) return 0;", "if (i >= DIMENSION) return 0;"),
        // The low part of the centre, and bounds: of a point too far, without the mean's floor.
        ("- centre[2 * DIMENSION + i];", ";"),
        ("fused(factor, spread, numbers[MEAN_FLOOR])", "factor * spread"),
    ] {
        assert!(caught(from, to), "{from}: {to}");
    }
}
