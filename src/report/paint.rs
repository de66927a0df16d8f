//! The canvas: strokes, discs and words on a plotters drawing area that writes SVG.
//!
//! Floor 8. Uses `error` and plotters. Lengths are CSS pixels; the area has ten units a pixel, because the backend
//! places everything on whole units.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::text::printable;
use crate::error::{Error, Result};

/// Units of the drawing area in a CSS pixel.
pub const UNITS: f64 = 10.0;

/// Ink for words and axes.
pub const INK: RGBColor = RGBColor(0x33, 0x38, 0x40);
/// Grey for grid lines.
pub const FAINT: RGBColor = RGBColor(0xe4, 0xe7, 0xeb);
/// Colours told apart with any colour vision (Okabe and Ito 2008, Color Universal Design), darkened where needed to be
/// read on white.
const PALETTE: [RGBColor; 7] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xb8, 0x5c, 0x94),
    RGBColor(0xd3, 0x92, 0x00),
    RGBColor(0x56, 0xa4, 0xd6),
    RGBColor(0x6b, 0x72, 0x80),
];

/// The palette's colour of a number, modulo the palette's length.
pub fn palette(hue: usize) -> RGBColor {
    PALETTE.get(hue % PALETTE.len()).copied().unwrap_or(INK)
}

/// A place in CSS pixels from the upper left corner.
pub type Place = (f64, f64);

/// How a stroke looks: colour, width in CSS pixels, opacity.
#[derive(Debug, Clone, Copy)]
pub struct Pen {
    /// The colour.
    pub colour: RGBColor,
    /// The width in CSS pixels.
    pub width: f64,
    /// 1 for opaque.
    pub opacity: f64,
}

impl Pen {
    /// An opaque pen.
    pub fn new(colour: RGBColor, width: f64) -> Self {
        Pen { colour, width, opacity: 1.0 }
    }

    /// The same pen with this opacity.
    pub fn opacity(self, opacity: f64) -> Self {
        Pen { opacity, ..self }
    }

    fn style(self) -> ShapeStyle {
        ShapeStyle {
            color: self.colour.mix(self.opacity),
            filled: false,
            stroke_width: unit(self.width).max(1) as u32,
        }
    }
}

/// Which point of a text its place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// The left end, at half height.
    Left,
    /// The right end, at half height.
    Right,
    /// The middle of the upper edge.
    Top,
    /// The middle of the upper edge of text that runs upwards.
    TopOfRising,
}

/// A drawing in progress.
pub struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
    name: &'a str,
}

impl<'a> Canvas<'a> {
    /// A canvas of this size in CSS pixels that writes an `<svg>` element to `out`; `name` is for error messages.
    pub fn new(out: &'a mut String, name: &'a str, width: f64, height: f64) -> Self {
        let size = (unit(width).max(1) as u32, unit(height).max(1) as u32);
        Canvas { area: SVGBackend::with_string(out, size).into_drawing_area(), name }
    }

    /// Completes the element.
    pub fn finish(self) -> Result<()> {
        self.told(self.area.present())
    }

    /// A polyline; steps shorter than 0.4 pixels are merged, which no eye sees.
    pub fn stroke(&self, places: &[Place], pen: Pen) -> Result<()> {
        let units = thinned(places);
        if units.len() < 2 {
            return Ok(());
        }
        self.told(self.area.draw(&PathElement::new(units, pen.style())))
    }

    /// A dashed polyline.
    pub fn dashes(&self, places: &[Place], pen: Pen) -> Result<()> {
        let units = thinned(places);
        if units.len() < 2 {
            return Ok(());
        }
        let dash =
            plotters::element::DashedPathElement::new(units, unit(6.0), unit(4.0), pen.style());
        self.told(self.area.draw(&dash))
    }

    /// A filled disc.
    pub fn disc(&self, (x, y): Place, radius: f64, pen: Pen) -> Result<()> {
        let style = ShapeStyle { filled: true, stroke_width: 1, ..pen.style() };
        self.told(self.area.draw(&Circle::new((unit(x), unit(y)), unit(radius).max(1), style)))
    }

    /// An arrow from its tail by (dx, dy), its head drawn as two strokes.
    pub fn arrow(&self, (x, y): Place, (dx, dy): Place, pen: Pen) -> Result<()> {
        let length = (dx * dx + dy * dy).sqrt();
        if length.is_nan() || length < 0.5 {
            return Ok(());
        }
        let head = (0.35 * length).clamp(1.5, 4.0);
        let (ux, uy) = (dx / length * head, dy / length * head);
        let (tip_x, tip_y) = (x + dx, y + dy);
        let barb = |side: f64| (tip_x - ux - side * 0.5 * uy, tip_y - uy + side * 0.5 * ux);
        let path = [(x, y), (tip_x, tip_y), barb(1.0), (tip_x, tip_y), barb(-1.0)];
        let units: Vec<_> = path.iter().map(|&(x, y)| (unit(x), unit(y))).collect();
        self.told(self.area.draw(&PathElement::new(units, pen.style())))
    }

    /// Words.
    pub fn words(&self, text: &str, (x, y): Place, anchor: Anchor, size: f64) -> Result<()> {
        let position = match anchor {
            Anchor::Left => Pos::new(HPos::Left, VPos::Center),
            Anchor::Right => Pos::new(HPos::Right, VPos::Center),
            Anchor::Top | Anchor::TopOfRising => Pos::new(HPos::Center, VPos::Top),
        };
        // The backend writes a font size of 1/1.24 of what it is given.
        let mut font = ("sans-serif", size * UNITS * 1.24).into_font();
        if anchor == Anchor::TopOfRising {
            font = font.transform(FontTransform::Rotate270);
        }
        let style = font.color(&INK).pos(position);
        self.told(self.area.draw_text(&printable(text), &style, (unit(x), unit(y))))
    }

    fn told<T, E: std::error::Error + Send + Sync>(
        &self,
        result: std::result::Result<T, DrawingAreaErrorKind<E>>,
    ) -> Result<T> {
        result.map_err(|e| Error::File {
            path: format!("figure {}", self.name),
            reason: e.to_string(),
        })
    }
}

/// The width of a text in CSS pixels at this font size: an estimate from common sans-serif faces.
pub fn text_width(text: &str, size: f64) -> f64 {
    let em: f64 = text
        .chars()
        .map(|c| match c {
            '\u{300}'..='\u{36f}' => 0.0,
            'i' | 'j' | 'l' | 't' | 'f' | '.' | ',' | ':' | ';' | '|' | '\'' | ' ' => 0.3,
            '⁰'..='₉' | '¹' | '²' | '³' => 0.36,
            'm' | 'w' | 'M' | 'W' => 0.86,
            'A'..='Z' => 0.68,
            _ => 0.56,
        })
        .sum();
    em * size
}

fn unit(pixels: f64) -> i32 {
    // A saturating conversion: NaN becomes 0.
    (pixels * UNITS).round() as i32
}

fn thinned(places: &[Place]) -> Vec<(i32, i32)> {
    let mut units: Vec<(i32, i32)> = Vec::with_capacity(places.len().min(4096));
    let last = places.len().saturating_sub(1);
    for (i, &(x, y)) in places.iter().enumerate() {
        let next = (unit(x), unit(y));
        let near = units
            .last()
            .is_some_and(|&(px, py)| px.abs_diff(next.0) < 4 && py.abs_diff(next.1) < 4);
        if !near || (i == last && units.last() != Some(&next)) {
            units.push(next);
        }
    }
    units
}
