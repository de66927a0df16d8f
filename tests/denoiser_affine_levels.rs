//! The affine denoiser a level: its products by hand, its bits, and what it refuses.

use ndarray::{Array1, Array2, Axis, arr1, arr2, s};
use tweedie::Error;
use tweedie::arith::fill_normal;
use tweedie::channel::{Channel, Steps};
use tweedie::denoiser::{AffineLevels, AtLevels, Block, Cotangent, Denoiser, Levelled, Trainable};

/// Two levels, dyadic numbers: every result of the model is exact.
fn two_levels() -> (AffineLevels<f64>, Channel, Channel) {
    let (noisy, clean) = (Channel::new(0.5, 2.0).unwrap(), Channel::new(0.5, 0.25).unwrap());
    let steps = Steps::new(vec![noisy, clean]).unwrap();
    let theta = [0.5, 0.25, -1.0, 2.0, 1.0, -0.5, 0.75, 0.125, 3.0, -2.0, 0.5, 1.5];
    (AffineLevels::from_parameters(steps, 2, &theta).unwrap(), noisy, clean)
}

#[test]
fn the_affine_model_by_hand() {
    let (model, noisy, clean) = two_levels();
    let x = arr2(&[[1.0, -2.0], [0.5, 4.0], [-3.0, 0.25]]);
    let rows = [noisy, clean, noisy];
    let matrices = [arr2(&[[0.5, 0.25], [-1.0, 2.0]]), arr2(&[[1.0, -0.5], [0.75, 0.125]])];
    let offsets = [arr1(&[3.0, -2.0]), arr1(&[0.5, 1.5])];
    let levels = rows.map(|c| model.level(c).unwrap());
    let block = model.block(&levels.iter().collect::<Vec<_>>());
    let (found, record) = block.forward(x.view()).unwrap();
    let (v, w) = (
        arr2(&[[1.0, 0.5], [-2.0, 1.0], [0.25, 8.0]]),
        arr2(&[[2.0, 1.0], [1.0, -1.0], [0.0, 4.0]]),
    );
    let cotangent = Cotangent { denoised: Some(v.clone()), noise: Some(w.clone()) };
    let pushed = block.push(&record, v.view()).unwrap();
    let pulled = block.to_points(&record, &cotangent).unwrap();
    let (again, pulled_back) =
        AtLevels(&block).pull_back(x.view(), &mut |_| Ok(cotangent.clone())).unwrap();
    assert_eq!((&again, &pulled_back), (&found, &pulled));
    let mut gradient = vec![0.0; 12];
    block.to_parameters(&[(&record, &cotangent)], &mut gradient).unwrap();
    let mut expected = [Array2::<f64>::zeros((2, 2)), Array2::zeros((2, 2))];
    let mut expected_offsets = [Array1::<f64>::zeros(2), Array1::zeros(2)];
    for (n, channel) in rows.iter().enumerate() {
        let (l, a, s) = (usize::from(n == 1), channel.a(), channel.s());
        let (x, v, w) = (x.row(n), v.row(n), w.row(n));
        let denoised = matrices[l].dot(&x) + &offsets[l];
        assert_eq!(found.denoised.row(n), denoised);
        assert_eq!(found.noise.row(n), (&x - &denoised * a) / s);
        assert_eq!(pushed.row(n), matrices[l].dot(&v));
        let by_noise = (&w - matrices[l].t().dot(&w) * a) / s;
        assert_eq!(pulled.row(n), matrices[l].t().dot(&v) + by_noise);
        let both = &v - &w * (a / s);
        let (column, row) = (both.view().insert_axis(Axis(1)), x.insert_axis(Axis(0)));
        expected[l] += &column.dot(&row);
        expected_offsets[l] += &both;
    }
    let flat: Vec<f64> =
        expected.iter().flatten().chain(expected_offsets.iter().flatten()).copied().collect();
    assert_eq!(gradient, flat);
    // The trait of one channel, and a channel that is not in the table: the map of the nearest level, its own (a, s).
    let between = Channel::new(0.5, 0.5).unwrap();
    let near = model.predict(between, x.view()).unwrap();
    assert_eq!(near.denoised, x.dot(&matrices[1].t()) + &offsets[1]);
    assert_eq!(near.noise, (&x - &near.denoised * 0.5) / 0.5);
    assert_eq!(model.jacobian_vector(noisy, x.view(), v.view()).unwrap(), v.dot(&matrices[0].t()));
    assert_eq!(model.vector_jacobian(noisy, x.view(), v.view()).unwrap(), v.dot(&matrices[0]));
    let names: Vec<_> = model.tensors().into_iter().map(|t| (t.name, t.shape)).collect();
    assert_eq!(names, [("matrices".to_owned(), vec![2, 2, 2]), ("offsets".to_owned(), vec![2, 2])]);
}

/// The same bits alone, in another order, in every instruction set, and on any number of threads.
#[test]
fn the_affine_models_bits() {
    let channels: Vec<Channel> =
        (1..=5).rev().map(|i| Channel::new(0.9, 0.3 * i as f64).unwrap()).collect();
    let steps = Steps::new(channels.clone()).unwrap();
    let (d, n) = (7, 150);
    let mut values = vec![0.0_f32; 5 * d * (d + 1) + n * d];
    fill_normal(4, 0, 0, &mut values);
    let (theta, points) = values.split_at(5 * d * (d + 1));
    let model = AffineLevels::from_parameters(steps, d, theta).unwrap();
    let x = Array2::from_shape_vec((n, d), points.to_vec()).unwrap();
    let levels: Vec<_> = (0..n).map(|row| model.level(channels[row % 5]).unwrap()).collect();
    let all = |model: &AffineLevels<f32>, rows: &[usize]| {
        let chosen = x.select(Axis(0), rows);
        let block = model.block(&rows.iter().map(|&row| &levels[row]).collect::<Vec<_>>());
        let (found, record) = block.forward(chosen.view()).unwrap();
        let cotangent =
            Cotangent { denoised: Some(chosen.clone()), noise: Some(chosen.mapv(|x| x * x)) };
        let mut gradient = vec![0.0_f32; theta.len()];
        block.to_parameters(&[(&record, &cotangent)], &mut gradient).unwrap();
        let pushed = block.push(&record, chosen.view()).unwrap();
        let pulled = block.to_points(&record, &cotangent).unwrap();
        (vec![found.denoised, found.noise, pushed, pulled], gradient)
    };
    let order: Vec<usize> = (0..n).collect();
    let (whole, gradient) = all(&model, &order);
    for isa in tweedie::arith::Isa::available() {
        assert_eq!(all(&model.clone().with_isa(isa), &order), (whole.clone(), gradient.clone()));
    }
    let turned: Vec<usize> = order.iter().rev().copied().collect();
    for (whole, reversed) in whole.iter().zip(&all(&model, &turned).0) {
        assert_eq!(whole.slice(s![..;-1, ..]), reversed);
    }
    for row in [0, 63, 64, 149] {
        for (whole, alone) in whole.iter().zip(&all(&model, &[row]).0) {
            assert_eq!(whole.row(row), alone.row(0));
        }
    }
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| model.predict(channels[2], x.view()).unwrap())
    };
    assert_eq!(run(1), run(5));
}

#[test]
fn a_bad_affine_model_is_refused() {
    let (mut model, noisy, _) = two_levels();
    assert!(matches!(
        AffineLevels::<f64>::zeros(model.steps().clone(), 0),
        Err(Error::Empty { .. })
    ));
    assert!(matches!(model.set_parameters(&[1.0]), Err(Error::Shape { .. })));
    assert!(matches!(model.set_parameters(&[f64::NAN; 12]), Err(Error::NotFinite { .. })));
    let (matrix, offset) = (Array2::<f64>::eye(2), arr1(&[0.0, 1.0]));
    assert!(matches!(model.set_level(2, matrix.view(), offset.view()), Err(Error::Entry { .. })));
    assert!(matches!(
        model.set_level(0, matrix.slice(s![..1, ..]), offset.view()),
        Err(Error::Shape { .. })
    ));
    let infinite = arr1(&[f64::INFINITY, 0.0]);
    assert!(matches!(
        model.set_level(0, matrix.view(), infinite.view()),
        Err(Error::NotFinite { .. })
    ));
    assert_eq!(model, two_levels().0);
    let x = arr2(&[[-f64::MAX, f64::MAX]]);
    assert!(matches!(model.predict(noisy, x.view()), Err(Error::NotFinite { .. })));
    assert!(matches!(model.predict(noisy, arr2(&[[1.0]]).view()), Err(Error::Shape { .. })));
}
