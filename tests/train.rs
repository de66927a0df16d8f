//! Training: the same bits after any stop, for any number of threads; fine-tuning; refusals.

use std::fs;
use std::path::{Path, PathBuf};

use tweedie::denoiser::{Mlp, Model, ModelSpec, Trainable};
use tweedie::train::config::Config;
use tweedie::train::plan::Plan;
use tweedie::train::run::{Begin, CHECKPOINT, ERRORS, METRICS, MODEL, Progress, run};
use tweedie::{Error, Result};

fn place(name: &str) -> PathBuf {
    let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("train").join(name);
    let _ = fs::remove_dir_all(&place);
    place
}

/// A small run: 12 steps of 150 rows (two blocks and a part), a checkpoint every 4.
fn small(rest: &str) -> Config {
    let text = format!(
        "steps = 12\nbatch = 150\ndtype = \"f32\"\n{rest}\n\
         [output]\nmetrics_every = 1\nevaluate_every = 3\ncheckpoint_every = 4\npoints = 16\nsamples = 16\n\
         sampler_steps = 5\n"
    );
    Config::parse(&text).expect("a configuration")
}

const FGSM: &str = "[data]\nlaw = \"three-gaussians\"\nsamples = 40\n[model]\nwidth = 24\nlayers = 2\nwaves = 3\n\
                    [objective]\nconstraint = \"equivariance\"\nstart = 2\n[perturbation]\nkind = \"fgsm\"";

fn go(config: &Config, directory: &Path, begin: Begin, stop: Option<u64>) -> Result<Mlp<f32>> {
    let plan = Plan::new(config)?;
    let spec = plan.spec()?;
    let model: Mlp<f32> = plan.start(&spec)?;
    // A panic in the middle of a step stands for a killed process: nothing is flushed, nothing is cleaned up.
    let progress = |at: Progress| {
        if stop == Some(at.step) {
            std::panic::resume_unwind(Box::new("killed"));
        }
    };
    run(&plan, model, directory, begin, &progress)
}

fn files(directory: &Path) -> Vec<Vec<u8>> {
    let names = [MODEL, CHECKPOINT, METRICS, ERRORS];
    names.iter().map(|name| fs::read(directory.join(name)).expect("a file of the run")).collect()
}

#[test]
fn a_stopped_run_resumes_to_the_same_bits() {
    let config = small(FGSM);
    let whole = place("whole");
    go(&config, &whole, Begin::Anew, None).expect("a run");
    for stop in [1, 3, 4, 5, 8, 11] {
        let stopped = place(&format!("stopped-{stop}"));
        let killed = std::panic::catch_unwind(|| go(&config, &stopped, Begin::Anew, Some(stop)));
        assert!(killed.is_err());
        // Half-written metrics are what a kill between two files can leave.
        if stop == 5 {
            let path = stopped.join(METRICS);
            let text = fs::read_to_string(&path).expect("metrics") + "7,1,1,1,1,1,1\n";
            fs::write(&path, text).expect("metrics");
        }
        go(&config, &stopped, Begin::Resume, None).expect("a run");
        assert!(files(&whole) == files(&stopped), "stopped after {stop} steps");
    }
}

#[test]
fn threads_change_no_bit() {
    let config = small(FGSM);
    let [one, three] = [1, 3].map(|threads| {
        let directory = place(&format!("threads-{threads}"));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| go(&config, &directory, Begin::Anew, None)).expect("a run");
        files(&directory)
    });
    assert!(one == three);
}

#[test]
fn a_model_file_is_the_model() {
    let config = small(FGSM);
    let directory = place("file");
    let trained = go(&config, &directory, Begin::Anew, None).expect("a run");
    let read = Model::<f32>::read(&directory.join(MODEL)).expect("a model");
    let Model::Mlp(read) = read else { panic!("a network was stored") };
    assert_eq!(trained.parameters(), read.parameters());
}

fn refusal(config: &Config) -> String {
    Plan::new(config).and_then(|plan| plan.spec()).expect_err("a refusal").to_string()
}

#[test]
fn bad_configurations_are_refused_in_one_line() {
    let base = "[data]\nlaw = \"ring\"\n";
    for (text, words) in [
        ("[data]\nlaw = \"ring\"\nlaws = 1", "laws"),
        ("[data]\nlaw = 3", "line 2"),
        ("steps = -4", "line 1"),
        ("steps = [", "line 1"),
    ] {
        let error = Config::parse(text).expect_err("a refusal");
        assert!(error.contains(words) && !error.contains('\n'), "{error}");
    }
    for (rest, words) in [
        ("[perturbation]\nradius = -1.0\n[objective]\nconstraint = \"equivariance\"", "radius"),
        ("[objective]\nconstraint = \"equivarience\"", "equivarience"),
        ("[objective]\nconstraint = \"equivariance\"\nlambda = -0.3", "lambda"),
        ("[objective]\nconstraint = \"equivariance\"\n[perturbation]\nkind = \"fgms\"", "fgms"),
        ("[objective]\nparametrisation = \"x0\"", "x0"),
        (
            "[objective]\nconstraint = \"equivariance\"\n[perturbation]\nkind = \"pgd\"\nrestarts = 0",
            "restarts",
        ),
        ("[perturbation]\nrestarts = 256", "restarts"),
        ("[optimizer]\nbeta1 = 1.0", "beta1"),
        ("[optimizer]\nlearning_rate = nan", "learning_rate"),
        ("[channel]\nschedule = \"ddmp\"", "ddmp"),
        ("[model]\nkind = \"unet\"", "unet"),
    ] {
        let config = Config::parse(&format!("{base}{rest}")).expect("TOML");
        let error = refusal(&config);
        assert!(error.contains(words) && !error.contains('\n'), "{rest}: {error}");
    }
    let none = Config::parse("steps = 3").expect("TOML");
    assert!(refusal(&none).contains("[data]"));
}

#[test]
fn a_directory_with_a_run_is_not_overwritten() {
    let config = small(FGSM);
    let directory = place("kept");
    go(&config, &directory, Begin::Anew, None).expect("a run");
    let before = files(&directory);
    let again = go(&config, &directory, Begin::Anew, None).expect_err("a refusal");
    assert!(again.to_string().contains("--resume"), "{again}");
    let other = Config { seed: 1, ..config.clone() };
    let other = go(&other, &directory, Begin::Resume, None).expect_err("a refusal");
    assert!(other.to_string().contains("another configuration"), "{other}");
    assert!(before == files(&directory));
}

#[test]
fn a_loss_that_is_not_finite_stops_the_run_and_keeps_the_checkpoint() {
    let rest = "[data]\nlaw = \"ring\"\n[model]\nwidth = 8\nlayers = 1\n\
                [optimizer]\nlearning_rate = 1e30\nwarmup = 5\nclip = 0.0";
    let mut config = small(rest);
    config.output.checkpoint_every = 1;
    let directory = place("diverged");
    let error = go(&config, &directory, Begin::Anew, None).expect_err("divergence");
    let Error::Stopped { step, .. } = error else { panic!("{error}") };
    assert!(step >= 1, "the first step is finite");
    let file = tweedie::format::tensors::read_tensors(&directory.join(CHECKPOINT));
    let finite = |a: &tweedie::format::tensors::NamedArray| a.values.iter().all(|v| v.is_finite());
    assert!(file.expect("a checkpoint").arrays.iter().all(finite));
    assert!(!directory.join(MODEL).exists());
}

#[test]
fn fine_tuning_starts_from_the_file_and_checks_its_architecture() {
    let plain = small("[data]\nlaw = \"ring\"\n[model]\nwidth = 12\nlayers = 1");
    let directory = place("first");
    let trained = go(&plain, &directory, Begin::Anew, None).expect("a run");
    let init = directory.join(MODEL).display().to_string();
    let mut tuned = plain.clone();
    tuned.model.init = Some(init);
    tuned.objective.constraint = "equivariance".into();
    let plan = Plan::new(&tuned).expect("a plan");
    let spec = plan.spec().expect("a model");
    let start: Mlp<f32> = plan.start(&spec).expect("a model");
    assert_eq!(start.parameters(), trained.parameters());
    go(&tuned, &place("tuned"), Begin::Anew, None).expect("a run");
    tuned.model.width = 13;
    let plan = Plan::new(&tuned).expect("a plan");
    let spec = plan.spec().expect("a model");
    assert!(matches!(spec, ModelSpec::Mlp { width: 13, .. }));
    let error = plan.start::<f32, Mlp<f32>>(&spec).map(|_| ()).expect_err("a refusal");
    assert!(error.to_string().contains("width"), "{error}");
}

#[test]
fn a_configuration_is_written_back_whole() {
    let plan = Plan::new(&small("[data]\nlaw = \"ring\"")).expect("a plan");
    let text = plan.config.to_toml().expect("TOML");
    for key in ["range", "sigma_data", "offset", "lambda", "beta2", "sampler_steps", "head"] {
        assert!(text.contains(&format!("{key} = ")), "{key} is not in\n{text}");
    }
    let read = Config::parse(&text).expect("TOML");
    assert_eq!(Plan::new(&read).expect("a plan").config, plan.config);
}
