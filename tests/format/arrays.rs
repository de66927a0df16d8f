//! Arrays that NumPy wrote.

use ndarray::{arr0, s};
use tweedie::Error;
use tweedie::format::npy::{parse_array, read_array_f64, read_points};
use tweedie::format::npz::read_npz;

use crate::*;

#[test]
fn numpy_f64_is_read_exactly() {
    for name in ["f64", "f64_fortran", "f64_version_2", "f64_version_3"] {
        let path = data(&format!("{name}.npy"));
        assert_eq!(read_points::<f64>(&path).unwrap(), table(), "{name}");
        assert!(same_bits(&read_array_f64(&path).unwrap(), &table().into_dyn()), "{name}");
    }
}

#[test]
fn numpy_f32_is_widened_exactly_and_f64_is_rounded() {
    let rounded = table().mapv(|x| x as f32);
    for name in ["f32", "f32_fortran"] {
        let path = data(&format!("{name}.npy"));
        assert_eq!(read_points::<f32>(&path).unwrap(), rounded, "{name}");
        assert_eq!(read_points::<f64>(&path).unwrap(), rounded.mapv(f64::from), "{name}");
    }
    assert_eq!(read_points::<f32>(&data("f64.npy")).unwrap(), rounded);
    assert_ne!(rounded.mapv(f64::from), table());
}

#[test]
fn a_vector_is_points_of_one_dimension() {
    let column = table().slice(s![.., 0..1]).to_owned();
    assert_eq!(read_points::<f64>(&data("vector.npy")).unwrap(), column);
    assert_eq!(read_array_f64(&data("vector.npy")).unwrap().shape(), [3]);
}

#[test]
fn other_shapes_are_arrays_but_not_points() {
    for name in ["cube.npy", "cube_fortran.npy"] {
        assert!(same_bits(&read_array_f64(&data(name)).unwrap(), &cube()), "{name}");
        assert_refused(read_points::<f64>(&data(name)), "has the shape [2, 3, 4]: expected (N, d)");
    }
    let scalar = arr0(1.0 / 3.0).into_dyn();
    assert!(same_bits(&read_array_f64(&data("scalar.npy")).unwrap(), &scalar));
    assert_refused(read_points::<f64>(&data("scalar.npy")), "has the shape []: expected (N, d)");
}

#[test]
fn no_points_are_read_but_no_dimensions_are_refused() {
    assert_eq!(read_points::<f64>(&data("no_points.npy")).unwrap().dim(), (0, 2));
    let path = file("no_dimensions", &npy(&described("<f8", "(3, 0)"), &[]));
    assert_refused(read_points::<f64>(&path), "has the shape [3, 0]");
    // Nothing is behind a claim of 10^18 points without dimensions, and nothing is allocated for it.
    let path = file("no_dimensions", &npy(&described("<f8", "(1000000000000000000, 0)"), &[]));
    assert_refused(read_points::<f64>(&path), "d at least 1");
}

#[test]
fn other_element_types_are_refused_by_name() {
    for (name, reason) in [
        ("big_endian", "has dtype \">f8\", which is big-endian: expected little-endian \"<f8\""),
        ("integer", "has dtype \"<i8\", which is integer"),
        ("boolean", "has dtype \"|b1\", which is boolean"),
        ("complex", "has dtype \"<c16\", which is complex"),
        ("half", "has dtype \"<f2\", which is unsupported"),
        ("text", "has dtype \"<U1\", which is text"),
        ("object", "has dtype \"|O\", which is an object (pickled Python)"),
        ("structured", "has a structured dtype"),
    ] {
        let path = data(&format!("{name}.npy"));
        assert_refused(read_points::<f64>(&path), reason);
        assert!(message(read_points::<f32>(&path)).starts_with(path.to_str().unwrap()));
    }
}

#[test]
fn an_entry_that_is_not_finite_or_does_not_fit_is_refused_with_its_index() {
    let entry = |name: &str, f32: bool| {
        let path = data(name);
        let error = if f32 {
            read_points::<f32>(&path).unwrap_err()
        } else {
            read_points::<f64>(&path).unwrap_err()
        };
        match error {
            Error::FileEntry { index, value, expected, .. } => (index, value, expected),
            other => panic!("{other}"),
        }
    };
    for f32 in [false, true] {
        let (index, value, expected) = entry("not_finite.npy", f32);
        assert!(index == [2, 1] && value.is_nan() && expected == "a finite number");
        let (index, value, expected) = entry("not_finite_fortran.npy", f32);
        assert_eq!((index, value, expected), (vec![2, 0], f64::NEG_INFINITY, "a finite number"));
    }
    let (index, value, expected) = entry("wide.npy", true);
    assert_eq!((index, value), (vec![0, 0], table()[[0, 0]] * 1e300));
    assert!(expected.contains("f32"));
    assert!(read_points::<f64>(&data("wide.npy")).is_ok());
}

#[test]
fn the_largest_f64_that_rounds_into_f32_is_the_bound() {
    // 2^128 - 2^103 is halfway between the largest f32 and 2^128, and ties go to the even 2^128.
    let halfway = 2f64.powi(128) - 2f64.powi(103);
    let one = |x: f64| file("bound", &npy(&described("<f8", "(1,)"), &x.to_le_bytes()));
    let below = read_points::<f32>(&one(halfway.next_down())).unwrap();
    assert_eq!(below[[0, 0]], f32::MAX);
    assert_refused(read_points::<f32>(&one(halfway)), "entry [0] is 3.4028235677973366e38");
}

#[test]
fn numpy_archives_are_read() {
    let arrays = read_npz(&data("plain.npz")).unwrap();
    let names: Vec<&str> = arrays.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["first", "second", "cube"]);
    assert!(same_bits(&arrays[0].1, &table().into_dyn()));
    assert!(same_bits(&arrays[1].1, &table().mapv(|x| f64::from(x as f32)).into_dyn()));
    assert!(same_bits(&arrays[2].1, &cube()));
    let compressed = read_npz(&data("compressed.npz")).unwrap();
    assert_eq!(compressed, arrays[..2]);
    assert_refused(
        read_npz(&data("integer.npz")),
        "integer.npz, array \"count\": has dtype \"<i8\"",
    );
}

#[test]
fn the_shipped_digits_are_what_their_readme_says() {
    let digits = parse_array(include_bytes!("../../src/law/data/digits.npy")).unwrap();
    assert_eq!(digits.shape(), [1797, 64]);
    assert!(digits.iter().all(|x| (0.0..=16.0).contains(x) && x.fract() == 0.0));
    // The sum of all pixels of the source, all integers.
    assert_eq!(digits.sum(), 561_718.0);
}
