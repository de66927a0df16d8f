// A noised mixture at a point, a point a thread: law/reference.rs and law/far.rs, operation for operation.
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

// A row of a thread in the workspace.
struct Stored {
  real *base;
  count_t stride;
  __device__ Stored(real *workspace, count_t threads, count_t thread, int row)
      : base(workspace + (count_t)row * DIMENSION * threads + thread), stride(threads) {}
  __device__ real &operator[](int i) { return base[i * stride]; }
};

#if IN_REGISTERS
struct Row {
  real value[DIMENSION];
  __device__ Row(real *, count_t, count_t, int) {}
  __device__ real &operator[](int i) { return value[i]; }
};
#else
typedef Stored Row;
#endif

// A law's tables (cuda/tables.rs), or one block of them: index 0 is the first component in view. A kernel without use for `shifted` has none.
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

// Coordinate i of V^-1 z and a*Sigma*V^-1 z; z (and u) stand in p.
__device__ inline void pull(const View &law, int k, Point &p, int i, real &precision, real &gain) {
  const int at = FORM == 0 ? k : k * DIMENSION + i;
  if (FORM == 2) full_pull(law, k, p, i, precision, gain);
  else precision = law.precision[at] * p.z[i], gain = law.gain[at] * p.z[i];
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

// A copy of what stands in the rows; to choose between two of them by reference would keep both out of registers.
__device__ inline void copy(Sums &from, Sums &to) {
  to.largest = from.largest, to.total = from.total;
  EACH_COORDINATE
  for (int i = 0; i < DIMENSION; ++i) to.precision[i] = from.precision[i], to.denoised[i] = from.denoised[i];
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

// The difference of a component's log weight and the nearest component's, in scaled coordinates.
__device__ inline real relative(const View &law, int k, int nearest, real least, Point &p) {
  const real further = (real)-0.5 * (distance(law, k, p) - least);
  return further / p.scale / p.scale + (law.offset[k] - law.offset[nearest]);
}

// What a far point's weights are relative to: law/far.rs.
struct Far {
  int nearest;
  real least, largest, total;
};

__device__ inline real far_weight(const View &law, int k, const Far &far, Point &p) {
  return canonical_exp(relative(law, k, far.nearest, far.least, p) - far.largest) / far.total;
}

// For a point so far out that squares would overflow; leaves the scale of its coordinates in p.
__device__ inline Far far_weights(const View &law, int components, real largest_mean, Point &p) {
  real reach = 0;
  EACH_COORDINATE
  for (int i = 0; i < DIMENSION; ++i) reach = larger(reach, magnitude(p.x[i]));
  reach = reach * (real)0.25 + larger(p.a, (real)1) * (largest_mean * (real)0.25);
  p.scale = 1;
  // Ends for what is not finite too, which has no business here.
  while (reach > (real)1 && reach <= LARGEST) reach *= (real)0.25, p.scale *= (real)0.25;
  Far far = {0, distance(law, 0, p), -infinity(), 0};
  for (int k = 1; k < components; ++k) {
    const real q = distance(law, k, p);
    if (q < far.least) far.least = q, far.nearest = k;
  }
  for (int k = 0; k < components; ++k) far.largest = larger(far.largest, relative(law, k, far.nearest, far.least, p));
  real total = 0;
  for (int k = 0; k < components; ++k) total = total + canonical_exp(relative(law, k, far.nearest, far.least, p) - far.largest);
  far.total = total;
  return far;
}

// The sums of a far point in scaled coordinates, already divided by the total; weights go to `weights` where it is not null.
__device__ inline void far_sums(const View &law, int components, const Far &far, Point &p, Sums &sums, real *weights) {
  EACH_COORDINATE
  for (int i = 0; i < DIMENSION; ++i) sums.precision[i] = 0, sums.denoised[i] = 0;
  for (int k = 0; k < components; ++k) {
    const real weight = far_weight(law, k, far, p);
    if (weights) weights[k] = weight;
    if (weight == (real)0) continue;
    EACH_COORDINATE
    for (int i = 0; i < DIMENSION; ++i) {
      real precision, gain;
      pull(law, k, p, i, precision, gain);
      const real summand = fused(law.shifted[k * DIMENSION + i], p.scale, gain);
      sums.precision[i] = fused(weight, precision, sums.precision[i]);
      sums.denoised[i] = fused(weight, summand, sums.denoised[i]);
    }
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
  View from = {law.mean + first * DIMENSION, law.shifted ? law.shifted + first * DIMENSION : nullptr, law.offset + first,
               FORM == 2 ? nullptr : law.precision + first * rows, law.gain + first * rows,
               FORM == 2 ? law.whitener + (count_t)first * DIMENSION * DIMENSION : nullptr};
#if STAGED
  SHARED(real, room);
  __syncthreads();
  View to;
  to.mean = stage(room, from.mean, count * DIMENSION);
  to.shifted = from.shifted ? stage(room, from.shifted, count * DIMENSION) : nullptr;
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

// Whether no square of the point can overflow.
__device__ inline bool within(Point &p, real safe_radius) {
  bool near = true;
  EACH_COORDINATE
  for (int i = 0; i < DIMENSION; ++i) near = near && magnitude(p.x[i]) <= safe_radius;
  return near;
}

// The sums of all components, block by block, for threads whose point is near. Barriers: every thread must come.
__device__ inline void gather(const View &law, int components, bool near, Point &p, Sums &sums, Sums &next, real *logits) {
  for (int first = 0; first < components; first += COMPONENTS_IN_BLOCK) {
    const int count = components - first < COMPONENTS_IN_BLOCK ? components - first : COMPONENTS_IN_BLOCK;
    const View block = block_of(law, first, count);
    if (!near) continue;
    partial(block, count, p, next, logits ? logits + first : nullptr);
    if (first == 0) copy(next, sums);
    else combine(sums, next);
  }
}

// Where the quantities of the points go; what is not wanted is null.
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

// A far point, from its weights and sums.
__device__ inline void finish_far(const Out &out, count_t n, const View &law, const real *origin, real reference, real s,
                                  const Far &far, Point &p, Sums &sums) {
  const real log_total = far.largest + canonical_ln(far.total);
  const real squared = (real)-0.5 * far.least / p.scale / p.scale;
  if (out.log_density) out.log_density[n] = saturated(squared + (law.offset[far.nearest] + log_total) + reference);
  EACH_COORDINATE
  for (int i = 0; i < DIMENSION; ++i) {
    const count_t at = n * DIMENSION + i;
    put_score(out, at, saturated(-sums.precision[i] / p.scale), saturated(s * sums.precision[i] / p.scale));
    if (out.denoiser) out.denoiser[at] = saturated(origin[i] + sums.denoised[i] / p.scale);
  }
}
