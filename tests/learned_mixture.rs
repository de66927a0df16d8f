//! The learned score is exact: a mixture-parametrised denoiser trained on its own family returns the true parameters.
//!
//! Training is least squares, E‖D̂_θ(x) − target‖² over fixed points and levels, by Gauss–Newton steps with derivatives
//! from `Block::to_parameters`. With target D* the minimum is 0 and is reached to rounding; with target x₀ it is
//! within the interval that the sample's own covariance gives (T4: the floor does not move the minimum).
//! The last logit is held, since a constant added to all changes nothing.

mod mixture_formulas;
mod scalars;

use mixture_formulas::{Case, Slip, formulas};
use ndarray::{Array1, Array2, Axis};
use tweedie::arith::eigen::{SymmetricEigen, symmetric_eigen};
use tweedie::arith::fill_normal;
use tweedie::arith::matrix::multiply;
use tweedie::channel::Channel;
use tweedie::denoiser::{Block, Cotangent, Denoiser, MixtureDenoiser, Trainable, Variances};
use tweedie::law::{Covariance, Mixture, Quantity};

/// Points at one level, their weights in the loss, and what D̂ is to be there.
struct Batch {
    channel: Channel,
    points: Array2<f64>,
    weights: Vec<f64>,
    targets: Array2<f64>,
}

/// √w·(D̂ − target), and its derivative by the free parameters.
struct Linear {
    residual: Array1<f64>,
    jacobian: Array2<f64>,
}

/// All parameters but the last logit.
fn free(model: &MixtureDenoiser<f64>) -> Vec<usize> {
    (0..model.parameters().len()).filter(|at| at + 1 != model.components()).collect()
}

fn linear(model: &MixtureDenoiser<f64>, batches: &[Batch]) -> Linear {
    let (free, d) = (free(model), Denoiser::<f64>::dimension(model));
    let rows: usize = batches.iter().map(|b| b.points.len()).sum();
    let mut out =
        Linear { residual: Array1::zeros(rows), jacobian: Array2::zeros((rows, free.len())) };
    let mut at = 0;
    for batch in batches {
        let level = model.level(batch.channel).unwrap();
        for (n, x) in batch.points.axis_chunks_iter(Axis(0), 1).enumerate() {
            let block = model.block(&[&level]);
            let (found, record) = block.forward(x).unwrap();
            let root = batch.weights[n].sqrt();
            for i in 0..d {
                let mut unit = Array2::zeros((1, d));
                unit[[0, i]] = root;
                let cotangent = Cotangent { denoised: Some(unit), noise: None };
                let mut gradient = vec![0.0; model.parameters().len()];
                block.to_parameters(&[(&record, &cotangent)], &mut gradient).unwrap();
                out.residual[at] = root * (found.denoised[[0, i]] - batch.targets[[n, i]]);
                for (to, &from) in out.jacobian.row_mut(at).iter_mut().zip(&free) {
                    *to = gradient[from];
                }
                at += 1;
            }
        }
    }
    out
}

fn squared(x: &Array1<f64>) -> f64 {
    x.iter().map(|x| x * x).sum()
}

fn gram(jacobian: &Array2<f64>) -> Array2<f64> {
    multiply(jacobian.t(), jacobian.view()).unwrap()
}

/// (JᵀJ + μI)⁻¹·v in the eigenbasis of JᵀJ.
fn solve(eigen: &SymmetricEigen, damping: f64, v: &Array1<f64>) -> Array1<f64> {
    let turned = eigen.vectors.t().dot(v);
    let scaled =
        Array1::from_shape_fn(v.len(), |j| turned[j] / (eigen.values[j].max(0.0) + damping));
    eigen.vectors.dot(&scaled)
}

/// Levenberg and Marquardt: a step is kept where the loss falls, and the damping follows.
fn train(start: &MixtureDenoiser<f64>, batches: &[Batch]) -> MixtureDenoiser<f64> {
    let (mut model, free) = (start.clone(), free(start));
    let mut damping = 1e-2;
    let mut now = linear(&model, batches);
    for _ in 0..200 {
        let eigen = symmetric_eigen(gram(&now.jacobian).view()).unwrap();
        let step = solve(&eigen, damping, &now.jacobian.t().dot(&now.residual));
        let mut theta = model.parameters().to_vec();
        free.iter().zip(&step).for_each(|(&at, step)| theta[at] -= step);
        let mut next = model.clone();
        let moved = next.set_parameters(&theta).map(|()| linear(&next, batches));
        match moved {
            Ok(moved) if squared(&moved.residual) < squared(&now.residual) => {
                (model, now, damping) = (next, moved, damping / 8.0);
            }
            // No step lowers the loss any more, however short: rounding is all that is left.
            _ if damping > 1e12 => break,
            _ => damping *= 8.0,
        }
    }
    model
}

/// The truth with its components in the order that is nearest to the model's, and its logits moved so that the held
/// one is the model's.
fn nearest(model: &MixtureDenoiser<f64>, truth: &MixtureDenoiser<f64>) -> MixtureDenoiser<f64> {
    let (k, d, from) = (truth.components(), Denoiser::<f64>::dimension(truth), truth.parameters());
    let width = from.len() / k - 1 - d;
    let ordered = |order: &[usize]| {
        let held = model.parameters()[k - 1] - from[order[k - 1]];
        let mut theta: Vec<f64> = order.iter().map(|&c| from[c] + held).collect();
        for (start, each) in [(k, d), (k * (1 + d), width)] {
            for &c in order {
                theta.extend(&from[start + c * each..start + (c + 1) * each]);
            }
        }
        let mut one = truth.clone();
        one.set_parameters(&theta).unwrap();
        one
    };
    let all = permutations(k).into_iter().map(|order| ordered(&order));
    let far = |one: &MixtureDenoiser<f64>| squared(&difference(model, one));
    all.min_by(|a, b| far(a).total_cmp(&far(b))).unwrap()
}

/// The free parameters of one less those of the other.
fn difference(one: &MixtureDenoiser<f64>, other: &MixtureDenoiser<f64>) -> Array1<f64> {
    free(one).into_iter().map(|at| one.parameters()[at] - other.parameters()[at]).collect()
}

/// Half way between two.
fn middle(one: &MixtureDenoiser<f64>, other: &MixtureDenoiser<f64>) -> MixtureDenoiser<f64> {
    let mut between = one.clone();
    let pairs = one.parameters().iter().zip(other.parameters());
    between.set_parameters(&pairs.map(|(a, b)| 0.5 * (a + b)).collect::<Vec<f64>>()).unwrap();
    between
}

fn permutations(k: usize) -> Vec<Vec<usize>> {
    if k == 0 {
        return vec![vec![]];
    }
    let mut all = Vec::new();
    for shorter in permutations(k - 1) {
        for place in 0..k {
            let mut longer = shorter.clone();
            longer.insert(place, k - 1);
            all.push(longer);
        }
    }
    all
}

fn levels() -> Vec<Channel> {
    [(1.0, 0.1), (0.9, 0.4), (0.7, 0.7), (0.4, 0.9)]
        .map(|(a, s)| Channel::new(a, s).unwrap())
        .into()
}

/// A grid of `each` nodes a coordinate over [−w, w]ᵈ at every level, weighted by the density there; and √w times the
/// bound of the exact evaluation, squared and summed.
fn quadrature(law: &Mixture, each: usize, w: f64) -> (Vec<Batch>, f64) {
    let d = law.dimension();
    let n = each.pow(d as u32);
    let step = 2.0 * w / (each - 1) as f64;
    let points =
        Array2::from_shape_fn((n, d), |(n, i)| (n / each.pow(i as u32) % each) as f64 * step - w);
    let mut error = 0.0;
    let batches = levels()
        .into_iter()
        .map(|channel| {
            let noised = law.through::<f64>(channel).unwrap();
            let density = noised.log_density(points.view()).unwrap();
            let weights: Vec<f64> = density.iter().map(|l| l.exp() * step.powi(d as i32)).collect();
            let bounds =
                noised.bounds(points.view(), &[Quantity::Denoiser]).unwrap().denoiser.unwrap();
            for (row, weight) in bounds.rows().into_iter().zip(&weights) {
                error += row.iter().map(|b| weight * b * b).sum::<f64>();
            }
            let targets = noised.denoiser(points.view()).unwrap();
            Batch { channel, points: points.clone(), weights, targets }
        })
        .collect();
    (batches, error.sqrt())
}

fn perturbed(truth: &MixtureDenoiser<f64>, seed: u64, size: f64) -> MixtureDenoiser<f64> {
    let mut noise = vec![0.0; truth.parameters().len()];
    fill_normal(seed, 0, 0, &mut noise);
    let theta: Vec<f64> =
        truth.parameters().iter().zip(&noise).map(|(t, z)| t + size * z).collect();
    let mut model = truth.clone();
    model.set_parameters(&theta).unwrap();
    model
}

/// ‖J_1 − J_2‖_F.
fn apart(one: &Array2<f64>, other: &Array2<f64>) -> f64 {
    (one - other).iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// √(Σ w·‖e‖²) with e what rounding can have made of D̂ at a point: the running analysis of the model's operations.
fn evaluation_error(model: &MixtureDenoiser<f64>, batches: &[Batch]) -> f64 {
    let (d, mut sum) = (Denoiser::<f64>::dimension(model), 0.0);
    for batch in batches {
        for (x, weight) in batch.points.rows().into_iter().zip(&batch.weights) {
            let case = Case {
                diagonal: model.variances() == Variances::Diagonal,
                components: model.components(),
                dimension: d,
                theta: model.parameters().to_vec(),
                a: batch.channel.a(),
                s: batch.channel.s(),
                x: x.to_vec(),
                v: vec![0.0; d],
                denoised: vec![0.0; d],
                noise: vec![0.0; d],
            };
            let found = formulas(&case, (f64::EPSILON / 2.0, f64::MIN_POSITIVE), Slip::None);
            sum += found.denoised.iter().map(|e| weight * e.error() * e.error()).sum::<f64>();
        }
    }
    sum.sqrt()
}

/// r(θ̂) = J̄·(θ̂ − θ*) + the error of both evaluations, J̄ the mean of the Jacobian between θ* and θ̂. So, where J
/// moves by less than half of its smallest singular value σ on the way, ‖θ̂ − θ*‖ ≤ 2(‖r(θ̂)‖ + error)/σ. The way is
/// looked at in its middle and at its end. That θ* is the law's parameters to one ln each adds 2u a parameter.
fn returns_to_the_truth(law: &Mixture, each: usize, width: f64, seed: u64) {
    let given = MixtureDenoiser::<f64>::from_law(law).unwrap();
    let (batches, error) = quadrature(law, each, width);
    let start = perturbed(&given, seed, 0.3);
    let model = train(&start, &batches);
    let truth = nearest(&model, &given);
    let here = linear(&model, &batches);
    let products = gram(&here.jacobian);
    let eigen = symmetric_eigen(products.view()).unwrap();
    // JᵀJ's own rounding: a chain of as many terms as rows.
    let rounding = here.residual.len() as f64 * f64::EPSILON * products.diag().sum();
    let smallest = (eigen.values[0] - eigen.residual - rounding).sqrt();
    assert!(smallest > 0.0, "the parameters are not identified: {}", eigen.values[0]);
    for other in [&truth, &middle(&model, &truth)] {
        let moved = apart(&here.jacobian, &linear(other, &batches).jacobian);
        assert!(moved <= 0.5 * smallest, "another minimum: {moved:e} {smallest:e}");
    }
    let own = evaluation_error(&model, &batches);
    let size = squared(&Array1::from_iter(truth.parameters().iter().copied())).sqrt();
    let allowed =
        2.0 * (squared(&here.residual).sqrt() + error + own) / smallest + 2.0 * f64::EPSILON * size;
    let off = squared(&difference(&model, &truth)).sqrt();
    let began = squared(&difference(&start, &given)).sqrt();
    assert!(off <= allowed, "{off:e} {allowed:e}");
    // More than half of the digits.
    assert!(allowed < f64::EPSILON.sqrt() * began, "{allowed:e} from {began:e}");
}

fn on_the_line() -> Mixture {
    let means = Array2::from_shape_vec((2, 1), vec![-1.0, 1.5]).unwrap();
    Mixture::new(vec![0.4, 0.6], means, Covariance::isotropic(vec![0.3, 0.6]).unwrap()).unwrap()
}

fn in_the_plane(diagonal: bool) -> Mixture {
    let means = Array2::from_shape_vec((3, 2), vec![-1.5, 0.0, 1.0, 1.2, 0.8, -1.4]).unwrap();
    let covariance = if diagonal {
        let values = vec![0.4, 0.15, 0.2, 0.5, 0.3, 0.25];
        Covariance::diagonal(Array2::from_shape_vec((3, 2), values).unwrap())
    } else {
        Covariance::isotropic(vec![0.4, 0.15, 0.25])
    };
    Mixture::new(vec![0.5, 0.2, 0.3], means, covariance.unwrap()).unwrap()
}

#[test]
fn on_the_line_it_returns_to_the_truth() {
    for seed in 0..4 {
        returns_to_the_truth(&on_the_line(), 81, 6.0, seed);
    }
}

#[test]
fn in_the_plane_it_returns_to_the_truth() {
    returns_to_the_truth(&in_the_plane(false), 13, 4.0, 1);
    returns_to_the_truth(&in_the_plane(true), 13, 4.0, 2);
}

/// n draws a level of x₀ and x, equal weights 1/(levels·n).
fn drawn(law: &Mixture, n: usize, seed: u64, shift: f64) -> Vec<Batch> {
    let levels = levels();
    let weight = 1.0 / (levels.len() * n) as f64;
    let one = |(stream, channel): (usize, Channel)| {
        let sample = law.sample_noised(channel, seed, stream as u64, n).unwrap();
        Batch {
            channel,
            points: sample.noised,
            weights: vec![weight; n],
            targets: sample.clean.mapv(|x| x + shift),
        }
    };
    levels.into_iter().enumerate().map(one).collect()
}

/// (θ̂ − θ*)ᵀ·H·S⁻¹·H·(θ̂ − θ*), H = Σ J_nᵀJ_n and S = Σ g_n g_nᵀ with g_n = J_nᵀr_n of one draw: for many draws χ²
/// with as many degrees of freedom as there are parameters, whatever the noise of the targets (Huber 1967, White
/// 1982).
fn sandwich(model: &MixtureDenoiser<f64>, truth: &MixtureDenoiser<f64>, batches: &[Batch]) -> f64 {
    let (here, d) = (linear(model, batches), Denoiser::<f64>::dimension(model));
    let mut scores = Array2::zeros((here.residual.len() / d, here.jacobian.ncols()));
    for (row, (r, jacobian)) in here.residual.iter().zip(here.jacobian.rows()).enumerate() {
        scores.row_mut(row / d).scaled_add(*r, &jacobian);
    }
    let moved = gram(&here.jacobian).dot(&difference(model, &nearest(model, truth)));
    let eigen = symmetric_eigen(gram(&scores).view()).unwrap();
    moved.dot(&solve(&eigen, 0.0, &moved))
}

/// P(χ²_p > this) ≤ e^(−t) (Laurent and Massart 2000, lemma 1).
fn chi_square_bound(p: usize, t: f64) -> f64 {
    let p = p as f64;
    p + 2.0 * (p * t).sqrt() + 2.0 * t
}

/// With sampled targets θ̂ is within the interval that the sample gives; the false alarm of each is 10⁻⁹ in the limit
/// of many draws. A bias of 0.1 in the targets is outside it.
#[test]
fn sampled_targets_lead_to_the_truth_within_their_interval() {
    for (law, n, seed) in [(on_the_line(), 8192, 3), (in_the_plane(false), 4096, 4)] {
        let truth = MixtureDenoiser::<f64>::from_law(&law).unwrap();
        let t = 1e9_f64.ln();
        let bound = chi_square_bound(free(&truth).len(), t);
        let batches = drawn(&law, n, seed, 0.0);
        let model = train(&perturbed(&truth, seed, 0.1), &batches);
        let statistic = sandwich(&model, &truth, &batches);
        assert!(statistic <= bound, "{statistic} {bound}");
        // θ̂ is not θ* by construction: it is the sample's own minimum, off by about n^(−1/2).
        assert!(squared(&difference(&model, &nearest(&model, &truth))) > 1.0 / (n * n) as f64);
        let biased = drawn(&law, n, seed, 0.1);
        let model = train(&perturbed(&truth, seed, 0.1), &biased);
        let statistic = sandwich(&model, &truth, &biased);
        assert!(statistic > bound, "{statistic} {bound}");
    }
}
