//! An attacker who looks ahead: perturbations of a sampler's states chosen for what they do to the end of the run, averaged
//! over the noise that the sampler has yet to draw.
//!
//! Against a sampler that adds noise, an attack on one draw of it may overfit that draw. Here the gradient is the mean over
//! the attacker's own draws, which are not the sampler's (expectation over transformation: Athalye et al. 2018).
//!
//! Floor 5. Uses `attack`, `arith`, `channel`, `denoiser`, `error`, and `sampler`. Spec: E4, T8, N3.

use ndarray::{Array2, ArrayView2};

use super::exact::floor_to;
use super::norm::Norm;
use super::random::{Address, Shape};
use super::trajectory::{Chosen, Displaced, displaced_by};
use crate::arith::Real;
use crate::channel::{Channel, Steps};
use crate::denoiser::Denoiser;
use crate::error::{Error, Result};
use crate::objective::Units;
use crate::objective::consistency::perturbed;
use crate::sampler::{Method, Options, Record, Start, Step, Weights, sample};

/// An attack that looks ahead, in noise units.
#[derive(Clone, Debug, PartialEq)]
pub struct LookAhead {
    /// The ball of ω at every chosen state.
    pub norm: Norm,
    /// Its radius, finite and at least 0.
    pub eps: f64,
    /// Which states.
    pub chosen: Chosen,
    /// Draws of the rest of the run over which a gradient is averaged, at least 1.
    pub draws: usize,
}

/// [`sample`] twice, with the attack and without, from the same start with the same noise.
///
/// At a chosen state k: ω₀ uniform in the ball; for each of the attacker's draws the rest of the run is carried out from x
/// and from x + s·ω₀ with the same noise, and the gradient in ω of ½‖difference of the ends‖² is carried back through the
/// steps, g_j = w_x·g + (w_D − w_ε·a/s)·∇D̂ᵀg + (w_ε/s)·g. ω is the point of the ball furthest along the mean gradient.
///
/// Spec: E4, N3. Errors: `Error::Domain` where `eps` is negative or not finite or `draws` is 0; `Error::Entry` where a chosen
/// state does not exist; `Error::Unknown` for Heun's method, whose steps are of two predictions; those of `sample`.
pub fn displace_looking_ahead<T: Real, D: Denoiser<T> + ?Sized>(
    denoiser: &D,
    steps: &Steps,
    method: Method,
    n: usize,
    seed: u64,
    plan: &LookAhead,
) -> Result<Displaced<T>> {
    if plan.draws == 0 {
        return Err(Error::Domain { what: "draws", value: 0.0, expected: "at least 1" });
    }
    plan.chosen.check::<T>(plan.eps, steps.channels().len())?;
    let moved = |k: usize, channel: Channel, state: Array2<T>| {
        plan.moved(denoiser, (steps, method), (k, channel), state, seed)
    };
    let told = Options::default();
    displaced_by((denoiser, steps, method), n, seed, &told, &plan.chosen, &moved)
}

impl LookAhead {
    /// The perturbed state.
    fn moved<T: Real, D: Denoiser<T> + ?Sized>(
        &self,
        denoiser: &D,
        (steps, method): (&Steps, Method),
        (k, channel): (usize, Channel),
        state: Array2<T>,
        seed: u64,
    ) -> Result<Array2<T>> {
        let n = state.nrows();
        let radii: Vec<T> = vec![floor_to(self.eps); n];
        let address = Address { seed, stream: (1 << 46) + k as u64, first_row: 0 };
        let start = Shape::Ball(self.norm).draw(address, &radii, state.ncols())?;
        let levels = vec![channel; n];
        let begun = perturbed(&levels, Units::Noise, state.view(), start.view())?;
        let rest = Steps::new(steps.channels()[k..].to_vec())?;
        let mut total = Array2::from_elem(state.dim(), T::ZERO);
        for draw in 0..self.draws {
            // The attacker's noise has a key of its own: the sampler's is not known to it.
            let key = seed ^ (1 << 63) ^ ((k as u64) << 32) ^ draw as u64;
            let of_draw = gradient(denoiser, &rest, method, (state.view(), begun.view()), key)?;
            total.zip_mut_with(&of_draw, |total, &of_draw| *total += of_draw);
        }
        let mut found = Array2::from_elem(state.dim(), T::ZERO);
        let rows = found.rows_mut().into_iter().zip(total.rows());
        for ((mut omega, gradient), &radius) in rows.zip(&radii) {
            let mut furthest = vec![T::ZERO; gradient.len()];
            self.norm.steepest(&gradient.to_vec(), &mut furthest);
            furthest.iter_mut().for_each(|entry| *entry *= radius);
            self.norm.project(&mut furthest, radius)?;
            omega.iter_mut().zip(furthest).for_each(|(omega, entry)| *omega = entry);
        }
        perturbed(&levels, Units::Noise, state.view(), found.view())
    }
}

/// ∇ of ½‖end from `begun` − end from `state`‖² in the state, the noise that of the key.
fn gradient<T: Real, D: Denoiser<T> + ?Sized>(
    denoiser: &D,
    rest: &Steps,
    method: Method,
    (state, begun): (ArrayView2<'_, T>, ArrayView2<'_, T>),
    key: u64,
) -> Result<Array2<T>> {
    let from = |start: ArrayView2<'_, T>, record: Record| {
        let told = Options { start: Start::Given(start.to_owned()), record, ..Options::default() };
        sample(denoiser, rest, method, start.nrows(), key, &told)
    };
    let clean = from(state, Record::Nothing)?;
    let moved = from(begun, Record::Every(1))?;
    let channels = rest.channels();
    // The end is D̂ at the last state.
    let mut back = &moved.points - &clean.points;
    for (k, snapshot) in moved.trajectory.iter().enumerate().take(channels.len()).rev() {
        let weights = match channels.get(k + 1) {
            None => Weights { denoised: 1.0, ..Weights::default() },
            Some(&next) => match method.step(channels[k], next)? {
                Step::Single(weights) => weights,
                Step::Corrected { .. } => {
                    return Err(Error::Unknown {
                        what: "method of an attack that looks ahead",
                        name: "heun".into(),
                        expected: "ancestral, ddim, euler, euler-maruyama".into(),
                    });
                }
            },
        };
        let channel = channels[k];
        let (a, s) = (channel.a(), channel.s());
        let pulled = denoiser.vector_jacobian(channel, snapshot.points.view(), back.view())?;
        let on_pulled = T::from_f64(weights.denoised - weights.noise * (a / s));
        let kept = T::from_f64(weights.state + weights.noise / s);
        back.zip_mut_with(&pulled, |back, &pulled| *back = kept * *back + on_pulled * pulled);
    }
    Ok(back)
}
