//! Objectives by their definitions, to the bit where numbers are dyadic, and planted mistakes that the same checks catch.

use ndarray::Array2;
use tweedie::arith::uniform_index;
use tweedie::channel::Channel;
use tweedie::denoiser::{Cotangent, Prediction};
use tweedie::objective::{
    Consistency, Consistent, Constraint, Matching, Radius, Strength, Units, Weighting,
};
use tweedie::tweedie::Kind;

/// A loss of predictions at x and at x′ and of ω: its value and its gradients, as the library gives them.
type Evaluate<'a> = &'a dyn Fn(&Prediction<f64>, &Prediction<f64>, &Array2<f64>) -> Consistent<f64>;

/// Small multiples of 1/4: sums and products of a few of them are exact in f64.
fn dyadic(seed: u64, stream: u64, shape: (usize, usize)) -> Array2<f64> {
    Array2::from_shape_fn(shape, |(n, i)| {
        (uniform_index(seed, stream, (n * shape.1 + i) as u64, 33) as f64 - 16.0) / 4.0
    })
}

fn prediction(seed: u64, stream: u64, shape: (usize, usize)) -> Prediction<f64> {
    Prediction { denoised: dyadic(seed, stream, shape), noise: dyadic(seed, stream + 1, shape) }
}

/// Dyadic channels, so that every factor of a loss is exact.
fn dyadic_channels() -> Vec<Channel> {
    let pairs = [(1.0, 0.5), (0.5, 0.25), (0.25, 2.0), (1.0, 1.0), (2.0, 0.125)];
    pairs.iter().map(|&(a, s)| Channel::new(a, s).expect("a channel")).collect()
}

/// The residual by its definition, in the parametrisation: its square is the loss.
fn by_definition(
    consistency: &Consistency,
    kind: Kind,
    channel: Channel,
    clean: [f64; 2],
    perturbed: [f64; 2],
    omega: f64,
) -> f64 {
    let (a, s) = (channel.a(), channel.s());
    let h = if consistency.units == Units::Noise { s } else { 1.0 };
    // What would have been right at x′ if x₀ or ε had moved: equivariance moves ε by ω, and x₀ by what is left.
    let moved_noise = if consistency.constraint == Constraint::Equivariance { omega } else { 0.0 };
    let moved_clean = (h * omega - s * moved_noise) / a;
    let noise = perturbed[1] - clean[1] - moved_noise;
    let denoised = perturbed[0] - clean[0] - moved_clean;
    match kind {
        Kind::Noise => noise,
        Kind::Denoised => denoised,
        Kind::Score => -noise / s,
        Kind::Velocity => a * noise - s * denoised,
    }
}

/// Values by the definition, and gradients by central differences with step 1: exact for a quadratic in dyadic numbers.
/// Returns what is wrong first.
fn dyadic_check(
    consistency: &Consistency,
    kind: Kind,
    evaluate: Evaluate<'_>,
    seed: u64,
) -> Result<(), String> {
    let channels = dyadic_channels();
    let shape = (channels.len(), 3);
    let (clean, there) = (prediction(seed, 0, shape), prediction(seed, 2, shape));
    let omega = dyadic(seed, 4, shape);
    let found = evaluate(&clean, &there, &omega);
    for (n, &channel) in channels.iter().enumerate() {
        let mut sum = 0.0;
        for i in 0..shape.1 {
            let at = [n, i];
            let pair = |p: &Prediction<f64>| [p.denoised[at], p.noise[at]];
            let r =
                by_definition(consistency, kind, channel, pair(&clean), pair(&there), omega[at]);
            sum += r * r;
        }
        let expected = consistency.strength.lambda * sum;
        if found.values[n] != expected {
            return Err(format!("row {n}: value {} for {expected}", found.values[n]));
        }
    }
    let total = |clean: &Prediction<f64>, there: &Prediction<f64>| -> f64 {
        evaluate(clean, there, &omega).values.iter().sum()
    };
    for part in 0..4 {
        let gradient = match part {
            0 => &found.clean.denoised,
            1 => &found.clean.noise,
            2 => &found.perturbed.denoised,
            _ => &found.perturbed.noise,
        };
        for n in 0..shape.0 {
            for i in 0..shape.1 {
                let side = |by: f64| {
                    let (mut clean, mut there) = (clean.clone(), there.clone());
                    let moved = if part < 2 { &mut clean } else { &mut there };
                    let array = if part % 2 == 0 { &mut moved.denoised } else { &mut moved.noise };
                    array[[n, i]] += by;
                    total(&clean, &there)
                };
                let slope = (side(1.0) - side(-1.0)) / 2.0;
                let slope = if consistency.stop_gradient && part < 2 { 0.0 } else { slope };
                let given = gradient.as_ref().map_or(0.0, |g| g[[n, i]]);
                if given != slope {
                    return Err(format!("part {part}, entry [{n}, {i}]: {given} for {slope}"));
                }
            }
        }
    }
    Ok(())
}

fn every_consistency() -> impl Iterator<Item = (Consistency, Kind)> {
    Constraint::ALL.into_iter().flat_map(|constraint| {
        Units::ALL.into_iter().flat_map(move |units| {
            Kind::ALL.into_iter().flat_map(move |kind| {
                [false, true].into_iter().map(move |stop_gradient| {
                    let strength = Strength::new(0.25, 0.0).expect("a strength");
                    (Consistency { constraint, units, strength, stop_gradient }, kind)
                })
            })
        })
    })
}

fn library(
    consistency: Consistency,
    kind: Kind,
) -> impl Fn(&Prediction<f64>, &Prediction<f64>, &Array2<f64>) -> Consistent<f64> {
    move |clean, there, omega| {
        consistency
            .evaluate(&dyadic_channels(), (kind, Weighting::Uniform), clean, there, omega.view())
            .expect("a loss")
    }
}

#[test]
fn every_constraint_is_its_definition_to_the_bit() {
    for (consistency, kind) in every_consistency() {
        // Input units divide by a: a quarter and 2 are exact, so is every quotient here.
        for seed in 0..8 {
            let found = dyadic_check(&consistency, kind, &library(consistency, kind), seed);
            assert_eq!(found, Ok(()), "{consistency:?}, {kind}");
        }
    }
}

#[test]
fn planted_mistakes_in_a_constraint_are_caught() {
    for (consistency, kind) in every_consistency() {
        let right = library(consistency, kind);
        let caught = |name: &str, wrong: Evaluate<'_>| {
            let found = (0..8).any(|seed| dyadic_check(&consistency, kind, wrong, seed).is_err());
            assert!(found, "{name} is not caught in {consistency:?}, {kind}");
        };
        if consistency.stop_gradient {
            caught("stop-gradient on the wrong branch", &|clean, there, omega| {
                let found = right(clean, there, omega);
                Consistent { clean: found.perturbed.clone(), perturbed: found.clean, ..found }
            });
        } else {
            caught("a clean branch that counts as a constant", &|clean, there, omega| {
                let nothing = Cotangent { denoised: None, noise: None };
                Consistent { clean: nothing, ..right(clean, there, omega) }
            });
        }
        // ω is not in the residual at all where invariance is seen in the noise, or equivariance in the data (E1).
        let in_denoised =
            consistency.constraint == Constraint::Invariance || consistency.units == Units::Input;
        let enters = match kind {
            Kind::Noise | Kind::Score => consistency.constraint == Constraint::Equivariance,
            Kind::Denoised => in_denoised,
            Kind::Velocity => true,
        };
        if enters {
            caught("the perturbation's sign", &|clean, there, omega| {
                right(clean, there, &omega.mapv(|w| -w))
            });
            caught("an s missing in the target", &|clean, there, omega| {
                let mut scaled = omega.clone();
                for (mut row, channel) in scaled.rows_mut().into_iter().zip(dyadic_channels()) {
                    row.mapv_inplace(|w| w * channel.s());
                }
                right(clean, there, &scaled)
            });
        }
        let other = match consistency.constraint {
            Constraint::Equivariance => Constraint::Invariance,
            Constraint::Invariance => Constraint::Equivariance,
        };
        caught(
            "the other constraint",
            &library(Consistency { constraint: other, ..consistency }, kind),
        );
    }
}

/// Matching by its definition, dyadic, and every parametrisation as the noise loss times its factor.
#[test]
fn matching_is_its_definition_to_the_bit() {
    let channels = dyadic_channels();
    let shape = (channels.len(), 3);
    for seed in 0..8 {
        // Predictions that satisfy x = a·D̂ + s·ε̂ with the targets' x: the four are then one loss with four factors.
        let (noise, error) = (dyadic(seed, 1, shape), dyadic(seed, 2, shape));
        let clean = dyadic(seed, 3, shape);
        let mut predicted = Prediction { denoised: clean.clone(), noise: &noise + &error };
        for (n, channel) in channels.iter().enumerate() {
            for i in 0..shape.1 {
                predicted.denoised[[n, i]] -= channel.s() * error[[n, i]] / channel.a();
            }
        }
        for kind in Kind::ALL {
            for weighting in [Weighting::Uniform, Weighting::SignalToNoise] {
                let matching = Matching { parametrisation: kind, weighting };
                let found = matching
                    .evaluate(&channels, &predicted, clean.view(), noise.view())
                    .expect("a loss");
                for (n, channel) in channels.iter().enumerate() {
                    let (a, s) = (channel.a(), channel.s());
                    let factor = match kind {
                        Kind::Noise => 1.0,
                        Kind::Denoised => s / a,
                        Kind::Score => 1.0 / s,
                        Kind::Velocity => (a * a + s * s) / a,
                    };
                    let weight = match weighting {
                        Weighting::SignalToNoise => a * a / (s * s),
                        _ => 1.0,
                    };
                    let square: f64 = error.row(n).iter().map(|e| e * e).sum();
                    assert_eq!(
                        found.values[n],
                        weight * factor * factor * square,
                        "{kind}, {channel:?}"
                    );
                    // Along the direction in which predictions can move, (−s/a, 1): 2w·k²·(error).
                    for i in 0..shape.1 {
                        let part = |g: &Option<Array2<f64>>| g.as_ref().map_or(0.0, |g| g[[n, i]]);
                        let along =
                            part(&found.gradient.noise) - s / a * part(&found.gradient.denoised);
                        assert_eq!(along, 2.0 * weight * factor * factor * error[[n, i]]);
                    }
                }
            }
        }
    }
}

#[test]
fn the_edm_weighting_is_its_formula() {
    let weighting = Weighting::new("edm", 0.5).expect("a weighting");
    // σ = 1/4, σ_d = 1/2: (1/16 + 1/4)/(1/64) = 20.
    assert_eq!(weighting.at(Channel::new(1.0, 0.25).expect("a channel")), 20.0);
    assert_eq!(weighting.at(Channel::new(4.0, 1.0).expect("a channel")), 20.0);
}

#[test]
fn the_radius_is_its_formula() {
    let radius = Radius::new(3.0, 2.0, 0.0).expect("a radius");
    assert_eq!(radius.at(Channel::new(1.0, 0.5).expect("a channel")), 0.75);
    let channels = vec![Channel::new(1.0, 0.5).expect("a channel"); 300];
    let drawn = Radius::new(3.0, 2.0, 0.5).expect("a radius").draw(&channels, 7, 1, 0);
    assert!(drawn.iter().all(|r| (0.75..1.25).contains(r)));
    // 300 uniform numbers in (0, 1/2): each half of the interval is missed with probability 2⁻³⁰⁰.
    assert!(drawn.iter().any(|r| *r > 1.0) && drawn.iter().any(|r| *r < 1.0));
    let later = Radius::new(3.0, 2.0, 0.5).expect("a radius").draw(&channels[..7], 7, 1, 293);
    assert_eq!(&drawn[293..], &later[..]);
    assert!(Radius::new(-1.0, 2.0, 0.0).is_err());
}
