// Norms decided in real arithmetic and rows scaled from below: attack/{exact,length}.rs, operation for operation, with real = double.
//
// `scalar` is the format of the perturbations: SCALAR_ROUNDOFF, SCALAR_TINY and SCALAR_NORMAL are its unit roundoff, its smallest
// positive and its smallest positive normal number.

#if SCALAR_BITS == 64
__device__ inline scalar scalar_fused(scalar a, scalar b, scalar c) { return __fma_rn(a, b, c); }
#else
__device__ inline scalar scalar_fused(scalar a, scalar b, scalar c) { return __fmaf_rn(a, b, c); }
#endif

__device__ inline real next_down(real x) {
  if (x == 0) return -from_bits(1);
  return from_bits(x > 0 ? bits_of(x) - 1 : bits_of(x) + 1);
}
__device__ inline real at_least_zero(real x) { return x > 0 ? x : 0; }

// |x| = m*2^e.
__device__ inline void decompose(real x, count_t &m, int &e) {
  const int field = (int)(bits_of(x) >> 52) & 0x7ff;
  const count_t fraction = bits_of(x) & (((count_t)1 << 52) - 1);
  m = field == 0 ? fraction : fraction | (count_t)1 << 52;
  e = field == 0 ? -1074 : field - 1075;
}

// e with 2^e <= |x| < 2^(e+1); 0 for 0.
__device__ inline int exponent_of(real x) {
  count_t m;
  int e;
  decompose(x, m, e);
  if (m == 0) return 0;
  while (m >>= 1) ++e;
  return e;
}

// x*2^k for |k| <= 1100.
__device__ inline real scaled(real x, int k) { return x * power_of_two(k / 2) * power_of_two(k - k / 2); }
__device__ inline real scaled_down(real x, int k) {
  const real y = scaled(x, k);
  return scaled(y, -k) > x ? next_down(y) : y;
}
__device__ inline real product_below(real x, real y) {
  const real product = x * y;
  return product < power_of_two(-900) || fused(x, y, -product) < 0 ? at_least_zero(next_down(product)) : product;
}
// The largest number of the format not above x >= 0.
__device__ inline scalar floor_to(real x) {
#if SCALAR_BITS == 64
  return x;
#else
  const real spacing = larger(scaled(2 * SCALAR_ROUNDOFF, exponent_of(x)), SCALAR_TINY);
  return (scalar)(floor(x / spacing) * spacing);
#endif
}
__device__ inline scalar with_sign(scalar size, real x) { return x < 0 && size > 0 ? -size : size; }

template <class Number> __device__ inline real largest_of(const Number *row, int d) {
  real most = 0;
  for (int i = 0; i < d; ++i) most = larger(most, magnitude((real)row[i]));
  return most;
}

__device__ inline real two_sum(real a, real b, real &lost) {
  const real s = a + b, a1 = s - (s - a), b1 = s - a;
  lost = (a - a1) + (b - b1);
  return s;
}

// |2^(-e)*row|_2 from above: squares and sums with their errors, entry i in lane i mod 8.
template <class Number> __device__ inline real length_above(const Number *row, int d, int e) {
  real total = 0, rest = 0;
  for (int lane = 0; lane < 8 && lane < d; ++lane) {
    real sum = 0, error = 0;
    for (int i = lane; i < d; i += 8) {
      const real x = scaled((real)row[i], -e), square = x * x;
      real lost;
      sum = two_sum(sum, square, lost);
      error = error + (lost + fused(x, x, -square));
    }
    real lost;
    total = two_sum(total, sum, lost);
    rest = rest + (lost + error);
  }
  const real terms = (real)d * UNIT_ROUNDOFF;
  return root(total + rest) * ((real)1 + ((real)4 * UNIT_ROUNDOFF + (real)16 * terms * terms));
}

// out = (r/|x|)*x from below in magnitude, for a row x that is not 0; x and out may be one row.
template <class Number> __device__ inline void shrink(const Number *x, int d, real r, scalar *out) {
  const int e = exponent_of(largest_of(x, d));
  const real ratio = at_least_zero(next_down(r / length_above(x, d, e)));
  const real factor = ratio * (((real)1 - (real)4 * UNIT_ROUNDOFF) * ((real)1 - (real)2 * SCALAR_ROUNDOFF));
  // 2^-900 and 2^-1000, as attack/length.rs writes them.
  const real limit = (real)4 * larger(SCALAR_NORMAL, (real)1.2e-271), least = (real)9.332636185032189e-302;
  for (int i = 0; i < d; ++i) {
    const real entry = (real)x[i], part = scaled(magnitude(entry), -e);
    if (part < least) out[i] = 0;
    else if (ratio * part < limit) out[i] = with_sign(floor_to(product_below(ratio, part)), entry);
    else out[i] = (scalar)(factor * scaled(entry, -e));
  }
}

// An integer in units of 2^-2148, lowest word first: room for sums of squares of any numbers.
#define EXACT_WORDS 67
#define EXACT_UNIT (-2148)

// The three words of a 128-bit number times 2^e, and the place of the first.
__device__ inline int placed(count_t high, count_t low, int e, count_t (&part)[3]) {
  const int shift = e > EXACT_UNIT ? e - EXACT_UNIT : 0, bits = shift % 64;
  part[0] = low << bits;
  part[1] = bits ? high << bits | low >> (64 - bits) : high;
  part[2] = bits ? high >> (64 - bits) : 0;
  return shift / 64;
}

// m*2^e of a magnitude, or of its square.
__device__ inline int placed_power(real x, bool square, count_t (&part)[3]) {
  count_t m;
  int e;
  decompose(x, m, e);
  if (!square) return placed(0, m, e, part);
  const count_t low = m & 0xffffffffu, high = m >> 32, cross = low * high;
  const count_t bottom = low * low, sum = bottom + (cross << 33);
  return placed(high * high + (cross >> 31) + (sum < bottom), sum, 2 * e, part);
}

template <class Number> __device__ inline bool exactly_within(const Number *row, int d, real r, bool square) {
  count_t words[EXACT_WORDS], part[3];
  for (int k = 0; k < EXACT_WORDS; ++k) words[k] = 0;
  for (int i = 0; i < d; ++i) {
    int k = placed_power((real)row[i], square, part);
    count_t carry = 0;
    for (int j = 0; k < EXACT_WORDS && (j < 3 || carry); ++j, ++k) {
      const count_t term = j < 3 ? part[j] : 0, sum = words[k] + term, whole = sum + carry;
      carry = (sum < term) | (whole < sum);
      words[k] = whole;
    }
  }
  const int first = placed_power(r, square, part);
  for (int k = EXACT_WORDS - 1; k >= 0; --k) {
    const count_t right = k >= first && k < first + 3 ? part[k - first] : 0;
    if (words[k] != right) return words[k] < right;
  }
  return true;
}

// Whether the sum of magnitudes, or of squares, is at most r, or r^2, in real arithmetic; every entry is at most r already.
template <class Number> __device__ inline bool within(const Number *row, int d, real r, bool square) {
  real sum = 0;
  for (int i = 0; i < d; ++i) {
    const real x = magnitude((real)row[i]);
    if (!(x <= r)) return false;
    sum = sum + (square ? x * x : x);
  }
  const real bound = square ? r * r : r, margin = ((real)d + (real)8) * ((real)2 * UNIT_ROUNDOFF);
  if (bound >= (real)1e-200 && bound < (real)1e200 && d < 1 << 30) {
    if (sum <= bound * ((real)1 - margin)) return true;
    if (sum >= bound * ((real)1 + margin)) return false;
  }
  return exactly_within(row, d, r, square);
}
