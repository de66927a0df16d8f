//! Attacks on a sampler: perturbations of its states, a budget a step, and how far the end moves.
//!
//! Floor 5. Uses `attack`, `arith`, `channel`, `denoiser`, `error`, and `sampler`, of the same floor, which uses nothing
//! of this room. Spec: E4, T8, N3.

use std::cell::Cell;

use ndarray::{Array1, Array2, ArrayView2};

use super::exact::floor_to;
use super::norm::Norm;
use super::pgd::perturb_at;
use super::random::Address;
use super::settings::Attack;
use crate::arith::Real;
use crate::channel::{Channel, Steps};
use crate::denoiser::Denoiser;
use crate::error::{Error, Result};
use crate::objective::consistency::perturbed;
use crate::sampler::{End, Method, Options, Run, sample};

/// The states that are perturbed. State k is the one that step k starts from, at channel k of the table: 0 is the
/// start, the last (with `End::Data`) the one whose D̂ is the result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Chosen {
    /// Every one.
    #[default]
    All,
    /// These.
    States(Vec<usize>),
}

/// An attack on a run.
#[derive(Clone, Debug, PartialEq)]
pub struct TrajectoryAttack {
    /// How each perturbation is found: against the denoiser at the state's channel, from the state that the attacks
    /// before it left.
    pub attack: Attack,
    /// The radius at every chosen state, in the attack's units (noise units: times s). Finite, at least 0.
    pub eps: f64,
    /// Which states.
    pub chosen: Chosen,
}

/// A run with the attack and without, from the same start with the same noise.
#[derive(Clone, Debug, PartialEq)]
pub struct Displaced<T> {
    /// Without.
    pub clean: Run<T>,
    /// With.
    pub attacked: Run<T>,
    /// ‖attacked end − clean end‖₂, n numbers (`Norm::of` of the difference in the scalar).
    pub displacement: Array1<f64>,
    /// How many states were perturbed.
    pub perturbed: usize,
}

/// [`sample`] twice, once with the attack: how far the end is displaced.
///
/// At a chosen state k the perturbation ω of the attack, ‖ω_i‖ ≤ `eps` in real arithmetic, makes x + s·ω (or x + ω in
/// input units) the state. Random starts are drawn from the same seed in stream 2⁴⁷ + k, apart from the sampler's. An
/// intervention among the options acts in both runs, before the attack; progress counts both runs.
///
/// The bits are the same for any number of threads, and the first n points are those of a larger run. Cost over two
/// plain runs: at each chosen state, one prediction and what `Attack::perturb` says.
///
/// Spec: E4, N3. Errors: `Error::Domain` where `eps` is not a finite number of at least 0 that the scalar holds;
/// `Error::Entry` where a chosen state does not exist; those of `sample` and of `Attack::perturb`.
pub fn displace<T: Real, D: Denoiser<T> + ?Sized>(
    denoiser: &D,
    steps: &Steps,
    method: Method,
    n: usize,
    seed: u64,
    options: &Options<'_, T>,
    plan: &TrajectoryAttack,
) -> Result<Displaced<T>> {
    let states = steps.channels().len().saturating_sub(usize::from(options.end == End::LastLevel));
    plan.chosen.check::<T>(plan.eps, states)?;
    let moved = |k: usize, channel: Channel, state: Array2<T>| {
        plan.moved(denoiser, channel, state, seed, k)
    };
    displaced_by((denoiser, steps, method), n, seed, options, &plan.chosen, &moved)
}

/// What becomes of the state k at its channel.
pub(super) type Moved<'a, T> = dyn Fn(usize, Channel, Array2<T>) -> Result<Array2<T>> + 'a;

/// [`sample`] twice, once with what `moved` makes of the chosen states, which exist.
pub(super) fn displaced_by<T: Real, D: Denoiser<T> + ?Sized>(
    (denoiser, steps, method): (&D, &Steps, Method),
    n: usize,
    seed: u64,
    options: &Options<'_, T>,
    chosen: &Chosen,
    moved: &Moved<'_, T>,
) -> Result<Displaced<T>> {
    let clean = sample(denoiser, steps, method, n, seed, options)?;
    let perturbed = Cell::new(0);
    let intervene = |k: usize, channel: Channel, state: ArrayView2<'_, T>| {
        let before = match options.intervene {
            Some(other) => other(k, channel, state)?,
            None => None,
        };
        if !chosen.contains(k) {
            return Ok(before);
        }
        perturbed.set(perturbed.get() + 1);
        moved(k, channel, before.unwrap_or_else(|| state.to_owned())).map(Some)
    };
    let told = Options { intervene: Some(&intervene), ..options.clone() };
    let attacked = sample(denoiser, steps, method, n, seed, &told)?;
    let ends = attacked.points.rows().into_iter().zip(clean.points.rows());
    let displacement = ends
        .map(|(end, other)| {
            let difference: Vec<T> = end.iter().zip(other).map(|(x, y)| *x - *y).collect();
            Norm::L2.of(&difference)
        })
        .collect();
    Ok(Displaced { clean, attacked, displacement, perturbed: perturbed.get() })
}

impl Chosen {
    fn contains(&self, k: usize) -> bool {
        match self {
            Chosen::All => true,
            Chosen::States(states) => states.contains(&k),
        }
    }

    /// Errors where the radius is not one of the scalar's, or a chosen state is not among so many.
    pub(super) fn check<T: Real>(&self, eps: f64, states: usize) -> Result<()> {
        if !(eps >= 0.0 && eps <= T::MAX.to_f64()) {
            return Err(Error::Domain {
                what: "eps",
                value: eps,
                expected: "a finite number of the scalar, at least 0",
            });
        }
        let Chosen::States(chosen) = self else { return Ok(()) };
        match chosen.iter().enumerate().find(|(_, state)| **state >= states) {
            None => Ok(()),
            Some((i, &state)) => Err(Error::Entry {
                what: "chosen states",
                index: vec![i],
                value: state as f64,
                expected: "the index of a state that a step starts from",
            }),
        }
    }
}

impl TrajectoryAttack {
    /// The perturbed state.
    fn moved<T: Real, D: Denoiser<T> + ?Sized>(
        &self,
        denoiser: &D,
        channel: Channel,
        state: Array2<T>,
        seed: u64,
        k: usize,
    ) -> Result<Array2<T>> {
        let radii = vec![floor_to(self.eps); state.nrows()];
        let address = Address { seed, stream: (1 << 47) + k as u64, first_row: 0 };
        let found = perturb_at(&self.attack, denoiser, channel, state.view(), &radii, address)?;
        let channels = vec![channel; state.nrows()];
        let units = self.attack.settings().units;
        perturbed(&channels, units, state.view(), found.perturbation.view())
    }
}
