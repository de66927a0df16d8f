//! `--device` and the line `gpu` of `tweedie info`, as a process: what is refused is refused in one line with the remedy, before any
//! file is read, and nothing is written. Where there is a GPU, its files are the CPU's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tweedie::format::npy::{ArrayRef, write_npy};

fn place(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("tweedie-device-{}-{name}", std::process::id()));
    fs::create_dir_all(&dir).expect("a directory");
    let points = ndarray::Array2::from_shape_fn((300, 2), |(n, i)| 0.01 * n as f64 - i as f64);
    write_npy(&dir.join("points.npy"), &points as ArrayRef).expect("points");
    dir
}

fn tweedie(dir: &Path, line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tweedie"));
    command.current_dir(dir).args(line.split_whitespace()).output().expect("the program starts")
}

fn refused(dir: &Path, line: &str, says: &[&str]) {
    let output = tweedie(dir, line);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{line}: {error}");
    assert_eq!(error.trim_end().lines().count(), 1, "{line}: {error}");
    for word in says {
        assert!(error.contains(word), "{line}: {error:?} does not say {word:?}");
    }
    assert!(!dir.join("out.npz").exists(), "{line} left a file");
}

const EVAL: &str = "eval --law ring --points points.npy --sigma 0.5 --out out.npz";

#[test]
fn a_gpu_that_is_not_there_is_refused_with_the_remedy() {
    let dir = place("refused");
    match tweedie::cuda::offer::found() {
        Ok(_) => {
            let quantities = "log_density,score,denoiser,noise,responsibilities";
            for dtype in ["f64", "f32"] {
                let file = |device: &str| {
                    let line =
                        format!("{EVAL} --quantity {quantities} --dtype {dtype} --device {device}");
                    let output = tweedie(&dir, &line);
                    assert_eq!(output.status.code(), Some(0), "{output:?}");
                    fs::read(dir.join("out.npz")).expect("the output")
                };
                assert!(file("cuda") == file("cpu"), "{dtype}");
            }
            fs::remove_file(dir.join("out.npz")).expect("the output");
            refused(
                &dir,
                &format!("{EVAL} --quantity covariance --device cuda"),
                &["covariance", "CPU"],
            );
        }
        Err(reason) => {
            let reason = reason.to_string();
            let says = if cfg!(feature = "cuda") { "the " } else { "--features cuda" };
            refused(&dir, &format!("{EVAL} --device cuda"), &[says, &reason]);
            // Before any file is read.
            let line =
                "eval --law ring --points missing.npy --sigma 0.5 --out out.npz --device cuda";
            refused(&dir, line, &[&reason]);
        }
    }
    refused(&dir, &format!("{EVAL} --device tpu"), &["tpu", "cpu", "cuda"]);
    let output = tweedie(&dir, &format!("{EVAL} --device cpu"));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    fs::remove_dir_all(dir).expect("cleaned");
}

const TRAIN: &str = "steps = 30\nbatch = 100\n[data]\nlaw = \"ring\"\n[model]\nwidth = 16\nlayers = 2\n\
    [objective]\nconstraint = \"equivariance\"\nstart = 5\n[perturbation]\nkind = \"fgsm\"\n\
    [output]\nmetrics_every = 3\nevaluate_every = 10\ncheckpoint_every = 7\npoints = 16\nsamples = 20\nsampler_steps = 5\n";

#[test]
fn training_on_a_gpu_is_the_cpus_or_refused_with_the_remedy() {
    let dir = place("train");
    fs::write(dir.join("run.toml"), TRAIN).expect("a configuration");
    match tweedie::cuda::offer::found() {
        Ok(_) => {
            for device in ["cpu", "cuda"] {
                let line = format!("train --config run.toml --out {device} --device {device}");
                let output = tweedie(&dir, &line);
                assert_eq!(output.status.code(), Some(0), "{output:?}");
            }
            for entry in fs::read_dir(dir.join("cpu")).expect("a run") {
                let name = entry.expect("a file").file_name();
                if dir.join("cpu").join(&name).is_dir() {
                    continue;
                }
                let [one, other] =
                    ["cpu", "cuda"].map(|at| fs::read(dir.join(at).join(&name)).expect("a file"));
                assert!(one == other, "{name:?}");
            }
            let exact = TRAIN.replace("start", "target = \"exact\"\nstart");
            fs::write(dir.join("exact.toml"), exact).expect("a configuration");
            refused(
                &dir,
                "train --config exact.toml --out run --device cuda",
                &["exact", "sample", "CPU"],
            );
        }
        Err(reason) => {
            // Before any file is read.
            for config in ["run.toml", "missing.toml"] {
                let line = format!("train --config {config} --out run --device cuda");
                refused(&dir, &line, &[&reason.to_string()]);
            }
        }
    }
    assert!(!dir.join("run").exists());
    refused(&dir, "train --config run.toml --out run --device tpu", &["tpu", "cpu", "cuda"]);
    fs::remove_dir_all(dir).expect("cleaned");
}

#[test]
fn info_says_in_one_line_which_gpu_was_found() {
    let dir = place("info");
    let output = tweedie(&dir, "info");
    let text = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("gpu ")).collect();
    let expected = match tweedie::cuda::offer::found() {
        Ok(device) => device,
        Err(reason) => format!("none: {reason}"),
    };
    assert_eq!(lines, [format!("{:18} {expected}", "gpu")]);
    fs::remove_dir_all(dir).expect("cleaned");
}
