//! Figures: what is drawn, what is said of the rest, and the numbers in the CSV.

use ndarray::Array2;
use tweedie::figure::{Axis, Figure, Layer};
use tweedie::report::{csv, plot};

use crate::readers::{field, read_csv};
use crate::{every_shape, pictures};

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
