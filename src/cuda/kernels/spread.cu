// The same as mixture_evaluate for few points and many components: the canonical blocks of one point on many thread blocks.
//
// Uses mixture.cuh. Two launches: spread_partials makes the sums of each block of 64 components, spread_combine adds them in the canonical order.
// A sum is one chain over components, so a thread has a sum (or a pair of them) and the exponentials are made beforehand, side by side.

// A block's largest logit and total, then its d pairs of sums: what spread_partials leaves for spread_combine.
#define PARTIAL_NUMBERS (2 + 2 * DIMENSION)
#define TILE 64

// By 64 threads, a component a thread: blocks gridDim.x = slices*(canonical blocks). Slice j does points j, j + slices, ...
// `whitened` is room for 64*d numbers a thread block where they do not fit in shared memory, and is used for FORM 2 alone.
extern "C" __global__ void spread_partials(
    count_t n, const real *__restrict__ points, int components, const real *__restrict__ mean,
    const real *__restrict__ shifted, const real *__restrict__ offset, const real *__restrict__ precision,
    const real *__restrict__ gain, const real *__restrict__ whitener, real a, real safe_radius, real *whitened,
    real *__restrict__ partials, real *__restrict__ logits) {
  SHARED(real, room);
  real *logit_of = room, *weight_of = room + COMPONENTS_IN_BLOCK;
  real *u = SPREAD_SHARED ? room + 2 * COMPONENTS_IN_BLOCK : whitened + (count_t)blockIdx.x * COMPONENTS_IN_BLOCK * DIMENSION;
  const int all = (components + COMPONENTS_IN_BLOCK - 1) / COMPONENTS_IN_BLOCK;
  const int block = blockIdx.x % all, first = block * COMPONENTS_IN_BLOCK, lane = threadIdx.x;
  const int count = components - first < COMPONENTS_IN_BLOCK ? components - first : COMPONENTS_IN_BLOCK;
  const count_t slices = gridDim.x / all;
  for (count_t point = blockIdx.x / all; point < n; point += slices) {
    const real *x = points + point * DIMENSION;
    // The same for all threads of the block, so that barriers are met by all or by none.
    bool near = true;
    for (int i = 0; i < DIMENSION; ++i) near = near && magnitude(x[i]) <= safe_radius;
    if (!near) continue;
    // What is whitened is read until the end of the last point.
    if (FORM == 2) __syncthreads();
    if (lane < count) {
      const int k = first + lane;
      real square = 0;
      if (FORM == 2) {
        for (int j = 0; j < DIMENSION; ++j) {
          const real *row = whitener + ((count_t)k * DIMENSION + j) * DIMENSION;
          real dot = 0;
          for (int i = 0; i < DIMENSION; ++i) dot = fused(row[i], fused(-a, mean[k * DIMENSION + i], x[i]), dot);
          u[j * COMPONENTS_IN_BLOCK + lane] = dot;
          square = fused(dot, dot, square);
        }
      } else {
        for (int i = 0; i < DIMENSION; ++i) {
          const real z = fused(-a, mean[k * DIMENSION + i], x[i]);
          square = fused(FORM == 0 ? z : z * precision[k * DIMENSION + i], z, square);
        }
        if (FORM == 0) square = square * precision[k];
      }
      const real l = fused((real)-0.5, square, offset[k]);
      logit_of[lane] = l;
      if (logits) logits[point * components + k] = l;
    }
    __syncthreads();
    real largest = logit_of[0];
    for (int j = 1; j < count; ++j) largest = larger(largest, logit_of[j]);
    if (lane < count) weight_of[lane] = canonical_exp(logit_of[lane] - largest);
    __syncthreads();
    real *sums = partials + (point * all + block) * PARTIAL_NUMBERS;
    if (lane == 0) {
      real total = 0;
      for (int j = 0; j < count; ++j) total = total + weight_of[j];
      sums[0] = largest, sums[1] = total;
    }
    for (int i = lane; i < DIMENSION; i += COMPONENTS_IN_BLOCK) {
      real directions = 0, denoised = 0;
      for (int j = 0; j < count; ++j) {
        const int k = first + j, at = FORM == 0 ? k : k * DIMENSION + i;
        const real weight = weight_of[j];
        real scale = weight, direction = 0, summand = 0;
        if (FORM == 2) {
          const real *rows = whitener + (count_t)k * DIMENSION * DIMENSION;
          for (int m = 0; m < DIMENSION; ++m) {
            const real w = rows[m * DIMENSION + i], part = u[m * COMPONENTS_IN_BLOCK + j];
            direction = fused(w, part, direction);
            summand = fused(w, gain[k * DIMENSION + m] * part, summand);
          }
          summand = shifted[k * DIMENSION + i] + summand;
        } else {
          direction = fused(-a, mean[k * DIMENSION + i], x[i]);
          scale = weight * precision[at];
          summand = fused(gain[at], direction, shifted[k * DIMENSION + i]);
        }
        directions = fused(scale, direction, directions);
        denoised = fused(weight, summand, denoised);
      }
      sums[2 + i] = directions;
      sums[2 + DIMENSION + i] = denoised;
    }
  }
}
KERNEL(spread_partials)

// A thread block a point, of at least TILE threads. `responsibilities`, where wanted, holds the logits; `sums` is room for 1 + 2*d numbers a
// point, the workspace for rows a point. A far point's sums are one chain over all components (law/far.rs): one thread walks them.
extern "C" __global__ void spread_combine(
    count_t n, const real *__restrict__ points, int components, const real *__restrict__ mean,
    const real *__restrict__ origin, const real *__restrict__ shifted, const real *__restrict__ offset,
    const real *__restrict__ precision, const real *__restrict__ gain, const real *__restrict__ whitener, real a, real s,
    real reference, real safe_radius, real largest_mean, const real *__restrict__ partials, real *sums,
    real *__restrict__ workspace, real *__restrict__ log_density, real *__restrict__ score, real *__restrict__ denoiser,
    real *__restrict__ noise, real *__restrict__ responsibilities) {
  const count_t point = blockIdx.x;
  const int lane = threadIdx.x, width = blockDim.x;
  const Out out = {log_density, score, denoiser, noise, responsibilities};
  if (point >= n) return;
  Point p = {Row(workspace, n, point, 0), Row(workspace, n, point, 1), Row(workspace, n, point, 2), a, (real)1};
  Sums far_sum = {0, 0, Row(workspace, n, point, 3), Row(workspace, n, point, 4)};
  bool near = true;
  for (int i = 0; i < DIMENSION; ++i) near = near && magnitude(points[point * DIMENSION + i]) <= safe_radius;
  real *row = responsibilities ? responsibilities + point * components : nullptr;
  if (!near) {
    if (lane > 0) return;
    EACH_COORDINATE
    for (int i = 0; i < DIMENSION; ++i) p.x[i] = points[point * DIMENSION + i];
    const View law = {mean, shifted, offset, precision, gain, whitener};
    const Far far = far_weights(law, components, largest_mean, p);
    far_sums(law, components, far, p, far_sum, row);
    finish_far(out, point, law, origin, reference, s, far, p, far_sum);
    return;
  }
  SHARED(real, room);
  real *logit_of = room, *kept = room + TILE, *added = room + 2 * TILE;
  const int all = (components + COMPONENTS_IN_BLOCK - 1) / COMPONENTS_IN_BLOCK, totals = 1 + 2 * DIMENSION;
  const real *blocks = partials + point * all * PARTIAL_NUMBERS;
  real *sum = sums + point * totals;
  real largest = blocks[0];
  for (int i = lane; i < totals; i += width) sum[i] = blocks[1 + i];
  for (int first = 1; first < all; first += TILE) {
    const int count = all - first < TILE ? all - first : TILE;
    const real *tile = blocks + (count_t)first * PARTIAL_NUMBERS;
    if (lane < count) logit_of[lane] = tile[lane * PARTIAL_NUMBERS];
    __syncthreads();
    // Every thread follows the largest logit through the tile, and remembers the step that it makes the factors of.
    real before = largest, after = largest;
    for (int j = 0; j < count; ++j) {
      const real both = larger(largest, logit_of[j]);
      if (j == lane) before = largest, after = both;
      largest = both;
    }
    if (lane < count) kept[lane] = canonical_exp(before - after), added[lane] = canonical_exp(logit_of[lane] - after);
    __syncthreads();
    for (int i = lane; i < totals; i += width) {
      real total = sum[i];
      for (int j = 0; j < count; ++j) total = fused(total, kept[j], tile[j * PARTIAL_NUMBERS + 1 + i] * added[j]);
      sum[i] = total;
    }
  }
  __syncthreads();
  const real total = sum[0];
  if (lane == 0 && log_density) log_density[point] = (largest + canonical_ln(total)) + reference;
  for (int i = lane; i < DIMENSION; i += width) {
    const count_t at = point * DIMENSION + i;
    const real found = -(sum[1 + i] / total);
    put_score(out, at, found, -s * found);
    if (denoiser) denoiser[at] = origin[i] + sum[1 + DIMENSION + i] / total;
  }
  for (int k = lane; row && k < components; k += width) row[k] = canonical_exp(row[k] - largest) / total;
}
KERNEL(spread_combine)
