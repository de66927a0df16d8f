//! The kernels of the posterior covariance and of its products, run on the CPU, equal the Rust path bit for bit (T2, N3).
//!
//! At the end mistakes are planted in the kernels' text, and each must be seen.

mod cuda;
mod generators;
mod judge;

use cuda::agree::{Run, SCHEDULES, blocks, compiled_for, difference, numbers, some_run};
use cuda::{Argument, Launch, Program, Watch, bits};
use generators::{Case, cases};
use ndarray::{Array2, array};
use proptest::prelude::*;
use tweedie::Error;
use tweedie::arith::{Real, fill_normal};
use tweedie::channel::Channel;
use tweedie::cuda::{Kernel, Tables, source};
use tweedie::law::{Covariance, Mixture, Noised};

fn kernel_of<T: Real>(law: &Noised<T>) -> Kernel {
    compiled_for(law, |dimension, kind| Kernel::Covariance { dimension, kind })
}

/// What one of the two kernels leaves, `width` numbers a point.
fn launch<T: Real>(
    text: &str,
    law: &Noised<T>,
    points: &[T],
    vectors: Option<&[T]>,
    run: &Run,
) -> Result<Vec<u8>, String> {
    let (tables, kernel, d) = (Tables::of(law), kernel_of(law), law.dimension());
    let n = points.len() / d;
    let launch = Launch {
        schedule: run.schedule,
        blocks: blocks(n as u64, run.threads),
        threads: run.threads,
        shared: kernel.shared_bytes::<T>() as u32,
    };
    let threads = (launch.blocks * launch.threads) as usize;
    let mut arguments = vec![Argument::count(n as u64), Argument::array(points)];
    arguments.extend(vectors.map(Argument::array));
    arguments.extend([
        Argument::int(law.components() as i32),
        Argument::array(tables.mean),
        Argument::array(tables.offset),
        Argument::array(tables.precision),
        Argument::array(tables.gain),
        Argument::array(tables.whitener),
        Argument::array(Tables::within(law)),
        Argument::real(tables.a),
        Argument::real(tables.s),
        Argument::real(tables.safe_radius),
        Argument::real(tables.largest_mean),
        Argument::room::<T>(kernel.workspace_numbers::<T>() * threads),
        Argument::room::<T>(n * d * if vectors.is_some() { 1 } else { d }),
    ]);
    let name = if vectors.is_some() { "covariance_product" } else { "covariance_matrix" };
    let mut buffers = Program::new(text, run.watch).run(name, launch, &arguments)?;
    buffers.pop().ok_or_else(|| "no buffer".to_string())
}

/// Both kernels against `posterior_covariance` and `posterior_covariance_product`.
fn covariance_agrees<T: Real>(
    text: &str,
    law: &Noised<T>,
    points: &Array2<T>,
    vectors: &Array2<T>,
    run: &Run,
) -> Result<(), String> {
    let flat: Vec<T> = points.iter().copied().collect();
    let expected = law.posterior_covariance(points.view()).map_err(|e| e.to_string())?;
    let expected: Vec<T> = expected.iter().copied().collect();
    let found = launch(text, law, &flat, None, run)?;
    if let Some(at) = difference(&bits::<T>(&found), &expected) {
        return Err(format!("{} covariance {:?}: {at}", T::NAME, Tables::of(law).kind));
    }
    let along: Vec<T> = vectors.iter().copied().collect();
    let found = launch(text, law, &flat, Some(&along), run)?;
    let at = match law.posterior_covariance_product(points.view(), vectors.view()) {
        Ok(expected) => {
            let expected: Vec<T> = expected.iter().copied().collect();
            difference(&bits::<T>(&found), &expected)
        }
        // Where the product leaves the format, the kernel's first number without a value stands at the same place.
        Err(Error::NotFinite { what: "covariance product", index, .. }) => {
            let first = numbers::<T>(&found).iter().position(|x| !x.is_finite());
            let place = index[0] * law.dimension() + index[1];
            (first != Some(place)).then(|| format!("left the format at {first:?}, not {place}"))
        }
        Err(other) => Some(other.to_string()),
    };
    at.map_or(Ok(()), |at| Err(format!("{} product {:?}: {at}", T::NAME, Tables::of(law).kind)))
}

/// Points of a case, two of three stretched; and vectors, one of three stretched.
fn inputs<T: Real>(case: &Case, n: usize, stretch: f64, long: f64) -> (Array2<T>, Array2<T>) {
    let limit = T::MAX.to_f64();
    let mut vectors = vec![0.0f64; n * case.dimension];
    fill_normal(case.seed, 9, 0, &mut vectors);
    let mut vectors = Array2::from_shape_vec((n, case.dimension), vectors).expect("the shape");
    vectors.outer_iter_mut().step_by(3).for_each(|mut row| row.mapv_inplace(|x| x * long));
    let fit = |x: f64| T::from_f64(x.clamp(-limit, limit));
    (case.stretched(n, stretch), vectors.mapv(fit))
}

fn case_agrees<T: Real>(
    case: &Case,
    n: usize,
    (stretch, long): (f64, f64),
    run: &Run,
) -> Result<(), TestCaseError> {
    // A law that the format cannot hold is refused before any kernel.
    let Ok(law) = case.mixture().through::<T>(case.channel()) else { return Ok(()) };
    let (points, vectors) = inputs::<T>(case, n, stretch, long);
    let text = source::<T>(kernel_of(&law));
    let verdict = covariance_agrees(&text, &law, &points, &vectors, run);
    prop_assert!(verdict.is_ok(), "{verdict:?}");
    Ok(())
}

/// Few dimensions, since each is compiled: in registers, and in the workspace under the sanitizers.
fn laws() -> impl Strategy<Value = Case> {
    let dimension = prop_oneof![Just(3usize), Just(5)];
    (cases(2, 200), dimension).prop_map(|(case, dimension)| Case { dimension, ..case })
}

fn runs() -> impl Strategy<Value = Run> {
    let threads = prop_oneof![Just(1u32), Just(32), Just(33), Just(64)];
    (threads, prop::sample::select(&SCHEDULES[..])).prop_map(|(threads, schedule)| Run {
        threads,
        schedule,
        watch: Watch::Nothing,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn the_covariance_agrees(
        case in laws(), n in prop_oneof![Just(1usize), 2usize..50], run in runs(),
        stretch in prop_oneof![3 => Just(1.0f64), 1 => Just(1e18), 1 => Just(1e36), 1 => Just(1e160), 1 => Just(1e300)],
        long in prop_oneof![Just(1.0f64), Just(1e30), Just(1e300)],
    ) {
        let watch = if case.dimension == 3 { Watch::Nothing } else { Watch::Sanitizers };
        let run = Run { watch, ..run };
        case_agrees::<f64>(&case, n, (stretch, long), &run)?;
        case_agrees::<f32>(&case, n, (stretch, long), &run)?;
    }
}

#[test]
fn no_point_gives_nothing() {
    let case = Case::ordinary(generators::Kind::Full, 2, 150);
    let law = case.mixture().through::<f64>(case.channel()).unwrap();
    let run = Run { threads: 32, schedule: 0, watch: Watch::Sanitizers };
    let text = source::<f64>(kernel_of(&law));
    assert!(launch(&text, &law, &[], None, &run).unwrap().is_empty());
    assert!(launch(&text, &law, &[], Some(&[]), &run).unwrap().is_empty());
}

/// Whether some schedule shows that a changed kernel is wrong.
fn caught(kind: generators::Kind, from: &str, to: &str) -> bool {
    let case = Case::ordinary(kind, 2, 150);
    let law = case.mixture().through::<f32>(case.channel()).unwrap();
    let right = source::<f32>(kernel_of(&law));
    assert!(right.contains(from), "{from}");
    let wrong = right.replacen(from, to, 1);
    some_run(|run| {
        [1.0, 1e30].into_iter().any(|stretch| {
            let (points, vectors) = inputs::<f32>(&case, 70, stretch, 1.0);
            covariance_agrees(&wrong, &law, &points, &vectors, run).is_err()
        })
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
        // A barrier that threads with a far point skip.
        (Isotropic, "visit) {\n", "visit) {\n  if (!w.near) return;\n"),
        // Another reference than the heaviest component, and the other of the two forms.
        (Isotropic, "e.heaviest = k;", "e.heaviest = 0;"),
        (Diagonal, "by_scores < by_means", "by_means < by_scores"),
        // Blocks combined the other way round, and a sum in another order.
        (Isotropic, "fused(w.total, kept, total * added)", "fused(total, added, w.total * kept)"),
        (
            Full,
            "sum.at(i, j) = fused(scaled, e.one[j], sum.at(i, j));",
            "sum.at(i, j) = fused(e.one[i], e.one[j] * r, sum.at(i, j));",
        ),
        // A contraction that the reference does not have, and one that is missing.
        (
            Isotropic,
            "e.factor * (e.precision[i] - precision)",
            "fused(e.factor, e.precision[i], -(e.factor * precision))",
        ),
        (Diagonal, "sum[i] = fused(r, own, sum[i])", "sum[i] = sum[i] + r * own"),
        // A step beyond the points, and beyond the tables.
        (Isotropic, "const bool active = thread < n;", "const bool active = thread <= n;"),
        (
            Full,
            "((count_t)k * DIMENSION + i) * DIMENSION + j]",
            "((count_t)(k + 1) * DIMENSION + i) * DIMENSION + j]",
        ),
        // Responsibilities that are not found again as they were.
        (
            Isotropic,
            "canonical_exp(logit(view, k, p) - w.largest) / w.total",
            "canonical_exp(logit(view, k, p) - w.largest)",
        ),
        // A far point among near ones, weighed as they are.
        (Isotropic, "const View view = w.near ? block : law;", "const View view = block;"),
    ];
    for (kind, from, to) in mutants {
        assert!(caught(kind, from, to), "{kind:?}: {to}");
    }
}

/// Two components so far apart that the squares of their deviations leave f32, seen from midway.
#[test]
fn deviations_are_held_to_the_format() {
    let means = array![[1e20, 0.0], [-1e20, 1.0]];
    let covariance = Covariance::isotropic(vec![0.0; 2]).unwrap();
    let mixture = Mixture::new(vec![0.5; 2], means, covariance).unwrap();
    let law = mixture.through::<f32>(Channel::variance_exploding(1e15).unwrap()).unwrap();
    let (points, vectors) = (array![[0.0f32, 0.5], [1.0, 0.5]], array![[1.0f32, 0.0], [0.0, 1.0]]);
    let right = source::<f32>(kernel_of(&law));
    let agrees = |text: &str, run: &Run| covariance_agrees(text, &law, &points, &vectors, run);
    assert!(!some_run(|run| agrees(&right, run).is_err()));
    for (from, to) in [
        ("one > LARGEST_DEVIATION ? LARGEST_DEVIATION : one", "one"),
        ("- e.mean[i]) / p.scale;", "- e.mean[i]);"),
    ] {
        let wrong = right.replacen(from, to, 1);
        assert_ne!(wrong, right, "{from}");
        assert!(some_run(|run| agrees(&wrong, run).is_err()), "{to}");
    }
}
