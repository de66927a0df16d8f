//! Arrays that nobody should trust.

use std::path::Path;

use tweedie::format::mixture_file::read_mixture;
use tweedie::format::npy::{parse_array, read_points};
use tweedie::format::npz::{parse_npz, read_npz};

use crate::*;

#[test]
fn garbled_headers_are_refused() {
    for (header, reason) in [
        ("", "byte 0 is its end, expected '{'"),
        ("garbage", "byte 0 is \"garbage\", expected '{'"),
        ("{}", "has no \"shape\" in its header"),
        ("{'shape': (1,), 'fortran_order': False}", "has no \"descr\""),
        ("{'shape': (1,), 'descr': '<f8'}", "has no \"fortran_order\""),
        ("{'shape': (1,), 'shape': (1,)}", "has the header key \"shape\" twice"),
        ("{'colour': 1}", "has the unknown header key \"colour\""),
        ("{'a\\'b': 1}", "a string without escapes"),
        ("{'descr", "a string without escapes"),
        ("{'descr': ''}", "has dtype \"\", which is unsupported"),
        ("{'descr': '<f8' 'shape': (1,)}", "expected '}'"),
        ("{'fortran_order': true}", "expected True or False"),
        ("{'shape': 3}", "expected '('"),
        ("{'shape': (3)}", "expected ','"),
        ("{'shape': (,)}", "expected a length of the shape"),
        ("{'shape': (-1,)}", "expected a length of the shape"),
        ("{'shape': (1.5,)}", "expected ','"),
        ("{'shape': (99999999999999999999,)}", "expected a length below 2^64"),
        ("{'shape': ((((((((((", "expected a length of the shape"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (1,)} x", "the end of the header"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (1,)", "expected '}'"),
        ("{'descr': '\n\u{1b}[31m'}", "has dtype"),
    ] {
        assert_refused(parse_array(&npy(header, &[0; 8])), reason);
    }
    let many = format!("{{'shape': ({})}}", "1, ".repeat(33));
    assert_refused(parse_array(&npy(&many, &[])), "more than 32 dimensions");
}

#[test]
fn other_spellings_of_a_legal_header_are_read() {
    for header in [
        "{\"shape\":(1,),\"fortran_order\":True,\"descr\":\"<f8\"}",
        "{ 'fortran_order' : False ,\n 'shape' : ( 1 , ) , 'descr' : '<f8' }      \n",
    ] {
        let bytes = npy(header, &1.5f64.to_le_bytes());
        assert_eq!(parse_array(&bytes).unwrap(), ndarray::arr1(&[1.5]).into_dyn());
    }
}

#[test]
fn shapes_that_the_file_cannot_hold_are_refused() {
    for (shape, reason) in [
        ("(4294967296, 4294967296)", "has the impossible shape"),
        ("(0, 9223372036854775807, 9)", "has the impossible shape"),
        ("(1152921504606846976,)", "has the impossible shape"),
        ("(1152921504606846975,)", "is truncated: 8 bytes of data, expected 9223372036854775800"),
        ("(2,)", "is truncated: 8 bytes of data, expected 16"),
        ("(0,)", "has trailing bytes: 8 bytes of data, expected 0"),
        ("(0, 1152921504606846975)", "has trailing bytes: 8 bytes of data, expected 0"),
    ] {
        assert_refused(parse_array(&npy(&described("<f8", shape), &[0; 8])), reason);
    }
}

#[test]
fn every_truncation_is_refused_and_every_extension_of_an_array() {
    for name in ["f64.npy", "f64_fortran.npy", "f64_version_2.npy", "f32.npy", "plain.npz"] {
        let whole = fs::read(data(name)).unwrap();
        let parse = |bytes: &[u8]| {
            if name.ends_with("npz") {
                parse_npz(bytes).map(drop)
            } else {
                parse_array(bytes).map(drop)
            }
        };
        parse(&whole).unwrap();
        for length in 0..whole.len() {
            message(parse(&whole[..length]));
        }
        // Bytes behind an archive belong to no member; every reader of ZIP, NumPy's too, passes over them.
        assert_eq!(parse(&[&whole[..], &[0]].concat()).is_ok(), name.ends_with("npz"));
    }
}

#[test]
fn what_is_no_array_is_refused_by_name() {
    let path = directory("no_array");
    assert_refused(read_points::<f64>(&path), "is a directory");
    assert_refused(read_npz(&path), "is a directory");
    assert_refused(read_mixture(&path), "is a directory");
    assert_refused(read_points::<f64>(&path.join("missing\n.npy")), "missing\\n.npy: No such file");
    for (bytes, reason) in [
        (&b""[..], "is empty"),
        (b"\x93NUMPY", "ends within its first 8 bytes"),
        (b"\x93NUMPY\x01\x00\x05", "ends before its header"),
        (b"\x93NUMPX\x01\x00\x00\x00", "is not a .npy file"),
        (b"\x93NUMPY\x04\x00\x00\x00", "has .npy version 4.0"),
        (b"\x93NUMPY\x01\x00\xff\xff", "its header is 65535 bytes long and 0 are left"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "its header is 4294967295 bytes long"),
        (b"PK\x03\x04", "is a ZIP archive"),
    ] {
        assert_refused(parse_array(bytes), reason);
    }
    let long = [&b"\x93NUMPY\x02\x00\x00\x00\x01\x00"[..], &[b' '; 65_536]].concat();
    assert_refused(parse_array(&long), "has a header of 65536 bytes: expected at most 65535");
    assert_refused(parse_npz(b""), "is empty");
    assert_refused(read_npz(&data("f64.npy")), "is not a readable .npz archive");
    #[cfg(unix)]
    assert_refused(read_points::<f64>(Path::new("/dev/zero")), "is not a regular file");
}

#[test]
fn a_file_longer_than_any_mixture_is_refused_unread() {
    let path = directory("long_mixture").join("m.json");
    // A hole of 1 TB, which takes no space.
    fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    assert_refused(read_mixture(&path), "is 1099511627776 bytes long: expected at most 536870912");
    assert_refused(read_points::<f64>(&path), "is not a .npy file");
    assert_refused(read_npz(&path), "is not a readable .npz archive");
}
