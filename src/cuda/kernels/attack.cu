// Perturbations drawn and made to matter: attack/{random,inner,norm,project,pgd}.rs. A row a thread.
//
// Compiled with real = double, in which lengths are; `scalar` is the format of points and perturbations. Norms: 0 linf, 1 l2, 2 l1.
#define LINF 0
#define L2 1

// From elements of the stream to the box (or, where `normal`, to a Gaussian): omega holds uniforms or normals, and then r*(2u - 1), r*z.
extern "C" __global__ void attack_box(count_t n, int d, int normal, const scalar *__restrict__ radius, scalar *__restrict__ omega) {
  const count_t at = (count_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (at >= n * d) return;
  const scalar r = radius[at / d], u = omega[at];
  omega[at] = r == 0 ? (scalar)0 : normal ? r * u : r * ((u + u) - (scalar)1);
}
KERNEL(attack_box)

// The length r along normals z, times u^(1/d) for the ball; `uniforms` is null for the sphere.
extern "C" __global__ void attack_ball(count_t n, int d, const scalar *__restrict__ radius, const real *__restrict__ normals,
                                       const real *__restrict__ uniforms, scalar *__restrict__ omega) {
  const count_t row = (count_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= n) return;
  real part = 1;
  if (uniforms) part = canonical_exp(canonical_ln(uniforms[row]) / (real)d), part = part < 1 ? part : 1;
  const real r = (real)radius[row] * part, *z = normals + row * d;
  scalar *out = omega + row * d;
  bool still = true;
  for (int i = 0; i < d; ++i) still = still && z[i] == 0;
  if (r == 0 || still || d == 1) {
    for (int i = 0; i < d; ++i) out[i] = 0;
    if (r != 0) out[0] = z[0] < 0 ? -floor_to(r) : floor_to(r);
  } else {
    shrink(z, d, r, out);
  }
}
KERNEL(attack_ball)

// The exponential of a uniform number's place in its half.
__device__ inline real exponential(real u) { return -canonical_ln(u < (real)0.5 ? u + u : u + u - (real)1); }

// Uniform in the l1 ball: r*E_i/(E_1 + ... + E_(d+1)) with signs, from d + 1 uniforms a row.
extern "C" __global__ void attack_simplex(count_t n, int d, const scalar *__restrict__ radius, const real *__restrict__ uniforms,
                                          scalar *__restrict__ omega) {
  const count_t row = (count_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= n) return;
  const real *u = uniforms + row * (d + 1);
  real total = 0;
  for (int i = 0; i < d + 1; ++i) total = total + exponential(u[i]);
  const real margin = ((real)(d + 1) + (real)4) * ((real)2 * UNIT_ROUNDOFF);
  const real factor = at_least_zero(next_down((real)radius[row] / total * ((real)1 - margin)));
  for (int i = 0; i < d; ++i) {
    const scalar part = floor_to(product_below(factor, exponential(u[i])));
    omega[row * d + i] = u[i] < (real)0.5 && part > 0 ? -part : part;
  }
}
KERNEL(attack_simplex)

// The gap of an entry to the largest, in units of 2^e; false where it is more than r.
__device__ inline bool gap_of(scalar x, real top, real r, int e, Wide &gap) {
  gap = wide_sum(-magnitude((real)x), top);
  if (!(gap.hi <= r)) return false;
  gap = {scaled(gap.hi, -e), scaled(gap.lo, -e)};
  return true;
}

__device__ inline bool before(Wide x, real tail, Wide y, real other) { return x.hi < y.hi || (x.hi == y.hi && tail < other); }

// The projection onto the l1 ball of a row outside it. The gaps come in ascending order by a search for the next one: no room is
// needed, and d^2 of them are formed.
__device__ inline void project_sum(scalar *row, int d, real r) {
  const real top = largest_of(row, d);
  const int e = exponent_of(r);
  Wide gap, sum = {scaled(r, -e), 0}, tau = sum, last = {-1, 0};
  int count = 0;
  for (;;) {
    // The smallest gap after the last one, and how many are equal to it.
    Wide next = {0, 0};
    real next_tail = 0;
    const real last_tail = wide_tail(last);
    int equal = 0;
    for (int i = 0; i < d; ++i) {
      if (!gap_of(row[i], top, r, e, gap)) continue;
      const real tail = wide_tail(gap);
      if (!before(last, last_tail, gap, tail)) continue;
      if (equal == 0 || before(gap, tail, next, next_tail)) next = gap, next_tail = tail, equal = 1;
      else if (!before(next, next_tail, gap, tail)) ++equal;
    }
    if (equal == 0) break;
    for (; equal > 0; --equal) {
      sum = wide_plus(sum, next);
      count += 1;
      const Wide mean = wide_over(sum, {(real)count, 0});
      if (count == 1 || wide_minus(mean, tau).hi < 0) tau = mean;
    }
    last = next;
  }
  const real margin = ((real)4 * (real)count + (real)80) * UNIT_ROUNDOFF * UNIT_ROUNDOFF;
  tau = wide_minus(tau, {tau.hi * margin, 0});
  for (int i = 0; i < d; ++i) {
    real rest = 0;
    if (gap_of(row[i], top, r, e, gap)) {
      const Wide left = wide_minus(tau, gap);
      rest = wide_tail(left) < 0 ? next_down(left.hi) : left.hi;
    }
    row[i] = with_sign(floor_to(scaled_down(at_least_zero(rest), e)), (real)row[i]);
  }
}

__device__ inline void project(int norm, scalar *row, int d, scalar radius) {
  int entries = 0;
  for (int i = 0; i < d; ++i) entries += row[i] != 0;
  if (radius == 0 || norm == LINF || entries < 2) {
    for (int i = 0; i < d; ++i)
      row[i] = radius == 0 ? (scalar)0 : row[i] > radius ? radius : row[i] < -radius ? -radius : row[i];
  } else if (!within(row, d, (real)radius, norm == L2)) {
    if (norm == L2) shrink(row, d, (real)radius, row);
    else project_sum(row, d, (real)radius);
  }
}

extern "C" __global__ void attack_project(count_t n, int d, int norm, const scalar *__restrict__ radius,
                                          scalar *__restrict__ omega) {
  const count_t row = (count_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (row < n) project(norm, omega + row * d, d, radius[row]);
}
KERNEL(attack_project)

// What a perturbation does, a row's vector and its square in f64. Residual: 0 the difference of the noise predictions, 1 that less
// omega, 2 the difference of the denoised ones, of which the value is (a/s)^2 times the square.
extern "C" __global__ void attack_effect(count_t n, int d, int residual, const word_t *__restrict__ level,
                                         const real *__restrict__ wide, const scalar *__restrict__ found,
                                         const scalar *__restrict__ clean, const scalar *__restrict__ omega,
                                         scalar *__restrict__ effect, real *__restrict__ values) {
  const count_t row = (count_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= n) return;
  const real ratio = residual == 2 ? wide[(count_t)level[row] * LEVEL_WIDE + LEVEL_RATIO] : (real)1;
  for (count_t at = row * d; at < (row + 1) * d; ++at) {
    const scalar moved = found[at] - clean[at];
    effect[at] = residual == 1 ? moved - omega[at] : moved;
  }
  if (!values) return;
  // arith::dot: blocks of 256, 8 strided lanes, combined as j with j + 4, + 2, + 1.
  real total = 0;
  for (int first = 0; first < d; first += 256) {
    const int end = d < first + 256 ? d : first + 256;
    real lanes[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    for (int start = first; start < end; start += 8) {
#pragma unroll
      for (int lane = 0; lane < 8; ++lane) {
        if (start + lane >= end) continue;
        const real x = ratio * (real)effect[row * d + start + lane];
        lanes[lane] = fused(x, x, lanes[lane]);
      }
    }
    total = total + (((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7])));
  }
  values[row] = total;
}
KERNEL(attack_effect)

__device__ inline scalar sign_of(scalar x) { return x > 0 ? (scalar)1 : x < 0 ? (scalar)-1 : (scalar)0; }

// omega <- P(omega + alpha*v), v the steepest direction at `gradient`, which becomes it; less `direct` where that is not null. alpha is in units
// of the radius where `relative`.
extern "C" __global__ void attack_step(count_t n, int d, int norm, int relative, real alpha, const scalar *__restrict__ radius,
                                       const scalar *__restrict__ direct, scalar *__restrict__ gradient,
                                       scalar *__restrict__ omega, word_t *__restrict__ fault) {
  const count_t row = (count_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= n) return;
  scalar *g = gradient + row * d, *out = omega + row * d;
  if (direct)
    for (int i = 0; i < d; ++i) g[i] = g[i] - direct[row * d + i];
  const real most = norm == L2 ? largest_of(g, d) : 0;
  const int e = exponent_of(most);
  const real length = norm == L2 ? length_above(g, d, e) : 0;
  int first = 0;
  for (int i = 0; i < d; ++i)
    if (magnitude((real)g[i]) > magnitude((real)g[first])) first = i;
  // Beyond the format, or no number: training stops.
  for (int i = 0; i < d; ++i)
    if (!(magnitude((real)g[i]) < infinity())) *fault = 1;
  const scalar step = (scalar)(relative ? alpha * (real)radius[row] : alpha);
  for (int i = 0; i < d; ++i) {
    scalar direction = 0;
    if (norm == L2) direction = length > 0 ? (scalar)(scaled((real)g[i], -e) / length) : (scalar)0;
    else if (norm == LINF || i == first) direction = sign_of(g[i]);
    out[i] = scalar_fused(step, direction, out[i]);
    if (!(magnitude((real)out[i]) < infinity())) *fault = 1;
  }
  project(norm, out, d, radius[row]);
}
KERNEL(attack_step)

// Keeps, row by row, the perturbation of the larger value; the first one always where `fresh`.
extern "C" __global__ void attack_keep(count_t n, int d, int fresh, const scalar *__restrict__ omega,
                                       const real *__restrict__ values, scalar *__restrict__ best,
                                       real *__restrict__ best_values) {
  const count_t row = (count_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= n || !(fresh || values[row] > best_values[row])) return;
  best_values[row] = values[row];
  for (int i = 0; i < d; ++i) best[row * d + i] = omega[row * d + i];
}
KERNEL(attack_keep)
