// The fast mode of a mixture whose components share one isotropic variance (docs/fast.md): log density, score, denoiser, and bounds of their errors.
//
// Uses fast.cuh. Mirrors src/cuda/fast/reference.rs, with a matrix unit that adds in order and rounds to nearest. A warp has 16 points and goes
// through the components in tiles of 64, staged in shared memory for the whole block: logits by one product, weights relative to a running power
// of two, their sums by the second product, whose left factor is the first's result as it lies in the registers.

#define TILE 64
#define STEPS ((DIMENSION + 15) / 16)
#define COLUMNS ((DIMENSION + 7) / 8)
// A fragment of a right factor is 2 words of each of 32 threads.
#define FIRST_WORDS (STEPS * (TILE / 8) * PARTS * 64)
#define SECOND_WORDS ((TILE / 16) * COLUMNS * PARTS * 64)
#define CEILING (LARGEST * (real)0.25)

// 2^x for x <= 0; 0 below -125.
__device__ inline real two_to(real x) {
  const real series[] = TWO_SERIES;
  const real round = (real)12582912;
  const bool gone = x < (real)-125;
  const real safe = gone ? (real)0 : x;
  const real whole = (safe + round) - round;
  const real power = horner(safe - whole, series) * power_of_two((int)whole);
  return gone ? (real)0 : power;
}

__device__ inline real smaller(real a, real b) { return b < a ? b : a; }

// The same for the four threads of a row.
__device__ inline real sum_of_quad(real x) {
  x = x + EXCHANGE(x, 1);
  return x + EXCHANGE(x, 2);
}
__device__ inline real largest_of_quad(real x) {
  x = larger(x, EXCHANGE(x, 1));
  return larger(x, EXCHANGE(x, 2));
}

// x - a*centre, from the two parts of a*centre; 0 beyond the rows or the dimension.
__device__ inline real from_centre(count_t n, const real *__restrict__ points, const real *__restrict__ centre, count_t point, int i) {
  if (point >= n || i >= DIMENSION) return 0;
  return (points[point * DIMENSION + i] - centre[DIMENSION + i]) - centre[2 * DIMENSION + i];
}
__device__ inline real within(real y, real limit) {
  y = y > limit ? limit : y;
  return y < -limit ? -limit : y;
}

__device__ inline void load_right(const word_t *stage, int index, int lane, word_t (&right)[PARTS][2]) {
#pragma unroll
  for (int p = 0; p < PARTS; ++p)
#pragma unroll
    for (int half = 0; half < 2; ++half) right[p][half] = stage[(index * PARTS + p) * 64 + 2 * lane + half];
}

// By blocks of 128 threads, 16 points a warp. `first` and `second` hold the means' parts as the two products read them, `logits` a number a
// component, `centre` centre, and a*centre in two parts, `numbers` the law's. `bounds` is 3 a point: of the log density, and of the length of the
// error of score and denoiser.
// Two blocks a multiprocessor: then the compiler keeps within the registers, of which 64 dimensions in three parts need nearly all.
extern "C" __global__ void __launch_bounds__(128, 2) fast_evaluate(
    count_t n, const real *__restrict__ points, int components, const real *__restrict__ first,
    const real *__restrict__ second, const real *__restrict__ logits, const real *__restrict__ centre,
    const real *__restrict__ numbers, real *__restrict__ log_density, real *__restrict__ score,
    real *__restrict__ denoiser, real *__restrict__ bounds) {
  SHARED(word_t, room);
  const int lane = threadIdx.x % WARP, group = lane / 4, quad = lane % 4;
  const count_t start = ((count_t)blockIdx.x * (blockDim.x / WARP) + threadIdx.x / WARP) * 16 + group;
  const real limit = numbers[LIMIT], slope = numbers[SLOPE];

  // The left factor of the first product.
  word_t left[STEPS][PARTS][4];
  real square[2] = {0, 0}, reach[2] = {0, 0};
#pragma unroll
  for (int step = 0; step < STEPS; ++step)
#pragma unroll
    for (int half = 0; half < 2; ++half)
#pragma unroll
      for (int row = 0; row < 2; ++row) {
        real scaled[2];
#pragma unroll
        for (int e = 0; e < 2; ++e) {
          const real y = from_centre(n, points, centre, start + 8 * row, 16 * step + 8 * half + 2 * quad + e);
          reach[row] = larger(reach[row], magnitude(y));
          const real near = within(y, limit);
          square[row] = fused(near, near, square[row]);
          scaled[e] = near * slope;
        }
        word_t parts[PARTS];
        split(scaled[0], scaled[1], parts);
#pragma unroll
        for (int p = 0; p < PARTS; ++p) left[step][p][2 * half + row] = parts[p];
      }

  real sum[COLUMNS][4] = {}, total[2] = {0, 0}, top[2] = {-CEILING, -CEILING}, level[2] = {-CEILING, -CEILING};
  for (int tile = 0; tile * TILE < components; ++tile) {
    __syncthreads();
    for (int i = threadIdx.x; i < FIRST_WORDS; i += blockDim.x) room[i] = bits_of(first[(count_t)tile * FIRST_WORDS + i]);
    for (int i = threadIdx.x; i < SECOND_WORDS; i += blockDim.x)
      room[FIRST_WORDS + i] = bits_of(second[(count_t)tile * SECOND_WORDS + i]);
    __syncthreads();

    real weight[TILE / 8][4], most[2] = {-CEILING, -CEILING};
#pragma unroll
    for (int c = 0; c < TILE / 8; ++c) {
      real high[4] = {0, 0, 0, 0}, low[4] = {0, 0, 0, 0};
#pragma unroll
      for (int step = 0; step < STEPS; ++step) {
        word_t right[PARTS][2];
        load_right(room, step * (TILE / 8) + c, lane, right);
        multiply_parts(high, low, left[step], right);
      }
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        weight[c][i] = (high[i] + low[i]) + logits[tile * TILE + 8 * c + 2 * quad + i % 2];
        most[i / 2] = larger(most[i / 2], weight[c][i]);
      }
    }
    real scale[2], part[2] = {0, 0};
#pragma unroll
    for (int row = 0; row < 2; ++row) {
      top[row] = larger(top[row], largest_of_quad(most[row]));
      const real next = ceilf(top[row]);
      // Both are whole, so this is a power of two or 0.
      scale[row] = two_to(level[row] - next);
      level[row] = next;
    }
    word_t weights[TILE / 8][2][PARTS];
#pragma unroll
    for (int c = 0; c < TILE / 8; ++c)
#pragma unroll
      for (int row = 0; row < 2; ++row) {
        const real even = two_to(weight[c][2 * row] - level[row]), odd = two_to(weight[c][2 * row + 1] - level[row]);
        part[row] = (part[row] + even) + odd;
        split(even, odd, weights[c][row]);
      }
#pragma unroll
    for (int row = 0; row < 2; ++row) total[row] = fused(total[row], scale[row], part[row]);
#pragma unroll
    for (int column = 0; column < COLUMNS; ++column) {
      real high[4] = {0, 0, 0, 0}, low[4] = {0, 0, 0, 0};
#pragma unroll
      for (int step = 0; step < TILE / 16; ++step) {
        word_t right[PARTS][2], of_step[PARTS][4];
        load_right(room + FIRST_WORDS, step * COLUMNS + column, lane, right);
#pragma unroll
        for (int p = 0; p < PARTS; ++p)
#pragma unroll
          for (int i = 0; i < 4; ++i) of_step[p][i] = weights[2 * step + i / 2][i % 2][p];
        multiply_parts(high, low, of_step, right);
      }
#pragma unroll
      for (int i = 0; i < 4; ++i) sum[column][i] = fused(sum[column][i], scale[i / 2], high[i] + low[i]);
    }
  }

#pragma unroll
  for (int row = 0; row < 2; ++row) {
    const count_t point = start + 8 * row;
    const real all = sum_of_quad(total[row]), squares = sum_of_quad(square[row]);
    const bool far = largest_of_quad(reach[row]) > limit;
    real mean_square = 0;
#pragma unroll
    for (int column = 0; column < COLUMNS; ++column)
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        const int i = 8 * column + 2 * quad + e;
        const real mean = sum[column][2 * row + e] / all;
        mean_square = fused(mean, mean, mean_square);
        if (point < n && i < DIMENSION) {
          const real y = within(from_centre(n, points, centre, point, i), limit);
          if (score) score[point * DIMENSION + i] = fused(numbers[SCORE_OF_MEAN], mean, -(y * numbers[SCORE_OF_POINT]));
          if (denoiser)
            denoiser[point * DIMENSION + i] = centre[i] + fused(numbers[DENOISED_OF_POINT], y, mean * numbers[DENOISED_OF_MEAN]);
        }
      }
    const real mean_length = root(sum_of_quad(mean_square)), length = root(squares);
    const real exponent = fused(level[row], numbers[LN_TWO], canonical_ln(all)), quadratic = squares * numbers[HALF_PRECISION];
    const real density = (exponent - quadratic) + numbers[REFERENCE];
    // The bounds (docs/fast.md): of the point, of a logit, of the mean.
    const real moved = fused(length, numbers[POINT_RATE], numbers[POINT_FLOOR]);
    const real logit = fused(length * slope, numbers[LOGIT_RATE], numbers[LOGIT_FLOOR]);
    const real tail = larger((real)1 - two_to(top[row] - level[row]) / all, 0) + numbers[TAIL_FLOOR];
    const real room_left = larger(fused(-mean_length, mean_length, numbers[SPREAD_CEILING]), 0);
    const real spread = smaller((real)4 * tail, root(room_left));
    const real trivial = (real)1 + mean_length;
    const real factor = (logit * ((real)1 + logit)) * fused(logit, (real)1 + logit, (real)1);
    real mean_bound = logit <= (real)1 ? smaller(trivial, fused(factor, spread, numbers[MEAN_FLOOR])) : trivial;
    const real unit = (real)4 * UNIT_ROUNDOFF;
    const real score_parts = fused(numbers[SCORE_OF_MEAN], mean_length, length * numbers[SCORE_OF_POINT]);
    const real score_bound = fused(numbers[SCORE_OF_MEAN], mean_bound, fused(numbers[SCORE_OF_POINT], moved, unit * score_parts));
    const real denoised_parts = fused(numbers[DENOISED_OF_MEAN], mean_length, length * numbers[DENOISED_OF_POINT]);
    const real denoiser_bound =
        fused(numbers[DENOISED_OF_MEAN], mean_bound, fused(numbers[DENOISED_OF_POINT], moved, unit * denoised_parts));
    const real magnitudes = (magnitude(exponent) + magnitude(level[row])) + (magnitude(density) + quadratic * numbers[TERMS]);
    const real density_bound = fused(unit, magnitudes, logit) + (moved * (length + moved)) * numbers[SCORE_OF_POINT];
    if (point < n && quad == 0) {
      if (log_density) log_density[point] = density;
      if (bounds) {
        bounds[3 * point] = far ? infinity() : (density_bound + numbers[DENSITY_FLOOR]) * SAFETY;
        bounds[3 * point + 1] = far ? infinity() : (score_bound + numbers[SCORE_FLOOR]) * SAFETY;
        bounds[3 * point + 2] = far ? infinity() : (denoiser_bound + numbers[DENOISER_FLOOR]) * SAFETY;
      }
    }
  }
}
KERNEL(fast_evaluate)
