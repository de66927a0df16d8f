//! Laws and numbers for the tests of optima on grids.
#![allow(dead_code)]

use ndarray::{Array1, Array2, array};
use tweedie::channel::Channel;
use tweedie::denoiser::Affine;
use tweedie::law::{Covariance, Mixture};

pub fn line_gaussian(mean: f64, variance: f64) -> Mixture {
    let covariance = Covariance::isotropic(vec![variance]).expect("a variance");
    Mixture::new(vec![1.0], array![[mean]], covariance).expect("a law")
}

pub fn two_modes() -> Mixture {
    let covariance = Covariance::isotropic(vec![0.01, 0.04]).expect("variances");
    Mixture::new(vec![0.6, 0.4], array![[-1.0], [1.0]], covariance).expect("a law")
}

/// E2 written out: D = m + a·C(V + κs²I)⁻¹(x − a·m), for a diagonal C.
pub fn affine_optimum(mean: &[f64], variances: &[f64], channel: Channel, kappa: f64) -> Affine {
    let (a, s) = (channel.a(), channel.s());
    let gain = |c: f64| a * c / (a * a * c + s * s * (1.0 + kappa));
    let d = mean.len();
    let matrix =
        Array2::from_shape_fn((d, d), |(i, j)| if i == j { gain(variances[i]) } else { 0.0 });
    Affine::fixed(Array1::from(mean.to_vec()).view(), matrix.view()).expect("a map")
}

/// √(Σ p·(f − g)²/Σ p) over nodes, ln p given up to a constant.
pub fn apart(log_density: &[f64], f: &Array2<f64>, g: &Array2<f64>) -> f64 {
    let top = log_density.iter().fold(f64::NEG_INFINITY, |m, &v| m.max(v));
    let (mut sum, mut mass) = (0.0, 0.0);
    for (i, log) in log_density.iter().enumerate() {
        let p = (log - top).exp();
        mass += p;
        for c in 0..f.ncols() {
            sum += p * (f[[i, c]] - g[[i, c]]).powi(2);
        }
    }
    (sum / mass).sqrt()
}

/// Whether the order log₂(coarse/fine) of an error under halving is nearest to the integer 2.
pub fn is_second_order(coarse: f64, fine: f64) -> bool {
    ((coarse / fine).log2() - 2.0).abs() <= 0.5
}
