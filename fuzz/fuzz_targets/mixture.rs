//! Any bytes as a mixture in JSON: a mixture that survives writing and reading, or a refusal.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tweedie::format::mixture_file::parse_mixture;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mixture) = parse_mixture(bytes) else { return };
    let written = serde_json::to_vec(&mixture).unwrap();
    assert_eq!(parse_mixture(&written).unwrap(), mixture);
});
