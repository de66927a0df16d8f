//! Any bytes as a `.npz` file: named arrays of finite numbers, or a refusal.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tweedie::format::npz::parse_npz;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(arrays) = parse_npz(bytes) {
        assert!(arrays.iter().all(|(_, array)| array.iter().all(|x| x.is_finite())));
    }
});
