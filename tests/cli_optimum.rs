//! `tweedie optimum` as a process: what it writes is the library's, and bad input is one line and exit code 2.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ndarray::ArrayD;
use tweedie::attack::{Attack, Inner, Norm, Settings};
use tweedie::channel::{Channel, Steps};
use tweedie::denoiser::Denoiser;
use tweedie::format::npy::{ArrayRef, write_npy};
use tweedie::format::npz::read_npz;
use tweedie::law::toy_law;
use tweedie::objective::{Constraint, Radius, Strength, Units};
use tweedie::optimum::{
    AffineObjective, AffineOptimum, Grid, Moments, Perturbation, Settling, bures,
};
use tweedie::sampler::{End, GaussianLaw, Method, law_of_sampler};

fn place(name: &str) -> PathBuf {
    let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cli-optimum").join(name);
    let _ = fs::remove_dir_all(&place);
    fs::create_dir_all(&place).expect("a directory");
    place
}

fn tweedie(place: &Path, line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tweedie"));
    command.current_dir(place).args(line.split_whitespace());
    command.output().expect("the program starts")
}

fn works(place: &Path, line: &str) -> String {
    let output = tweedie(place, line);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{line}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    said
}

fn array(arrays: &[(String, ArrayD<f64>)], name: &str) -> Vec<f64> {
    let found = arrays.iter().find(|(known, _)| known == name);
    found.unwrap_or_else(|| panic!("no {name}")).1.iter().copied().collect()
}

#[test]
fn what_it_writes_is_the_librarys() {
    let dir = place("writes");
    let x = ndarray::arr2(&[[0.5, -1.0, 2.0], [0.0, 0.25, 1.0]]);
    write_npy(&dir.join("points.npy"), &x as ArrayRef).expect("points");
    let told = works(
        &dir,
        "optimum --law oblique-plane --alpha-bar 0.5 --adversary linf --lambda 0.7 --eps 0.4 --power 2 --offset 0.1 \
         --points points.npy --sampler ddim:0 --schedule ddpm --steps 20 --out o.npz",
    );
    for words in ["loss", "duality gap", "error bound", "gain", "ddim:0, ddpm 20 levels", "W₂"] {
        assert!(told.contains(words), "{words} is not in {told}");
    }
    let objective = AffineObjective {
        constraint: Constraint::Equivariance,
        units: Units::Noise,
        strength: Strength::new(0.7, 0.0).unwrap(),
        radius: Radius::new(0.4, 2.0, 0.1).unwrap(),
    };
    let moments = Moments::of_law(&toy_law("oblique-plane").unwrap()).unwrap();
    let optimum =
        AffineOptimum::new(moments.clone(), objective, Perturbation::Adversary(Norm::Linf))
            .unwrap();
    let channel = Channel::variance_preserving(0.5).unwrap();
    let found = optimum.at(channel).unwrap();
    let arrays = read_npz(&dir.join("o.npz")).expect("arrays");
    let flat = |m: &ndarray::Array2<f64>| m.iter().copied().collect::<Vec<f64>>();
    assert_eq!(array(&arrays, "matrix"), flat(&found.minimiser.denoised));
    assert_eq!(array(&arrays, "noise_matrix"), flat(&found.minimiser.noise));
    assert_eq!(array(&arrays, "error_bound"), [found.minimiser.error]);
    assert_eq!(array(&arrays, "gap"), [found.gap.unwrap()]);
    assert_eq!(array(&arrays, "perturbation_covariance"), flat(&found.spread.matrix().to_owned()));
    let predicted = optimum.predict(channel, x.view()).unwrap();
    assert_eq!(array(&arrays, "denoiser"), flat(&predicted.denoised));
    assert_eq!(array(&arrays, "noise"), flat(&predicted.noise));
    let steps = Steps::by_name("ddpm", 20).unwrap();
    let start = GaussianLaw::standard(steps.first(), 3);
    let law =
        law_of_sampler(&optimum, &steps, Method::Ddim { eta: 0.0 }, &start, End::Data).unwrap();
    assert_eq!(array(&arrays, "generated_covariance"), flat(&law.covariance));
    let clean = GaussianLaw {
        mean: moments.mean().to_owned(),
        covariance: moments.covariance().to_owned(),
    };
    assert_eq!(array(&arrays, "generated_distance"), [bures(&law, &clean).unwrap()]);
}

#[test]
fn every_constraint_shape_and_adversary_is_served() {
    let dir = place("every");
    for constraint in ["equivariance", "invariance"] {
        for units in ["noise", "input"] {
            for chooser in [
                "--shape box",
                "--shape ball",
                "--shape sphere",
                "--shape gaussian",
                "--adversary l1",
                "--adversary l2",
                "--adversary linf",
            ] {
                let line = format!(
                    "optimum --law three-gaussians --sigma 0.5 --constraint {constraint} --units {units} {chooser} --out o.npz"
                );
                works(&dir, &line);
                let arrays = read_npz(&dir.join("o.npz")).expect("arrays");
                assert_eq!(array(&arrays, "matrix").len(), 4);
                let adversary = chooser.contains("adversary");
                assert_eq!(arrays.iter().any(|(name, _)| name == "gap"), adversary, "{line}");
            }
        }
    }
    let told =
        works(&dir, "optimum --law digits-subspace --sigma 0.5 --adversary source --out o.npz");
    assert!(told.contains("shortfall") && told.contains("directions of less variance"), "{told}");
    fs::write(
        dir.join("law.json"),
        r#"{"weights": [1], "means": [[1, 2]], "covariance": {"kind": "isotropic", "values": [0]}}"#,
    )
    .expect("a law");
    works(&dir, "optimum --mixture law.json --a 0.5 --s 2 --out o.npz");
    assert_eq!(array(&read_npz(&dir.join("o.npz")).unwrap(), "matrix"), [0.0; 4]);
}

#[test]
fn bad_input_is_refused_in_one_line() {
    let dir = place("refused");
    let x = ndarray::arr2(&[[0.5, -1.0]]);
    write_npy(&dir.join("two.npy"), &x as ArrayRef).expect("points");
    for (line, words) in [
        ("optimum --sigma 1 --out o.npz", vec!["law"]),
        ("optimum --law rang --sigma 1 --out o.npz", vec!["rang", "ring"]),
        ("optimum --law ring --out o.npz", vec!["channel"]),
        ("optimum --law ring --sigma 1", vec!["--out"]),
        ("optimum --law ring --sigma 0 --out o.npz", vec!["sigma", "0"]),
        ("optimum --law ring --sigma 1 --constraint both --out o.npz", vec!["both"]),
        ("optimum --law ring --sigma 1 --units metres --out o.npz", vec!["metres"]),
        ("optimum --law ring --sigma 1 --lambda -1 --out o.npz", vec!["lambda", "-1"]),
        ("optimum --law ring --sigma 1 --radius -1 --out o.npz", vec!["radius", "-1"]),
        ("optimum --law ring --sigma 1 --radius nan --out o.npz", vec!["radius", "NaN"]),
        ("optimum --law ring --sigma 1 --shape cube --out o.npz", vec!["cube", "sphere"]),
        ("optimum --law ring --sigma 1 --adversary l3 --out o.npz", vec!["l3", "linf"]),
        ("optimum --law ring --sigma 1 --adversary l2 --shape box --out o.npz", vec!["--shape"]),
        ("optimum --law ring --sigma 1 --kind quadratic --out o.npz", vec!["quadratic", "affine"]),
        ("optimum --law ring --a 0 --s 1 --constraint invariance --out o.npz", vec!["a is 0"]),
        (
            "optimum --law ring --sigma 1 --constraint invariance --adversary source --out o.npz",
            vec!["equivariance in noise units"],
        ),
        (
            "optimum --law oblique-plane --sigma 1 --points two.npy --out o.npz",
            vec!["two.npy", "3 columns"],
        ),
        ("optimum --law ring --sigma 1 --points none.npy --out o.npz", vec!["none.npy"]),
        ("optimum --law ring --sigma 1 --sampler warp --out o.npz", vec!["warp"]),
        ("optimum --law ring --sigma 1 --sampler heun --schedule dpm --out o.npz", vec!["dpm"]),
        ("optimum --law ring --sigma 1 --sampler heun --steps 0 --out o.npz", vec!["steps", "0"]),
    ] {
        let output = tweedie(&dir, line);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{line}: {error}");
        assert_eq!(error.trim_end().lines().count(), 1, "{line}: {error}");
        assert!(words.iter().all(|word| error.contains(word)), "{line}: {error}");
        assert!(output.stdout.is_empty() && !dir.join("o.npz").exists(), "{line}");
    }
}

/// A law on the line that is one Gaussian of variance 1/4, so that the resolvent is E2's.
const GAUSSIAN: &str =
    r#"{"weights": [1], "means": [[1]], "covariance": {"kind": "isotropic", "values": [0.25]}}"#;

#[test]
fn the_optimum_over_all_functions_is_e2_for_a_gaussian() {
    let dir = place("resolvent");
    fs::write(dir.join("law.json"), GAUSSIAN).expect("a law");
    write_npy(&dir.join("points.npy"), &ndarray::arr2(&[[0.25], [1.0], [2.0]]) as ArrayRef)
        .expect("points");
    // λτ² = 0.9·1/3.
    let (s, kappa, c) = (0.5, 0.9 / 3.0, 0.25);
    let slope = c / (c + s * s + kappa * s * s);
    for kind in ["resolvent", "finite-radius"] {
        let line = format!(
            "optimum --mixture law.json --sigma 0.5 --kind {kind} --lambda 90 --radius 0.1 --points points.npy --out o.npz"
        );
        let told = works(&dir, &line);
        assert!(told.contains("error bound") && told.contains("801 nodes"), "{told}");
        let arrays = read_npz(&dir.join("o.npz")).expect("arrays");
        let close = |found: f64, exact: f64| (found - exact).abs() <= 4.0 * f64::EPSILON * exact;
        assert!(close(array(&arrays, "kappa")[0], kappa));
        // In L²(p) the field is within its bound; at three points in the bulk the density is above 1/4, cells are 0.014 wide and
        // the field is within its largest error there: √(bound²/(p·h)).
        let bound = array(&arrays, "error_bound")[0];
        let nodes = array(&arrays, "nodes");
        let h = nodes[1] - nodes[0];
        // E6 is E5 to O(r²): for a Gaussian the finite radius changes the slope by less than λr⁴.
        let reach =
            (bound * bound / (0.05 * h)).sqrt() + if kind == "resolvent" { 0.0 } else { 0.009 };
        for (found, x) in array(&arrays, "denoiser").iter().zip([0.25, 1.0, 2.0]) {
            let exact = 1.0 + slope * (x - 1.0);
            assert!((found - exact).abs() <= reach, "{kind} at {x}: {found}, {exact} ± {reach}");
        }
        // Without the constraint the slope is 1/2: further away than the test can tell apart.
        assert!(0.75 * (0.5 - slope) > reach, "{reach}");
    }
}

#[test]
fn above_the_plane_the_resolvent_is_found_by_paths() {
    let dir = place("paths");
    write_npy(&dir.join("points.npy"), &ndarray::arr2(&[[0.5, -1.0, 2.0]]) as ArrayRef)
        .expect("points");
    let line = "optimum --law oblique-plane --sigma 0.7 --kind resolvent --lambda 30 --radius 0.2 --paths 2000 \
                --points points.npy --out o.npz";
    works(&dir, line);
    let arrays = read_npz(&dir.join("o.npz")).expect("arrays");
    let (found, widths) = (array(&arrays, "denoiser"), array(&arrays, "half_width"));
    // For a Gaussian law E5 is E2 with λτ² = 30·0.04/3.
    let channel = Channel::variance_exploding(0.7).expect("a channel");
    let objective = AffineObjective {
        constraint: Constraint::Equivariance,
        units: Units::Noise,
        strength: Strength::new(30.0, 0.0).expect("λ"),
        radius: Radius::new(0.2, 0.0, 0.0).expect("r"),
    };
    let moments = Moments::of_law(&toy_law("oblique-plane").expect("a law")).expect("moments");
    let random = Perturbation::Random(tweedie::attack::Shape::Box);
    let optimum = AffineOptimum::new(moments, objective, random).expect("an optimum");
    let x = ndarray::arr2(&[[0.5, -1.0, 2.0]]);
    let exact = optimum.denoise(channel, x.view()).expect("a denoiser");
    for ((found, width), exact) in found.iter().zip(&widths).zip(&exact) {
        assert!((found - exact).abs() <= *width && *width < 0.5, "{found} ± {width}: {exact}");
    }
}

#[test]
fn where_training_settles_is_written() {
    let dir = place("settled");
    write_npy(&dir.join("points.npy"), &ndarray::arr2(&[[-1.0], [0.0], [1.5]]) as ArrayRef)
        .expect("points");
    let line = "optimum --law two-modes --alpha-bar 0.3 --kind settled --attack residual --lambda 3 --nodes 101 \
                --points points.npy --out o.npz";
    let told = works(&dir, line);
    assert!(told.contains("101 nodes, 64 starts") && told.contains("unsettled"), "{told}");
    let arrays = read_npz(&dir.join("o.npz")).expect("arrays");
    // The library's, to the bit.
    let (law, channel) = (
        toy_law("two-modes").expect("a law"),
        Channel::variance_preserving(0.3).expect("a channel"),
    );
    let settings = Settings { inner: Inner::Residual, ..Settings::fgsm(Norm::Linf) };
    let attack = Some(Attack::new(settings).expect("an attack"));
    let constraint = Constraint::Equivariance;
    let settling =
        Settling { constraint, lambda: 3.0, radius: 1.0, attack, starts: 64, rounds: 60 };
    let grid = Grid::around(&law, channel, 6.0, 101).expect("a grid");
    let found = settling.over_functions(&law, channel, &grid).expect("an equilibrium");
    assert_eq!(
        array(&arrays, "values"),
        found.field.values().iter().copied().collect::<Vec<f64>>()
    );
    assert_eq!(array(&arrays, "unsettled"), [found.unsettled]);
    let x = ndarray::arr2(&[[-1.0], [0.0], [1.5]]);
    let exact = found.field.denoise(channel, x.view()).expect("a denoiser");
    assert_eq!(array(&arrays, "denoiser"), exact.into_iter().collect::<Vec<f64>>());
}

#[test]
fn the_optimum_over_all_functions_refuses_what_it_is_not() {
    let dir = place("resolvent-refuses");
    let refused = |line: &str, words: &[&str]| {
        let output = tweedie(&dir, &format!("optimum --sigma 0.5 --out o.npz {line}"));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{line}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        for word in words {
            assert!(said.contains(word), "{line}: no {word} in {said}");
        }
        assert!(!dir.join("o.npz").exists());
    };
    refused("--law ring --kind resolvent --constraint invariance", &["invariance", "equivariance"]);
    refused("--law ring --kind resolvent --units input", &["input", "noise"]);
    refused("--law ring --kind resolvent --adversary l2", &["l2"]);
    refused("--law ring --kind finite-radius --shape gaussian", &["gaussian", "box"]);
    refused("--law oblique-plane --kind finite-radius", &["[3]", "1 or 2"]);
    refused("--law oblique-plane --kind resolvent", &["points"]);
    refused("--law oblique-plane --kind settled", &["[3]", "1 or 2"]);
    refused("--law ring --kind settled --attack loss", &["loss", "residual"]);
    refused("--law ring --kind settled --units input", &["input", "noise"]);
    refused("--law ring --kind settled --adversary linf", &["linf", "--attack"]);
    refused("--law ring --kind settled --shape ball", &["ball", "box"]);
    refused("--law ring --kind settled --offset 0.1", &["0.1", "one radius"]);
    refused("--law ring --attack residual", &["residual", "--kind settled"]);
    refused("--law ring --kind settled --rounds 0", &["rounds", "at least 1"]);
    refused("--law ring --kind resolvent --nodes 2", &["2"]);
    refused("--law ring --kind resolvent --lambda -1", &["-1"]);
    refused("--law ring --kind affine --nodes x", &["nodes"]);
}
