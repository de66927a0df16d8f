//! The law of corrupted data: (1 − f)·p₀ + f·p₁, a mixture again.
//!
//! A missing coordinate is a projection: its mean is the fill value and its row and column of Σ are 0. So the law of a
//! sample with a mask of missing coordinates is a mixture with singular covariances, one set of components a mask.
//!
//! Floor 1. Uses `law`, `error`. Spec: notation of T.

use ndarray::{Array1, Array2, Array3, Axis};

use super::{Corruption, CorruptionKind};
use crate::error::{Error, Result};
use crate::law::evaluate::shaped;
use crate::law::{Covariance, Mixture};

/// The most components that a corrupted law may have: 2¹⁷. All 1,797 digits with one of 64 coordinates missing have
/// 1,797·65 = 116,805.
pub const MOST_COMPONENTS: usize = 1 << 17;

/// One component's covariance, in its narrowest form.
#[derive(Clone)]
enum Own {
    Isotropic(f64),
    Diagonal(Vec<f64>),
    Full(Array2<f64>),
}

impl Own {
    fn of(covariance: &Covariance, k: usize) -> Own {
        match covariance {
            Covariance::Isotropic(v) => Own::Isotropic(v[k]),
            Covariance::Diagonal(v) => Own::Diagonal(v.row(k).to_vec()),
            Covariance::Full(v) => Own::Full(v[k].matrix().to_owned()),
        }
    }

    /// Σ + σ²I.
    fn widened(self, variance: f64) -> Own {
        match self {
            Own::Isotropic(v) => Own::Isotropic(v + variance),
            Own::Diagonal(v) => Own::Diagonal(v.iter().map(|v| v + variance).collect()),
            Own::Full(mut matrix) => {
                matrix.diag_mut().mapv_inplace(|v| v + variance);
                Own::Full(matrix)
            }
        }
    }

    /// Σ with the rows and columns of the missing coordinates 0.
    fn projected(self, missing: impl Fn(usize) -> bool, d: usize) -> Own {
        match self {
            Own::Isotropic(0.0) => Own::Isotropic(0.0),
            Own::Isotropic(v) => Own::Diagonal(vec![v; d]).projected(missing, d),
            Own::Diagonal(v) => {
                let kept = v.iter().enumerate().map(|(i, v)| if missing(i) { 0.0 } else { *v });
                Own::Diagonal(kept.collect())
            }
            Own::Full(mut matrix) => {
                for ((i, j), entry) in matrix.indexed_iter_mut() {
                    if missing(i) || missing(j) {
                        *entry = 0.0;
                    }
                }
                Own::Full(matrix)
            }
        }
    }

    fn diagonal(&self, d: usize) -> Vec<f64> {
        match self {
            Own::Isotropic(v) => vec![*v; d],
            Own::Diagonal(v) => v.clone(),
            Own::Full(matrix) => matrix.diag().to_vec(),
        }
    }

    fn matrix(&self, d: usize) -> Array2<f64> {
        match self {
            Own::Full(matrix) => matrix.clone(),
            _ => Array2::from_diag(&Array1::from_vec(self.diagonal(d))),
        }
    }
}

/// Components being collected; those of weight 0 are left out.
#[derive(Default)]
struct Parts {
    weights: Vec<f64>,
    means: Vec<f64>,
    covariances: Vec<Own>,
}

impl Parts {
    fn push(&mut self, weight: f64, mean: impl IntoIterator<Item = f64>, covariance: Own) {
        if weight > 0.0 {
            self.weights.push(weight);
            self.means.extend(mean);
            self.covariances.push(covariance);
        }
    }

    fn mixture(self, d: usize) -> Result<Mixture> {
        let k = self.weights.len();
        let all = &self.covariances;
        let covariance = if all.iter().any(|own| matches!(own, Own::Full(_))) {
            let mut matrices = Array3::zeros((k, d, d));
            for (mut to, own) in matrices.axis_iter_mut(Axis(0)).zip(all) {
                to.assign(&own.matrix(d));
            }
            Covariance::full(matrices)?
        } else if all.iter().any(|own| matches!(own, Own::Diagonal(_))) {
            Covariance::diagonal(shaped(
                k,
                d,
                all.iter().flat_map(|own| own.diagonal(d)).collect(),
            )?)?
        } else {
            let variance = |own: &Own| if let Own::Isotropic(v) = own { *v } else { 0.0 };
            Covariance::isotropic(all.iter().map(variance).collect())?
        };
        Mixture::new(self.weights, shaped(k, d, self.means)?, covariance)
    }
}

impl Corruption {
    /// The law of a corrupted sample of x₀ ~ p₀: (1 − f)·p₀ + f·p₁.
    ///
    /// Components: 2K for Gaussian noise, K + 1 for outliers, K·(1 + d) for one missing coordinate, K·2ᵈ for
    /// independently missing ones (what f, or a probability, makes weightless is left out: f = 0 is p₀). The clean
    /// components come first. Covariances keep their kind, but isotropic ones with a coordinate missing are diagonal.
    ///
    /// Errors: `Error::Domain` where there would be more than [`MOST_COMPONENTS`]; `Error::Shape` where outliers have
    /// another dimension; those of [`Mixture::new`] where a variance leaves its range.
    pub fn law(&self, clean: &Mixture) -> Result<Mixture> {
        let (k_all, d, f) = (clean.components(), clean.dimension(), self.fraction);
        self.check_dimension(d)?;
        self.check_count(k_all, d)?;
        if f == 0.0 {
            return Ok(clean.clone());
        }
        let mut parts = Parts::default();
        let unharmed = match self.kind {
            CorruptionKind::MissingCoordinates { probability, .. } => {
                (0..d).fold(f, |weight, _| weight * (1.0 - probability))
            }
            _ => 0.0,
        };
        for k in 0..k_all {
            let weight = clean.weights()[k] * (1.0 - f + unharmed);
            parts.push(weight, mean(clean, k), Own::of(clean.covariance(), k));
        }
        match &self.kind {
            CorruptionKind::Gaussian { deviation } => {
                for k in 0..k_all {
                    let own = Own::of(clean.covariance(), k).widened(deviation * deviation);
                    parts.push(f * clean.weights()[k], mean(clean, k), own);
                }
            }
            CorruptionKind::Outliers { centre, deviation } => {
                parts.push(f, centre.iter().copied(), Own::Isotropic(deviation * deviation));
            }
            CorruptionKind::MissingCoordinates { fill, probability } => {
                for mask in 1..1usize << d {
                    let missing = |i: usize| mask >> i & 1 == 1;
                    let share = (0..d).fold(f, |share, i| {
                        share * if missing(i) { *probability } else { 1.0 - probability }
                    });
                    project(&mut parts, clean, share, *fill, missing);
                }
            }
            CorruptionKind::MissingCoordinate { fill } => {
                for one in 0..d {
                    project(&mut parts, clean, f / d as f64, *fill, |i| i == one);
                }
            }
        }
        parts.mixture(d)
    }

    fn check_count(&self, k: usize, d: usize) -> Result<()> {
        let factor = match self.kind {
            CorruptionKind::MissingCoordinates { .. } => 2f64.powi(d.min(1000) as i32),
            CorruptionKind::MissingCoordinate { .. } => 1.0 + d as f64,
            _ => 2.0,
        };
        let value = k as f64 * factor;
        if value <= MOST_COMPONENTS as f64 {
            return Ok(());
        }
        let what = "number of components of the corrupted law";
        Err(Error::Domain { what, value, expected: "at most 131072" })
    }
}

fn mean(law: &Mixture, k: usize) -> Vec<f64> {
    law.component_mean(k).to_vec()
}

/// Adds p₀ with these coordinates missing, of total weight `share`.
fn project(
    parts: &mut Parts,
    clean: &Mixture,
    share: f64,
    fill: f64,
    missing: impl Fn(usize) -> bool,
) {
    for k in 0..clean.components() {
        let own = Own::of(clean.covariance(), k).projected(&missing, clean.dimension());
        let filled = mean(clean, k)
            .into_iter()
            .enumerate()
            .map(|(i, value)| if missing(i) { fill } else { value });
        parts.push(share * clean.weights()[k], filled.collect::<Vec<f64>>(), own);
    }
}
