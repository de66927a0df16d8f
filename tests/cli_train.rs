//! `train`, `sample --model`, `attack` and `compare` as processes: a killed run, equal bytes, exit codes, refusals.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

fn place(name: &str) -> PathBuf {
    let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cli-train").join(name);
    let _ = fs::remove_dir_all(&place);
    fs::create_dir_all(&place).expect("a directory");
    place
}

fn command(place: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tweedie"));
    command.current_dir(place).args(line.split_whitespace());
    command
}

fn tweedie(place: &Path, line: &str) -> Output {
    command(place, line).output().expect("the program starts")
}

fn says(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn works(place: &Path, line: &str) -> String {
    let output = tweedie(place, line);
    assert_eq!(output.status.code(), Some(0), "{line}: {}", says(&output));
    says(&output)
}

const CONFIG: &str = "steps = STEPS\nbatch = 128\n[data]\nlaw = \"ring\"\n[model]\nwidth = 16\nlayers = 2\n\
                      [objective]\nconstraint = \"equivariance\"\n[perturbation]\nkind = \"fgsm\"\n\
                      [output]\ncheckpoint_every = 20\nevaluate_every = 100\npoints = 32\nsamples = 50\n\
                      sampler_steps = 5\n";

fn config(place: &Path, steps: u64) {
    let text = CONFIG.replace("STEPS", &steps.to_string());
    fs::write(place.join("run.toml"), text).expect("a configuration");
}

/// Waits for a checkpoint, then kills the process with no warning.
fn kill_after_a_checkpoint(mut child: Child, checkpoint: &Path) {
    let begun = Instant::now();
    while !checkpoint.exists() {
        assert!(begun.elapsed() < Duration::from_secs(120), "no checkpoint after two minutes");
        std::thread::sleep(Duration::from_millis(2));
    }
    std::thread::sleep(Duration::from_millis(60));
    // Already gone is no error: the run was quicker than the kill.
    let _ = child.kill();
    child.wait().expect("the process has ended");
}

#[test]
fn a_killed_run_resumes_to_the_same_bytes() {
    let dir = place("killed");
    config(&dir, 3000);
    let whole = command(&dir, "train --config run.toml --out whole --threads 1").spawn();
    let mut whole = whole.expect("the program starts");
    let line = "train --config run.toml --out killed --threads 2";
    let quiet =
        |line: &str| command(&dir, line).stderr(Stdio::null()).stdout(Stdio::null()).spawn();
    kill_after_a_checkpoint(
        quiet(line).expect("the program starts"),
        &dir.join("killed/checkpoint.safetensors"),
    );
    assert!(!dir.join("killed/model.safetensors").exists(), "the run ended before the kill");
    kill_after_a_checkpoint(
        quiet(&format!("{line} --resume")).expect("the program starts"),
        &dir.join("killed/checkpoint.safetensors"),
    );
    works(&dir, &format!("{line} --resume"));
    assert!(whole.wait().expect("the whole run").success());
    for name in [
        "model.safetensors",
        "checkpoint.safetensors",
        "metrics.csv",
        "error.csv",
        "config.toml",
        "samples.npy",
        "report.html",
    ] {
        let [one, other] = ["whole", "killed"].map(|run| fs::read(dir.join(run).join(name)));
        assert!(one.expect("a file") == other.expect("a file"), "{name} differs");
    }
}

#[test]
fn a_model_is_sampled_attacked_and_compared() {
    let dir = place("model");
    config(&dir, 40);
    let told = works(&dir, "train --config run.toml --out run");
    assert!(told.contains("parameters 626") && told.contains("report.html"), "{told}");
    let report = fs::read_to_string(dir.join("run/report.html")).expect("a report");
    // A curve a level: two levels of one label would be one curve that jumps.
    let figure = fs::read_to_string(dir.join("run/figures/error-by-step.csv")).expect("a figure");
    let curves: std::collections::BTreeSet<&str> = figure
        .lines()
        .filter_map(|line| line.split(',').find(|cell| cell.contains("σ = ")))
        .collect();
    assert_eq!(curves.len(), 8, "{figure}");
    for part in ["<svg", "E‖D̂ − D*‖²", "constraint = &quot;equivariance&quot;", "matching"]
    {
        assert!(report.contains(part), "{part} is not in the report");
    }
    let model = "run/model.safetensors";
    works(&dir, &format!("sample --model {model} -n 30 --steps 5 --out samples.npz"));
    let told = works(&dir, &format!("compare ring {model} --sigma 0.5 -n 200"));
    assert!(told.contains("denoiser") && told.contains("score"), "{told}");
    assert_eq!(
        tweedie(&dir, &format!("compare ring {model} --sigma 0.5 -n 200 --within 1e-6"))
            .status
            .code(),
        Some(1)
    );
    // A law against itself, and against its own predictions in a file.
    assert_eq!(tweedie(&dir, "compare ring ring --sigma 0.5 --within 0").status.code(), Some(0));
    let points = ndarray::Array2::from_shape_fn((20, 2), |(n, i)| 0.1 * n as f64 - i as f64);
    let points: tweedie::format::npy::ArrayRef = &points;
    tweedie::format::npy::write_npy(&dir.join("points.npy"), points).expect("points");
    works(&dir, "eval --law ring --points points.npy --sigma 0.5 --out truth.npz");
    let line = "compare truth.npz ring --points points.npy --sigma 0.5 --within 0";
    assert_eq!(tweedie(&dir, line).status.code(), Some(0));
    for (steps, inner) in [(1, "residual"), (6, "prediction-difference")] {
        works(
            &dir,
            &format!(
                "attack --model {model} --points points.npy --sigma 0.5 --eps 0.25 --norm l2 --steps {steps} \
                 --inner {inner} --dtype f32 --out attack.npz"
            ),
        );
        let arrays = tweedie::format::npz::read_npz(&dir.join("attack.npz")).expect("arrays");
        let omega = &arrays.iter().find(|(name, _)| name == "perturbation").expect("ω").1;
        for row in omega.outer_iter() {
            // Exactly inside in real arithmetic; this sum rounds twice.
            let square: f64 = row.iter().map(|w| w * w).sum();
            assert!(square > 0.0 && square <= 0.0625 * (1.0 + 4.0 * f64::EPSILON));
        }
    }
    let told = works(
        &dir,
        "attack --law ring --trajectory --eps 0.1 --sampler-steps 8 --states 2,3 --steps 2 -n 20 --out moved.npz",
    );
    assert!(told.contains("2 states perturbed"), "{told}");
}

#[test]
fn bad_input_is_refused_in_one_line() {
    let dir = place("refused");
    config(&dir, 3);
    works(&dir, "train --config run.toml --out run");
    fs::write(dir.join("key.toml"), "[data]\nlaw = \"ring\"\n[model]\nwidht = 3\n")
        .expect("a file");
    fs::write(dir.join("law.toml"), "[data]\nlaw = \"rang\"\n").expect("a file");
    fs::write(dir.join("kind.toml"), "dtype = \"f16\"\n[data]\nlaw = \"ring\"\n").expect("a file");
    let whole = fs::read(dir.join("run/model.safetensors")).expect("a model");
    fs::write(dir.join("cut.safetensors"), &whole[..whole.len() - 5]).expect("a file");
    fs::write(dir.join("long.safetensors"), [&whole[..], &[0; 3]].concat()).expect("a file");
    let mut wild = whole.clone();
    wild[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    fs::write(dir.join("wild.safetensors"), wild).expect("a file");
    // An absurd size where the description says 16.
    let mut absurd = whole.clone();
    let words = b"\\\"width\\\":16";
    let at = whole.windows(words.len()).position(|w| w == words).expect("the width") + words.len();
    absurd[at - 2..at].copy_from_slice(b"99");
    fs::write(dir.join("absurd.safetensors"), absurd).expect("a file");
    let compare = |file: &str| format!("compare ring {file} --sigma 1");
    for (line, words) in [
        ("train --config run.toml --out run".to_string(), vec!["--resume"]),
        ("train --config key.toml --out x".into(), vec!["key.toml", "line 4", "widht"]),
        ("train --config law.toml --out x".into(), vec!["rang", "ring"]),
        ("train --config kind.toml --out x".into(), vec!["f16"]),
        ("train --config none.toml --out x".into(), vec!["none.toml"]),
        ("train --config run.toml --out run.toml".into(), vec!["run.toml"]),
        (compare("cut.safetensors"), vec!["cut.safetensors"]),
        (compare("long.safetensors"), vec!["long.safetensors"]),
        (compare("wild.safetensors"), vec!["wild.safetensors"]),
        (compare("absurd.safetensors"), vec!["absurd.safetensors", "hidden.0.weight"]),
        (compare("none.safetensors"), vec!["none.safetensors"]),
        (compare("oblique-plane"), vec!["N×3"]),
        ("compare ring run/model.safetensors --sigma 1 --within -1".into(), vec!["--within"]),
        ("attack --law ring --sigma 1 --eps -1 --points p.npy --out o.npz".into(), vec!["p.npy"]),
        ("attack --law ring --trajectory --eps -1 --out o.npz".into(), vec!["eps", "-1"]),
        ("attack --law ring --trajectory --eps 1 --norm l3 --out o.npz".into(), vec!["l3"]),
        ("attack --law ring --trajectory --eps 1 --states 99 --out o.npz".into(), vec!["99"]),
        ("sample --model cut.safetensors --out o.npz".into(), vec!["cut.safetensors"]),
    ] {
        let output = tweedie(&dir, &line);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{line}: {error}");
        assert_eq!(error.trim_end().lines().count(), 1, "{line}: {error}");
        assert!(words.iter().all(|word| error.contains(word)), "{line}: {error}");
        assert!(!dir.join("o.npz").exists() && !dir.join("x/model.safetensors").exists());
    }
}
