// Double-word arithmetic, as much of it as the projection onto the l1 ball needs: arith/wide.rs, with real = double.

struct Wide {
  real hi, lo;
};

__device__ inline Wide wide_sum(real a, real b) {
  const real s = a + b, a1 = s - b, b1 = s - a1;
  return {s, (a - a1) + (b - b1)};
}
// |a| >= |b| or a = 0.
__device__ inline Wide wide_fast_sum(real a, real b) {
  const real s = a + b;
  return {s, b - (s - a)};
}
__device__ inline Wide wide_plus(Wide x, Wide y) {
  const Wide s = wide_sum(x.hi, y.hi), t = wide_sum(x.lo, y.lo);
  const Wide v = wide_fast_sum(s.hi, s.lo + t.hi);
  return wide_fast_sum(v.hi, t.lo + v.lo);
}
__device__ inline Wide wide_minus(Wide x, Wide y) { return wide_plus(x, {-y.hi, -y.lo}); }
__device__ inline Wide wide_times(Wide x, Wide y) {
  const real product = x.hi * y.hi, lost = fused(x.hi, y.hi, -product);
  return wide_fast_sum(product, lost + fused(x.lo, y.hi, fused(x.hi, y.lo, x.lo * y.lo)));
}
__device__ inline Wide wide_over(Wide x, Wide y) {
  const real quotient = x.hi / y.hi;
  const Wide r = wide_times(y, {quotient, 0});
  return wide_fast_sum(quotient, ((x.hi - r.hi) + (x.lo - r.lo)) / y.hi);
}
__device__ inline real wide_tail(Wide x) { return wide_minus(x, {x.hi, 0}).hi; }
