//! The configurations that are shipped: each objective on each law, trained for a few steps, stopped and resumed.

use std::fs;
use std::path::{Path, PathBuf};

use tweedie::denoiser::Mlp;
use tweedie::train::config::Config;
use tweedie::train::plan::Plan;
use tweedie::train::run::{Begin, CHECKPOINT, ERRORS, METRICS, MODEL, run};

const LAWS: [&str; 7] = [
    "digits-subspace",
    "oblique-plane",
    "oblique-plane-noise",
    "ring",
    "ring-missing",
    "three-gaussians",
    "three-gaussians-outliers",
];
const OBJECTIVES: [&str; 5] = [
    "equivariance-fgsm",
    "equivariance-fgsm-residual",
    "equivariance-random",
    "invariance",
    "plain",
];

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .collect();
    names.sort();
    names
}

/// The same run, small: what it is about is kept, what makes it long is not.
fn short(mut config: Config) -> Config {
    (config.steps, config.batch) = (4, 70);
    (config.model.width, config.model.layers) = (8, 1);
    config.data.samples = config.data.samples.min(200);
    config.channel.levels = 20;
    let output = &mut config.output;
    (output.points, output.samples, output.sampler_steps) = (8, 8, 3);
    (output.metrics_every, output.evaluate_every, output.checkpoint_every) = (1, 2, 2);
    config
}

fn bytes(directory: &Path) -> Vec<Vec<u8>> {
    let files = [MODEL, CHECKPOINT, METRICS, ERRORS];
    files.iter().map(|name| fs::read(directory.join(name)).expect("a file")).collect()
}

#[test]
fn every_configuration_trains_and_resumes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs");
    assert_eq!(names(&folder), LAWS);
    let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("configs");
    let _ = fs::remove_dir_all(&place);
    for law in LAWS {
        let mut files: Vec<String> = OBJECTIVES.iter().map(|name| format!("{name}.toml")).collect();
        files.sort();
        assert_eq!(names(&folder.join(law)), files);
        for file in files {
            let config = Config::read(&folder.join(law).join(&file)).expect("a configuration");
            let plan = Plan::new(&short(config)).expect("a plan");
            assert_eq!(plan.constrained.is_none(), file == "plain.toml");
            let corrupted = ["noise", "outliers", "missing"].iter().any(|word| law.contains(word));
            assert_eq!(plan.trained != plan.clean, corrupted);
            let spec = plan.spec().expect("a model");
            let go = |directory: &Path, begin: Begin, stop: Option<u64>| {
                let model: Mlp<f32> = plan.start(&spec).expect("a model");
                let progress = |at: tweedie::train::run::Progress| {
                    if stop == Some(at.step) {
                        std::panic::resume_unwind(Box::new("killed"));
                    }
                };
                run(&plan, model, directory, begin, &progress).map(|_| ())
            };
            let (whole, stopped) = (place.join("whole"), place.join("stopped"));
            let name = file.trim_end_matches(".toml");
            let (whole, stopped) = (whole.join(law).join(name), stopped.join(law).join(name));
            go(&whole, Begin::Anew, None).unwrap_or_else(|e| panic!("{law}/{file}: {e}"));
            let killed = std::panic::AssertUnwindSafe(|| go(&stopped, Begin::Anew, Some(3)));
            assert!(std::panic::catch_unwind(killed).is_err());
            go(&stopped, Begin::Resume, None).expect("a resumed run");
            assert!(bytes(&whole) == bytes(&stopped), "{law}/{file}");
        }
    }
}
