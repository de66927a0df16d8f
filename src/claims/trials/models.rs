//! Trained models, kept by what they were trained for: claims ask for many of the same, and a study that was stopped goes on.
//!
//! Floor 7. Uses `denoiser`, `error`, `train`. Spec: N3.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use crate::denoiser::{Mlp, Model};
use crate::error::{Error, Result};
use crate::train::plan::Plan;
use crate::train::run::{Begin, CONFIG, MODEL, learn, run};

/// The models of the findings, each trained once: in memory, and in a directory where there is one.
///
/// A model is known by its whole configuration, so that another size, seed or default is another model.
#[derive(Debug, Default)]
pub struct Models {
    directory: Option<PathBuf>,
    known: RwLock<BTreeMap<String, Mlp<f32>>>,
}

impl Models {
    /// Kept under this directory too, where a run that was stopped is resumed.
    pub fn under(directory: PathBuf) -> Self {
        Models { directory: Some(directory), ..Models::default() }
    }

    /// The model of a plan; `name` is its place in the directory.
    ///
    /// Errors: those of training; `Error::File` where the directory holds another model, or cannot be written.
    pub(super) fn of_plan(&self, name: &str, plan: &Plan) -> Result<Mlp<f32>> {
        let key = plan.config.to_toml()?;
        // A thread that stopped while it held the map left it whole.
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(model) = known {
            return Ok(model);
        }
        let model = match &self.directory {
            None => learn(plan, plan.start(&plan.spec()?)?)?,
            Some(directory) => kept(&directory.join(name), plan, &key)?,
        };
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(key, model.clone());
        Ok(model)
    }
}

/// Read where the run of this configuration ended, trained on from its checkpoint otherwise.
fn kept(place: &Path, plan: &Plan, config: &str) -> Result<Mlp<f32>> {
    let file = place.join(MODEL);
    let same = std::fs::read_to_string(place.join(CONFIG)).is_ok_and(|text| text == config);
    if !(same && file.exists()) {
        return run(plan, plan.start(&plan.spec()?)?, place, Begin::Resume, &|_| {});
    }
    match Model::read(&file)? {
        Model::Mlp(mlp) => Ok(mlp),
        other => Err(Error::File {
            path: file.display().to_string(),
            reason: format!("is {:?}: expected a perceptron", other.spec().kind()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::denoiser::Trainable;
    use crate::train::config::Config;
    use crate::train::run::CHECKPOINT;

    fn plan(seed: u64) -> Plan {
        let mut config = Config { seed, steps: 6, batch: 70, ..Config::default() };
        config.data.law = Some("three-gaussians".into());
        (config.model.width, config.model.layers) = (8, 1);
        (config.output.checkpoint_every, config.output.points) = (2, 8);
        Plan::new(&config).expect("a plan")
    }

    fn place(name: &str) -> PathBuf {
        let place =
            std::env::temp_dir().join(format!("tweedie-models-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&place);
        place
    }

    #[test]
    fn kept_read_and_resumed_models_are_those_learned_in_memory() {
        let (plan, place) = (plan(1), place("kept"));
        let of = |models: &Models| {
            models.of_plan("model", &plan).expect("a model").parameters().to_vec()
        };
        let learned = of(&Models::default());
        assert_eq!(of(&Models::under(place.clone())), learned, "trained");
        assert_eq!(of(&Models::under(place.clone())), learned, "read");
        // As a run that was stopped after its last checkpoint.
        std::fs::remove_file(place.join("model").join(MODEL)).expect("the model's file");
        assert!(place.join("model").join(CHECKPOINT).exists());
        let resumed = Models::under(place.clone());
        assert_eq!(of(&resumed), learned, "resumed");
        // Known by now: the directory is not asked again.
        std::fs::remove_dir_all(&place).expect("the directory");
        assert_eq!(of(&resumed), learned, "known");
    }

    #[test]
    fn another_configuration_is_another_model() {
        let models = Models::default();
        let first = models.of_plan("model", &plan(1)).expect("a model");
        let second = models.of_plan("model", &plan(2)).expect("a model");
        assert_ne!(first.parameters(), second.parameters());
        // In a directory the name is not enough: what stands there for another configuration is refused.
        let place = place("other");
        let kept = Models::under(place.clone());
        kept.of_plan("model", &plan(1)).expect("a model");
        assert!(kept.of_plan("model", &plan(2)).is_err());
        let _ = std::fs::remove_dir_all(&place);
    }
}
