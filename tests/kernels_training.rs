//! The launches of a training step, run on the CPU as they are listed, equal `train` bit for bit (N3): losses, gradient, norm, weights, moments
//! and average, over configurations of every kind. At the end mistakes are planted.

mod cuda;
#[path = "cuda/list.rs"]
mod list;

use cuda::Watch;
use list::{How, Memory, caught, difference, hows, right};
use proptest::prelude::*;
use tweedie::arith::Real;
use tweedie::cuda::{Part, Step};
use tweedie::denoiser::{Mlp, Trainable};
use tweedie::train::batch::Table;
use tweedie::train::config::Config;
use tweedie::train::optimizer::State;
use tweedie::train::plan::Plan;
use tweedie::train::step::{Workspace, gradient};

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
