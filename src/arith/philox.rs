//! Random words without a state: Philox 4×32 with ten rounds.
//!
//! Floor 0. Uses nothing of the crate. Spec: N3. Source: Salmon, Moraes, Dror and Shaw, "Parallel random
//! numbers: as easy as 1, 2, 3", SC 2011, and the known answers of Random123 1.09.

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const KEY_STEPS: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

/// The four words that Philox 4×32-10 gives for a counter and a key; every call stands alone.
#[inline(always)]
pub fn philox4x32_10(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let (mut c, mut k) = (counter, key);
    for _ in 0..ROUNDS {
        let even = MULTIPLIERS[0] as u64 * c[0] as u64;
        let odd = MULTIPLIERS[1] as u64 * c[2] as u64;
        c = [
            (odd >> 32) as u32 ^ c[1] ^ k[0],
            odd as u32,
            (even >> 32) as u32 ^ c[3] ^ k[1],
            even as u32,
        ];
        k = [k[0].wrapping_add(KEY_STEPS[0]), k[1].wrapping_add(KEY_STEPS[1])];
    }
    c
}

/// The words at (seed, stream, index): key = seed, counter = (index, stream), each 64-bit number low word first.
#[inline(always)]
pub fn words(seed: u64, stream: u64, index: u64) -> [u32; 4] {
    let low = |x: u64| x as u32;
    let high = |x: u64| (x >> 32) as u32;
    philox4x32_10([low(index), high(index), low(stream), high(stream)], [low(seed), high(seed)])
}
