//! The laws, channels and points on which claims are checked.
//!
//! Laws: point masses, Gaussians, equal components, a rank-deficient plane, every kind of covariance, a law far from
//! the origin, real images; 1, 2, 3 and 64 dimensions. Channels: s from 1e-6 to 1e3, both ends of a
//! variance-preserving schedule. Points: draws, means, midpoints between modes, and points far away.
//!
//! Floor 7. Uses `law`, `channel`, `error`.

use ndarray::{Array2, array, s};
use rayon::prelude::*;

use super::{Case, Context, Stage};
use crate::channel::Channel;
use crate::error::Result;
use crate::law::{Covariance, Mixture, digits, toy_law};

/// A channel and its name.
#[derive(Clone, Debug)]
pub(super) struct NamedChannel {
    pub name: String,
    pub channel: Channel,
}

/// A law with the channels through which it is seen.
#[derive(Clone, Debug)]
pub(super) struct Study {
    pub law: &'static str,
    pub mixture: Mixture,
    pub channels: Vec<NamedChannel>,
}

impl Study {
    pub fn dimension(&self) -> usize {
        self.mixture.dimension()
    }

    /// Whether every component is a point mass.
    pub fn is_point_masses(&self) -> bool {
        let components = 0..self.mixture.components();
        components.into_iter().all(|k| self.mixture.covariance().largest_variance(k) == 0.0)
    }

    /// How many draws are tested where the posterior covariance is wanted, which costs K·d² a point.
    pub fn few_draws(&self, context: &Context<'_>) -> usize {
        if context.quick || self.dimension() > 3 { 3 } else { 12 }
    }
}

/// What `examine` finds on each study, in their order; studies are examined side by side.
pub(super) fn examine_each(
    context: &Context<'_>,
    claim: &'static str,
    studies: &[Study],
    examine: impl Fn(&Context<'_>, &Study) -> Result<Vec<Case>> + Sync,
) -> Result<Vec<Case>> {
    let stage = Stage::new(context, claim, studies.len());
    let all: Result<Vec<Vec<Case>>> = studies
        .par_iter()
        .map(|study| {
            let cases = examine(context, study)?;
            stage.step();
            Ok(cases)
        })
        .collect();
    Ok(all?.concat())
}

/// The variance-exploding channel (1, σ).
pub(super) fn ve(sigma: f64) -> Result<NamedChannel> {
    Ok(NamedChannel {
        name: format!("VE σ = {sigma}"),
        channel: Channel::variance_exploding(sigma)?,
    })
}

/// The variance-preserving channel (√ᾱ, √(1−ᾱ)).
pub(super) fn vp(alpha_bar: f64) -> Result<NamedChannel> {
    let channel = Channel::variance_preserving(alpha_bar)?;
    Ok(NamedChannel { name: format!("VP ᾱ = {alpha_bar}"), channel })
}

/// The rectified channel (1 − t, t).
pub(super) fn rectified(t: f64) -> Result<NamedChannel> {
    Ok(NamedChannel { name: format!("rectified t = {t}"), channel: Channel::new(1.0 - t, t)? })
}

fn channels(quick: bool) -> Result<Vec<NamedChannel>> {
    if quick {
        return [ve(1e-3), ve(0.5), ve(1e3), vp(0.5), vp(0.0)].into_iter().collect();
    }
    let ve = [1e-3, 1e-2, 0.1, 0.5, 2.0, 20.0, 1e3].into_iter().map(ve);
    let vp = [0.9999, 0.9, 0.5, 1e-4, 0.0].into_iter().map(vp);
    ve.chain(vp).chain([rectified(0.3)]).collect()
}

/// Every law with its channels.
pub(super) fn studies(context: &Context<'_>) -> Result<Vec<Study>> {
    let all = channels(context.quick)?;
    let study = |law, mixture: Result<Mixture>| -> Result<Study> {
        Ok(Study { law, mixture: mixture?, channels: all.clone() })
    };
    let mut studies = vec![
        study("two points", two_points())?,
        study("three points", three_points())?,
        study("line of Gaussians", line_of_gaussians())?,
        study("equal components", equal_components())?,
        study("one Gaussian", Mixture::new(vec![1.0], array![[0.5]], isotropic(&[0.49])?))?,
        study("three-gaussians", toy_law("three-gaussians"))?,
        study("ring", toy_law("ring"))?,
        study("training-set", toy_law("training-set"))?,
        study("oblique-plane", toy_law("oblique-plane"))?,
        study("offset by 1e6", offset())?,
        study("digits", some_digits(if context.quick { 50 } else { 400 }))?,
    ];
    // Noise far below what separates the data: every posterior is one component, up to exact underflow.
    for study in &mut studies {
        if study.is_point_masses() && !context.quick {
            study.channels.push(ve(1e-6)?);
        }
    }
    if !context.quick {
        let mut subspace = study("digits-subspace", toy_law("digits-subspace"))?;
        subspace.channels = vec![ve(0.01)?, ve(0.5)?, ve(20.0)?, vp(0.5)?];
        studies.push(subspace);
    }
    if let Some(images) = studies.iter_mut().find(|study| study.law == "digits") {
        images.channels = vec![ve(0.1)?, ve(1.0)?, ve(1e3)?, vp(0.5)?];
    }
    Ok(studies)
}

fn isotropic(variances: &[f64]) -> Result<Covariance> {
    Covariance::isotropic(variances.to_vec())
}

/// ±1 with equal weight: the law at which T6 is an equality.
pub(super) fn two_points() -> Result<Mixture> {
    Mixture::point_masses(array![[-1.0], [1.0]])
}

/// Three points of unequal weight on the line.
pub(super) fn three_points() -> Result<Mixture> {
    Mixture::new(vec![0.5, 0.3, 0.2], array![[-1.5], [0.25], [2.0]], isotropic(&[0.0; 3])?)
}

/// Gaussians of unequal weight and width on the line, and one point mass.
pub(super) fn line_of_gaussians() -> Result<Mixture> {
    let means = array![[-2.0], [-0.5], [1.0], [3.0]];
    Mixture::new(vec![0.4, 0.1, 0.3, 0.2], means, isotropic(&[0.25, 1.0, 0.01, 0.0])?)
}

/// One Gaussian written as two.
fn equal_components() -> Result<Mixture> {
    Mixture::new(vec![0.7, 0.3], array![[0.5], [0.5]], isotropic(&[0.25; 2])?)
}

/// Diagonal covariances of rank 2 in ℝ³, a million away from the origin.
fn offset() -> Result<Mixture> {
    let variances = array![[0.25, 0.04, 0.0], [0.0, 0.5, 0.09], [0.01, 0.0, 1.0]];
    let mut means = array![[0.0, 0.0, 0.0], [1.0, -1.0, 0.5], [-0.75, 2.0, 0.0]];
    means += 1e6;
    Mixture::new(vec![0.2, 0.5, 0.3], means, Covariance::diagonal(variances)?)
}

/// The first n images of the digits as point masses.
pub(super) fn some_digits(n: usize) -> Result<Mixture> {
    let images = digits::images()?;
    let n = n.min(images.nrows());
    Mixture::point_masses(images.slice(s![..n, ..]).to_owned())
}

/// Points at which a law seen through a channel is examined: draws, the first means, midpoints between
/// neighbouring means, and points 40 and 1000 noise deviations away from the law's mean.
pub(super) fn points(
    mixture: &Mixture,
    channel: Channel,
    seed: u64,
    draws: usize,
) -> Result<Array2<f64>> {
    let d = mixture.dimension();
    let mut rows: Vec<Vec<f64>> = mixture
        .sample_noised(channel, seed, 0, draws)?
        .noised
        .outer_iter()
        .map(|row| row.to_vec())
        .collect();
    let (a, s) = (channel.a(), channel.s());
    let means = mixture.means();
    for k in 0..mixture.components().min(4) {
        rows.push(means.row(k).mapv(|mu| a * mu).to_vec());
        if k > 0 {
            let middle = (&means.row(k) + &means.row(k - 1)).mapv(|sum| a * 0.5 * sum);
            rows.push(middle.to_vec());
        }
    }
    let far = |distance: f64, along: usize| -> Vec<f64> {
        let mean = mixture.mean();
        let mut x: Vec<f64> = mean.iter().map(|m| a * m).collect();
        x[along % d] += distance * s;
        x
    };
    rows.extend([far(40.0, 0), far(-1000.0, 1), far(-40.0, d - 1)]);
    let count = rows.len();
    super::pictures::table(count, d, rows.into_iter().flatten().collect())
}
