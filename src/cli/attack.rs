//! `tweedie attack`: perturbations of points, or of a sampler's states, that change a prediction most.
//!
//! Floor 9. Uses `attack`, `channel`, `format`, `sampler`.

use super::arguments::{self, Dtype};
use super::{HOLDS, say};
use crate::arith::Real;
use crate::attack::trajectory::{Chosen, TrajectoryAttack, displace};
use crate::attack::{Address, Attack, Keep, Settings, StepSize, perturb_at};
use crate::channel::Steps;
use crate::error::{Error, Result};
use crate::format::npy::{ArrayRef, read_points};
use crate::format::npz::write_npz;
use crate::objective::consistency::perturbed;
use crate::sampler::{Method, Options};

pub(super) fn run(options: &arguments::Attack) -> Result<u8> {
    match options.dtype {
        Dtype::F32 => of_format::<f32>(options)?,
        Dtype::F64 => of_format::<f64>(options)?,
    }
    Ok(HOLDS)
}

/// The attack that the options describe. One step keeps its last perturbation (FGSM), more keep the best (PGD).
fn attack(options: &arguments::Attack) -> Result<Attack> {
    let norm = options.norm.parse()?;
    let usual =
        if options.steps == 1 { Settings::fgsm(norm) } else { Settings::pgd(norm, options.steps) };
    Attack::new(Settings {
        alpha: options.alpha.map_or(usual.alpha, StepSize::Absolute),
        restarts: options.restarts,
        keep: Keep::Best,
        inner: options.inner.parse()?,
        units: options.units.parse()?,
        ..usual
    })
}

fn of_format<T: Real>(options: &arguments::Attack) -> Result<()> {
    let attack = attack(options)?;
    if options.trajectory {
        return of_trajectory::<T>(options, attack);
    }
    let denoiser = options.denoiser.get::<T>()?;
    let channel = options.channel.get()?;
    let path = options
        .points
        .as_ref()
        .ok_or(Error::Empty { what: "points", expected: "of --points FILE and --trajectory" })?;
    let x = read_points::<T>(path)?;
    let eps = radius::<T>(options.eps)?;
    let radii = vec![eps; x.nrows()];
    let address = Address { seed: options.seed, stream: 0, first_row: 0 };
    let found = perturb_at(&attack, &*denoiser, channel, x.view(), &radii, address)?;
    let omega = &found.perturbation;
    let channels = vec![channel; x.nrows()];
    let moved = perturbed(&channels, attack.settings().units, x.view(), omega.view())?;
    let (omega, moved) = (omega.clone().into_dyn(), moved.into_dyn());
    let start = found.start_value.into_dyn();
    let mut named: Vec<(&str, ArrayRef)> = vec![
        ("perturbation", &omega as ArrayRef),
        ("perturbed", &moved as ArrayRef),
        ("start_value", &start as ArrayRef),
    ];
    let value = found.value.map(|value| value.into_dyn());
    if let Some(value) = &value {
        named.push(("value", value as ArrayRef));
        say(&format!(
            "{} points: mean {} at the start {:.6e}, at the end {:.6e}\n",
            x.nrows(),
            attack.settings().inner,
            start.mean().unwrap_or(0.0),
            value.mean().unwrap_or(0.0)
        ));
    }
    write_npz(&options.out, &named)
}

fn of_trajectory<T: Real>(options: &arguments::Attack, attack: Attack) -> Result<()> {
    let denoiser = options.denoiser.get::<T>()?;
    let steps = Steps::by_name(&options.schedule, options.sampler_steps)?;
    let method: Method = options.method.parse()?;
    let chosen = options.states.clone().map_or(Chosen::All, Chosen::States);
    let plan = TrajectoryAttack { attack, eps: options.eps, chosen };
    let told = Options::default();
    let moved = displace(&*denoiser, &steps, method, options.n, options.seed, &told, &plan)?;
    say(&format!(
        "{} states perturbed: mean displacement of the end {:.6e}\n",
        moved.perturbed,
        moved.displacement.mean().unwrap_or(0.0)
    ));
    let (clean, attacked) = (moved.clean.points.into_dyn(), moved.attacked.points.into_dyn());
    let displacement = moved.displacement.into_dyn();
    write_npz(
        &options.out,
        &[
            ("points", &clean as ArrayRef),
            ("attacked", &attacked as ArrayRef),
            ("displacement", &displacement as ArrayRef),
        ],
    )
}

fn radius<T: Real>(eps: f64) -> Result<T> {
    let rounded = T::from_f64(eps);
    if rounded >= T::ZERO && rounded.is_finite() {
        return Ok(rounded);
    }
    Err(Error::Domain { what: "eps", value: eps, expected: "a finite number, at least 0" })
}
