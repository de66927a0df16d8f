// Steps of a sampler with a mixture's exact denoiser, a point a thread: sampler/run.rs, operation for operation.
//
// Uses mixture.cuh. A launch does `steps` steps, from level 0 of its tables on. All levels have the same means; what a level has
// of its own is read from tables that the host computes (cuda/sampler_tables.rs). The rows that a corrected step keeps
// are in the workspace: they are touched twice a step.

// A step is two sets of weights, on x, the data predicted, the noise predicted and the random normal: those of the step, and those of a
// corrected step's first guess. In a corrected step the second noise predicted takes the place of the random normal. `kinds` says
// which weights are not zero, a bit each, the guess's GUESS bits higher, and whether the step is a corrected one.
#define HAS_STATE 1
#define HAS_DENOISED 2
#define HAS_NOISE 4
#define HAS_RANDOM 8
#define GUESS 4
#define CORRECTED 256
#define STEP_NUMBERS 8
// a, s and the safe radius.
#define LEVEL_NUMBERS 3

// Standard normals of one row of the batch, asked for in order of coordinates: one call of Philox where the next is needed.
struct Normals {
  count_t seed, stream, element;
  bool fresh;
  real values[PER_CALL];
  __device__ Normals(count_t seed, count_t stream, count_t row)
      : seed(seed), stream(stream), element(row * DIMENSION), fresh(true) {}
  __device__ real next() {
    const int slot = (int)(element % PER_CALL);
    if (fresh || slot == 0) {
      word_t words[4];
      philox(seed, stream, element / PER_CALL, words);
      normals_of(words, values);
      fresh = false;
    }
    ++element;
    real value = values[0];
#pragma unroll
    for (int i = 1; i < PER_CALL; ++i) value = slot == i ? values[i] : value;
    return value;
  }
};

// state*x + (denoised*D + (noise*e + random*z)), each + one fma; a term that a step does not have is left out, as a product with zero may
// change a zero's sign.
__device__ inline real stepped(word_t kind, const real *weights, real x, real denoised, real noise, real random) {
  real sum = 0;
  if (kind & HAS_RANDOM) sum = fused(weights[3], random, sum);
  if (kind & HAS_NOISE) sum = fused(weights[2], noise, sum);
  if (kind & HAS_DENOISED) sum = fused(weights[1], denoised, sum);
  if (kind & HAS_STATE) sum = fused(weights[0], x, sum);
  return sum;
}

__device__ inline bool finite(Point &p) {
  bool all = true;
  EACH_COORDINATE
  for (int i = 0; i < DIMENSION; ++i) all = all && magnitude(p.x[i]) <= LARGEST;
  return all;
}

__device__ inline real noise_of(bool near, real s, int i, Point &p, Sums &sums) {
  return near ? -s * -(sums.precision[i] / sums.total) : saturated(s * sums.precision[i] / p.scale);
}

__device__ inline real denoised_of(bool near, const real *origin, int i, Point &p, Sums &sums) {
  return near ? origin[i] + sums.denoised[i] / sums.total : saturated(origin[i] + sums.denoised[i] / p.scale);
}

// Rows first, ..., first + n - 1 of a batch, `states` n*d, in place: from `done` steps done to done + steps. Where `deviation` is not below zero the
// start is drawn here, deviation*z. A row that leaves the format stays as it was found there, and its outcome, zero before, becomes 1 at
// the start, 2k at the first guess of step k (from 1), 2k + 1 after that step; a row whose outcome is not zero is left alone.
extern "C" __global__ void sampler_run(
    count_t n, real *__restrict__ states, count_t first, count_t seed, count_t done, int steps, real deviation,
    const word_t *__restrict__ kinds, const real *__restrict__ weights, const real *__restrict__ levels, int components,
    const real *__restrict__ mean, const real *__restrict__ origin, const real *__restrict__ shifted,
    const real *__restrict__ offset, const real *__restrict__ precision, const real *__restrict__ gain,
    const real *__restrict__ whitener, real largest_mean, real *__restrict__ workspace, count_t *__restrict__ outcomes) {
  const count_t thread = (count_t)blockIdx.x * blockDim.x + threadIdx.x, threads = (count_t)gridDim.x * blockDim.x;
  const bool active = thread < n;
  Stored state(workspace, threads, thread, 0), before(workspace, threads, thread, 1);
  Point p = {Row(workspace, threads, thread, 2), Row(workspace, threads, thread, 3), Row(workspace, threads, thread, 4),
             (real)0, (real)1};
  Sums sums = {0, 0, Row(workspace, threads, thread, 5), Row(workspace, threads, thread, 6)};
  Sums next = {0, 0, Row(workspace, threads, thread, 7), Row(workspace, threads, thread, 8)};
  count_t outcome = active ? outcomes[thread] : 0;
  if (active && outcome == 0) {
    Normals normals(seed, 0, first + thread);
    EACH_COORDINATE
    for (int i = 0; i < DIMENSION; ++i)
      p.x[i] = deviation < (real)0 ? states[thread * DIMENSION + i] : deviation * normals.next();
    if (!finite(p)) outcome = 1;
  }
  const count_t rows = per_component(), k = components;
  for (int step = 0; step < steps; ++step) {
    const word_t kind = kinds[step];
    const real *numbers = weights + step * STEP_NUMBERS;
    const int passes = kind & CORRECTED ? 2 : 1;
    for (int pass = 0; pass < passes; ++pass) {
      const count_t level = step + pass;
      const View law = {mean, shifted, offset + level * k, FORM == 2 ? nullptr : precision + level * k * rows,
                        gain + level * k * rows, FORM == 2 ? whitener + level * k * DIMENSION * DIMENSION : nullptr};
      p.a = levels[level * LEVEL_NUMBERS];
      p.scale = 1;
      const real s = levels[level * LEVEL_NUMBERS + 1];
      const bool alive = active && outcome == 0;
      const bool near = alive && within(p, levels[level * LEVEL_NUMBERS + 2]);
      gather(law, components, near, p, sums, next, nullptr);
      if (!alive) continue;
      if (!near) {
        const Far far = far_weights(law, components, largest_mean, p);
        far_sums(law, components, far, p, sums, nullptr);
      }
      if (pass + 1 < passes) {
        EACH_COORDINATE
        for (int i = 0; i < DIMENSION; ++i) {
          state[i] = p.x[i];
          before[i] = noise_of(near, s, i, p, sums);
          p.x[i] = stepped(kind >> GUESS, numbers + 4, state[i], 0, before[i], 0);
        }
        if (!finite(p)) outcome = 2 * (done + step + 1);
        continue;
      }
      Normals normals(seed, done + step + 1, first + thread);
      EACH_COORDINATE
      for (int i = 0; i < DIMENSION; ++i) {
        const real noise = noise_of(near, s, i, p, sums);
        if (kind & CORRECTED) p.x[i] = stepped(kind, numbers, state[i], 0, before[i], noise);
        else
          p.x[i] = stepped(kind, numbers, p.x[i], denoised_of(near, origin, i, p, sums), noise,
                           kind & HAS_RANDOM ? normals.next() : (real)0);
      }
      if (!finite(p)) outcome = 2 * (done + step + 1) + 1;
    }
  }
  if (!active || outcomes[thread] != 0) return;
  EACH_COORDINATE
  for (int i = 0; i < DIMENSION; ++i) states[thread * DIMENSION + i] = p.x[i];
  outcomes[thread] = outcome;
}
KERNEL(sampler_run)
