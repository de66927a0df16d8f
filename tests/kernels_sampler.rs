//! The sampler's kernel, run on the CPU, equals `sampler::sample` with the exact denoiser bit for bit (T8, N3), or stops where it stops.
//!
//! A run is cut as a host may cut it: rows into two launches, steps into two. At the end mistakes are planted in the kernel's text.

mod cuda;
mod generators;
mod judge;

use std::ops::Range;

use cuda::agree::{Run, SCHEDULES, blocks, difference, numbers, some_run};
use cuda::{Argument, Launch, Program, Watch, bits};
use generators::{Case, cases};
use ndarray::{Array2, s};
use proptest::prelude::*;
use tweedie::Error;
use tweedie::arith::Real;
use tweedie::channel::{Channel, Steps};
use tweedie::cuda::{Kernel, SamplerTables, check_outcomes, source};
use tweedie::denoiser::Exact;
use tweedie::sampler::{End, Method, Options, Start, sample};

/// A run of the sampler, and how it is cut.
#[derive(Clone, Debug)]
struct Plan {
    steps: Steps,
    method: Method,
    end: End,
    /// Points from the case, stretched so much; else the customary start.
    given: Option<f64>,
    points: usize,
    seed: u64,
    /// Rows of the first launch, and steps of the first launch; at most all.
    rows: usize,
    first_steps: usize,
}

fn kernel<T: Real>(tables: &SamplerTables<T>) -> Kernel {
    Kernel::Sampler { dimension: tables.dimension, kind: tables.kind }
}

/// The rows and their outcomes after the steps of the tables.
fn launch<T: Real>(
    text: &str,
    tables: &SamplerTables<T>,
    run: &Run,
    seed: u64,
    (first, deviation): (usize, T),
    states: &[T],
    outcomes: &[u64],
) -> Result<(Vec<T>, Vec<u64>), String> {
    let n = outcomes.len();
    let kernel = kernel(tables);
    let launch = Launch {
        schedule: run.schedule,
        blocks: blocks(n as u64, run.threads),
        threads: run.threads,
        shared: kernel.shared_bytes::<T>() as u32,
    };
    let threads = (launch.blocks * launch.threads) as usize;
    let arguments = [
        Argument::count(n as u64),
        Argument::array(states),
        Argument::count(first as u64),
        Argument::count(seed),
        Argument::count(tables.done),
        Argument::int(tables.kinds.len() as i32),
        Argument::real(deviation),
        Argument::words(&tables.kinds),
        Argument::array(&tables.weights),
        Argument::array(&tables.levels),
        Argument::int(tables.components as i32),
        Argument::array(&tables.mean),
        Argument::array(&tables.origin),
        Argument::array(&tables.shifted),
        Argument::array(&tables.offset),
        Argument::array(&tables.precision),
        Argument::array(&tables.gain),
        Argument::array(&tables.whitener),
        Argument::real(tables.largest_mean),
        Argument::room::<T>(kernel.workspace_numbers::<T>() * threads),
        Argument::counts(outcomes),
    ];
    let buffers = Program::new(text, run.watch).run("sampler_run", launch, &arguments)?;
    Ok((numbers(&buffers[0]), bits::<f64>(&buffers[buffers.len() - 1])))
}

/// The whole run by launches of the kernel, against `sample`.
fn run_agrees<T: Real>(
    text: Option<&str>,
    case: &Case,
    plan: &Plan,
    run: &Run,
) -> Result<(), String> {
    let (law, n, d) = (case.mixture(), plan.points, case.dimension);
    let given = plan.given.map(|stretch| {
        let limit = T::MAX.to_f64();
        case.points(n).mapv(|x| T::from_f64((x * stretch).clamp(-limit, limit)))
    });
    let start = given.clone().map_or(Start::Standard, Start::Given);
    let options = Options { start, end: plan.end, ..Options::default() };
    let expected =
        sample(&Exact::new(law.clone()), &plan.steps, plan.method, n, plan.seed, &options);
    let count = SamplerTables::<T>::count(&plan.steps, plan.end);
    let middle = plan.first_steps.min(count);
    let tables = |range: Range<usize>| {
        SamplerTables::<T>::new(&law, &plan.steps, plan.method, plan.end, range)
    };
    let parts = match (tables(0..middle), tables(middle..count)) {
        (Ok(first), Ok(second)) => [first, second],
        // What is refused has no kernel; `sample` refuses it too, though perhaps for what it meets first.
        (first, second) => {
            return match expected {
                Ok(_) => Err(format!("refused: {:?} {:?}", first.err(), second.err())),
                Err(_) => Ok(()),
            };
        }
    };
    let made = source::<T>(kernel(&parts[0]));
    let text = text.unwrap_or(&made);
    let split = plan.rows.min(n);
    let (mut states, mut outcomes) = (Vec::new(), Vec::new());
    for rows in [0..split, split..n] {
        let first = rows.start;
        let mut own = given.as_ref().map_or(vec![T::NAN; rows.len() * d], |g| {
            g.slice(s![rows.clone(), ..]).iter().copied().collect()
        });
        let mut outcome = vec![0; rows.len()];
        for (part, tables) in parts.iter().enumerate() {
            let draws = given.is_none() && part == 0;
            let deviation = if draws { tables.deviation } else { -T::ONE };
            (own, outcome) =
                launch(text, tables, run, plan.seed, (first, deviation), &own, &outcome)?;
        }
        states.extend(own);
        outcomes.extend(outcome);
    }
    let found = Array2::from_shape_vec((n, d), states).map_err(|e| e.to_string())?;
    let verdict = check_outcomes(&outcomes, found.view());
    match (expected, verdict) {
        (Ok(expected), Ok(())) => {
            let found: Vec<u64> = found.iter().map(|x| x.bits()).collect();
            let expected: Vec<T> = expected.points.iter().copied().collect();
            match difference(&found, &expected) {
                Some(at) => Err(format!("{} {}: {at}", T::NAME, plan.method)),
                None => Ok(()),
            }
        }
        (Err(expected), Err(found)) if expected.to_string() == found.to_string() => Ok(()),
        (expected, found) => {
            Err(format!("{}: {:?} and {found:?}", T::NAME, expected.map(|_| "a run")))
        }
    }
}

fn methods() -> impl Strategy<Value = Method> {
    prop_oneof![
        Just(Method::Ancestral),
        Just(Method::Ddim { eta: 0.0 }),
        (0.0f64..=1.0).prop_map(|eta| Method::Ddim { eta }),
        Just(Method::Euler),
        Just(Method::Heun),
        Just(Method::EulerMaruyama),
    ]
}

fn tables_of_steps() -> impl Strategy<Value = Steps> {
    let count = prop_oneof![6 => 1usize..8, 1 => 8usize..40];
    (prop::sample::select(&Steps::NAMES[..]), count)
        .prop_map(|(name, count)| Steps::by_name(name, count).expect("a table of steps"))
}

fn plans() -> impl Strategy<Value = Plan> {
    let end = prop_oneof![Just(End::Data), Just(End::LastLevel)];
    let stretch = prop_oneof![Just(1.0f64), Just(1e18), Just(1e37), Just(1e160), Just(1e305)];
    let points = prop_oneof![Just(1usize), 2usize..50];
    (
        tables_of_steps(),
        methods(),
        end,
        prop::option::weighted(0.4, stretch),
        points,
        any::<u64>(),
        (0usize..50, 0usize..20),
    )
        .prop_map(|(steps, method, end, given, points, seed, (rows, first_steps))| Plan {
            steps,
            method,
            end,
            given,
            points,
            seed,
            rows,
            first_steps,
        })
}

/// Few dimensions, since each is compiled: in registers, and in the workspace under the sanitizers.
fn laws() -> impl Strategy<Value = Case> {
    let dimension = prop_oneof![Just(3usize), Just(9)];
    (cases(2, 150), dimension).prop_map(|(case, dimension)| Case { dimension, ..case })
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
    fn the_sampler_agrees(case in laws(), plan in plans(), run in runs()) {
        let watch = if case.dimension == 3 { Watch::Nothing } else { Watch::Sanitizers };
        let run = Run { watch, ..run };
        for verdict in [
            run_agrees::<f64>(None, &case, &plan, &run),
            run_agrees::<f32>(None, &case, &plan, &run),
        ] {
            prop_assert!(verdict.is_ok(), "{verdict:?}");
        }
    }
}

/// One block of components, so that the only barriers stand between levels.
fn small_case(kind: generators::Kind) -> Case {
    Case { a: 1.0, s: 1.0, seed: 3, ..Case::ordinary(kind, 2, 5) }
}

fn small_plan(name: &str, method: Method, given: Option<f64>) -> Plan {
    let steps = Steps::by_name(name, 4).unwrap();
    Plan { steps, method, end: End::Data, given, points: 70, seed: 5, rows: 64, first_steps: 2 }
}

/// A start that leaves f32 in some rows: the flow from strong noise multiplies x by a'/a. And one at which the noise predicted is held to the
/// largest number.
fn hard_plans() -> [Plan; 3] {
    [
        small_plan("vp-linear", Method::Euler, Some(1e37)),
        small_plan("vp-linear", Method::Heun, Some(1e37)),
        small_plan("vp-linear", Method::Ancestral, Some(1e38)),
    ]
}

#[test]
fn rows_that_leave_the_format_are_reported_where_sample_reports_them() {
    let run = Run { threads: 32, schedule: 77, watch: Watch::Sanitizers };
    let case = small_case(generators::Kind::Isotropic);
    let mut stopped = 0;
    for plan in hard_plans() {
        run_agrees::<f32>(None, &case, &plan, &run).unwrap();
        let (law, limit) = (case.mixture(), f64::from(f32::MAX));
        let stretched = case.points(plan.points).mapv(|x| x * plan.given.unwrap());
        let start = Start::Given(stretched.mapv(|x| x.clamp(-limit, limit) as f32));
        let options = Options { start, ..Options::default() };
        let found = sample(&Exact::new(law), &plan.steps, plan.method, 70, plan.seed, &options);
        stopped += usize::from(matches!(found, Err(Error::NotFinite { what: "state", .. })));
    }
    assert!(stopped >= 2, "{stopped}");
}

#[test]
fn a_first_guess_that_leaves_the_format_is_named_by_its_row_in_the_batch() {
    // The last row of the second block of 256 rows alone leaves the format.
    let case = small_case(generators::Kind::Isotropic);
    let mut start = Array2::<f32>::zeros((300, 2));
    start[[299, 1]] = 3e38;
    let steps = Steps::by_name("vp-linear", 4).unwrap();
    let options = Options { start: Start::Given(start), ..Options::default() };
    let exact = Exact::new(case.mixture());
    match sample(&exact, &steps, Method::Heun, 300, 1, &options) {
        Err(Error::NotFinite { what: "state", index, .. }) => assert_eq!(index, [299, 1]),
        other => panic!("{other:?}"),
    }
}

#[test]
fn no_point_and_no_step_change_nothing() {
    let case = small_case(generators::Kind::Full);
    let plan = small_plan("ve", Method::Heun, None);
    let law = case.mixture();
    let run = Run { threads: 32, schedule: 0, watch: Watch::Sanitizers };
    let tables = SamplerTables::<f64>::new(&law, &plan.steps, plan.method, plan.end, 0..4).unwrap();
    let text = source::<f64>(kernel(&tables));
    let (states, outcomes) = launch(&text, &tables, &run, 1, (0, 1.0), &[], &[]).unwrap();
    assert!(states.is_empty() && outcomes.is_empty());
    let none = SamplerTables::<f64>::new(&law, &plan.steps, plan.method, plan.end, 2..2).unwrap();
    let given = [0.25, -1.0, 3.0, 0.5];
    let (states, outcomes) = launch(&text, &none, &run, 1, (0, -1.0), &given, &[0, 0]).unwrap();
    assert_eq!((states.as_slice(), outcomes.as_slice()), (&given[..], &[0, 0][..]));
    let beyond = SamplerTables::<f64>::new(&law, &plan.steps, plan.method, plan.end, 2..5);
    assert!(matches!(beyond, Err(Error::Domain { what: "last step", .. })));
}

#[test]
fn outcomes_of_another_length_are_refused() {
    let states = Array2::<f64>::zeros((3, 2));
    assert!(matches!(check_outcomes(&[0, 0], states.view()), Err(Error::Shape { .. })));
    // An outcome that no row bears out is not an error of the row.
    assert!(check_outcomes(&[0, 3, 0], states.view()).is_ok());
}

#[test]
fn a_level_without_signal_is_a_start_for_two_methods() {
    let channels =
        [(0.0, 1.0), (0.6, 0.8), (0.9, 0.1)].map(|(a, s)| Channel::new(a, s).unwrap()).to_vec();
    let run = Run { threads: 33, schedule: 2, watch: Watch::Nothing };
    for method in [Method::Ancestral, Method::Ddim { eta: 0.3 }, Method::Euler] {
        let steps = Steps::new(channels.clone()).unwrap();
        let plan = Plan { steps, ..small_plan("ve", method, None) };
        let case = small_case(generators::Kind::Diagonal);
        run_agrees::<f64>(None, &case, &plan, &run).unwrap();
        run_agrees::<f32>(None, &case, &plan, &run).unwrap();
    }
}

/// Whether some schedule shows that a changed kernel is wrong.
fn caught(case: &Case, plans: &[Plan], from: &str, to: &str) -> bool {
    let plan = &plans[0];
    let tables =
        SamplerTables::<f32>::new(&case.mixture(), &plan.steps, plan.method, plan.end, 0..1);
    let right = source::<f32>(kernel(&tables.unwrap()));
    assert!(right.contains(from), "{from}");
    let wrong = right.replacen(from, to, 1);
    some_run(|run| {
        plans.iter().any(|plan| run_agrees::<f32>(Some(&wrong), case, plan, run).is_err())
    })
}

#[test]
fn planted_mistakes_are_caught() {
    use generators::Kind::{Full, Isotropic};
    let heun = [small_plan("ve", Method::Heun, None)];
    let ancestral = [small_plan("ddpm", Method::Ancestral, None)];
    let ddim = [small_plan("ddpm", Method::Ddim { eta: 0.5 }, None)];
    let hard = hard_plans();
    // What is caught must be the mistake: the text as it is passes.
    for plans in [&heun[..], &ancestral, &ddim, &hard] {
        assert!(!caught(&small_case(Isotropic), plans, "STAGED", "STAGED"));
    }
    assert!(!caught(&small_case(Full), &heun, "STAGED", "STAGED"));
    let mutants: [(generators::Kind, &[Plan], &str, &str); 15] = [
        // A missing barrier between levels, and between the tables and who reads them.
        (Isotropic, &heun, "__syncthreads();\n  View to", "View to"),
        (Full, &heun, "__syncthreads();\n  return to", "return to"),
        // A barrier that threads without a point skip.
        (
            Isotropic,
            &heun,
            "gather(law, components, near, p, sums",
            "if (!alive) break;\n      gather(law, components, near, p, sums",
        ),
        // Random numbers of another step, another row, another element, and the start's.
        (Isotropic, &ancestral, "normals(seed, done + step + 1,", "normals(seed, step + 1,"),
        (Isotropic, &ancestral, "done + step + 1, first + thread)", "done + step + 1, thread)"),
        (Isotropic, &ancestral, "element / PER_CALL, words", "element, words"),
        (Isotropic, &ddim, "slot == i ? values[i]", "slot == i ? values[i - 1]"),
        (Isotropic, &ddim, "Normals normals(seed, 0, first", "Normals normals(seed, 1, first"),
        // The second evaluation at the first level, and of the second noise in the place of the first.
        (Isotropic, &heun, "level = step + pass;", "level = step;"),
        (Isotropic, &heun, "state[i], 0, before[i], noise)", "state[i], 0, noise, before[i])"),
        // A contraction that the reference does not have: its absence.
        (Isotropic, &ddim, "sum = fused(weights[2], noise, sum)", "sum = weights[2] * noise + sum"),
        // A sum in another order.
        (
            Isotropic,
            &ancestral,
            "if (kind & HAS_RANDOM) sum = fused(weights[3], random, sum);",
            "if (kind & HAS_STATE) sum = fused(weights[0], x, sum), kind &= ~HAS_STATE;\n  if (kind & HAS_RANDOM) sum = fused(weights[3], random, sum);",
        ),
        // A step beyond the tables, and beyond the points.
        (Isotropic, &heun, "step < steps;", "step <= steps;"),
        (Isotropic, &heun, "const bool active = thread < n;", "const bool active = thread <= n;"),
        // Rows that go on after they left the format.
        (
            Isotropic,
            &hard,
            "const bool alive = active && outcome == 0;",
            "const bool alive = active;",
        ),
    ];
    for (kind, plans, from, to) in mutants {
        assert!(caught(&small_case(kind), plans, from, to), "{kind:?}: {to}");
    }
    // A noise predicted that is not held to the format: x/s of a point mass, where the step's weight brings it back.
    let masses = Case { size: generators::Size::PointMass, ..small_case(Isotropic) };
    let channels = [1e-3, 5e-4].map(|sigma| Channel::variance_exploding(sigma).unwrap());
    let steps = Steps::new(channels.to_vec()).unwrap();
    let held = Plan { steps, end: End::LastLevel, ..small_plan("ve", Method::Euler, Some(1e37)) };
    let held = [held];
    assert!(!caught(&masses, &held, "STAGED", "STAGED"));
    assert!(caught(&masses, &held, "return x > LARGEST ? LARGEST :", "return"));
}
