// Random numbers of a training step: arith::fill_normal and arith::fill_uniform at the stream base + factor*step (mod 2^64).
//
// The step is read from `clock`, so that a launch has the same arguments every step.

// out[i] = element i of the stream, for i below n. A thread makes one call of Philox.
extern "C" __global__ void draw_fill(int normal, const count_t *__restrict__ clock, count_t seed, count_t base, count_t factor,
                                     count_t n, real *__restrict__ out) {
  const count_t call = (count_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (call * PER_CALL >= n) return;
  word_t words[4];
  philox(seed, base + factor * clock[0], call, words);
  real values[PER_CALL];
  if (normal) normals_of(words, values); else uniforms_of(words, values);
#pragma unroll
  for (int slot = 0; slot < PER_CALL; ++slot) {
    const count_t at = call * PER_CALL + slot;
    if (at < n) out[at] = values[slot];
  }
}
KERNEL(draw_fill)
