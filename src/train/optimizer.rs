//! Adam and AdamW, clipping, the average of the weights, and the learning rate as a function of the step.
//!
//! Floor 5. Uses `arith`, `error`. Spec: N3.
//!
//! Every parameter is updated by the same operations whatever its neighbours are, so threads change no bit.

use std::str::FromStr;

use rayon::prelude::*;

use crate::arith::scalar::sin_cos_turns;
use crate::arith::wide::Wide;
use crate::arith::{Isa, Kernel, MulAdd, Real, sum_by_parallel};
use crate::error::{Error, Result};

/// Parameters that one thread updates at a time.
const CHUNK: usize = 4096;

/// How the learning rate goes with the step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decay {
    /// η after the warm-up.
    Constant,
    /// η·(1 − p), p the part of the steps after the warm-up that is done.
    Linear,
    /// η·(1 + cos πp)/2 (Loshchilov and Hutter 2017).
    Cosine,
}

impl Decay {
    /// All of them.
    pub const ALL: [Decay; 3] = [Decay::Constant, Decay::Linear, Decay::Cosine];

    /// The name that `from_str` reads.
    pub fn name(self) -> &'static str {
        match self {
            Decay::Constant => "constant",
            Decay::Linear => "linear",
            Decay::Cosine => "cosine",
        }
    }
}

impl FromStr for Decay {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Decay::ALL.into_iter().find(|decay| decay.name() == name).ok_or_else(|| Error::Unknown {
            what: "learning-rate schedule",
            name: name.to_string(),
            expected: Decay::ALL.map(Decay::name).join(", "),
        })
    }
}

/// The settings of an optimiser; `Settings::check` says their domains.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// η.
    pub learning_rate: f64,
    /// Steps over which the rate rises linearly from η/(warm-up + 1) to η.
    pub warmup: u64,
    /// How it falls afterwards.
    pub decay: Decay,
    /// β₁.
    pub beta1: f64,
    /// β₂.
    pub beta2: f64,
    /// What is added to √v̂.
    pub epsilon: f64,
    /// The weight decay that is taken from the weights themselves (AdamW); 0 is Adam.
    pub weight_decay: f64,
    /// The largest norm of a gradient; a longer one is scaled to it. 0: none is.
    pub clip: f64,
    /// The average is e ← e + (1 − κ)(θ − e), κ this number; 0 keeps the weights themselves.
    pub average: f64,
}

impl Settings {
    /// Errors: `Error::Domain` with the setting at fault.
    pub fn check(&self) -> Result<()> {
        let at_least_zero = [
            ("learning_rate", self.learning_rate),
            ("weight_decay", self.weight_decay),
            ("clip", self.clip),
        ];
        for (what, value) in at_least_zero {
            if !(value.is_finite() && value >= 0.0) {
                return Err(Error::Domain { what, value, expected: "a finite number, at least 0" });
            }
        }
        for (what, value) in
            [("beta1", self.beta1), ("beta2", self.beta2), ("average", self.average)]
        {
            if !(0.0..1.0).contains(&value) {
                return Err(Error::Domain { what, value, expected: "a number in [0, 1)" });
            }
        }
        if !(self.epsilon.is_finite() && self.epsilon > 0.0) {
            return Err(Error::Domain {
                what: "epsilon",
                value: self.epsilon,
                expected: "a finite number above 0",
            });
        }
        Ok(())
    }

    /// 1/(1 − β₁^(k+1)), 1/(1 − β₂^(k+1)) and the learning rate of step k of `steps`, k from 0.
    pub fn of_step(&self, step: u64, steps: u64) -> [f64; 3] {
        let count = step + 1;
        [
            1.0 / one_less_power(self.beta1, count),
            1.0 / one_less_power(self.beta2, count),
            self.rate(step, steps),
        ]
    }

    /// The learning rate of step k of `steps`, k from 0.
    pub fn rate(&self, step: u64, steps: u64) -> f64 {
        if step < self.warmup {
            return self.learning_rate * ((step + 1) as f64 / (self.warmup + 1) as f64);
        }
        let done = (step - self.warmup) as f64 / (steps.saturating_sub(self.warmup)).max(1) as f64;
        match self.decay {
            Decay::Constant => self.learning_rate,
            Decay::Linear => self.learning_rate * (1.0 - done),
            Decay::Cosine => {
                let (_, cosine) = sin_cos_turns(done / 2.0);
                self.learning_rate * (0.5 + 0.5 * cosine)
            }
        }
    }
}

/// The moments and the average of a model's weights.
#[derive(Clone, Debug, PartialEq)]
pub struct State<T> {
    /// Steps done.
    pub step: u64,
    /// m.
    pub first: Vec<T>,
    /// v.
    pub second: Vec<T>,
    /// e.
    pub average: Vec<T>,
}

impl<T: Real> State<T> {
    /// Before the first step: zero moments, the weights as their own average.
    pub fn new(parameters: &[T]) -> Self {
        let zeros = vec![T::ZERO; parameters.len()];
        State { step: 0, first: zeros.clone(), second: zeros, average: parameters.to_vec() }
    }

    /// One step on the parameters; returns the norm of the gradient before clipping.
    ///
    /// g ← g·min(1, clip/‖g‖); m ← β₁m + (1 − β₁)g; v ← β₂v + (1 − β₂)g²;
    /// θ ← θ − η·(m̂/(√v̂ + ε) + wθ), m̂ = m/(1 − β₁ᵏ) and v̂ = v/(1 − β₂ᵏ); e ← e + (1 − κ)(θ − e).
    /// (Kingma and Ba 2015; Loshchilov and Hutter 2019.) The numbers of a step are computed in f64, the norm too.
    /// Errors: `Error::NotFinite` where the norm is not finite; nothing has changed then.
    pub fn advance(
        &mut self,
        settings: &Settings,
        steps: u64,
        parameters: &mut [T],
        gradient: &[T],
    ) -> Result<f64> {
        let norm = sum_by_parallel(gradient.len(), |i| {
            let g = gradient[i].to_f64();
            g * g
        })
        .sqrt();
        if !norm.is_finite() {
            return Err(Error::NotFinite {
                what: "gradient's norm",
                index: Vec::new(),
                value: norm,
            });
        }
        let clipped = settings.clip > 0.0 && norm > settings.clip;
        let count = self.step + 1;
        let [first, second, rate] = settings.of_step(self.step, steps).map(T::from_f64);
        let update = Update {
            shrink: T::from_f64(if clipped { settings.clip / norm } else { 1.0 }),
            beta1: T::from_f64(settings.beta1),
            one_less_beta1: T::from_f64(1.0 - settings.beta1),
            beta2: T::from_f64(settings.beta2),
            one_less_beta2: T::from_f64(1.0 - settings.beta2),
            first,
            second,
            epsilon: T::from_f64(settings.epsilon),
            rate,
            decay: T::from_f64(settings.weight_decay),
            one_less_average: T::from_f64(1.0 - settings.average),
        };
        parameters
            .par_chunks_mut(CHUNK)
            .zip(gradient.par_chunks(CHUNK))
            .zip(self.first.par_chunks_mut(CHUNK))
            .zip(self.second.par_chunks_mut(CHUNK))
            .zip(self.average.par_chunks_mut(CHUNK))
            .for_each(|((((theta, g), m), v), e)| {
                Isa::best().run(Advance { update: &update, theta, g, m, v, e });
            });
        self.step = count;
        Ok(norm)
    }
}

/// 1 − βᵏ, without cancellation for β near 1.
fn one_less_power(beta: f64, count: u64) -> f64 {
    if beta == 0.0 {
        return 1.0;
    }
    let exponent = Wide::new(beta).ln().times(Wide::new(count as f64));
    if exponent.to_f64() < -50.0 {
        // βᵏ is below 2⁻⁷²: 1 − βᵏ rounds to 1.
        return 1.0;
    }
    exponent.exp_m1().negated().to_f64()
}

/// The numbers of one step.
#[derive(Clone, Copy)]
struct Update<T> {
    shrink: T,
    beta1: T,
    one_less_beta1: T,
    beta2: T,
    one_less_beta2: T,
    first: T,
    second: T,
    epsilon: T,
    rate: T,
    decay: T,
    one_less_average: T,
}

struct Advance<'a, T> {
    update: &'a Update<T>,
    theta: &'a mut [T],
    g: &'a [T],
    m: &'a mut [T],
    v: &'a mut [T],
    e: &'a mut [T],
}

impl<T: Real> Kernel for Advance<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<M: MulAdd>(self) {
        let u = self.update;
        let places = self.theta.iter_mut().zip(self.g).zip(self.m).zip(self.v).zip(self.e);
        for ((((theta, &g), m), v), e) in places {
            let g = u.shrink * g;
            *m = M::mul_add(u.beta1, *m, u.one_less_beta1 * g);
            *v = M::mul_add(u.beta2, *v, u.one_less_beta2 * (g * g));
            let step = (u.first * *m) / ((u.second * *v).sqrt() + u.epsilon);
            *theta = M::mul_add(-u.rate, M::mul_add(u.decay, *theta, step), *theta);
            *e = M::mul_add(u.one_less_average, *theta - *e, *e);
        }
    }
}
