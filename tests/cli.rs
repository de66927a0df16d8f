//! The command line as a process: exit codes, one clear line for each bad input, no partial file, the same
//! bytes for any number of threads.

mod process;

use std::fs;

use process::{place, refused, tweedie};
use tweedie::format::npy::{ArrayRef, write_npy};

#[test]
fn bad_mixtures_are_refused() {
    let dir = place("mixtures");
    let mixture = |w: &str, m: &str, kind: &str, v: &str| {
        format!(
            r#"{{"weights": {w}, "means": {m}, "covariance": {{"kind": "{kind}", "values": {v}}}}}"#
        )
    };
    let two = "[[0, 0], [1, 1]]";
    let cases: [(String, &[&str]); 10] = [
        (mixture("[0.5, 0.6]", two, "isotropic", "[1, 1]"), &["weights", "1.1"]),
        (mixture("[1.5, -0.5]", two, "isotropic", "[1, 1]"), &["weights", "-0.5"]),
        (mixture("[1, 0]", two, "isotropic", "[1, 1]"), &["weights", "[1]"]),
        (mixture("[0.5, 0.5]", two, "isotropic", "[1, -1]"), &["covariance", "-1"]),
        (mixture("[0.5, 0.5]", two, "isotropic", "[1]"), &["covariance"]),
        (mixture("[0.5, 0.5]", "[[0, 0], [1]]", "isotropic", "[1, 1]"), &["means"]),
        (mixture("[1]", "[[0, 0]]", "full", "[[[1, 2], [2, 1]]]"), &["indefinite", "-1"]),
        (mixture("[1]", "[[0, 0]]", "full", "[[[1, 0.5], [0.4, 1]]]"), &["symmetric"]),
        (mixture("[NaN]", "[[0, 0]]", "isotropic", "[1]"), &["law.json"]),
        (r#"{"weights": [1"#.into(), &["law.json", "line"]),
    ];
    for (text, says) in &cases {
        fs::write(dir.join("law.json"), text).expect("a law");
        refused(&dir, "eval --mixture law.json --points points.npy --sigma 1 --out out.npz", says);
    }
    fs::remove_dir_all(dir).expect("cleaned");
}

#[test]
fn bad_arguments_and_files_are_refused() {
    let dir = place("arguments");
    let whole = fs::read(dir.join("points.npy")).expect("points");
    fs::write(dir.join("short.npy"), &whole[..whole.len() - 9]).expect("a file");
    fs::write(dir.join("empty.npy"), b"").expect("a file");
    let none = ndarray::Array2::<f64>::zeros((0, 2));
    write_npy(&dir.join("none.npy"), &none as ArrayRef).expect("a file");
    let cases: [(&str, &[&str]); 11] = [
        ("eval --law ring --points points.npy --sigma 0 --out out.npz", &["sigma", "0"]),
        ("eval --law ring --points points.npy --a 1 --s -2 --out out.npz", &["s is -2"]),
        ("eval --law ring --points points.npy --alpha-bar 1.5 --out out.npz", &["1.5"]),
        ("eval --law ring --points points.npy --out out.npz", &["channel"]),
        ("eval --law oblique-plane --points points.npy --sigma 1 --out out.npz", &["N×3"]),
        ("eval --law ring --points short.npy --sigma 1 --out out.npz", &["short.npy"]),
        ("eval --law ring --points empty.npy --sigma 1 --out out.npz", &["empty.npy"]),
        ("eval --law ring --points none.npy --sigma 1 --out out.npz", &["none.npy", "empty"]),
        ("eval --law ring --points points.npy --sigma 1 --quantity sore --out out.npz", &["sore"]),
        ("eval --law ring --points points.npy --sigma 1 --out missing/out.npz", &["missing"]),
        ("claims --only T99", &["T99"]),
    ];
    for (line, says) in cases {
        refused(&dir, line, says);
    }
    fs::remove_dir_all(dir).expect("cleaned");
}

#[test]
fn one_and_two_threads_write_the_same_bytes() {
    let dir = place("threads");
    for line in [
        "eval --law two-moons --points points.npy --sigma 0.2 --bound --quantity log_density,score,denoiser,noise,covariance,responsibilities",
        "eval --law two-moons --points points.npy --sigma 0.2 --dtype f32 --quantity score,denoiser",
        "sample --law ring --steps 12 -n 700 --method ancestral --schedule ddpm --seed 4",
    ] {
        let bytes = |threads: usize| {
            let output = tweedie(&dir, &format!("{line} --threads {threads} --out out.npz"));
            assert_eq!(
                output.status.code(),
                Some(0),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            fs::read(dir.join("out.npz")).expect("the output")
        };
        assert!(bytes(1) == bytes(2), "{line}");
    }
    fs::remove_dir_all(dir).expect("cleaned");
}
