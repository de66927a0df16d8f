// A GPU on the CPU, for tests: blocks one after another, a coroutine for each thread, a switch at each barrier.
//
// Forced before a kernel's text when it is compiled as host C++. Shared memory starts as NaN bits; threads run in an order that a
// seed chooses; a barrier that not all threads reach is an error.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#define HOST 1
#define __global__
#define __device__
#define __restrict__ __restrict
#define __launch_bounds__(threads, blocks)
#define SHARED(type, name) type *name = reinterpret_cast<type *>(device::shared())

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
};
extern dim3 threadIdx, blockIdx, blockDim, gridDim;
void __syncthreads();

inline double __fma_rn(double a, double b, double c) { return std::fma(a, b, c); }
inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
inline double __dsqrt_rn(double x) { return std::sqrt(x); }
inline float __fsqrt_rn(float x) { return std::sqrt(x); }
template <class To, class From> To same_bits(From x) {
  static_assert(sizeof(To) == sizeof(From), "");
  To out;
  std::memcpy(&out, &x, sizeof(To));
  return out;
}
inline long long __double_as_longlong(double x) { return same_bits<long long>(x); }
inline double __longlong_as_double(long long x) { return same_bits<double>(x); }
inline unsigned __float_as_uint(float x) { return same_bits<unsigned>(x); }
inline float __uint_as_float(unsigned x) { return same_bits<float>(x); }

namespace device {
// What threads of a warp exchange; all of its threads must come. The number of the thread whose lane differs by `mask`.
float exchange(float x, unsigned mask);
// d += a * b on fragments of mma.m16n8k16 (bf16, f32), by one of the ways that docs/fast.md allows a matrix unit: see device.cpp.
void multiply_add(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]);
inline unsigned nearest_bf16(float x) {
  const unsigned bits = same_bits<unsigned>(x);
  return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}
using Body = void (*)(void **arguments);
void *shared();
// Called before main, once for each kernel in the file.
int declare(const char *name, Body body, unsigned arguments);

template <class F> struct Signature;
template <class... A> struct Signature<void (*)(A...)> {
  static constexpr unsigned count = sizeof...(A);
  template <void (*kernel)(A...), size_t... I> static void spread(void **p, std::index_sequence<I...>) {
    kernel(*static_cast<std::remove_const_t<A> *>(p[I])...);
  }
  template <void (*kernel)(A...)> static void call(void **p) { spread<kernel>(p, std::index_sequence_for<A...>{}); }
};
}  // namespace device

#define KERNEL(name)                                                                                       \
  static const int name##_declared = device::declare(                                                      \
      #name, &device::Signature<decltype(&name)>::call<&name>, device::Signature<decltype(&name)>::count);
