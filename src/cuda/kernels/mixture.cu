// Everything first-order of a noised mixture, a point a thread: law/reference.rs and law/far.rs, operation for operation.
//
// Compiled for one dimension and kind: DIMENSION, FORM (0 isotropic, 1 diagonal, 2 full), STAGED, IN_REGISTERS. A block of 64 components is a block of
// the canonical sum (docs/arithmetic.md, "Sums over components"); staged, its tables are read once into shared memory
// by all threads. Short rows live in registers, long ones in the workspace,
// coordinate-major: the point, z, u, and two pairs of sums.

#define COMPONENTS_IN_BLOCK 64

// In registers a coordinate must be a constant; in the workspace unrolling only spills.
#if IN_REGISTERS
#define EACH_COORDINATE _Pragma("unroll")
#else
#define EACH_COORDINATE _Pragma("unroll 1")
#endif

struct Row {
#if IN_REGISTERS
  real value[DIMENSION];
  __device__ Row(real *, count_t, count_t, int) {}
  __device__ real &operator[](int i) { return value[i]; }
#else
  real *base;
  count_t stride;
  __device__ Row(real *workspace, count_t threads, count_t thread, int row)
      : base(workspace + (count_t)row * DIMENSION * threads + thread), stride(threads) {}
  __device__ real &operator[](int i) { return base[i * stride]; }
#endif
};

// A law's tables (cuda/tables.rs), or one block of them: index 0 is the first component in view.
struct View {
  const real *mean, *shifted, *offset, *precision, *gain, *whitener;
};

struct Point {
  Row x, z, u;
  real a, scale;
};

struct Sums {
  real largest, total;
  Row precision, denoised;
};

__device__ inline int per_component() { return FORM == 0 ? 1 : DIMENSION; }

// z = c(x - a*mean); c = 1 multiplies nothing away, so near and far share it.
__device__ inline void difference(const View &law, int k, Point &p) {
  EACH_COORDINATE
  for (int i = 0; i < DIMENSION; ++i) {
    const real mu = law.mean[k * DIMENSION + i];
    p.z[i] = fused(-p.a, p.scale * mu, p.scale * p.x[i]);
  }
}

// The square of z in the component's metric; for FORM 2 leaves the whitened vector in u.
__device__ inline real distance(const View &law, int k, Point &p) {
  difference(law, k, p);
  real sum = 0;
  if (FORM == 0) {
    EACH_COORDINATE
    for (int i = 0; i < DIMENSION; ++i) sum = fused(p.z[i], p.z[i], sum);
    return sum * law.precision[k];
  }
  if (FORM == 1) {
    EACH_COORDINATE
    for (int i = 0; i < DIMENSION; ++i) sum = fused(p.z[i] * law.precision[k * DIMENSION + i], p.z[i], sum);
    return sum;
  }
  const real *rows = law.whitener + (count_t)k * DIMENSION * DIMENSION;
  EACH_COORDINATE
  for (int j = 0; j < DIMENSION; ++j) {
    real dot = 0;
    EACH_COORDINATE
    for (int i = 0; i < DIMENSION; ++i) dot = fused(rows[j * DIMENSION + i], p.z[i], dot);
    p.u[j] = dot;
    sum = fused(dot, dot, sum);
  }
  return sum;
}

__device__ inline real logit(const View &law, int k, Point &p) {
  return fused((real)-0.5, distance(law, k, p), law.offset[k]);
}

// Coordinate i of the two pulls, from the whitened vector.
__device__ inline void full_pull(const View &law, int k, Point &p, int i, real &precision, real &gain) {
  const real *rows = law.whitener + (count_t)k * DIMENSION * DIMENSION;
  precision = 0, gain = 0;
  EACH_COORDINATE
  for (int j = 0; j < DIMENSION; ++j) {
    precision = fused(rows[j * DIMENSION + i], p.u[j], precision);
    gain = fused(rows[j * DIMENSION + i], law.gain[k * DIMENSION + j] * p.u[j], gain);
  }
}

// Adds a component's weighted pulls; z (and u) stand in p.
__device__ inline void accumulate(const View &law, int k, real weight, Point &p, Sums &sums) {
  EACH_COORDINATE
  for (int i = 0; i < DIMENSION; ++i) {
    const real shifted = law.shifted[k * DIMENSION + i];
    const int at = FORM == 0 ? k : k * DIMENSION + i;
    real scale = weight, direction, gain;
    if (FORM == 2) {
      full_pull(law, k, p, i, direction, gain);
      gain = shifted + gain;
    } else {
      scale = weight * law.precision[at];
      direction = p.z[i];
      gain = fused(law.gain[at], p.z[i], shifted);
    }
    sums.precision[i] = fused(scale, direction, sums.precision[i]);
    sums.denoised[i] = fused(weight, gain, sums.denoised[i]);
  }
}

// The sums of `count` components relative to their largest logit; logits go to `logits` where it is not null.
__device__ inline void partial(const View &law, int count, Point &p, Sums &sums, real *logits) {
  sums.largest = -infinity();
  for (int k = 0; k < count; ++k) {
    const real l = logit(law, k, p);
    if (logits) logits[k] = l;
    sums.largest = k == 0 ? l : larger(sums.largest, l);
  }
  sums.total = 0;
  EACH_COORDINATE
  for (int i = 0; i < DIMENSION; ++i) sums.precision[i] = 0, sums.denoised[i] = 0;
  for (int k = 0; k < count; ++k) {
    const real weight = canonical_exp(logit(law, k, p) - sums.largest);
    sums.total = sums.total + weight;
    accumulate(law, k, weight, p, sums);
  }
}

// Both sums relative to the larger of their logits, in `before`.
__device__ inline void combine(Sums &before, Sums &block) {
  const real largest = larger(before.largest, block.largest);
  const real kept = canonical_exp(before.largest - largest), added = canonical_exp(block.largest - largest);
  before.largest = largest;
  before.total = fused(before.total, kept, block.total * added);
  EACH_COORDINATE
  for (int i = 0; i < DIMENSION; ++i) {
    before.precision[i] = fused(before.precision[i], kept, block.precision[i] * added);
    before.denoised[i] = fused(before.denoised[i], kept, block.denoised[i] * added);
  }
}

__device__ inline real saturated(real x) {
  return x > LARGEST ? LARGEST : x < -LARGEST ? -LARGEST : x;
}

struct Out {
  real *log_density, *score, *denoiser, *noise, *responsibilities;
};

__device__ inline void put_score(const Out &out, count_t at, real score, real noise) {
  if (out.score) out.score[at] = score;
  if (out.noise) out.noise[at] = noise;
}

// A point within the safe radius, from its sums.
__device__ inline void finish(const Out &out, count_t n, int components, const real *origin, real reference, real s, Sums &sums) {
  if (out.log_density) out.log_density[n] = (sums.largest + canonical_ln(sums.total)) + reference;
  EACH_COORDINATE
  for (int i = 0; i < DIMENSION; ++i) {
    const count_t at = n * DIMENSION + i;
    const real score = -(sums.precision[i] / sums.total);
    put_score(out, at, score, -s * score);
    if (out.denoiser) out.denoiser[at] = origin[i] + sums.denoised[i] / sums.total;
  }
  if (!out.responsibilities) return;
  real *row = out.responsibilities + n * components;
  for (int k = 0; k < components; ++k) row[k] = canonical_exp(row[k] - sums.largest) / sums.total;
}

// The difference of a component's log weight and the nearest component's, in scaled coordinates.
__device__ inline real relative(const View &law, int k, int nearest, real least, Point &p) {
  const real further = (real)-0.5 * (distance(law, k, p) - least);
  return further / p.scale / p.scale + (law.offset[k] - law.offset[nearest]);
}

// A point so far out that squares would overflow: law/far.rs.
__device__ inline void far(const Out &out, count_t n, int components, const View &law, const real *origin,
                           real reference, real s, real largest_mean, Point &p, Sums &sums) {
  real reach = 0;
  EACH_COORDINATE
  for (int i = 0; i < DIMENSION; ++i) reach = larger(reach, magnitude(p.x[i]));
  reach = reach * (real)0.25 + larger(p.a, (real)1) * (largest_mean * (real)0.25);
  p.scale = 1;
  while (reach > (real)1) reach *= (real)0.25, p.scale *= (real)0.25;
  int nearest = 0;
  real least = distance(law, 0, p);
  for (int k = 1; k < components; ++k) {
    const real q = distance(law, k, p);
    if (q < least) least = q, nearest = k;
  }
  real largest = -infinity(), total = 0;
  for (int k = 0; k < components; ++k) largest = larger(largest, relative(law, k, nearest, least, p));
  for (int k = 0; k < components; ++k) total = total + canonical_exp(relative(law, k, nearest, least, p) - largest);
  EACH_COORDINATE
  for (int i = 0; i < DIMENSION; ++i) sums.precision[i] = 0, sums.denoised[i] = 0;
  for (int k = 0; k < components; ++k) {
    const real weight = canonical_exp(relative(law, k, nearest, least, p) - largest) / total;
    if (out.responsibilities) out.responsibilities[n * components + k] = weight;
    if (weight == (real)0) continue;
    EACH_COORDINATE
    for (int i = 0; i < DIMENSION; ++i) {
      const int at = FORM == 0 ? k : k * DIMENSION + i;
      real precision, gain;
      if (FORM == 2) full_pull(law, k, p, i, precision, gain);
      else precision = law.precision[at] * p.z[i], gain = law.gain[at] * p.z[i];
      const real summand = fused(law.shifted[k * DIMENSION + i], p.scale, gain);
      sums.precision[i] = fused(weight, precision, sums.precision[i]);
      sums.denoised[i] = fused(weight, summand, sums.denoised[i]);
    }
  }
  const real log_total = largest + canonical_ln(total);
  const real squared = (real)-0.5 * least / p.scale / p.scale;
  if (out.log_density) out.log_density[n] = saturated(squared + (law.offset[nearest] + log_total) + reference);
  EACH_COORDINATE
  for (int i = 0; i < DIMENSION; ++i) {
    const count_t at = n * DIMENSION + i;
    put_score(out, at, saturated(-sums.precision[i] / p.scale), saturated(s * sums.precision[i] / p.scale));
    if (out.denoiser) out.denoiser[at] = saturated(origin[i] + sums.denoised[i] / p.scale);
  }
}

#if STAGED
// `count` numbers, by all threads of the block.
__device__ inline const real *stage(real *&room, const real *from, int count) {
  real *at = room;
  for (int i = threadIdx.x; i < count; i += blockDim.x) at[i] = from[i];
  room += count;
  return at;
}
#endif

// Components first, ..., first + count - 1, in shared memory where STAGED. A barrier: every thread must come.
__device__ inline View block_of(const View &law, int first, int count) {
  const int rows = per_component();
  View from = {law.mean + first * DIMENSION, law.shifted + first * DIMENSION, law.offset + first,
               FORM == 2 ? nullptr : law.precision + first * rows, law.gain + first * rows,
               FORM == 2 ? law.whitener + (count_t)first * DIMENSION * DIMENSION : nullptr};
#if STAGED
  SHARED(real, room);
  __syncthreads();
  View to;
  to.mean = stage(room, from.mean, count * DIMENSION);
  to.shifted = stage(room, from.shifted, count * DIMENSION);
  to.offset = stage(room, from.offset, count);
  to.precision = FORM == 2 ? nullptr : stage(room, from.precision, count * rows);
  to.gain = stage(room, from.gain, count * rows);
  to.whitener = FORM == 2 ? stage(room, from.whitener, count * DIMENSION * DIMENSION) : nullptr;
  __syncthreads();
  return to;
#else
  return from;
#endif
}

extern "C" __global__ void mixture_evaluate(
    count_t n, const real *__restrict__ points, int components, const real *__restrict__ mean,
    const real *__restrict__ origin, const real *__restrict__ shifted, const real *__restrict__ offset,
    const real *__restrict__ precision, const real *__restrict__ gain, const real *__restrict__ whitener, real a, real s,
    real reference, real safe_radius, real largest_mean, real *__restrict__ workspace, real *__restrict__ log_density,
    real *__restrict__ score, real *__restrict__ denoiser, real *__restrict__ noise, real *__restrict__ responsibilities) {
  const count_t thread = (count_t)blockIdx.x * blockDim.x + threadIdx.x, threads = (count_t)gridDim.x * blockDim.x;
  const bool active = thread < n;
  const View law = {mean, shifted, offset, precision, gain, whitener};
  const Out out = {log_density, score, denoiser, noise, responsibilities};
  Point p = {Row(workspace, threads, thread, 0), Row(workspace, threads, thread, 1), Row(workspace, threads, thread, 2), a,
             (real)1};
  Sums sums = {0, 0, Row(workspace, threads, thread, 3), Row(workspace, threads, thread, 4)};
  Sums next = {0, 0, Row(workspace, threads, thread, 5), Row(workspace, threads, thread, 6)};
  bool near = active;
  EACH_COORDINATE
  for (int i = 0; i < DIMENSION && active; ++i) {
    p.x[i] = points[thread * DIMENSION + i];
    near = near && magnitude(p.x[i]) <= safe_radius;
  }
  for (int first = 0; first < components; first += COMPONENTS_IN_BLOCK) {
    const int count = components - first < COMPONENTS_IN_BLOCK ? components - first : COMPONENTS_IN_BLOCK;
    const View block = block_of(law, first, count);
    if (!near) continue;
    real *logits = responsibilities ? responsibilities + thread * components + first : nullptr;
    partial(block, count, p, first == 0 ? sums : next, logits);
    if (first > 0) combine(sums, next);
  }
  if (near) finish(out, thread, components, origin, reference, s, sums);
  else if (active) far(out, thread, components, law, origin, reference, s, largest_mean, p, sums);
}
KERNEL(mixture_evaluate)
