//! C5: less displacement under attacks on the sampler's trajectory, also by an attacker who looks ahead.
//!
//! The end of a run moves by products of the steps' maps with the perturbations. Near the data these are ∇D̂ = A for an affine optimum, whose gains
//! λτ² makes smaller (E2).
//!
//! Floor 7. Uses `attack`, `claims`, `figure`, `law`, `optimum`, `sampler`. Spec: E2, E4, T8.

use ndarray::Array1;

use super::trials::compare::{INTERVAL, exact, mark, part, statistics, trained};
use super::trials::{Recipe, Size, Way, optimum, over_seeds, table};
use super::{Case, Claim, Context, Findings};
use crate::arith::{Real, mean};
use crate::attack::ahead::{LookAhead, displace_looking_ahead};
use crate::attack::trajectory::{Chosen, TrajectoryAttack, displace};
use crate::attack::{Attack, Inner, Norm, Settings};
use crate::denoiser::Denoiser;
use crate::error::Result;
use crate::figure::{Axis, Figure, Layer};
use crate::law::toy_law;
use crate::sampler::{Method, Options};

pub(super) const CLAIM: Claim = Claim {
    id: "C5",
    title: "attacks on the sampler's trajectory",
    statement: "Perturbations of a sampler's states displace what it generates less after equivariant training than after plain training, also \
                where the attacker looks ahead to the end and averages over the sampler's noise.",
    source: "Why Adversarially Train Diffusion Models?, ICLR 2026: attacks during sampling; averaging: Athalye et al. 2018",
    hypothesis: "Theory (E2, T8): the optimum's gains are smaller the larger λτ².",
    measured: "the mean displacement of the end in ℓ2, ω within ‖ω‖∞ ≤ 0.1 in noise units at every state (one step on the residual) or at \
               four of them (looking ahead, four draws), as a ratio of two ways of training",
    bound: INTERVAL,
    find,
};

const WAYS: [Way; 3] = [Way::Plain, Way::Random, Way::Adversarial];
const EPS: f64 = 0.1;
const DRAWS: usize = 4;
/// The attackers: one that sees the state alone, against either sampler, and one that looks ahead.
const ATTACKERS: [&str; 3] = [
    "DDIM, one step on the residual",
    "ancestral, one step on the residual",
    "ancestral, looking ahead",
];

fn find(context: &Context<'_>) -> Result<Findings> {
    let whole = ["oblique-plane", "two-modes", "three-gaussians"];
    let laws = if context.full { &whole[..] } else { &whole[..1] };
    let (mut cases, mut figures) = (Vec::new(), Vec::new());
    for &law in laws {
        figures.push(of_law(context, law, &mut cases)?);
    }
    let statistics = Some(statistics(&cases));
    Ok(Findings { cases, statistics, figures })
}

fn of_law(context: &Context<'_>, law: &'static str, cases: &mut Vec<Case>) -> Result<Figure> {
    let size = Size::of(context);
    let recipes = WAYS.map(|way| Recipe::new(law, way));
    let found = over_seeds(context, "C5", &recipes, |model| {
        displacements::<f32, _>(&model.model, size, model.seed)
    })?;
    let mut ideal = Vec::new();
    for recipe in &recipes {
        let steps = table(states(size))?;
        if let Some(best) = optimum::at_levels(recipe, size, &steps, context.seed)? {
            ideal.push(displacements::<f64, _>(&*best, size, context.seed)?);
        }
    }
    let deviation = toy_law(law)?.deviation();
    let mut figure = Figure::new(
        format!("trajectory-attacks-{law}"),
        format!("How far attacks displace what is generated: {law}"),
    )
    .caption(format!(
        "Mean displacement of the end over the law's deviation: five seeds with 99 % intervals, and (discs) the exact \
         optima under the same attacks. From left to right: {}.",
        ATTACKERS.join("; ")
    ))
    .axes(Axis::linear("attacker"), Axis::linear("displacement / deviation"));
    for (which, way) in WAYS.iter().enumerate() {
        for (attacker, words) in ATTACKERS.iter().enumerate() {
            if which > 0 {
                let quantity = format!("displacement: {} / plain", way.name());
                let pair = (&part(&found[which], attacker), &part(&found[0], attacker));
                cases.push(trained(law, words, &quantity, pair, 1.0));
                let pair = (ideal[which][attacker], ideal[0][attacker]);
                cases.push(exact(law, words, &quantity, pair, 1.0));
            }
        }
        let scaled = |attacker| part(&found[which], attacker).map(|moved| moved / deviation);
        let places = 0..ATTACKERS.len();
        let x = |attacker: usize| attacker as f64 + 0.1 * which as f64;
        let marks = places.clone().map(|at| mark(x(at), &scaled(at))).collect();
        let discs = places.map(|at| [x(at), ideal[which][at] / deviation]).collect();
        figure = figure
            .layer(Layer::errorbars(way.name(), marks))
            .layer(Layer::points(format!("{}, exact optimum", way.name()), discs));
    }
    Ok(figure)
}

/// The sampler's steps here.
fn states(size: Size) -> usize {
    size.sampler_steps.min(20)
}

/// The mean displacement by each attacker.
fn displacements<T: Real, D: Denoiser<T> + ?Sized>(
    denoiser: &D,
    size: Size,
    seed: u64,
) -> Result<[f64; ATTACKERS.len()]> {
    let steps = table(states(size))?;
    let points = size.generated.min(256);
    let settings = Settings { inner: Inner::Residual, ..Settings::fgsm(Norm::Linf) };
    let plan = TrajectoryAttack { attack: Attack::new(settings)?, eps: EPS, chosen: Chosen::All };
    let mut found = [0.0; ATTACKERS.len()];
    for (found, method) in found.iter_mut().zip([Method::Ddim { eta: 0.0 }, Method::Ancestral]) {
        let told = Options::default();
        let moved = displace(denoiser, &steps, method, points, seed, &told, &plan)?;
        *found = average(&moved.displacement);
    }
    let last = steps.channels().len() - 1;
    let chosen = Chosen::States(vec![last / 4, last / 2, 3 * last / 4, last]);
    let plan = LookAhead { norm: Norm::Linf, eps: EPS, chosen, draws: DRAWS };
    let moved = displace_looking_ahead(denoiser, &steps, Method::Ancestral, points, seed, &plan)?;
    found[2] = average(&moved.displacement);
    Ok(found)
}

fn average<T: Real>(displacement: &Array1<T>) -> f64 {
    mean(&displacement.iter().map(|moved| moved.to_f64()).collect::<Vec<f64>>())
}
