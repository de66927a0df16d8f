// Everything first-order of a noised mixture, a point a thread. Uses mixture.cuh.

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
  EACH_COORDINATE
  for (int i = 0; i < DIMENSION && active; ++i) p.x[i] = points[thread * DIMENSION + i];
  const bool near = active && within(p, safe_radius);
  real *row = active && responsibilities ? responsibilities + thread * components : nullptr;
  gather(law, components, near, p, sums, next, row);
  if (near) finish(out, thread, components, origin, reference, s, sums);
  if (near || !active) return;
  const Far far = far_weights(law, components, largest_mean, p);
  far_sums(law, components, far, p, sums, row);
  finish_far(out, thread, law, origin, reference, s, far, p, sums);
}
KERNEL(mixture_evaluate)
