// The rows of a training step in f64, rounded once: train/batch.rs, law/sample.rs and objective/radius.rs.
//
// Compiled with real = double; `scalar` is the format that training is in. A row, or an entry, a thread.

// The high 64 bits of a*b.
__device__ inline count_t high_product(count_t a, count_t b) {
  const count_t low = 0xffffffffu, a0 = a & low, a1 = a >> 32, b0 = b & low, b1 = b >> 32;
  const count_t middle = a1 * b0 + (a0 * b0 >> 32), other = a0 * b1 + (middle & low);
  return a1 * b1 + (middle >> 32) + (other >> 32);
}

// A number from 0 to count - 1 for each of n rows: arith::uniform_index at the stream base + step.
extern "C" __global__ void rows_index(count_t n, const count_t *__restrict__ clock, count_t seed, count_t base, count_t count,
                                      word_t *__restrict__ index) {
  const count_t row = (count_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= n) return;
  word_t words[4];
  philox(seed, base + clock[0], row, words);
  index[row] = (word_t)high_product((count_t)words[0] | (count_t)words[1] << 32, count);
}
KERNEL(rows_index)

// The points of a training set that were drawn.
extern "C" __global__ void rows_chosen(count_t n, int d, const word_t *__restrict__ index, const real *__restrict__ points,
                                       scalar *__restrict__ clean) {
  const count_t at = (count_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (at >= n * d) return;
  clean[at] = (scalar)points[(count_t)index[at / d] * d + at % d];
}
KERNEL(rows_chosen)

// Draws of a mixture from a uniform number and d normals a row. Form 0 isotropic (K deviations), 1 diagonal (K x d), 2 full (K x d
// square roots of eigenvalues, K x d x d eigenvectors in columns).
extern "C" __global__ void rows_sample(count_t n, int d, int components, int form, const real *__restrict__ cumulative,
                                       const real *__restrict__ mean, const real *__restrict__ deviation,
                                       const real *__restrict__ vectors, const real *__restrict__ uniforms,
                                       const real *__restrict__ normals, scalar *__restrict__ clean) {
  const count_t row = (count_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= n) return;
  // The first component whose cumulative weight exceeds the number.
  int k = 0, above = components;
  while (k < above) {
    const int middle = k + (above - k) / 2;
    if (cumulative[middle] <= uniforms[row]) k = middle + 1; else above = middle;
  }
  if (k > components - 1) k = components - 1;
  const real *z = normals + row * d, *mu = mean + (count_t)k * d;
  for (int i = 0; i < d; ++i) {
    real value;
    if (form == 2) {
      const real *line = vectors + ((count_t)k * d + i) * d, *of = deviation + (count_t)k * d;
      real moved = 0;
      for (int j = 0; j < d; ++j) moved = fused(line[j], of[j] * z[j], moved);
      value = mu[i] + moved;
    } else {
      value = fused(deviation[form == 0 ? k : (count_t)k * d + i], z[i], mu[i]);
    }
    clean[row * d + i] = (scalar)value;
  }
}
KERNEL(rows_sample)

// r = r_max*s^rho + b, b a part of `offset`; exact in f64 for the mean, and rounded.
extern "C" __global__ void rows_radius(count_t n, const word_t *__restrict__ level, const real *__restrict__ wide, real offset,
                                       const real *__restrict__ uniforms, real *__restrict__ exact,
                                       scalar *__restrict__ radius) {
  const count_t row = (count_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= n) return;
  exact[row] = wide[(count_t)level[row] * LEVEL_WIDE + LEVEL_RADIUS] + offset * uniforms[row];
  radius[row] = (scalar)exact[row];
}
KERNEL(rows_radius)
