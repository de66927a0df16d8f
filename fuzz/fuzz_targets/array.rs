//! Any bytes as a `.npy` file: an array of finite numbers that survives writing and reading, or a refusal.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tweedie::format::npy::{ArrayRef, parse_array};

fuzz_target!(|bytes: &[u8]| {
    let Ok(array) = parse_array(bytes) else { return };
    assert!(array.iter().all(|x| x.is_finite()));
    let mut written = Vec::new();
    (&array as ArrayRef).write_to(&mut written).unwrap();
    assert_eq!(parse_array(&written).unwrap(), array);
});
