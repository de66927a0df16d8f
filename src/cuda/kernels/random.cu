// Random numbers by (seed, stream, element): arith::fill_normal and arith::fill_uniform. A thread makes one call of Philox.

// out[i] = element start + i (mod 2^64) of the stream, for i below n.
extern "C" __global__ void random_fill(int normal, count_t seed, count_t stream, count_t start, count_t n,
                                       real *__restrict__ out) {
  const count_t call = (count_t)blockIdx.x * blockDim.x + threadIdx.x;
  const count_t skip = start % PER_CALL;
  if (call * PER_CALL >= n + skip) return;
  word_t words[4];
  philox(seed, stream, (start / PER_CALL + call) & (~(count_t)0 / PER_CALL), words);
  real values[PER_CALL];
  if (normal) normals_of(words, values); else uniforms_of(words, values);
#pragma unroll
  for (int slot = 0; slot < PER_CALL; ++slot) {
    const count_t at = call * PER_CALL + slot;
    if (at >= skip && at - skip < n) out[at - skip] = values[slot];
  }
}
KERNEL(random_fill)
