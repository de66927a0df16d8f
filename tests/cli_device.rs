//! `--device` and the line `gpu` of `tweedie info`, as a process: what is refused is refused in one line with the remedy, before any
//! file is read, and nothing is written. Where there is a GPU, its files are the CPU's.

mod process;

use std::fs;

use process::{place, refused, tweedie};

const EVAL: &str = "eval --law ring --points points.npy --sigma 0.5 --out out.npz";

#[test]
fn a_gpu_that_is_not_there_is_refused_with_the_remedy() {
    let dir = place("refused");
    match tweedie::cuda::offer::found() {
        Ok(_) => {
            let quantities = "log_density,score,denoiser,noise,covariance,responsibilities";
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
fn a_sampler_on_a_gpu_is_the_cpus_or_refused_with_the_remedy() {
    const SAMPLE: &str = "sample --law ring -n 300 --steps 6 --out out.npz";
    let dir = place("sample");
    // What no kernel has, before any file is read.
    let model = "sample --model missing.safetensors --out out.npz --device cuda";
    refused(&dir, model, &["--model", "leave --device out"]);
    refused(&dir, &format!("{SAMPLE} --method exact --device cuda"), &["--method exact", "leave"]);
    match tweedie::cuda::offer::found() {
        Ok(_) => {
            for method in ["heun", "ancestral", "ddim:0.5"] {
                let file = |device: &str| {
                    let line =
                        format!("{SAMPLE} --method {method} --trajectory 2 --device {device}");
                    let output = tweedie(&dir, &line);
                    assert_eq!(output.status.code(), Some(0), "{output:?}");
                    fs::read(dir.join("out.npz")).expect("the output")
                };
                assert!(file("cuda") == file("cpu"), "{method}");
            }
        }
        Err(reason) => {
            refused(&dir, &format!("{SAMPLE} --device cuda"), &[&reason.to_string()]);
            let line = "sample --mixture missing.json --out out.npz --device cuda";
            refused(&dir, line, &[&reason.to_string()]);
            let output = tweedie(&dir, &format!("{SAMPLE} --device cpu"));
            assert_eq!(output.status.code(), Some(0), "{output:?}");
        }
    }
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
