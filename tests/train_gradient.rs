//! A step's gradient against its loss, for a model in which the loss is a quadratic: central differences are then exact,
//! and rounding is all that is left.

use ndarray::ArrayView1;
use tweedie::arith::uniform_index;
use tweedie::attack::Address;
use tweedie::denoiser::{AffineLevels, Trainable};
use tweedie::objective::Constraint;
use tweedie::objective::consistency::perturbed;
use tweedie::train::batch::{Purpose, Rows, Table};
use tweedie::train::config::Config;
use tweedie::train::plan::{Perturb, Plan};
use tweedie::train::step::{Workspace, gradient};
use tweedie::tweedie::Kind;

const ROWS: usize = 150;
const STEP: u64 = 3;
const D: usize = 2;

fn plan(objective: &str) -> Plan {
    let text = format!(
        "batch = {ROWS}\ndtype = \"f64\"\n[data]\nlaw = \"ring\"\n[channel]\nschedule = \"ddpm\"\nlevels = 20\n\
         [model]\nkind = \"affine\"\n{objective}"
    );
    Plan::new(&Config::parse(&text).expect("a configuration")).expect("a plan")
}

/// Small multiples of 1/4: θ ± v is exact.
fn dyadic(stream: u64, n: usize) -> Vec<f64> {
    (0..n).map(|i| (uniform_index(9, stream, i as u64, 17) as f64 - 8.0) / 4.0).collect()
}

/// The loss and the slope along v with every number by its size and every difference a sum.
///
/// An expression of sums and products is off by at most γ(k) times this, k the most roundings that a term passes
/// (Higham, section 3.1). Along the way from θ to the mean loss: B = (I − aA)/s 3; a product with it d, the offset
/// 3; a residual 5 (two differences, two products, a sum); its square and their sum d + 1; the factors w, λ and 2
/// 6; the rows and blocks at most N; the mean 1. Along the gradient: the same with two more products.
fn sizes(plan: &Plan, theta: &[f64], v: &[f64]) -> (f64, f64) {
    let model = AffineLevels::<f64>::zeros(plan.steps.clone(), D).expect("a model");
    let table = Table::new(plan, &model).expect("a table");
    let rows = Rows::draw(plan, &table, STEP, 0, ROWS).expect("rows");
    let seed = plan.config.seed;
    let moved = plan.constrained.as_ref().map(|constrained| {
        let stream = Purpose::Radius.stream(STEP);
        let radii = constrained.radius.draw(&rows.channels, seed, stream, 0);
        let stream = Purpose::Perturbation.stream(STEP);
        let address = Address { seed, stream, first_row: 0 };
        let Perturb::Random(shape) = constrained.perturb else { panic!("ω is drawn here") };
        let omega = shape.draw(address, &radii, D).expect("perturbations");
        let units = constrained.consistency.units;
        let there = perturbed(&rows.channels, units, rows.x.view(), omega.view()).expect("x′");
        (constrained.consistency, omega, there)
    });
    let offsets = plan.steps.len() * D * D;
    let (mut loss, mut slope) = (0.0, 0.0);
    for (n, (&channel, &level)) in rows.channels.iter().zip(&rows.levels).enumerate() {
        let (a, s) = (channel.a(), channel.s());
        let weight = plan.matching.weighting.at(channel);
        for i in 0..D {
            // (D̂, ε̂) of parameters p at x; with the identity, which θ has and v has not.
            let at = |p: &[f64], x: ArrayView1<'_, f64>, identity: f64| {
                let entry = |j: usize| p[level * D * D + i * D + j].abs();
                let offset = p[offsets + level * D + i].abs();
                let denoised = (0..D).map(|j| entry(j) * x[j].abs()).sum::<f64>() + offset;
                (denoised, (identity * x[i].abs() + a * denoised) / s)
            };
            let mix = |(denoised, noise): (f64, f64)| match plan.matching.parametrisation {
                Kind::Noise => noise,
                Kind::Denoised => denoised,
                Kind::Score => noise / s,
                Kind::Velocity => a * noise + s * denoised,
            };
            let here = |p: &[f64], identity: f64| at(p, rows.x.row(n), identity);
            let (denoised, noise) = here(theta, 1.0);
            let r = mix((denoised + rows.clean[[n, i]].abs(), noise + rows.noise[[n, i]].abs()));
            let along = mix(here(v, 0.0));
            loss += weight * r * r;
            slope += 2.0 * weight * r * along;
            let Some((consistency, omega, there)) = &moved else { continue };
            let [of_noise, of_denoised] =
                consistency.constraint.expected(consistency.units, channel).map(f64::abs);
            let lambda = weight * consistency.strength.at(channel);
            let (denoised_there, noise_there) = at(theta, there.row(n), 1.0);
            let w = omega[[n, i]].abs();
            let r = mix((
                denoised + denoised_there + of_denoised * w,
                noise + noise_there + of_noise * w,
            ));
            let along = along + mix(at(v, there.row(n), 0.0));
            loss += lambda * r * r;
            slope += 2.0 * lambda * r * along;
        }
    }
    (loss / ROWS as f64, slope / ROWS as f64)
}

/// The gradient of `plan` against the loss of `of_loss`, which is the same plan where nothing is planted; `spoil` is
/// what a mistake makes of the gradient.
fn check(plan: &Plan, of_loss: &Plan, spoil: &dyn Fn(&mut [f64])) -> Result<(), String> {
    let mut model = AffineLevels::<f64>::zeros(plan.steps.clone(), D).expect("a model");
    let count = model.parameters().len();
    let (theta, v) = (dyadic(1, count), dyadic(2, count));
    let table = Table::new(plan, &model).expect("a table");
    let mut room = Workspace::new(count, ROWS);
    let mut step = |plan: &Plan, parameters: &[f64]| {
        model.set_parameters(parameters).expect("parameters");
        let losses = gradient(plan, &model, &table, STEP, &mut room).expect("a step");
        (losses.total(), room.gradient().to_vec())
    };
    let (_, mut slope) = step(plan, &theta);
    spoil(&mut slope);
    let found: f64 = slope.iter().zip(&v).map(|(g, v)| g * v).sum();
    let side =
        |sign: f64| -> Vec<f64> { theta.iter().zip(&v).map(|(t, v)| t + sign * v).collect() };
    let (up, down) = (side(1.0), side(-1.0));
    let expected = (step(of_loss, &up).0 - step(of_loss, &down).0) / 2.0;
    let roundings = (3 + D + 3 + 5 + D + 1 + 6 + ROWS + 1 + 2) as f64;
    let u = f64::EPSILON / 2.0;
    let gamma = roundings * u / (1.0 - roundings * u);
    let of_side = |theta: &[f64]| sizes(of_loss, theta, &v).0;
    // The sum over the parameters here, and the difference of the two losses, round too.
    let of_slope = (gamma + count as f64 * 1.01 * u) * sizes(of_loss, &theta, &v).1;
    let bound = gamma * (of_side(&up) + of_side(&down)) / 2.0 + of_slope + 2.0 * u * expected.abs();
    if (found - expected).abs() <= bound {
        return Ok(());
    }
    Err(format!("{found} for {expected}, bound {bound:e}"))
}

fn objectives() -> Vec<String> {
    let mut all = vec!["[objective]\nconstraint = \"none\"".to_string()];
    for constraint in Constraint::ALL.map(Constraint::name) {
        for parametrisation in ["noise", "denoised", "score", "velocity"] {
            for units in ["noise", "input"] {
                all.push(format!(
                    "[objective]\nconstraint = \"{constraint}\"\nlambda = 0.7\nunits = \"{units}\"\n\
                     parametrisation = \"{parametrisation}\"\nweighting = \"edm\""
                ));
            }
        }
    }
    all
}

#[test]
fn a_step_s_gradient_is_that_of_its_loss() {
    for objective in objectives() {
        let plan = plan(&objective);
        assert_eq!(check(&plan, &plan, &|_| {}), Ok(()), "{objective}");
    }
}

#[test]
fn planted_mistakes_are_caught() {
    for objective in objectives() {
        let plan = plan(&objective);
        let scaled = |by: f64| move |g: &mut [f64]| g.iter_mut().for_each(|g| *g *= by);
        for by in [ROWS as f64, 0.5, 1.0 + 1e-9] {
            assert!(check(&plan, &plan, &scaled(by)).is_err(), "{by} in {objective}");
        }
        let mut held = plan.clone();
        let Some(constrained) = &mut held.constrained else { continue };
        constrained.consistency.stop_gradient = true;
        assert!(check(&held, &plan, &|_| {}).is_err(), "a clean branch held, {objective}");
    }
}
