// A matrix unit's sum c + a[0]*b[0] + ... + a[15]*b[15], by several ways that assumption M of docs/fast.md allows, and two that it does not.
#pragma once
#include "device.h"
#include <algorithm>
#include <vector>

namespace matrix {
// The allowed ones: 0 in order, each sum to nearest (the definition); 1 in reverse; 2 in order, each sum cut; 3 all at once, aligned to the largest and cut
// (17 numbers); 4 in blocks of 8 products so; 5 of 4, the sum's magnitude rounded away; 6 pairwise, each addition aligned and cut; 7 in random
// order, cut; 8 as 0 with subnormal numbers flushed to 0; 9 as 3 with three more bits; 10 as 3, cut towards minus infinity.
// Not allowed: 100 each sum to bf16; 101 products cut to bf16.
inline unsigned unit = 0;
inline uint64_t seed = 1;

inline int exponent(double x) { return x == 0 ? -1022 : std::ilogb(x); }
// x cut to a multiple of 2^place: towards zero, away from it, or down.
inline double cut(double x, int place, int way) {
  const double scaled = std::ldexp(x, -place);
  return std::ldexp(way == 0 ? std::trunc(scaled) : way == 1 ? std::copysign(std::ceil(std::fabs(scaled)), scaled) : std::floor(scaled), place);
}
// To 24 bits.
inline double to_single(double x, int way) { return x == 0 ? 0 : cut(x, exponent(x) - 23, way); }
// All but the largest cut at its last place, then the sum cut. Sums of so few numbers of so few bits are exact in f64.
inline double aligned(const std::vector<double> &terms, int more, int way) {
  int top = -1022;
  for (double t : terms) top = std::max(top, exponent(t));
  double all = 0;
  for (double t : terms) all += exponent(t) == top ? t : cut(t, top - 23 - more, way == 1 ? 0 : way);
  return to_single(all, way);
}
inline double in_blocks(double c, const std::vector<double> &products, size_t size, int way) {
  for (size_t from = 0; from < products.size(); from += size) {
    std::vector<double> terms(products.begin() + from, products.begin() + from + size);
    terms.push_back(c);
    c = aligned(terms, 0, way);
  }
  return c;
}
inline float flushed(float x) { return std::fabs(x) < 1.1754943508222875e-38f ? 0 : x; }
inline float to_bf16(float x) { return same_bits<float>(device::nearest_bf16(x) << 16); }

inline float sum(float c, const float (&a)[16], const float (&b)[16]) {
  std::vector<double> products(16);
  for (int k = 0; k < 16; ++k) products[k] = (double)a[k] * b[k];
  std::vector<double> all = products;
  all.push_back(c);
  switch (unit) {
    case 0:
      for (int k = 0; k < 16; ++k) c = std::fma(a[k], b[k], c);
      return c;
    case 1:
      for (int k = 15; k >= 0; --k) c = std::fma(a[k], b[k], c);
      return c;
    case 2: return in_blocks(c, products, 1, 0);
    case 3: return aligned(all, 0, 0);
    case 4: return in_blocks(c, products, 8, 0);
    case 5: return in_blocks(c, products, 4, 1);
    case 6: {
      while (all.size() > 1) {
        std::vector<double> next;
        for (size_t i = 0; i + 1 < all.size(); i += 2) next.push_back(aligned({all[i], all[i + 1]}, 0, 0));
        if (all.size() % 2) next.push_back(all.back());
        all = next;
      }
      return all[0];
    }
    case 7: {
      for (size_t i = all.size() - 1; i > 0; --i) {
        seed = seed * 6364136223846793005ull + 1442695040888963407ull;
        std::swap(all[i], all[(seed >> 33) % (i + 1)]);
      }
      double total = all[0];
      for (size_t i = 1; i < all.size(); ++i) total = aligned({total, all[i]}, 0, 0);
      return total;
    }
    case 8:
      for (int k = 0; k < 16; ++k) c = flushed(std::fma(flushed(a[k]), flushed(b[k]), flushed(c)));
      return c;
    case 9: return aligned(all, 3, 0);
    case 10: return aligned(all, 0, 2);
    case 100:
      for (int k = 0; k < 16; ++k) c = to_bf16(std::fma(a[k], b[k], c));
      return c;
    case 101:
      for (int k = 0; k < 16; ++k) c = c + to_bf16(a[k] * b[k]);
      return c;
  }
  std::abort();
}
}  // namespace matrix
