//! Planted mistakes in an attack's step: the check that the real one passes refuses each.

use ndarray::{Array1, Array2, Axis, array};
use tweedie::attack::{
    Address, Attack, Attacked, Inner, InnerObjective, Norm, Settings, Shape, StepSize, Units,
};
use tweedie::channel::Channel;
use tweedie::denoiser::{Affine, AtLevel, Denoiser, Levelled};

/// Mistakes in one FGSM step, on the reference below.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mistake {
    None,
    Sign,
    ProjectedFirst,
    NoS,
}

/// FGSM at one level as a reader would write it, with room for a mistake.
fn reference(
    mistake: Mistake,
    denoiser: &Affine,
    channel: Channel,
    x: &Array2<f64>,
    settings: &Settings,
    radii: &[f64],
    address: Address,
) -> Attacked<f64> {
    let (a, s) = (channel.a(), channel.s());
    let clean = denoiser.predict(channel, x.view()).unwrap();
    let mut omega = Shape::Ball(settings.norm).draw(address, radii, x.ncols()).unwrap();
    let factor = if settings.units == Units::Input || mistake == Mistake::NoS { 1.0 } else { s };
    let run = |omega: &Array2<f64>| {
        let mut point = x.clone();
        point.zip_mut_with(omega, |x, w| *x = factor.mul_add(*w, *x));
        let found = denoiser.predict(channel, point.view()).unwrap();
        let mut effect = match (settings.inner, settings.units) {
            (Inner::Residual, Units::Noise) => (&found.denoised - &clean.denoised) * (a / s),
            _ => &found.noise - &clean.noise,
        };
        if (settings.inner, settings.units) == (Inner::Residual, Units::Input) {
            effect.zip_mut_with(omega, |r, w| *r -= *w);
        }
        (point, effect)
    };
    let (point, effect) = run(&omega);
    let values = |effect: &Array2<f64>| effect.map_axis(Axis(1), |row| row.dot(&row));
    let start_value = values(&effect);
    let through = denoiser.vector_jacobian(channel, point.view(), effect.view()).unwrap();
    let gradient = match (settings.inner, settings.units) {
        (Inner::Residual, Units::Noise) => through,
        (Inner::PredictionDifference, _) => (&effect - &(through * a)) / s,
        (Inner::Residual, Units::Input) => (&effect - &(through * a)) / s - &effect,
    };
    for (n, mut row) in omega.rows_mut().into_iter().enumerate() {
        let StepSize::Relative(alpha) = settings.alpha else { unreachable!() };
        let mut v = vec![0.0; x.ncols()];
        settings.norm.steepest(gradient.row(n).as_slice().unwrap(), &mut v);
        let row = row.as_slice_mut().unwrap();
        if mistake == Mistake::ProjectedFirst {
            settings.norm.project(row, radii[n]).unwrap();
        }
        let alpha = if mistake == Mistake::Sign { -alpha } else { alpha } * radii[n];
        row.iter_mut().zip(&v).for_each(|(w, v)| *w = alpha.mul_add(*v, *w));
        if mistake != Mistake::ProjectedFirst {
            settings.norm.project(row, radii[n]).unwrap();
        }
    }
    let value = Some(values(&run(&omega).1));
    Attacked { perturbation: omega, start_value, value }
}

/// What an FGSM result is held to; the name of what fails. The values may be off by `rounding`.
fn held(
    found: &Attacked<f64>,
    objective: &InnerObjective<'_, f64, AtLevel<'_, Affine>>,
    norm: Norm,
    radii: &[f64],
    rounding: f64,
) -> Result<(), &'static str> {
    let mut rows = found.perturbation.rows().into_iter().zip(radii);
    if !rows.all(|(row, r)| norm.contains(row.to_slice().unwrap(), *r)) {
        return Err("outside");
    }
    let after = objective.value(found.perturbation.view()).unwrap();
    let off =
        |x: &Array1<f64>, y: &Array1<f64>| x.iter().zip(y).any(|(x, y)| (x - y).abs() > rounding);
    if found.value.as_ref().is_some_and(|value| off(value, &after)) {
        return Err("another objective");
    }
    // The objective of an affine denoiser is convex, and a step of ascent and a projection go up its gradient.
    if after.iter().zip(&found.start_value).any(|(end, start)| *end < start - rounding) {
        return Err("descends");
    }
    Ok(())
}

#[test]
fn planted_mistakes_in_a_step_are_caught() {
    let denoiser = Affine::fixed(
        array![0.5, -1.0, 0.0].view(),
        array![[0.9, 0.2, 0.0], [-0.3, 0.4, 0.1], [0.0, 0.7, -0.2]].view(),
    )
    .unwrap();
    let channel = Channel::new(0.8, 0.25).unwrap();
    let x = Array2::from_shape_fn((16, 3), |(n, i)| (n as f64 - 7.0) * 0.1 + i as f64 * 0.3);
    let local = AtLevel::new(&denoiser, channel, 16);
    let clean = local.predict(x.view()).unwrap();
    let radii: Vec<f64> = (0..16).map(|n| 0.1 + 0.05 * n as f64).collect();
    let address = Address { seed: 5, stream: 1, first_row: 0 };
    for norm in Norm::ALL {
        for (inner, units) in [
            (Inner::PredictionDifference, Units::Noise),
            (Inner::PredictionDifference, Units::Input),
            (Inner::Residual, Units::Noise),
            (Inner::Residual, Units::Input),
        ] {
            let alpha = StepSize::Relative(0.7);
            let settings = Settings { inner, units, alpha, ..Settings::fgsm(norm) };
            let objective = InnerObjective::new(&local, x.view(), &clean, inner, units).unwrap();
            let found = Attack::new(settings).unwrap();
            let found = found.perturb(&local, x.view(), &clean, &radii, address).unwrap();
            // Numbers are below 64 and formed by fewer than 64 roundings; squares of three of them.
            let rounding = 64.0 * f64::EPSILON * 3.0 * 64.0 * 64.0;
            assert_eq!(held(&found, &objective, norm, &radii, rounding), Ok(()), "{norm} {inner}");
            let run = |mistake| {
                let other = reference(mistake, &denoiser, channel, &x, &settings, &radii, address);
                let verdict = held(&other, &objective, norm, &radii, rounding);
                (other, verdict)
            };
            let (same, verdict) = run(Mistake::None);
            assert_eq!(verdict, Ok(()));
            for (x, y) in same.perturbation.iter().zip(&found.perturbation) {
                assert!((x - y).abs() <= rounding, "{norm} {inner} {units}");
            }
            assert_eq!(run(Mistake::Sign).1, Err("descends"), "{norm} {inner} {units}");
            assert_eq!(run(Mistake::ProjectedFirst).1, Err("outside"));
            if units == Units::Noise {
                assert_eq!(run(Mistake::NoS).1, Err("another objective"));
            }
        }
    }
}
