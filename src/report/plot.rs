//! A figure as an SVG element: deterministic bytes, no script, no font, nothing outside it.
//!
//! Floor 8. Uses `error`, `figure`, plotters through the canvas.

use super::axis::{Span, Tick};
use super::legend::{self, Entry, SMALL};
use super::marks::{Mark, Placed};
use super::paint::{Anchor, Canvas, FAINT, INK, Pen, Place, text_width};
use super::text::escape;
use super::{pictures, png};
use crate::error::Result;
use crate::figure::{Figure, Scale, Shape};

/// The width of every figure, in CSS pixels.
pub const WIDTH: f64 = 520.0;
/// The height of a plot whose axes are not equal.
const PLOT_HEIGHT: f64 = 270.0;
/// The length of the longest arrow, CSS pixels.
const LONGEST_ARROW: f64 = 26.0;

/// A drawn figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawing {
    /// One `<svg>` element, valid alone and inside HTML.
    pub svg: String,
    /// What a reader must know about the drawing: numbers that are not drawn, the scale of arrows.
    pub notes: Vec<String>,
}

/// Draws a figure.
///
/// Errors: `Error::File` should the SVG writer fail, which writing to memory does not.
pub fn draw(figure: &Figure) -> Result<Drawing> {
    if figure.layers.iter().any(|layer| matches!(layer.shape, Shape::Images { .. })) {
        return pictures::draw(figure);
    }
    let data = Placed::of(figure);
    let layout = Layout::of(figure, &data);
    let mut body = String::new();
    let canvas = Canvas::new(&mut body, &figure.name, WIDTH, layout.height);
    layout.draw_axes(figure, &canvas, data.has_heat())?;
    let longest_arrow = layout.longest_arrow(&data.marks);
    for mark in &data.marks {
        layout.draw_mark(mark, longest_arrow, &canvas)?;
    }
    for entry in &layout.legend {
        entry.draw(&canvas, layout.left, 0.0)?;
    }
    canvas.finish()?;
    let notes = data.notes(figure);
    Ok(Drawing { svg: element(figure, layout.height, &layout.underlay(&data), &body), notes })
}

/// The outer element: it scales with the page, carries the title for those who cannot see it, and holds the pictures
/// that lie under the strokes.
pub(super) fn element(figure: &Figure, height: f64, underlay: &str, body: &str) -> String {
    let (width, units) = (WIDTH, super::paint::UNITS);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" \
         stroke-linejoin=\"round\" stroke-linecap=\"round\">\n<title>{}</title>\n{underlay}\
         <g transform=\"scale({})\">\n{body}</g>\n</svg>\n",
        escape(&figure.title),
        1.0 / units,
    )
}

/// Where everything goes, CSS pixels.
struct Layout {
    x: Span,
    y: Span,
    x_ticks: Vec<Tick>,
    y_ticks: Vec<Tick>,
    legend: Vec<Entry>,
    left: f64,
    top: f64,
    plot_width: f64,
    plot_height: f64,
    height: f64,
}

impl Layout {
    fn of(figure: &Figure, data: &Placed) -> Self {
        let (xs, ys) = data.coordinates();
        let padding = if data.has_heat() { 0.0 } else { 0.04 };
        let mut x = Span::of(figure.x.scale, xs, padding);
        let mut y = Span::of(figure.y.scale, ys, padding);
        let linear = figure.x.scale == Scale::Linear && figure.y.scale == Scale::Linear;
        let aspect = (figure.equal && linear).then(|| {
            let aspect = (y.length() / x.length()).clamp(0.42, 1.0);
            let x_length = x.length().max(y.length() / aspect);
            x = x.widened(x_length);
            y = y.widened(x_length * aspect);
            aspect
        });
        // The height is not known before the labels are; a tick every 40 pixels of what it will nearly be.
        let nearly = aspect.map_or(PLOT_HEIGHT, |aspect| aspect * (WIDTH - 70.0));
        let y_ticks = y.ticks((nearly / 40.0) as usize);
        let widest = y_ticks.iter().map(|tick| text_width(&tick.label, SMALL)).fold(8.0, f64::max);
        let left =
            (widest + 12.0 + if figure.y.label.is_empty() { 0.0 } else { 19.0 }).min(0.5 * WIDTH);
        let plot_width = WIDTH - left - 16.0;
        let plot_height = aspect.map_or(PLOT_HEIGHT, |aspect| aspect * plot_width);
        let longest_label =
            x.ticks(7).iter().map(|t| text_width(&t.label, SMALL)).fold(8.0, f64::max);
        let wanted = (plot_width / (longest_label + 26.0)).clamp(2.0, 8.0) as usize;
        let legend =
            legend::entries(&figure.layers, &data.colours, &data.heats, WIDTH - left - 4.0);
        let top = legend::height(&legend) + 7.0;
        let below = 20.0 + if figure.x.label.is_empty() { 2.0 } else { 21.0 };
        Layout {
            x_ticks: x.ticks(wanted),
            x,
            y,
            y_ticks,
            legend,
            left,
            top,
            plot_width,
            plot_height,
            height: (top + plot_height + below).ceil(),
        }
    }

    fn place(&self, x: f64, y: f64) -> Place {
        (
            self.left + self.plot_width * self.x.place(x),
            self.top + self.plot_height * (1.0 - self.y.place(y)),
        )
    }

    fn vector(&self, dx: f64, dy: f64) -> Place {
        (dx / self.x.length() * self.plot_width, -dy / self.y.length() * self.plot_height)
    }

    /// The longest arrow on paper, CSS pixels, were one unit of a coordinate drawn in its own length.
    fn longest_arrow(&self, marks: &[Mark]) -> f64 {
        let mut longest: f64 = 0.0;
        for mark in marks {
            if let Mark::Arrows { arrows, .. } = mark {
                for &[_, _, dx, dy] in arrows {
                    let (px, py) = self.vector(dx, dy);
                    longest = longest.max((px * px + py * py).sqrt());
                }
            }
        }
        longest
    }

    fn draw_axes(&self, figure: &Figure, canvas: &Canvas, framed: bool) -> Result<()> {
        let (left, right) = (self.left, self.left + self.plot_width);
        let (top, bottom) = (self.top, self.top + self.plot_height);
        let (grid, axis) = (Pen::new(FAINT, 0.8), Pen::new(INK, 0.9));
        for tick in &self.x_ticks {
            let x = left + self.plot_width * tick.at;
            let major = !tick.label.is_empty();
            if major && !framed {
                canvas.stroke(&[(x, top), (x, bottom)], grid)?;
            }
            canvas.stroke(&[(x, bottom), (x, bottom + if major { 5.0 } else { 3.0 })], axis)?;
            canvas.words(&tick.label, (x, bottom + 8.0), Anchor::Top, SMALL)?;
        }
        for tick in &self.y_ticks {
            let y = bottom - self.plot_height * tick.at;
            let major = !tick.label.is_empty();
            if major && !framed {
                canvas.stroke(&[(left, y), (right, y)], grid)?;
            }
            canvas.stroke(&[(left - if major { 5.0 } else { 3.0 }, y), (left, y)], axis)?;
            canvas.words(&tick.label, (left - 8.0, y), Anchor::Right, SMALL)?;
        }
        canvas.stroke(&[(left, top), (left, bottom), (right, bottom)], axis)?;
        if framed {
            canvas.stroke(&[(left, top), (right, top), (right, bottom)], axis)?;
        }
        let middle = (left + 0.5 * self.plot_width, bottom + 25.0);
        canvas.words(&figure.x.label, middle, Anchor::Top, SMALL + 1.0)?;
        let beside = (2.0, top + 0.5 * self.plot_height);
        canvas.words(&figure.y.label, beside, Anchor::TopOfRising, SMALL + 1.0)
    }

    fn draw_mark(&self, mark: &Mark, longest_arrow: f64, canvas: &Canvas) -> Result<()> {
        match mark {
            Mark::Line { points, dashed, colour, many } => {
                let path: Vec<Place> = points.iter().map(|&(x, y)| self.place(x, y)).collect();
                let pen = if *many {
                    Pen::new(*colour, 0.9).opacity(0.55)
                } else {
                    Pen::new(*colour, 1.7)
                };
                if let (true, [only]) = (points.len() == 1, path.as_slice()) {
                    canvas.disc(*only, 1.2, pen)
                } else if *dashed {
                    canvas.dashes(&path, pen)
                } else {
                    canvas.stroke(&path, pen)
                }
            }
            Mark::Points { points, radius, colour } => {
                let opacity = if points.len() > 200 { 0.5 } else { 0.95 };
                let pen = Pen::new(*colour, 1.0).opacity(opacity);
                points.iter().try_for_each(|&(x, y)| canvas.disc(self.place(x, y), *radius, pen))
            }
            Mark::Errorbars { points, colour } => points.iter().try_for_each(|&[x, y, lo, hi]| {
                let pen = Pen::new(*colour, 1.3);
                let (low, high) = (self.place(x, lo), self.place(x, hi));
                canvas.stroke(&[low, high], pen)?;
                for (px, py) in [low, high] {
                    canvas.stroke(&[(px - 3.0, py), (px + 3.0, py)], pen)?;
                }
                canvas.disc(self.place(x, y), 2.6, pen)
            }),
            Mark::Arrows { arrows, colour } => {
                let scale = LONGEST_ARROW / longest_arrow;
                arrows.iter().try_for_each(|&[x, y, dx, dy]| {
                    let (px, py) = self.vector(dx, dy);
                    let vector = (scale * px, scale * py);
                    canvas.arrow(self.place(x, y), vector, Pen::new(*colour, 0.9))
                })
            }
            Mark::Bound { y, colour } => {
                let (_, py) = self.place(0.0, *y);
                let ends = [(self.left, py), (self.left + self.plot_width, py)];
                canvas.dashes(&ends, Pen::new(*colour, 1.3))
            }
            Mark::Heat { .. } => Ok(()),
        }
    }

    /// The pictures under the strokes: heat layers and the colour bars of the legend.
    fn underlay(&self, data: &Placed) -> String {
        let mut out = String::new();
        for mark in &data.marks {
            let Mark::Heat { x, y, values, range } = mark else { continue };
            let (a, b) = (self.place(x[0], y[0]), self.place(x[1], y[1]));
            let (left, right) = (a.0.min(b.0), a.0.max(b.0));
            let (top, bottom) = (a.1.min(b.1), a.1.max(b.1));
            let (rows, columns) = values.dim();
            // Row 0 is the lowest, a picture's first row is its top; a reversed range turns it round.
            let pixels: Vec<u8> = (0..rows)
                .flat_map(|i| (0..columns).map(move |j| (i, j)))
                .map(|(i, j)| {
                    let i = if y[0] <= y[1] { rows - 1 - i } else { i };
                    let j = if x[0] <= x[1] { j } else { columns - 1 - j };
                    values.get((i, j)).map_or(0, |&v| pictures::shade(v, *range))
                })
                .collect();
            let uri = png::data_uri(columns, &pixels, &pictures::heat_palette());
            out.push_str(&pictures::image(left, top, right - left, bottom - top, &uri));
        }
        for (x, y) in self.legend.iter().filter_map(|entry| entry.bar(self.left, 0.0)) {
            let ramp: Vec<u8> = (1..=255).collect();
            let uri = png::data_uri(255, &ramp, &pictures::heat_palette());
            out.push_str(&pictures::image(x, y - 4.5, legend::BAR, 9.0, &uri));
        }
        out
    }
}
