//! What of a figure has a place on its axes: the numbers of each layer in coordinates, and what is left out.
//!
//! Floor 8. Uses `figure`.

use ndarray::Array2;
use plotters::prelude::RGBColor;

use super::axis::coordinate;
use super::paint::{INK, Place};
use super::text::number_unicode;
use super::{legend, pictures};
use crate::figure::{Figure, Layer, Scale, Shape};

/// The most points of one layer that are drawn; the CSV has them all.
const MOST_POINTS: usize = 1500;

/// The numbers of a layer that have a place, in coordinates of the axes.
pub(super) enum Mark<'a> {
    Line { points: Vec<Place>, dashed: bool, colour: RGBColor, many: bool },
    Points { points: Vec<Place>, radius: f64, colour: RGBColor },
    Errorbars { points: Vec<[f64; 4]>, colour: RGBColor },
    Arrows { arrows: Vec<[f64; 4]>, colour: RGBColor },
    Heat { x: [f64; 2], y: [f64; 2], values: &'a Array2<f64>, range: [f64; 2] },
    Bound { y: f64, colour: RGBColor },
}

/// All marks of a figure, and what was left out.
pub(super) struct Placed<'a> {
    pub marks: Vec<Mark<'a>>,
    pub colours: Vec<RGBColor>,
    pub heats: Vec<Option<[f64; 2]>>,
    dropped: usize,
    thinned: Vec<(usize, usize)>,
    longest: f64,
}

impl<'a> Placed<'a> {
    pub fn of(figure: &'a Figure) -> Self {
        let colours = legend::colours(&figure.layers);
        let mut placed = Placed {
            marks: Vec::new(),
            heats: Vec::new(),
            dropped: 0,
            thinned: Vec::new(),
            longest: 0.0,
            colours,
        };
        for (i, layer) in figure.layers.iter().enumerate() {
            let colour = placed.colours.get(i).copied().unwrap_or(INK);
            placed.add(figure, layer, colour);
        }
        // Behind everything else, whatever the order: a heat layer covers its rectangle.
        placed.marks.sort_by_key(|mark| !matches!(mark, Mark::Heat { .. }));
        placed
    }

    fn add(&mut self, figure: &'a Figure, layer: &'a Layer, colour: RGBColor) {
        let at =
            |x: f64, y: f64| Some((coordinate(figure.x.scale, x)?, coordinate(figure.y.scale, y)?));
        let mut heat = None;
        match &layer.shape {
            Shape::Line { points, dashed } => {
                let alike = |other: &&Layer| {
                    other.label == layer.label && matches!(other.shape, Shape::Line { .. })
                };
                let many = figure.layers.iter().filter(alike).count() > 8;
                // A gap in the numbers is a gap in the line.
                for run in points.split(|&[x, y]| at(x, y).is_none()) {
                    let points: Vec<Place> = run.iter().filter_map(|&[x, y]| at(x, y)).collect();
                    self.marks.push(Mark::Line { points, dashed: *dashed, colour, many });
                }
                self.dropped += points.iter().filter(|&&[x, y]| at(x, y).is_none()).count();
            }
            Shape::Points { points, radius } => {
                let mut kept: Vec<Place> = points.iter().filter_map(|&[x, y]| at(x, y)).collect();
                self.dropped += points.len() - kept.len();
                if kept.len() > MOST_POINTS {
                    self.thinned.push((MOST_POINTS, kept.len()));
                    kept.truncate(MOST_POINTS);
                }
                let radius = if radius.is_finite() { radius.clamp(0.5, 20.0) } else { 2.5 };
                self.marks.push(Mark::Points { points: kept, radius, colour });
            }
            Shape::Errorbars { points } => {
                let kept: Vec<[f64; 4]> = points
                    .iter()
                    .filter_map(|&[x, y, lo, hi]| {
                        let (x, y) = at(x, y)?;
                        // An end that the scale has no place for shortens the bar to the mark.
                        let end = |v| coordinate(figure.y.scale, v).unwrap_or(y);
                        Some([x, y, end(lo), end(hi)])
                    })
                    .collect();
                self.dropped += points.len() - kept.len();
                self.marks.push(Mark::Errorbars { points: kept, colour });
            }
            Shape::Arrows { arrows } => {
                let kept: Vec<[f64; 4]> = arrows
                    .iter()
                    .filter(|[_, _, dx, dy]| dx.abs() <= 1e100 && dy.abs() <= 1e100)
                    .filter_map(|&[x, y, dx, dy]| {
                        let (at_x, at_y) = at(x, y)?;
                        Some([
                            at_x,
                            at_y,
                            tangent(figure.x.scale, x, dx)?,
                            tangent(figure.y.scale, y, dy)?,
                        ])
                    })
                    .collect();
                self.dropped += arrows.len() - kept.len();
                for [_, _, dx, dy] in arrows {
                    let length = (dx * dx + dy * dy).sqrt();
                    if length.is_finite() {
                        self.longest = self.longest.max(length);
                    }
                }
                self.marks.push(Mark::Arrows { arrows: kept, colour });
            }
            Shape::Heat { values, .. }
                if figure.x.scale == Scale::Log || figure.y.scale == Scale::Log =>
            {
                self.dropped += values.len();
            }
            Shape::Heat { x, y, values } => {
                let ends = (at(x[0], y[0]), at(x[1], y[1]));
                self.dropped += values.iter().filter(|v| !v.is_finite()).count();
                let range = pictures::range_of(values);
                if let ((Some((x0, y0)), Some((x1, y1))), Some(range)) = (ends, range) {
                    heat = Some(range);
                    self.marks.push(Mark::Heat { x: [x0, x1], y: [y0, y1], values, range });
                }
            }
            Shape::Bound { y } => match coordinate(figure.y.scale, *y) {
                Some(y) => self.marks.push(Mark::Bound { y, colour }),
                None => self.dropped += 1,
            },
            Shape::Images { .. } => {}
        }
        self.heats.push(heat);
    }

    pub fn has_heat(&self) -> bool {
        self.marks.iter().any(|mark| matches!(mark, Mark::Heat { .. }))
    }

    pub fn coordinates(&self) -> (Vec<f64>, Vec<f64>) {
        let (mut xs, mut ys) = (Vec::new(), Vec::new());
        for mark in &self.marks {
            match mark {
                Mark::Line { points, .. } | Mark::Points { points, .. } => {
                    xs.extend(points.iter().map(|p| p.0));
                    ys.extend(points.iter().map(|p| p.1));
                }
                Mark::Errorbars { points, .. } => {
                    xs.extend(points.iter().map(|p| p[0]));
                    ys.extend(points.iter().flat_map(|&[_, y, lo, hi]| [y, lo, hi]));
                }
                Mark::Arrows { arrows, .. } => {
                    xs.extend(arrows.iter().map(|a| a[0]));
                    ys.extend(arrows.iter().map(|a| a[1]));
                }
                Mark::Heat { x, y, .. } => {
                    xs.extend(x);
                    ys.extend(y);
                }
                Mark::Bound { y, .. } => ys.push(*y),
            }
        }
        (xs, ys)
    }

    pub fn notes(&self, figure: &Figure) -> Vec<String> {
        let mut notes = Vec::new();
        if self.longest > 0.0 {
            notes.push(format!(
                "All arrows share one scale; the longest has length {}.",
                number_unicode(self.longest)
            ));
        }
        for (drawn, all) in &self.thinned {
            notes.push(format!("The first {drawn} of {all} points are drawn; the CSV has all."));
        }
        if self.dropped > 0 {
            let log = figure.x.scale == Scale::Log || figure.y.scale == Scale::Log;
            let reason = if log {
                "without a place on a log scale"
            } else {
                "not finite or beyond 10¹⁰⁰"
            };
            let noun = if self.dropped == 1 { "entry" } else { "entries" };
            notes.push(format!("Not drawn: {} {noun} {reason}.", self.dropped));
        }
        notes
    }
}

/// A small step in the coordinate of an axis: dx, or dx/(x·ln 10) on a log scale.
fn tangent(scale: Scale, at: f64, step: f64) -> Option<f64> {
    let moved = match scale {
        Scale::Linear => step,
        Scale::Log => step / at * std::f64::consts::LOG10_E,
    };
    moved.is_finite().then_some(moved)
}
