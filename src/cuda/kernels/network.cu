// A multilayer perceptron forward, back to its points and back to its parameters: denoiser/mlp/{reference,pass}.rs.
//
// A launch a layer, a tile of rows x outputs a block. `level` holds each row's level, `numbers` LEVEL_NUMBERS numbers a level and
// `embedding` e(level); a layer's weights (outputs x inputs) stand at `start` of the parameters, its biases after them.

// An array of rows x width, as the left factor: what a layer reads.
struct Rows {
  static constexpr bool along_inner = true;
  const real *values;
  int width;
  __device__ real at(count_t row, int k) const { return values[row * width + k]; }
};

// A weight matrix, read forward (its transpose) or back.
struct Forward {
  static constexpr bool along_inner = true;
  const real *weights;
  int inputs;
  __device__ real at(int k, int column) const { return weights[(count_t)column * inputs + k]; }
};
struct Back {
  static constexpr bool along_inner = false;
  const real *weights;
  int inputs;
  __device__ real at(int k, int column) const { return weights[(count_t)k * inputs + column]; }
};

// The first layer's inputs: the embedding, then c_in*x. Its weights stand as [x | embedding].
struct FirstRows {
  static constexpr bool along_inner = true;
  const word_t *level;
  const real *numbers, *embedding, *x;
  int d, embedded;
  __device__ real at(count_t row, int k) const {
    if (k < embedded) return embedding[(count_t)level[row] * embedded + k];
    return numbers[(count_t)level[row] * LEVEL_NUMBERS + LEVEL_INPUT] * x[row * d + (k - embedded)];
  }
};
struct FirstForward {
  static constexpr bool along_inner = true;
  const real *weights;
  int d, embedded;
  __device__ real at(int k, int column) const {
    return weights[(count_t)column * (d + embedded) + (k < embedded ? d + k : k - embedded)];
  }
};

// Value and slope: 0 silu, 1 tanh, 2 softplus (denoiser/mlp/activation.rs).
__device__ inline void activate(int which, real x, real &value, real &slope) {
  const real size = magnitude(x);
  const real z = canonical_exp(-(which == 1 ? size + size : size));
  if (which == 0) {
    const real large = (real)1 / ((real)1 + z), small = z * large;
    const real up = x < (real)0 ? small : large, down = x < (real)0 ? large : small;
    value = x * up;
    slope = fused(value, down, up);
  } else if (which == 1) {
    const real above = ((real)1 - z) / ((real)1 + z);
    value = x < (real)0 ? -above : above;
    slope = ((real)1 - above) * ((real)1 + above);
  } else {
    const real sum = (real)1 + z, lost = z - (sum - (real)1);
    value = (x > (real)0 ? x : (real)0) + (canonical_ln(sum) + lost / sum);
    slope = (x < (real)0 ? z : (real)1) / sum;
  }
}

__device__ inline void from_biases(const real *biases, int columns, const Tile &tile, real (&sum)[EACH][EACH]) {
#pragma unroll
  for (int j = 0; j < EACH; ++j) {
    const real bias = column_of(tile, j) < columns ? biases[column_of(tile, j)] : (real)0;
#pragma unroll
    for (int i = 0; i < EACH; ++i) sum[i][j] = bias;
  }
}

__device__ inline void from_zero(real (&sum)[EACH][EACH]) {
#pragma unroll
  for (int i = 0; i < EACH; ++i) {
#pragma unroll
    for (int j = 0; j < EACH; ++j) sum[i][j] = 0;
  }
}

__device__ inline void put_activated(count_t n, int width, int activation, const Tile &tile, real (&sum)[EACH][EACH],
                                     real *values, real *slopes) {
  each_entry(n, width, tile, sum, [&](count_t row, int column, real z) {
    real value, slope;
    activate(activation, z, value, slope);
    values[row * width + column] = value;
    slopes[row * width + column] = slope;
  });
}

// z_1 = b_1 + W_1 [c_in x, e(level)], its values and slopes.
extern "C" __global__ void network_first(count_t n, int d, int embedded, int width, int activation,
                                         const real *__restrict__ parameters, count_t start, const word_t *__restrict__ level,
                                         const real *__restrict__ numbers, const real *__restrict__ embedding,
                                         const real *__restrict__ x, real *__restrict__ values, real *__restrict__ slopes) {
  const Tile tile = tile_at(blockIdx.x, width);
  const real *weights = parameters + start, *biases = weights + (count_t)width * (d + embedded);
  real sum[EACH][EACH];
  from_biases(biases, width, tile, sum);
  add_product(FirstRows{level, numbers, embedding, x, d, embedded}, FirstForward{weights, d, embedded}, n, d + embedded, width,
              tile, sum);
  put_activated(n, width, activation, tile, sum, values, slopes);
}
KERNEL(network_first)

// z = b + W*below, its values and slopes.
extern "C" __global__ void network_hidden(count_t n, int width, int activation, const real *__restrict__ parameters, count_t start,
                                          const real *__restrict__ below, real *__restrict__ values, real *__restrict__ slopes) {
  const Tile tile = tile_at(blockIdx.x, width);
  const real *weights = parameters + start;
  real sum[EACH][EACH];
  from_biases(weights + (count_t)width * width, width, tile, sum);
  add_product(Rows{below, width}, Forward{weights, width}, n, width, width, tile, sum);
  put_activated(n, width, activation, tile, sum, values, slopes);
}
KERNEL(network_hidden)

// F = b + W*below, and the head: the denoised and the noise prediction.
extern "C" __global__ void network_output(count_t n, int d, int width, const real *__restrict__ parameters, count_t start,
                                          const word_t *__restrict__ level, const real *__restrict__ numbers,
                                          const real *__restrict__ x, const real *__restrict__ below, real *__restrict__ denoised,
                                          real *__restrict__ noise, word_t *__restrict__ fault) {
  const Tile tile = tile_at(blockIdx.x, d);
  const real *weights = parameters + start;
  real sum[EACH][EACH];
  from_biases(weights + (count_t)d * width, d, tile, sum);
  add_product(Rows{below, width}, Forward{weights, width}, n, width, d, tile, sum);
  each_entry(n, d, tile, sum, [&](count_t row, int column, real f) {
    const real *head = numbers + (count_t)level[row] * LEVEL_NUMBERS;
    const count_t at = row * d + column;
    denoised[at] = fused(head[LEVEL_DENOISED_OF_OUTPUT], f, head[LEVEL_DENOISED_OF_X] * x[at]);
    noise[at] = fused(head[LEVEL_NOISE_OF_OUTPUT], f, head[LEVEL_NOISE_OF_X] * x[at]);
    if (!(magnitude(denoised[at]) < infinity() && magnitude(noise[at]) < infinity())) *fault = 1;
  });
}
KERNEL(network_output)

// v_F of v_D and v_noise; a vector that is not there counts as zero.
extern "C" __global__ void network_cotangent(count_t n, int d, const word_t *__restrict__ level, const real *__restrict__ numbers,
                                             const real *__restrict__ of_denoised, const real *__restrict__ of_noise,
                                             real *__restrict__ above) {
  const count_t at = (count_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (at >= n * d) return;
  const real *head = numbers + (count_t)level[at / d] * LEVEL_NUMBERS;
  above[at] = fused(head[LEVEL_NOISE_OF_OUTPUT], of_noise ? of_noise[at] : (real)0,
                    head[LEVEL_DENOISED_OF_OUTPUT] * (of_denoised ? of_denoised[at] : (real)0));
}
KERNEL(network_cotangent)

// The vector pulled back to a hidden layer's pre-activations: W^T*above times the slopes. `inner` is the width above.
extern "C" __global__ void network_delta(count_t n, int inner, int width, const real *__restrict__ parameters, count_t start,
                                         const real *__restrict__ above, const real *__restrict__ slopes,
                                         real *__restrict__ delta) {
  const Tile tile = tile_at(blockIdx.x, width);
  real sum[EACH][EACH];
  from_zero(sum);
  add_product(Rows{above, inner}, Back{parameters + start, width}, n, inner, width, tile, sum);
  each_entry(n, width, tile, sum,
             [&](count_t row, int column, real v) { delta[row * width + column] = v * slopes[row * width + column]; });
}
KERNEL(network_delta)

// The vector pulled back to the points.
extern "C" __global__ void network_to_points(count_t n, int d, int embedded, int width, const real *__restrict__ parameters,
                                             count_t start, const word_t *__restrict__ level, const real *__restrict__ numbers,
                                             const real *__restrict__ of_denoised, const real *__restrict__ of_noise,
                                             const real *__restrict__ delta, real *__restrict__ pulled) {
  const Tile tile = tile_at(blockIdx.x, d);
  real sum[EACH][EACH];
  from_zero(sum);
  add_product(Rows{delta, width}, Back{parameters + start, d + embedded}, n, width, d, tile, sum);
  each_entry(n, d, tile, sum, [&](count_t row, int column, real y) {
    const real *head = numbers + (count_t)level[row] * LEVEL_NUMBERS;
    const count_t at = row * d + column;
    const real direct = fused(head[LEVEL_NOISE_OF_X], of_noise ? of_noise[at] : (real)0,
                              head[LEVEL_DENOISED_OF_X] * (of_denoised ? of_denoised[at] : (real)0));
    pulled[at] = fused(head[LEVEL_INPUT], y, direct);
  });
}
KERNEL(network_to_points)

// The factors of a weight's gradient over the rows of a block, from row `first` on: the deltas turned, and what the layer read.
struct Deltas {
  static constexpr bool along_inner = false;
  const real *delta;
  count_t first;
  int outputs;
  __device__ real at(count_t output, int k) const { return delta[(first + k) * outputs + output]; }
};
// Both passes' deltas, added from zero: the embedding is the same in both.
struct BothDeltas {
  static constexpr bool along_inner = false;
  const real *delta, *other;
  count_t first;
  int outputs;
  __device__ real at(count_t output, int k) const {
    const real sum = (real)0 + delta[(first + k) * outputs + output];
    return other ? sum + other[(first + k) * outputs + output] : sum;
  }
};
// The last column is of ones: a product with one is exact, so the biases' sums are chains of the same kind.
struct Below {
  static constexpr bool along_inner = false;
  const real *values;
  count_t first;
  int inputs;
  __device__ real at(int k, int column) const { return column < inputs ? values[(first + k) * inputs + column] : (real)1; }
};
struct Points {
  static constexpr bool along_inner = false;
  const word_t *level;
  const real *numbers, *x;
  count_t first;
  int d;
  __device__ real at(int k, int column) const {
    const count_t row = first + k;
    return column < d ? numbers[(count_t)level[row] * LEVEL_NUMBERS + LEVEL_INPUT] * x[row * d + column] : (real)1;
  }
};
struct Embedded {
  static constexpr bool along_inner = false;
  const word_t *level;
  const real *embedding;
  count_t first;
  int embedded;
  __device__ real at(int k, int column) const { return embedding[(count_t)level[first + k] * embedded + column]; }
};

__device__ inline count_t tiles_of(int rows, int columns) {
  return (count_t)((rows + TILE - 1) / TILE) * ((columns + TILE - 1) / TILE);
}

__device__ inline int rows_in(count_t n, count_t first) { return n - first < BLOCK_ROWS ? (int)(n - first) : BLOCK_ROWS; }

// The gradient in a layer's weights and biases, a part for each block of 64 rows from `first_block` on: `gradients` is
// blocks x parameters. The clean pass, then the perturbed one where `delta_there` is not null.
extern "C" __global__ void network_gradient(count_t n, count_t first_block, int outputs, int inputs, count_t parameters,
                                            count_t start, const real *__restrict__ delta, const real *__restrict__ below,
                                            const real *__restrict__ delta_there, const real *__restrict__ below_there,
                                            real *__restrict__ gradients) {
  const int columns = inputs + 1;
  const count_t tiles = tiles_of(outputs, columns), part = blockIdx.x / tiles, first = (first_block + part) * BLOCK_ROWS;
  const Tile tile = tile_at(blockIdx.x % tiles, columns);
  const int rows = rows_in(n, first);
  real sum[EACH][EACH];
  from_zero(sum);
  add_product(Deltas{delta, first, outputs}, Below{below, first, inputs}, outputs, rows, columns, tile, sum);
  if (delta_there)
    add_product(Deltas{delta_there, first, outputs}, Below{below_there, first, inputs}, outputs, rows, columns, tile, sum);
  real *out = gradients + part * parameters + start;
  each_entry(outputs, columns, tile, sum, [&](count_t row, int column, real g) {
    out[column < inputs ? row * inputs + column : (count_t)outputs * inputs + row] = g;
  });
}
KERNEL(network_gradient)

// The same for the first layer: first the tiles of the points' columns and the biases, then those of the embedding's.
extern "C" __global__ void network_gradient_first(count_t n, count_t first_block, int d, int embedded, int width,
                                                  count_t parameters, const word_t *__restrict__ level,
                                                  const real *__restrict__ numbers, const real *__restrict__ embedding,
                                                  const real *__restrict__ delta, const real *__restrict__ x,
                                                  const real *__restrict__ delta_there, const real *__restrict__ x_there,
                                                  real *__restrict__ gradients) {
  const int inputs = d + embedded;
  const count_t of_points = tiles_of(width, d + 1), tiles = of_points + tiles_of(width, embedded);
  const count_t part = blockIdx.x / tiles, at = blockIdx.x % tiles, first = (first_block + part) * BLOCK_ROWS;
  const int rows = rows_in(n, first);
  real *out = gradients + part * parameters;
  real sum[EACH][EACH];
  from_zero(sum);
  if (at < of_points) {
    const Tile tile = tile_at(at, d + 1);
    add_product(Deltas{delta, first, width}, Points{level, numbers, x, first, d}, width, rows, d + 1, tile, sum);
    if (delta_there)
      add_product(Deltas{delta_there, first, width}, Points{level, numbers, x_there, first, d}, width, rows, d + 1, tile, sum);
    each_entry(width, d + 1, tile, sum, [&](count_t row, int column, real g) {
      out[column < d ? row * inputs + column : (count_t)width * inputs + row] = g;
    });
  } else {
    const Tile tile = tile_at(at - of_points, embedded);
    add_product(BothDeltas{delta, delta_there, first, width}, Embedded{level, embedding, first, embedded}, width, rows, embedded,
                tile, sum);
    each_entry(width, embedded, tile, sum, [&](count_t row, int column, real g) { out[row * inputs + d + column] = g; });
  }
}
KERNEL(network_gradient_first)

// Adds `blocks` parts in their order to the total, from zero where `fresh`.
extern "C" __global__ void network_gradient_add(count_t parameters, count_t blocks, int fresh, const real *__restrict__ gradients,
                                                real *__restrict__ total) {
  const count_t i = (count_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= parameters) return;
  real sum = fresh ? (real)0 : total[i];
  for (count_t block = 0; block < blocks; ++block) sum = sum + gradients[block * parameters + i];
  total[i] = sum;
}
KERNEL(network_gradient_add)
