// The fast mode's products on matrix units (docs/fast.md): bf16 parts, f32 accumulation. NOT the canonical arithmetic: a result has a bound.
//
// What stands before this file (src/cuda/fast): PARTS, the number of bf16 parts of an f32 number. Mirrors fast/split.rs.
// A warp works together; `lane` is 4*group + quad. Fragments are those of mma.m16n8k16: a thread has the rows `group` and `group + 8` of the left
// factor and of the result, and of the sixteen inner indices 2*quad, 2*quad + 1, and these plus 8.

#define WARP 32

#ifdef HOST
#define EXCHANGE(x, mask) device::exchange(x, mask)
#else
#define EXCHANGE(x, mask) __shfl_xor_sync(0xffffffffu, x, mask)
#endif

// result += left * right for 16x16 times 16x8, each of bf16, as the matrix unit rounds (docs/fast.md, assumption M). By all threads of a warp.
__device__ inline void multiply_add(real (&result)[4], const word_t (&left)[4], const word_t (&right)[2]) {
#ifdef HOST
  device::multiply_add(result, left, right);
#else
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(result[0]), "+f"(result[1]), "+f"(result[2]), "+f"(result[3])
      : "r"(left[0]), "r"(left[1]), "r"(left[2]), "r"(left[3]), "r"(right[0]), "r"(right[1]));
#endif
}

// The nearest bf16 numbers, ties to even, `first` in the low half.
__device__ inline word_t pair_of(real first, real second) {
#ifdef HOST
  return device::nearest_bf16(first) | device::nearest_bf16(second) << 16;
#else
  word_t pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(second), "f"(first));
  return pair;
#endif
}

// Two numbers in PARTS parts each: the nearest bf16, the nearest of what is left, ...
__device__ inline void split(real first, real second, word_t (&parts)[PARTS]) {
#pragma unroll
  for (int p = 0; p < PARTS; ++p) {
    parts[p] = pair_of(first, second);
    first = first - from_bits(parts[p] << 16);
    second = second - from_bits(parts[p] & 0xffff0000u);
  }
}

// The products of parts that count: the largest into `high`, the others into `low`, in this order. left[p] is the p-th part's fragment.
__device__ inline void multiply_parts(real (&high)[4], real (&low)[4], const word_t (&left)[PARTS][4],
                                      const word_t (&right)[PARTS][2]) {
  multiply_add(high, left[0], right[0]);
#pragma unroll
  for (int order = 1; order < PARTS; ++order)
#pragma unroll
    for (int p = 0; p <= order; ++p) multiply_add(low, left[p], right[order - p]);
}
