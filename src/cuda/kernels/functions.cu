// The canonical functions of one number, an element a thread: what the tests compare with src/arith bit by bit.

// which: 0 exp, 1 ln, 2 sigmoid, 3 sin 2*pi*x, 4 cos 2*pi*x.
extern "C" __global__ void functions_apply(int which, count_t n, const real *__restrict__ in, real *__restrict__ out) {
  const count_t i = (count_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  real sin, cos;
  sin_cos_turns(in[i], sin, cos);
  out[i] = which == 0   ? canonical_exp(in[i])
           : which == 1 ? canonical_ln(in[i])
           : which == 2 ? canonical_sigmoid(in[i])
           : which == 3 ? sin
                        : cos;
}
KERNEL(functions_apply)
