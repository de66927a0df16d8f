//! The CUDA kernels, run on the CPU, equal the Rust path bit for bit (N3): laws, shapes, points and schedules of every kind.
//!
//! The reference is `Noised::evaluate_reference` and `arith`. At the end mistakes are planted in the kernels' text, and each must be seen.

mod cuda;
mod generators;
mod judge;

use cuda::agree::{Run, SCHEDULES, blocks, compiled_for, difference, first_order_agrees};
use cuda::{Argument, Launch, Program, Watch, bits};
use generators::{Case, cases};
use ndarray::Array2;
use proptest::prelude::*;
use tweedie::arith::{Real, fill_normal, fill_uniform, scalar};
use tweedie::cuda::{Kernel, Kind, Tables, source};
use tweedie::law::Noised;

/// Numbers of every size and sign, with the ends of the range, subnormal ones and what is no number.
fn hard_numbers<T: Real>(n: usize) -> Vec<T> {
    let mut raw = vec![0.0f64; n];
    fill_uniform(7, 0, 0, &mut raw);
    let mut signs = vec![0.0f64; n];
    fill_uniform(7, 1, 0, &mut signs);
    let low = T::TINY.log2() - 1.0;
    let mut all: Vec<T> = raw
        .iter()
        .zip(&signs)
        .enumerate()
        .map(|(i, (u, sign))| {
            let size = match i % 3 {
                0 => (low - 2.0 * low * u).exp2(),
                1 => 120.0 * u,
                _ => 800.0 * u,
            };
            T::from_f64(if *sign < 0.5 { -size } else { size })
        })
        .collect();
    let edges =
        [T::ZERO, T::ONE, T::HALF, T::MAX, T::MIN_POSITIVE, T::INFINITY, T::from_f64(T::TINY)];
    all.extend(edges.iter().flat_map(|&x| [x, -x]));
    all.push(T::NAN);
    all
}

fn functions_agree<T: Real>(text: &str) -> Result<(), String> {
    let input = hard_numbers::<T>(20_001);
    let program = Program::new(text, Watch::Sanitizers);
    let functions: [fn(T) -> T; 5] = [
        scalar::exp,
        scalar::ln,
        scalar::sigmoid,
        |x| scalar::sin_cos_turns(x).0,
        |x| scalar::sin_cos_turns(x).1,
    ];
    for (which, function) in functions.iter().enumerate() {
        let n = input.len();
        let launch = Launch { schedule: 0, blocks: blocks(n as u64, 256), threads: 256, shared: 0 };
        let arguments = [
            Argument::int(which as i32),
            Argument::count(n as u64),
            Argument::array(&input),
            Argument::room::<T>(n),
        ];
        let found = program.run("functions_apply", launch, &arguments)?;
        let expected: Vec<T> = input.iter().map(|&x| function(x)).collect();
        if let Some(at) = difference(&bits::<T>(&found[1]), &expected) {
            return Err(format!("{} function {which}: {at}", T::NAME));
        }
    }
    Ok(())
}

#[test]
fn the_functions_of_one_number_agree() {
    functions_agree::<f64>(&source::<f64>(Kernel::Functions)).unwrap();
    functions_agree::<f32>(&source::<f32>(Kernel::Functions)).unwrap();
}

fn random_agrees<T: Real>(
    seed: u64,
    stream: u64,
    start: u64,
    n: usize,
    threads: u32,
) -> Result<(), String> {
    let program = Program::new(&source::<T>(Kernel::Random), Watch::Sanitizers);
    for normal in [false, true] {
        let mut expected = vec![T::ZERO; n];
        let fill = if normal { fill_normal::<T> } else { fill_uniform::<T> };
        fill(seed, stream, start, &mut expected);
        let launch =
            Launch { schedule: 0, blocks: blocks(n as u64 / 2 + 2, threads), threads, shared: 0 };
        let arguments = [
            Argument::int(normal as i32),
            Argument::count(seed),
            Argument::count(stream),
            Argument::count(start),
            Argument::count(n as u64),
            Argument::room::<T>(n),
        ];
        let found = program.run("random_fill", launch, &arguments)?;
        if let Some(at) = difference(&bits::<T>(&found[0]), &expected) {
            return Err(format!("{} normal {normal}: {at}", T::NAME));
        }
    }
    Ok(())
}

fn kernel_of<T: Real>(law: &Noised<T>) -> Kernel {
    compiled_for(law, |dimension, kind| Kernel::Mixture { dimension, kind })
}

/// Every output of the kernel against the reference.
fn mixture_agrees<T: Real>(
    text: &str,
    law: &Noised<T>,
    points: &Array2<T>,
    run: &Run,
) -> Result<(), String> {
    let (tables, n, d, k) = (Tables::of(law), points.nrows(), law.dimension(), law.components());
    let launch = Launch {
        schedule: run.schedule,
        blocks: blocks(n as u64, run.threads),
        threads: run.threads,
        shared: tables.kind.shared_bytes::<T>(d) as u32,
    };
    let threads = (launch.blocks * launch.threads) as usize;
    let flat: Vec<T> = points.iter().copied().collect();
    let arguments = [
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
        Argument::room::<T>(kernel_of(law).workspace_numbers::<T>() * threads),
        Argument::room::<T>(n),
        Argument::room::<T>(n * d),
        Argument::room::<T>(n * d),
        Argument::room::<T>(n * d),
        Argument::room::<T>(n * k),
    ];
    let program = Program::new(text, run.watch);
    let buffers = program.run("mixture_evaluate", launch, &arguments)?;
    first_order_agrees(law, points.view(), &buffers[buffers.len() - 5..])
}

fn case_agrees<T: Real>(
    case: &Case,
    n: usize,
    stretch: f64,
    run: &Run,
) -> Result<(), TestCaseError> {
    // A law that the format cannot hold is refused before any kernel.
    let Ok(law) = case.mixture().through::<T>(case.channel()) else { return Ok(()) };
    let verdict =
        mixture_agrees(&source::<T>(kernel_of(&law)), &law, &case.stretched(n, stretch), run);
    prop_assert!(verdict.is_ok(), "{verdict:?}");
    Ok(())
}

/// Few dimensions, since each is compiled: with and without registers, with and without shared memory.
fn laws() -> impl Strategy<Value = Case> {
    let dimension = prop_oneof![Just(1usize), Just(2), Just(3), Just(8), Just(9), Just(64)];
    (cases(2, 200), dimension).prop_map(|(case, dimension)| Case {
        dimension,
        components: if dimension > 9 { case.components.min(70) } else { case.components },
        ..case
    })
}

fn runs() -> impl Strategy<Value = Run> {
    let threads = prop_oneof![Just(1u32), Just(32), Just(33), Just(128)];
    let watch = prop_oneof![3 => Just(Watch::Nothing), 1 => Just(Watch::Sanitizers)];
    (threads, prop::sample::select(&SCHEDULES[..]), watch)
        .prop_map(|(threads, schedule, watch)| Run { threads, schedule, watch })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn the_mixture_agrees(
        case in laws(), n in prop_oneof![Just(1usize), 2usize..70], run in runs(),
        stretch in prop_oneof![3 => Just(1.0f64), 1 => Just(1e18), 1 => Just(1e36), 1 => Just(1e160), 1 => Just(1e300)],
    ) {
        case_agrees::<f64>(&case, n, stretch, &run)?;
        case_agrees::<f32>(&case, n, stretch, &run)?;
    }

    #[test]
    fn random_numbers_agree(
        seed in any::<u64>(), stream in any::<u64>(), n in 0usize..300,
        start in prop_oneof![0u64..9, any::<u64>(), (0u64..40).prop_map(|x| u64::MAX - x)],
        threads in prop_oneof![Just(1u32), Just(33), Just(128)],
    ) {
        for verdict in [
            random_agrees::<f64>(seed, stream, start, n, threads),
            random_agrees::<f32>(seed, stream, start, n, threads),
        ] {
            prop_assert!(verdict.is_ok(), "{verdict:?}");
        }
    }
}

/// Whether some schedule shows that a changed kernel is wrong.
fn caught(kind: generators::Kind, from: &str, to: &str) -> bool {
    let case = Case::ordinary(kind, 2, 150);
    let law = case.mixture().through::<f32>(case.channel()).unwrap();
    let right = source::<f32>(kernel_of(&law));
    assert!(right.contains(from), "{from}");
    let wrong = right.replacen(from, to, 1);
    let points = [case.stretched::<f32>(70, 1.0), case.stretched(70, 1e30)];
    SCHEDULES.iter().any(|&schedule| {
        let run = Run { threads: 64, schedule, watch: Watch::Sanitizers };
        points.iter().any(|points| mixture_agrees(&wrong, &law, points, &run).is_err())
    })
}

#[test]
fn planted_mistakes_are_caught() {
    use generators::Kind::{Diagonal, Full, Isotropic};
    // What is caught must be the mistake: the text as it is passes.
    for kind in [Isotropic, Diagonal, Full] {
        assert!(!caught(kind, "STAGED", "STAGED"), "{kind:?}");
    }
    let mutants = [
        // A missing barrier before the tables are overwritten, and one after they are written.
        (Isotropic, "__syncthreads();\n  View to", "View to"),
        (Isotropic, "__syncthreads();\n  return to", "return to"),
        // A barrier that idle threads skip.
        (
            Isotropic,
            "SHARED(real, room);\n",
            "SHARED(real, room);\n  if (threadIdx.x > 60) return from;\n",
        ),
        // Blocks combined the other way round, and a sum in another order.
        (
            Isotropic,
            "fused(before.total, kept, block.total * added)",
            "fused(block.total, added, before.total * kept)",
        ),
        (
            Diagonal,
            "for (int i = 0; i < DIMENSION; ++i) sum = fused(p.z[i] *",
            "for (int i = DIMENSION - 1; i >= 0; --i) sum = fused(p.z[i] *",
        ),
        // A contraction that the reference does not have, and one that is missing.
        (
            Isotropic,
            "sums.largest + canonical_ln(sums.total)) + reference",
            "sums.largest + (canonical_ln(sums.total) + reference))",
        ),
        (
            Full,
            "p.z[i] = fused(-p.a, p.scale * mu, p.scale * p.x[i])",
            "p.z[i] = p.scale * p.x[i] - p.a * (p.scale * mu)",
        ),
        // A step beyond the points, and beyond the tables.
        (Isotropic, "const bool active = thread < n;", "const bool active = thread <= n;"),
        (Full, "i < count; i += blockDim.x", "i <= count; i += blockDim.x"),
        // Far points.
        (Isotropic, "if (q < far.least)", "if (q <= far.least * (real)1.5)"),
        (Diagonal, "-0.5 * far.least / p.scale / p.scale", "-0.5 * far.least / p.scale"),
    ];
    for (kind, from, to) in mutants {
        assert!(caught(kind, from, to), "{kind:?}: {to}");
    }
    let right = source::<f32>(Kernel::Functions);
    for (from, to) in [
        ("fused(-n, LN2_LO, r_hi - r)", "(real)0"),
        ("half_square + series, lost", "half_square + series, shift_lo"),
        ("parabola_lo - bend_lo", "parabola_lo"),
    ] {
        let wrong = right.replacen(from, to, 1);
        assert_ne!(wrong, right, "{from}");
        assert!(functions_agree::<f32>(&wrong).is_err(), "{to}");
    }
}

#[test]
fn a_block_fits_the_shared_memory_that_it_asks_for() {
    assert_eq!(Kind::Isotropic.shared_bytes::<f32>(2), 64 * (2 + 2 + 1 + 1 + 1) * 4);
    assert_eq!(Kind::Diagonal.shared_bytes::<f64>(3), 64 * (3 + 3 + 1 + 3 + 3) * 8);
    assert_eq!(Kind::Full.shared_bytes::<f64>(2), 64 * (2 + 2 + 1 + 2 + 4) * 8);
    assert_eq!(Kind::Full.shared_bytes::<f64>(64), 0);
}
