//! What a figure shows, as numbers: the same record is drawn as SVG and written as CSV.
//!
//! Floor 0. Uses nothing of the crate. A claim fills figures; the report draws them and writes them.

use ndarray::Array2;

/// A figure: a name, words, two axes and layers that are drawn in their order.
///
/// Any content is legal: a figure may be empty, its numbers may be NaN or infinite, its ranges may be one point. What
/// cannot be drawn is left out of the drawing (never out of the CSV) and counted in the caption.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// The stem of the figure's file, in kebab-case: `score-ring` is written as `figures/score-ring.csv`.
    pub name: String,
    /// One line that says what is shown.
    pub title: String,
    /// What the reader should see, and how it was made.
    pub caption: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// One unit is the same length on both axes (for laws and fields in the plane). Ignored with a log scale.
    pub equal: bool,
    /// The layers, the first at the back. A figure that has an image layer shows only its image layers.
    pub layers: Vec<Layer>,
}

/// One axis: its label and its scale.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// The quantity and, in words, its unit.
    pub label: String,
    /// Linear or logarithmic.
    pub scale: Scale,
}

/// How numbers become lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Proportional to the number.
    Linear,
    /// Proportional to its logarithm; numbers that are zero or negative are not drawn.
    Log,
}

/// One layer: a shape, the words of its legend entry and its colour.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// The legend entry; layers of one label share one entry. Empty: no entry.
    pub label: String,
    /// The place in the palette, taken modulo its length. `None`: one colour a label, in order of appearance.
    pub hue: Option<usize>,
    /// What is drawn.
    pub shape: Shape,
}

/// The numbers of a layer.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A polyline through points (x, y): a curve, a density on the line, one trajectory.
    Line { points: Vec<[f64; 2]>, dashed: bool },
    /// Discs at points (x, y); the radius is in CSS pixels of a figure 520 wide.
    Points { points: Vec<[f64; 2]>, radius: f64 },
    /// A mark at (x, y) with a bar from lo to hi, as (x, y, lo, hi).
    Errorbars { points: Vec<[f64; 4]> },
    /// A vector field as (x, y, dx, dy). All arrows of a figure share one scale, chosen so that the longest is legible.
    Arrows { arrows: Vec<[f64; 4]> },
    /// A function on the rectangle `x[0]..x[1]` by `y[0]..y[1]`: `values[[i, j]]` belongs to the cell in row i counted
    /// upwards from `y[0]` and column j counted rightwards from `x[0]`. Drawn on linear axes only.
    Heat { x: [f64; 2], y: [f64; 2], values: Array2<f64> },
    /// Grey pictures in rows of `columns`; `range[0]` is paper, `range[1]` is ink, row 0 of a picture is its top. The
    /// layer's label stands at its left.
    Images { columns: usize, range: [f64; 2], images: Vec<Array2<f64>> },
    /// A horizontal line at y: the bound that the other layers are to stay under.
    Bound { y: f64 },
}

impl Figure {
    /// An empty figure with two linear axes that have no label.
    pub fn new(name: impl Into<String>, title: impl Into<String>) -> Self {
        Figure {
            name: name.into(),
            title: title.into(),
            caption: String::new(),
            x: Axis::linear(""),
            y: Axis::linear(""),
            equal: false,
            layers: Vec::new(),
        }
    }

    /// The same figure with this caption.
    pub fn caption(mut self, caption: impl Into<String>) -> Self {
        self.caption = caption.into();
        self
    }

    /// The same figure with these axes.
    pub fn axes(mut self, x: Axis, y: Axis) -> Self {
        self.x = x;
        self.y = y;
        self
    }

    /// The same figure with one unit of the same length on both axes.
    pub fn equal(mut self) -> Self {
        self.equal = true;
        self
    }

    /// The same figure with one more layer in front.
    pub fn layer(mut self, layer: Layer) -> Self {
        self.layers.push(layer);
        self
    }
}

impl Axis {
    /// A linear axis.
    pub fn linear(label: impl Into<String>) -> Self {
        Axis { label: label.into(), scale: Scale::Linear }
    }

    /// A logarithmic axis.
    pub fn log(label: impl Into<String>) -> Self {
        Axis { label: label.into(), scale: Scale::Log }
    }
}

impl Layer {
    /// A layer of any shape, coloured by its label.
    pub fn new(label: impl Into<String>, shape: Shape) -> Self {
        Layer { label: label.into(), hue: None, shape }
    }

    /// A solid line.
    pub fn line(label: impl Into<String>, points: Vec<[f64; 2]>) -> Self {
        Layer::new(label, Shape::Line { points, dashed: false })
    }

    /// A dashed line: by the house's custom a law known from theory, beside measured points.
    pub fn dashed(label: impl Into<String>, points: Vec<[f64; 2]>) -> Self {
        Layer::new(label, Shape::Line { points, dashed: true })
    }

    /// Discs of radius 2.5.
    pub fn points(label: impl Into<String>, points: Vec<[f64; 2]>) -> Self {
        Layer::new(label, Shape::Points { points, radius: 2.5 })
    }

    /// Marks with bars, as (x, y, lo, hi).
    pub fn errorbars(label: impl Into<String>, points: Vec<[f64; 4]>) -> Self {
        Layer::new(label, Shape::Errorbars { points })
    }

    /// Arrows, as (x, y, dx, dy).
    pub fn arrows(label: impl Into<String>, arrows: Vec<[f64; 4]>) -> Self {
        Layer::new(label, Shape::Arrows { arrows })
    }

    /// A function on a rectangle; see [`Shape::Heat`] for the order of its values.
    pub fn heat(label: impl Into<String>, x: [f64; 2], y: [f64; 2], values: Array2<f64>) -> Self {
        Layer::new(label, Shape::Heat { x, y, values })
    }

    /// Grey pictures in rows of `columns`.
    pub fn images(
        label: impl Into<String>,
        columns: usize,
        range: [f64; 2],
        images: Vec<Array2<f64>>,
    ) -> Self {
        Layer::new(label, Shape::Images { columns, range, images })
    }

    /// A bound: a dashed horizontal line at y.
    pub fn bound(label: impl Into<String>, y: f64) -> Self {
        Layer::new(label, Shape::Bound { y })
    }

    /// The same layer in the palette's colour number `hue`.
    pub fn hue(mut self, hue: usize) -> Self {
        self.hue = Some(hue);
        self
    }
}
