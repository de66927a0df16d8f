//! What is trained: the data, the way, and the numbers of the perturbation.
//!
//! Floor 7. Uses `train::config`, `claims::trials`.

use super::{LEVELS, Size};
use crate::train::config::Config;

/// A way of training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Denoising score matching alone.
    Plain,
    /// Equivariance at perturbations drawn from the box.
    Random,
    /// Equivariance at one signed step that makes the prediction differ most: the source method.
    Adversarial,
    /// Equivariance at one signed step that makes the residual largest: consistent with the loss.
    Residual,
    /// Invariance at perturbations drawn from the box: the classifier's habit.
    Invariance,
}

impl Way {
    /// One word.
    pub fn name(self) -> &'static str {
        match self {
            Way::Plain => "plain",
            Way::Random => "random",
            Way::Adversarial => "adversarial",
            Way::Residual => "residual",
            Way::Invariance => "invariance",
        }
    }
}

/// What is done to the data before it is learned from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Harm {
    /// Nothing.
    None,
    /// A fraction gets Gaussian noise of this deviation, in units of the data's range.
    Noise { fraction: f64, deviation: f64 },
    /// A fraction is replaced by draws around the mean with this deviation, in units of the range.
    Outliers { fraction: f64, spread: f64 },
}

/// A recipe for a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Recipe {
    /// A toy law.
    pub law: &'static str,
    /// What is wrong with the data.
    pub harm: Harm,
    /// 0: fresh draws; n: a training set of n.
    pub samples: usize,
    pub way: Way,
    pub lambda: f64,
    /// r_max and ρ of r = r_max·s^ρ + b.
    pub radius: f64,
    pub power: f64,
    /// `noise` or `input`.
    pub units: &'static str,
}

impl Recipe {
    /// The source method's numbers on clean, endless data: λ = 0.3, r_max = 1, ρ = 2, noise units.
    pub fn new(law: &'static str, way: Way) -> Self {
        let harm = Harm::None;
        let (lambda, radius, power, units) = (0.3, 1.0, 2.0, "noise");
        Recipe { law, harm, samples: 0, way, lambda, radius, power, units }
    }

    /// The same with harmed data.
    pub fn harmed(self, harm: Harm) -> Self {
        Recipe { harm, ..self }
    }

    /// A name that tells recipes apart, for a directory. What a way does not use is not in it.
    pub fn name(&self) -> String {
        let harm = match self.harm {
            Harm::None => "clean".to_string(),
            Harm::Noise { fraction, deviation } => format!("noise-{fraction}-{deviation}"),
            Harm::Outliers { fraction, spread } => format!("outliers-{fraction}-{spread}"),
        };
        let numbers = match self.way {
            Way::Plain => String::new(),
            _ => format!("-{}-{}-{}-{}", self.lambda, self.radius, self.power, self.units),
        };
        format!("{}-{harm}-{}-{}{numbers}", self.law, self.samples, self.way.name())
    }

    /// The configuration that `tweedie train` takes, at this size and seed.
    pub fn config(&self, size: Size, seed: u64) -> Config {
        let mut config = Config { seed, steps: size.steps, batch: size.batch, ..Config::default() };
        (config.model.width, config.model.layers) = (size.width, size.layers);
        config.optimizer.learning_rate = LEARNING_RATE / (size.width as f64).sqrt();
        config.channel.levels = LEVELS;
        config.data.law = Some(self.law.into());
        config.data.samples = self.samples;
        match self.harm {
            Harm::None => {}
            Harm::Noise { fraction, deviation } => {
                config.data.corruption = "gaussian".into();
                (config.data.fraction, config.data.deviation) = (fraction, deviation);
            }
            Harm::Outliers { fraction, spread } => {
                config.data.corruption = "outliers".into();
                (config.data.fraction, config.data.spread) = (fraction, spread);
            }
        }
        let (objective, perturbation) = (&mut config.objective, &mut config.perturbation);
        objective.constraint = match self.way {
            Way::Plain => "none",
            Way::Invariance => "invariance",
            Way::Random | Way::Adversarial | Way::Residual => "equivariance",
        }
        .into();
        // What a way does not use is in its configuration no more than in its name: one model, trained once.
        if self.way != Way::Plain {
            (objective.lambda, objective.units) = (self.lambda, self.units.into());
            (perturbation.radius, perturbation.power) = (self.radius, self.power);
        }
        match self.way {
            Way::Plain | Way::Random | Way::Invariance => perturbation.kind = "random".into(),
            Way::Adversarial => {
                (perturbation.kind, perturbation.inner) =
                    ("fgsm".into(), "prediction-difference".into());
            }
            Way::Residual => {
                (perturbation.kind, perturbation.inner) = ("fgsm".into(), "residual".into());
            }
        }
        // Measurements against the truth on the way are not looked at here.
        let output = &mut config.output;
        (output.evaluate_every, output.points, output.samples) = (size.steps, 64, 1);
        config
    }
}

/// The learning rate times √width: 2e-3 at the default width of 128, more for smaller networks.
const LEARNING_RATE: f64 = 0.0226;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_one_configuration() {
        let size =
            Size { width: 8, layers: 1, batch: 16, steps: 2, generated: 4, sampler_steps: 4 };
        let mut known = std::collections::BTreeMap::new();
        for way in [Way::Plain, Way::Random, Way::Adversarial, Way::Residual, Way::Invariance] {
            for (lambda, radius, power, units) in
                [(0.3, 1.0, 2.0, "noise"), (3.0, 1.0, 0.0, "noise"), (0.3, 2.0, 2.0, "input")]
            {
                let base = Recipe::new("two-modes", way);
                let recipe = Recipe { lambda, radius, power, units, ..base };
                let config = recipe.config(size, 1).to_toml().expect("text");
                let before = known.insert(recipe.name(), config.clone());
                assert!(before.is_none_or(|before| before == config), "{}", recipe.name());
            }
        }
        // Plain training is one, each of the others three.
        assert_eq!(known.len(), 13);
    }
}
