//! Every input: damaged files, random bytes and random values.

use ndarray::ShapeBuilder;
use proptest::prelude::*;
use tweedie::format::mixture_file::{CovarianceFile, MixtureFile, parse_mixture};
use tweedie::format::npy::{ArrayRef, parse_array};
use tweedie::format::npz::parse_npz;

use crate::*;

/// Finite doubles of every size: all bit patterns but those of NaN and infinity.
fn any_finite() -> impl Strategy<Value = f64> {
    any::<u64>().prop_map(f64::from_bits).prop_filter("finite", |x| x.is_finite())
}

/// One edit of some bytes.
#[derive(Clone, Debug)]
enum Edit {
    Set(usize, u8),
    Insert(usize, u8),
    Remove(usize),
    Cut(usize),
    Repeat(usize, usize),
}

fn any_edits() -> impl Strategy<Value = Vec<Edit>> {
    let edit = prop_oneof![
        4 => (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Edit::Set(at, byte)),
        1 => (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Edit::Insert(at, byte)),
        1 => any::<usize>().prop_map(Edit::Remove),
        1 => any::<usize>().prop_map(Edit::Cut),
        1 => (any::<usize>(), 1..64usize).prop_map(|(at, length)| Edit::Repeat(at, length)),
    ];
    prop::collection::vec(edit, 1..6)
}

fn edited(mut bytes: Vec<u8>, edits: &[Edit]) -> Vec<u8> {
    for edit in edits {
        let length = bytes.len().max(1);
        match *edit {
            Edit::Set(at, byte) => {
                if let Some(place) = bytes.get_mut(at % length) {
                    *place = byte;
                }
            }
            Edit::Insert(at, byte) => bytes.insert(at % length.min(bytes.len() + 1), byte),
            Edit::Remove(at) => drop(bytes.drain(at % length..).next()),
            Edit::Cut(at) => bytes.truncate(at % length),
            Edit::Repeat(at, more) => {
                let end = (at % length + more).min(bytes.len());
                let piece = bytes[(at % length).min(end)..end].to_vec();
                bytes.splice(end..end, piece);
            }
        }
    }
    bytes
}

/// Reads the bytes as everything: each answer is a value whose numbers are all finite, or one line.
fn read_as_everything(bytes: &[u8]) {
    match parse_array(bytes) {
        Ok(array) => assert!(array.iter().all(|x| x.is_finite()) && array.is_standard_layout()),
        refused => drop(message(refused)),
    }
    match parse_npz(bytes) {
        Ok(arrays) => assert!(arrays.iter().all(|(_, array)| array.iter().all(|x| x.is_finite()))),
        refused => drop(message(refused)),
    }
    match parse_mixture(bytes) {
        Ok(mixture) => assert_eq!(mixture.weights.len(), mixture.means.len()),
        refused => drop(message(refused)),
    }
}

/// Words of which a header is made, in any order.
fn any_header() -> impl Strategy<Value = String> {
    const WORDS: &[&str] = &[
        "{",
        "}",
        "(",
        ")",
        "[",
        ",",
        ":",
        " ",
        "\n",
        "'descr': ",
        "'<f8', ",
        "'<f4'",
        "'>f8'",
        "'|O'",
        "'fortran_order': ",
        "True, ",
        "False",
        "'shape': ",
        "(1,), ",
        "(0, 2), ",
        "(2, 1)",
        "()",
        "9",
        "9223372036854775807",
        "'",
        "\"",
        "\\",
        "-",
        "L",
        "\u{e9}",
    ];
    prop::collection::vec(prop::sample::select(WORDS), 0..24).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read_as_everything(&bytes);
        read_as_everything(&[b"\x93NUMPY\x01\x00\x40\x00", &bytes[..]].concat());
        read_as_everything(&[b"PK\x03\x04", &bytes[..]].concat());
    }

    #[test]
    fn damaged_files_never_panic(
        name in prop::sample::select(&[
            "f64.npy", "f32_fortran.npy", "f64_version_3.npy", "cube_fortran.npy", "structured.npy",
            "plain.npz", "compressed.npz",
        ][..]),
        edits in any_edits(),
    ) {
        read_as_everything(&edited(fs::read(data(name)).unwrap(), &edits));
    }

    #[test]
    fn damaged_mixtures_never_panic(
        kind in prop::sample::select(&[
            ("isotropic", "[1, 2.5]"), ("diagonal", "[[1, 2], [3, 4e-2]]"),
            ("full", "[[[1, 0.5], [0.5, 1]], [[0, 0], [0, 0]]]"),
        ][..]),
        edits in any_edits(),
    ) {
        let text = json("[0.25, 0.75]", "[[1, -2.5], [0, 1e-3]]", kind.0, kind.1);
        read_as_everything(&edited(text.into_bytes(), &edits));
    }

    #[test]
    fn headers_of_any_words_never_panic(header in any_header(), length in 0..40usize) {
        read_as_everything(&npy(&header, &vec![0; length]));
    }

    #[test]
    fn a_written_mixture_is_read_back_to_the_bit(numbers in prop::collection::vec(any_finite(), 6)) {
        let mixture = MixtureFile {
            weights: numbers[..2].to_vec(),
            means: vec![numbers[2..3].to_vec(), numbers[3..4].to_vec()],
            covariance: CovarianceFile::Diagonal(vec![numbers[4..5].to_vec(), numbers[5..].to_vec()]),
        };
        let text = serde_json::to_string(&mixture).unwrap();
        let read = parse_mixture(text.as_bytes()).unwrap();
        // Debug tells -0.0 from 0.0, and otherwise == on finite numbers is equality of bits.
        prop_assert_eq!(format!("{:?}", read), format!("{:?}", mixture));
    }

    #[test]
    fn any_decimal_becomes_the_nearest_double(
        negative in any::<bool>(), whole in "0|[1-9][0-9]{0,30}", fraction in "[0-9]{1,40}",
        exponent in -330..280i32,
    ) {
        let sign = if negative { "-" } else { "" };
        let decimal = format!("{sign}{whole}.{fraction}e{exponent}");
        let text = json("[1]", &format!("[[{decimal}]]"), "isotropic", "[1]");
        // The standard library's conversion is correctly rounded.
        match (parse_mixture(text.as_bytes()), decimal.parse::<f64>().unwrap()) {
            (Ok(mixture), nearest) => prop_assert_eq!(mixture.means[0][0].to_bits(), nearest.to_bits()),
            (Err(_), nearest) => prop_assert!(nearest.is_infinite()),
        }
    }

    #[test]
    fn any_array_is_read_back_to_the_bit(
        shape in prop::collection::vec(0..5usize, 0..4), column_major in any::<bool>(),
        numbers in prop::collection::vec(any_finite(), 64),
    ) {
        let count = shape.iter().product::<usize>();
        let numbers = numbers[..count].to_vec();
        let array = ArrayD::from_shape_vec(IxDyn(&shape).set_f(column_major), numbers).unwrap();
        let bytes = {
            let mut bytes = Vec::new();
            let stored: ArrayRef = &array;
            stored.write_to(&mut bytes).unwrap();
            prop_assert_eq!(bytes.len() as u64, stored.byte_length());
            bytes
        };
        prop_assert!(same_bits(&parse_array(&bytes).unwrap(), &array));
    }
}
