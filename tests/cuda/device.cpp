// Runs one launch of a kernel: reads a request, writes the buffers back. See tests/cuda/mod.rs for both formats.
//
// Threads are coroutines (ucontext): one runs until it waits at a barrier or ends. Schedule 0 goes through the block in order, 1 in
// reverse; any other seed picks the next thread at random, so that a missing barrier is seen as a wrong or poisoned number. The schedule's
// highest byte says how the matrix unit adds (matrix.h).
#include "device.h"
#include "matrix.h"
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <ucontext.h>
#include <vector>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#define SANITIZED 1
#endif

dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace {
constexpr size_t STACK = 256 * 1024;
enum class State { ready, waiting, in_warp, done };
constexpr unsigned WARP = 32;
struct Thread {
  ucontext_t context;
  // Not filled: a thread touches little of it.
  std::unique_ptr<char[]> stack;
  State state;
  // What it shows to its warp, in turn, so that the next cannot overwrite what another has yet to read.
  unsigned shown[2][6];
  unsigned turn = 0;
  void *fake = nullptr;
};
struct Declared {
  std::string name;
  device::Body body;
  unsigned arguments;
};
std::vector<Declared> &kernels() {
  static std::vector<Declared> all;
  return all;
}
std::vector<Thread> threads;
unsigned current;
ucontext_t scheduler;
#if SANITIZED
const void *scheduler_stack;
size_t scheduler_size;
void *scheduler_fake;
#endif
std::vector<unsigned char> shared_memory;
device::Body body;
void **arguments;

void to_scheduler([[maybe_unused]] bool last) {
  Thread &me = threads[current];
#if SANITIZED
  __sanitizer_start_switch_fiber(last ? nullptr : &me.fake, scheduler_stack, scheduler_size);
#endif
  swapcontext(&me.context, &scheduler);
#if SANITIZED
  __sanitizer_finish_switch_fiber(me.fake, &scheduler_stack, &scheduler_size);
#endif
}

// Shows words to the warp, and returns when all of its threads have; then the turn that they lie in.
unsigned show(const unsigned *words, unsigned count) {
  Thread &me = threads[current];
  const unsigned turn = me.turn++ % 2, first = current / WARP * WARP;
  std::memcpy(me.shown[turn], words, count * sizeof(unsigned));
  me.state = State::in_warp;
  unsigned here = 0;
  for (unsigned i = first; i < first + WARP && i < threads.size(); ++i) here += threads[i].state == State::in_warp;
  // The last one to come goes on, and lets the others.
  if (here == WARP)
    for (unsigned i = first; i < first + WARP; ++i) threads[i].state = State::ready;
  else
    to_scheduler(false);
  return turn;
}

void entry() {
#if SANITIZED
  __sanitizer_finish_switch_fiber(nullptr, &scheduler_stack, &scheduler_size);
#endif
  body(arguments);
  threads[current].state = State::done;
  to_scheduler(true);
}

void resume(unsigned i) {
  current = i;
  threadIdx = {i, 0, 0};
#if SANITIZED
  __sanitizer_start_switch_fiber(&scheduler_fake, threads[i].stack.get(), STACK);
#endif
  swapcontext(&scheduler, &threads[i].context);
#if SANITIZED
  __sanitizer_finish_switch_fiber(scheduler_fake, nullptr, nullptr);
#endif
}

void prepare(Thread &t) {
  if (!t.stack) t.stack.reset(new char[STACK]);
  t.state = State::ready, t.turn = 0;
  getcontext(&t.context);
  t.context.uc_stack.ss_sp = t.stack.get();
  t.context.uc_stack.ss_size = STACK;
  t.context.uc_link = nullptr;
  makecontext(&t.context, entry, 0);
}

// False where some threads ended and others wait.
bool run_block(uint64_t &seed, unsigned schedule) {
  shared_memory.assign(shared_memory.size(), 0xff);
  for (Thread &t : threads) prepare(t);
  for (;;) {
    std::vector<unsigned> ready;
    unsigned waiting = 0, in_warp = 0;
    for (unsigned i = 0; i < threads.size(); ++i) {
      if (threads[i].state == State::ready) ready.push_back(i);
      waiting += threads[i].state == State::waiting;
      in_warp += threads[i].state == State::in_warp;
    }
    if (ready.empty()) {
      if (in_warp) return false;
      if (waiting == 0) return true;
      if (waiting < threads.size()) return false;
      for (Thread &t : threads) t.state = State::ready;
      continue;
    }
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    const unsigned pick = schedule == 0 ? 0 : schedule == 1 ? ready.size() - 1 : (seed >> 33) % ready.size();
    resume(ready[pick]);
  }
}

template <class T> T number() {
  T x;
  if (std::fread(&x, sizeof x, 1, stdin) != 1) std::fprintf(stderr, "the request ends early\n"), std::exit(3);
  return x;
}
}  // namespace

void *device::shared() { return shared_memory.data(); }
int device::declare(const char *name, Body body, unsigned count) {
  kernels().push_back({name, body, count});
  return 0;
}
void __syncthreads() {
  threads[current].state = State::waiting;
  to_scheduler(false);
}

float device::exchange(float x, unsigned mask) {
  const unsigned word = same_bits<unsigned>(x), turn = show(&word, 1);
  return same_bits<float>(threads[current ^ mask].shown[turn][0]);
}
void device::multiply_add(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  const unsigned words[6] = {a[0], a[1], a[2], a[3], b[0], b[1]}, turn = show(words, 6);
  const unsigned warp = current / WARP * WARP, group = current % WARP / 4, quad = current % 4;
  const auto half_of = [](unsigned word, unsigned at) { return same_bits<float>(at % 2 ? word & 0xffff0000u : word << 16); };
  for (unsigned i = 0; i < 4; ++i) {
    // Row group + 8*(i/2), column 2*quad + i%2; a thread of the row's group has two inner indices of each eight, in word 2*half + i/2.
    float left[16], right[16];
    for (unsigned k = 0; k < 16; ++k) {
      const unsigned half = k / 8, holder = k % 8 / 2;
      left[k] = half_of(threads[warp + 4 * group + holder].shown[turn][2 * half + i / 2], k);
      right[k] = half_of(threads[warp + 4 * (2 * quad + i % 2) + holder].shown[turn][4 + half], k);
    }
    d[i] = matrix::sum(d[i], left, right);
  }
}

int main() {
  std::string name(number<uint32_t>(), ' ');
  for (char &c : name) c = number<char>();
  const unsigned coded = number<uint32_t>(), schedule = coded & 0xffffff, blocks = number<uint32_t>(), size = number<uint32_t>();
  matrix::unit = coded >> 24;
  shared_memory.resize(number<uint32_t>());
  const unsigned count = number<uint32_t>();
  std::vector<void *> values(count), storage(count), pointers(count);
  std::vector<size_t> lengths(count, 0);
  for (unsigned i = 0; i < count; ++i) {
    const bool buffer = number<uint32_t>() == 1;
    const uint64_t length = number<uint64_t>();
    // Of exactly this size, so that a sanitizer sees every step beyond it; an empty buffer is no buffer.
    storage[i] = buffer && length == 0 ? nullptr : std::malloc(length);
    if (length && std::fread(storage[i], 1, length, stdin) != length) return 3;
    if (buffer) lengths[i] = length, pointers[i] = storage[i], values[i] = &pointers[i];
    else values[i] = storage[i];
  }
  const Declared *kernel = nullptr;
  for (const Declared &k : kernels())
    if (k.name == name && k.arguments == count) kernel = &k;
  if (!kernel) return std::fprintf(stderr, "no kernel %s of %u arguments\n", name.c_str(), count), 4;
  body = kernel->body, arguments = values.data();
  threads.resize(size);
  blockDim = {size, 1, 1}, gridDim = {blocks, 1, 1};
  uint64_t seed = schedule;
  for (unsigned b = 0; b < blocks; ++b) {
    blockIdx = {b, 0, 0};
    if (!run_block(seed, schedule)) return std::fprintf(stderr, "a barrier that not all threads reach\n"), 5;
  }
  for (unsigned i = 0; i < count; ++i)
    if (lengths[i]) std::fwrite(storage[i], 1, lengths[i], stdout);
  for (void *p : storage) std::free(p);
}
