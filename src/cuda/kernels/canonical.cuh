// The canonical arithmetic (N3) for device and host: the same operations in the same order as src/arith, so the same bits.
//
// What stands before this file in a compilation unit is made by src/cuda/source.rs from the Rust constants: REAL_BITS (32 or
// 64) and the coefficients, as exact hexadecimal numbers. Nothing here may be contracted: every fused multiply-add is `fused`.
// Mirrors arith/{format,polynomial,exp,ln,circle,sigmoid,philox,random}.rs, a function here for a function there.

#if REAL_BITS == 64
typedef double real;
typedef unsigned long long bits_t;
typedef long long signed_t;
#define SIGNIFICAND 52
#define BIAS 1023
#define FACTOR 128
#define SUBNORMAL_LIFT 54
#define PER_CALL 2
__device__ inline real fused(real a, real b, real c) { return __fma_rn(a, b, c); }
__device__ inline bits_t bits_of(real x) { return (bits_t)__double_as_longlong(x); }
__device__ inline real from_bits(bits_t x) { return __longlong_as_double((signed_t)x); }
__device__ inline real root(real x) { return __dsqrt_rn(x); }
#else
typedef float real;
typedef unsigned int bits_t;
typedef int signed_t;
#define SIGNIFICAND 23
#define BIAS 127
#define FACTOR 32
#define SUBNORMAL_LIFT 25
#define PER_CALL 4
__device__ inline real fused(real a, real b, real c) { return __fmaf_rn(a, b, c); }
__device__ inline bits_t bits_of(real x) { return __float_as_uint(x); }
__device__ inline real from_bits(bits_t x) { return __uint_as_float(x); }
__device__ inline real root(real x) { return __fsqrt_rn(x); }
#endif

typedef unsigned int word_t;
typedef unsigned long long count_t;

#define SIGN_BIT ((bits_t)1 << (REAL_BITS - 1))
#define ONE_BITS ((bits_t)BIAS << SIGNIFICAND)
#define BELOW_ONE ((real)1 - UNIT_ROUNDOFF)

__device__ inline real power_of_two(int k) { return from_bits((bits_t)(BIAS + k) << SIGNIFICAND); }
__device__ inline real infinity() { return from_bits((bits_t)(2 * BIAS + 1) << SIGNIFICAND); }
__device__ inline real magnitude(real x) { return from_bits(bits_of(x) & ~SIGN_BIT); }
// b where it is larger, else a.
__device__ inline real larger(real a, real b) { return b > a ? b : a; }

template <int N> __device__ inline real horner(real x, const real (&c)[N]) {
  real value = c[N - 1];
#pragma unroll
  for (int i = N - 2; i >= 0; --i) value = fused(value, x, c[i]);
  return value;
}

template <int N> __device__ inline real even_odd(real x, real square, const real (&c)[N]) {
  real half[2] = {0, 0};
#pragma unroll
  for (int i = N - 1; i >= 0; --i) half[i % 2] = i + 2 < N ? fused(half[i % 2], square, c[i]) : c[i];
  return fused(half[1], x, half[0]);
}

__device__ inline real canonical_exp(real x) {
  const real tail[] = EXP_TAIL;
  x = x > EXP_OVERFLOW ? EXP_OVERFLOW : x;
  x = x < EXP_UNDERFLOW ? EXP_UNDERFLOW : x;
  real shifted = fused(x, LOG2_E, SHIFT);
  real n = shifted - SHIFT;
  real r_hi = fused(-n, LN2_HI, x);
  real r = fused(-n, LN2_LO, r_hi);
  real r_lo = fused(-n, LN2_LO, r_hi - r);
  real line = (real)1 + r;
  real line_lo = ((real)1 - line) + r;
  real square = r * r;
  real curve = fused(r, even_odd(r, square, tail), (real)0.5);
  real y = line + fused(square, curve, fused(r_lo, line, line_lo));
  bool negative = (bits_of(x) & SIGN_BIT) != 0;
  bits_t offset = (bits_t)(negative ? BIAS + FACTOR : BIAS - FACTOR) << SIGNIFICAND;
  bits_t second = (bits_t)(negative ? BIAS - FACTOR : BIAS + FACTOR) << SIGNIFICAND;
  real first = from_bits((bits_of(shifted) << SIGNIFICAND) + offset);
  return y * first * from_bits(second);
}

__device__ inline real canonical_ln(real x) {
  const real tail[] = LN_TAIL;
  const bits_t low = bits_of(SQRT_HALF);
  bool subnormal = x < power_of_two(1 - BIAS);
  real normal = subnormal ? x * power_of_two(SUBNORMAL_LIFT) : x;
  real correction = subnormal ? (real)SUBNORMAL_LIFT : (real)0;
  bits_t moved = bits_of(normal) + (ONE_BITS - low);
  real m = from_bits((moved & (((bits_t)1 << SIGNIFICAND) - 1)) + low);
  real biased = from_bits(bits_of(INTEGERS) | (moved >> SIGNIFICAND));
  real k = biased - (INTEGERS + (real)BIAS) - correction;

  real f = m - (real)1;
  real s = f / ((real)2 + f);
  real z = s * s;
  real series = z * horner(z, tail);
  real square = f * f;
  real half_square = (real)0.5 * square;
  real square_lo = fused(f, f, -square);
  real shift = k * LN2_HI;
  real shift_lo = fused(k, LN2_LO, fused(k, LN2_HI, -shift));
  real line = shift + f;
  real line_lo = (shift - line) + f;
  real parabola = line - half_square;
  real parabola_lo = (line - parabola) - half_square;
  real lost = fused((real)-0.5, square_lo, line_lo + parabola_lo) + shift_lo;
  real y = parabola + fused(s, half_square + series, lost);
  y = x == infinity() ? infinity() : y;
  y = x == (real)0 ? -infinity() : y;
  return x >= (real)0 ? y : from_bits(bits_of(infinity()) | (ONE_BITS >> 1));
}

__device__ inline real canonical_sigmoid(real x) {
  real z = canonical_exp(-magnitude(x));
  return (x < (real)0 ? z : (real)1) / ((real)1 + z);
}

// sin 2*pi*f and cos 2*pi*f for |f| <= 1/8.
__device__ inline real sine_of_eighth(real f) {
  const real tail[] = SIN_TAIL;
  real square = f * f;
  real line = f * TAU_HI;
  real line_lo = fused(f, TAU_LO, fused(f, TAU_HI, -line));
  return line + fused(square * f, horner(square, tail), line_lo);
}

__device__ inline real cosine_of_eighth(real f) {
  const real tail[] = COS_TAIL;
  real square = f * f;
  real square_lo = fused(f, f, -square);
  real bend = square * TAU2_HI;
  real bend_lo = fused(square_lo, TAU2_HI, fused(square, TAU2_LO, fused(square, TAU2_HI, -bend)));
  real parabola = (real)1 - bend;
  real parabola_lo = ((real)1 - parabola) - bend;
  real quartic = square * square;
  return parabola + fused(quartic, horner(square, tail), parabola_lo - bend_lo);
}

__device__ inline void sin_cos_turns(real u, real &sin, real &cos) {
  real a = magnitude(u);
  real near = (a + INTEGERS) - INTEGERS;
  real w = a - (a < INTEGERS ? near : a);
  real q = ((real)4 * w + SHIFT) - SHIFT;
  real f = fused(-q, (real)0.25, w);
  real sine = sine_of_eighth(f), cosine = cosine_of_eighth(f);
  bool odd = q * q == (real)1, half_turn = q * q > (real)2;
  real sin_part = odd ? cosine : sine, cos_part = odd ? sine : cosine;
  real sin_of_a = half_turn || q == (real)-1 ? -sin_part : sin_part;
  cos = half_turn || q == (real)1 ? -cos_part : cos_part;
  sin = u < (real)0 ? -sin_of_a : sin_of_a;
}

// The four words at (seed, stream, index).
__device__ inline void philox(count_t seed, count_t stream, count_t index, word_t (&c)[4]) {
  word_t key[2] = {(word_t)seed, (word_t)(seed >> 32)};
  c[0] = (word_t)index, c[1] = (word_t)(index >> 32), c[2] = (word_t)stream, c[3] = (word_t)(stream >> 32);
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    count_t even = (count_t)0xD2511F53u * c[0], odd = (count_t)0xCD9E8D57u * c[2];
    word_t first = (word_t)(odd >> 32) ^ c[1] ^ key[0], third = (word_t)(even >> 32) ^ c[3] ^ key[1];
    c[0] = first, c[1] = (word_t)odd, c[2] = third, c[3] = (word_t)even;
    key[0] += 0x9E3779B9u, key[1] += 0xBB67AE85u;
  }
}

#if REAL_BITS == 64
__device__ inline real uniform(word_t low, word_t high) {
  return from_bits(ONE_BITS | (((bits_t)high << 32 | low) >> 12)) - BELOW_ONE;
}
__device__ inline real fine_uniform(word_t low, word_t high) {
  return ((real)high * (real)4294967296.0 + ((real)low + (real)0.5)) * power_of_two(-64);
}
#else
__device__ inline real uniform(word_t word, word_t) { return from_bits(ONE_BITS | (word >> 9)) - BELOW_ONE; }
__device__ inline real fine_uniform(word_t word, word_t) {
  return ((real)(word >> 16) * (real)65536 + ((real)(word & 0xffff) + (real)0.5)) * power_of_two(-32);
}
#endif

// The PER_CALL normals (uniforms) of one call of Philox.
__device__ inline void normals_of(const word_t (&w)[4], real (&out)[PER_CALL]) {
#pragma unroll
  for (int pair = 0; pair < PER_CALL / 2; ++pair) {
    const int first = 2 * pair * 4 / PER_CALL, second = (2 * pair + 1) * 4 / PER_CALL;
    real radius = root((real)-2 * canonical_ln(fine_uniform(w[first], w[(first + 1) % 4])));
    real sin, cos;
    sin_cos_turns(uniform(w[second], w[(second + 1) % 4]), sin, cos);
    out[2 * pair] = radius * cos;
    out[2 * pair + 1] = radius * sin;
  }
}

__device__ inline void uniforms_of(const word_t (&w)[4], real (&out)[PER_CALL]) {
#pragma unroll
  for (int slot = 0; slot < PER_CALL; ++slot) {
    const int first = slot * 4 / PER_CALL;
    out[slot] = uniform(w[first], w[(first + 1) % 4]);
  }
}
