//! Mixtures as JSON.

use tweedie::format::mixture_file::{
    CovarianceFile, MixtureFile, parse_mixture, read_mixture, write_mixture,
};

use crate::*;

#[test]
fn each_kind_of_mixture_is_read() {
    let weights = vec![0.25, 0.75];
    let means = vec![vec![1.0, -2.5], vec![0.0, 1e-3]];
    for (kind, values, covariance) in [
        ("isotropic", "[0, 2]", CovarianceFile::Isotropic(vec![0.0, 2.0])),
        (
            "diagonal",
            "[[0, 1], [2, 3]]",
            CovarianceFile::Diagonal(vec![vec![0.0, 1.0], vec![2.0, 3.0]]),
        ),
        (
            "full",
            "[[[1, 0.5], [0.5, 1]], [[0, 0], [0, 0]]]",
            CovarianceFile::Full(vec![
                vec![vec![1.0, 0.5], vec![0.5, 1.0]],
                vec![vec![0.0, 0.0], vec![0.0, 0.0]],
            ]),
        ),
    ] {
        let text = json("[0.25, 0.75]", "[[1, -2.5], [0, 1e-3]]", kind, values);
        let expected = MixtureFile { weights: weights.clone(), means: means.clone(), covariance };
        assert_eq!(parse_mixture(text.as_bytes()).unwrap(), expected);
        let path = directory("mixture").join("m.json");
        write_mixture(&path, &expected).unwrap();
        assert_eq!(read_mixture(&path).unwrap(), expected);
    }
    let other_order = "{\"covariance\": {\"values\": [[1]], \"kind\": \"diagonal\"}, \"means\": [[0]], \"weights\": [1]}";
    assert_eq!(
        parse_mixture(other_order.as_bytes()).unwrap().covariance,
        CovarianceFile::Diagonal(vec![vec![1.0]])
    );
}

#[test]
fn lists_of_the_wrong_length_are_refused_with_their_index() {
    for (weights, means, kind, values, reason) in [
        ("[]", "[]", "isotropic", "[]", "weights is empty"),
        ("[1]", "[[]]", "isotropic", "[1]", "means[0] is empty"),
        ("[1]", "[]", "isotropic", "[1]", "means has length 0: expected 1, one a weight"),
        ("[1, 1]", "[[1]]", "isotropic", "[1, 1]", "means has length 1: expected 2"),
        (
            "[1, 1]",
            "[[1], [1, 2]]",
            "isotropic",
            "[1, 1]",
            "means[1] has length 2: expected 1, one a dimension",
        ),
        ("[1]", "[[1]]", "isotropic", "[1, 2]", "covariance.values has length 2: expected 1"),
        ("[1]", "[[1]]", "diagonal", "[]", "covariance.values has length 0: expected 1"),
        ("[1]", "[[1]]", "diagonal", "[[1, 2]]", "covariance.values[0] has length 2: expected 1"),
        ("[1]", "[[1]]", "full", "[]", "covariance.values has length 0: expected 1"),
        ("[1]", "[[1, 2]]", "full", "[[[1, 0]]]", "covariance.values[0] has length 1: expected 2"),
        (
            "[1]",
            "[[1, 2]]",
            "full",
            "[[[1, 0], [0]]]",
            "covariance.values[0][1] has length 1: expected 2",
        ),
    ] {
        assert_refused(parse_mixture(json(weights, means, kind, values).as_bytes()), reason);
    }
}

#[test]
fn other_json_is_refused_with_its_place() {
    let deep = "[".repeat(100_000);
    let good = json("[1]", "[[1]]", "isotropic", "[1]");
    let doubled = good.replacen("{", "{\"weights\": [1], ", 1);
    let unknown = good.replacen("{", "{\"a\\nb\": [1], ", 1);
    let extra = good.replacen("\"kind\"", "\"unit\": 1, \"kind\"", 1);
    let twice = good.replacen("\"kind\"", "\"kind\": \"full\", \"kind\"", 1);
    let values = good.replacen("\"kind\"", "\"values\": [1], \"kind\"", 1);
    for (text, reason) in [
        ("", "is empty"),
        (" \n", "is empty"),
        ("{", "EOF while parsing an object at line 1 column 1"),
        ("null", "invalid type: null"),
        ("[]", "invalid length 0"),
        (deep.as_str(), "line 1"),
        (doubled.as_str(), "duplicate field `weights` at line 1 column 26"),
        (unknown.as_str(), "unknown field `a\\nb`"),
        (extra.as_str(), "string \"unit\", expected \"kind\" or \"values\" at line 1 column 54"),
        (twice.as_str(), "duplicate field `kind`"),
        (values.as_str(), "duplicate field `values`"),
        ("{\"weights\": [1], \"means\": [[1]]}", "missing field `covariance`"),
        (
            &json("[1, \"1\"]", "[[1]]", "isotropic", "[1]"),
            "invalid type: string \"1\", expected f64 at line 1 column 19",
        ),
        (
            &json("[1,\n null]", "[[1]]", "isotropic", "[1]"),
            "invalid type: null, expected f64 at line 2 column 5",
        ),
        (&json("1", "[[1]]", "isotropic", "[1]"), "expected a sequence at line 1 column 13"),
        (&json("[NaN]", "[[1]]", "isotropic", "[1]"), "expected value at line 1 column 14"),
        (&json("[Infinity]", "[[1]]", "isotropic", "[1]"), "expected value"),
        (&json("[-Infinity]", "[[1]]", "isotropic", "[1]"), "invalid number"),
        (&json("[1e999]", "[[1]]", "isotropic", "[1]"), "number out of range"),
        (&json("[01]", "[[1]]", "isotropic", "[1]"), "invalid number"),
        (
            &json("[1]", "[[1]]", "spherical", "[1]"),
            "unknown variant `spherical`, expected one of `isotropic`, `diagonal`, `full`",
        ),
        (&json("[1]", "[[1]]", "isotropic", "[[1]]"), "invalid type: sequence, expected f64"),
        (&json("[1]", "[[1]]", "full", "[[1]]"), "expected a sequence"),
        (&format!("{good}x"), "trailing characters"),
        (&format!("\u{feff}{good}"), "byte order mark"),
    ] {
        assert_refused(parse_mixture(text.as_bytes()), reason);
    }
    let latin1 = [good.as_bytes(), b"\xe9"].concat();
    assert_refused(parse_mixture(&latin1), &format!("is not UTF-8 from byte {} on", good.len()));
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    message(parse_mixture(&utf16));
}

#[test]
fn a_mixture_that_could_not_be_read_back_is_not_written() {
    let path = directory("bad_mixture").join("m.json");
    let mut mixture = MixtureFile {
        weights: vec![1.0],
        means: vec![vec![f64::NAN]],
        covariance: CovarianceFile::Isotropic(vec![1.0]),
    };
    assert_refused(write_mixture(&path, &mixture), "means[0][0] is NaN: expected a finite number");
    mixture.means = vec![vec![0.0]];
    mixture.covariance = CovarianceFile::Isotropic(vec![f64::INFINITY]);
    assert_refused(write_mixture(&path, &mixture), "covariance.values[0] is inf");
    mixture.covariance = CovarianceFile::Isotropic(vec![]);
    assert_refused(write_mixture(&path, &mixture), "covariance.values has length 0");
    assert!(!path.exists());
}

#[test]
fn the_fuzzers_seeds_are_legal_laws() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/mixture");
    let mut kinds = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let law = tweedie::law::Mixture::read(&entry.unwrap().path()).unwrap();
        kinds.push(law.covariance().kind());
    }
    kinds.sort();
    assert_eq!(kinds, ["diagonal", "full", "isotropic", "isotropic"]);
}
