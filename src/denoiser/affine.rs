//! The affine denoiser D̂(x) = m + A(x − a·m), and the Wiener filter, which is the exact one of a Gaussian law.
//!
//! Floor 3. Uses `arith`, `channel`, `denoiser`, `error`, `law`. Spec: T1, T2, T8, N2.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Zip};

use super::{Denoiser, Prediction, check_finite, check_points, check_vectors};
use crate::arith::Real;
use crate::arith::matrix::multiply;
use crate::channel::Channel;
use crate::error::{Error, Result};
use crate::law::Covariance;

/// D̂(x) = m + A(x − a·m), ε̂(x) = B(x − a·m), with A and B of the channel: see [`Affine::maps`].
///
/// The difference δ = x − a·m is taken in f64 by one fma for either scalar and rounded to it; A·δ and B·δ are then
/// products in the scalar, in the order of `arith::matrix`. For the f64 matrices that `maps` gives, an entry of A·δ is
/// off by at most γ(d + 3)·Σ_j |A_ij|·|δ_j| in the scalar's u, and so is B·δ; D̂ adds one rounding of its sum. So ε̂ loses nothing far away or for means far from the origin: it is never found by
/// subtracting x from D̂. Spec: T1, T8, N2.
#[derive(Clone, Debug, PartialEq)]
pub struct Affine {
    mean: Array1<f64>,
    filter: Filter,
}

#[derive(Clone, Debug, PartialEq)]
enum Filter {
    /// A, the same for every channel.
    Fixed(Array2<f64>),
    /// The Wiener filter of the covariance Q·diag(λ)·Qᵀ.
    Wiener { values: Array1<f64>, vectors: Array2<f64> },
}

/// The two matrices of an affine denoiser at one channel, d×d in f64: D̂ = m + A·δ and ε̂ = B·δ, δ = x − a·m.
#[derive(Clone, Debug, PartialEq)]
pub struct Maps {
    /// A.
    pub denoised: Array2<f64>,
    /// B = (I − a·A)/s.
    pub noise: Array2<f64>,
}

/// What every affine denoiser is: m, and A and B at each channel.
///
/// Whoever implements it has [`Denoiser`] with it, in either scalar, and the law that a sampler generates in closed form
/// (`sampler::law_of_sampler`). Spec: T8.
pub trait AffineMaps: Sync {
    /// m, of d ≥ 1 finite numbers.
    fn mean(&self) -> ArrayView1<'_, f64>;

    /// A and B at a channel, d×d and finite.
    ///
    /// Errors: `Error::NotFinite` where an entry overflows, and what else the implementation says.
    fn maps(&self, channel: Channel) -> Result<Maps>;
}

impl AffineMaps for Affine {
    fn mean(&self) -> ArrayView1<'_, f64> {
        self.mean.view()
    }

    fn maps(&self, channel: Channel) -> Result<Maps> {
        Affine::maps(self, channel)
    }
}

impl Affine {
    /// The denoiser with a matrix A (d×d) that is the same for every channel, and mean m (d).
    ///
    /// Errors: `Error::Empty` where d = 0; `Error::Shape` where A is not d×d; `Error::NotFinite`.
    pub fn fixed(mean: ArrayView1<'_, f64>, matrix: ArrayView2<'_, f64>) -> Result<Affine> {
        check_mean(mean)?;
        check_square("matrix", mean.len(), matrix)?;
        Ok(Affine { mean: mean.to_owned(), filter: Filter::Fixed(matrix.to_owned()) })
    }

    /// The exact denoiser of the Gaussian N(m, C): the Wiener filter of C's eigen-decomposition.
    ///
    /// C (d×d) is symmetric and semidefinite up to d·u·trace, as `law::Covariance::full` takes it; what the
    /// decomposition is off by is `law::FullCovariance::error`.
    /// Errors: those of `wiener` and of `law::Covariance::full`.
    pub fn gaussian(mean: ArrayView1<'_, f64>, covariance: ArrayView2<'_, f64>) -> Result<Affine> {
        check_mean(mean)?;
        check_square("covariance", mean.len(), covariance)?;
        match Covariance::full(covariance.insert_axis(Axis(0)).to_owned())? {
            Covariance::Full(parts) if !parts.is_empty() => {
                let eigen = parts[0].eigen();
                let values = ArrayView1::from(&eigen.values);
                Affine::wiener(mean, values, eigen.vectors.view())
            }
            _ => Err(Error::Empty { what: "covariance", expected: "matrix" }),
        }
    }

    /// The Wiener filter A = a·C·(a²C + s²I)⁻¹ of C = Q·diag(λ)·Qᵀ, λ ≥ 0, Q with orthonormal columns: the exact
    /// denoiser of N(m, C). λ_i = 0 is legal: that direction is denoised to the mean.
    ///
    /// A = Q·diag(a·λ/(a²λ + s²))·Qᵀ and B = Q·diag(s/(a²λ + s²))·Qᵀ. Nothing is subtracted in either.
    ///
    /// Errors: `Error::Empty`, `Error::Shape`, `Error::NotFinite` as `fixed`; `Error::Entry` where λ < 0;
    /// `Error::Domain` where Q is not orthonormal: where an entry of QᵀQ − I exceeds √u (2⁻²⁶·⁵), more than
    /// rounding makes in any dimension that fits and less than an unrelated matrix shows. What A and B are off by is
    /// proportional to that entry.
    pub fn wiener(
        mean: ArrayView1<'_, f64>,
        eigenvalues: ArrayView1<'_, f64>,
        eigenvectors: ArrayView2<'_, f64>,
    ) -> Result<Affine> {
        check_mean(mean)?;
        check_square("eigenvectors", mean.len(), eigenvectors)?;
        if eigenvalues.len() != mean.len() {
            return Err(Error::Shape {
                what: "eigenvalues",
                found: eigenvalues.shape().to_vec(),
                expected: format!("{} numbers", mean.len()),
            });
        }
        if let Some((i, &value)) =
            eigenvalues.indexed_iter().find(|(_, v)| !(**v >= 0.0 && v.is_finite()))
        {
            return Err(Error::Entry {
                what: "eigenvalues",
                index: vec![i],
                value,
                expected: "a finite number, at least 0",
            });
        }
        let gram = multiply(eigenvectors.t(), eigenvectors)?;
        let defect = gram.indexed_iter().fold(0.0_f64, |worst, ((i, j), &entry)| {
            worst.max((entry - if i == j { 1.0 } else { 0.0 }).abs())
        });
        if defect > f64::UNIT_ROUNDOFF.sqrt() {
            return Err(Error::Domain {
                what: "the largest entry of QᵀQ − I",
                value: defect,
                expected: "orthonormal columns",
            });
        }
        let filter =
            Filter::Wiener { values: eigenvalues.to_owned(), vectors: eigenvectors.to_owned() };
        Ok(Affine { mean: mean.to_owned(), filter })
    }

    /// m.
    pub fn mean(&self) -> ArrayView1<'_, f64> {
        self.mean.view()
    }

    /// A and B at a channel.
    ///
    /// Fixed: B = (I − a·A)/s, each entry within 3u of it (one fma, one division). Wiener: each entry is within
    /// γ(d + 5)·Σ_k |q_ik|·g_k·|q_jk| of the exact product, g the diagonal.
    /// Errors: `Error::NotFinite` where an entry overflows.
    pub fn maps(&self, channel: Channel) -> Result<Maps> {
        let (a, s) = (channel.a(), channel.s());
        let maps = match &self.filter {
            Filter::Fixed(matrix) => {
                let mut noise = matrix.mapv(|entry| -a * entry);
                for (i, mut row) in noise.rows_mut().into_iter().enumerate() {
                    row[i] = (-a).mul_add(matrix[[i, i]], 1.0);
                    row.mapv_inplace(|entry| entry / s);
                }
                Maps { denoised: matrix.clone(), noise }
            }
            Filter::Wiener { values, vectors } => {
                // g = (aλ/s)/(a²λ/s + s) keeps clear of s², which may underflow.
                let spread = |value: f64| a * (a * (value / s)) + s;
                let denoised = values.mapv(|value| a * (value / s) / spread(value));
                let noise = values.mapv(|value| 1.0 / spread(value));
                Maps {
                    denoised: multiply((vectors * &denoised).view(), vectors.t())?,
                    noise: multiply((vectors * &noise).view(), vectors.t())?,
                }
            }
        };
        check_finite("denoiser's matrix", maps.denoised.view())?;
        check_finite("noise prediction's matrix", maps.noise.view())?;
        Ok(maps)
    }
}

/// δ = x − a·m by one fma in f64, rounded to the scalar.
fn difference<T: Real>(
    mean: ArrayView1<'_, f64>,
    channel: Channel,
    x: ArrayView2<'_, T>,
) -> Array2<T> {
    let mut difference = x.to_owned();
    for mut row in difference.rows_mut() {
        Zip::from(&mut row).and(mean).for_each(|entry, &mean| {
            *entry = T::from_f64((-channel.a()).mul_add(mean, entry.to_f64()));
        });
    }
    difference
}

impl<T: Real, A: AffineMaps> Denoiser<T> for A {
    fn dimension(&self) -> usize {
        self.mean().len()
    }

    fn predict(&self, channel: Channel, x: ArrayView2<'_, T>) -> Result<Prediction<T>> {
        check_points("x", self.mean().len(), x)?;
        let maps = self.maps(channel)?;
        let difference = difference(self.mean(), channel, x);
        let mut denoised = multiply(difference.view(), narrowed::<T>(&maps.denoised).t())?;
        for mut row in denoised.rows_mut() {
            Zip::from(&mut row)
                .and(self.mean())
                .for_each(|entry, &mean| *entry = T::from_f64(mean + entry.to_f64()));
        }
        let noise = multiply(difference.view(), narrowed::<T>(&maps.noise).t())?;
        check_finite("denoised", denoised.view())?;
        check_finite("noise", noise.view())?;
        Ok(Prediction { denoised, noise })
    }

    fn jacobian_vector(
        &self,
        channel: Channel,
        x: ArrayView2<'_, T>,
        v: ArrayView2<'_, T>,
    ) -> Result<Array2<T>> {
        check_vectors(self.mean().len(), x, v)?;
        let product = multiply(v, narrowed::<T>(&self.maps(channel)?.denoised).t())?;
        check_finite("Jacobian times v", product.view())?;
        Ok(product)
    }

    fn vector_jacobian(
        &self,
        channel: Channel,
        x: ArrayView2<'_, T>,
        v: ArrayView2<'_, T>,
    ) -> Result<Array2<T>> {
        check_vectors(self.mean().len(), x, v)?;
        let product = multiply(v, narrowed::<T>(&self.maps(channel)?.denoised).view())?;
        check_finite("v times Jacobian", product.view())?;
        Ok(product)
    }
}

fn narrowed<T: Real>(matrix: &Array2<f64>) -> Array2<T> {
    matrix.mapv(T::from_f64)
}

pub(crate) fn check_mean(mean: ArrayView1<'_, f64>) -> Result<()> {
    if mean.is_empty() {
        return Err(Error::Empty { what: "mean", expected: "coordinate" });
    }
    match mean.indexed_iter().find(|(_, value)| !value.is_finite()) {
        None => Ok(()),
        Some((i, &value)) => Err(Error::NotFinite { what: "mean", index: vec![i], value }),
    }
}

pub(crate) fn check_square(
    what: &'static str,
    dimension: usize,
    matrix: ArrayView2<'_, f64>,
) -> Result<()> {
    if matrix.dim() != (dimension, dimension) {
        return Err(Error::Shape {
            what,
            found: matrix.shape().to_vec(),
            expected: format!("{dimension}×{dimension}"),
        });
    }
    check_finite(what, matrix)
}
