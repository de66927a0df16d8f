//! The exact affine minimiser against E2 and E3, of exact moments and of random samples.

use ndarray::{Array1, Array2, ArrayView2, arr1, arr2, s};
use tweedie::Error;
use tweedie::arith::{fill_normal, fill_uniform};
use tweedie::channel::{Channel, Steps};
use tweedie::denoiser::{AffineLevels, Denoiser, Trainable};
use tweedie::objective::{Constraint, Units};
use tweedie::train::least_squares::{Penalty, Solution, normal_equations, normal_equations_of_law};

const U: f64 = f64::EPSILON / 2.0;

fn gamma(k: usize) -> f64 {
    let ku = k as f64 * U;
    ku / (1.0 - ku)
}

fn penalties(weight: f64) -> [Penalty; 4] {
    let one = |constraint, units| Penalty { constraint, units, weight };
    [
        one(Constraint::Equivariance, Units::Noise),
        one(Constraint::Invariance, Units::Noise),
        one(Constraint::Equivariance, Units::Input),
        one(Constraint::Invariance, Units::Input),
    ]
}

/// (ρ, κ): the residual of D̂ = Ax + c is −(a/s)(A·ρω − κω). From E1, not from the library.
fn step_and_target(penalty: Penalty, a: f64, s: f64) -> (f64, f64) {
    match (penalty.constraint, penalty.units) {
        (Constraint::Equivariance, Units::Noise) => (s, 0.0),
        (Constraint::Invariance, Units::Noise) => (s, s / a),
        (Constraint::Equivariance, Units::Input) => (1.0, (1.0 - s) / a),
        (Constraint::Invariance, Units::Input) => (1.0, 1.0 / a),
    }
}

/// Sylvester's matrix of order 2^k: orthogonal columns of ±1, the first all ones.
fn hadamard(order: usize) -> Array2<f64> {
    Array2::from_shape_fn(
        (order, order),
        |(i, j)| if (i & j).count_ones() % 2 == 0 { 1.0 } else { -1.0 },
    )
}

/// A design of 16 samples in four dimensions whose moments are exactly m, C = Q·diag(λ)·Qᵀ, ε of covariance I, ω of
/// τ²I, all uncorrelated: every number is dyadic.
struct Design {
    clean: Array2<f64>,
    noise: Array2<f64>,
    omega: Array2<f64>,
    mean: Array1<f64>,
    deviations: [f64; 4],
    q: Array2<f64>,
}

const A: f64 = 0.5;
const S: f64 = 0.75;
const TAU: f64 = 0.25;

fn design(deviations: [f64; 4]) -> Design {
    let h = hadamard(16);
    let q = hadamard(4) / 2.0;
    let mean = arr1(&[8.0, -3.0, 0.5, 0.0]);
    let scaled = h.slice(s![.., 1..5]).to_owned() * &arr1(&deviations);
    let clean = scaled.dot(&q.t()) + &mean;
    let noise = h.slice(s![.., 5..9]).to_owned();
    let omega = h.slice(s![.., 9..13]).mapv(|x| TAU * x);
    Design { clean, noise, omega, mean, deviations, q }
}

/// Q·diag(g)·Qᵀ, within γ(12)·Σ|q||g||q|: E2 and E3 in the eigenbasis, g = (aλ + κρλτ²)/(a²λ + s² + ρ²λτ²).
fn closed_form(design: &Design, penalty: Penalty) -> (Array2<f64>, f64) {
    let (step, target) = step_and_target(penalty, A, S);
    let extra = penalty.weight * TAU * TAU;
    let gain = arr1(&design.deviations).mapv(|deviation| {
        let value = deviation * deviation;
        (A * value + extra * target * step) / (A * A * value + S * S + extra * step * step)
    });
    let exact = (&design.q * &gain).dot(&design.q.t());
    let sizes = (design.q.mapv(f64::abs) * &gain.mapv(f64::abs)).dot(&design.q.t().mapv(f64::abs));
    (exact, gamma(12) * norm(&sizes))
}

fn size(vector: &Array1<f64>) -> f64 {
    vector.iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn norm(matrix: &Array2<f64>) -> f64 {
    matrix.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// The sample's solution, and what its M and N can be off from the law's, each, in the Frobenius norm.
fn solution(design: &Design, penalty: Penalty) -> (Solution, f64) {
    let channel = Channel::new(A, S).unwrap();
    let (clean, noise, omega) = (design.clean.view(), design.noise.view(), design.omega.view());
    let of_sample = normal_equations(channel, clean, noise, omega, penalty).unwrap();
    let covariance = (&design.q * &arr1(&design.deviations).mapv(|v| v * v)).dot(&design.q.t());
    let of_law =
        normal_equations_of_law(channel, design.mean.view(), covariance.view(), TAU * TAU, penalty)
            .unwrap();
    // Where κ is dyadic the sample's moments are the law's to the last bit, and elsewhere within one rounding each.
    let scale = gamma(2) * (norm(&of_law.right) + norm(&of_law.left));
    assert!(norm(&(&of_sample.left - &of_law.left)) <= scale);
    assert!(norm(&(&of_sample.right - &of_law.right)) <= scale);
    assert_eq!(of_sample.mean_clean, design.mean);
    assert_eq!(of_sample.mean_noised, &design.mean * A);
    (of_sample.solve().unwrap(), scale)
}

#[test]
fn exact_moments_give_the_optimum() {
    for deviations in [[2.0, 1.0, 0.5, 4.0], [2.0, 1.0, 0.0, 0.0], [0.0; 4]] {
        let design = design(deviations);
        for penalty in penalties(0.5).into_iter().chain(penalties(0.0)) {
            let (found, scale) = solution(&design, penalty);
            let (exact, rounding) = closed_form(&design, penalty);
            let off = norm(&(&found.matrix - &exact));
            // (N + n)(M + m)⁻¹ − N·M⁻¹ = (n − A·m)(M + m)⁻¹, and M's smallest eigenvalue is s² at least.
            let moved = scale * (1.0 + norm(&exact)) / (S * S - scale);
            let allowed = found.distance.unwrap() + rounding + moved;
            assert!(off <= allowed, "{penalty:?}: {off:e} {allowed:e}");
            assert!(allowed < 1e-12, "{allowed:e}");
            assert_eq!(found.rank, 4);
            // c = m − a·A·m: what A is off by, and a product of four terms and a sum, here and there.
            let offset = &design.mean - &exact.dot(&(&design.mean * A));
            let mean = size(&design.mean);
            let slack = allowed * A * mean + 2.0 * gamma(6) * (1.0 + A * norm(&exact)) * mean;
            assert!((&found.offset - &offset).iter().all(|x| x.abs() <= slack));
        }
    }
}

/// On directions that C annihilates A_eq·u = 0, and A_inv·u = (λτ²/a)/(1 + λτ²)·u: only the former keeps a plane.
#[test]
fn on_the_kernel_only_equivariance_vanishes() {
    let design = design([2.0, 1.0, 0.0, 0.0]);
    let weight = 0.5;
    let [equivariance, invariance, ..] = penalties(weight).map(|p| solution(&design, p).0);
    let extra = weight * TAU * TAU;
    for j in 2..4 {
        let u = design.q.column(j).to_owned();
        let kept = equivariance.matrix.dot(&u);
        // The matrix's own distance, and four products.
        let allowed = |s: &Solution| 2.0 * (s.distance.unwrap() + gamma(12) * norm(&s.matrix));
        assert!(kept.iter().all(|x| x.abs() <= allowed(&equivariance)));
        let moved = invariance.matrix.dot(&u) - &u * (extra / A / (1.0 + extra));
        assert!(moved.iter().all(|x| x.abs() <= allowed(&invariance)));
        assert!(extra / A / (1.0 + extra) > 1e3 * allowed(&invariance));
    }
}

/// L of the samples, from predictions, and Σ of the squared magnitudes that it was summed from.
fn loss(design: &Design, model: &AffineLevels<f64>, penalty: Penalty) -> (f64, f64) {
    let channel = Channel::new(A, S).unwrap();
    let x = &design.clean * A + &design.noise * S;
    let step = if penalty.units == Units::Noise { S } else { 1.0 };
    let here = model.noise(channel, x.view()).unwrap();
    let there = model.noise(channel, (&x + &design.omega * step).view()).unwrap();
    let held = if penalty.constraint == Constraint::Equivariance { 1.0 } else { 0.0 };
    let first = &here - &design.noise;
    let second = &there - &here - &design.omega * held;
    let sum = |m: &Array2<f64>| m.iter().map(|x| x * x).sum::<f64>();
    let n = x.nrows() as f64;
    // |x| ≤ 16 here, so a prediction's terms are below 16·Σ|B|; B and its offset are below 8.
    let size = here.len() as f64 * (16.0 * 4.0 * 8.0f64).powi(2);
    ((sum(&first) + penalty.weight * sum(&second)) / n, size / n)
}

/// The loss as it is defined, by predictions at x and x + η, has its minimum there: along every entry of A and c it
/// is a parabola with vertex at the solution.
#[test]
fn the_loss_as_defined_is_least_there() {
    let design = design([2.0, 1.0, 0.5, 0.0]);
    let steps = Steps::new(vec![Channel::new(A, S).unwrap()]).unwrap();
    for penalty in penalties(0.75) {
        let found = solution(&design, penalty).0;
        let mut model = AffineLevels::<f64>::zeros(steps.clone(), 4).unwrap();
        model.set_level(0, found.matrix.view(), found.offset.view()).unwrap();
        let best = model.parameters().to_vec();
        let (least, size_of_loss) = loss(&design, &model, penalty);
        // ∂L/∂A = 2(a/s)²·{A·M − N + (A·x̄ + c − x̄₀)x̄ᵀ} and ∂L/∂c = 2(a/s)²·(A·x̄ + c − x̄₀): the residual, and c's rounding.
        let mean = size(&design.mean);
        let of_offset = gamma(6) * (1.0 + A * norm(&found.matrix)) * mean;
        let slope = 2.0 * (A / S).powi(2) * (found.residual + of_offset * (1.0 + A * mean));
        for at in 0..best.len() {
            let mut moved = |h: f64| {
                let mut theta = best.clone();
                theta[at] += h;
                model.set_parameters(&theta).unwrap();
                loss(&design, &model, penalty).0
            };
            let h = 0.25;
            let (up, down) = (moved(h), moved(-h));
            // A term of a loss passes at most 2 roundings to x, 10 to a prediction, 4 to a difference and its square,
            // 128 in the two sums over sixteen samples of four and 3 to the mean.
            let curvature = up + down - 2.0 * least;
            let rounding = 2.0 * gamma(147) * size_of_loss + 2.0 * h * slope;
            assert!(
                (up - down).abs() <= rounding,
                "{penalty:?} {at}: {:e} {rounding:e}",
                up - down
            );
            assert!(curvature > 2.0 * rounding, "{penalty:?} {at}");
        }
    }
}

/// Fewer samples than dimensions: the solution of least norm, and what was left out is said.
#[test]
fn singular_equations_have_the_least_solution() {
    let clean = arr2(&[[1.0, 2.0, 3.0], [2.0, 0.0, 5.0]]);
    let noise = arr2(&[[0.5, -1.0, 0.25], [1.0, 0.5, 0.0]]);
    let channel = Channel::new(A, S).unwrap();
    let nothing = penalties(0.0)[0];
    let equations =
        normal_equations(channel, clean.view(), noise.view(), noise.view(), nothing).unwrap();
    let found = equations.solve().unwrap();
    assert_eq!((found.rank, found.distance), (1, None));
    // Both samples are reproduced: D̂(x_n) = x₀_n.
    let x = &clean * A + &noise * S;
    let denoised = x.dot(&found.matrix.t()) + &found.offset;
    // The residual over the one eigenvalue, times ‖x − mean‖; and six roundings of a product's terms and the offset's, here
    // and there.
    let eigenvalue = equations.left.diag().sum();
    let apart = norm(&(&x - &equations.mean_noised));
    let terms = norm(&x) * norm(&found.matrix) + norm(&clean);
    let allowed = found.residual / eigenvalue * apart + 2.0 * gamma(6) * terms;
    assert!((&denoised - &clean).iter().all(|x| x.abs() <= allowed));
    let equal = arr2(&[[1.0, 2.0], [1.0, 2.0]]);
    let none = normal_equations(channel, equal.view(), equal.view(), equal.view(), nothing)
        .unwrap()
        .solve()
        .unwrap();
    assert_eq!((none.rank, none.condition), (0, 1.0));
    assert_eq!(none.offset, arr1(&[1.0, 2.0]));
}

/// Random samples of a Gaussian law, ω uniform in a box of half width r (τ² = r²/3).
fn sampled(n: usize, penalty: Penalty, seed: u64) -> (Array2<f64>, Array2<f64>, f64) {
    let (d, r) = (3, 0.6);
    let channel = Channel::new(A, S).unwrap();
    let deviations = arr1(&[2.0, 1.0, 0.25]);
    let draw = |stream: u64| {
        let mut values = vec![0.0; n * d];
        fill_normal(seed, stream, 0, &mut values);
        Array2::from_shape_vec((n, d), values).unwrap()
    };
    let clean = draw(0) * &deviations + 1.5;
    let noise = draw(1);
    let mut omega = vec![0.0; n * d];
    fill_uniform(seed, 2, 0, &mut omega);
    let omega = Array2::from_shape_fn((n, d), |(i, j)| r * (2.0 * omega[i * d + j] - 1.0));
    let equations =
        normal_equations(channel, clean.view(), noise.view(), omega.view(), penalty).unwrap();
    let (step, target) = step_and_target(penalty, A, S);
    let extra = penalty.weight * r * r / 3.0;
    let gain = deviations.mapv(|v| {
        (A * v * v + extra * target * step) / (A * A * v * v + S * S + extra * step * step)
    });
    // ‖A_n − A‖ ≤ ‖N_n − A·M_n‖_F·‖M_n⁻¹‖, and entry (i, j) of N_n − A·M_n is, with the data centred at its true mean,
    // mean(y_i z_j) − ȳ_i z̄_j + λ(κ − g_i ρ)ρ·(mean ω_iω_j − E), y = x₀ − A·x and z = x both normal, of mean value
    // E y_i z_j on the diagonal that the last term's E cancels. With t = −ln of the share of the false alarm:
    // mean(yz) is off by at most σ_y σ_z(2√(t/n) + 2t/n) (Laurent and Massart 2000, both sides of χ² of y ± z: 4e⁻ᵗ),
    // |ȳ z̄| ≤ σ_y σ_z·2t/n (4e⁻ᵗ), mean ω_iω_j by r²√(2t/n) (Hoeffding, 2e⁻ᵗ).
    let t = (10.0 * (d * d) as f64 / FALSE_ALARM).ln();
    let n_ = n as f64;
    let mut squares = 0.0;
    for i in 0..d {
        for j in 0..d {
            let (v, w) = (deviations[i] * deviations[i], deviations[j] * deviations[j]);
            let y = ((1.0 - A * gain[i]).powi(2) * v + (gain[i] * S).powi(2)).sqrt();
            let z = (A * A * w + S * S).sqrt();
            let normal = y * z * (2.0 * (t / n_).sqrt() + 4.0 * t / n_);
            let boxed = penalty.weight
                * ((target - gain[i] * step) * step).abs()
                * r
                * r
                * (2.0 * t / n_).sqrt();
            squares += (normal + boxed).powi(2);
        }
    }
    let found = equations.solve().unwrap();
    let lowest = norm(&equations.left) / found.condition / (d as f64).sqrt();
    (found.matrix, Array2::from_diag(&gain), squares.sqrt() / lowest)
}

/// A run of this file raises a false alarm with at most this probability for each comparison.
const FALSE_ALARM: f64 = 1e-9;

#[test]
fn random_samples_are_within_the_interval() {
    for (seed, penalty) in penalties(0.5).into_iter().enumerate() {
        let mut last = f64::INFINITY;
        for n in [1 << 10, 1 << 14, 1 << 18] {
            let (found, exact, bound) = sampled(n, penalty, seed as u64);
            let off = norm(&(&found - &exact));
            assert!(off <= bound, "{penalty:?} n = {n}: {off:e} {bound:e}");
            // n^(−1/2): sixteen times the samples, a quarter of the bound (and less, for the terms of order 1/n).
            assert!(bound <= 0.26 * last, "{bound} {last}");
            last = bound;
        }
    }
    // The interval tells the constraints apart: one's matrix is outside the other's.
    let [equivariance, invariance, ..] = penalties(0.5).map(|p| sampled(1 << 18, p, 9));
    assert!(norm(&(&equivariance.0 - &invariance.1)) > equivariance.2);
}

#[test]
fn bad_input_is_refused() {
    let (fine, three) = (arr2(&[[0.0, 1.0], [1.0, 3.0]]), arr2(&[[0.0], [1.0]]));
    let channel = Channel::new(A, S).unwrap();
    let solve = |clean: ArrayView2<'_, f64>, noise: ArrayView2<'_, f64>, channel, weight| {
        normal_equations(channel, clean, noise, fine.view(), penalties(weight)[0]).map(|_| ())
    };
    assert!(solve(fine.view(), fine.view(), channel, 0.5).is_ok());
    assert!(matches!(
        solve(fine.view(), fine.view(), channel, -1.0),
        Err(Error::Domain { what: "lambda", .. })
    ));
    let no_signal = Channel::new(0.0, 1.0).unwrap();
    assert!(matches!(
        solve(fine.view(), fine.view(), no_signal, 0.5),
        Err(Error::Domain { what: "a", .. })
    ));
    assert!(matches!(
        solve(fine.view(), three.view(), channel, 0.5),
        Err(Error::Shape { what: "noise", .. })
    ));
    assert!(matches!(
        solve(Array2::zeros((0, 2)).view(), fine.view(), channel, 0.5),
        Err(Error::Empty { .. })
    ));
    let bad = arr2(&[[0.0, f64::NAN], [1.0, 1.0]]);
    assert!(matches!(solve(bad.view(), fine.view(), channel, 0.5), Err(Error::NotFinite { .. })));
    let law = |covariance: &Array2<f64>, tau| {
        normal_equations_of_law(
            channel,
            arr1(&[0.0, 0.0]).view(),
            covariance.view(),
            tau,
            penalties(0.5)[0],
        )
        .map(|_| ())
    };
    assert!(matches!(law(&three, 1.0), Err(Error::Shape { .. })));
    assert!(matches!(law(&fine, -1.0), Err(Error::Domain { .. })));
    assert!(matches!(law(&(&fine * f64::MAX), 1.0), Err(Error::NotFinite { .. })));
}
