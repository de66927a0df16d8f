//! E4: on affine denoisers the attacks against the largest effect in closed form.
//!
//! What is proven, for the effect B·ω and M = BᵀB with eigenvalues λ₁ ≥ λ₂ ≥ …, radius r and step α = ρ·r:
//! - ℓ2: a step maps the direction of ω by I + cM with c = α/‖Mω‖ ≥ ρ/λ₁. So the tangent of the angle to the first
//!   eigenvector falls by at least q = (1 + ρλ₂/λ₁)/(1 + ρ) a step; for ρ ≥ 1 the iterates are on the sphere. After k
//!   steps the value is at least r²λ₁/(1 + q²ᵏtan²θ₀).
//! - ℓ∞ with ρ ≥ 2: the iterates are vertices, ω ← r·sign(Mω). The value is convex, so it does not fall; where it stops
//!   no coordinate pulls against its sign.
//! - ℓ1 with ρ ≥ 2: the iterates are vertices ±r·e_i, i the largest entry of Mω, and the value does not fall.

use ndarray::{Array1, Array2, ArrayView1, array};
use proptest::prelude::*;
use tweedie::Error;
use tweedie::arith::eigen::symmetric_eigen;
use tweedie::arith::matrix::multiply;
use tweedie::arith::{Real, fill_normal};
use tweedie::attack::affine::{effect, equivalent_box_radius, largest_effect};
use tweedie::attack::{
    Address, Attack, Attacked, Inner, InnerObjective, Keep, Norm, Settings, Shape, StepSize, Units,
};
use tweedie::channel::Channel;
use tweedie::denoiser::{Affine, AtLevel, Levelled};

/// k·u/(1 − k·u).
fn gamma(k: usize, u: f64) -> f64 {
    let ku = k as f64 * u;
    ku / (1.0 - ku)
}

fn matrix(d: usize, seed: u64) -> Array2<f64> {
    let mut entries = vec![0.0; d * d];
    fill_normal(seed, 0, 0, &mut entries);
    Array2::from_shape_vec((d, d), entries).unwrap()
}

/// An affine denoiser of mean 0, at x = 0: nothing cancels in x − a·m or in ε̂(x') − ε̂(x).
struct Setting {
    affine: Affine,
    channel: Channel,
    inner: Inner,
    units: Units,
    /// B.
    effect: Array2<f64>,
    /// An upper bound of ‖|B|‖ and of ‖|∇ε̂|‖ as they are formed, in the units of B.
    size: f64,
}

impl Setting {
    fn new(d: usize, seed: u64, (a, s): (f64, f64), which: usize) -> Self {
        let channel = Channel::new(a, s).unwrap();
        let affine = Affine::fixed(Array1::zeros(d).view(), matrix(d, seed).view()).unwrap();
        let inner = [Inner::PredictionDifference, Inner::Residual][which % 2];
        let units = [Units::Noise, Units::Input][which / 2 % 2];
        let effect = effect(&affine, channel, inner, units).unwrap();
        let frobenius = matrix(d, seed).iter().map(|x| x * x).sum::<f64>().sqrt();
        let whole = (d as f64).sqrt() + a * frobenius;
        let size = match units {
            Units::Noise => whole,
            Units::Input => whole / s + (d as f64).sqrt(),
        };
        Setting { affine, channel, inner, units, effect, size }
    }

    fn dimension(&self) -> usize {
        self.effect.nrows()
    }

    fn settings(&self, norm: Norm, rho: f64, steps: usize) -> Settings {
        Settings {
            alpha: StepSize::Relative(rho),
            steps,
            keep: Keep::Best,
            inner: self.inner,
            units: self.units,
            ..Settings::fgsm(norm)
        }
    }

    fn attack<T: Real>(&self, settings: Settings, radii: &[T], seed: u64) -> Attacked<T> {
        let local = AtLevel::new(&self.affine, self.channel, radii.len());
        let x = Array2::<T>::default((radii.len(), self.dimension()));
        let clean = local.predict(x.view()).unwrap();
        let address = Address { seed, ..Address::default() };
        let attack = Attack::new(settings).unwrap();
        attack.perturb(&local, x.view(), &clean, radii, address).unwrap()
    }

    /// An effect is two chains of products of at most 2d + 10 roundings, relative to `size`·r; its square twice that.
    fn rounding<T: Real>(&self, r: f64) -> f64 {
        3.0 * gamma(4 * self.dimension() + 20, T::UNIT_ROUNDOFF) * (self.size * r).powi(2)
    }

    /// ‖Bω‖².
    fn value(&self, omega: ArrayView1<'_, f64>) -> f64 {
        let v = self.effect.dot(&omega);
        v.dot(&v)
    }
}

fn wide<T: Real>(row: ArrayView1<'_, T>) -> Array1<f64> {
    row.mapv(T::to_f64)
}

fn channels() -> impl Strategy<Value = (f64, f64)> {
    prop_oneof![
        Just((1.0, 1e-6)),
        Just((1.0, 1e3)),
        Just((0.6, 0.8)),
        (0.1..1.0_f64, 0.01..2.0_f64)
    ]
}

/// The geometric convergence of power iteration, with the start's own angle and every rounding counted.
fn power<T: Real>(
    setting: &Setting,
    rho: f64,
    steps: usize,
    seed: u64,
) -> Result<bool, TestCaseError> {
    let (d, r) = (setting.dimension(), 0.5);
    let radius = T::from_f64(r);
    let eigen = symmetric_eigen(setting.effect.t().dot(&setting.effect).view()).unwrap();
    let (first, second) =
        (eigen.values[d - 1], if d > 1 { eigen.values[d - 2].max(0.0) } else { 0.0 });
    let settings =
        Settings { random_start: Some(Shape::Sphere), ..setting.settings(Norm::L2, rho, steps) };
    let found = setting.attack(settings, &[radius], seed);
    let value = found.value.as_ref().unwrap()[0];
    let largest = largest_effect(Norm::L2, setting.effect.view(), r).unwrap();
    let rounding = setting.rounding::<T>(r);
    // That the enclosure is narrow is no tolerance but what makes the comparison say something.
    prop_assert!(largest.lower <= largest.upper && largest.upper <= largest.lower * 1.0001);
    prop_assert!(value <= largest.upper + rounding, "{value} {largest:?}");
    prop_assert!(Norm::L2.contains(found.perturbation.row(0).to_slice().unwrap(), radius));

    let address = Address { seed, ..Address::default() };
    let start = wide(Shape::Sphere.draw(address, &[radius], d).unwrap().row(0));
    let cosine = start.dot(&eigen.vectors.column(d - 1)).abs() / start.dot(&start).sqrt();
    let tangent = (1.0 / (cosine * cosine) - 1.0).max(0.0).sqrt();
    let q = (1.0 + rho * second / first) / (1.0 + rho);
    // The direction of a step is off by η: the gradient by γ·size² against λ₁·cos θ, twice for its length, and the
    // step and the projection by 40u. tan(θ + η) ≤ tan θ + 1.1·η(1 + tan²θ), and tan θ stays below `most`.
    let most = tangent.max(1.0);
    let u = T::UNIT_ROUNDOFF;
    let gradient = gamma(4 * d + 20, u) * setting.size.powi(2) / first * (1.0 + most * most).sqrt();
    let eta = 2.0 * gradient + 40.0 * u;
    let added = 1.1 * eta * (1.0 + most * most);
    if added > (1.0 - q) * most || eta > 0.01 {
        return Ok(false);
    }
    let end = q.powi(steps as i32) * tangent + added / (1.0 - q);
    let least = largest.lower * (1.0 - 100.0 * u) / (1.0 + end * end) - rounding;
    prop_assert!(value >= least, "{value} {least} {largest:?} q = {q} tan = {tangent}");
    Ok(true)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn pgd_is_power_iteration_in_l2(
        d in 1usize..8, seed in any::<u64>(), channel in channels(), which in 0usize..4, rho in 1.0..50.0_f64,
        steps in 1usize..60,
    ) {
        let setting = Setting::new(d, seed, channel, which);
        power::<f64>(&setting, rho, steps, seed)?;
        power::<f32>(&setting, rho, steps, seed)?;
    }

    /// ℓ∞ and ℓ1: at most the largest effect, never below the start, and at rest at a vertex that nothing pulls away.
    #[test]
    fn pgd_stops_at_a_vertex(
        d in 1usize..9, seed in any::<u64>(), channel in channels(), which in 0usize..4, rho in 2.0..9.0_f64,
    ) {
        let setting = Setting::new(d, seed, channel, which);
        let r = 0.5;
        let rounding = setting.rounding::<f64>(r);
        for norm in [Norm::Linf, Norm::L1] {
            let largest = largest_effect(norm, setting.effect.view(), r).unwrap();
            let found = setting.attack(setting.settings(norm, rho, 40), &[r], seed);
            let value = found.value.as_ref().unwrap()[0];
            prop_assert!(value <= largest.upper + rounding && value >= found.start_value[0]);
            prop_assert!((value - setting.value(found.perturbation.row(0))).abs() <= rounding);
            let last = Settings { keep: Keep::Last, ..setting.settings(norm, rho, 40) };
            let omega = setting.attack(last, &[r], seed).perturbation;
            let omega = omega.row(0);
            let value = setting.value(omega);
            prop_assert!(value >= found.start_value[0] - 40.0 * rounding);
            let zeros = omega.iter().filter(|w| **w == 0.0).count();
            prop_assert!(omega.iter().all(|w| w.abs() == r || *w == 0.0));
            prop_assert_eq!(zeros, if norm == Norm::L1 { d - 1 } else { 0 });
            // A gain in each of 40 steps above rounding is possible only where it has not come to rest.
            let pulled = setting.effect.t().dot(&setting.effect.dot(&omega));
            let next = match norm {
                Norm::Linf => pulled.iter().zip(omega).map(|(g, w)| (g * w).abs() - g * w).sum::<f64>(),
                _ => {
                    let most = pulled.iter().map(|g| g.abs()).fold(0.0, f64::max) * r;
                    most - pulled.dot(&omega)
                }
            };
            if next > rounding * 4.0 {
                let longer = Settings { keep: Keep::Last, ..setting.settings(norm, rho, 41) };
                let after = setting.attack(longer, &[r], seed).perturbation;
                prop_assert!(setting.value(after.row(0)) >= value - rounding);
                prop_assert!(after.row(0) != omega, "at rest where {next} pulls");
            }
        }
    }

    /// On the plane, a start whose signs are those of the best vertex or its opposite, half of all starts, leads to
    /// it: every row of M then pulls along. 40 restarts all miss with probability 2⁻⁴⁰.
    #[test]
    fn restarts_find_the_best_vertex_of_a_square(seed in any::<u64>(), channel in channels(), which in 0usize..4) {
        let setting = Setting::new(2, seed, channel, which);
        let (r, rounding) = (0.5, setting.rounding::<f64>(0.5));
        let largest = largest_effect(Norm::Linf, setting.effect.view(), r).unwrap();
        let settings = Settings { restarts: 40, ..setting.settings(Norm::Linf, 2.0, 3) };
        let found = setting.attack(settings, &[r], seed);
        prop_assert!(found.value.unwrap()[0] >= largest.lower - rounding);
    }

    /// No perturbation of the ball has a larger effect, and `at` has the lower bound's.
    #[test]
    fn the_largest_effect_is_enclosed(
        d in prop_oneof![1usize..12, Just(24usize)], seed in any::<u64>(), e in -300i32..150, r in 0.0..4.0_f64,
    ) {
        let b = matrix(d, seed).mapv(|x| x * 2.0_f64.powi(e));
        for norm in Norm::ALL {
            let largest = largest_effect(norm, b.view(), r).unwrap();
            let unit = 2.0_f64.powi(-e);
            let slack = gamma(8 * d + 20, f64::UNIT_ROUNDOFF) * (matrix(d, seed).iter().map(|x| x * x).sum::<f64>() * r * r * d as f64);
            let value = |omega: ArrayView1<'_, f64>| {
                let v = b.dot(&omega) * unit;
                v.dot(&v)
            };
            let scaled = |x: f64| x * unit * unit;
            prop_assert!(largest.lower <= largest.upper);
            prop_assert!(scaled(largest.lower) <= value(largest.at.view()) + slack);
            // A computed eigenvector is as long as the decomposition's orthogonality says.
            let unscaled = matrix(d, seed);
            let gram = multiply(unscaled.t(), unscaled.view()).unwrap();
            let longer = symmetric_eigen(gram.view()).unwrap().orthogonality;
            let rounding = 10.0 * f64::UNIT_ROUNDOFF;
            prop_assert!(norm.of(largest.at.as_slice().unwrap()) <= r * (1.0 + longer + rounding));
            for omega in Shape::Ball(norm).draw(Address { seed, ..Address::default() }, &[r; 50], d).unwrap().rows() {
                let edge = norm.of(omega.to_slice().unwrap());
                let out = omega.mapv(|x| if edge > 0.0 { x / edge * r } else { x });
                prop_assert!(value(out.view()) <= scaled(largest.upper) + slack, "{norm} {d}");
            }
            if norm == Norm::Linf && d < 12 {
                let best = (0..1 << d).map(|code: usize| {
                    value(Array1::from_shape_fn(d, |j| if code >> j & 1 == 1 { -r } else { r }).view())
                });
                let best = best.fold(0.0, f64::max);
                prop_assert!((best - scaled(largest.lower)).abs() <= slack);
            }
        }
    }

    /// In one dimension the adversary of radius r is the random box of radius √3·r.
    #[test]
    fn on_the_line_the_adversary_is_a_box(seed in any::<u64>(), channel in channels(), which in 0usize..4, r in 0.01..9.0_f64) {
        let setting = Setting::new(1, seed, channel, which);
        let square = setting.effect[[0, 0]].powi(2);
        let random = square * Shape::Box.tau_squared(equivalent_box_radius(r), 1);
        let u = f64::UNIT_ROUNDOFF;
        for norm in Norm::ALL {
            let largest = largest_effect(norm, setting.effect.view(), r).unwrap();
            // Ten roundings of the mean effect, and those of the enclosure, which it states.
            prop_assert!(random <= largest.upper * (1.0 + 10.0 * u) && random >= largest.lower * (1.0 - 10.0 * u));
            prop_assert!(largest.upper <= largest.lower * (1.0 + 700.0 * u));
            let found = setting.attack(setting.settings(norm, 2.0, 1), &[r], seed);
            prop_assert_eq!(found.perturbation[[0, 0]].abs(), r);
        }
    }

    /// The gradient is 2BᵀBω, and of an asymmetric B not another product.
    #[test]
    fn the_gradient_is_that_of_the_square(d in 1usize..6, seed in any::<u64>(), channel in channels(), which in 0usize..4) {
        let setting = Setting::new(d, seed, channel, which);
        let local = AtLevel::new(&setting.affine, setting.channel, 1);
        let x = Array2::<f64>::zeros((1, d));
        let clean = local.predict(x.view()).unwrap();
        let objective =
            InnerObjective::new(&local, x.view(), &clean, setting.inner, setting.units).unwrap();
        let omega = Shape::Box.draw(Address { seed, ..Address::default() }, &[0.5], d).unwrap();
        let (values, gradient) = objective.value_and_gradient(omega.view()).unwrap();
        let exact = setting.effect.t().dot(&setting.effect.dot(&omega.row(0))) * 2.0;
        let length = omega.row(0).dot(&omega.row(0)).sqrt();
        let allowed = 4.0 * gamma(4 * d + 20, f64::UNIT_ROUNDOFF) * setting.size.powi(2) * length;
        for (found, exact) in gradient.row(0).iter().zip(&exact) {
            prop_assert!((found - exact).abs() <= allowed, "{found} {exact} {allowed}");
        }
        prop_assert!((values[0] - setting.value(omega.row(0))).abs() <= setting.rounding::<f64>(length));
        prop_assert_eq!(&values, &objective.value(omega.view()).unwrap());
    }
}

/// The bound of `power` says something: it is met, and tight, on a matrix whose eigenvalues are apart.
#[test]
fn power_iteration_converges_at_the_rate() {
    let mut judged = 0;
    for seed in 0..60 {
        let setting = Setting::new(4, seed, (0.6, 0.8), seed as usize);
        judged += usize::from(power::<f64>(&setting, 20.0, 50, seed).unwrap());
    }
    assert!(judged > 50, "{judged}");
    let b = array![[3.0, 0.0], [0.0, 1.0]];
    let largest = largest_effect(Norm::L2, b.view(), 0.5).unwrap();
    assert!(largest.lower <= 2.25 && largest.upper >= 2.25 && largest.upper < 2.25 * (1.0 + 1e-13));
    let box_vertex =
        largest_effect(Norm::Linf, array![[1.0, -2.0], [2.0, 1.0]].view(), 1.0).unwrap();
    assert!(box_vertex.lower <= 10.0 && box_vertex.upper >= 10.0);
    let column = largest_effect(Norm::L1, array![[1.0, -2.0], [2.0, 3.0]].view(), 2.0).unwrap();
    assert_eq!(
        (column.at.to_vec(), column.lower <= 52.0 && column.upper >= 52.0),
        (vec![0.0, 2.0], true)
    );
}

#[test]
fn ends_of_the_range_and_bad_input() {
    for norm in Norm::ALL {
        let nothing = largest_effect(norm, Array2::zeros((3, 3)).view(), 2.0).unwrap();
        assert_eq!((nothing.lower, nothing.upper), (0.0, 0.0));
        let huge = largest_effect(norm, array![[1e200, 0.0], [0.0, 1.0]].view(), 1e200).unwrap();
        assert_eq!((huge.lower, huge.upper), (f64::MAX, f64::INFINITY));
        let small = largest_effect(norm, array![[1e-200, 0.0]].view(), 1.0).unwrap();
        assert_eq!((small.lower, small.upper), (0.0, f64::TINY));
        let refused = |b: Array2<f64>, r: f64| largest_effect(norm, b.view(), r).unwrap_err();
        assert!(matches!(refused(Array2::zeros((0, 2)), 1.0), Error::Empty { .. }));
        assert!(matches!(refused(array![[f64::NAN]], 1.0), Error::NotFinite { .. }));
        for r in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(refused(array![[1.0]], r), Error::Domain { what: "radius", .. }));
        }
    }
}
