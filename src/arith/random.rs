//! Random numbers addressed by (seed, stream, index), with no state: the same element whichever range is filled,
//! in whichever order, by however many threads.
//!
//! Floor 0. Uses `arith::philox`, `arith::ln`, `arith::circle`, `arith::isa`. Spec: N3.
//!
//! One call of Philox at counter c gives the elements V·c to V·c + V − 1 of a stream, V = 2 in f64 and 4 in f32.
//! Uniforms, normals and index draws of the same (seed, stream) share their words: give each use its own stream.

use super::circle::sin_cos_turns;
use super::isa::{Isa, Kernel};
use super::ln::ln;
use super::philox::words;
use super::real::{MulAdd, Real};

/// Calls of Philox in one step of a kernel: enough lanes for every vector width.
const LANES: usize = 16;
/// The most elements that one call gives.
const MOST: usize = 4;

/// Elements `start`, `start` + 1, … (mod 2⁶⁴) of the uniform stream: (2k + 1)·2^−p in the open interval (0, 1),
/// k the top p − 1 bits of 64 random bits (p = 53, f64) or 32 (p = 24, f32).
pub fn fill_uniform<T: Real>(seed: u64, stream: u64, start: u64, out: &mut [T]) {
    fill_uniform_with(Isa::best(), seed, stream, start, out);
}

/// `fill_uniform` in a given instruction set: the same bits.
pub fn fill_uniform_with<T: Real>(isa: Isa, seed: u64, stream: u64, start: u64, out: &mut [T]) {
    isa.run(Fill { normal: false, seed, stream, start, out });
}

/// Elements `start`, `start` + 1, … (mod 2⁶⁴) of the standard normal stream, by Box and Muller: a pair is
/// √(−2 ln v)·(cos 2πu, sin 2πu). In f64 v comes from the first two words of a call and u from the last two;
/// in f32 the first two words give one pair, v then u, and the last two the next.
///
/// v = (w + 1/2)·2^−64 (f64) or ·2^−32 (f32), w the words, rounded once; u is the uniform of `fill_uniform`.
/// The largest magnitude is √(−2 ln 2^−65) = 9.5 in f64 and √(−2 ln 2^−33) = 6.77 in f32.
pub fn fill_normal<T: Real>(seed: u64, stream: u64, start: u64, out: &mut [T]) {
    fill_normal_with(Isa::best(), seed, stream, start, out);
}

/// `fill_normal` in a given instruction set: the same bits.
pub fn fill_normal_with<T: Real>(isa: Isa, seed: u64, stream: u64, start: u64, out: &mut [T]) {
    isa.run(Fill { normal: true, seed, stream, start, out });
}

/// A number from 0 to n − 1 (0 for n = 0): the high word of n times the 64 bits at (seed, stream, index).
///
/// Each number's probability differs from 1/n by less than 2^−64, a relative bias below n/2⁶⁴.
pub fn uniform_index(seed: u64, stream: u64, index: u64, n: u64) -> u64 {
    let w = words(seed, stream, index);
    let bits = w[0] as u64 | (w[1] as u64) << 32;
    ((bits as u128 * n as u128) >> 64) as u64
}

struct Fill<'a, T> {
    normal: bool,
    seed: u64,
    stream: u64,
    start: u64,
    out: &'a mut [T],
}

impl<T: Real> Kernel for Fill<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<M: MulAdd>(self) {
        let per_call = T::PER_CALL as u64;
        let mut position = self.start;
        let mut rest = self.out;
        while !rest.is_empty() {
            let drawn =
                draw_words(self.seed, self.stream, position / per_call, u64::MAX / per_call);
            let values = if self.normal { normals::<T, M>(&drawn) } else { uniforms::<T>(&drawn) };
            let mut flat = [T::ZERO; LANES * MOST];
            for (lane, elements) in flat.chunks_exact_mut(T::PER_CALL).take(LANES).enumerate() {
                for (element, slot) in elements.iter_mut().zip(&values) {
                    *element = slot[lane];
                }
            }
            let skip = (position % per_call) as usize;
            let taken = rest.len().min(LANES * T::PER_CALL - skip);
            let (now, later) = rest.split_at_mut(taken);
            now.copy_from_slice(&flat[skip..skip + taken]);
            position = position.wrapping_add(taken as u64);
            rest = later;
        }
    }
}

/// The four words of `LANES` calls from counter `first` on, modulo `last` + 1 (a power of two).
#[inline(always)]
fn draw_words(seed: u64, stream: u64, first: u64, last: u64) -> [[u32; LANES]; 4] {
    let mut drawn = [[0; LANES]; 4];
    for lane in 0..LANES {
        let w = words(seed, stream, first.wrapping_add(lane as u64) & last);
        for (slot, word) in drawn.iter_mut().zip(w) {
            slot[lane] = word;
        }
    }
    drawn
}

/// The random bits of one lane that make the element in `slot`: a word, in f64 a pair of words.
#[inline(always)]
fn bits_of<T: Real>(drawn: &[[u32; LANES]; 4], slot: usize, lane: usize) -> [u32; 2] {
    let first = slot * MOST / T::PER_CALL;
    [drawn[first][lane], drawn[(first + 1) % 4][lane]]
}

#[inline(always)]
fn uniforms<T: Real>(drawn: &[[u32; LANES]; 4]) -> [[T; LANES]; MOST] {
    let mut values = [[T::ZERO; LANES]; MOST];
    for (slot, values) in values.iter_mut().take(T::PER_CALL).enumerate() {
        for (lane, value) in values.iter_mut().enumerate() {
            *value = T::uniform(bits_of::<T>(drawn, slot, lane));
        }
    }
    values
}

#[inline(always)]
fn normals<T: Real, M: MulAdd>(drawn: &[[u32; LANES]; 4]) -> [[T; LANES]; MOST] {
    let mut values = [[T::ZERO; LANES]; MOST];
    for (pair, two) in values.chunks_exact_mut(2).take(T::PER_CALL / 2).enumerate() {
        let [cosines, sines] = two else { continue };
        for (lane, (cosine, sine)) in cosines.iter_mut().zip(sines).enumerate() {
            let v = T::fine_uniform(bits_of::<T>(drawn, 2 * pair, lane));
            let u = T::uniform(bits_of::<T>(drawn, 2 * pair + 1, lane));
            let radius = (-T::TWO * ln::<T, M>(v)).sqrt();
            let (sin, cos) = sin_cos_turns::<T, M>(u);
            *cosine = radius * cos;
            *sine = radius * sin;
        }
    }
    values
}
