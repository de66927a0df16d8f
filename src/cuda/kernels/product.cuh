// Products of matrices in tiles: arith/product.rs. Every entry is one chain of fused multiply-adds over the inner index, ascending,
// from what stands there; so threads share entries and never a chain.
//
// A block of SIDE x SIDE threads makes a tile of TILE x TILE entries, EACH x EACH a thread. DEPTH steps of both factors
// are staged in shared memory between two barriers, a column of padding keeping threads on different banks.

#define TILE 32
#define EACH 4
#define SIDE (TILE / EACH)
#define THREADS (SIDE * SIDE)
#define DEPTH 16
#define PITCH (TILE + 1)

struct Tile {
  count_t row;
  int column;
};

// The tile of a block, tiles counted along the columns.
__device__ inline Tile tile_at(count_t tile, int columns) {
  const int across = (columns + TILE - 1) / TILE;
  return {tile / across * TILE, (int)(tile % across) * TILE};
}

// Row and column of a thread's entry (i, j).
__device__ inline count_t row_of(const Tile &tile, int i) { return tile.row + threadIdx.x / SIDE + SIDE * i; }
__device__ inline int column_of(const Tile &tile, int j) { return tile.column + threadIdx.x % SIDE + SIDE * j; }

// Where the e-th number of a staged factor stands: neighbouring threads read neighbouring numbers of memory.
template <bool along_inner> __device__ inline void staged_at(int e, int &k, int &at) {
  k = along_inner ? e % DEPTH : e / TILE;
  at = along_inner ? e / DEPTH : e % TILE;
}

// Goes on with every chain over the `inner` products left(row, k)*right(k, column). A barrier: every thread must come.
template <class Left, class Right>
__device__ inline void add_product(const Left &left, const Right &right, count_t rows, int inner, int columns, const Tile &tile,
                                   real (&sum)[EACH][EACH]) {
  SHARED(real, room);
  real *a = room, *b = room + DEPTH * PITCH;
  for (int first = 0; first < inner; first += DEPTH) {
    const int depth = inner - first < DEPTH ? inner - first : DEPTH;
    __syncthreads();
    for (int e = threadIdx.x; e < TILE * DEPTH; e += THREADS) {
      int k, at;
      staged_at<Left::along_inner>(e, k, at);
      if (k < depth && tile.row + at < rows) a[k * PITCH + at] = left.at(tile.row + at, first + k);
      staged_at<Right::along_inner>(e, k, at);
      if (k < depth && tile.column + at < columns) b[k * PITCH + at] = right.at(first + k, tile.column + at);
    }
    __syncthreads();
    for (int k = 0; k < depth; ++k) {
      const real *left_row = a + k * PITCH + threadIdx.x / SIDE, *right_row = b + k * PITCH + threadIdx.x % SIDE;
#pragma unroll
      for (int i = 0; i < EACH; ++i) {
#pragma unroll
        for (int j = 0; j < EACH; ++j) sum[i][j] = fused(left_row[SIDE * i], right_row[SIDE * j], sum[i][j]);
      }
    }
  }
}

// Calls f(row, column, sum) for each of the thread's entries that are inside.
template <class F> __device__ inline void each_entry(count_t rows, int columns, const Tile &tile, real (&sum)[EACH][EACH], F f) {
#pragma unroll
  for (int i = 0; i < EACH; ++i) {
#pragma unroll
    for (int j = 0; j < EACH; ++j)
      if (row_of(tile, i) < rows && column_of(tile, j) < columns) f(row_of(tile, i), column_of(tile, j), sum[i][j]);
  }
}
