//! The report: what it writes is well formed, escaped, the same every time, and says what was measured.

use std::fs;
use std::path::PathBuf;

use ndarray::Array2;
use proptest::prelude::*;
use tweedie::claims::{Case, Outcome, Statistics, Verdict};
use tweedie::error::Error;
use tweedie::figure::{Axis, Figure, Layer, Scale, Shape};
use tweedie::report::{Header, csv, html, json, plot, table, text, write};

/// A reader of well-formed XML: tags nest, attributes are quoted and unique, entities are the predefined ones or
/// numeric, characters are legal. Returns the text outside tags.
fn read_xml(document: &str) -> Result<String, String> {
    let mut open: Vec<&str> = Vec::new();
    let mut text = String::new();
    let mut rest = document;
    let mut roots = 0;
    if let Some(bad) = document.chars().find(|&c| c < ' ' && !matches!(c, '\n' | '\t' | '\r')) {
        return Err(format!("illegal character {bad:?}"));
    }
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        text.push_str(&entities(before)?);
        let end = tag.find('>').ok_or("a tag that does not end")?;
        let inside = &tag[1..end];
        rest = &tag[end + 1..];
        if inside.contains('<') {
            return Err(format!("< inside a tag: {inside}"));
        } else if inside == "!DOCTYPE html" {
        } else if let Some(name) = inside.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Err(format!("</{name}> closes nothing"));
            }
        } else {
            let (inside, empty) =
                inside.strip_suffix('/').map_or((inside, false), |inside| (inside, true));
            let (name, attributes) = inside.split_once([' ', '\n']).unwrap_or((inside, ""));
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric()) {
                return Err(format!("not a name: {name:?}"));
            }
            read_attributes(attributes)?;
            roots += usize::from(open.is_empty());
            if !empty {
                open.push(name);
            }
        }
    }
    text.push_str(&entities(rest)?);
    if !open.is_empty() || roots != 1 {
        return Err(format!("{roots} roots, left open: {open:?}"));
    }
    Ok(text)
}

fn read_attributes(mut rest: &str) -> Result<(), String> {
    let mut names = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Ok(());
        }
        let (name, after) = rest.split_once("=\"").ok_or(format!("no value: {rest}"))?;
        let (value, after) = after.split_once('"').ok_or(format!("no end: {after}"))?;
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == ':';
        if name.is_empty() || !name.chars().all(legal) || names.contains(&name) {
            return Err(format!("not an attribute: {name:?}"));
        }
        entities(value)?;
        names.push(name);
        rest = after;
    }
}

fn entities(text: &str) -> Result<String, String> {
    let mut parts = text.split('&');
    let mut out = parts.next().unwrap_or("").to_owned();
    for part in parts {
        let (name, after) = part.split_once(';').ok_or(format!("bare &: {part}"))?;
        out.push_str(match name {
            "amp" => "&",
            "lt" => "<",
            "gt" => ">",
            "quot" => "\"",
            "apos" | "#39" => "'",
            _ => return Err(format!("unknown entity {name}")),
        });
        out.push_str(after);
    }
    Ok(out)
}

/// Rows and cells of an RFC 4180 file with \n line ends.
fn read_csv(file: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (vec![], vec![], String::new(), false);
    let mut chars = file.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, quoted) {
            ('"', true) if chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            ('"', _) => quoted = !quoted,
            (',', false) => row.push(std::mem::take(&mut cell)),
            ('\n', false) => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            (c, _) => cell.push(c),
        }
    }
    assert!(!quoted && cell.is_empty() && row.is_empty(), "the file ends within a row");
    rows
}

/// A field of a row as a number.
fn field(rows: &[Vec<String>], row: usize, name: &str) -> f64 {
    let column = rows[0].iter().position(|n| n == name).unwrap();
    rows[row][column].parse().unwrap()
}

fn header() -> Header {
    Header {
        version: "1.2.3".into(),
        seed: 7,
        quick: false,
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
fn the_xml_reader_refuses_what_is_not_well_formed() {
    for bad in [
        "<a><b></a></b>",
        "<a>",
        "<a></a><b></b>",
        "<a x=1></a>",
        "<a x=\"1\" x=\"2\"></a>",
        "<a>1 & 2</a>",
        "<a>&nbsp;</a>",
        "<a x=\"<\"></a>",
        "<a>\u{1}</a>",
        "<a",
    ] {
        assert!(read_xml(bad).is_err(), "{bad}");
    }
    assert_eq!(read_xml("<a x=\"&lt;\"><b/>1 &amp; 2</a>").unwrap(), "1 & 2");
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

#[test]
fn json_has_every_number_and_strings_where_there_is_none() {
    let cases =
        vec![case(0.1 + 0.2, 1e-300), case(f64::NAN, f64::INFINITY), case(f64::NEG_INFINITY, -1.0)];
    let text = json::json(&header(), &[outcome("T1", cases, vec![every_shape()])]).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["tweedie"], "1.2.3");
    assert_eq!((&value["seed"], &value["quick"]), (&7.into(), &false.into()));
    let claim = &value["claims"][0];
    assert_eq!(claim["verdict"], "fails");
    assert!(claim.get("figures").is_none());
    assert_eq!(claim["cases"][1]["measured"], "NaN");
    assert_eq!(claim["cases"][1]["bound"], "Infinity");
    assert_eq!(claim["cases"][2]["measured"], "-Infinity");
    assert!(text.contains("\"measured\": 0.30000000000000004"));
    assert!(text.contains("\"bound\": 1e-300"));
}

#[test]
fn the_worst_case_is_the_gravest() {
    let worst = |cases: Vec<Case>| outcome("T1", cases, vec![]).worst().cloned();
    assert_eq!(worst(vec![]), None);
    assert_eq!(worst(vec![case(1.0, 4.0), case(3.0, 4.0)]), Some(case(3.0, 4.0)));
    assert_eq!(worst(vec![case(5.0, 4.0), case(3.0, 4.0)]), Some(case(5.0, 4.0)));
    // Exact equality against a bound of zero is mild; a case that fails is graver than any that holds.
    assert_eq!(worst(vec![case(0.0, 0.0), case(1.0, 4.0)]), Some(case(1.0, 4.0)));
    assert_eq!(worst(vec![case(-2.0, -1.0), case(-0.5, -1.0)]), Some(case(-0.5, -1.0)));
    let nan = worst(vec![case(9.0, 4.0), case(f64::NAN, 4.0), case(1.0, 4.0)]).unwrap();
    assert!(nan.measured.is_nan() && !nan.holds);
    assert_eq!(Verdict::of(&[]), Verdict::Fails);
    assert_eq!(Verdict::of(&[case(1.0, 1.0)]), Verdict::Holds);
    assert_eq!(Verdict::of(&[case(1.0, 1.0), case(f64::NAN, 1.0)]), Verdict::Fails);
}

#[test]
fn the_table_is_aligned_and_no_wider_than_asked() {
    let mut long = outcome("T4", vec![case(11.0, 9.5)], vec![]);
    long.title = "E‖D̂(x) − x₀‖² splits into a reducible and an irreducible part".into();
    let outcomes = [outcome("T1", vec![case(1.5e-9, 2.0)], vec![]), long];
    for width in [60, 80, 200] {
        let plain = table::table(&outcomes, width, false);
        assert!(plain.lines().all(|line| text::columns(line) <= width), "{plain}");
        // The verdicts start in one column.
        let verdicts: Vec<usize> = plain
            .lines()
            .filter_map(|line| {
                line.find("holds").or(line.find("fails")).map(|at| text::columns(&line[..at]))
            })
            .take(2)
            .collect();
        assert_eq!(verdicts[0], verdicts[1], "{plain}");
        assert!(plain.contains("1.5e-9") && plain.ends_with("1 of 2 claims hold; T4 fails.\n"));
        assert!(!plain.contains('\u{1b}'));
        let coloured = table::table(&outcomes, width, true);
        let stripped = ["\u{1b}[32m", "\u{1b}[1;31m", "\u{1b}[0m"]
            .iter()
            .fold(coloured.clone(), |text, code| text.replace(code, ""));
        assert!(coloured != plain && stripped == plain);
    }
    assert!(table::table(&outcomes, 0, false).contains("fails"));
    assert!(table::colour_wanted(true, None));
    assert!(table::colour_wanted(true, Some("".as_ref())));
    assert!(!table::colour_wanted(true, Some("1".as_ref())));
    assert!(!table::colour_wanted(false, None));
}

#[test]
fn numbers_are_those_a_person_would_write() {
    for (value, plain, typeset) in [
        (0.0, "0", "0"),
        (1.0, "1", "1"),
        (9.5, "9.5", "9.5"),
        (123.456, "123", "123"),
        (9999.0, "1e4", "10⁴"),
        (0.001234, "0.00123", "0.00123"),
        (0.00099999, "0.001", "0.001"),
        (-1.234e-7, "-1.23e-7", "−1.23×10⁻⁷"),
        (1e-9, "1e-9", "10⁻⁹"),
        (-1e-9, "-1e-9", "−10⁻⁹"),
        (f64::INFINITY, "inf", "∞"),
        (f64::NEG_INFINITY, "-inf", "−∞"),
        (f64::NAN, "NaN", "NaN"),
        (1.797e308, "1.8e308", "1.8×10³⁰⁸"),
    ] {
        assert_eq!(text::number(value), plain);
        assert_eq!(text::number_unicode(value), typeset);
    }
}

#[test]
fn a_figure_says_what_it_does_not_draw() {
    let figure = Figure::new("gaps", "Gaps")
        .axes(Axis::log("s"), Axis::log("error"))
        .layer(Layer::line("a", vec![[1.0, 1.0], [2.0, 0.0], [3.0, f64::NAN], [4.0, 2.0]]))
        .layer(Layer::points("b", vec![[-1.0, 1.0], [2.0, 2.0]]))
        .layer(Layer::bound("c", f64::INFINITY));
    let drawing = plot::draw(&figure).unwrap();
    assert_eq!(drawing.notes, ["Not drawn: 4 entries without a place on a log scale."]);
    let many = Figure::new("many", "Many")
        .layer(Layer::points("p", (0..5000).map(|i| [f64::from(i), 0.0]).collect()));
    let drawing = plot::draw(&many).unwrap();
    assert_eq!(drawing.notes, ["The first 1500 of 5000 points are drawn; the CSV has all."]);
    assert_eq!(csv::csv(&many).lines().count(), 5001);
    let arrows = Figure::new("arrows", "Arrows")
        .layer(Layer::arrows("v", vec![[0.0, 0.0, 3.0, 4.0], [1.0, 1.0, 0.3, 0.4]]));
    let drawing = plot::draw(&arrows).unwrap();
    assert_eq!(drawing.notes, ["All arrows share one scale; the longest has length 5."]);
}

#[test]
fn csv_carries_every_number_of_every_shape() {
    let rows = read_csv(&csv::csv(&every_shape()));
    assert_eq!(
        rows[0],
        ["layer", "kind", "label", "x", "y", "lo", "hi", "dx", "dy", "value"].map(str::to_owned)
    );
    assert_eq!(rows.len(), 1 + 12 + 3 + 2 + 2 + 1 + 1 + 1);
    // Cell (0, 0) is the lowest and leftmost; its centre is (0.5, 0.5).
    assert_eq!((field(&rows, 1, "x"), field(&rows, 1, "y")), (0.5, 0.5));
    assert_eq!((field(&rows, 12, "x"), field(&rows, 12, "y")), (3.5, 2.5));
    assert_eq!(field(&rows, 12, "value"), 0.5);
    assert_eq!(rows[18][2], "points, \"quoted\"");
    assert_eq!(field(&rows, 18, "x"), 1e-300);
    assert!(field(&rows, 19, "y").is_sign_negative());
    assert_eq!(field(&rows, 21, "dy"), 1e-17);
    let rows = read_csv(&csv::csv(&pictures()));
    assert_eq!(rows[0], ["layer", "kind", "label", "image", "row", "column", "value"]);
    assert_eq!(rows.len(), 1 + 12 * 64);
    // Picture 3, row 2, column 5 holds 2·5 + 3.
    assert_eq!(field(&rows, 1 + 64 * 3 + 8 * 2 + 5, "value"), 13.0);
    assert_eq!(read_csv(&csv::csv(&Figure::new("", ""))), [["layer", "kind", "label"]]);
}

#[test]
fn a_rich_figure_stays_small() {
    // Forty trajectories of a thousand steps, a grid of 96 × 96 and 400 arrows: eight figures as rich as this fit into
    // the three megabytes that a report may take.
    let mut figure = every_shape()
        .layer(Layer::heat("h", [0.0, 4.0], [0.0, 3.0], Array2::from_elem((96, 96), 1.0)))
        .layer(Layer::arrows(
            "v",
            (0..400).map(|i| [f64::from(i % 20), f64::from(i / 20), 1.0, 2.0]).collect(),
        ));
    for k in 0..40 {
        let walk = (0..1000).map(|i| [f64::from(i) / 300.0, f64::from(k + i % 7) / 40.0]);
        figure = figure.layer(Layer::line("walk", walk.collect()));
    }
    let size = plot::draw(&figure).unwrap().svg.len();
    assert!(size < 3_000_000 / 8, "{size}");
}

/// Any number, the hard ones often.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -10.0..10.0f64,
        1 => any::<f64>(),
        1 => prop::sample::select(vec![0.0, -0.0, 1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY,
            f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, 1e100, -1e101]),
    ]
}

fn numbers<const N: usize>() -> impl Strategy<Value = Vec<[f64; N]>> {
    prop::collection::vec(prop::collection::vec(number(), N), 0..12)
        .prop_map(|rows| rows.iter().map(|row| std::array::from_fn(|i| row[i])).collect())
}

fn matrix() -> impl Strategy<Value = Array2<f64>> {
    (0usize..5, 0usize..5).prop_flat_map(|(rows, columns)| {
        prop::collection::vec(number(), rows * columns)
            .prop_map(move |v| Array2::from_shape_vec((rows, columns), v).unwrap())
    })
}

fn pair() -> impl Strategy<Value = [f64; 2]> {
    (number(), number()).prop_map(|(a, b)| [a, b])
}

fn shape() -> impl Strategy<Value = Shape> {
    prop_oneof![
        (numbers::<2>(), any::<bool>()).prop_map(|(points, dashed)| Shape::Line { points, dashed }),
        (numbers::<2>(), number()).prop_map(|(points, radius)| Shape::Points { points, radius }),
        numbers::<4>().prop_map(|points| Shape::Errorbars { points }),
        numbers::<4>().prop_map(|arrows| Shape::Arrows { arrows }),
        (pair(), pair(), matrix()).prop_map(|(x, y, values)| Shape::Heat { x, y, values }),
        number().prop_map(|y| Shape::Bound { y }),
    ]
}

fn images() -> impl Strategy<Value = Shape> {
    (any::<usize>(), pair(), prop::collection::vec(matrix(), 0..5))
        .prop_map(|(columns, range, images)| Shape::Images { columns, range, images })
}

fn figure(shape: impl Strategy<Value = Shape>) -> impl Strategy<Value = Figure> {
    let axis = || {
        (".{0,40}", any::<bool>()).prop_map(|(label, log)| Axis {
            label,
            scale: if log { Scale::Log } else { Scale::Linear },
        })
    };
    let layer = (".{0,90}", prop::option::of(any::<usize>()), shape)
        .prop_map(|(label, hue, shape)| Layer { label, hue, shape });
    let layers = prop::collection::vec(layer, 0..5);
    (".{0,20}", ".{0,20}", axis(), axis(), any::<bool>(), layers).prop_map(
        |(name, title, x, y, equal, layers)| Figure {
            caption: String::new(),
            name,
            title,
            x,
            y,
            equal,
            layers,
        },
    )
}

proptest! {
    #[test]
    fn any_figure_is_drawn_as_well_formed_svg(figure in prop_oneof![
        3 => figure(shape()), 1 => figure(images()), 1 => figure(prop_oneof![shape(), images()])
    ]) {
        let drawing = plot::draw(&figure).unwrap();
        prop_assert_eq!(read_xml(&drawing.svg).err(), None);
        prop_assert!(!drawing.svg.contains("NaN") || figure.title.contains("NaN"));
        prop_assert_eq!(&drawing, &plot::draw(&figure).unwrap());
    }

    #[test]
    fn csv_round_trips_any_number_and_any_label(points in numbers::<4>(), label in "[ -~\n\r,\"é∇]{0,30}") {
        let figure = Figure::new("f", "F").layer(Layer::errorbars(label.clone(), points.clone()));
        let rows = read_csv(&csv::csv(&figure));
        prop_assert_eq!(rows.len(), points.len() + 1);
        for (i, [x, y, lo, hi]) in points.into_iter().enumerate() {
            prop_assert_eq!(&rows[i + 1][2], &label);
            for (name, value) in [("x", x), ("y", y), ("lo", lo), ("hi", hi)] {
                let read = field(&rows, i + 1, name);
                prop_assert!(read.to_bits() == value.to_bits() || read.is_nan() && value.is_nan());
            }
        }
    }

    #[test]
    fn escaped_text_reads_back(words in any::<String>()) {
        let document = format!("<a b=\"{0}\">{0}</a>", text::escape(&words));
        prop_assert_eq!(read_xml(&document), Ok(text::printable(&words)));
    }
}
