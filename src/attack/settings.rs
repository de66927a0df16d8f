//! What an attack is told, under the names that torchattacks and foolbox use, checked once.
//!
//! Floor 5. Uses `attack::{inner, norm, random}`, `error`. Spec: E4.

use super::inner::Inner;
use super::norm::Norm;
use super::random::Shape;
use crate::error::{Error, Result};
use crate::objective::Units;

/// How far one step goes before the projection, in the norm of the attack.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StepSize {
    /// `alpha` (torchattacks) or `abs_stepsize` (foolbox): in the units of ω, the same for every row.
    Absolute(f64),
    /// `rel_stepsize` (foolbox): times the row's radius.
    Relative(f64),
}

/// Which of the perturbations met is the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The last: what FGSM is. No evaluation is spent on its value.
    Last,
    /// For each row, the one of largest inner value over all steps and restarts, starts included; the first of equal
    /// ones. One more forward pass a restart.
    Best,
}

/// An attack's settings. The radii, `eps`, are given with the points, because they depend on the level of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// The ball, and the norm in which a step is steepest.
    pub norm: Norm,
    /// `alpha`: above 0.
    pub alpha: StepSize,
    /// Gradient steps, at least 1.
    pub steps: usize,
    /// The law of the start, of the row's radius, projected onto the ball. None: starts are given
    /// (`Attack::perturb_from`), since at ω = 0 the gradient is zero and nothing would move.
    pub random_start: Option<Shape>,
    /// Starts, at least 1 and at most 2¹⁵. More than one need a random start and `Keep::Best`.
    pub restarts: usize,
    /// What is kept.
    pub keep: Keep,
    /// What is maximised.
    pub inner: Inner,
    /// What ω is added to.
    pub units: Units,
}

impl Settings {
    /// FGSM with random start: uniform in the ball, one step of the length of the radius, projected. Inner objective
    /// prediction difference, noise units. Source: Goodfellow et al. 2015; Wong, Rice and Kolter 2020 (the start).
    pub fn fgsm(norm: Norm) -> Self {
        Settings {
            norm,
            alpha: StepSize::Relative(1.0),
            steps: 1,
            random_start: Some(Shape::Ball(norm)),
            restarts: 1,
            keep: Keep::Last,
            inner: Inner::PredictionDifference,
            units: Units::Noise,
        }
    }

    /// PGD with a uniform start in the ball and the step 2.5·radius/steps, the best kept; otherwise as `fgsm`.
    /// Source: Madry et al. 2018 (the factor 2.5 is theirs).
    pub fn pgd(norm: Norm, steps: usize) -> Self {
        Settings {
            alpha: StepSize::Relative(2.5 / steps.max(1) as f64),
            steps,
            keep: Keep::Best,
            ..Settings::fgsm(norm)
        }
    }
}

/// An attack whose settings were checked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attack {
    settings: Settings,
}

/// The most restarts: each takes a stream of its own.
const MOST_RESTARTS: usize = 1 << 15;

impl Attack {
    /// Checks the settings.
    ///
    /// Errors: `Error::Domain` where `alpha` is not a finite number above 0, `steps` or `restarts` is 0, `restarts` is
    /// above 2¹⁵, or more than one lack a random start or `Keep::Best`.
    pub fn new(settings: Settings) -> Result<Self> {
        let (StepSize::Absolute(alpha) | StepSize::Relative(alpha)) = settings.alpha;
        if !(alpha.is_finite() && alpha > 0.0) {
            return domain("alpha", alpha, "a finite number above 0");
        }
        if settings.steps == 0 {
            return domain("steps", 0.0, "at least 1");
        }
        let restarts = settings.restarts as f64;
        if settings.restarts == 0 || settings.restarts > MOST_RESTARTS {
            return domain("restarts", restarts, "a number from 1 to 32768");
        }
        if settings.restarts > 1 && settings.random_start.is_none() {
            return domain("restarts", restarts, "1 where the start is given");
        }
        if settings.restarts > 1 && settings.keep == Keep::Last {
            return domain("restarts", restarts, "1 where the last perturbation is kept");
        }
        Ok(Attack { settings })
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}

fn domain(what: &'static str, value: f64, expected: &'static str) -> Result<Attack> {
    Err(Error::Domain { what, value, expected })
}
