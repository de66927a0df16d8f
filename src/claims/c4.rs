//! C4: fewer near-copies of the training points.
//!
//! The exact score of a training set is that of its point masses, and sampling with it ends on them: the plain optimum copies.
//! What keeps a network from it is that it does not reach that optimum, and a constraint that flattens it.
//!
//! Floor 7. Uses `claims`, `figure`, `sampler`. Spec: T6, E5.

use ndarray::ArrayView2;

use super::trials::compare::{INTERVAL, mark, part, statistics, trained};
use super::trials::yardstick::distance;
use super::trials::{Recipe, Size, Trained, Way, over_seeds};
use super::{Claim, Context, Findings};
use crate::error::Result;
use crate::figure::{Axis, Figure, Layer};
use crate::sampler::Method;

pub(super) const CLAIM: Claim = Claim {
    id: "C4",
    title: "fewer near-copies of the training set",
    statement: "Learned from a small training set, equivariant training generates fewer near-copies of its points than plain training.",
    source: "Why Adversarially Train Diffusion Models?, ICLR 2026: memorisation; the ratio test of Yoon et al. 2023",
    hypothesis: "Theory (T6, E5): the plain optimum is the denoiser of point masses, which copies; the constraint flattens it.",
    measured: "the fraction of generated points whose nearest training point is less than a third as far as the second nearest, as a \
               ratio of two ways of training; half a point is added to each count, so that none is 0",
    bound: INTERVAL,
    find,
};

const WAYS: [Way; 3] = [Way::Plain, Way::Random, Way::Adversarial];
/// Nearest over second nearest: below this a point counts as a copy.
const COPY: f64 = 1.0 / 3.0;

fn find(context: &Context<'_>) -> Result<Findings> {
    let size = Size::of(context);
    let whole: (&[&'static str], &[usize]) =
        (&["three-gaussians", "oblique-plane"], &[10, 30, 100, 300, 1000]);
    let (laws, samples) = match (context.quick, context.full) {
        (_, true) => whole,
        (true, _) => (&whole.0[..1], &[10][..]),
        _ => (&whole.0[..1], &[10, 100][..]),
    };
    let (mut cases, mut figures) = (Vec::new(), Vec::new());
    for &law in laws {
        let recipes: Vec<Recipe> = samples
            .iter()
            .flat_map(|&samples| WAYS.map(|way| Recipe { samples, ..Recipe::new(law, way) }))
            .collect();
        let found = over_seeds(context, "C4", &recipes, |model| {
            let points = model.generate(Method::Ancestral, size.sampler_steps, size.generated)?;
            Ok([copies(model, points.view())])
        })?;
        let mut figure = Figure::new(format!("copies-{law}"), format!("Near-copies of the training set: {law}"))
            .caption(
                "The fraction of generated points that lie near one training point only, against the number of training \
                 points: five seeds with 99 % intervals.",
            )
            .axes(Axis::log("training points"), Axis::linear("near-copies"));
        for (at, samples) in samples.iter().enumerate() {
            let [plain, random, adversarial] =
                [0, 1, 2].map(|which| part(&found[3 * at + which], 0));
            let condition = format!("{samples} training points");
            for (name, values) in [("random", &random), ("adversarial", &adversarial)] {
                let quantity = format!("near-copies: {name} / plain");
                cases.push(trained(law, &condition, &quantity, (values, &plain), 1.0));
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

/// The fraction of near-copies, with half a point added above and one below.
fn copies(model: &Trained, points: ArrayView2<'_, f64>) -> f64 {
    let set = model.plan.trained.means();
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
