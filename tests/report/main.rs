//! The report: what it writes is well formed, escaped, the same every time, and says what was measured.

mod any;
mod figures;
mod readers;
mod words;

use std::fs;
use std::path::PathBuf;

use ndarray::Array2;
use tweedie::claims::{Case, Outcome, Statistics, Verdict};
use tweedie::error::Error;
use tweedie::figure::{Axis, Figure, Layer};
use tweedie::report::{Header, html, write};

use readers::read_xml;

fn header() -> Header {
    Header {
        version: "1.2.3".into(),
        seed: 7,
        quick: false,
        full: false,
        command: "tweedie claims --seed 7".into(),
    }
}

fn outcome(id: &str, cases: Vec<Case>, figures: Vec<Figure>) -> Outcome {
    Outcome {
        id: id.into(),
        title: format!("Title of {id}"),
        statement: "a·D*(x) = x + s²·S(x)".into(),
        source: "Robbins 1956".into(),
        hypothesis: "s > 0".into(),
        measured: "the residual".into(),
        bound: "rounding".into(),
        statistics: Some(Statistics { false_alarm: 1e-9, power: "2 % in s".into() }),
        verdict: Verdict::of(&cases),
        condition: None,
        cases,
        figures,
    }
}

fn case(measured: f64, bound: f64) -> Case {
    Case::new("ring", "VE σ = 0.5", "residual", measured, bound)
}

fn every_shape() -> Figure {
    let grid = Array2::from_shape_fn((3, 4), |(i, j)| i as f64 - 0.5 * j as f64);
    Figure::new("every-shape", "Every shape")
        .caption("All.")
        .axes(Axis::linear("x"), Axis::linear("y"))
        .layer(Layer::heat("density", [0.0, 4.0], [0.0, 3.0], grid))
        .layer(Layer::line("line", vec![[0.1, 0.2], [1.0 / 3.0, 2.5], [3.0, 1.0]]))
        .layer(Layer::dashed("theory", vec![[0.0, 0.0], [4.0, 3.0]]))
        .layer(Layer::points("points, \"quoted\"", vec![[1e-300, 2.0], [3.5, -0.0]]))
        .layer(Layer::errorbars("bars", vec![[1.0, 1.0, 0.5, 1.5]]))
        .layer(Layer::arrows("score", vec![[2.0, 2.0, -1.0, 1e-17]]))
        .layer(Layer::bound("bound", 2.75))
}

fn pictures() -> Figure {
    let picture = |k: usize| Array2::from_shape_fn((8, 8), |(i, j)| ((i * j + k) % 17) as f64);
    Figure::new("digits", "Digits").layer(Layer::images(
        "data",
        5,
        [0.0, 16.0],
        (0..12).map(picture).collect(),
    ))
}

/// A folder of its own for a test, empty at the start.
fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("tweedie-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

#[test]
fn hostile_text_stays_text_everywhere() {
    let hostile = "<script>alert(\"1\")</script> & 'x' \u{0}\u{8}\u{ffff} ]]> --> </title>";
    let mut figure = every_shape();
    figure.name = format!("../../{hostile}");
    figure.title = hostile.into();
    figure.caption = hostile.into();
    figure.x.label = hostile.into();
    figure.y.label = hostile.into();
    for layer in &mut figure.layers {
        layer.label = hostile.into();
    }
    let mut images = pictures();
    images.layers[0].label = hostile.into();
    let case = Case::new(hostile, hostile, hostile, 1.0, 2.0);
    let hostile_outcome = Outcome {
        id: hostile.into(),
        title: hostile.into(),
        statement: hostile.into(),
        source: hostile.into(),
        hypothesis: hostile.into(),
        measured: hostile.into(),
        bound: hostile.into(),
        statistics: Some(Statistics { false_alarm: 0.0, power: hostile.into() }),
        cases: vec![case],
        figures: vec![figure, images],
        condition: Some(hostile.into()),
        verdict: Verdict::Holds,
    };
    let header = Header { version: hostile.into(), command: hostile.into(), ..header() };
    let outcomes = [hostile_outcome];
    let page = html::html(&header, &outcomes).unwrap();
    let words = read_xml(&page).unwrap();
    assert!(!page.contains("<script"));
    // Title, front, overview, section, case, captions: the words arrive unharmed.
    assert!(words.matches("<script>alert(\"1\")</script> & 'x'").count() > 15);

    let dir = folder("hostile");
    write(&dir, &header, &outcomes).unwrap();
    let mut names: Vec<String> = fs::read_dir(dir.join("figures"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names.len(), 2);
    assert!(names.iter().all(|name| {
        name.strip_suffix(".csv").is_some_and(|stem| {
            stem.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        })
    }));
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn the_page_needs_nothing_from_outside_and_says_what_was_measured() {
    let outcomes = [
        outcome("T1", vec![case(2.0, 9.5), case(3.0, 9.5)], vec![every_shape(), pictures()]),
        outcome("T2", vec![case(11.0, 9.5)], vec![]),
        outcome("T3", vec![], vec![]),
    ];
    let page = html::html(&header(), &outcomes).unwrap();
    let words = read_xml(&page).unwrap();
    for (at, _) in page.match_indices("href=\"") {
        let target = &page[at + 6..];
        let local = ["#claim-t", "figures/", "data:image/png;base64,"];
        assert!(local.iter().any(|prefix| target.starts_with(prefix)), "{}", &target[..40]);
    }
    for forbidden in ["<script", "<link", "src=", "@import", "url(", "<iframe"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    let addresses = page.matches("http").count();
    assert_eq!(addresses, page.matches("xmlns=\"http://www.w3.org/").count());
    for needed in [
        "1 of 3 claims hold; T2, T3 fail.",
        "tweedie claims --only T2 --seed 7",
        "at most 10⁻⁹",
        "2 of 2",
        "0 of 1",
        "0.316",
        "1.16",
        "Robbins 1956",
        "VE σ = 0.5",
        "No case was measured.",
        "Every shape.",
    ] {
        assert!(words.contains(needed), "{needed}");
    }
}

#[test]
fn equal_outcomes_give_equal_bytes_and_nothing_is_left_behind() {
    let outcomes =
        [outcome("T1", vec![case(1.0, 2.0)], vec![every_shape(), every_shape(), pictures()])];
    let (one, two) = (folder("bytes-1"), folder("bytes-2").join("made/on/the/way"));
    write(&one, &header(), &outcomes).unwrap();
    write(&two, &header(), &outcomes).unwrap();
    // A second run over the first replaces its files.
    write(&one, &header(), &outcomes).unwrap();
    let files = ["report.html", "claims.json"].map(PathBuf::from).into_iter();
    let stems = ["every-shape", "every-shape-2", "digits"];
    let figures = stems.iter().map(|stem| PathBuf::from(format!("figures/{stem}.csv")));
    let all: Vec<PathBuf> = files.chain(figures).collect();
    for file in &all {
        assert_eq!(fs::read(one.join(file)).unwrap(), fs::read(two.join(file)).unwrap());
    }
    let count = |path: PathBuf| fs::read_dir(path).unwrap().count();
    assert_eq!((count(one.clone()), count(one.join("figures"))), (3, 3));
    fs::remove_dir_all(one).unwrap();
    fs::remove_dir_all(folder("bytes-2")).unwrap();
}

#[test]
fn an_unwritable_place_is_an_error_that_names_it() {
    let dir = folder("unwritable");
    let file = dir.join("a-file");
    fs::write(&file, "not a folder").unwrap();
    match write(&file, &header(), &[]) {
        Err(Error::File { path, .. }) => assert!(path.contains("a-file"), "{path}"),
        other => panic!("{other:?}"),
    }
    // A folder where the page should go: the rename fails and the temporary file goes.
    let taken = dir.join("taken");
    fs::create_dir_all(taken.join("report.html/inside")).unwrap();
    match write(&taken, &header(), &[]) {
        Err(Error::File { path, .. }) => assert!(path.ends_with("report.html"), "{path}"),
        other => panic!("{other:?}"),
    }
    let names = fs::read_dir(&taken).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().all(|name| !name.to_string_lossy().contains("tmp")));
    fs::remove_dir_all(dir).unwrap();
}
