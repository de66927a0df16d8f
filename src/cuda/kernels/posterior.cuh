// The posterior at a point, a point a thread: law/posterior.rs, operation for operation. Uses mixture.cuh.
//
// Responsibilities are not kept, they are found again from the logits in each of three visits to the components: the heaviest, the mean of
// the deviations, the sum over the deviations.

// What turns a logit into a responsibility.
struct Weighing {
  bool near;
  real largest, total;
  Far far;
};

// The reference of the deviations, their mean, and one of them.
struct Deviations {
  int heaviest;
  real factor;
  Row precision, gain, mean, one;
};

// Barriers: every thread must come.
__device__ inline Weighing weigh(const View &law, int components, bool active, real safe_radius, real largest_mean, Point &p) {
  Weighing w = {active && within(p, safe_radius), 0, 0, {0, 0, 0, 0}};
  for (int first = 0; first < components; first += COMPONENTS_IN_BLOCK) {
    const int count = components - first < COMPONENTS_IN_BLOCK ? components - first : COMPONENTS_IN_BLOCK;
    const View block = block_of(law, first, count);
    if (!w.near) continue;
    real largest = logit(block, 0, p), total = 0;
    for (int k = 1; k < count; ++k) largest = larger(largest, logit(block, k, p));
    for (int k = 0; k < count; ++k) total = total + canonical_exp(logit(block, k, p) - largest);
    if (first == 0) {
      w.largest = largest, w.total = total;
      continue;
    }
    const real both = larger(w.largest, largest);
    const real kept = canonical_exp(w.largest - both), added = canonical_exp(largest - both);
    w.largest = both, w.total = fused(w.total, kept, total * added);
  }
  if (active && !w.near) w.far = far_weights(law, components, largest_mean, p);
  return w;
}

// visit(view, index in it, component, responsibility) for the components with a responsibility above zero, in order; z (and u) stand in p.
// Barriers: every thread must come.
template <class Visit>
__device__ inline void each_active(const View &law, int components, bool active, const Weighing &w, Point &p, Visit visit) {
  for (int first = 0; first < components; first += COMPONENTS_IN_BLOCK) {
    const int count = components - first < COMPONENTS_IN_BLOCK ? components - first : COMPONENTS_IN_BLOCK;
    const View block = block_of(law, first, count);
    if (!active) continue;
    // A far point's weights need its nearest component, which may be in no block in view.
    const View view = w.near ? block : law;
    for (int j = 0; j < count; ++j) {
      const int k = w.near ? j : first + j;
      const real r = w.near ? canonical_exp(logit(view, k, p) - w.largest) / w.total : far_weight(view, k, w.far, p);
      if (r > (real)0) visit(view, k, first + j, r);
    }
  }
}

// b_k - b_o, coordinate i, by the form with the smaller terms; the second does not exist where a = 0, and loses every comparison.
__device__ inline real deviation(const View &law, const real *means, int k, int i, Point &p, Deviations &e) {
  real precision, gain;
  pull(law, k, p, i, precision, gain);
  const real shift = p.scale * (law.mean[k * DIMENSION + i] - means[e.heaviest * DIMENSION + i]);
  const real by_means = magnitude(shift) + (magnitude(gain) + magnitude(e.gain[i]));
  const real by_scores = e.factor * (magnitude(precision) + magnitude(e.precision[i]));
  return by_scores < by_means ? e.factor * (e.precision[i] - precision) : shift + (gain - e.gain[i]);
}

// The reference and the mean. Barriers: every thread must come.
__device__ inline void prepare(const View &law, int components, bool active, const Weighing &w, real s, Point &p, Deviations &e) {
  real most = 0;
  e.heaviest = 0, e.factor = s * s / p.a;
  each_active(law, components, active, w, p, [&](const View &, int, int k, real r) {
    if (r > most) most = r, e.heaviest = k;
  });
  if (active) {
    distance(law, e.heaviest, p);
    EACH_COORDINATE
    for (int i = 0; i < DIMENSION; ++i) {
      real precision, gain;
      pull(law, e.heaviest, p, i, precision, gain);
      e.precision[i] = precision, e.gain[i] = gain, e.mean[i] = 0;
    }
  }
  each_active(law, components, active, w, p, [&](const View &view, int k, int, real r) {
    EACH_COORDINATE
    for (int i = 0; i < DIMENSION; ++i) e.mean[i] = fused(r, deviation(view, law.mean, k, i, p, e), e.mean[i]);
  });
}

// e_k, held to half the root of the largest number.
__device__ inline void deviate(const View &law, const real *means, int k, Point &p, Deviations &e) {
  EACH_COORDINATE
  for (int i = 0; i < DIMENSION; ++i) {
    real one = (deviation(law, means, k, i, p, e) - e.mean[i]) / p.scale;
    one = one > LARGEST_DEVIATION ? LARGEST_DEVIATION : one;
    e.one[i] = one < -LARGEST_DEVIATION ? -LARGEST_DEVIATION : one;
  }
}
