//! Laws, channels and points for property tests, hard cases on purpose, with shrinking.
//!
//! A case is a few small choices and a seed; numbers are drawn from the seed by the crate's own counter-based
//! generator, so a case that fails is reproduced by the line that proptest prints.
#![allow(dead_code)]

#[path = "../draws/mod.rs"]
mod draws;

use draws::{normals, uniforms};
use ndarray::{Array2, Array3};
use proptest::prelude::*;
use tweedie::arith::Real;
use tweedie::channel::Channel;
use tweedie::law::{Covariance, Mixture};

use crate::judge::{Cov, Law};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Isotropic,
    Diagonal,
    Full,
}

/// What the covariances look like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Size {
    /// Every variance 0.
    PointMass,
    /// Some variances 0; full covariances of rank about d/2.
    Deficient,
    /// Between 0.1 and 10.
    Ordinary,
    /// Over eight orders of magnitude.
    Wide,
}

/// Where the points are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    /// Drawn from the noised law.
    Typical,
    /// On a component's mean, or midway between two.
    Special,
    /// Forty noise deviations and more away.
    Far,
}

#[derive(Clone, Debug)]
pub struct Case {
    pub kind: Kind,
    pub size: Size,
    pub place: Place,
    pub dimension: usize,
    pub components: usize,
    pub offset: f64,
    pub equal: bool,
    pub a: f64,
    pub s: f64,
    pub seed: u64,
}

pub fn cases(largest_dimension: usize, most_components: usize) -> impl Strategy<Value = Case> {
    let kind = prop_oneof![Just(Kind::Isotropic), Just(Kind::Diagonal), Just(Kind::Full)];
    let size = prop_oneof![
        Just(Size::PointMass),
        Just(Size::Deficient),
        Just(Size::Ordinary),
        Just(Size::Wide)
    ];
    let place = prop_oneof![Just(Place::Typical), Just(Place::Special), Just(Place::Far)];
    let dimension = prop_oneof![Just(1usize), 2..=largest_dimension, Just(largest_dimension)];
    let components = prop_oneof![Just(1usize), 2..=most_components];
    let offset = prop_oneof![3 => Just(0.0), 1 => Just(1e6), 1 => Just(-37.5)];
    let a = prop_oneof![3 => Just(1.0), 1 => Just(0.0), 1 => Just(1e-3), 3 => 0.01f64..1.0];
    let s = prop_oneof![Just(1e-6), Just(1e3), (-6.0f64..3.0).prop_map(|e| 10f64.powf(e))];
    let shape = (dimension, components, offset, prop::bool::weighted(0.1));
    (kind, size, place, shape, a, s, any::<u64>()).prop_map(
        |(kind, size, place, (dimension, components, offset, equal), a, s, seed)| Case {
            kind,
            size,
            place,
            dimension,
            components,
            offset,
            equal,
            a,
            s,
            seed,
        },
    )
}

impl Case {
    /// A law whose variances are ordinary and whose points are typical.
    pub fn ordinary(kind: Kind, dimension: usize, components: usize) -> Self {
        Case {
            kind,
            size: Size::Ordinary,
            place: Place::Typical,
            dimension,
            components,
            offset: 0.0,
            equal: false,
            a: 0.8,
            s: 0.6,
            seed: 11,
        }
    }

    pub fn channel(&self) -> Channel {
        Channel::new(self.a, self.s).expect("a legal channel")
    }

    /// The law as plain numbers, for the judge and for [`Case::mixture`].
    pub fn law(&self) -> Law {
        let (k, d) = (self.components, self.dimension);
        let raw: Vec<f64> = uniforms(self.seed, 1, k).iter().map(|u| 0.01 + u).collect();
        let total: f64 = raw.iter().sum();
        let mut means: Vec<Vec<f64>> = normals(self.seed, 2, k * d)
            .chunks(d)
            .map(|row| row.iter().map(|z| self.offset + 2.0 * z).collect())
            .collect();
        if self.equal {
            means = vec![means[0].clone(); k];
        }
        let variances: Vec<Vec<f64>> =
            uniforms(self.seed, 3, k * d).chunks(d).map(|u| self.variances(u)).collect();
        let cov = match self.kind {
            Kind::Isotropic => Cov::Isotropic(variances.iter().map(|row| row[0]).collect()),
            Kind::Diagonal => Cov::Diagonal(variances),
            Kind::Full => {
                Cov::Full(variances.iter().enumerate().map(|(k, v)| self.full(k, v)).collect())
            }
        };
        Law { weights: raw.iter().map(|w| w / total).collect(), means, cov }
    }

    fn variances(&self, u: &[f64]) -> Vec<f64> {
        u.iter()
            .map(|u| match self.size {
                Size::PointMass => 0.0,
                Size::Deficient => {
                    if *u < 0.5 {
                        0.0
                    } else {
                        *u
                    }
                }
                Size::Ordinary => 0.1 + 9.9 * u,
                Size::Wide => 10f64.powf(8.0 * u - 6.0),
            })
            .collect()
    }

    /// BᵀDB with B of small integers: the products are exact, so rank-deficient is exactly rank-deficient.
    fn full(&self, k: usize, variances: &[f64]) -> Vec<f64> {
        let d = self.dimension;
        let b: Vec<f64> = uniforms(self.seed, 100 + k as u64, d * d)
            .iter()
            .map(|u| (5.0 * u).floor() - 2.0)
            .collect();
        let exact: Vec<f64> = variances.iter().map(|v| (v * 1024.0).ceil() / 1024.0).collect();
        let mut out = vec![0.0; d * d];
        for i in 0..d {
            for j in 0..d {
                out[i * d + j] = (0..d).map(|l| b[l * d + i] * exact[l] * b[l * d + j]).sum();
            }
        }
        out
    }

    pub fn mixture(&self) -> Mixture {
        mixture(&self.law())
    }

    /// n points in a format, two of three moved outwards by a factor.
    pub fn stretched<T: Real>(&self, n: usize, factor: f64) -> Array2<T> {
        stretched(self.points(n), factor)
    }

    /// n points.
    pub fn points(&self, n: usize) -> Array2<f64> {
        let d = self.dimension;
        let law = self.law();
        let z = normals(self.seed, 4, n * d);
        let pick = uniforms(self.seed, 5, 2 * n);
        Array2::from_shape_fn((n, d), |(row, i)| {
            let choose = |u: f64| ((u * law.means.len() as f64) as usize).min(law.means.len() - 1);
            let (k, other) = (choose(pick[2 * row]), choose(pick[2 * row + 1]));
            let (mean, noise) = (self.a * law.means[k][i], self.s * z[row * d + i]);
            match self.place {
                Place::Typical => mean + noise,
                Place::Special => 0.5 * (mean + self.a * law.means[other][i]),
                Place::Far => mean + 40.0 * noise + 40.0 * self.s,
            }
        })
    }
}

/// Points in a format, two of three moved outwards by a factor, so that near and far threads share a block.
pub fn stretched<T: Real>(mut points: Array2<f64>, factor: f64) -> Array2<T> {
    for (at, mut row) in points.outer_iter_mut().enumerate() {
        if at % 3 > 0 {
            row.mapv_inplace(|x| x * factor);
        }
    }
    let most = T::MAX.to_f64();
    points.mapv(|x| T::from_f64(x.clamp(-most, most)))
}

pub fn mixture(law: &Law) -> Mixture {
    let (k, d) = (law.means.len(), law.means[0].len());
    let means = Array2::from_shape_fn((k, d), |(k, i)| law.means[k][i]);
    let covariance = match &law.cov {
        Cov::Isotropic(v) => Covariance::isotropic(v.clone()),
        Cov::Diagonal(v) => Covariance::diagonal(Array2::from_shape_fn((k, d), |(k, i)| v[k][i])),
        Cov::Full(v) => {
            Covariance::full(Array3::from_shape_fn((k, d, d), |(k, i, j)| v[k][i * d + j]))
        }
    };
    Mixture::new(law.weights.clone(), means, covariance.expect("a covariance")).expect("a law")
}
