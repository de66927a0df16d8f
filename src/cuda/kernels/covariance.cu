// The posterior covariance and its products with vectors, a point a thread: law/posterior.rs. Uses posterior.cuh.

// Entry (i, j), j at most i, of a thread's triangle.
#if IN_REGISTERS
struct Triangle {
  real value[DIMENSION * (DIMENSION + 1) / 2];
  __device__ Triangle(real *, count_t, count_t) {}
  __device__ real &at(int i, int j) { return value[i * (i + 1) / 2 + j]; }
};
#else
struct Triangle {
  real *base;
  count_t stride;
  __device__ Triangle(real *workspace, count_t threads, count_t thread) : base(workspace + thread), stride(threads) {}
  __device__ real &at(int i, int j) { return base[(count_t)(i * (i + 1) / 2 + j) * stride]; }
};
#endif

#define COVARIANCE_ROWS 7

// out[n] = Cov[x0 | x_n], d*d each. `within` has each component's own posterior covariance.
extern "C" __global__ void covariance_matrix(
    count_t n, const real *__restrict__ points, int components, const real *__restrict__ mean,
    const real *__restrict__ offset, const real *__restrict__ precision, const real *__restrict__ gain,
    const real *__restrict__ whitener, const real *__restrict__ within_each, real a, real s, real safe_radius,
    real largest_mean, real *__restrict__ workspace, real *__restrict__ out) {
  const count_t thread = (count_t)blockIdx.x * blockDim.x + threadIdx.x, threads = (count_t)gridDim.x * blockDim.x;
  const bool active = thread < n;
  const View law = {mean, nullptr, offset, precision, gain, whitener};
  Point p = {Row(workspace, threads, thread, 0), Row(workspace, threads, thread, 1), Row(workspace, threads, thread, 2), a,
             (real)1};
  Deviations e = {0, 0, Row(workspace, threads, thread, 3), Row(workspace, threads, thread, 4),
                  Row(workspace, threads, thread, 5), Row(workspace, threads, thread, 6)};
  Triangle sum(workspace + (count_t)COVARIANCE_ROWS * DIMENSION * threads, threads, thread);
  if (active) {
    EACH_COORDINATE
    for (int i = 0; i < DIMENSION; ++i) p.x[i] = points[thread * DIMENSION + i];
    EACH_COORDINATE
    for (int i = 0; i < DIMENSION; ++i) {
      EACH_COORDINATE
      for (int j = 0; j <= i; ++j) sum.at(i, j) = 0;
    }
  }
  const Weighing w = weigh(law, components, active, safe_radius, largest_mean, p);
  prepare(law, components, active, w, s, p, e);
  each_active(law, components, active, w, p, [&](const View &view, int at, int k, real r) {
    deviate(view, mean, at, p, e);
    EACH_COORDINATE
    for (int i = 0; i < DIMENSION; ++i) {
      const real scaled = r * e.one[i];
      if (FORM != 2) sum.at(i, i) = fused(r, within_each[FORM == 0 ? k : k * DIMENSION + i], sum.at(i, i));
      EACH_COORDINATE
      for (int j = 0; j <= i; ++j) {
        if (FORM == 2) sum.at(i, j) = fused(r, within_each[((count_t)k * DIMENSION + i) * DIMENSION + j], sum.at(i, j));
        sum.at(i, j) = fused(scaled, e.one[j], sum.at(i, j));
      }
    }
  });
  if (!active) return;
  real *matrix = out + thread * DIMENSION * DIMENSION;
  EACH_COORDINATE
  for (int i = 0; i < DIMENSION; ++i) {
    EACH_COORDINATE
    for (int j = 0; j <= i; ++j) matrix[i * DIMENSION + j] = matrix[j * DIMENSION + i] = sum.at(i, j);
  }
}
KERNEL(covariance_matrix)

// out[n] = Cov[x0 | x_n]*vectors[n], d numbers each.
extern "C" __global__ void covariance_product(
    count_t n, const real *__restrict__ points, const real *__restrict__ vectors, int components,
    const real *__restrict__ mean, const real *__restrict__ offset, const real *__restrict__ precision,
    const real *__restrict__ gain, const real *__restrict__ whitener, const real *__restrict__ within_each, real a, real s,
    real safe_radius, real largest_mean, real *__restrict__ workspace, real *__restrict__ out) {
  const count_t thread = (count_t)blockIdx.x * blockDim.x + threadIdx.x, threads = (count_t)gridDim.x * blockDim.x;
  const bool active = thread < n;
  const View law = {mean, nullptr, offset, precision, gain, whitener};
  Point p = {Row(workspace, threads, thread, 0), Row(workspace, threads, thread, 1), Row(workspace, threads, thread, 2), a,
             (real)1};
  Deviations e = {0, 0, Row(workspace, threads, thread, 3), Row(workspace, threads, thread, 4),
                  Row(workspace, threads, thread, 5), Row(workspace, threads, thread, 6)};
  Row v(workspace, threads, thread, 7), sum(workspace, threads, thread, 8);
  if (active) {
    EACH_COORDINATE
    for (int i = 0; i < DIMENSION; ++i) {
      p.x[i] = points[thread * DIMENSION + i];
      v[i] = vectors[thread * DIMENSION + i];
      sum[i] = 0;
    }
  }
  const Weighing w = weigh(law, components, active, safe_radius, largest_mean, p);
  prepare(law, components, active, w, s, p, e);
  each_active(law, components, active, w, p, [&](const View &view, int at, int k, real r) {
    deviate(view, mean, at, p, e);
    real along = 0;
    EACH_COORDINATE
    for (int i = 0; i < DIMENSION; ++i) along = fused(e.one[i], v[i], along);
    EACH_COORDINATE
    for (int i = 0; i < DIMENSION; ++i) {
      real own = 0;
      if (FORM != 2) own = within_each[FORM == 0 ? k : k * DIMENSION + i] * v[i];
      else {
        EACH_COORDINATE
        for (int j = 0; j < DIMENSION; ++j) own = fused(within_each[((count_t)k * DIMENSION + i) * DIMENSION + j], v[j], own);
      }
      sum[i] = fused(r, own, sum[i]);
      sum[i] = fused(r * along, e.one[i], sum[i]);
    }
  });
  if (!active) return;
  EACH_COORDINATE
  for (int i = 0; i < DIMENSION; ++i) out[thread * DIMENSION + i] = sum[i];
}
KERNEL(covariance_product)
