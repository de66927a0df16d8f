//! C4: fewer near-copies of the training points.
//!
//! The exact score of a training set is that of its point masses, and sampling with it ends on them: the plain optimum copies.
//! What keeps a network from it is that it does not reach that optimum, and a constraint that flattens it. On the line the
//! constrained optimum over all functions is known too (E5), for every training set.
//!
//! Floor 7. Uses `claims`, `figure`, `law`, `sampler`, `train`. Spec: T6, E5.

use ndarray::ArrayView2;

use super::interval::SEEDS;
use super::trials::compare::{INTERVAL, mark, part, sampled, statistics, trained};
use super::trials::yardstick::distance;
use super::trials::{Recipe, Size, Way, optimum, over_seeds, seeds, table};
use super::{Claim, Context, Findings};
use crate::error::Result;
use crate::figure::{Axis, Figure, Layer};
use crate::law::toy_law;
use crate::sampler::{End, LineLaw, Method, law_on_line};
use crate::train::plan::Plan;

pub(super) const CLAIM: Claim = Claim {
    id: "C4",
    title: "fewer near-copies of the training set",
    statement: "Learned from a small training set, equivariant training generates fewer near-copies of its points than plain training.",
    source: "Why Adversarially Train Diffusion Models?, ICLR 2026: memorisation; the ratio test of Yoon et al. 2023",
    hypothesis: "Theory (T6, E5): the plain optimum is the denoiser of point masses, which copies; the constraint flattens it.",
    measured: "the fraction of generated points whose nearest training point is less than a third as far as the second nearest, as a \
               ratio of two ways of training; half a point is added to each count, so that none is 0; a tenth fewer counts as fewer",
    bound: INTERVAL,
    find,
};

const WAYS: [Way; 3] = [Way::Plain, Way::Random, Way::Adversarial];
/// Nearest over second nearest: below this a point counts as a copy.
const COPY: f64 = 1.0 / 3.0;
/// A tenth fewer counts as fewer.
const FEWER: f64 = 0.9;

fn find(context: &Context<'_>) -> Result<Findings> {
    let size = Size::of(context);
    let whole: (&[&'static str], &[usize]) =
        (&["two-modes", "three-gaussians", "oblique-plane"], &[10, 30, 100, 300, 1000]);
    let (laws, samples) = match (context.quick, context.full) {
        (_, true) => whole,
        (true, _) => (&whole.0[..1], &[10][..]),
        _ => (&whole.0[..2], &[10, 100][..]),
    };
    let (mut cases, mut figures) = (Vec::new(), Vec::new());
    for &law in laws {
        let recipes: Vec<Recipe> = samples
            .iter()
            .flat_map(|&samples| WAYS.map(|way| Recipe { samples, ..Recipe::new(law, way) }))
            .collect();
        let found = over_seeds(context, "C4", &recipes, |model| {
            let points = model.generate(Method::Ancestral, size.sampler_steps, size.generated)?;
            Ok([copies(model.plan.trained.means(), points.view())])
        })?;
        let ideal = match toy_law(law)?.dimension() {
            1 => ideal(context, &recipes)?,
            _ => Vec::new(),
        };
        let mut figure = Figure::new(format!("copies-{law}"), format!("Near-copies of the training set: {law}"))
            .caption(
                "The fraction of generated points that lie near one training point only, against the number of training \
                 points: five seeds with 99 % intervals. Discs: the exact optima over all functions, on the line.",
            )
            .axes(Axis::log("training points"), Axis::linear("near-copies"));
        for (at, samples) in samples.iter().enumerate() {
            let [plain, random, adversarial] =
                [0, 1, 2].map(|which| part(&found[3 * at + which], 0));
            let condition = format!("{samples} training points");
            for (name, values) in [("random", &random), ("adversarial", &adversarial)] {
                let quantity = format!("near-copies: {name} / plain");
                cases.push(trained(law, &condition, &quantity, (values, &plain), FEWER));
            }
            if let Some([plain, random, adversarial]) = ideal.get(3 * at..3 * at + 3).map(three) {
                for (name, values) in [("random", &random), ("adversarial", &adversarial)] {
                    let quantity = format!("near-copies: {name} / plain");
                    cases.push(sampled(law, &condition, &quantity, (values, &plain), FEWER));
                }
                for (way, values) in WAYS.iter().zip([plain, random, adversarial]) {
                    let [x, centre, ..] = mark(*samples as f64, &values);
                    let label = format!("{}, exact optimum", way.name());
                    figure = figure.layer(Layer::points(label, vec![[x, centre]]));
                }
            }
            for (way, values) in WAYS.iter().zip([plain, random, adversarial]) {
                figure = figure
                    .layer(Layer::errorbars(way.name(), vec![mark(*samples as f64, &values)]));
            }
        }
        figures.push(figure);
    }
    let statistics = Some(statistics(&cases));
    Ok(Findings { cases, statistics, figures })
}

fn three(of_ways: &[[f64; SEEDS]]) -> [[f64; SEEDS]; 3] {
    std::array::from_fn(|which| of_ways[which])
}

/// The same for the exact optima of every recipe and training set, with no sampling.
fn ideal(context: &Context<'_>, recipes: &[Recipe]) -> Result<Vec<[f64; SEEDS]>> {
    let size = Size::of(context);
    let steps = table(size.sampler_steps)?;
    let of_seed = |recipe: &Recipe, seed: u64| {
        let set = Plan::new(&recipe.config(size, seed))?.trained;
        let Some(optimum) = optimum::at_levels(recipe, size, &steps, seed)? else {
            return Ok(f64::NAN);
        };
        let law = law_on_line(&*optimum, &steps, Method::Ancestral, End::Data)?;
        Ok(copied_mass(set.means().iter().copied().collect(), &law))
    };
    let of_recipe = |recipe: &Recipe| {
        let found: Result<Vec<f64>> =
            seeds(context).into_iter().map(|seed| of_seed(recipe, seed)).collect();
        let found = found?;
        Ok(std::array::from_fn(|k| found[k]))
    };
    recipes.iter().map(of_recipe).collect()
}

/// The mass of near-copies on the line. Right of a point t between neighbours l and r these are x − t < (r − x)/3 and x − t < (x − l)/3, so x − t below
/// (r − t)/4 and (t − l)/2; left of it likewise, and at either end without the missing neighbour.
fn copied_mass(mut set: Vec<f64>, law: &LineLaw) -> f64 {
    set.sort_by(f64::total_cmp);
    let gap = |i: usize| set[i + 1] - set[i];
    let last = set.len() - 1;
    let of_point = |i: usize| {
        let before = if i > 0 { gap(i - 1) } else { f64::INFINITY };
        let after = if i < last { gap(i) } else { f64::INFINITY };
        let right = (0.25 * after).min(0.5 * before);
        let left = (0.25 * before).min(0.5 * after);
        law.below(set[i] + right) - law.below(set[i] - left)
    };
    (0..set.len()).map(of_point).sum()
}

/// The fraction of near-copies, with half a point added above and one below.
fn copies(set: ArrayView2<'_, f64>, points: ArrayView2<'_, f64>) -> f64 {
    let near = |point: &ndarray::ArrayView1<'_, f64>| {
        let (mut first, mut second) = (f64::INFINITY, f64::INFINITY);
        for known in set.rows() {
            let apart = distance(point.iter(), known.iter());
            if apart < first {
                (first, second) = (apart, first);
            } else if apart < second {
                second = apart;
            }
        }
        first < COPY * second
    };
    let count = points.rows().into_iter().filter(near).count();
    (count as f64 + 0.5) / (points.nrows() as f64 + 1.0)
}
