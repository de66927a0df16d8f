//! Any figure, any number, any label: drawn as well-formed SVG and read back from the CSV.

use ndarray::Array2;
use proptest::prelude::*;
use tweedie::figure::{Axis, Figure, Layer, Scale, Shape};
use tweedie::report::{csv, plot, text};

use crate::readers::{field, read_csv, read_xml};

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
