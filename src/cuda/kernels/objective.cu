// Points of a step and its losses with their gradients: train/{batch,step}.rs and objective/{mod,matching,consistency}.rs.
//
// An entry or a row a thread. Vectors against a prediction that the parametrisation does not use are null.

// x = a*x0 + s*noise.
extern "C" __global__ void objective_points(count_t n, int d, const word_t *__restrict__ level, const real *__restrict__ numbers,
                                            const real *__restrict__ clean, const real *__restrict__ noise,
                                            real *__restrict__ x) {
  const count_t at = (count_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (at >= n * d) return;
  const real *of = numbers + (count_t)level[at / d] * LEVEL_NUMBERS;
  x[at] = of[LEVEL_A] * clean[at] + of[LEVEL_S] * noise[at];
}
KERNEL(objective_points)

// x' = x + h*omega.
extern "C" __global__ void objective_perturbed(count_t n, int d, const word_t *__restrict__ level,
                                               const real *__restrict__ numbers, const real *__restrict__ x,
                                               const real *__restrict__ omega, real *__restrict__ there) {
  const count_t at = (count_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (at >= n * d) return;
  there[at] = fused(numbers[(count_t)level[at / d] * LEVEL_NUMBERS + LEVEL_SCALE], omega[at], x[at]);
}
KERNEL(objective_perturbed)

// r = alpha*e + beta*d; adds its square to sum and gives 2f*r.
__device__ inline real slope_of(const real *of, real factor, real e, real d, real &sum) {
  const real r = of[LEVEL_ALPHA] * e + of[LEVEL_BETA] * d;
  sum = sum + r * r;
  return (factor + factor) * r;
}

// A row's w*|P_hat - P|^2, and `share` times the gradient.
extern "C" __global__ void objective_matching(count_t n, int d, const word_t *__restrict__ level,
                                              const real *__restrict__ numbers, const real *__restrict__ denoised,
                                              const real *__restrict__ noise, const real *__restrict__ target,
                                              const real *__restrict__ target_noise, real share, real *__restrict__ of_denoised,
                                              real *__restrict__ of_noise, real *__restrict__ values) {
  const count_t row = (count_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= n) return;
  const real *of = numbers + (count_t)level[row] * LEVEL_NUMBERS;
  real sum = 0;
  for (count_t at = row * d; at < (row + 1) * d; ++at) {
    const real slope = slope_of(of, of[LEVEL_FACTOR], noise[at] - target_noise[at], denoised[at] - target[at], sum);
    if (of_noise) of_noise[at] = share * (of[LEVEL_ALPHA] * slope);
    if (of_denoised) of_denoised[at] = share * (of[LEVEL_BETA] * slope);
  }
  values[row] = of[LEVEL_FACTOR] * sum;
}
KERNEL(objective_matching)

// The gradients at x and at x' of an entry: at x the matching term's is there already.
__device__ inline void put_pair(real share, int stop, real v, real *clean, real *there, count_t at) {
  if (!clean) return;
  clean[at] = share * (stop ? clean[at] : clean[at] + -v);
  there[at] = share * v;
}

// A row's lambda*w*|residual|^2, and `share` times the gradients: added to what the matching term left at x, and at x'.
extern "C" __global__ void objective_consistency(
    count_t n, int d, const word_t *__restrict__ level, const real *__restrict__ numbers, const real *__restrict__ denoised,
    const real *__restrict__ noise, const real *__restrict__ denoised_there, const real *__restrict__ noise_there,
    const real *__restrict__ omega, int stop, real share, real *__restrict__ of_denoised, real *__restrict__ of_noise,
    real *__restrict__ of_denoised_there, real *__restrict__ of_noise_there, real *__restrict__ values) {
  const count_t row = (count_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= n) return;
  const real *of = numbers + (count_t)level[row] * LEVEL_NUMBERS;
  real sum = 0;
  for (count_t at = row * d; at < (row + 1) * d; ++at) {
    const real e = (noise_there[at] - noise[at]) - of[LEVEL_EXPECTED_NOISE] * omega[at];
    const real moved = (denoised_there[at] - denoised[at]) - of[LEVEL_EXPECTED_DENOISED] * omega[at];
    const real slope = slope_of(of, of[LEVEL_CONSTRAINT_FACTOR], e, moved, sum);
    put_pair(share, stop, of[LEVEL_ALPHA] * slope, of_noise, of_noise_there, at);
    put_pair(share, stop, of[LEVEL_BETA] * slope, of_denoised, of_denoised_there, at);
  }
  values[row] = of[LEVEL_CONSTRAINT_FACTOR] * sum;
}
KERNEL(objective_consistency)

// A block's sum of a row's numbers, in f64 and in order.
template <class Number> __device__ inline double sum_of_rows(const Number *values, count_t n, count_t first) {
  double sum = 0;
  for (count_t row = first; row < n && row < first + BLOCK_ROWS; ++row) sum = sum + (double)values[row];
  return sum;
}

// The means over n rows of both losses and of the radius, blocks of 64 rows in order; null arrays count as zero. One block of threads.
extern "C" __global__ void objective_losses(count_t n, const real *__restrict__ matching, const real *__restrict__ consistency,
                                            const double *__restrict__ radius, double *__restrict__ means,
                                            word_t *__restrict__ fault) {
  SHARED(double, sums);
  double total = 0;
  for (count_t group = 0; group * BLOCK_ROWS < n; group += blockDim.x) {
    const count_t first = (group + threadIdx.x) * BLOCK_ROWS;
    __syncthreads();
    sums[threadIdx.x] = sum_of_rows(matching, n, first);
    sums[blockDim.x + threadIdx.x] = consistency ? sum_of_rows(consistency, n, first) : 0;
    sums[2 * blockDim.x + threadIdx.x] = radius ? sum_of_rows(radius, n, first) : 0;
    __syncthreads();
    if (threadIdx.x < 3) {
      for (unsigned block = 0; block < blockDim.x && (group + block) * BLOCK_ROWS < n; ++block)
        total = total + sums[threadIdx.x * blockDim.x + block];
    }
  }
  if (threadIdx.x < 3) {
    means[threadIdx.x] = total / (double)n;
    // A loss beyond the format, or no number: training stops.
    if (!(total - total == 0)) *fault = 1;
  }
}
KERNEL(objective_losses)
