//! FGSM and PGD on every law and channel: what is maximised, where it stays, which bits. (`attack_mutants` plants mistakes.)

mod generators;
mod judge;

use generators::{Case, cases};
use judge::Big;
use ndarray::{Array2, ArrayView2, array, s};
use proptest::prelude::*;
use tweedie::arith::Real;
use tweedie::attack::{
    Address, Attack, Inner, InnerObjective, Keep, Norm, Settings, Shape, StepSize, Units,
    perturb_at,
};
use tweedie::channel::Channel;
use tweedie::denoiser::{Affine, AtLevel, Choose, Denoiser, Exact, Levelled, Prediction};
use tweedie::law::Quantity;
use tweedie::{Error, error};

const INNERS: [Inner; 2] = [Inner::PredictionDifference, Inner::Residual];
const UNITS: [Units; 2] = [Units::Noise, Units::Input];

/// A denoiser with a channel a row, by one row at a time.
struct Rows<'a, D> {
    denoiser: &'a D,
    channels: Vec<Channel>,
}

impl<T: Real, D: Denoiser<T>> Levelled<T> for Rows<'_, D> {
    fn dimension(&self) -> usize {
        self.denoiser.dimension()
    }

    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    fn predict(&self, x: ArrayView2<'_, T>) -> error::Result<Prediction<T>> {
        let mut all = Prediction { denoised: x.to_owned(), noise: x.to_owned() };
        for (n, channel) in self.channels.iter().enumerate() {
            let found = self.denoiser.predict(*channel, x.slice(s![n..=n, ..]))?;
            all.denoised.row_mut(n).assign(&found.denoised.row(0));
            all.noise.row_mut(n).assign(&found.noise.row(0));
        }
        Ok(all)
    }

    fn pull_back(
        &self,
        x: ArrayView2<'_, T>,
        choose: &mut Choose<'_, T>,
    ) -> error::Result<(Prediction<T>, Array2<T>)> {
        let found = Levelled::predict(self, x)?;
        let cotangent = choose(&found)?;
        let mut pulled = x.to_owned();
        for (n, channel) in self.channels.iter().enumerate() {
            let part =
                |v: &Option<Array2<T>>| v.as_ref().map(|v| v.slice(s![n..=n, ..]).to_owned());
            let mut choose = |_: &Prediction<T>| {
                let (denoised, noise) = (part(&cotangent.denoised), part(&cotangent.noise));
                Ok(tweedie::denoiser::Cotangent { denoised, noise })
            };
            let local = AtLevel::new(self.denoiser, *channel, 1);
            let row = local.pull_back(x.slice(s![n..=n, ..]), &mut choose)?.1;
            pulled.row_mut(n).assign(&row.row(0));
        }
        Ok((found, pulled))
    }
}

fn settings(norm: Norm, inner: Inner, units: Units, steps: usize) -> Settings {
    let keep = if steps == 1 { Keep::Last } else { Keep::Best };
    Settings { inner, units, steps, keep, alpha: StepSize::Relative(0.7), ..Settings::fgsm(norm) }
}

fn outside<T: Real>(norm: Norm, omega: &Array2<T>, radii: &[T]) -> bool {
    !omega.rows().into_iter().zip(radii).all(|(row, r)| norm.contains(row.to_slice().unwrap(), *r))
}

/// Points that are perturbed in input units by about the noise, so that the objective varies.
fn radius(case: &Case, units: Units) -> f64 {
    if units == Units::Noise { 0.3 } else { 0.3 * case.s }
}

/// What any attack must satisfy on any law: contained, what it reports is what its result does, the best is kept.
fn check<T: Real>(case: &Case) -> Result<(), TestCaseError> {
    let exact = Exact::new(case.mixture());
    let x = case.points(3).mapv(T::from_f64);
    let other = Channel::new(case.a, 2.0 * case.s).expect("a channel");
    let local = Rows { denoiser: &exact, channels: vec![case.channel(), other, case.channel()] };
    let Ok(clean) = Levelled::<T>::predict(&local, x.view()) else { return Ok(()) };
    for norm in Norm::ALL {
        for (inner, units) in INNERS.into_iter().flat_map(|i| UNITS.map(|u| (i, u))) {
            let r = T::from_f64(radius(case, units));
            let radii = [r, T::ZERO, T::from_f64(0.5) * r];
            let address = Address { seed: case.seed, stream: 1, first_row: 4 };
            let objective =
                InnerObjective::new(&local, x.view(), &clean, inner, units).expect("an objective");
            for steps in [1, 3] {
                let attack = Attack::new(settings(norm, inner, units, steps)).expect("an attack");
                let found = attack.perturb(&local, x.view(), &clean, &radii, address);
                // f32 cannot hold every square of a distance that these laws make.
                let Ok(found) = found else {
                    prop_assert!(matches!(found, Err(Error::NotFinite { .. })), "{found:?}");
                    continue;
                };
                prop_assert!(!outside(norm, &found.perturbation, &radii));
                prop_assert!(found.perturbation.row(1).iter().all(|w| w.bits() == T::ZERO.bits()));
                let start = Shape::Ball(norm).draw(address, &radii, x.ncols()).unwrap();
                prop_assert_eq!(
                    &found.start_value,
                    &objective.value(start.view()).expect("values")
                );
                let again = objective.value(found.perturbation.view()).expect("values");
                if let Some(value) = &found.value {
                    prop_assert_eq!(value, &again);
                    prop_assert!(value.iter().zip(&found.start_value).all(|(v, s)| v >= s));
                }
                prop_assert_eq!(found.value.is_some(), steps > 1);
                // A row attacked alone is the same row.
                let one = Rows { denoiser: &exact, channels: vec![case.channel()] };
                let part = |values: &Array2<T>| values.slice(s![2..3, ..]).to_owned();
                let own = Prediction { denoised: part(&clean.denoised), noise: part(&clean.noise) };
                let address = Address { first_row: 6, ..address };
                let alone = attack.perturb(&one, part(&x).view(), &own, &radii[2..], address);
                let alone = alone.expect("a row of a batch that could be attacked");
                prop_assert_eq!(alone.perturbation.row(0), found.perturbation.row(2));
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn attacks_hold_on_every_law(case in cases(64, 3)) {
        check::<f64>(&case)?;
        check::<f32>(&case)?;
    }

    /// E1: the residual from D̂ is ε̂(x') − ε̂(x) − ω, within the bounds of the four predictions. The perturbation is
    /// what really happened to the point, (x' − x)/s, and no rounding enters the comparison.
    #[test]
    fn the_residual_is_the_change_of_the_noise(case in cases(5, 3), r in 0.001..3.0_f64) {
        let exact = Exact::new(case.mixture());
        let law = case.mixture().through::<f64>(case.channel()).expect("tables");
        let (x, d) = (case.points(1), case.dimension);
        let local = AtLevel::new(&exact, case.channel(), 1);
        let clean = local.predict(x.view()).expect("a prediction");
        let objective = InnerObjective::new(&local, x.view(), &clean, Inner::Residual, Units::Noise);
        let objective = objective.expect("an objective");
        let omega = Shape::Box.draw(Address { seed: case.seed, ..Address::default() }, &[r], d).unwrap();
        let value = objective.value(omega.view()).expect("a value")[0];
        let point = objective.perturbed(omega.view()).expect("a point");
        let moved = local.predict(point.view()).expect("a prediction");
        let wanted = [Quantity::Denoiser, Quantity::Noise];
        let bounds = [&x, &point].map(|x| law.bounds(x.view(), &wanted).expect("bounds"));
        let big = |x: f64| Big::new(x, 256);
        let (mut square, mut allowed) = (big(0.0), big(0.0));
        for i in 0..d {
            let step = big(point[[0, i]]) - big(x[[0, i]]);
            let noise = big(moved.noise[[0, i]]) - big(clean.noise[[0, i]]) - step / big(case.s);
            square += &noise * &noise;
            let mut bound = 0.0;
            for bounds in &bounds {
                let denoiser = bounds.denoiser.as_ref().expect("bounds")[[0, i]];
                bound += case.a / case.s * denoiser + bounds.noise.as_ref().expect("bounds")[[0, i]];
            }
            if bound.is_infinite() {
                return Ok(());
            }
            // The difference and the factor: three roundings of a coordinate of R, and the sum of squares as many as d.
            let size = case.a / case.s * (moved.denoised[[0, i]] - clean.denoised[[0, i]]).abs();
            let rounding = (d as f64 + 6.0) * f64::EPSILON * size;
            allowed += big(bound + rounding).abs();
        }
        let (found, expected) = (big(value).sqrt(), square.sqrt());
        let slack = big(1.0 + 1e-12);
        prop_assert!((&found - &expected).abs() <= allowed * slack, "{value}");
    }
}

#[test]
fn threads_and_blocks_change_no_bit() {
    let exact = Exact::new(tweedie::law::toy_law("ring").unwrap());
    let channel = Channel::new(1.0, 0.4).unwrap();
    let x = Array2::from_shape_fn((700, 2), |(n, i)| ((n * 7 + i * 3) % 41) as f64 * 0.05 - 1.0);
    let radii: Vec<f64> = (0..700).map(|n| 0.001 * n as f64).collect();
    let address = Address { seed: 9, stream: 2, first_row: 1 << 40 };
    for norm in Norm::ALL {
        let base = settings(norm, Inner::Residual, Units::Noise, 3);
        let attack = Attack::new(Settings { restarts: 2, ..base }).unwrap();
        let run = |x: ArrayView2<'_, f64>, radii: &[f64], address| {
            perturb_at(&attack, &exact, channel, x, radii, address).unwrap()
        };
        let [one, many] = [1, 5].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| run(x.view(), &radii, address))
        });
        assert_eq!(one, many);
        // Cut where blocks are not.
        let first = run(x.slice(s![..123, ..]), &radii[..123], address);
        let later = Address { first_row: address.first_row + 123, ..address };
        let second = run(x.slice(s![123.., ..]), &radii[123..], later);
        assert_eq!(one.perturbation.slice(s![..123, ..]), first.perturbation);
        assert_eq!(one.perturbation.slice(s![123.., ..]), second.perturbation);
        // Column-major points are the same points.
        let turned = x.t().as_standard_layout().into_owned();
        assert_eq!(run(turned.t(), &radii, address), one);
        // More restarts and steps keep what was found or better it.
        let more = Attack::new(Settings { restarts: 4, ..base }).unwrap();
        let more = perturb_at(&more, &exact, channel, x.view(), &radii, address).unwrap();
        let (more, one) = (more.value.unwrap(), one.value.unwrap());
        assert!(more.iter().zip(&one).all(|(more, one)| more >= one) && more != one);
    }
}

/// Counts passes: what an attack costs is part of its contract.
struct Counted<'a> {
    inner: AtLevel<'a, Affine>,
    passes: std::cell::Cell<(usize, usize)>,
}

impl Levelled<f64> for Counted<'_> {
    fn dimension(&self) -> usize {
        Levelled::<f64>::dimension(&self.inner)
    }

    fn channels(&self) -> &[Channel] {
        Levelled::<f64>::channels(&self.inner)
    }

    fn predict(&self, x: ArrayView2<'_, f64>) -> error::Result<Prediction<f64>> {
        self.passes.set((self.passes.get().0 + 1, self.passes.get().1));
        self.inner.predict(x)
    }

    fn pull_back(
        &self,
        x: ArrayView2<'_, f64>,
        choose: &mut Choose<'_, f64>,
    ) -> error::Result<(Prediction<f64>, Array2<f64>)> {
        self.passes.set((self.passes.get().0, self.passes.get().1 + 1));
        self.inner.pull_back(x, choose)
    }
}

#[test]
fn the_cost_is_as_stated() {
    let denoiser = Affine::fixed(array![0.0].view(), array![[0.5]].view()).unwrap();
    let channel = Channel::new(1.0, 1.0).unwrap();
    let x = array![[1.0], [2.0]];
    let clean = denoiser.predict(channel, x.view()).unwrap();
    let cost = |settings: Settings| {
        let inner = AtLevel::new(&denoiser, channel, 2);
        let local = Counted { inner, passes: Default::default() };
        let attack = Attack::new(settings).unwrap();
        attack.perturb(&local, x.view(), &clean, &[0.1, 0.2], Address::default()).unwrap();
        local.passes.get()
    };
    assert_eq!(cost(Settings::fgsm(Norm::Linf)), (0, 1));
    assert_eq!(cost(Settings::pgd(Norm::L2, 7)), (1, 7));
    assert_eq!(cost(Settings { restarts: 3, ..Settings::pgd(Norm::L1, 5) }), (3, 15));
}

#[test]
fn bad_settings_and_input_are_refused() {
    let refused = |settings: Settings| Attack::new(settings).unwrap_err();
    let fgsm = Settings::fgsm(Norm::Linf);
    for alpha in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        for alpha in [StepSize::Absolute(alpha), StepSize::Relative(alpha)] {
            let error = refused(Settings { alpha, ..fgsm });
            assert!(matches!(error, Error::Domain { what: "alpha", .. }));
        }
    }
    let steps = refused(Settings { steps: 0, ..fgsm });
    assert!(matches!(steps, Error::Domain { what: "steps", .. }));
    for restarts in [0, 2, 1 << 20] {
        let error = refused(Settings { restarts, ..fgsm });
        assert!(matches!(error, Error::Domain { what: "restarts", .. }));
    }
    let denoiser =
        Affine::fixed(array![0.0, 0.0].view(), array![[0.5, 0.0], [0.0, 0.5]].view()).unwrap();
    let local = AtLevel::new(&denoiser, Channel::new(1.0, 1.0).unwrap(), 2);
    let x = Array2::<f64>::zeros((2, 2));
    let clean = local.predict(x.view()).unwrap();
    let perturb = |settings, x: &Array2<f64>, clean: &Prediction<f64>, radii: &[f64]| {
        let attack: Attack = Attack::new(settings).unwrap();
        attack.perturb(&local, x.view(), clean, radii, Address::default()).unwrap_err()
    };
    let still = perturb(Settings { random_start: None, ..fgsm }, &x, &clean, &[1.0, 1.0]);
    assert!(matches!(still, Error::Domain { what: "random_start", .. }));
    assert!(matches!(perturb(fgsm, &x, &clean, &[1.0]), Error::Shape { what: "radii", .. }));
    for r in [-1.0, f64::NAN, f64::INFINITY] {
        let error = perturb(fgsm, &x, &clean, &[1.0, r]);
        assert!(matches!(error, Error::Entry { what: "radii", index, .. } if index == [1]));
    }
    let wrong = Prediction { denoised: Array2::zeros((2, 3)), ..clean.clone() };
    assert!(matches!(perturb(fgsm, &x, &wrong, &[1.0, 1.0]), Error::Shape { .. }));
    let bad = Array2::from_elem((2, 2), f64::NAN);
    assert!(matches!(perturb(fgsm, &bad, &clean, &[1.0, 1.0]), Error::NotFinite { .. }));
    let far = Settings { alpha: StepSize::Absolute(f64::MAX), ..fgsm };
    let far = Attack::new(far).unwrap();
    let huge = far.perturb(&local, x.view(), &clean, &[f64::MAX; 2], Address::default());
    assert!(matches!(huge, Err(Error::NotFinite { .. })));
    // Given starts.
    let attack = Attack::new(Settings { random_start: None, ..fgsm }).unwrap();
    let from = |start: &Array2<f64>, radii: &[f64]| {
        attack.perturb_from(&local, x.view(), &clean, radii, start.view())
    };
    let zero = from(&array![[1.0, 0.0], [0.0, 0.0]], &[1.0, 1.0]).unwrap_err();
    assert!(matches!(zero, Error::Entry { what: "start", index, .. } if index == [1]));
    let found = from(&array![[9.0, -0.1], [0.0, 0.0]], &[1.0, 0.0]).unwrap();
    assert_eq!(found.perturbation.row(1).to_vec(), vec![0.0, 0.0]);
    assert!(!outside(Norm::Linf, &found.perturbation, &[1.0, 0.0]));
    assert!("fast".parse::<Inner>().is_err() && "pixels".parse::<Units>().is_err());
    for (inner, units) in INNERS.into_iter().zip(UNITS) {
        assert_eq!(inner.to_string().parse::<Inner>().unwrap(), inner);
        assert_eq!(units.to_string().parse::<Units>().unwrap(), units);
    }
}
