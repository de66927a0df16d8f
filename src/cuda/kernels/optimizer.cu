// Adam and AdamW with clipping and the average of the weights: train/optimizer.rs.
//
// `clock` holds the step and its row in `steps`, the table of STEP_NUMBERS numbers a step, so that every launch of a step
// has the same arguments as the last one's. `history` has HISTORY_NUMBERS f64 in the same row: the means of the losses and of the
// radius, and the norm.

#define SUM_BLOCK 256
#define LANES 8
#define CHUNKS (SUM_BLOCK / LANES)

__device__ inline double double_root(double x) { return __dsqrt_rn(x); }
__device__ inline double double_infinity() { return __longlong_as_double(0x7ff0000000000000ll); }

// Sums of squares in f64 of SUM_BLOCK entries each: 8 strided lanes, combined as j with j + 4, + 2, + 1. A block of 256 threads
// takes 32 sums, a lane a thread.
extern "C" __global__ void optimizer_squares(count_t count, const real *__restrict__ gradient, double *__restrict__ sums) {
  SHARED(double, lanes);
  const count_t chunk = (count_t)blockIdx.x * CHUNKS + threadIdx.x / LANES;
  double sum = 0;
  for (count_t i = chunk * SUM_BLOCK + threadIdx.x % LANES; i < count && i < (chunk + 1) * SUM_BLOCK; i += LANES) {
    const double g = (double)gradient[i];
    sum = sum + g * g;
  }
  lanes[threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.x % LANES == 0 && chunk * SUM_BLOCK < count) {
    const double *l = lanes + threadIdx.x;
    sums[chunk] = ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]));
  }
}
KERNEL(optimizer_squares)

// The norm, and what the gradient is multiplied by; a norm that is not finite is a fault. One block of threads.
extern "C" __global__ void optimizer_norm(count_t chunks, const double *__restrict__ sums, double clip, double *__restrict__ norm,
                                          real *__restrict__ shrink, word_t *__restrict__ fault) {
  SHARED(double, staged);
  double total = 0;
  for (count_t first = 0; first < chunks; first += blockDim.x) {
    __syncthreads();
    if (first + threadIdx.x < chunks) staged[threadIdx.x] = sums[first + threadIdx.x];
    __syncthreads();
    if (threadIdx.x == 0)
      for (unsigned i = 0; i < blockDim.x && first + i < chunks; ++i) total = total + staged[i];
  }
  if (threadIdx.x != 0) return;
  const double length = double_root(total);
  *norm = length;
  *shrink = (real)(clip > 0 && length > clip ? clip / length : 1.0);
  if (!(length < double_infinity())) *fault = 1;
}
KERNEL(optimizer_norm)

// A parameter a thread; nothing changes after a fault. A weight that leaves the format is noted in `left`.
extern "C" __global__ void optimizer_update(count_t count, const count_t *__restrict__ clock, const real *__restrict__ steps,
                                            real beta1, real one_less_beta1, real beta2, real one_less_beta2, real epsilon,
                                            real decay, real one_less_average, const real *__restrict__ shrink,
                                            const word_t *__restrict__ fault, const real *__restrict__ gradient,
                                            real *__restrict__ theta, real *__restrict__ first, real *__restrict__ second,
                                            real *__restrict__ average, word_t *__restrict__ left) {
  const count_t i = (count_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count || *fault) return;
  const real *of = steps + clock[1] * STEP_NUMBERS;
  const real g = *shrink * gradient[i];
  const real m = fused(beta1, first[i], one_less_beta1 * g);
  const real v = fused(beta2, second[i], one_less_beta2 * (g * g));
  const real step = (of[STEP_FIRST] * m) / (root(of[STEP_SECOND] * v) + epsilon);
  const real moved = fused(-of[STEP_RATE], fused(decay, theta[i], step), theta[i]);
  first[i] = m, second[i] = v, theta[i] = moved;
  average[i] = fused(one_less_average, moved - average[i], average[i]);
  if (!(moved - moved == 0)) *left = 1;
}
KERNEL(optimizer_update)

// Keeps what the step measured, and goes to the next; one thread. A step with a fault stays where it is, and a weight that left the format
// is a fault from the next step on.
extern "C" __global__ void optimizer_advance(const double *__restrict__ losses, const double *__restrict__ norm,
                                             const word_t *__restrict__ left, double *__restrict__ history,
                                             count_t *__restrict__ clock, word_t *__restrict__ fault) {
  if (threadIdx.x != 0 || *fault) return;
  double *kept = history + clock[1] * HISTORY_NUMBERS;
  kept[HISTORY_MATCHING] = losses[0], kept[HISTORY_CONSISTENCY] = losses[1], kept[HISTORY_RADIUS] = losses[2];
  kept[HISTORY_NORM] = *norm;
  clock[0] += 1, clock[1] += 1;
  if (*left) *fault = 1;
}
KERNEL(optimizer_advance)
