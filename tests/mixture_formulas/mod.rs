//! The mixture-parametrised denoiser twice: as its definition over any scalar, and as the library's formulas in balls.
//!
//! The definition in dual numbers over double-double is the truth. The formulas in balls say what rounding can do to
//! the library's operations, and, since a ball holds the exact result too, are themselves checked against the truth.
//! What is here shares no code with the library.
#![allow(dead_code)]

use crate::scalars::{Ball, Scalar, count_roundings};

/// A model, a channel, a point, and the vectors of the derivative products.
#[derive(Clone, Debug)]
pub struct Case {
    pub diagonal: bool,
    pub components: usize,
    pub dimension: usize,
    /// Logits, means, log variances.
    pub theta: Vec<f64>,
    pub a: f64,
    pub s: f64,
    pub x: Vec<f64>,
    /// For ∇D̂·v.
    pub v: Vec<f64>,
    /// The cotangents of D̂ and ε̂.
    pub denoised: Vec<f64>,
    pub noise: Vec<f64>,
}

impl Case {
    pub fn log_variance_at(&self, k: usize, i: usize) -> usize {
        let start = self.components * (1 + self.dimension);
        if self.diagonal { start + k * self.dimension + i } else { start + k }
    }

    pub fn mean_at(&self, k: usize, i: usize) -> usize {
        self.components + k * self.dimension + i
    }
}

/// (D̂, ε̂) by definition.
pub fn definition<S: Scalar>(case: &Case, theta: &[S], x: &[S]) -> (Vec<S>, Vec<S>) {
    let (a, s) = (S::of(case.a), S::of(case.s));
    let (d, zero) = (case.dimension, S::of(0.0));
    let variance = |k: usize, i: usize| theta[case.log_variance_at(k, i)].exp();
    let all: Vec<Vec<S>> =
        (0..case.components).map(|k| (0..d).map(|i| variance(k, i)).collect()).collect();
    let noised = |v: S| a.squared().times(v).plus(s.squared());
    let delta = |k: usize, i: usize| x[i].minus(a.times(theta[case.mean_at(k, i)]));
    let logits: Vec<S> = (0..case.components)
        .map(|k| {
            let sum = (0..d).fold(zero, |sum, i| {
                let noised = noised(all[k][i]);
                sum.plus(delta(k, i).squared().over(noised)).plus(noised.ln())
            });
            theta[k].minus(sum.times(S::of(0.5)))
        })
        .collect();
    let heavy = (1..logits.len())
        .fold(0, |best, k| if logits[k].minus(logits[best]).near() > 0.0 { k } else { best });
    let relative = |k: usize| if k == heavy { zero } else { logits[k].minus(logits[heavy]) };
    let weights: Vec<S> = (0..logits.len()).map(|k| relative(k).exp()).collect();
    let total = weights.iter().fold(zero, |sum, w| sum.plus(*w));
    let (mut denoised, mut noise) = (vec![zero; d], vec![zero; d]);
    for (k, weight) in weights.iter().enumerate() {
        let weight = weight.over(total);
        for i in 0..d {
            let (v, delta) = (all[k][i], delta(k, i));
            let mean = theta[case.mean_at(k, i)].plus(a.times(v).over(noised(v)).times(delta));
            denoised[i] = denoised[i].plus(weight.times(mean));
            noise[i] = noise[i].plus(weight.times(s.over(noised(v)).times(delta)));
        }
    }
    (denoised, noise)
}

/// A slip planted in the formulas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slip {
    None,
    /// ∂δ/∂μ = −1 instead of −a.
    MeanWithoutA,
    /// The softmax's derivative without the mean subtracted.
    UncentredSoftmax,
    /// ε̂ with s left out.
    NoiseWithoutS,
    /// ½ left out of the derivative of ½·δ²/V by the log variance.
    CurveWithoutHalf,
}

/// What the library computes, as balls.
#[derive(Clone, Debug)]
pub struct Formulas {
    pub denoised: Vec<Ball>,
    pub noise: Vec<Ball>,
    pub pushed: Vec<Ball>,
    pub pulled: Vec<Ball>,
    pub gradient: Vec<Ball>,
}

struct Tables {
    offset: Vec<Ball>,
    precision: Vec<Vec<Ball>>,
    pull: Vec<Vec<Ball>>,
    gain: Vec<Vec<Ball>>,
    rest: Vec<Vec<Ball>>,
    share: Vec<Vec<Ball>>,
}

/// In f64, each entry rounded once to the format.
fn tables(case: &Case, (u, tiny): (f64, f64), slip: Slip) -> Tables {
    let (a, s) = (Ball::of(case.a), Ball::of(case.s));
    let each = |f: &dyn Fn(Ball, Ball) -> Ball| -> Vec<Vec<Ball>> {
        let entry = |k: usize, i: usize| {
            count_roundings(f64::EPSILON / 2.0, f64::MIN_POSITIVE);
            let v = Ball::of(case.theta[case.log_variance_at(k, i)]).exp();
            let value = f(v, a.squared().mul_add(v, s.squared()));
            count_roundings(u, tiny);
            value.rounded()
        };
        (0..case.components).map(|k| (0..case.dimension).map(|i| entry(k, i)).collect()).collect()
    };
    let logarithms = each(&|_, noised| noised.ln());
    let offset = logarithms.iter().zip(&case.theta).map(|(row, logit)| {
        let sum = row.iter().fold(Ball::of(0.0), |sum, l| sum.plus(*l));
        Ball::of(*logit).minus(sum.times(Ball::of(0.5)))
    });
    let offset = offset.collect();
    let unit = if slip == Slip::NoiseWithoutS { Ball::of(1.0) } else { s };
    Tables {
        offset,
        precision: each(&|_, noised| Ball::of(1.0).over(noised)),
        pull: each(&|_, noised| unit.over(noised)),
        gain: each(&|v, noised| a.times(v).over(noised)),
        rest: each(&|_, noised| s.squared().over(noised)),
        share: each(&|v, noised| a.squared().times(v).over(noised)),
    }
}

/// The formulas in a format with unit roundoff u, for every component that may be taken for the heaviest; the union.
pub fn formulas(case: &Case, format: (f64, f64), slip: Slip) -> Formulas {
    let tables = tables(case, format, slip);
    let row = Row::new(case, &tables);
    let top = row.logits.iter().fold(f64::NEG_INFINITY, |m, l| m.max(l.centre - l.error()));
    let mut tried: Vec<&[f64]> = Vec::new();
    let mut found: Option<Formulas> = None;
    for (k, logit) in row.logits.iter().enumerate() {
        let mean = &case.theta[case.mean_at(k, 0)..case.mean_at(k, 0) + case.dimension];
        if logit.centre + logit.error() < top || tried.contains(&mean) || tried.len() == 3 {
            continue;
        }
        tried.push(mean);
        let one = row.all(k, slip);
        found = Some(match found {
            None => one,
            Some(other) => other.union(one),
        });
    }
    found.expect("a heaviest component")
}

impl Formulas {
    fn union(self, other: Formulas) -> Formulas {
        let both = |a: Vec<Ball>, b: Vec<Ball>| {
            a.iter()
                .zip(b)
                .map(|(a, b)| Ball {
                    centre: a.centre,
                    radius: a.error().max(b.error() + (a.centre - b.centre).abs()),
                })
                .collect()
        };
        Formulas {
            denoised: both(self.denoised, other.denoised),
            noise: both(self.noise, other.noise),
            pushed: both(self.pushed, other.pushed),
            pulled: both(self.pulled, other.pulled),
            gradient: both(self.gradient, other.gradient),
        }
    }
}

struct Row<'a> {
    case: &'a Case,
    tables: &'a Tables,
    delta: Vec<Vec<Ball>>,
    logits: Vec<Ball>,
    weights: Vec<Ball>,
}

impl<'a> Row<'a> {
    fn new(case: &'a Case, tables: &'a Tables) -> Self {
        let (d, minus_a) = (case.dimension, Ball::of(-case.a));
        let delta: Vec<Vec<Ball>> = (0..case.components)
            .map(|k| {
                let one = |i: usize| {
                    minus_a.mul_add(Ball::of(case.theta[case.mean_at(k, i)]), Ball::of(case.x[i]))
                };
                (0..d).map(one).collect()
            })
            .collect();
        let forms: Vec<Ball> = delta
            .iter()
            .zip(&tables.precision)
            .map(|(delta, precision)| {
                let add = |sum: Ball, (z, p): (&Ball, &Ball)| z.times(*p).mul_add(*z, sum);
                delta.iter().zip(precision).fold(Ball::of(0.0), add)
            })
            .collect();
        let near = (1..forms.len())
            .fold(0, |best, k| if forms[k].centre < forms[best].centre { k } else { best });
        // Relative to the nearest, which is 0 exactly.
        let logits: Vec<Ball> = (0..forms.len())
            .map(|k| {
                let form = forms[k].minus(forms[near]).times(Ball::of(-0.5));
                let offset = tables.offset[k].minus(tables.offset[near]);
                if k == near { Ball::of(0.0) } else { form.plus(offset) }
            })
            .collect();
        let largest = logits.iter().fold(f64::NEG_INFINITY, |m, l| m.max(l.centre));
        let raw: Vec<Ball> = logits.iter().map(|l| l.minus(Ball::of(largest)).exp()).collect();
        let total = raw.iter().fold(Ball::of(0.0), |sum, w| sum.plus(*w));
        let weights = raw.iter().map(|w| w.over(total).at_most(1.0)).collect();
        Row { case, tables, delta, logits, weights }
    }

    /// E[x₀ | x, k] − μ_h.
    fn centred(&self, heavy: usize, k: usize, i: usize) -> Ball {
        let mean = |k: usize| Ball::of(self.case.theta[self.case.mean_at(k, i)]);
        self.tables.gain[k][i].mul_add(self.delta[k][i], mean(k).minus(mean(heavy)))
    }

    fn all(&self, heavy: usize, slip: Slip) -> Formulas {
        let (case, zero) = (self.case, Ball::of(0.0));
        let (k_all, d) = (case.components, case.dimension);
        let (mut denoised, mut noise) = (vec![zero; d], vec![zero; d]);
        for k in 0..k_all {
            for i in 0..d {
                let pulled = self.tables.pull[k][i].times(self.delta[k][i]);
                denoised[i] = self.weights[k].mul_add(self.centred(heavy, k, i), denoised[i]);
                noise[i] = self.weights[k].mul_add(pulled, noise[i]);
            }
        }
        let mean = |i: usize| Ball::of(case.theta[case.mean_at(heavy, i)]);
        Formulas {
            pushed: self.push(heavy, &denoised, slip),
            pulled: self.pull(heavy, &denoised, &noise, slip),
            gradient: self.gradient(heavy, &denoised, &noise, slip),
            denoised: (0..d).map(|i| mean(i).plus(denoised[i])).collect(),
            noise,
        }
    }

    fn push(&self, heavy: usize, denoised: &[Ball], slip: Slip) -> Vec<Ball> {
        let (case, zero) = (self.case, Ball::of(0.0));
        let slopes: Vec<Ball> = (0..case.components)
            .map(|k| {
                (0..case.dimension).fold(zero, |sum, i| {
                    let precise = self.delta[k][i].times(self.tables.precision[k][i]);
                    precise.mul_add(Ball::of(case.v[i]), sum)
                })
            })
            .collect();
        let mean = self.weights.iter().zip(&slopes).fold(zero, |sum, (w, b)| w.mul_add(*b, sum));
        let mean = if slip == Slip::UncentredSoftmax { zero } else { mean };
        let entry = |i: usize| {
            (0..case.components).fold(zero, |sum, k| {
                let moved = self.weights[k].times(mean.minus(slopes[k]));
                let from_mean = if slip == Slip::UncentredSoftmax {
                    Ball::of(case.theta[case.mean_at(heavy, i)]).plus(self.centred(heavy, k, i))
                } else {
                    self.centred(heavy, k, i).minus(denoised[i])
                };
                let within = self.weights[k].times(self.tables.gain[k][i]);
                moved.mul_add(from_mean, within.mul_add(Ball::of(case.v[i]), sum))
            })
        };
        (0..case.dimension).map(entry).collect()
    }

    fn to_logit(
        &self,
        heavy: usize,
        denoised: &[Ball],
        noise: &[Ball],
        k: usize,
        slip: Slip,
    ) -> Ball {
        let case = self.case;
        let sum = (0..case.dimension).fold(Ball::of(0.0), |sum, i| {
            let (mut centred, mut pulled) = (
                self.centred(heavy, k, i).minus(denoised[i]),
                self.tables.pull[k][i].times(self.delta[k][i]).minus(noise[i]),
            );
            if slip == Slip::UncentredSoftmax {
                centred = self.centred(heavy, k, i);
                pulled = self.tables.pull[k][i].times(self.delta[k][i]);
            }
            let sum = Ball::of(case.denoised[i]).mul_add(centred, sum);
            Ball::of(case.noise[i]).mul_add(pulled, sum)
        });
        self.weights[k].times(sum)
    }

    fn pull(&self, heavy: usize, denoised: &[Ball], noise: &[Ball], slip: Slip) -> Vec<Ball> {
        let case = self.case;
        let mut out = vec![Ball::of(0.0); case.dimension];
        for k in 0..case.components {
            let slope = self.to_logit(heavy, denoised, noise, k, slip).times(Ball::of(-1.0));
            for (i, out) in out.iter_mut().enumerate() {
                let by_noise = self.tables.pull[k][i].times(Ball::of(case.noise[i]));
                let own = self.tables.gain[k][i].mul_add(Ball::of(case.denoised[i]), by_noise);
                let precise = self.delta[k][i].times(self.tables.precision[k][i]);
                *out = slope.mul_add(precise, self.weights[k].mul_add(own, *out));
            }
        }
        out
    }

    fn gradient(&self, heavy: usize, denoised: &[Ball], noise: &[Ball], slip: Slip) -> Vec<Ball> {
        let (case, t) = (self.case, self.tables);
        let mut out = vec![Ball::of(0.0); case.theta.len()];
        let a = Ball::of(if slip == Slip::MeanWithoutA { 1.0 } else { case.a });
        let half = Ball::of(if slip == Slip::CurveWithoutHalf { 1.0 } else { 0.5 });
        for k in 0..case.components {
            let logit = self.to_logit(heavy, denoised, noise, k, slip);
            out[k] = logit;
            for i in 0..case.dimension {
                let (v, w) = (Ball::of(case.denoised[i]), Ball::of(case.noise[i]));
                let (delta, precise) =
                    (self.delta[k][i], self.delta[k][i].times(t.precision[k][i]));
                let by_noise = a.times(t.pull[k][i]).times(w).times(Ball::of(-1.0));
                let own = t.rest[k][i].mul_add(v, by_noise);
                out[case.mean_at(k, i)] =
                    logit.mul_add(a.times(precise), self.weights[k].times(own));
                let data = t.gain[k][i].times(t.rest[k][i]).times(v);
                let fall = t.pull[k][i].times(t.share[k][i]).times(Ball::of(-1.0));
                let own = self.weights[k].times(delta.times(fall.mul_add(w, data)));
                let excess = precise.mul_add(delta, Ball::of(-1.0));
                let term = half.times(t.share[k][i]).times(logit).times(excess).plus(own);
                let at = case.log_variance_at(k, i);
                out[at] = out[at].plus(term);
            }
        }
        out
    }
}
