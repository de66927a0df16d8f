//! `tweedie optimum --kind settled`: where training settles, over all functions on a grid, also against one signed step of an attack.
//!
//! Floor 9. Uses `attack`, `denoiser`, `error`, `format`, `objective`, `optimum`. Spec: E6, E7.

use ndarray::arr1;

use super::optimum::{Arguments, Named, objective, write};
use super::say;
use crate::attack::{Attack, Norm, Settings};
use crate::denoiser::Denoiser;
use crate::error::{Error, Result};
use crate::format::npy::read_points;
use crate::objective::Units;
use crate::optimum::{Grid, Settled, Settling};

/// Nodes an axis and starts a coordinate where none are said: on the line, in the plane.
const NODES: [usize; 2] = [401, 61];
const STARTS: [usize; 2] = [64, 8];
/// How many deviations around every component the box reaches.
const DEVIATIONS: f64 = 6.0;

pub(super) fn run(options: &Arguments) -> Result<()> {
    let channel = options.channel.get()?;
    let law = options.law.require()?;
    let d = law.dimension();
    if d > 2 {
        let (what, expected) = ("law of --kind settled", "1 or 2 dimensions".into());
        return Err(Error::Shape { what, found: vec![d], expected });
    }
    check(options)?;
    let asked = objective(options)?;
    let attack = match &options.attack {
        None => None,
        Some(name) => {
            let settings = Settings { inner: name.parse()?, ..Settings::fgsm(Norm::Linf) };
            Some(Attack::new(settings)?)
        }
    };
    let settling = Settling {
        constraint: asked.constraint,
        lambda: asked.strength.at(channel),
        radius: asked.radius.mean_square(channel).sqrt(),
        attack,
        starts: STARTS[d - 1],
        rounds: options.rounds,
    };
    let nodes = options.nodes.unwrap_or(NODES[d - 1]);
    let grid = Grid::around(&law, channel, DEVIATIONS, nodes)?;
    let Settled { field, unsettled, rounds } = settling.over_functions(&law, channel, &grid)?;
    let mut named: Named = vec![
        ("nodes", grid.nodes().into_dyn()),
        ("values", field.values().to_owned().into_dyn()),
        ("unsettled", arr1(&[unsettled]).into_dyn()),
        ("rounds", arr1(&[rounds as f64]).into_dyn()),
    ];
    if let Some(path) = &options.points {
        let x = read_points::<f64>(path)?;
        let prediction = field.predict(channel, x.view()).map_err(|error| Error::File {
            path: path.display().to_string(),
            reason: error.to_string(),
        })?;
        named.push(("denoiser", prediction.denoised.into_dyn()));
        named.push(("noise", prediction.noise.into_dyn()));
    }
    write(&options.out, &named)?;
    say(&format!(
        "{:18} {} nodes, {} starts a node\n{:18} √E‖D̂ − D̂′‖² = {unsettled:.2e} after {rounds} rounds, D̂′ the minimiser for the attack on \
         D̂ alone\n",
        "grid",
        grid.len(),
        STARTS[d - 1].pow(d as u32),
        "unsettled",
    ));
    Ok(())
}

/// Noise units, the box, one radius.
fn check(options: &Arguments) -> Result<()> {
    let other = if objective(options)?.units != Units::Noise {
        Some(("units", options.units.clone(), "noise"))
    } else if let Some(name) = &options.adversary {
        Some(("adversary", name.clone(), "--attack prediction-difference or residual"))
    } else if options.sampler.is_some() {
        Some(("--sampler with this kind", "a sampler".into(), "--kind affine"))
    } else if options.offset > 0.0 {
        Some(("--offset with this kind", options.offset.to_string(), "0: one radius"))
    } else {
        let shape = options.shape.as_deref().unwrap_or("box");
        (shape != "box").then(|| ("shape of --kind settled", shape.to_owned(), "box"))
    };
    match other {
        None => Ok(()),
        Some((what, name, expected)) => {
            Err(Error::Unknown { what, name, expected: expected.into() })
        }
    }
}
