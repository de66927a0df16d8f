// A wide layer's product in the fast mode (docs/fast.md): out = left * right^T + bias, each error within a rate of |left| * |right|^T.
//
// Uses fast.cuh. Mirrors src/cuda/fast/product.rs, with a matrix unit that adds in order and rounds to nearest. A warp makes 16 rows of 32
// columns, from blocks of 64 inner indices, whose sums are added in index order.

#define INNER_BLOCK 64
#define TILES 4

// The numbers (row, at) and (row, at + 1) of a matrix, in parts; 0 beyond it.
__device__ inline void load_pair(const real *__restrict__ matrix, count_t rows, int inner, count_t row, int at, word_t (&parts)[PARTS]) {
  const real *numbers = matrix + row * inner;
  const real first = row < rows && at < inner ? numbers[at] : (real)0;
  const real second = row < rows && at + 1 < inner ? numbers[at + 1] : (real)0;
  split(first, second, parts);
}

// By blocks of 128 threads: gridDim.x = ceil(rows/64)*ceil(columns/32). left: rows x inner, right: columns x inner, bias: columns or none.
extern "C" __global__ void fast_product(count_t rows, int inner, int columns, const real *__restrict__ left,
                                        const real *__restrict__ right, const real *__restrict__ bias, real *__restrict__ out) {
  const int lane = threadIdx.x % WARP, group = lane / 4, quad = lane % 4;
  const int across = (columns + 8 * TILES - 1) / (8 * TILES);
  const count_t row = ((count_t)(blockIdx.x / across) * (blockDim.x / WARP) + threadIdx.x / WARP) * 16 + group;
  const int column = (int)(blockIdx.x % across) * 8 * TILES;
  real sum[TILES][4] = {};
  for (int from = 0; from < inner; from += INNER_BLOCK) {
    real high[TILES][4] = {}, low[TILES][4] = {};
#pragma unroll
    for (int step = 0; step < INNER_BLOCK / 16; ++step) {
      const int at = from + 16 * step + 2 * quad;
      word_t of_left[PARTS][4];
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        word_t parts[PARTS];
        load_pair(left, rows, inner, row + 8 * (i % 2), at + 8 * (i / 2), parts);
#pragma unroll
        for (int p = 0; p < PARTS; ++p) of_left[p][i] = parts[p];
      }
#pragma unroll
      for (int tile = 0; tile < TILES; ++tile) {
        word_t of_right[PARTS][2];
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          word_t parts[PARTS];
          load_pair(right, columns, inner, column + 8 * tile + group, at + 8 * half, parts);
#pragma unroll
          for (int p = 0; p < PARTS; ++p) of_right[p][half] = parts[p];
        }
        multiply_parts(high[tile], low[tile], of_left, of_right);
      }
    }
#pragma unroll
    for (int tile = 0; tile < TILES; ++tile)
#pragma unroll
      for (int i = 0; i < 4; ++i) sum[tile][i] = sum[tile][i] + (high[tile][i] + low[tile][i]);
  }
#pragma unroll
  for (int tile = 0; tile < TILES; ++tile)
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const count_t r = row + 8 * (i / 2);
      const int c = column + 8 * tile + 2 * quad + i % 2;
      if (r < rows && c < columns) out[r * columns + c] = bias ? sum[tile][i] + bias[c] : sum[tile][i];
    }
}
KERNEL(fast_product)
