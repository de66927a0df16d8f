//! The mixture-parametrised denoiser as a model: its bits, its range, and the law that it is the denoiser of.

mod generators;
mod judge;
mod mixture_formulas;
mod scalars;

use generators::{Kind, Size, cases};
use mixture_formulas::{Case, Slip, formulas};
use ndarray::{Array2, ArrayView2, Axis, arr1, arr2, concatenate, s};
use proptest::prelude::*;
use tweedie::Error;
use tweedie::arith::{Isa, Real, fill_normal};
use tweedie::channel::Channel;
use tweedie::denoiser::{
    AtLevels, Block, Cotangent, Denoiser, Levelled, MixtureDenoiser, Trainable, Variances,
};
use tweedie::law::{Covariance, Mixture, Quantity, toy_law};

fn normals<T: Real>(seed: u64, rows: usize, columns: usize) -> Array2<T> {
    let mut values = vec![0.0; rows * columns];
    fill_normal(seed, 0, 0, &mut values);
    Array2::from_shape_fn((rows, columns), |(n, i)| T::from_f64(values[n * columns + i]))
}

fn bits<T: Real>(values: impl IntoIterator<Item = T>) -> Vec<u64> {
    values.into_iter().map(|x| x.bits()).collect()
}

fn channels() -> Vec<Channel> {
    [(1.0, 0.5), (0.8, 0.6), (0.0, 1.0), (1.0, 1e-3), (0.3, 40.0)]
        .map(|(a, s)| Channel::new(a, s).unwrap())
        .to_vec()
}

/// Everything that a block computes of these rows at these channels.
fn everything<T: Real>(
    model: &MixtureDenoiser<T>,
    which: &[Channel],
    x: ArrayView2<'_, T>,
) -> Vec<Array2<T>> {
    let levels: Vec<Channel> = which.iter().map(|&c| model.level(c).unwrap()).collect();
    let block = model.block(&levels.iter().collect::<Vec<_>>());
    let v = x.mapv(|x| T::ONE - x * x);
    let cotangent = Cotangent { denoised: Some(v.clone()), noise: Some(x.to_owned()) };
    let (found, record) = block.forward(x).unwrap();
    let pushed = block.push(&record, v.view()).unwrap();
    let pulled = block.to_points(&record, &cotangent).unwrap();
    let (again, pulled_back) =
        AtLevels(&block).pull_back(x, &mut |_| Ok(cotangent.clone())).unwrap();
    assert_eq!(again, found);
    assert_eq!(pulled_back, pulled);
    vec![found.denoised, found.noise, pushed, pulled]
}

/// Rows alone, in reverse order, cut elsewhere, in every instruction set: the same bits.
fn rows_are_independent<T: Real>(kind: Variances) {
    let (k, d, n) = (70, 3, 30);
    let each = if kind == Variances::Isotropic { 1 } else { d };
    let theta: Vec<T> = normals(5, 1, k * (1 + d + each)).into_iter().collect();
    let model = MixtureDenoiser::from_parameters(kind, k, d, &theta).unwrap();
    let x = normals::<T>(6, n, d);
    let which: Vec<Channel> = (0..n).map(|row| channels()[row % 5]).collect();
    let whole = everything(&model, &which, x.view());
    for isa in Isa::available() {
        let other = everything(&model.clone().with_isa(isa), &which, x.view());
        assert!(
            whole.iter().zip(&other).all(|(a, b)| bits(a.clone()) == bits(b.clone())),
            "{isa:?}"
        );
    }
    for row in 0..n {
        let alone = everything(&model, &which[row..=row], x.slice(s![row..=row, ..]));
        for (whole, alone) in whole.iter().zip(&alone) {
            assert_eq!(bits(whole.row(row).to_vec()), bits(alone.row(0).to_vec()));
        }
    }
    let turned: Vec<Channel> = which.iter().rev().copied().collect();
    let reversed = everything(&model, &turned, x.slice(s![..;-1, ..]));
    for (whole, reversed) in whole.iter().zip(&reversed) {
        assert_eq!(whole.slice(s![..;-1, ..]), reversed.view());
    }
}

#[test]
fn a_row_depends_on_that_row_alone() {
    rows_are_independent::<f64>(Variances::Isotropic);
    rows_are_independent::<f64>(Variances::Diagonal);
    rows_are_independent::<f32>(Variances::Isotropic);
    rows_are_independent::<f32>(Variances::Diagonal);
}

/// The gradient of a block is one chain over its rows: cut in two and given on, the bits are the same.
#[test]
fn the_gradient_is_one_chain() {
    let model = MixtureDenoiser::<f64>::from_law(&toy_law("ring").unwrap()).unwrap();
    let x = normals::<f64>(1, 20, 2);
    let channel = model.level(Channel::new(0.9, 0.4).unwrap()).unwrap();
    let gradient = |isa: Isa, cuts: &[usize]| {
        let model = model.clone().with_isa(isa);
        let mut gradient = vec![0.0; model.parameters().len()];
        for pair in cuts.windows(2) {
            let x = x.slice(s![pair[0]..pair[1], ..]);
            let block = model.block(&vec![&channel; x.nrows()]);
            let (found, record) = block.forward(x).unwrap();
            let cotangent = Cotangent { denoised: Some(found.noise), noise: Some(found.denoised) };
            block.to_parameters(&[(&record, &cotangent)], &mut gradient).unwrap();
        }
        bits(gradient)
    };
    let whole = gradient(Isa::best(), &[0, 20]);
    assert_eq!(whole, gradient(Isa::best(), &[0, 1, 7, 20]));
    for isa in Isa::available() {
        assert_eq!(whole, gradient(isa, &[0, 20]));
    }
    // Two passes are the first and then the second.
    let block = model.block(&[&channel; 20]);
    let (found, record) = block.forward(x.view()).unwrap();
    let first = Cotangent { denoised: Some(found.noise), noise: None };
    let second = Cotangent { denoised: None, noise: Some(found.denoised) };
    let (mut both, mut apart) = (vec![0.0; 32], vec![0.0; 32]);
    block.to_parameters(&[(&record, &first), (&record, &second)], &mut both).unwrap();
    block.to_parameters(&[(&record, &first)], &mut apart).unwrap();
    block.to_parameters(&[(&record, &second)], &mut apart).unwrap();
    assert_eq!(bits(both), bits(apart));
}

/// `Denoiser` over several blocks and any number of threads: the same bits.
#[test]
fn threads_change_no_bit() {
    let model = MixtureDenoiser::<f32>::from_law(&toy_law("two-moons").unwrap()).unwrap();
    let x = normals::<f32>(3, 300, 2);
    let channel = Channel::new(1.0, 0.2).unwrap();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let found = model.predict(channel, x.view()).unwrap();
            let forward = model.jacobian_vector(channel, x.view(), x.view()).unwrap();
            let backward = model.vector_jacobian(channel, x.view(), x.view()).unwrap();
            bits([found.denoised, found.noise, forward, backward].into_iter().flatten())
        })
    };
    assert_eq!(run(1), run(7));
}

/// Points whose squares overflow: all is finite, x = a·D̂ + s·ε̂, and the Jacobian is that of the nearest component.
#[test]
fn nothing_overflows_far_away() {
    let theta = [0.3, -0.2, -1.0, 2.0, 3.0, 0.5, 0.1, -0.4];
    let model = MixtureDenoiser::from_parameters(Variances::Isotropic, 2, 2, &theta).unwrap();
    let channel = Channel::new(0.5, 0.25).unwrap();
    let level = model.level(channel).unwrap();
    for size in [1e150, 1e160, 1e250, 1e305] {
        let x = arr2(&[[size, -0.3 * size], [-size, size]]);
        let block = model.block(&[&level; 2]);
        let (found, record) = block.forward(x.view()).unwrap();
        let back = found.denoised.mapv(|d| 0.5 * d) + found.noise.mapv(|e| 0.25 * e);
        for ((x, back), (d, e)) in x.iter().zip(&back).zip(found.denoised.iter().zip(&found.noise))
        {
            // Two tables of five roundings, three operations each, and one component's μ beside 10^150.
            let terms = (0.5 * d).abs() + (0.25 * e).abs();
            assert!((x - back).abs() <= 12.0 * f64::EPSILON * terms, "{x:e} {back:e}");
        }
        let v = arr2(&[[1.0, 2.0], [3.0, -1.0]]);
        let gain = |l: f64| {
            let v = tweedie::arith::scalar::exp::<f64>(l);
            0.5 * v / (0.25 * v + 0.0625)
        };
        // The wider component wins everything far away.
        let pushed = block.push(&record, v.view()).unwrap();
        for (found, v) in pushed.iter().zip(&v) {
            assert!((found - gain(0.1) * v).abs() <= 8.0 * f64::EPSILON * v.abs());
        }
        let cotangent = Cotangent { denoised: Some(v.clone()), noise: Some(v) };
        let mut gradient = vec![0.0; theta.len()];
        block.to_points(&record, &cotangent).unwrap();
        block.to_parameters(&[(&record, &cotangent)], &mut gradient).unwrap();
        assert_eq!(gradient[..2], [0.0, 0.0]);
    }
}

#[test]
fn bad_input_is_refused() {
    let build = |theta: &[f64]| MixtureDenoiser::from_parameters(Variances::Isotropic, 2, 1, theta);
    let fine = [0.0, 0.0, 1.0, -1.0, 0.0, 0.0];
    assert!(build(&fine).is_ok());
    assert!(matches!(build(&fine[1..]), Err(Error::Shape { .. })));
    let with = |at: usize, value: f64| {
        let mut theta = fine;
        theta[at] = value;
        build(&theta).unwrap_err()
    };
    assert!(
        matches!(with(3, f64::NAN), Error::NotFinite { what: "means", index, .. } if index == [1, 0])
    );
    assert!(matches!(with(1, f64::INFINITY), Error::NotFinite { what: "logits", .. }));
    assert!(
        matches!(with(5, 300.0), Error::Entry { what: "log_variances", index, .. } if index == [1])
    );
    assert!(matches!(with(2, 1e230), Error::Entry { what: "means", .. }));
    assert!(matches!(with(0, -1e308), Error::Entry { what: "logits", .. }));
    let none = MixtureDenoiser::<f64>::from_parameters(Variances::Diagonal, 0, 1, &[]);
    assert!(matches!(none, Err(Error::Empty { .. })));
    let flat = MixtureDenoiser::<f64>::from_parameters(Variances::Diagonal, 1, 0, &[0.0]);
    assert!(matches!(flat, Err(Error::Empty { .. })));
    let points = Mixture::point_masses(arr2(&[[0.0, 1.0]])).unwrap();
    assert!(
        matches!(MixtureDenoiser::<f64>::from_law(&points), Err(Error::Entry { index, .. }) if index == [0])
    );
    let full = toy_law("three-gaussians").unwrap();
    assert!(matches!(MixtureDenoiser::<f64>::from_law(&full), Err(Error::Unknown { .. })));
    let zero = MixtureDenoiser::<f64>::initial(1, Variances::Diagonal, 3, arr1(&[0.0]).view(), 0.0);
    assert!(matches!(zero, Err(Error::Domain { .. })));

    let mut model = build(&fine).unwrap();
    assert!(model.set_parameters(&[1.0]).is_err());
    assert!(model.set_parameters(&[f64::NAN; 6]).is_err());
    assert_eq!(model.parameters(), fine);
    assert!(model.level(Channel::new(1e80, 1.0).unwrap()).is_err());
    assert!(model.level(Channel::new(1.0, 1e-150).unwrap()).is_err());
    let level = model.level(Channel::new(1.0, 1.0).unwrap()).unwrap();
    let block = model.block(&[&level]);
    let x = arr2(&[[0.5]]);
    assert!(matches!(block.forward(arr2(&[[1.0], [2.0]]).view()), Err(Error::Shape { .. })));
    assert!(matches!(block.forward(arr2(&[[f64::NAN]]).view()), Err(Error::NotFinite { .. })));
    let (_, record) = block.forward(x.view()).unwrap();
    let wide = Cotangent { denoised: Some(arr2(&[[1.0, 2.0]])), noise: None };
    assert!(matches!(block.to_points(&record, &wide), Err(Error::Shape { what: "v_D", .. })));
    let bad = Cotangent { denoised: None, noise: Some(arr2(&[[f64::NAN]])) };
    assert!(matches!(block.to_points(&record, &bad), Err(Error::NotFinite { what: "v_ε", .. })));
    let short = block.to_parameters(&[(&record, &Cotangent::default())], &mut [0.0; 5]);
    assert!(matches!(short, Err(Error::Shape { what: "gradient", .. })));
    let other = model.block(&[&level, &level]);
    assert!(matches!(other.push(&record, x.view()), Err(Error::Shape { what: "record", .. })));
}

/// Names and shapes, and the first guess.
#[test]
fn a_first_guess() {
    let mean = arr1(&[3.0, -1.0]);
    let model =
        MixtureDenoiser::<f64>::initial(9, Variances::Diagonal, 4, mean.view(), 0.5).unwrap();
    let shapes: Vec<_> = model.tensors().into_iter().map(|t| (t.name, t.shape)).collect();
    let expected = [("logits", vec![4]), ("means", vec![4, 2]), ("log_variances", vec![4, 2])];
    assert_eq!(shapes, expected.map(|(name, shape)| (name.to_owned(), shape)));
    let law = model.law().unwrap();
    assert_eq!(law.weights(), [0.25; 4]);
    let z = normals::<f64>(9, 4, 2);
    for ((k, i), found) in law.means().indexed_iter() {
        assert_eq!(*found, 0.5f64.mul_add(z[[k, i]], mean[i]));
    }
}

/// The derivative of D̂ and ε̂ at (0, i) by every parameter, absolute values.
fn sensitivity(
    model: &MixtureDenoiser<f64>,
    channel: Channel,
    x: ArrayView2<'_, f64>,
    i: usize,
    noise: bool,
) -> Vec<f64> {
    let level = model.level(channel).unwrap();
    let block = model.block(&[&level]);
    let (_, record) = block.forward(x).unwrap();
    let v = Some(Array2::from_shape_fn(x.dim(), |(_, j)| f64::from(u8::from(i == j))));
    let cotangent = if noise {
        Cotangent { denoised: None, noise: v }
    } else {
        Cotangent { denoised: v, noise: None }
    };
    let mut gradient = vec![0.0; model.parameters().len()];
    block.to_parameters(&[(&record, &cotangent)], &mut gradient).unwrap();
    gradient.iter().map(|g| g.abs()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// The exact evaluation of the law that the parameters are: within its bounds, the rounding of the model's own
    /// operations, and what the law's parameters differ from θ by (e^ℓ by 2u, softmax by (|l − max| + K + 4)u).
    #[test]
    fn it_is_the_exact_denoiser_of_its_law(case in cases(6, 5)) {
        prop_assume!(case.kind != Kind::Full && matches!(case.size, Size::Ordinary | Size::Wide));
        let (law, channel) = (case.mixture(), case.channel());
        let model = MixtureDenoiser::<f64>::from_law(&law).unwrap();
        let exact = model.law().unwrap();
        let x = case.points(1);
        let found = model.predict(channel, x.view()).unwrap();
        let wanted = [Quantity::Denoiser, Quantity::Noise];
        let noised = exact.through::<f64>(channel).unwrap();
        let (truth, bound) = (noised.evaluate(x.view(), &wanted).unwrap(), noised.bounds(x.view(), &wanted).unwrap());
        let (k, d) = (case.components, case.dimension);
        let zeros = vec![0.0; d];
        let theta = model.parameters().to_vec();
        let balls = formulas(&Case {
            diagonal: model.variances() == Variances::Diagonal,
            components: k, dimension: d, theta: theta.clone(), a: channel.a(), s: channel.s(),
            x: x.iter().copied().collect(), v: zeros.clone(), denoised: zeros.clone(), noise: zeros,
        }, (f64::UNIT_ROUNDOFF, f64::TINY), Slip::None);
        let largest = theta[..k].iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let moved = |at: usize| f64::UNIT_ROUNDOFF * match at {
            at if at < k => (theta[at] - largest).abs() + k as f64 + 4.0,
            at if at < k * (1 + d) => 0.0,
            _ => 2.0,
        };
        for (is_noise, found, truth, bound, balls) in [
            (false, &found.denoised, truth.denoiser, bound.denoiser, &balls.denoised),
            (true, &found.noise, truth.noise, bound.noise, &balls.noise),
        ] {
            let (truth, bound) = (truth.unwrap(), bound.unwrap());
            for i in 0..d {
                let slopes = sensitivity(&model, channel, x.view(), i, is_noise);
                // Twice the first order: its second order is below it while the logits move by less than a half.
                let moved: f64 = slopes.iter().enumerate().map(|(at, g)| 2.0 * g * moved(at)).sum();
                let allowed = bound[[0, i]] + balls[i].error() + moved;
                let off = (found[[0, i]] - truth[[0, i]]).abs();
                prop_assert!(off <= allowed, "noise {is_noise} [{i}]: {off:e} {allowed:e}");
            }
        }
    }
}

/// A law, its model and back: the parameters return within the rounding of one ln and one exp.
#[test]
fn a_law_and_back() {
    let variances = arr2(&[[0.5, 2.0], [1e-3, 7.0]]);
    let means =
        concatenate(Axis(0), &[arr2(&[[1.0, 2.0]]).view(), arr2(&[[-1.0, 1e6]]).view()]).unwrap();
    let law =
        Mixture::new(vec![0.25, 0.75], means, Covariance::diagonal(variances.clone()).unwrap())
            .unwrap();
    let back = MixtureDenoiser::<f64>::from_law(&law).unwrap().law().unwrap();
    assert_eq!(back.means(), law.means());
    let u = f64::UNIT_ROUNDOFF;
    let within = |x: f64, y: f64| (x - y).abs() <= ((1.5 * y.ln().abs() + 5.0) * u + 2.0 * u) * y;
    assert!(back.weights().iter().zip(law.weights()).all(|(x, y)| within(*x, *y)));
    let Covariance::Diagonal(found) = back.covariance() else { panic!("diagonal") };
    assert!(found.iter().zip(&variances).all(|(x, y)| within(*x, *y)));
}
