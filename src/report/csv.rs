//! A figure as CSV: every number that was given, drawn or not, in long form.
//!
//! Floor 8. Uses `figure`. Source: RFC 4180, with \n as the line end. Numbers are written so that reading them as f64
//! gives the same bits; NaN and infinities as `NaN`, `inf`, `-inf`, which NumPy, pandas and R read.

use std::fmt::Write as _;

use crate::figure::{Figure, Layer, Shape};

/// The columns, in the order of the file. A file has those that one of its layers fills.
const COLUMNS: [&str; 12] =
    ["layer", "kind", "label", "x", "y", "lo", "hi", "dx", "dy", "image", "row", "column"];

/// The figure's file: a heading, then one line an element: a point, a bar, an arrow, a cell or a pixel.
///
/// `layer` counts from 0; `kind` is `line`, `points`, `errorbars`, `arrows`, `heat`, `images` or `bound`; a cell of a
/// heat layer has its centre as x, y and its number as `value`; a pixel has `image`, `row`, `column` and `value`.
pub fn csv(figure: &Figure) -> String {
    let rows: Vec<Row> =
        figure.layers.iter().enumerate().flat_map(|(i, layer)| rows(i, layer)).collect();
    let used = |column: usize| column < 3 || rows.iter().any(|row| row.cells[column].is_some());
    let kept: Vec<usize> = (0..WIDTH).filter(|&column| used(column)).collect();
    let mut out = String::new();
    let names = kept.iter().map(|&c| COLUMNS.get(c).copied().unwrap_or("value"));
    line(&mut out, names.map(str::to_owned));
    for row in &rows {
        line(
            &mut out,
            kept.iter().map(|&c| row.cells[c].as_ref().map_or(String::new(), |cell| quoted(cell))),
        );
    }
    out
}

/// The columns above, then `value`.
const WIDTH: usize = COLUMNS.len() + 1;

struct Row {
    cells: [Option<String>; WIDTH],
}

impl Row {
    fn new(index: usize, kind: &str, label: &str) -> Self {
        let mut cells = [const { None }; WIDTH];
        cells[0] = Some(index.to_string());
        cells[1] = Some(kind.to_owned());
        cells[2] = Some(label.to_owned());
        Row { cells }
    }

    fn with(mut self, column: &str, value: String) -> Self {
        let at = COLUMNS.iter().position(|&name| name == column).unwrap_or(COLUMNS.len());
        self.cells[at] = Some(value);
        self
    }

    fn number(self, column: &str, value: f64) -> Self {
        self.with(column, number(value))
    }
}

fn rows(index: usize, layer: &Layer) -> Vec<Row> {
    let row = |kind: &str| Row::new(index, kind, &layer.label);
    match &layer.shape {
        Shape::Line { points, .. } => {
            points.iter().map(|&[x, y]| row("line").number("x", x).number("y", y)).collect()
        }
        Shape::Points { points, .. } => {
            points.iter().map(|&[x, y]| row("points").number("x", x).number("y", y)).collect()
        }
        Shape::Errorbars { points } => points
            .iter()
            .map(|&[x, y, lo, hi]| {
                row("errorbars").number("x", x).number("y", y).number("lo", lo).number("hi", hi)
            })
            .collect(),
        Shape::Arrows { arrows } => arrows
            .iter()
            .map(|&[x, y, dx, dy]| {
                row("arrows").number("x", x).number("y", y).number("dx", dx).number("dy", dy)
            })
            .collect(),
        Shape::Heat { x, y, values } => {
            let (rows, columns) = values.dim();
            values
                .indexed_iter()
                .map(|((i, j), &value)| {
                    row("heat")
                        .number("x", centre(*x, j, columns))
                        .number("y", centre(*y, i, rows))
                        .number("value", value)
                })
                .collect()
        }
        Shape::Images { images, .. } => images
            .iter()
            .enumerate()
            .flat_map(|(k, image)| {
                image.indexed_iter().map(move |((i, j), &value)| {
                    Row::new(index, "images", &layer.label)
                        .with("image", k.to_string())
                        .with("row", i.to_string())
                        .with("column", j.to_string())
                        .number("value", value)
                })
            })
            .collect(),
        Shape::Bound { y } => vec![row("bound").number("y", *y)],
    }
}

/// The centre of cell k of n equal cells between the ends.
fn centre([lo, hi]: [f64; 2], k: usize, n: usize) -> f64 {
    lo + (hi - lo) * ((k as f64 + 0.5) / n as f64)
}

/// The shortest decimal that reads back as the same f64.
fn number(value: f64) -> String {
    let size = value.abs();
    if value.is_nan() {
        "NaN".to_owned()
    } else if size == 0.0 || size.is_infinite() || (1e-5..1e16).contains(&size) {
        format!("{value}")
    } else {
        format!("{value:e}")
    }
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

fn line(out: &mut String, cells: impl Iterator<Item = String>) {
    for (i, cell) in cells.enumerate() {
        let comma = if i == 0 { "" } else { "," };
        // Writing to a String does not fail.
        let _ = write!(out, "{comma}{cell}");
    }
    out.push('\n');
}

/// A name as the stem of a file: a-z, 0-9 and hyphens; anything else becomes a hyphen, and no name is empty.
pub fn stem(name: &str) -> String {
    let stem: String = name
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let stem = stem.trim_matches('-');
    if stem.is_empty() { "figure".to_owned() } else { stem.chars().take(80).collect() }
}
