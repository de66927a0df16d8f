//! Whole training runs with no GPU: `cuda::train` on a machine that runs the kernels on the CPU under the address sanitizer leaves the files of
//! `train::run`, byte for byte, tells its progress and stops with its errors; a run that was killed on one goes on on the other (N3). What no
//! kernel computes is refused before anything is written, and mistakes planted between the loop and the machine are seen.

mod cuda;
mod shim;

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

use shim::Shim;
use tweedie::arith::Real;
use tweedie::cuda::{DeviceReal, DeviceTrainer, check_plan, train};
use tweedie::denoiser::{Mlp, Trainable};
use tweedie::train::config::Config;
use tweedie::train::optimizer::State;
use tweedie::train::plan::Plan;
use tweedie::train::run::{
    Begin, CHECKPOINT, CONFIG, ERRORS, METRICS, MODEL, Progress, learn, run, run_by,
};
use tweedie::train::step::Losses;
use tweedie::train::trainer::{CpuTrainer, Trainer};
use tweedie::{Error, Result};

/// Checkpoints after 2, 4 and 5 steps, measurements after 3 and 5.
const HEAD: &str = "seed = 5\nsteps = 5\nbatch = 66\n";
const TAIL: &str = "[channel]\nlevels = 30\n[optimizer]\nwarmup = 2\nclip = 0.5\naverage = 0.9\n\
    [output]\nmetrics_every = 2\nevaluate_every = 3\ncheckpoint_every = 2\npoints = 8\nsamples = 8\n";
const PLAIN: &str = "[data]\nlaw = \"ring\"\n[model]\nwidth = 5\nlayers = 2\nwaves = 2\n";
/// From the second step on.
const FGSM: &str = "[data]\nlaw = \"three-gaussians\"\n[model]\nwidth = 5\nlayers = 1\nwaves = 2\n\
    [objective]\nconstraint = \"equivariance\"\nstart = 1\n[perturbation]\nkind = \"fgsm\"\ninner = \"residual\"\n";
const PGD: &str = "[data]\nlaw = \"oblique-plane\"\nsamples = 40\n[model]\nwidth = 4\nlayers = 1\nwaves = 1\n\
    [objective]\nconstraint = \"invariance\"\nparametrisation = \"velocity\"\nstart = 3\n\
    [perturbation]\nkind = \"pgd\"\nnorm = \"l2\"\nsteps = 1\nrestarts = 2\n";

fn plan(text: &str) -> Plan {
    Plan::new(&Config::parse(&format!("{HEAD}{text}{TAIL}")).expect("TOML")).expect("a plan")
}

fn place(name: &str) -> PathBuf {
    let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("launch-run").join(name);
    let _ = fs::remove_dir_all(&place);
    place
}

fn start<T: Real>(plan: &Plan) -> Mlp<T> {
    plan.start(&plan.spec().expect("a model")).expect("a model")
}

/// Where steps are carried out.
#[derive(Clone, Copy, Debug, PartialEq)]
enum On {
    Cpu,
    Machine,
}

/// A run, or its continuation, up to a kill after `stop` steps, which is a panic: nothing is flushed. What its progress told.
fn go<T: DeviceReal>(
    plan: &Plan,
    place: &Path,
    on: On,
    begin: Begin,
    stop: Option<u64>,
) -> (Result<Option<Mlp<T>>>, Vec<Progress>) {
    let told = RefCell::new(Vec::new());
    let progress = |at: Progress| {
        told.borrow_mut().push(at);
        if stop == Some(at.step) {
            std::panic::resume_unwind(Box::new("killed"));
        }
    };
    let once = || match on {
        On::Cpu => run(plan, start::<T>(plan), place, begin, &progress),
        On::Machine => train(&Shim::new(), plan, start::<T>(plan), place, begin, &progress),
    };
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(once));
    let done = match (done, stop) {
        (Ok(done), None) => done.map(Some),
        (Err(_), Some(_)) => Ok(None),
        (done, _) => panic!("{stop:?}: {}", done.is_ok()),
    };
    (done, told.into_inner())
}

fn files(place: &Path) -> Vec<Vec<u8>> {
    let names = [MODEL, CHECKPOINT, METRICS, ERRORS, CONFIG];
    names.iter().map(|name| fs::read(place.join(name)).unwrap_or_default()).collect()
}

fn agrees<T: DeviceReal>(name: &str, text: &str) {
    let plan = plan(text);
    let whole = place(&format!("{name}-whole"));
    let (cpu, told) = go::<T>(&plan, &whole, On::Cpu, Begin::Anew, None);
    assert!(files(&whole).iter().all(|file| !file.is_empty()));
    let machine = place(&format!("{name}-machine"));
    let (found, also) = go::<T>(&plan, &machine, On::Machine, Begin::Anew, None);
    assert!(files(&whole) == files(&machine), "{name}: a file differs");
    assert_eq!(told, also, "{name}: progress");
    let parameters = |done: Result<Option<Mlp<T>>>| done.unwrap().unwrap().parameters().to_vec();
    assert!(parameters(cpu) == parameters(found), "{name}: what is returned");
}

#[test]
fn whole_runs_leave_the_files_of_the_cpu() {
    agrees::<f32>("plain", PLAIN);
    agrees::<f64>("plain-f64", PLAIN);
    agrees::<f32>("fgsm", FGSM);
    agrees::<f64>("fgsm-f64", FGSM);
    agrees::<f32>("pgd", PGD);
}

#[test]
fn a_run_killed_on_one_goes_on_on_the_other() {
    let plan = plan(FGSM);
    let whole = place("killed-whole");
    go::<f32>(&plan, &whole, On::Cpu, Begin::Anew, None).0.unwrap();
    // Before the first checkpoint, between two, at one; and a run that was at its end.
    for (stop, first, then) in [
        (1, On::Cpu, On::Machine),
        (3, On::Cpu, On::Machine),
        (2, On::Machine, On::Cpu),
        (3, On::Machine, On::Cpu),
        (4, On::Machine, On::Machine),
        (5, On::Cpu, On::Machine),
    ] {
        let killed = place(&format!("killed-{stop}-{first:?}-{then:?}"));
        go::<f32>(&plan, &killed, first, Begin::Anew, Some(stop)).0.unwrap();
        assert!(!killed.join(MODEL).exists());
        go::<f32>(&plan, &killed, then, Begin::Resume, None).0.unwrap();
        assert!(files(&whole) == files(&killed), "{stop} on {first:?}, then {then:?}");
    }
}

/// A run that stops: the error and what is kept, by both.
fn stops_alike(name: &str, plan: &Plan) -> Error {
    let [cpu, machine] = [On::Cpu, On::Machine].map(|on| {
        let place = place(&format!("{name}-{on:?}"));
        let error = go::<f32>(plan, &place, on, Begin::Anew, None).0.expect_err("a stop");
        (error, files(&place))
    });
    assert_eq!(cpu.0.to_string(), machine.0.to_string(), "{name}");
    assert!(cpu.1 == machine.1, "{name}: a file differs");
    cpu.0
}

#[test]
fn what_is_not_finite_stops_the_run_as_on_the_cpu() {
    // Weights that grow until a loss is not finite, after the first checkpoint.
    let at_rate = |power: i32| {
        let mut plan = plan(PLAIN);
        plan.optimizer.learning_rate = f64::from(power).exp2();
        plan
    };
    let stopped = |plan: &Plan| learn(plan, start::<f32>(plan)).err();
    let far = (5..120)
        .map(at_rate)
        .find(|plan| matches!(stopped(plan), Some(Error::Stopped { step: 2.., .. })));
    let far = far.expect("a rate that diverges later");
    let error = stops_alike("loss", &far);
    assert!(matches!(error, Error::Stopped { step: 2.., .. }), "{error}");
    // A weight that leaves the format at once.
    let mut gone = plan(PLAIN);
    gone.optimizer.learning_rate = 1e40;
    let error = stops_alike("weight", &gone);
    assert!(matches!(error, Error::Stopped { step: 0, .. }), "{error}");
    assert!(error.to_string().contains("parameters"), "{error}");
}

/// A weight of the first layer leaves the format in the first step, which the predictions of the next do not show: tanh is 1 there.
fn hidden(machine: &Shim) -> (Error, Error) {
    let mut plan = plan(&PLAIN.replace("waves", "activation = \"tanh\"\nwaves"));
    plan.optimizer.learning_rate = 1.0;
    plan.optimizer.warmup = 0;
    plan.optimizer.weight_decay = 3.0;
    let mut model = start::<f32>(&plan);
    let mut theta = model.parameters().to_vec();
    theta[0] = 3e38;
    model.set_parameters(&theta).unwrap();
    let state = State::new(&theta);
    let mut trainer = DeviceTrainer::new(machine, &plan, &model, &state).unwrap();
    trainer.advance(3).unwrap();
    let found = trainer.download().expect_err("a stop");
    let expected = learn(&plan, model).expect_err("a stop");
    (found, expected)
}

#[test]
fn a_weight_that_leaves_the_format_is_told_at_its_step() {
    let (found, expected) = hidden(&Shim::new());
    assert!(matches!(expected, Error::Stopped { step: 0, .. }), "{expected}");
    assert_eq!(found.to_string(), expected.to_string());
    // Not noted, it would be told steps later.
    let (found, expected) = hidden(&Shim::new().with_text("if (*left) *fault = 1;", ""));
    assert_ne!(found.to_string(), expected.to_string());
}

#[test]
fn what_no_kernel_computes_is_refused_before_anything_is_written() {
    for (from, to, words) in [
        ("width = 5\nlayers = 2\nwaves = 2", "kind = \"mixture\"", ["mixture", "mlp"]),
        ("width = 5\nlayers = 2\nwaves = 2", "kind = \"affine\"", ["affine", "mlp"]),
        ("[model]", "[objective]\ntarget = \"exact\"\n[model]", ["exact", "sample"]),
        ("width = 5", "width = 40000000", ["batch", "2^31"]),
    ] {
        let text = PLAIN.replace(from, to);
        assert_ne!(text, PLAIN);
        let plan = plan(&text);
        let error = check_plan(&plan).expect_err("a refusal").to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        let place = place("refused");
        // The model is another one than the plan's, which is not looked at before.
        let model = start::<f32>(&crate::plan(PLAIN));
        let said = train(&Shim::new(), &plan, model, &place, Begin::Anew, &|_| ()).map(|_| ());
        assert_eq!(said.expect_err("a refusal").to_string(), error);
        assert!(!place.exists());
    }
    // Every configuration that is kept has one, the digits in 64 dimensions too.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs");
    let entries = |folder: &Path| {
        fs::read_dir(folder).expect("configurations").map(|e| e.expect("one").path())
    };
    let all: Vec<PathBuf> =
        entries(&folder).flat_map(|law| entries(&law).collect::<Vec<_>>()).collect();
    assert_eq!(all.len(), 35);
    for path in all {
        let plan = Plan::new(&Config::read(&path).expect("TOML")).expect("a plan");
        check_plan(&plan).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

/// A trainer with a mistake.
struct Wrong<'a> {
    inner: Box<dyn Trainer<f32, Mlp<f32>> + 'a>,
    mistake: Mistake,
    earlier: Option<(Mlp<f32>, State<f32>)>,
    losses: Option<(Losses, f64)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mistake {
    None,
    /// Weights and state are those of one step earlier or later than is asked for.
    Early,
    Late,
    /// A step's losses are those of the step before.
    LossesBefore,
    /// Moments, or the average, are not uploaded where a run goes on.
    NoMoments,
    NoAverage,
    /// It goes on one step later than the state.
    WrongStep,
}

impl Trainer<f32, Mlp<f32>> for Wrong<'_> {
    fn advance_to(&mut self, until: u64) -> Result<Vec<(Losses, f64)>> {
        match self.mistake {
            Mistake::Early => {
                let (model, state) = self.inner.now()?;
                let (model, state) = (model.clone(), state.clone());
                let step = state.step;
                self.earlier = Some((model, state));
                // One step, so that what is kept is one step old.
                self.inner.advance_to(until.min(step + 1))
            }
            Mistake::LossesBefore => {
                let mut all = self.inner.advance_to(until)?;
                for losses in &mut all {
                    let own = *losses;
                    *losses = self.losses.unwrap_or(own);
                    self.losses = Some(own);
                }
                Ok(all)
            }
            _ => self.inner.advance_to(until),
        }
    }

    fn now(&mut self) -> Result<(&Mlp<f32>, &State<f32>)> {
        match (&self.mistake, &self.earlier) {
            (Mistake::Early, Some((model, state))) => Ok((model, state)),
            (Mistake::Late, _) => {
                let (_, state) = self.inner.now()?;
                let step = state.step;
                if step < 5 {
                    self.inner.advance_to(step + 1)?;
                }
                self.inner.now()
            }
            _ => self.inner.now(),
        }
    }
}

/// Whether a run that is killed after three steps and goes on, on the machine or else on the CPU, has other files than it should.
fn differs(whole: &[Vec<u8>], plan: &Plan, machine: Option<&Shim>, mistake: Mistake) -> bool {
    let place = place(&format!("wrong-{mistake:?}"));
    let go = |begin, stop: Option<u64>| {
        let progress = |at: Progress| {
            if stop == Some(at.step) {
                std::panic::resume_unwind(Box::new("killed"));
            }
        };
        let start = |model: Mlp<f32>, mut state: State<f32>| {
            let zeros = vec![0.0; state.first.len()];
            match mistake {
                Mistake::NoMoments => (state.first, state.second) = (zeros.clone(), zeros),
                Mistake::NoAverage => state.average = model.parameters().to_vec(),
                Mistake::WrongStep if state.step > 0 => state.step += 1,
                _ => {}
            }
            let inner: Box<dyn Trainer<f32, Mlp<f32>>> = match machine {
                Some(machine) => Box::new(DeviceTrainer::new(machine, plan, &model, &state)?),
                None => Box::new(CpuTrainer::new(plan, model, state)?),
            };
            Ok(Wrong { inner, mistake, earlier: None, losses: None })
        };
        run_by(plan, crate::start(plan), &place, begin, &progress, start).map(|_| ())
    };
    let caught = std::panic::AssertUnwindSafe(|| go(Begin::Anew, Some(3)));
    let _ = std::panic::catch_unwind(caught);
    go(Begin::Resume, None).is_err() || files(&place) != whole
}

#[test]
fn mistakes_between_the_loop_and_the_machine_are_seen() {
    let plan = plan(PLAIN);
    let whole = place("right");
    go::<f32>(&plan, &whole, On::Cpu, Begin::Anew, None).0.unwrap();
    let whole = files(&whole);
    assert!(!differs(&whole, &plan, Some(&Shim::new()), Mistake::None));
    assert!(!differs(&whole, &plan, None, Mistake::None));
    for mistake in [
        Mistake::Early,
        Mistake::Late,
        Mistake::LossesBefore,
        Mistake::NoMoments,
        Mistake::NoAverage,
        Mistake::WrongStep,
    ] {
        assert!(differs(&whole, &plan, None, mistake), "{mistake:?}");
    }
    // What a step measured is kept in another's place, or too late.
    for (from, to) in [
        ("history + clock[1]", "history + (clock[1] ^ 1)"),
        ("kept[HISTORY_NORM] = *norm", "kept[HISTORY_NORM] = losses[0]"),
        ("kept[HISTORY_MATCHING] = losses[0]", "kept[HISTORY_MATCHING] = losses[1]"),
    ] {
        let machine = Shim::new().with_text(from, to);
        assert!(differs(&whole, &plan, Some(&machine), Mistake::None), "{to}");
    }
}
