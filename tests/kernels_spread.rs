//! The kernels for few points and many components, run on the CPU, equal the Rust reference bit for bit (T1, N1, N3).
//!
//! The canonical blocks of a point are made by many thread blocks and combined by one; the bits are those of one thread. At the end mistakes are
//! planted in the kernels' text, and each must be seen.

mod cuda;
mod generators;
mod judge;

use cuda::agree::{Run, SCHEDULES, compiled_for, first_order_agrees, some_run};
use cuda::{Argument, Launch, Program, Watch};
use generators::{Case, cases};
use ndarray::Array2;
use proptest::prelude::*;
use tweedie::arith::Real;
use tweedie::cuda::{Kernel, Kind, Tables, source};
use tweedie::law::{COMPONENT_BLOCK, Noised};

fn kernel_of<T: Real>(law: &Noised<T>) -> Kernel {
    compiled_for(law, |dimension, kind| Kernel::Spread { dimension, kind })
}

/// Every output of the two launches against the reference; `slices` divides the points of the first one among thread blocks.
fn spread_agrees<T: Real>(
    text: &str,
    law: &Noised<T>,
    points: &Array2<T>,
    slices: u32,
    run: &Run,
) -> Result<(), String> {
    let (tables, kernel) = (Tables::of(law), kernel_of(law));
    let (n, d, k) = (points.nrows(), law.dimension(), law.components());
    let all = k.div_ceil(COMPONENT_BLOCK);
    let flat: Vec<T> = points.iter().copied().collect();
    let shared = kernel.shared_bytes::<T>() as u32;
    let (schedule, width) = (run.schedule, COMPONENT_BLOCK as u32);
    let launch = Launch { schedule, blocks: all as u32 * slices, threads: width, shared };
    // Room for whitened differences where they do not fit in shared memory.
    let outside = tables.kind == Kind::Full && !kernel.whitened_in_shared::<T>();
    let whitened = if outside { launch.blocks as usize * COMPONENT_BLOCK * d } else { 0 };
    let program = Program::new(text, run.watch);
    let partials = program.run(
        "spread_partials",
        launch,
        &[
            Argument::count(n as u64),
            Argument::array(&flat),
            Argument::int(k as i32),
            Argument::array(tables.mean),
            Argument::array(tables.shifted),
            Argument::array(tables.offset),
            Argument::array(tables.precision),
            Argument::array(tables.gain),
            Argument::array(tables.whitener),
            Argument::real(tables.a),
            Argument::real(tables.safe_radius),
            Argument::room::<T>(whitened),
            Argument::room::<T>(n * all * (2 + 2 * d)),
            Argument::room::<T>(n * k),
        ],
    )?;
    let [.., sums, logits] = partials.as_slice() else { return Err("no buffers".to_string()) };
    let launch = Launch { blocks: n.max(1) as u32, threads: run.threads, ..launch };
    let buffers = program.run(
        "spread_combine",
        launch,
        &[
            Argument::count(n as u64),
            Argument::array(&flat),
            Argument::int(k as i32),
            Argument::array(tables.mean),
            Argument::array(tables.origin),
            Argument::array(tables.shifted),
            Argument::array(tables.offset),
            Argument::array(tables.precision),
            Argument::array(tables.gain),
            Argument::array(tables.whitener),
            Argument::real(tables.a),
            Argument::real(tables.s),
            Argument::real(tables.reference),
            Argument::real(tables.safe_radius),
            Argument::real(tables.largest_mean),
            Argument::Buffer(sums.clone()),
            Argument::room::<T>(n * (1 + 2 * d)),
            Argument::room::<T>(n * kernel.workspace_numbers::<T>()),
            Argument::room::<T>(n),
            Argument::room::<T>(n * d),
            Argument::room::<T>(n * d),
            Argument::room::<T>(n * d),
            Argument::Buffer(logits.clone()),
        ],
    )?;
    if n == 0 {
        return Ok(());
    }
    first_order_agrees(law, points.view(), &buffers[buffers.len() - 5..])
}

fn case_agrees<T: Real>(
    case: &Case,
    n: usize,
    (stretch, slices): (f64, u32),
    run: &Run,
) -> Result<(), TestCaseError> {
    // A law that the format cannot hold is refused before any kernel.
    let Ok(law) = case.mixture().through::<T>(case.channel()) else { return Ok(()) };
    let text = source::<T>(kernel_of(&law));
    let verdict = spread_agrees(&text, &law, &case.stretched(n, stretch), slices, run);
    prop_assert!(verdict.is_ok(), "{verdict:?}");
    Ok(())
}

/// Few dimensions, since each is compiled; up to more canonical blocks than a tile of the combination has.
fn laws() -> impl Strategy<Value = Case> {
    let dimension = prop_oneof![3 => Just(2usize), 2 => Just(9), 1 => Just(100)];
    let many = prop_oneof![Just(None), (4100usize..8500).prop_map(Some)];
    (cases(2, 700), dimension, many).prop_map(|(case, dimension, many)| Case {
        dimension,
        components: match (dimension, many) {
            (2, Some(many)) => many,
            (100, _) => case.components.min(66),
            _ => case.components,
        },
        ..case
    })
}

fn runs() -> impl Strategy<Value = Run> {
    let threads = prop_oneof![Just(64u32), Just(96), Just(128)];
    (threads, prop::sample::select(&SCHEDULES[..])).prop_map(|(threads, schedule)| Run {
        threads,
        schedule,
        watch: Watch::Nothing,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn few_points_and_many_components_agree(
        case in laws(), n in 0usize..6, run in runs(), slices in 1u32..4,
        stretch in prop_oneof![3 => Just(1.0f64), 1 => Just(1e18), 1 => Just(1e36), 1 => Just(1e160), 1 => Just(1e300)],
    ) {
        let watch = if case.dimension == 9 { Watch::Sanitizers } else { Watch::Nothing };
        let run = Run { watch, ..run };
        case_agrees::<f64>(&case, n, (stretch, slices), &run)?;
        case_agrees::<f32>(&case, n, (stretch, slices), &run)?;
    }
}

/// Whether some schedule shows that a changed kernel is wrong.
fn caught(kind: generators::Kind, from: &str, to: &str) -> bool {
    // More blocks of components than a tile of the combination has, the last of them short.
    let case = Case::ordinary(kind, 2, 64 * 70 + 7);
    let law = case.mixture().through::<f32>(case.channel()).unwrap();
    let right = source::<f32>(kernel_of(&law));
    assert!(right.contains(from), "{from}");
    let wrong = right.replacen(from, to, 1);
    let points = case.stretched::<f32>(3, 1.0);
    some_run(|run| spread_agrees(&wrong, &law, &points, 2, run).is_err())
}

#[test]
fn planted_mistakes_are_caught() {
    use generators::Kind::{Diagonal, Full, Isotropic};
    // What is caught must be the mistake: the text as it is passes.
    for kind in [Isotropic, Diagonal, Full] {
        assert!(!caught(kind, "STAGED", "STAGED"), "{kind:?}");
    }
    let mutants = [
        // Each barrier that is missing: before a point's whitened differences overwrite the last point's, before logits are read, before weights.
        (Full, "if (FORM == 2) __syncthreads();", ""),
        (
            Isotropic,
            "__syncthreads();\n    real largest = logit_of[0]",
            "real largest = logit_of[0]",
        ),
        (Isotropic, "__syncthreads();\n    real *sums", "real *sums"),
        // The same in the combination: before a tile's logits are read, before its factors are, before the total is.
        (Isotropic, "__syncthreads();\n    // Every thread follows", "// Every thread follows"),
        (
            Isotropic,
            "__syncthreads();\n    for (int i = lane; i < totals",
            "for (int i = lane; i < totals",
        ),
        (Isotropic, "__syncthreads();\n  const real total", "const real total"),
        // A barrier that threads without a component skip.
        (
            Isotropic,
            "if (!near) continue;\n    // What",
            "if (!near || lane >= count) continue;\n    // What",
        ),
        // Blocks combined the other way round, in reverse, and relative to a logit that is not the largest so far.
        (
            Isotropic,
            "fused(total, kept[j], tile[j * PARTIAL_NUMBERS + 1 + i] * added[j])",
            "fused(tile[j * PARTIAL_NUMBERS + 1 + i], added[j], total * kept[j])",
        ),
        (
            Isotropic,
            "for (int j = 0; j < count; ++j) total = fused(",
            "for (int j = count - 1; j >= 0; --j) total = fused(",
        ),
        (
            Isotropic,
            "if (j == lane) before = largest, after = both;",
            "if (j == lane) before = largest, after = largest;",
        ),
        // A contraction that the reference does not have, and one that is missing.
        (
            Diagonal,
            "square = fused(FORM == 0 ? z : z * precision[k * DIMENSION + i], z, square)",
            "square = square + z * precision[k * DIMENSION + i] * z",
        ),
        (
            Full,
            "summand = shifted[k * DIMENSION + i] + summand;",
            "summand = fused((real)1, summand, shifted[k * DIMENSION + i] * (real)1.0000001);",
        ),
        // A step beyond the last block's components, and beyond the points.
        (Isotropic, "if (lane < count) {", "if (lane <= count) {"),
        (Isotropic, "point < n; point += slices", "point <= n; point += slices"),
    ];
    for (kind, from, to) in mutants {
        assert!(caught(kind, from, to), "{kind:?}: {to}");
    }
}
