//! Planted mistakes in E5 and E6: the optimum over all functions, in the limit of small radii and at a finite one.
//!
//! As `tests/mutants.rs`: a mutant replaces one quantity of the subject, and the claim must fail.
//!
//! Spec: E5, E6.

mod planted;

use ndarray::Array2;
use planted::fails;
use tweedie::channel::Channel;
use tweedie::claims::Subject;
use tweedie::denoiser::{Denoiser as _, Exact};
use tweedie::error::Result;
use tweedie::law::Mixture;
use tweedie::optimum::{
    BoxPerturbation, Field, Grid, Sampled, finite_radius, finite_radius_of, resolvent, resolvent_of,
};

/// Another resolvent than the one asked for.
struct ResolventOf(fn(&Mixture, Channel, f64, &Grid) -> Result<Field>);

impl Subject for ResolventOf {
    fn resolvent(&self, law: &Mixture, channel: Channel, kappa: f64, grid: &Grid) -> Result<Field> {
        (self.0)(law, channel, kappa, grid)
    }
}

fn kappa_without_s(law: &Mixture, channel: Channel, kappa: f64, grid: &Grid) -> Result<Field> {
    resolvent_of(law, channel, kappa / channel.s() / channel.s(), grid)
}

/// Δ in place of p⁻¹∇·(p∇).
fn no_drift(law: &Mixture, channel: Channel, kappa: f64, grid: &Grid) -> Result<Field> {
    let target = Exact::new(law.clone()).denoise(channel, grid.nodes().view())?;
    let flat = Sampled::new(grid.clone(), vec![0.0; grid.len()], target)?;
    Field::new(grid.clone(), channel, resolvent(&flat, kappa, channel.s())?.values)
}

/// On the line a node of value 0 stands beyond each end: something flows out of the box.
fn open_boundary(law: &Mixture, channel: Channel, kappa: f64, grid: &Grid) -> Result<Field> {
    if grid.dimension() != 1 {
        return resolvent_of(law, channel, kappa, grid);
    }
    let sampled = Sampled::of_law(&law.through::<f64>(channel)?, grid)?;
    let (log, target, n) = (sampled.log_density(), sampled.target(), grid.len());
    let rate = kappa * (channel.s() / grid.axes()[0].spacing()).powi(2);
    let weight = |i: usize, j: usize| rate * (0.5 * (log[j] - log[i])).exp();
    let (mut onward, mut value) = (vec![0.0; n], vec![0.0; n]);
    for i in 0..n {
        let behind = if i == 0 { rate } else { weight(i, i - 1) };
        let ahead = if i + 1 == n { rate } else { weight(i, i + 1) };
        let (mut pivot, mut right) = (1.0 + behind + ahead, target[[i, 0]]);
        if i > 0 {
            pivot -= behind * onward[i - 1];
            right += behind * value[i - 1];
        }
        (onward[i], value[i]) = (ahead / pivot, right / pivot);
    }
    for i in (0..n - 1).rev() {
        value[i] += onward[i] * value[i + 1];
    }
    Field::new(grid.clone(), channel, Array2::from_shape_fn((n, 1), |(i, _)| value[i]))
}

#[test]
fn resolvents() {
    fails("E5", "κ without s²", &ResolventOf(kappa_without_s));
    fails("E5", "a flux through the boundary", &ResolventOf(open_boundary));
    fails("E5", "no drift", &ResolventOf(no_drift));
    fails(
        "E5",
        "κ too large by a hundredth",
        &ResolventOf(|l, c, k, g| resolvent_of(l, c, 1.01 * k, g)),
    );
}

/// Another optimum for a finite radius than the one asked for.
struct RadiusOf(fn(&Mixture, Channel, BoxPerturbation, &Grid) -> Result<Field>);

impl Subject for RadiusOf {
    fn finite_radius(
        &self,
        law: &Mixture,
        channel: Channel,
        perturbation: BoxPerturbation,
        grid: &Grid,
    ) -> Result<Field> {
        (self.0)(law, channel, perturbation, grid)
    }
}

/// p(D − D*) + λE[p(x)(D(x) − D(x+sω))] = 0: with equal densities both terms are this one.
fn one_term(law: &Mixture, channel: Channel, how: BoxPerturbation, grid: &Grid) -> Result<Field> {
    let target = Exact::new(law.clone()).denoise(channel, grid.nodes().view())?;
    let flat = Sampled::new(grid.clone(), vec![0.0; grid.len()], target)?;
    let half = BoxPerturbation::new(0.5 * how.lambda(), how.radius())?;
    Field::new(grid.clone(), channel, finite_radius(&flat, half, channel.s())?.values)
}

fn input_units(
    law: &Mixture,
    channel: Channel,
    how: BoxPerturbation,
    grid: &Grid,
) -> Result<Field> {
    let other = BoxPerturbation::new(how.lambda(), how.radius() / channel.s())?;
    finite_radius_of(law, channel, other, grid)
}

#[test]
fn finite_radii() {
    fails("E6", "p(x − sω) dropped", &RadiusOf(one_term));
    fails("E6", "radius in input units", &RadiusOf(input_units));
    fails(
        "E6",
        "the limit in place of the radius",
        &RadiusOf(|law, channel, how, grid| resolvent_of(law, channel, how.kappa(), grid)),
    );
}
