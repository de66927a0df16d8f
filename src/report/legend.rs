//! The legend: one entry a label, in rows above the plot, so that it covers no data.
//!
//! Floor 8. Uses `figure`, the canvas.

use plotters::prelude::RGBColor;

use super::paint::{Anchor, Canvas, INK, Pen, palette, text_width};
use super::text::{columns, elide, number_unicode};
use crate::error::Result;
use crate::figure::{Layer, Shape};

/// Font size of legend and ticks, CSS pixels.
pub const SMALL: f64 = 12.0;
/// The height of a row of the legend.
const ROW: f64 = 18.0;
/// The width of the sample before an entry's words.
const SAMPLE: f64 = 20.0;
/// The width of a colour bar.
pub const BAR: f64 = 56.0;

/// An entry: its words, its colour and which samples stand before them.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    label: String,
    colour: RGBColor,
    line: bool,
    dashed: bool,
    disc: bool,
    arrow: bool,
    /// The range of values of a heat layer: its sample is a colour bar with these ends.
    heat: Option<[f64; 2]>,
    row: usize,
    x: f64,
}

/// The colour of each layer: its hue; or one a label, in order of appearance among the layers that have none.
pub fn colours(layers: &[Layer]) -> Vec<RGBColor> {
    let mut labels: Vec<&str> = Vec::new();
    layers
        .iter()
        .map(|layer| {
            if let Some(hue) = layer.hue {
                return palette(hue);
            }
            match layer.shape {
                Shape::Arrows { .. } | Shape::Bound { .. } => INK,
                Shape::Heat { .. } | Shape::Images { .. } => palette(0),
                _ => {
                    let label = layer.label.as_str();
                    let place = labels.iter().position(|&l| l == label).unwrap_or_else(|| {
                        labels.push(label);
                        labels.len() - 1
                    });
                    palette(place)
                }
            }
        })
        .collect()
}

/// The entries of a figure, placed in rows of `width`; `heats` has the range of values of each heat layer.
pub fn entries(
    layers: &[Layer],
    colours: &[RGBColor],
    heats: &[Option<[f64; 2]>],
    width: f64,
) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for ((layer, &colour), &heat) in layers.iter().zip(colours).zip(heats) {
        if layer.label.is_empty() {
            continue;
        }
        let found = entries.iter().position(|e| e.label == layer.label && e.colour == colour);
        let at = found.unwrap_or_else(|| {
            entries.push(Entry {
                label: layer.label.clone(),
                colour,
                line: false,
                dashed: false,
                disc: false,
                arrow: false,
                heat: None,
                row: 0,
                x: 0.0,
            });
            entries.len() - 1
        });
        let Some(entry) = entries.get_mut(at) else { continue };
        match &layer.shape {
            Shape::Line { dashed: true, .. } | Shape::Bound { .. } => entry.dashed = true,
            Shape::Line { .. } => entry.line = true,
            Shape::Points { .. } => entry.disc = true,
            Shape::Errorbars { .. } => {
                entry.disc = true;
                entry.line = true;
            }
            Shape::Arrows { .. } => entry.arrow = true,
            Shape::Heat { .. } => entry.heat = heat,
            Shape::Images { .. } => {}
        }
    }
    place(&mut entries, width);
    entries
}

fn place(entries: &mut [Entry], width: f64) {
    let (mut row, mut x) = (0, 0.0);
    for entry in entries {
        // Half an em a character: what fits on a row of its own.
        let most = ((width - entry.sample_width()) / (0.6 * SMALL)).max(8.0) as usize;
        if columns(&entry.label) > most {
            entry.label = elide(&entry.label, most);
        }
        let needed = entry.sample_width() + text_width(&entry.label, SMALL);
        if x > 0.0 && x + needed > width {
            row += 1;
            x = 0.0;
        }
        entry.row = row;
        entry.x = x;
        x += needed + 18.0;
    }
}

/// The height of the legend in CSS pixels.
pub fn height(entries: &[Entry]) -> f64 {
    entries.iter().map(|e| e.row + 1).max().map_or(0.0, |rows| rows as f64 * ROW + 5.0)
}

impl Entry {
    fn ends(&self) -> Option<[String; 2]> {
        // An end that is nothing beside the other is written as 0.
        let end = |v: f64, other: f64| {
            if v.abs() < 1e-3 * other.abs() { "0".to_owned() } else { number_unicode(v) }
        };
        self.heat.map(|[lo, hi]| [end(lo, hi), end(hi, lo)])
    }

    fn sample_width(&self) -> f64 {
        match self.ends() {
            Some([lo, hi]) => text_width(&lo, SMALL) + text_width(&hi, SMALL) + BAR + 8.0 + 7.0,
            None => SAMPLE + 6.0,
        }
    }

    /// Where the colour bar goes (left, middle of its height), for an entry of a heat layer.
    pub fn bar(&self, left: f64, top: f64) -> Option<(f64, f64)> {
        let [lo, _] = self.ends()?;
        Some((left + self.x + text_width(&lo, SMALL) + 4.0, self.middle(top)))
    }

    fn middle(&self, top: f64) -> f64 {
        top + (self.row as f64 + 0.5) * ROW
    }

    /// Draws the entry in a legend whose upper left corner is (left, top).
    pub fn draw(&self, canvas: &Canvas, left: f64, top: f64) -> Result<()> {
        let (x, y) = (left + self.x, self.middle(top));
        let ends = [(x, y), (x + SAMPLE, y)];
        if self.line {
            canvas.stroke(&ends, Pen::new(self.colour, 1.8))?;
        }
        if self.dashed {
            canvas.dashes(&ends, Pen::new(self.colour, 1.5))?;
        }
        if self.disc {
            canvas.disc((x + 0.5 * SAMPLE, y), 3.0, Pen::new(self.colour, 1.0))?;
        }
        if self.arrow {
            canvas.arrow((x + 2.0, y), (SAMPLE - 4.0, 0.0), Pen::new(self.colour, 1.2))?;
        }
        if let (Some((bar, _)), Some([lo, hi])) = (self.bar(left, top), self.ends()) {
            canvas.words(&lo, (x, y), Anchor::Left, SMALL)?;
            canvas.words(&hi, (bar + BAR + 4.0, y), Anchor::Left, SMALL)?;
        }
        canvas.words(&self.label, (x + self.sample_width(), y), Anchor::Left, SMALL)
    }
}
