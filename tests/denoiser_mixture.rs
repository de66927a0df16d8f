//! The mixture-parametrised denoiser against its definition in dual numbers, within the rounding of its own operations.

mod draws;
mod mixture_formulas;
mod scalars;

use draws::{normals, uniforms};
use mixture_formulas::{Case, Formulas, Slip, definition, formulas};
use ndarray::Array2;
use proptest::prelude::*;
use scalars::{Ball, Dd, Dual, Scalar, count_the_judge};
use tweedie::Error;
use tweedie::arith::Real;
use tweedie::channel::Channel;
use tweedie::denoiser::{Block, Cotangent, MixtureDenoiser, Trainable, Variances};

#[derive(Clone, Copy, Debug)]
enum Size {
    Ordinary,
    /// e^−27 to e^−20.
    Tiny,
    /// e^−12 to e^8.
    Wide,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Typical,
    /// On a mean or midway between two.
    Special,
    Far,
    /// So far that the squares overflow in f32.
    Beyond,
}

#[derive(Clone, Debug)]
struct Plan {
    diagonal: bool,
    size: Size,
    place: Place,
    dimension: usize,
    components: usize,
    equal: bool,
    offset: f64,
    a: f64,
    s: f64,
    seed: u64,
}

fn plans(largest_dimension: usize, most_components: usize) -> impl Strategy<Value = Plan> {
    let size = prop_oneof![2 => Just(Size::Ordinary), 1 => Just(Size::Tiny), 1 => Just(Size::Wide)];
    let places = [Place::Typical, Place::Typical, Place::Special, Place::Far, Place::Beyond];
    let place = prop::sample::select(places.to_vec());
    let dimension = prop_oneof![Just(1usize), 1..=largest_dimension];
    let components = prop_oneof![1 => Just(1usize), 3 => 1..=most_components];
    let a = prop_oneof![2 => Just(1.0), 1 => Just(0.0), 1 => Just(1e-3), 3 => 0.01f64..1.0];
    let s = prop_oneof![1 => Just(1e-6), 1 => Just(1e3), 6 => (-6.0f64..3.0).prop_map(|e| 10f64.powf(e))];
    let offset = prop_oneof![3 => Just(0.0), 1 => Just(-37.5), 1 => Just(1e6)];
    let shape = (dimension, components, prop::bool::weighted(0.15), offset);
    (any::<bool>(), size, place, shape, a, s, any::<u64>()).prop_map(
        |(diagonal, size, place, (dimension, components, equal, offset), a, s, seed)| Plan {
            diagonal,
            size,
            place,
            dimension,
            components,
            equal,
            offset,
            a,
            s,
            seed,
        },
    )
}

impl Plan {
    /// The case with every number rounded to T, so that the format's inputs are exact.
    fn case<T: Real>(&self) -> Case {
        let (k, d) = (self.components, self.dimension);
        let width = if self.diagonal { d } else { 1 };
        let fit = |x: f64| T::from_f64(x).to_f64();
        let mut theta = normals(self.seed, 0, k);
        theta.extend(normals(self.seed, 1, k * d).iter().map(|z| self.offset + 2.0 * z));
        theta.extend(uniforms(self.seed, 2, k * width).iter().map(|u| match self.size {
            Size::Ordinary => 4.0 * u - 2.0,
            Size::Tiny => 7.0 * u - 27.0,
            Size::Wide => 20.0 * u - 12.0,
        }));
        if self.equal {
            for k in 1..k {
                theta.copy_within(self.components..self.components + d, self.components + k * d);
                let start = self.components * (1 + d);
                theta.copy_within(start..start + width, start + k * width);
            }
        }
        let theta: Vec<f64> = theta.into_iter().map(fit).collect();
        let (z, pick) = (normals(self.seed, 3, d), uniforms(self.seed, 4, 2));
        let choose = |u: f64| ((u * k as f64) as usize).min(k - 1);
        let (one, other) = (choose(pick[0]), choose(pick[1]));
        let mut case = Case {
            diagonal: self.diagonal,
            components: k,
            dimension: d,
            theta,
            a: fit(self.a),
            s: fit(self.s),
            x: Vec::new(),
            v: normals(self.seed, 5, d).into_iter().map(fit).collect(),
            denoised: normals(self.seed, 6, d).into_iter().map(fit).collect(),
            noise: normals(self.seed, 7, d).into_iter().map(fit).collect(),
        };
        case.x = (0..d)
            .map(|i| {
                let mean = |k: usize| case.a * case.theta[case.mean_at(k, i)];
                let v = (0.5 * case.theta[case.log_variance_at(one, i)]).exp();
                let deviation = (case.a * v).hypot(case.s);
                fit(match self.place {
                    Place::Typical => mean(one) + deviation * z[i],
                    Place::Special => 0.5 * (mean(one) + mean(other)),
                    Place::Far => mean(one) + 40.0 * deviation * (1.0 + z[i]),
                    Place::Beyond => 1e26 * z[i],
                })
            })
            .collect();
        case
    }
}

fn model<T: Real>(case: &Case) -> MixtureDenoiser<T> {
    let theta: Vec<T> = case.theta.iter().map(|&x| T::from_f64(x)).collect();
    let kind = if case.diagonal { Variances::Diagonal } else { Variances::Isotropic };
    MixtureDenoiser::from_parameters(kind, case.components, case.dimension, &theta)
        .expect("a model")
}

fn row<T: Real>(x: &[f64]) -> Array2<T> {
    Array2::from_shape_fn((1, x.len()), |(_, i)| T::from_f64(x[i]))
}

/// What the library computes at a case, in f64.
struct Computed {
    denoised: Vec<f64>,
    noise: Vec<f64>,
    pushed: Vec<f64>,
    pulled: Vec<f64>,
    gradient: Vec<f64>,
}

fn computed<T: Real>(case: &Case) -> Result<Computed, Error> {
    let model = model::<T>(case);
    let channel = Channel::new(case.a, case.s).expect("a channel");
    let level = model.level(channel).expect("a level");
    let block = model.block(&[&level]);
    let (found, record) = block.forward(row::<T>(&case.x).view())?;
    let cotangent =
        Cotangent { denoised: Some(row::<T>(&case.denoised)), noise: Some(row::<T>(&case.noise)) };
    let mut gradient = vec![T::ZERO; case.theta.len()];
    block.to_parameters(&[(&record, &cotangent)], &mut gradient)?;
    let plain = |values: &Array2<T>| values.iter().map(|x| x.to_f64()).collect();
    Ok(Computed {
        denoised: plain(&found.denoised),
        noise: plain(&found.noise),
        pushed: plain(&block.push(&record, row::<T>(&case.v).view())?),
        pulled: plain(&block.to_points(&record, &cotangent)?),
        gradient: gradient.iter().map(|x| x.to_f64()).collect(),
    })
}

/// The derivative of (D̂, ε̂) along a direction of θ and one of x.
fn derivative<S: Scalar>(case: &Case, theta: &[f64], x: &[f64]) -> (Vec<Dual<S>>, Vec<Dual<S>>) {
    let pair = |values: &[f64], slopes: &[f64]| -> Vec<Dual<S>> {
        values.iter().zip(slopes).map(|(&v, &s)| Dual::new(v, s)).collect()
    };
    definition(case, &pair(&case.theta, theta), &pair(&case.x, x))
}

/// ⟨v_D, ∂D̂⟩ + ⟨v_ε, ∂ε̂⟩.
fn paired<S: Scalar>(case: &Case, (denoised, noise): &(Vec<Dual<S>>, Vec<Dual<S>>)) -> S {
    let side = |v: &[f64], found: &[Dual<S>]| {
        v.iter().zip(found).fold(S::of(0.0), |sum, (&v, f)| sum.plus(S::of(v).times(f.slope)))
    };
    side(&case.denoised, denoised).plus(side(&case.noise, noise))
}

/// A number of the judge, and how far it can be off.
type Truth = (Dd, f64);

/// (D̂, ε̂, ∂D̂, ⟨v_D, ∂D̂⟩ + ⟨v_ε, ∂ε̂⟩) along a direction.
struct Judged {
    denoised: Vec<Truth>,
    noise: Vec<Truth>,
    slope: Vec<Truth>,
    paired: Truth,
}

fn judged(case: &Case, theta: &[f64], x: &[f64]) -> Judged {
    let exact = derivative::<Dd>(case, theta, x);
    count_the_judge();
    let own = derivative::<Ball>(case, theta, x);
    let paired = (paired(case, &exact), paired(case, &own).error());
    let each = |exact: &[Dual<Dd>], own: &[Dual<Ball>]| -> (Vec<Truth>, Vec<Truth>) {
        let value = exact.iter().zip(own).map(|(e, o)| (e.value, o.value.error()));
        let slope = exact.iter().zip(own).map(|(e, o)| (e.slope, o.slope.error()));
        (value.collect(), slope.collect())
    };
    let (denoised, slope) = each(&exact.0, &own.0);
    let (noise, _) = each(&exact.1, &own.1);
    Judged { denoised, noise, slope, paired }
}

fn unit(n: usize, at: usize) -> Vec<f64> {
    (0..n).map(|i| if i == at { 1.0 } else { 0.0 }).collect()
}

/// How many numbers were compared, and for how many the bound was a thousandth of the number or less.
#[derive(Default)]
struct Tally {
    compared: usize,
    sharp: usize,
}

impl Tally {
    fn compare(&mut self, what: &str, computed: f64, (truth, judge): Truth, ball: Ball) {
        let bound = ball.error() + judge;
        let own = Dd::of(ball.centre).minus(truth).near().abs();
        assert!(own <= bound, "{what}: formula off by {own:e}, bound {bound:e}");
        let off = (computed - ball.centre).abs();
        assert!(off <= bound, "{what}: computed off by {off:e}, bound {bound:e}");
        self.compared += 1;
        self.sharp += usize::from(bound <= 1e-3 * truth.near().abs());
    }
}

/// Parameters and coordinates that are compared one by one, at most this many of each.
const ONE_BY_ONE: usize = 24;

fn some(n: usize, seed: u64) -> Vec<usize> {
    if n <= ONE_BY_ONE {
        return (0..n).collect();
    }
    uniforms(seed, 9, ONE_BY_ONE).iter().map(|u| ((u * n as f64) as usize).min(n - 1)).collect()
}

fn check<T: Real>(plan: &Plan, tally: &mut Tally) {
    let case = plan.case::<T>();
    let (p, d) = (case.theta.len(), case.dimension);
    let balls = formulas(&case, (T::UNIT_ROUNDOFF, T::TINY), Slip::None);
    let found = match computed::<T>(&case) {
        Ok(found) => found,
        // Refused only where rounding may indeed leave the format.
        Err(error) => {
            let parts =
                [&balls.denoised, &balls.noise, &balls.pushed, &balls.pulled, &balls.gradient];
            let largest = parts
                .into_iter()
                .flatten()
                .fold(0.0, |m: f64, b| m.max(b.centre.abs() + b.error()));
            assert!(largest >= T::MAX.to_f64(), "{error}, but all is below {largest:e}");
            return;
        }
    };
    let along = judged(&case, &vec![0.0; p], &case.v);
    for i in 0..d {
        tally.compare("denoised", found.denoised[i], along.denoised[i], balls.denoised[i]);
        tally.compare("noise", found.noise[i], along.noise[i], balls.noise[i]);
        tally.compare("push", found.pushed[i], along.slope[i], balls.pushed[i]);
    }
    for i in some(d, plan.seed) {
        let truth = judged(&case, &vec![0.0; p], &unit(d, i)).paired;
        tally.compare("to points", found.pulled[i], truth, balls.pulled[i]);
    }
    for at in some(p, plan.seed) {
        let truth = judged(&case, &unit(p, at), &vec![0.0; d]).paired;
        let what = format!("parameter {at} of {p}");
        tally.compare(&what, found.gradient[at], truth, balls.gradient[at]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn small_models_are_within_their_rounding(plan in plans(8, 6)) {
        let mut tally = Tally::default();
        check::<f64>(&plan, &mut tally);
        check::<f32>(&plan, &mut tally);
    }
}

/// Sixty-four dimensions, and more components than a block of the law's sums has; and the bounds are not idle.
#[test]
fn large_models_are_within_their_rounding() {
    let (mut double, mut single) = (Tally::default(), Tally::default());
    for (seed, (dimension, components)) in
        [(64, 70), (64, 3), (2, 70), (3, 64), (1, 65)].into_iter().enumerate()
    {
        for (diagonal, s) in [(true, 0.3), (false, 2.0)] {
            let plan = Plan {
                diagonal,
                size: Size::Ordinary,
                place: Place::Typical,
                dimension,
                components,
                equal: false,
                offset: 0.0,
                a: 0.9,
                s,
                seed: seed as u64,
            };
            check::<f64>(&plan, &mut double);
            check::<f32>(&plan, &mut single);
        }
    }
    // Gradients to components that hold no weight are 0, so not all can be sharp.
    assert!(2 * double.sharp > double.compared, "{} of {}", double.sharp, double.compared);
    assert!(4 * single.sharp > single.compared, "{} of {}", single.sharp, single.compared);
}

/// Each slip moves the formulas out of what rounding allows.
#[test]
fn planted_slips_are_caught() {
    let plan = Plan {
        diagonal: true,
        size: Size::Ordinary,
        place: Place::Typical,
        dimension: 2,
        components: 3,
        equal: false,
        offset: 0.0,
        a: 0.7,
        s: 0.5,
        seed: 11,
    };
    let case = plan.case::<f64>();
    let format = (f64::UNIT_ROUNDOFF, f64::TINY);
    let honest = formulas(&case, format, Slip::None);
    let outside = |one: &[Ball], other: &[Ball]| {
        one.iter()
            .zip(other)
            .filter(|(a, b)| (a.centre - b.centre).abs() > a.error() + b.error())
            .count()
    };
    let caught = |slip: Slip, part: fn(&Formulas) -> &[Ball]| {
        outside(part(&formulas(&case, format, slip)), part(&honest)) > 0
    };
    assert!(caught(Slip::MeanWithoutA, |f| &f.gradient));
    assert!(caught(Slip::UncentredSoftmax, |f| &f.pushed));
    assert!(caught(Slip::UncentredSoftmax, |f| &f.pulled));
    assert!(caught(Slip::UncentredSoftmax, |f| &f.gradient));
    assert!(caught(Slip::NoiseWithoutS, |f| &f.noise));
    assert!(caught(Slip::CurveWithoutHalf, |f| &f.gradient));
    assert!(!caught(Slip::None, |f| &f.gradient));
}
