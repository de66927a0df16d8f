//! The kernels of a training step, run on the CPU, equal the Rust path bit for bit (N3): starts and projections of perturbations, ascents,
//! and whole steps over configurations of every kind. At the end mistakes are planted.

mod cuda;
#[path = "cuda/list.rs"]
mod list;
mod networks;

use cuda::Watch;
use list::{How, Memory, difference};
use ndarray::Array2;
use networks::architectures;
use proptest::prelude::*;
use tweedie::arith::{Real, fill_normal, fill_uniform, uniform_index};
use tweedie::attack::{Address, Attack, Inner, Keep, Norm, Settings, Shape, StepSize, Units};
use tweedie::channel::Channel;
use tweedie::cuda::{
    Argument, Arrays, At, Batch, Kernel, Launch, Levels, Network, Part, Step, ascend, draw,
};
use tweedie::denoiser::mlp::Architecture;
use tweedie::denoiser::{AtLevels, Block, Mlp, Trainable};
use tweedie::objective::{Consistency, Constraint, Matching, Radius, Strength, Weighting};
use tweedie::train::batch::Table;
use tweedie::train::config::Config;
use tweedie::train::optimizer::State;
use tweedie::train::plan::{Constrained, Perturb, Plan};
use tweedie::train::step::{Workspace, gradient};
use tweedie::tweedie::Kind;

const SCHEDULES: [u32; 4] = [0, 1, 2, 77];
const SHAPES: [Shape; 6] = [
    Shape::Box,
    Shape::Ball(Norm::Linf),
    Shape::Ball(Norm::L2),
    Shape::Ball(Norm::L1),
    Shape::Sphere,
    Shape::Gaussian,
];

fn right(schedule: u32, watch: Watch) -> How {
    How { schedule, watch, mistake: None }
}

fn hows() -> impl Strategy<Value = How> {
    let watch = prop_oneof![3 => Just(Watch::Nothing), 1 => Just(Watch::Sanitizers)];
    (prop::sample::select(&SCHEDULES[..]), watch)
        .prop_map(|(schedule, watch)| right(schedule, watch))
}

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
            Argument::Count(radii.len() as u64),
            Argument::Int(d as i32),
            Argument::Int(number),
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

/// A law of diagonal covariances, which no toy law has, one deviation 0.
const DIAGONAL: &str = "diagonal";

fn plan(text: &str) -> Plan {
    let mut config = Config::parse(text).expect(text);
    if config.data.law.as_deref() == Some(DIAGONAL) {
        let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("kernels_diagonal.json");
        let law = "{\"weights\": [0.3, 0.7], \"means\": [[1, 2, 0], [-1, 0.5, 3]], \
                   \"covariance\": {\"kind\": \"diagonal\", \"values\": [[1, 0.2, 0], [0.5, 2, 0.3]]}}";
        std::fs::write(&path, law).expect("a law");
        (config.data.law, config.data.mixture) = (None, Some(path.display().to_string()));
    }
    Plan::new(&config).expect(text)
}

/// Steps of a plan: losses, norm, gradient and everything that is kept.
fn steps_agree<T: Real>(text: &str, from: u64, steps: u64, how: How) -> Result<(), String> {
    let plan = plan(text);
    let mut model: Mlp<T> = plan.start(&plan.spec().unwrap()).unwrap();
    let table = Table::new(&plan, &model).unwrap();
    let mut state = State { step: from, ..State::new(model.parameters()) };
    let mut theta = model.parameters().to_vec();
    let mut room = Workspace::new(theta.len(), plan.config.batch);
    let of = Step::new(&plan, &model, &state).unwrap();
    let mut memory = Memory::new(&of.arrays);
    for step in from..from + steps {
        let losses = gradient(&plan, &model, &table, step, &mut room).map_err(|e| e.to_string())?;
        let norm = state
            .advance(&plan.optimizer, plan.config.steps, &mut theta, room.gradient())
            .map_err(|e| e.to_string())?;
        model.set_parameters(&theta).unwrap();
        memory.run::<T>(of.launches(step), how)?;
        let means = [losses.matching, losses.consistency, losses.radius];
        difference("losses", &memory.bits::<f64>(of.losses), &means)?;
        difference("gradient", &memory.bits::<T>(of.gradient), room.gradient())?;
        difference("norm", &memory.bits::<f64>(of.norm), &[norm])?;
        difference("parameters", &memory.bits::<T>(of.parameters), &theta)?;
        difference("first moments", &memory.bits::<T>(of.first), &state.first)?;
        difference("second moments", &memory.bits::<T>(of.second), &state.second)?;
        difference("average", &memory.bits::<T>(of.average), &state.average)?;
        if memory.counts(of.clock) != [step + 1, step + 1 - from] || memory.words(of.fault) != [0] {
            return Err("the clock".into());
        }
    }
    Ok(())
}

/// Configurations: laws of every kind of covariance, sets, objectives, perturbations and optimisers.
fn configurations() -> impl Strategy<Value = String> {
    let one_of = |names: &[&'static str]| prop::sample::select(names.to_vec());
    let data = (
        one_of(&["ring", "two-modes", "oblique-plane", "training-set", DIAGONAL]),
        prop_oneof![Just(0usize), Just(37)],
    );
    let model = (
        1usize..40,
        1usize..4,
        one_of(&["silu", "tanh", "softplus"]),
        one_of(&["edm", "noise", "denoised", "velocity"]),
    );
    let objective = (
        one_of(&["noise", "denoised", "score", "velocity"]),
        one_of(&["uniform", "snr", "edm"]),
        one_of(&["none", "equivariance", "equivariance", "invariance"]),
        one_of(&["noise", "input"]),
        any::<bool>(),
        0u64..2,
    );
    let perturbation = (
        one_of(&["random", "fgsm", "pgd"]),
        one_of(&["box", "ball", "sphere", "gaussian"]),
        one_of(&["linf", "l2", "l1"]),
        one_of(&["prediction-difference", "residual"]),
        1usize..3,
        1usize..3,
    );
    let optimizer =
        (one_of(&["0.0", "0.01", "1.0"]), one_of(&["0.0", "0.1"]), one_of(&["0.0", "0.9"]));
    let batch = prop_oneof![Just(1usize), Just(64), 2usize..63, 65usize..140];
    (data, model, objective, perturbation, optimizer, batch, any::<u32>()).prop_map(
        |((law, samples), (width, layers, activation, head), o, p, (clip, decay, average), batch, seed)| {
            format!(
                "seed = {seed}\nsteps = 5\nbatch = {batch}\n[data]\nlaw = \"{law}\"\nsamples = {samples}\n\
                 [channel]\nlevels = 30\n[model]\nwidth = {width}\nlayers = {layers}\nactivation = \"{activation}\"\n\
                 waves = 3\nhead = \"{head}\"\n[objective]\nparametrisation = \"{}\"\nweighting = \"{}\"\n\
                 constraint = \"{}\"\nunits = \"{}\"\nstop_gradient = {}\nstart = {}\n[perturbation]\nkind = \"{}\"\n\
                 shape = \"{}\"\nnorm = \"{}\"\ninner = \"{}\"\nsteps = {}\nrestarts = {}\n[optimizer]\nclip = {clip}\n\
                 weight_decay = {decay}\naverage = {average}\nwarmup = 2\n",
                o.0, o.1, o.2, o.3, o.4, o.5, p.0, p.1, p.2, p.3, p.4, p.5
            )
        },
    )
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn whole_steps_agree(text in configurations(), how in hows()) {
        for verdict in [steps_agree::<f32>(&text, 0, 2, how), steps_agree::<f64>(&text, 0, 2, how)] {
            prop_assert!(verdict.is_ok(), "{verdict:?}\n{text}");
        }
    }
}

#[test]
fn what_is_not_finite_is_a_fault_and_changes_nothing() {
    let text =
        "seed = 3\nsteps = 4\nbatch = 70\n[data]\nlaw = \"ring\"\n[model]\nwidth = 9\nlayers = 2\n";
    let plan = plan(text);
    let model: Mlp<f32> = plan.start(&plan.spec().unwrap()).unwrap();
    let state = State::new(model.parameters());
    let of = Step::new(&plan, &model, &state).unwrap();
    let how = right(0, Watch::Nothing);
    // A weight of the last layer so large that predictions overflow, and one whose gradient has no finite square but in f64.
    let mut theta = model.parameters().to_vec();
    let last = theta.len() - 1;
    theta[last] = f32::MAX;
    let mut memory = Memory::new(&of.arrays);
    memory.set(of.parameters, &theta);
    memory.run::<f32>(of.launches(0), how).unwrap();
    assert_eq!(memory.words(of.fault), [1]);
    difference("parameters", &memory.bits::<f32>(of.parameters), &theta).unwrap();
    difference("average", &memory.bits::<f32>(of.average), &state.average).unwrap();
    assert_eq!(memory.counts(of.clock), [0, 0]);
}

#[test]
fn a_plan_that_no_kernel_computes_is_refused() {
    let plan = plan("[data]\nlaw = \"ring\"\n[objective]\ntarget = \"exact\"\n");
    let model: Mlp<f32> = plan.start(&plan.spec().unwrap()).unwrap();
    let error = Step::new(&plan, &model, &State::new(model.parameters())).expect_err("a refusal");
    assert!(error.to_string().contains("exact"), "{error}");
}

/// A step that uses everything a mistake can be planted in.
const FULL: &str = "seed = 9\nsteps = 5\nbatch = 70\n[data]\nlaw = \"three-gaussians\"\n[channel]\nlevels = 30\n\
    [model]\nwidth = 21\nlayers = 2\nwaves = 2\nhead = \"edm\"\n[objective]\nparametrisation = \"velocity\"\n\
    weighting = \"edm\"\nconstraint = \"equivariance\"\nunits = \"input\"\n[perturbation]\nkind = \"pgd\"\nsteps = 1\n\
    restarts = 2\nnorm = \"l2\"\ninner = \"residual\"\nalpha = 0.7\n[optimizer]\nclip = 0.02\nweight_decay = 0.1\n\
    average = 0.9\nwarmup = 2\n";
/// The same on a training set, with the box and FGSM.
const SET: &str = "seed = 9\nsteps = 5\nbatch = 70\n[data]\nlaw = \"ring\"\nsamples = 37\n[channel]\nlevels = 30\n\
    [model]\nwidth = 9\nlayers = 1\nwaves = 2\n[objective]\nconstraint = \"equivariance\"\nstop_gradient = true\n\
    [perturbation]\nkind = \"fgsm\"\ninner = \"residual\"\n";

/// Whether some order of threads shows that a changed kernel is wrong, in `check`.
fn caught(
    (part, from, to): (Part, &'static str, &'static str),
    check: &dyn Fn(How) -> Result<(), String>,
) -> bool {
    SCHEDULES.iter().any(|&schedule| {
        check(How { schedule, watch: Watch::Nothing, mistake: Some((part, from, to)) }).is_err()
    })
}

#[test]
fn mistakes_in_a_step_are_caught() {
    // f64 too: what the last rounding to f32 hides.
    // Not the first step, so that a clock that is not read shows.
    let both = |text: &str, how| {
        steps_agree::<f32>(text, 3, 1, how)?;
        steps_agree::<f64>(text, 3, 1, how)
    };
    let full = |how| both(FULL, how);
    let set = |how| both(SET, how);
    let two = |how| both(&DIAGONAL_STEP.replace("LAW", DIAGONAL), how);
    for check in [&full as &dyn Fn(How) -> Result<(), String>, &set, &two] {
        // What is caught must be the mistake: the text as it is passes.
        check(right(0, Watch::Sanitizers)).unwrap();
    }
    use Part::{Attack, Draw, Objective, Optimizer, Rows};
    let in_full: [(Part, &'static str, &'static str); 26] = [
        // Random numbers: a step that is not counted, the wrong element, a counter off by one, the words exchanged.
        (Draw, "base + factor * clock[0], call", "base + clock[0], call"),
        (Draw, "clock[0], call, words", "clock[0], call + 1, words"),
        (Draw, "if (normal) normals_of", "if (!normal) normals_of"),
        (Rows, "philox(seed, base + clock[0], row, words)", "philox(seed, base, row, words)"),
        (
            Rows,
            "(count_t)words[0] | (count_t)words[1] << 32",
            "(count_t)words[1] | (count_t)words[0] << 32",
        ),
        // The law: its eigenvectors transposed, a contraction, the mean added first.
        (
            Rows,
            "moved = fused(line[j], of[j]",
            "moved = fused(vectors[((count_t)k * d + j) * d + i], of[j]",
        ),
        (
            Rows,
            "moved = fused(line[j], of[j] * z[j], moved)",
            "moved = fused(line[j] * of[j], z[j], moved)",
        ),
        (Rows, "real moved = 0;", "real moved = mu[i];"),
        (Rows, "LEVEL_RADIUS] + offset * uniforms[row]", "LEVEL_RADIUS] + offset * uniforms[0]"),
        // Losses: a contraction each, a residual's sign, the share on the wrong side, blocks of another size.
        (
            Objective,
            "x[at] = of[LEVEL_A] * clean[at] + of[LEVEL_S] * noise[at]",
            "x[at] = fused(of[LEVEL_A], clean[at], of[LEVEL_S] * noise[at])",
        ),
        (
            Objective,
            "fused(numbers[(count_t)level[at / d] * LEVEL_NUMBERS + LEVEL_SCALE], omega[at], x[at])",
            "x[at] + numbers[(count_t)level[at / d] * LEVEL_NUMBERS + LEVEL_SCALE] * omega[at] * (real)1.0000001",
        ),
        (
            Objective,
            "const real r = of[LEVEL_ALPHA] * e + of[LEVEL_BETA] * d;",
            "const real r = fused(of[LEVEL_ALPHA], e, of[LEVEL_BETA] * d);",
        ),
        (Objective, "clean[at] + -v", "clean[at] + v"),
        (Objective, "there[at] = share * v", "there[at] = v"),
        (
            Objective,
            "- of[LEVEL_EXPECTED_DENOISED] * omega[at]",
            "+ of[LEVEL_EXPECTED_DENOISED] * omega[at]",
        ),
        (Objective, "row < first + BLOCK_ROWS", "row < first + BLOCK_ROWS - 1"),
        // The attack: the largest value not kept, one kept that is not larger, R without its direct part, a step without the radius.
        (Attack, "values[row] > best_values[row]", "values[row] < best_values[row]"),
        (Attack, "moved - omega[at]", "moved"),
        (Attack, "g[i] = g[i] - direct[row * d + i]", "g[i] = g[i] + direct[row * d + i]"),
        (Attack, "relative ? alpha * (real)radius[row] : alpha", "alpha"),
        (
            Attack,
            "if (norm == L2) shrink(row, d, (real)radius, row)",
            "if (norm == L2) row[0] = row[0]",
        ),
        // The optimiser: a bias correction off by one, a missing barrier, lanes in another order, the average before the step.
        (Optimizer, "steps + clock[1] * STEP_NUMBERS", "steps + (clock[1] + 1) * STEP_NUMBERS"),
        (
            Optimizer,
            "  lanes[threadIdx.x] = sum;\n  __syncthreads();",
            "  lanes[threadIdx.x] = sum;",
        ),
        (Optimizer, "((l[0] + l[4]) + (l[2] + l[6]))", "((l[0] + l[2]) + (l[4] + l[6]))"),
        (Optimizer, "moved - average[i]", "theta[i] - g"),
        (Optimizer, "clip / length : 1.0", "clip : 1.0"),
    ];
    let missed: Vec<_> = in_full.into_iter().filter(|mistake| !caught(*mistake, &full)).collect();
    assert!(missed.is_empty(), "{missed:?}");
    for mistake in [
        (Rows, "points[(count_t)index[at / d] * d + at % d]", "points[(count_t)index[at / d] * d]"),
        (Objective, "stop ? clean[at] : clean[at] + -v", "clean[at] + -v"),
        (Attack, "r * ((u + u) - (scalar)1)", "r * (u - (scalar)0.5) * (scalar)2"),
        (Attack, "residual == 2 ? wide", "residual == 3 ? wide"),
    ] {
        let seen = caught(mistake, &set);
        // Exact, or of no consequence where no value is kept: two that must pass, so that a failure means something.
        let harmless = mistake.2.contains("0.5") || mistake.2.contains("== 3");
        assert!(seen != harmless, "{}", mistake.2);
    }
    let at_diagonal =
        (Rows, "form == 0 ? k : (count_t)k * d + i", "form == 1 ? k : (count_t)k * d + i");
    assert!(caught(at_diagonal, &two), "the deviations of another component");
    let at_components =
        (Rows, "cumulative[middle] <= uniforms[row]", "cumulative[middle] >= uniforms[row]");
    assert!(caught(at_components, &two), "the other component");
}

/// A step on a law of two components with diagonal covariances.
const DIAGONAL_STEP: &str =
    "seed = 4\nsteps = 5\nbatch = 20\n[data]\nlaw = \"LAW\"\n[model]\nwidth = 5\nlayers = 1\n";

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
