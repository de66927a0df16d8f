//! How good generated points are, against a law that is known.
//!
//! Floor 7. Uses `arith`, `channel`, `error`, `law`, `optimum`, `sampler`. Spec: T8.

use std::f64::consts::PI;

use ndarray::{Array1, Array2, ArrayView2, Axis, array};

use super::super::worst::U;
use super::Reading;
use crate::arith::matrix::multiply;
use crate::arith::scalar::exp;
use crate::arith::{mean, sum, sum_by_parallel};
use crate::channel::Channel;
use crate::error::Result;
use crate::law::{Mixture, Noised};
use crate::optimum::{Moments, bures};
use crate::sampler::{GaussianLaw, LineLaw};

/// The random stream of the law's own points; apart from those of training and its measurements.
const STREAM: u64 = (1 << 54) - 64;

/// How good generated points are; every number but `spread` is 0 for the clean law itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Quality {
    /// [`Yardstick::off_subspace`].
    pub off_subspace: f64,
    /// [`Yardstick::frechet`].
    pub frechet: f64,
    /// [`Yardstick::spread`].
    pub spread: f64,
    /// [`Yardstick::energy`]; NaN where the clean law, or what is measured, is one Gaussian.
    pub energy: Reading,
    /// [`Yardstick::mode_weights`]; NaN for a law that is known as moments alone.
    pub mode_weights: Reading,
}

/// A law to measure against.
pub(crate) struct Yardstick {
    law: Mixture,
    moments: Moments,
    /// d×k: an orthonormal basis of the directions in which the law has no variance.
    normals: Array2<f64>,
}

impl Yardstick {
    /// Of a clean law.
    pub fn new(law: Mixture) -> Result<Self> {
        let moments = Moments::of_law(&law)?;
        let still: Vec<usize> =
            (0..moments.dimension()).filter(|&j| moments.values()[j] == 0.0).collect();
        let normals = moments.vectors().select(Axis(1), &still);
        Ok(Yardstick { law, moments, normals })
    }

    /// The law.
    pub fn law(&self) -> &Mixture {
        &self.law
    }

    /// All of it for points; the seed is that of the law's own draws.
    pub fn quality(&self, points: ArrayView2<'_, f64>, seed: u64) -> Result<Quality> {
        let gaussian = gaussian_of(points)?;
        Ok(Quality {
            off_subspace: self.off_subspace(points)?,
            frechet: self.frechet_of(&gaussian)?,
            spread: self.spread_of(&gaussian),
            // Of one Gaussian the moments say all, and pairs of points cost more than training does.
            energy: if self.law.components() > 1 { self.energy(points, seed)? } else { UNKNOWN },
            mode_weights: self.mode_weights(points)?,
        })
    }

    /// All of it for a Gaussian law that so many steps made, exactly but for rounding.
    pub fn quality_of(&self, law: &GaussianLaw, steps: usize) -> Result<Quality> {
        Ok(Quality {
            off_subspace: self.off_subspace_of(law, steps)?,
            frechet: self.frechet_of(law)?,
            spread: self.spread_of(law),
            energy: UNKNOWN,
            mode_weights: UNKNOWN,
        })
    }

    /// All of it for a law on the line that is known as masses.
    pub fn quality_on_line(&self, law: &LineLaw) -> Result<Quality> {
        let gaussian =
            GaussianLaw { mean: array![law.mean()], covariance: array![[law.variance()]] };
        Ok(Quality {
            off_subspace: 0.0,
            frechet: self.frechet_of(&gaussian)?,
            spread: self.spread_of(&gaussian),
            energy: Reading::exact(self.energy_on_line(law)?),
            // A share is made of whole nodes: it is known to the mass of one.
            mode_weights: Reading::resolved(
                self.shares_apart(column(law.values()).view(), law.masses())?,
                law.masses().iter().fold(0.0, |most, &mass| most.max(mass)),
            ),
        })
    }

    /// On the line the energy distance is √(2∫(F − G)²) of the distribution functions (Székely 2003): here by the midpoint rule, G the sum
    /// of the clean law's density up to the midpoint, seen through as little noise as for the mode weights. The clean law has no
    /// point masses. Error O(h²), h a 1/20,000 of the range.
    fn energy_on_line(&self, law: &LineLaw) -> Result<f64> {
        let deviation = self.law.deviation();
        let centre = self.moments.mean()[0];
        // All of the clean law: every toy law on the line is within nine of its own deviations.
        let [low, high] = law.range();
        let (low, high) = (low.min(centre - 9.0 * deviation), high.max(centre + 9.0 * deviation));
        let spacing = (high - low) / CELLS as f64;
        let places: Vec<f64> = (0..CELLS).map(|i| spacing.mul_add(i as f64 + 0.5, low)).collect();
        let log = self.seen()?.log_density(column(&places).view())?;
        let mut below = 0.0;
        let mut squares = Vec::with_capacity(CELLS);
        for (x, log) in places.iter().zip(&log) {
            below = spacing.mul_add(exp(*log), below);
            let apart = law.below(spacing.mul_add(0.5, *x)) - below;
            squares.push(apart * apart);
        }
        Ok((2.0 * spacing * sum(&squares)).sqrt() / deviation)
    }

    /// How the points leave the law's subspace: the root mean square of their distance to it, over the law's deviation.
    pub fn off_subspace(&self, points: ArrayView2<'_, f64>) -> Result<f64> {
        let from_mean = &points - &self.moments.mean();
        let normal = multiply(from_mean.view(), self.normals.view())?;
        let entries: Vec<f64> = normal.into_iter().collect();
        let total = sum_by_parallel(entries.len(), |i| entries[i] * entries[i]);
        Ok((total / points.nrows() as f64).sqrt() / self.law.deviation())
    }

    /// The same for a Gaussian law that so many steps of a sampler made.
    ///
    /// 0 where it cannot be told from 0: each step's rounding is within (8d + 96)·u of the largest variance on the way
    /// (`law_of_sampler`), which is that of the noise or the law.
    fn off_subspace_of(&self, law: &GaussianLaw, steps: usize) -> Result<f64> {
        let shift = &law.mean - &self.moments.mean();
        let shift = multiply(shift.view().insert_axis(Axis(0)), self.normals.view())?;
        let half = multiply(self.normals.t(), law.covariance.view())?;
        let normal = multiply(half.view(), self.normals.view())?;
        let total = normal.diag().iter().chain(&shift.mapv(|m| m * m)).sum::<f64>();
        let largest = self.moments.values().iter().fold(1.0_f64, |most, &c| most.max(c));
        let rounding = (steps * (8 * law.mean.len() + 96)) as f64 * U * largest;
        let known = if total > rounding * self.normals.ncols() as f64 { total } else { 0.0 };
        Ok(known.sqrt() / self.law.deviation())
    }

    /// W₂ between two Gaussians, one of them the law's mean and covariance, over the law's deviation: for the mean and
    /// covariance of points it is what the Fréchet distance of image models is, without the features.
    pub fn frechet_of(&self, law: &GaussianLaw) -> Result<f64> {
        let clean = GaussianLaw {
            mean: self.moments.mean().to_owned(),
            covariance: self.moments.covariance().to_owned(),
        };
        Ok(bures(law, &clean)? / self.law.deviation())
    }

    /// The total variance over the law's: below 1 where detail is lost.
    pub fn spread_of(&self, law: &GaussianLaw) -> f64 {
        law.covariance.diag().sum() / self.moments.covariance().diag().sum()
    }

    /// The energy distance, √(2E‖X − Y‖ − E‖X − X′‖ − E‖Y − Y′‖) over the law's deviation, X generated and Y as many draws of
    /// the law, X ≠ X′ and Y ≠ Y′: 0 in expectation of the square where the laws are alike. A square below E‖Y − Y′‖/n, which is
    /// what the mean over all pairs, X = X′ and Y = Y′ among them, adds by chance alone, cannot be told from 0.
    /// It sees modes and shapes that moments do not.
    pub fn energy(&self, points: ArrayView2<'_, f64>, seed: u64) -> Result<Reading> {
        let own = self.law.sample(seed, STREAM, points.nrows())?.points;
        let between = 2.0 * mean_distance(points, own.view(), false);
        let apart = mean_distance(own.view(), own.view(), true);
        let within = mean_distance(points, points, true) + apart;
        let least = apart / points.nrows() as f64;
        let distance = |square: f64| square.max(0.0).sqrt() / self.law.deviation();
        Ok(Reading::resolved(distance(between - within), distance(least)))
    }

    /// The total variation ½·Σ_k |f_k − w_k| between the law's weights and the share f_k of points whose likeliest component is k, seen
    /// through noise of a thousandth of the law's deviation, so that every point has one.
    ///
    /// n draws of the law itself are ½·Σ √(2w(1 − w)/(πn)) away on average, by the normal limit; what is less cannot be told from 0.
    pub fn mode_weights(&self, points: ArrayView2<'_, f64>) -> Result<Reading> {
        let n = points.nrows();
        let chance = |&w: &f64| 0.5 * (2.0 * w * (1.0 - w) / (PI * n as f64)).sqrt();
        let by_chance: f64 = self.law.weights().iter().map(chance).sum();
        Ok(Reading::resolved(self.shares_apart(points, &vec![1.0 / n as f64; n])?, by_chance))
    }

    /// ½·Σ_k |f_k − w_k|, f_k the mass of the points whose likeliest component is k.
    fn shares_apart(&self, points: ArrayView2<'_, f64>, masses: &[f64]) -> Result<f64> {
        let responsibilities = self.seen()?.responsibilities(points)?;
        let mut shares = vec![0.0; self.law.components()];
        for (row, mass) in responsibilities.rows().into_iter().zip(masses) {
            let likeliest = row.iter().enumerate().fold((0, f64::NEG_INFINITY), |best, (k, &r)| {
                if r > best.1 { (k, r) } else { best }
            });
            shares[likeliest.0] += mass;
        }
        let apart = shares.iter().zip(self.law.weights()).map(|(share, w)| (share - w).abs());
        Ok(0.5 * apart.sum::<f64>())
    }

    /// The law through a thousandth of its deviation of noise.
    fn seen(&self) -> Result<Noised<f64>> {
        self.law.through::<f64>(Channel::new(1.0, 1e-3 * self.law.deviation())?)
    }
}

/// What is not measured.
const UNKNOWN: Reading = Reading { value: f64::NAN, least: f64::NAN, most: f64::NAN };
/// Cells of the midpoint rule on the line.
const CELLS: usize = 20_000;

/// Numbers as points on the line.
fn column(values: &[f64]) -> Array2<f64> {
    Array1::from(values.to_vec()).insert_axis(Axis(1))
}

/// The Gaussian of the points' mean and covariance.
fn gaussian_of(points: ArrayView2<'_, f64>) -> Result<GaussianLaw> {
    let n = points.nrows() as f64;
    let columns = points.axis_iter(Axis(1)).map(|column| mean(&column.to_vec()));
    let centre = Array1::from_iter(columns);
    let from_mean = &points - &centre;
    let covariance = multiply(from_mean.t(), from_mean.view())? / n;
    Ok(GaussianLaw { mean: centre, covariance })
}

/// The mean distance of a point of one set to one of the other; of the same set, to another point of it.
fn mean_distance(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>, same: bool) -> f64 {
    let (n, m) = (a.nrows(), b.nrows());
    let pairs = if same { n * (n - 1) } else { n * m };
    let total = sum_by_parallel(n, |i| {
        let row = a.row(i);
        b.rows().into_iter().fold(0.0, |sum, other| sum + distance(row.iter(), other.iter()))
    });
    total / pairs as f64
}

/// ‖x − y‖₂.
pub(crate) fn distance<'a>(
    x: impl Iterator<Item = &'a f64>,
    y: impl Iterator<Item = &'a f64>,
) -> f64 {
    x.zip(y).fold(0.0, |sum, (x, y)| (x - y).mul_add(x - y, sum)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::toy_law;

    /// The oblique plane's normal; its length is 3.
    const NORMAL: [f64; 3] = [1.0, 2.0, 2.0];

    fn yardstick() -> Yardstick {
        Yardstick::new(toy_law("oblique-plane").expect("a law")).expect("a yardstick")
    }

    /// 49 points of the plane in small integers, of mean 0.
    fn on_the_plane() -> Array2<f64> {
        let combinations =
            (-3..=3).flat_map(|i| (-3..=3).map(move |j| (f64::from(i), f64::from(j))));
        let points: Vec<f64> = combinations.flat_map(|(i, j)| [2.0 * i, j - i, -j]).collect();
        Array2::from_shape_vec((49, 3), points).expect("49 points")
    }

    /// How far a computed distance to the plane of points no longer than `reach` can be off. The normal as computed is turned by
    /// at most ‖E‖/gap, E the decomposition's error (Davis and Kahan), and as long as 1 to within its orthogonality; then
    /// a product of three terms, a square, a sum of at most six levels over 49, a root and two divisions: twenty roundings.
    fn error(yardstick: &Yardstick, reach: f64) -> f64 {
        let moments = &yardstick.moments;
        let least =
            moments.values().iter().filter(|c| **c > 0.0).fold(f64::INFINITY, |m, &c| m.min(c));
        (moments.error() / least + moments.orthogonality() + 20.0 * U) * reach
    }

    #[test]
    fn a_shift_off_the_plane_is_its_length() {
        let yardstick = yardstick();
        let deviation = yardstick.law().deviation();
        let points = on_the_plane();
        let reach = 3.0 * 8.0_f64.sqrt() + 3.0;
        let bound = error(&yardstick, reach);
        let off = |points: &Array2<f64>| {
            yardstick.off_subspace(points.view()).expect("a distance") * deviation
        };
        assert!(off(&points) <= bound, "{}", off(&points));
        let shifted = &points + &Array1::from(NORMAL.to_vec());
        assert!((off(&shifted) - 3.0).abs() <= bound, "{}", off(&shifted));
        assert!(bound < 1e-3, "the bound tells 3 from 0: {bound}");
    }

    #[test]
    fn every_measure_sees_what_is_wrong() {
        let yardstick = yardstick();
        let own = yardstick.law().sample(3, 0, 2000).expect("draws").points;
        let quality =
            |points: &Array2<f64>| yardstick.quality(points.view(), 5).expect("a quality");
        let energy = |points: &Array2<f64>| yardstick.energy(points.view(), 5).expect("a distance");
        let (whole, narrow) = (quality(&own), quality(&(&own * 0.5)));
        let shifted = quality(&(&own + &Array1::from(NORMAL.to_vec())));
        // Powers of two change no significand.
        assert_eq!(narrow.spread, 0.25 * whole.spread);
        for wrong in [narrow, shifted] {
            assert!(wrong.frechet > whole.frechet);
        }
        for wrong in [&own * 0.5, &own + &Array1::from(NORMAL.to_vec())] {
            assert!(energy(&wrong).least > energy(&own).most);
        }
        assert!(shifted.off_subspace > whole.off_subspace);
    }

    #[test]
    fn the_energy_distance_is_that_of_its_definition() {
        // On the line, in integers: 0 and 2 are 10, 12, 8 and 10 from 10 and 12, and 1, 5, 1 and 3 from 1 and 5.
        let (a, b) = (array![[0.0], [2.0]], array![[10.0], [12.0]]);
        let apart = 2.0 * mean_distance(a.view(), b.view(), false);
        let within = [&a, &b].map(|set| mean_distance(set.view(), set.view(), true));
        assert_eq!((apart, within), (20.0, [2.0, 2.0]));
        let near = array![[1.0], [5.0]];
        assert_eq!(2.0 * mean_distance(a.view(), near.view(), false), 5.0);
    }

    #[test]
    fn mode_weights_are_counted() {
        let law = toy_law("two-modes").expect("a law");
        let weights = law.weights().to_vec();
        let yardstick = Yardstick::new(law).expect("a yardstick");
        // 700 points near −1 and 300 near 1.
        let points = Array2::from_shape_fn((1000, 1), |(n, _)| if n < 700 { -1.1 } else { 0.9 });
        let found = yardstick.mode_weights(points.view()).expect("a distance").least;
        let expected = 0.5 * ((0.7 - weights[0]).abs() + (0.3 - weights[1]).abs());
        // Two quotients, differences and products of numbers up to 1.
        assert!((found - expected).abs() <= 10.0 * U, "{found} {expected}");
        // As many as the weights say: what is left is chance, which is known.
        let first = (1000.0 * weights[0]).round() as usize;
        let points = Array2::from_shape_fn((1000, 1), |(n, _)| if n < first { -1.1 } else { 0.9 });
        let found = yardstick.mode_weights(points.view()).expect("a distance");
        let chance = (2.0 * weights[0] * weights[1] / (PI * 1000.0)).sqrt();
        assert!((found.value - chance).abs() <= 10.0 * U, "{found:?} {chance}");
        assert_eq!((found.least, found.most), (0.0, found.value));
    }

    #[test]
    fn a_gaussian_law_is_measured_as_its_points_are() {
        let yardstick = yardstick();
        let deviation = yardstick.law().deviation();
        let mut law = GaussianLaw {
            mean: Array1::from(NORMAL.to_vec()),
            covariance: yardstick.moments.covariance().to_owned(),
        };
        let found = yardstick.quality_of(&law, 10).expect("a quality");
        let bound = error(&yardstick, 3.0);
        // Here a square of the normal's turn and the covariance's own rounding are added to 9, and divided by 6 in the root.
        assert!((found.off_subspace * deviation - 3.0).abs() <= bound, "{found:?}");
        // The means are 3 apart and the covariances the same, so both roots are, and their transport adds only the square of its
        // own error (`optimum::distance`): what is left are the roundings of three squares, a root, a quotient and a product.
        assert!((found.frechet * deviation - 3.0).abs() <= 12.0 * U * 3.0, "{found:?}");
        assert!(found.energy.value.is_nan());
        law.mean.fill(0.0);
        let still = yardstick.quality_of(&law, 10).expect("a quality");
        assert_eq!((still.off_subspace, still.spread), (0.0, 1.0));
    }
}
