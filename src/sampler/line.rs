//! The law that a sampler generates on the line for any denoiser, by quadrature: T8 where no recursion closes.
//!
//! A step is x' = m(x) + c·z, m(x) = state·x + denoised·D̂(x) + noise·ε̂(x), so p'(y) = ∫ p(x)·N(y; m(x), c²) dx. The trapezoid rule on
//! nodes h apart errs by the integrand's spectrum beyond 2π/h. p carries the noise c₋ of the step before and so falls in
//! frequency k at least as e^(−c₋²k²/2); the kernel, where m has slope m', as e^(−(c/m')²k²/2); their product as that of the variance
//! 1/(1/c₋² + m'²/c²). With h = min(c₋, c)/R, R = 4, the error is within 2·exp(−2π²R²/(1 + m'²)) of the
//! integral of |p·N|: 2e-17 for slopes up to 2.6. Steeper slopes occur between modes that are far apart, where p is smallest, and
//! kinks of a denoiser on a grid cost h² times what they bend.
//!
//! Floor 5. Uses `arith`, `channel`, `denoiser`, `error`. Spec: T8.

use std::f64::consts::TAU;

use ndarray::{Array1, Array2};

use super::Method;
use super::run::{End, prior_deviation};
use super::step::{Step, TO_DATA, Weights};
use crate::arith::scalar::exp;
use crate::arith::sum;
use crate::channel::{Channel, Steps};
use crate::denoiser::{Denoiser, Prediction};
use crate::error::{Error, Result};

/// Nodes a deviation of the narrower of the two noises that meet at a level.
const NODES_A_DEVIATION: f64 = 4.0;
/// Deviations to either side: 2·10⁻¹⁷ of a normal is beyond.
const REACH: f64 = 8.5;
/// The most nodes of a level.
const MOST_NODES: f64 = 1e6;
/// Masses of nodes below this are left out: no more than 10⁻¹⁶ in all.
const LEAST_MASS: f64 = 1e-22;

/// A law on the line as masses: node i has the value `values[i]`, and its mass lies evenly between its ends.
///
/// Means over the nodes are the trapezoid rule's. [`LineLaw::below`] takes the density as even within a cell, which errs by O(h²).
#[derive(Clone, Debug, PartialEq)]
pub struct LineLaw {
    values: Vec<f64>,
    masses: Vec<f64>,
    ends: Vec<[f64; 2]>,
}

impl LineLaw {
    /// The values that carry the masses.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The masses; their sum is 1 to some 1e-15.
    pub fn masses(&self) -> &[f64] {
        &self.masses
    }

    /// The mean.
    pub fn mean(&self) -> f64 {
        self.average(|x| x)
    }

    /// The variance.
    pub fn variance(&self) -> f64 {
        let mean = self.mean();
        self.average(|x| (x - mean) * (x - mean))
    }

    /// P(X ≤ x).
    pub fn below(&self, x: f64) -> f64 {
        let parts = self.ends.iter().zip(&self.masses).map(|(&[low, high], &mass)| {
            if x >= high {
                mass
            } else if x <= low {
                0.0
            } else {
                mass * ((x - low) / (high - low))
            }
        });
        sum(&parts.collect::<Vec<f64>>())
    }

    /// E f(X).
    pub fn average(&self, f: impl Fn(f64) -> f64) -> f64 {
        let terms: Vec<f64> =
            self.values.iter().zip(&self.masses).map(|(&x, &mass)| mass * f(x)).collect();
        sum(&terms)
    }

    /// The least and the largest end of a cell.
    pub fn range(&self) -> [f64; 2] {
        self.ends.iter().fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], ends| {
            [low.min(ends[0]), high.max(ends[1])]
        })
    }
}

/// The law of the last state of `sample` with this denoiser, table, method and end, from its standard start.
///
/// Spec: T8. Errors: those of `Method::step` and of the denoiser; `Error::Shape` where its dimension is not 1; `Error::Unknown` for a
/// method with a step that has no noise of its own (DDIM with η = 0, Euler, Heun); `Error::Domain` where more than 10⁶ nodes would
/// be needed.
pub fn law_on_line<D: Denoiser<f64> + ?Sized>(
    denoiser: &D,
    steps: &Steps,
    method: Method,
    end: End,
) -> Result<LineLaw> {
    if denoiser.dimension() != 1 {
        return Err(Error::Shape {
            what: "denoiser",
            found: vec![denoiser.dimension()],
            expected: "dimension 1".into(),
        });
    }
    let channels = steps.channels();
    let moves: Result<Vec<Weights>> =
        channels.windows(2).map(|pair| noisy(method, pair[0], pair[1])).collect();
    let moves = moves?;
    let deviation = prior_deviation(steps.first());
    let mut nodes = Nodes::over([-REACH * deviation, REACH * deviation], deviation, moves.first())?;
    for (x, p) in nodes.places.iter().zip(&mut nodes.density) {
        *p = normal(*x, deviation);
    }
    for (k, (weights, &channel)) in moves.iter().zip(channels).enumerate() {
        nodes = nodes.after(denoiser, channel, weights, moves.get(k + 1))?;
    }
    nodes.ended(denoiser, channels.last().copied().unwrap_or(steps.first()), end)
}

/// A step's weights, where it has noise of its own.
fn noisy(method: Method, from: Channel, to: Channel) -> Result<Weights> {
    match method.step(from, to)? {
        Step::Single(weights) if weights.random > 0.0 => Ok(weights),
        _ => Err(Error::Unknown {
            what: "sampler with noise in every step",
            name: method.to_string(),
            expected: "ancestral, ddim:ETA with ETA above 0, euler-maruyama".into(),
        }),
    }
}

/// N(x; 0, σ²).
fn normal(x: f64, deviation: f64) -> f64 {
    let z = x / deviation;
    exp(-0.5 * z * z) / (deviation * TAU.sqrt())
}

/// A density at evenly spaced places.
struct Nodes {
    spacing: f64,
    places: Vec<f64>,
    density: Vec<f64>,
}

impl Nodes {
    /// No density yet, on this interval; `noise` is the deviation of the noise that the law carries, `next` the step that follows.
    fn over([low, high]: [f64; 2], noise: f64, next: Option<&Weights>) -> Result<Nodes> {
        let narrow = next.map_or(noise, |weights| noise.min(weights.random));
        let wanted = (high - low) / narrow * NODES_A_DEVIATION;
        // Not finite where a state has left the range.
        if wanted.is_nan() || wanted > MOST_NODES {
            return Err(Error::Domain {
                what: "nodes that the noise of a step asks for",
                value: wanted,
                expected: "at most 1e6",
            });
        }
        let cells = wanted.ceil().max(1.0);
        let spacing = (high - low) / cells;
        let places: Vec<f64> =
            (0..=cells as usize).map(|i| spacing.mul_add(i as f64, low)).collect();
        Ok(Nodes { spacing, density: vec![0.0; places.len()], places })
    }

    fn after<D: Denoiser<f64> + ?Sized>(
        &self,
        denoiser: &D,
        channel: Channel,
        weights: &Weights,
        next: Option<&Weights>,
    ) -> Result<Nodes> {
        let means = moved(denoiser, channel, weights, &self.places)?;
        let reach = REACH * weights.random;
        let carrying =
            || means.iter().zip(&self.density).filter(|(_, p)| **p * self.spacing > LEAST_MASS);
        let low = carrying().fold(f64::INFINITY, |low, (m, _)| low.min(*m)) - reach;
        let high = carrying().fold(f64::NEG_INFINITY, |high, (m, _)| high.max(*m)) + reach;
        let mut after = Nodes::over([low, high], weights.random, next)?;
        let last = after.places.len() - 1;
        for (&mean, &p) in carrying() {
            let at = |y: f64| ((y - low) / after.spacing).clamp(0.0, last as f64);
            let (from, to) = (at(mean - reach).floor() as usize, at(mean + reach).ceil() as usize);
            let mass = p * self.spacing;
            let places = &after.places[from..=to];
            for (y, density) in places.iter().zip(&mut after.density[from..=to]) {
                *density = mass.mul_add(normal(y - mean, weights.random), *density);
            }
        }
        Ok(after)
    }

    fn ended<D: Denoiser<f64> + ?Sized>(
        &self,
        denoiser: &D,
        channel: Channel,
        end: End,
    ) -> Result<LineLaw> {
        let half = 0.5 * self.spacing;
        let mut edges: Vec<f64> = self.places.iter().map(|x| x - half).collect();
        edges.extend(self.places.last().map(|x| x + half));
        let mut values = self.places.clone();
        if let (End::Data, Step::Single(weights)) = (end, TO_DATA) {
            values = moved(denoiser, channel, &weights, &values)?;
            edges = moved(denoiser, channel, &weights, &edges)?;
        }
        let ends = edges.windows(2).map(|e| [e[0].min(e[1]), e[0].max(e[1])]).collect();
        let masses = self.density.iter().map(|p| p * self.spacing).collect();
        Ok(LineLaw { values, masses, ends })
    }
}

/// m(x) at each place.
fn moved<D: Denoiser<f64> + ?Sized>(
    denoiser: &D,
    channel: Channel,
    weights: &Weights,
    places: &[f64],
) -> Result<Vec<f64>> {
    let x: Array2<f64> = Array1::from(places.to_vec()).insert_axis(ndarray::Axis(1));
    let Prediction { denoised, noise } = denoiser.predict(channel, x.view())?;
    let each = places.iter().zip(denoised.iter()).zip(noise.iter());
    Ok(each
        .map(|((x, d), e)| weights.state * x + weights.denoised * d + weights.noise * e)
        .collect())
}
