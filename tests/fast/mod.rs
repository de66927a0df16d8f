//! Laws, channels and points for tests of the fast mode: a training set or components of one variance, points about it and far away.

#[path = "../draws/mod.rs"]
mod draws;

use draws::{normals, uniforms};
use ndarray::Array2;
use proptest::prelude::*;
use tweedie::channel::Channel;
use tweedie::cuda::{Kernel, Parts};
use tweedie::law::{Covariance, Mixture};

/// A training set, or components of one variance, and points about it.
#[derive(Clone, Debug)]
pub struct Case {
    pub dimension: usize,
    pub components: usize,
    pub points: usize,
    pub parts: Parts,
    /// 0: point masses.
    pub variance: f64,
    pub offset: f64,
    /// Deviation of the means.
    pub spread: f64,
    pub a: f64,
    pub s: f64,
    /// Noise deviations that the points are away.
    pub away: f64,
    pub seed: u64,
}

impl Case {
    pub fn mixture(&self) -> Mixture {
        let (k, d) = (self.components, self.dimension);
        let z = normals(self.seed, 1, k * d);
        let means =
            Array2::from_shape_fn((k, d), |(row, i)| self.offset + self.spread * z[row * d + i]);
        let raw: Vec<f64> = uniforms(self.seed, 2, k).iter().map(|u| 0.01 + u).collect();
        let total: f64 = raw.iter().sum();
        let weights = raw.iter().map(|w| w / total).collect();
        let covariance = Covariance::isotropic(vec![self.variance; k]).unwrap();
        Mixture::new(weights, means, covariance).unwrap()
    }

    pub fn channel(&self) -> Channel {
        Channel::new(self.a, self.s).unwrap()
    }

    pub fn points(&self, law: &Mixture) -> Array2<f32> {
        let d = self.dimension;
        let z = normals(self.seed, 3, self.points * d);
        let pick = uniforms(self.seed, 4, self.points.max(1));
        Array2::from_shape_fn((self.points, d), |(row, i)| {
            let k = ((pick[row] * self.components as f64) as usize).min(self.components - 1);
            let noise = self.s * (z[row * d + i] * (1.0 + self.away) + self.away);
            (self.a * law.means()[[k, i]] + noise) as f32
        })
    }

    pub fn kernel(&self) -> Kernel {
        Kernel::Fast { dimension: self.dimension, parts: self.parts }
    }
}

pub fn cases() -> impl Strategy<Value = Case> {
    // Few of each, since each pair is compiled.
    let shape = prop_oneof![
        3 => Just((2usize, Parts::Three)),
        2 => Just((2, Parts::Two)),
        1 => Just((1, Parts::Three)),
        1 => Just((17, Parts::Three)),
        1 => Just((64, Parts::Three)),
        1 => Just((64, Parts::Two)),
    ];
    let components =
        prop_oneof![Just(1usize), Just(2), Just(63), Just(64), Just(65), 100usize..300];
    let points = prop_oneof![Just(1usize), Just(15), Just(17), Just(65)];
    let variance = prop_oneof![2 => Just(0.0), 1 => 0.01f64..10.0];
    let offset = prop_oneof![3 => Just(0.0), 1 => Just(1e6), 1 => Just(-37.5)];
    let spread = prop_oneof![1 => Just(0.0), 1 => Just(1e-3), 4 => Just(2.0)];
    let a = prop_oneof![3 => Just(1.0), 1 => Just(0.0), 1 => Just(1e-3), 2 => 0.01f64..1.0];
    let s = (-3.0f64..3.0).prop_map(|e| 10f64.powf(e));
    let away = prop_oneof![3 => Just(0.0), 1 => Just(40.0), 1 => Just(1e4)];
    (shape, components, points, (variance, offset, spread), (a, s, away), any::<u64>()).prop_map(
        |(
            (dimension, parts),
            components,
            points,
            (variance, offset, spread),
            (a, s, away),
            seed,
        )| Case {
            dimension,
            components,
            points,
            parts,
            variance,
            offset,
            spread,
            a,
            s,
            away,
            seed,
        },
    )
}

pub fn ordinary() -> Case {
    Case {
        dimension: 2,
        components: 200,
        points: 40,
        parts: Parts::Three,
        variance: 0.0,
        offset: 0.0,
        spread: 2.0,
        a: 0.9,
        s: 0.5,
        away: 0.0,
        seed: 5,
    }
}
