//! Pictures in a figure: the colours of heat layers, and figures that are grids of grey images.
//!
//! Floor 8. Uses `error`, `figure`, `png`, the canvas.

use ndarray::Array2;

use super::legend::SMALL;
use super::paint::{Anchor, Canvas, text_width};
use super::plot::{Drawing, WIDTH, element};
use super::png;
use super::text::elide;
use crate::error::Result;
use crate::figure::{Figure, Shape};

/// The most pictures in a row.
const MOST_COLUMNS: usize = 64;
/// The largest side of a picture, CSS pixels.
const LARGEST_CELL: f64 = 46.0;

/// The least and the largest finite value, or `None` where there is none.
pub fn range_of(values: &Array2<f64>) -> Option<[f64; 2]> {
    values.iter().filter(|v| v.is_finite()).fold(None, |range: Option<[f64; 2]>, &v| {
        Some(range.map_or([v, v], |[lo, hi]| [lo.min(v), hi.max(v)]))
    })
}

/// The place in a palette of 256 whose first colour means "no number": 1 at range[0] and below, 255 at range[1] and
/// above; 1 everywhere where the range has no length.
pub fn shade(value: f64, [lo, hi]: [f64; 2]) -> u8 {
    if !value.is_finite() {
        return 0;
    }
    // Halved, so that no difference overflows.
    let t = (0.5 * value - 0.5 * lo) / (0.5 * hi - 0.5 * lo);
    let t = if t.is_finite() { t.clamp(0.0, 1.0) } else { 0.0 };
    // In 1..=255.
    (t * 254.0).round() as u8 + 1
}

/// From white to a blue on which dark arrows are still read; the first colour is for cells that hold no number.
pub fn heat_palette() -> Vec<[u8; 3]> {
    const STOPS: [[f64; 3]; 5] = [
        [255.0, 255.0, 255.0],
        [222.0, 236.0, 247.0],
        [168.0, 207.0, 232.0],
        [104.0, 168.0, 214.0],
        [52.0, 120.0, 184.0],
    ];
    let mut palette = vec![[214, 211, 205]];
    for step in 0..255 {
        let along = f64::from(step) / 254.0 * 4.0;
        let stop = (along.floor() as usize).min(3);
        let part = along - stop as f64;
        let (from, to) = (STOPS[stop], STOPS[stop + 1]);
        let channel = |c: usize| (from[c] + part * (to[c] - from[c])).round() as u8;
        palette.push([channel(0), channel(1), channel(2)]);
    }
    palette
}

/// From white to black; the first colour is for pixels that hold no number.
fn grey_palette() -> Vec<[u8; 3]> {
    let mut palette = vec![[235, 200, 190]];
    palette.extend((0..255u8).map(|step| {
        let grey = 254 - step;
        [grey.saturating_add(1); 3]
    }));
    palette
}

/// An SVG image element.
pub fn image(x: f64, y: f64, width: f64, height: f64, uri: &str) -> String {
    format!(
        "<image x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
         preserveAspectRatio=\"none\" href=\"{uri}\"/>\n"
    )
}

/// Draws the image layers of a figure, one block under the other.
pub fn draw(figure: &Figure) -> Result<Drawing> {
    let labels = figure.layers.iter().filter(|layer| matches!(layer.shape, Shape::Images { .. }));
    let widest = labels.map(|layer| text_width(&layer.label, SMALL)).fold(0.0, f64::max);
    let left = if widest > 0.0 { (widest + 12.0).min(150.0) } else { 0.0 };
    let room = ((left - 12.0) / (0.56 * SMALL)).max(0.0) as usize;

    let most = figure.layers.iter().map(|layer| columns_of(&layer.shape)).max().unwrap_or(1);
    let cell = ((WIDTH - left) / most as f64).min(LARGEST_CELL);

    let (mut underlay, mut words) = (String::new(), Vec::new());
    let (mut top, mut dropped, mut others) = (4.0, 0, 0);
    for layer in &figure.layers {
        let Shape::Images { range, images, .. } = &layer.shape else {
            others += 1;
            continue;
        };
        let columns = columns_of(&layer.shape);
        let rows = images.len().div_ceil(columns);
        dropped += images.iter().flatten().filter(|v| !v.is_finite()).count();
        if let Some(block) = Block::of(images, columns, *range) {
            let (width, height) = (columns as f64 * cell, rows as f64 * cell);
            let uri = png::data_uri(block.width, &block.pixels, &grey_palette());
            let element = image(left, top, width, height, &uri);
            // Nearest neighbour: the reader is to see the pixels.
            let element = element.replace("<image ", "<image style=\"image-rendering:pixelated\" ");
            underlay.push_str(&element);
        }
        let height = (rows as f64 * cell).max(14.0);
        let label = if text_width(&layer.label, SMALL) + 12.0 > left {
            elide(&layer.label, room)
        } else {
            layer.label.clone()
        };
        words.push((label, top + 0.5 * height.min(cell)));
        top += height + 6.0;
    }

    let mut body = String::new();
    let canvas = Canvas::new(&mut body, &figure.name, WIDTH, top);
    for (label, y) in &words {
        canvas.words(label, (0.0, *y), Anchor::Left, SMALL)?;
    }
    canvas.finish()?;
    let mut notes = Vec::new();
    if dropped > 0 {
        notes.push(format!("Pixels without a finite number are tinted: {dropped}."));
    }
    if others > 0 {
        notes.push(format!("Layers beside the images, not drawn: {others}."));
    }
    Ok(Drawing { svg: element(figure, top.ceil(), &underlay, &body), notes })
}

fn columns_of(shape: &Shape) -> usize {
    match shape {
        Shape::Images { columns, .. } => (*columns).clamp(1, MOST_COLUMNS),
        _ => 1,
    }
}

/// The pictures of a layer in one raster, a gap of one pixel right of and below each.
struct Block {
    width: usize,
    pixels: Vec<u8>,
}

impl Block {
    fn of(images: &[Array2<f64>], columns: usize, range: [f64; 2]) -> Option<Self> {
        let height = images.iter().map(|image| image.nrows()).max()? + 1;
        let width = images.iter().map(|image| image.ncols()).max()? + 1;
        let paper = 1;
        let mut pixels = vec![paper; images.len().div_ceil(columns) * height * columns * width];
        for (k, image) in images.iter().enumerate() {
            let (top, left) = (k / columns * height, k % columns * width);
            for ((i, j), &value) in image.indexed_iter() {
                if let Some(pixel) = pixels.get_mut((top + i) * columns * width + left + j) {
                    *pixel = shade(value, range);
                }
            }
        }
        Some(Block { width: columns * width, pixels })
    }
}
