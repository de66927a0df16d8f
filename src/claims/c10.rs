//! C10: noise units against input units.
//!
//! In input units the residual vanishes for ∇D̂ = ((1 − s)/a)·I instead of 0 (E1): the two readings of the source method's loss agree at
//! s = 1 alone, and in input units the optimum is drawn off the plane as the invariant one is.
//!
//! Floor 7. Uses `claims`, `figure`. Spec: E1, E2.

use super::trials::compare::{FRECHET, INTERVAL, Measured, OFF, statistics};
use super::trials::{Recipe, Way};
use super::{Claim, Context, Findings};
use crate::error::Result;
use crate::figure::{Axis, Figure, Layer};

pub(super) const CLAIM: Claim = Claim {
    id: "C10",
    title: "noise units against input units",
    statement: "The two readings of the equivariance loss are different objectives: in noise units points stay nearer to the plane and \
                to the clean law than in input units.",
    source: "Theory E: the source method's displayed loss is in input units, its forward formula in noise units",
    hypothesis: "Theory (E1): in input units the residual vanishes for ∇D̂ = ((1 − s)/a)·I, in noise units for 0.",
    measured: "distance from the plane and Fréchet distance of generated points: noise units over input units",
    bound: INTERVAL,
    find,
};

fn find(context: &Context<'_>) -> Result<Findings> {
    let ways = [Way::Random, Way::Adversarial];
    let recipes: Vec<Recipe> = ways
        .iter()
        .flat_map(|&way| {
            ["noise", "input"].map(|units| Recipe { units, ..Recipe::new("oblique-plane", way) })
        })
        .collect();
    let measured = Measured::of(context, "C10", &recipes)?;
    let mut cases = Vec::new();
    let mut figure = Figure::new("units", "Noise units and input units")
        .caption(
            "Distance of generated points from the oblique plane, over the law's deviation: five seeds with 99 % intervals, \
             and the exact affine optimum of each objective.",
        )
        .axes(Axis::linear("random in noise, in input, adversarial in noise, in input units"), Axis::linear("distance"));
    for (at, way) in ways.iter().enumerate() {
        let pair = ((2 * at, "noise units"), (2 * at + 1, "input units"));
        for aspect in [OFF, FRECHET] {
            cases.extend(measured.cases(way.name(), aspect, pair, 1.0));
        }
        let places = [(2.0 * at as f64, 2 * at), (2.0 * at as f64 + 1.0, 2 * at + 1)];
        figure = figure
            .layer(measured.marks(way.name(), OFF, &places))
            .layer(Layer::points("exact optimum", measured.exact_points(OFF, &places)));
    }
    let statistics = Some(statistics(&cases));
    Ok(Findings { cases, statistics, figures: vec![figure] })
}
