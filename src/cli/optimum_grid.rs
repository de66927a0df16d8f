//! `tweedie optimum --kind resolvent` and `--kind finite-radius`: the optimum over all functions (E5, E6), on a grid in one and two
//! dimensions and, for a small radius, by Langevin paths at given points in any.
//!
//! Floor 9. Uses `attack`, `denoiser`, `format`, `law`, `optimum`. Spec: E5, E6.

use ndarray::{Array2, ArrayView2, arr1};

use super::optimum::{Arguments, Kind, Named, objective, shape, write};
use super::say;
use crate::channel::Channel;
use crate::denoiser::Denoiser;
use crate::error::{Error, Result};
use crate::format::npy::read_points;
use crate::law::Mixture;
use crate::objective::{Constraint, Units};
use crate::optimum::{
    BoxPerturbation, Certificate, Field, Grid, Langevin, certify_finite_radius, certify_resolvent,
    finite_radius_of, resolvent_by_paths, resolvent_of,
};

/// Nodes an axis where none are said: on the line, in the plane.
const NODES: [usize; 2] = [801, 161];
/// How many deviations around every component the box reaches.
const DEVIATIONS: f64 = 8.0;

pub(super) fn run(options: &Arguments) -> Result<()> {
    let channel = options.channel.get()?;
    let law = options.law.require()?;
    check(options)?;
    match (law.dimension(), options.kind) {
        (1 | 2, _) => on_grid(options, &law, channel),
        (_, Kind::Resolvent) => by_paths(options, &law, channel),
        (d, _) => Err(Error::Shape {
            what: "law of --kind finite-radius",
            found: vec![d],
            expected: "1 or 2 dimensions".into(),
        }),
    }
}

/// E5 and E6 are about equivariance in noise units, at random.
fn check(options: &Arguments) -> Result<()> {
    let asked = objective(options)?;
    let other = if asked.constraint != Constraint::Equivariance {
        Some(("constraint", options.constraint.clone(), "equivariance"))
    } else if asked.units != Units::Noise {
        Some(("units", options.units.clone(), "noise"))
    } else if let Some(name) = &options.adversary {
        Some(("adversary", name.clone(), "none: E5 and E6 are about random perturbations"))
    } else if options.sampler.is_some() {
        Some(("--sampler with this kind", "a sampler".into(), "--kind affine"))
    } else if options.kind == Kind::FiniteRadius
        && options.shape.as_deref().unwrap_or("box") != "box"
    {
        Some(("shape of --kind finite-radius", options.shape.clone().unwrap_or_default(), "box"))
    } else {
        None
    };
    match other {
        None => Ok(()),
        Some((what, name, expected)) => {
            Err(Error::Unknown { what, name, expected: expected.into() })
        }
    }
}

/// κ = λ·τ² at the channel.
fn kappa(options: &Arguments, dimension: usize, channel: Channel) -> Result<f64> {
    let asked = objective(options)?;
    let unit = shape(options.shape.as_deref().unwrap_or("box"))?.tau_squared(1.0, dimension);
    Ok(asked.strength.at(channel) * asked.radius.mean_square(channel) * unit)
}

fn on_grid(options: &Arguments, law: &Mixture, channel: Channel) -> Result<()> {
    let d = law.dimension();
    let nodes = options.nodes.unwrap_or(NODES[d.min(2) - 1]);
    let grid = Grid::around(law, channel, DEVIATIONS, nodes)?;
    let kappa = kappa(options, d, channel)?;
    let (field, certificate) = if options.kind == Kind::Resolvent {
        let field = resolvent_of(law, channel, kappa, &grid)?;
        let certificate = certify_resolvent(law, kappa, &field)?;
        (field, certificate)
    } else {
        let asked = objective(options)?;
        let radius = asked.radius.mean_square(channel).sqrt();
        let perturbation = BoxPerturbation::new(asked.strength.at(channel), radius)?;
        let field = finite_radius_of(law, channel, perturbation, &grid)?;
        let certificate = certify_finite_radius(law, perturbation, &field)?;
        (field, certificate)
    };
    let mut named: Named = vec![
        ("nodes", grid.nodes().into_dyn()),
        ("values", field.values().to_owned().into_dyn()),
        ("kappa", arr1(&[kappa]).into_dyn()),
        ("error_bound", arr1(&[certificate.bound()]).into_dyn()),
    ];
    if let Some(path) = &options.points {
        let x = read_points::<f64>(path)?;
        let located = |error: Error| Error::File {
            path: path.display().to_string(),
            reason: error.to_string(),
        };
        let prediction = field.predict(channel, x.view()).map_err(located)?;
        named.push(("denoiser", prediction.denoised.into_dyn()));
        named.push(("noise", prediction.noise.into_dyn()));
    }
    write(&options.out, &named)?;
    say(&words(&field, &certificate, kappa));
    Ok(())
}

fn words(field: &Field, certificate: &Certificate, kappa: f64) -> String {
    let Certificate { residual, outside, interpolation } = certificate;
    format!(
        "{:18} λτ² = {kappa:.6e}\n{:18} {} nodes\n{:18} √E‖D̂ − D‖² ≤ {:.2e} = {residual:.1e} (residual) + {outside:.1e} (outside) \
         + {interpolation:.1e} (between nodes)\n",
        "kappa",
        "grid",
        field.grid().len(),
        "error bound",
        certificate.bound(),
    )
}

/// The resolvent at each point, with the half width of its interval.
fn by_paths(options: &Arguments, law: &Mixture, channel: Channel) -> Result<()> {
    let path = options.points.as_ref().ok_or(Error::Empty {
        what: "points",
        expected: "--points FILE: above two dimensions the resolvent is found point by point",
    })?;
    let x = read_points::<f64>(path)?;
    let kappa = kappa(options, law.dimension(), channel)?;
    let (mut means, mut widths) = (Vec::new(), Vec::new());
    for (row, point) in x.rows().into_iter().enumerate() {
        let how = Langevin {
            paths: options.paths,
            // Euler's steps are stable where a time κs² has at least κ of them.
            steps: (8.0 * kappa).ceil().max(8.0) as usize,
            seed: options.seed.wrapping_add(row as u64),
        };
        let found = resolvent_by_paths(law, channel, kappa, point, how)?;
        widths.extend(found.half_width());
        means.extend(found.mean);
    }
    let table = |numbers: Vec<f64>| {
        Array2::from_shape_vec(x.dim(), numbers).map_err(|error| Error::Shape {
            what: "denoiser",
            found: x.shape().to_vec(),
            expected: error.to_string(),
        })
    };
    let (means, widths) = (table(means)?, table(widths)?);
    say(&format!(
        "{:18} λτ² = {kappa:.6e}\n{:18} {} paths a point, widest interval ± {:.2e}\n",
        "kappa",
        "Langevin",
        options.paths,
        largest(widths.view())
    ));
    let named = vec![
        ("denoiser", means.into_dyn()),
        ("half_width", widths.into_dyn()),
        ("kappa", arr1(&[kappa]).into_dyn()),
    ];
    write(&options.out, &named)
}

fn largest(widths: ArrayView2<'_, f64>) -> f64 {
    widths.iter().fold(0.0, |most, &width| width.max(most))
}
