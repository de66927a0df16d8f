//! What training settles at, also against an attack: the minimiser for the perturbations that the attack makes against that very
//! minimiser.
//!
//! Training takes ω as given when it descends, so it rests where the loss with ω as it is has no slope, and not at a min–max
//! optimum. The attack's signs jump, so there it may be a mixture of two attacks that has no slope, as a descent in small
//! steps finds it. So here, round by round, a share 2/(n + 2) of the perturbations is replaced by what the attack now
//! makes of their starts, and D̂ is the minimiser for all (fictitious play: Brown 1951). Among affine maps ω depends on
//! its start alone, and what is mixed is its covariance T. Starts stand on a lattice of the box.
//!
//! Floor 5. Uses `arith`, `attack`, `channel`, `denoiser`, `error`, `law`, `objective`, `optimum`. Spec: E2, E3, E6, E7.

use ndarray::{Array2, ArrayView1, ArrayView2, Axis, concatenate};
use rayon::prelude::*;

use super::field::Field;
use super::given::minimiser_given;
use super::grid::{Grid, Sampled};
use super::moments::Moments;
use super::quadratic::{Quadratic, Spread};
use crate::arith::fill_uniform;
use crate::arith::scalar::exp;
use crate::attack::{Attack, Norm, Shape};
use crate::channel::Channel;
use crate::denoiser::{Affine, AtLevel, Denoiser, Levelled};
use crate::error::{Error, Result};
use crate::law::Mixture;
use crate::objective::{Constraint, Units};

/// What training at one level has of its constraint, in noise units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settling {
    /// Equivariance or invariance.
    pub constraint: Constraint,
    /// λ.
    pub lambda: f64,
    /// r.
    pub radius: f64,
    /// One gradient step or several, from a start uniform in the box; none: ω is that start.
    pub attack: Option<Attack>,
    /// Starts a coordinate: the midpoints of so many parts of [−r, r].
    pub starts: usize,
    /// The most rounds.
    pub rounds: usize,
}

/// Where training settles, over all functions.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// D̂ at the nodes of the grid.
    pub field: Field,
    /// √(E‖D̂ − D̂'‖²), D̂' the minimiser for the attack on D̂ alone: 0 where that attack is the one that D̂ is for, and otherwise what one
    /// more round could move, were all replaced.
    pub unsettled: f64,
    /// Rounds.
    pub rounds: usize,
}

impl Settling {
    /// The equilibrium over all functions for a law at a channel, from its exact denoiser.
    ///
    /// Beside `unsettled` the grid's own error is O(h²) where D̂ is smooth, as for [`super::finite_radius()`]. The same bits for any
    /// number of threads. Errors: `Error::Domain` where the radius is not above 0, or there is no start or no round; `Error::Unknown`
    /// where the attack has other units, another norm or start than the box, or restarts; those of [`minimiser_given`] and
    /// of the attack; for invariance `Error::NotFinite` where a is 0. Spec: E6, E7.
    pub fn over_functions(&self, law: &Mixture, channel: Channel, grid: &Grid) -> Result<Settled> {
        let starts = self.starts(law.dimension())?;
        let exact = Sampled::of_law(&law.through::<f64>(channel)?, grid)?;
        let sampled = self.target(&exact, channel)?;
        let minimiser = |omega: &Array2<f64>| {
            let moved = omega.mapv(|w| channel.s() * w);
            let found = minimiser_given(&sampled, self.lambda, moved.view())?.values;
            Field::new(grid.clone(), channel, self.denoised(found, channel, grid))
        };
        let mut field = Field::new(grid.clone(), channel, exact.target().to_owned())?;
        let mut omega = self.attacked_everywhere(&field, channel, grid, starts.view())?;
        for round in 1..=self.rounds {
            field = minimiser(&omega)?;
            let answer = self.attacked_everywhere(&field, channel, grid, starts.view())?;
            if answer == omega {
                return Ok(Settled { field, unsettled: 0.0, rounds: round });
            }
            if round == self.rounds {
                let unsettled = apart(&exact, field.values(), minimiser(&answer)?.values());
                return Ok(Settled { field, unsettled, rounds: round });
            }
            replace(&mut omega, &answer, round);
        }
        Err(Error::Domain { what: "rounds", value: 0.0, expected: "at least 1" })
    }

    /// T, r² included, of the equilibrium among affine maps for a law of these moments at a channel, and the norm of its change by one
    /// more round, were all replaced, over r². D̂ is then that of `Perturbation::Covariance`.
    ///
    /// The region of starts with one sign is known to a part of the lattice: T is off by O(r²/starts). Errors: as
    /// [`Settling::over_functions`], and those of [`Quadratic`]. Spec: E2, E3, E7.
    pub fn among_affine(&self, moments: &Moments, channel: Channel) -> Result<(Spread, f64)> {
        let d = moments.dimension();
        let starts = self.starts(d)?;
        let quadratic =
            Quadratic::new(moments, (self.constraint, Units::Noise), self.lambda, channel)?;
        let weights = vec![1.0 / starts.nrows() as f64; starts.nrows()];
        let square = self.radius * self.radius;
        // At a·m both predictions are those of no perturbation.
        let x = moments.mean().mapv(|m| channel.a() * m);
        let mut spread = Spread::isotropic(d, square);
        for round in 0..self.rounds {
            let matrix = quadratic.minimiser(&spread)?.denoised;
            let denoiser = Affine::fixed(moments.mean(), matrix.view())?;
            let omega = self.attacked(&denoiser, channel, x.view(), starts.view())?;
            let answer = Spread::of_points(omega.view(), &weights)?;
            let change = &answer.matrix() - &spread.matrix();
            let unsettled =
                change.iter().fold(0.0_f64, |sum, t| t.mul_add(*t, sum)).sqrt() / square;
            if unsettled == 0.0 || round + 1 == self.rounds {
                return Ok((spread, unsettled));
            }
            let mixed = &spread.matrix() + &(change * share(round));
            spread = Spread::covariance(mixed.view())?;
        }
        Err(Error::Domain { what: "rounds", value: 0.0, expected: "at least 1" })
    }

    /// The midpoints of the parts of the box.
    fn starts(&self, d: usize) -> Result<Array2<f64>> {
        let fits = |attack: &Attack| {
            let told = attack.settings();
            let start = told.random_start == Some(Shape::Ball(Norm::Linf));
            start && told.norm == Norm::Linf && told.units == Units::Noise && told.restarts == 1
        };
        if let Some(attack) = self.attack.filter(|attack| !fits(attack)) {
            return Err(Error::Unknown {
                what: "attack of an equilibrium",
                name: format!("{:?}", attack.settings()),
                expected: "the box, one start uniform in it, noise units".into(),
            });
        }
        for (what, value) in [("radius", self.radius), ("starts", self.starts as f64)] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(Error::Domain { what, value, expected: "a finite number above 0" });
            }
        }
        let n = self.starts;
        let place = |k: usize| self.radius * ((2 * k + 1) as f64 / n as f64 - 1.0);
        let power = |j: usize| n.pow((d - 1 - j) as u32);
        Ok(Array2::from_shape_fn((n.pow(d as u32), d), |(m, j)| place(m / power(j) % n)))
    }

    /// f*: D* for equivariance (E1), and for invariance ε* = (x − a·D*)/s, which is what it asks not to change.
    fn target(&self, exact: &Sampled, channel: Channel) -> Result<Sampled> {
        let (a, s) = (channel.a(), channel.s());
        let target = match self.constraint {
            Constraint::Equivariance => exact.target().to_owned(),
            Constraint::Invariance => (exact.grid().nodes() - &exact.target().mapv(|d| a * d)) / s,
        };
        Sampled::new(exact.grid().clone(), exact.log_density().to_vec(), target)
    }

    /// D̂ from f.
    fn denoised(&self, f: Array2<f64>, channel: Channel, grid: &Grid) -> Array2<f64> {
        match self.constraint {
            Constraint::Equivariance => f,
            Constraint::Invariance => (grid.nodes() - f * channel.s()) / channel.a(),
        }
    }

    /// ω for every node and start, node by node.
    fn attacked_everywhere(
        &self,
        field: &Field,
        channel: Channel,
        grid: &Grid,
        starts: ArrayView2<'_, f64>,
    ) -> Result<Array2<f64>> {
        let nodes = grid.nodes();
        let of_node = |i: usize| self.attacked(field, channel, nodes.row(i), starts);
        let found: Vec<Result<Array2<f64>>> =
            (0..grid.len()).into_par_iter().map(of_node).collect();
        let found = found.into_iter().collect::<Result<Vec<_>>>()?;
        let views: Vec<ArrayView2<'_, f64>> = found.iter().map(|omega| omega.view()).collect();
        concatenate(Axis(0), &views).map_err(|_| Error::Empty { what: "grid", expected: "a node" })
    }

    /// ω from every start at one point.
    fn attacked<D: Denoiser<f64> + ?Sized>(
        &self,
        denoiser: &D,
        channel: Channel,
        x: ArrayView1<'_, f64>,
        starts: ArrayView2<'_, f64>,
    ) -> Result<Array2<f64>> {
        let Some(attack) = &self.attack else {
            return Ok(starts.to_owned());
        };
        let points = Array2::from_shape_fn(starts.dim(), |(_, j)| x[j]);
        let local = AtLevel::new(denoiser, channel, points.nrows());
        let clean = local.predict(points.view())?;
        let radii = vec![self.radius; points.nrows()];
        let found = attack.perturb_from(&local, points.view(), &clean, &radii, starts)?;
        Ok(found.perturbation)
    }
}

/// The share of perturbations that is replaced after a round.
fn share(round: usize) -> f64 {
    2.0 / (round as f64 + 2.0)
}

/// Replaces each perturbation with the round's probability, by numbers that depend on the round and its place alone.
fn replace(omega: &mut Array2<f64>, answer: &Array2<f64>, round: usize) {
    let mut chance = vec![0.0_f64; omega.nrows()];
    fill_uniform(0, round as u64, 0, &mut chance);
    for (n, chance) in chance.iter().enumerate() {
        if *chance < share(round) {
            omega.row_mut(n).assign(&answer.row(n));
        }
    }
}

/// √(Σp·‖f − g‖²/Σp).
fn apart(sampled: &Sampled, f: ArrayView2<'_, f64>, g: ArrayView2<'_, f64>) -> f64 {
    let log = sampled.log_density();
    let top = log.iter().fold(f64::NEG_INFINITY, |m, &v| m.max(v));
    let (mut total, mut mass) = (0.0, 0.0);
    for (i, log) in log.iter().enumerate() {
        let p = exp(log - top);
        mass += p;
        let square: f64 = f.row(i).iter().zip(g.row(i)).map(|(f, g)| (f - g) * (f - g)).sum();
        total += p * square;
    }
    (total / mass).sqrt()
}
