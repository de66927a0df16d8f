//! What the tests of planted mistakes share.

#![allow(dead_code)]

use ndarray::ArrayView2;
use tweedie::channel::Channel;
use tweedie::claims::{Context, Models, Subject, Verdict, run_all};
use tweedie::error::Result;
use tweedie::law::Quantity::{Covariance, Denoiser, LogDensity, Noise, Responsibilities, Score};
use tweedie::law::{Evaluation, Noised, Quantity};

/// Asserts that a claim fails on this subject.
pub fn fails(id: &str, what: &str, subject: &dyn Subject) {
    let (seed, quick, full, models) = (0, true, false, &Models::default());
    let context = Context { seed, quick, full, models, subject, progress: &|_| {} };
    let outcomes = run_all(&context, Some(&[id.to_string()])).expect("the claim can be measured");
    assert_eq!(outcomes.len(), 1);
    assert_eq!(outcomes[0].verdict, Verdict::Fails, "{id} does not notice: {what}");
}

/// A subject one of whose quantities is multiplied by a factor, which may depend on the channel.
pub struct Scaled(pub Quantity, pub fn(Channel) -> f64);

impl Subject for Scaled {
    fn evaluate(
        &self,
        law: &Noised<f64>,
        points: ArrayView2<'_, f64>,
        wanted: &[Quantity],
    ) -> Result<Evaluation<f64>> {
        let mut found = law.evaluate(points, wanted)?;
        let values = match self.0 {
            LogDensity => found.log_density.as_mut().and_then(|a| a.as_slice_mut()),
            Score => found.score.as_mut().and_then(|a| a.as_slice_mut()),
            Denoiser => found.denoiser.as_mut().and_then(|a| a.as_slice_mut()),
            Noise => found.noise.as_mut().and_then(|a| a.as_slice_mut()),
            Covariance => found.covariance.as_mut().and_then(|a| a.as_slice_mut()),
            Responsibilities => found.responsibilities.as_mut().and_then(|a| a.as_slice_mut()),
        };
        let factor = (self.1)(law.channel());
        values.into_iter().flatten().for_each(|value| *value *= factor);
        Ok(found)
    }
}
