//! The inner objective: what a perturbation does to a prediction, as a value and a gradient in ω.
//!
//! Floor 5. Uses `arith`, `channel`, `denoiser`, `error`, `objective`. Spec: E4, N2.

use std::fmt;
use std::str::FromStr;

use ndarray::{Array1, Array2, ArrayView2, Zip};

use crate::arith::{Real, dot};
use crate::denoiser::levelled::check_rows;
use crate::denoiser::{Cotangent, Levelled, Prediction, check_finite, check_shape};
use crate::error::{Error, Result};
use crate::objective::Units;
use crate::objective::consistency::perturbed;

/// Whose squared length an attack makes large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Inner {
    /// Q(x, ω) = ε̂(x') − ε̂(x), x' the perturbed point: the source method's.
    PredictionDifference,
    /// R(x, ω) = Q − ω: consistent with the equivariance loss.
    Residual,
}

/// The inner objective at the points of a batch, a row a point.
///
/// With Q = ε̂(x') − ε̂(x), subtracted as it stands, and ∇ the derivative in the point:
///
/// | inner, units | value | gradient in ω |
/// |---|---|---|
/// | prediction difference, noise | ‖Q‖² | 2s·∇ε̂(x')ᵀQ |
/// | prediction difference, input | ‖Q‖² | 2·∇ε̂(x')ᵀQ |
/// | residual, noise | ‖R‖², R = −(a/s)·(D̂(x') − D̂(x)) | 2(a²/s)·∇D̂(x')ᵀ(D̂(x') − D̂(x)) |
/// | residual, input | ‖R‖², R = Q − ω | 2·(∇ε̂(x')ᵀR − R) |
///
/// In noise units the residual is taken from D̂, where it does not cancel (E1); in input units it has no such form. At
/// ω = 0 every gradient is 0. A value is formed in f64, since squares leave the range of f32 early; a row's numbers
/// depend on that row alone.
pub struct InnerObjective<'a, T, L: ?Sized> {
    local: &'a L,
    x: ArrayView2<'a, T>,
    clean: &'a Prediction<T>,
    inner: Inner,
    units: Units,
}

impl<'a, T: Real, L: Levelled<T> + ?Sized> InnerObjective<'a, T, L> {
    /// At the N×d points x with the predictions `clean` there.
    ///
    /// Errors: `Error::Shape` where x has not one row a channel and d columns, or `clean` not the shape of x;
    /// `Error::NotFinite` where an entry is not finite.
    pub fn new(
        local: &'a L,
        x: ArrayView2<'a, T>,
        clean: &'a Prediction<T>,
        inner: Inner,
        units: Units,
    ) -> Result<Self> {
        check_rows(local.channels(), x)?;
        check_shape("x", x, (x.nrows(), local.dimension()))?;
        check_finite("x", x)?;
        for (what, values) in
            [("clean data predicted", &clean.denoised), ("clean noise predicted", &clean.noise)]
        {
            check_shape(what, values.view(), x.dim())?;
            check_finite(what, values.view())?;
        }
        Ok(InnerObjective { local, x, clean, inner, units })
    }

    /// N×d.
    pub fn dim(&self) -> (usize, usize) {
        self.x.dim()
    }

    /// The perturbed points x + s·ω or x + ω, one rounding a coordinate, with s rounded to the scalar.
    ///
    /// Errors: `Error::Shape` where ω has not the shape of x; `Error::NotFinite` where a point leaves the range.
    pub fn perturbed(&self, omega: ArrayView2<'_, T>) -> Result<Array2<T>> {
        let point = perturbed(self.local.channels(), self.units, self.x, omega)?;
        check_finite("perturbed point", point.view())?;
        Ok(point)
    }

    /// s in noise units, 1 in input units.
    fn factor(&self, s: f64) -> T {
        if self.units == Units::Noise { T::from_f64(s) } else { T::ONE }
    }

    /// ‖Q‖² or ‖R‖², N numbers: one forward pass.
    ///
    /// Errors: as `perturbed`, those of the prediction, and `Error::NotFinite` where a value leaves f64.
    pub fn value(&self, omega: ArrayView2<'_, T>) -> Result<Array1<f64>> {
        let found = self.local.predict(self.perturbed(omega)?.view())?;
        self.values(&self.effect(&found, omega)?)
    }

    /// The values and the gradient in ω (N×d): one forward pass and one pass back to the points.
    ///
    /// Errors: as `value`.
    pub fn value_and_gradient(&self, omega: ArrayView2<'_, T>) -> Result<(Array1<f64>, Array2<T>)> {
        let (values, mut gradient) = self.ascent(omega)?;
        for (mut row, channel) in gradient.rows_mut().into_iter().zip(self.local.channels()) {
            let s = self.factor(channel.s());
            let slope = if self.denoised_form() {
                let ratio = T::from_f64(channel.a() / channel.s());
                ratio * ratio * s
            } else {
                s
            };
            row.mapv_inplace(|entry| T::TWO * (slope * entry));
        }
        check_finite("gradient", gradient.view())?;
        Ok((values, gradient))
    }

    /// The values and the gradient without its positive factor (2s, 2, or 2a²/s): the direction of ascent, which has no
    /// factor to overflow. Where a = 0 the residual in noise units is 0 and the direction is that of its limit.
    ///
    /// Errors: as `value`.
    pub fn ascent(&self, omega: ArrayView2<'_, T>) -> Result<(Array1<f64>, Array2<T>)> {
        let mut effect = Array2::default((0, 0));
        let point = self.perturbed(omega)?;
        let (_, mut pulled) = self.local.pull_back(point.view(), &mut |found| {
            effect = self.effect(found, omega)?;
            let vectors = Some(effect.clone());
            Ok(match self.denoised_form() {
                true => Cotangent { denoised: vectors, noise: None },
                false => Cotangent { denoised: None, noise: vectors },
            })
        })?;
        check_shape("pulled-back vectors", pulled.view(), self.x.dim())?;
        if (self.inner, self.units) == (Inner::Residual, Units::Input) {
            // R depends on ω directly as well.
            pulled.zip_mut_with(&effect, |pulled, &r| *pulled -= r);
        }
        check_finite("gradient", pulled.view())?;
        Ok((self.values(&effect)?, pulled))
    }

    /// Whether R is taken from D̂.
    fn denoised_form(&self) -> bool {
        (self.inner, self.units) == (Inner::Residual, Units::Noise)
    }

    /// Q; R in input units; D̂(x') − D̂(x) for R in noise units.
    fn effect(&self, found: &Prediction<T>, omega: ArrayView2<'_, T>) -> Result<Array2<T>> {
        check_shape("data predicted", found.denoised.view(), self.x.dim())?;
        check_shape("noise predicted", found.noise.view(), self.x.dim())?;
        if self.denoised_form() {
            return Ok(difference(&found.denoised, &self.clean.denoised));
        }
        let mut effect = difference(&found.noise, &self.clean.noise);
        if self.inner == Inner::Residual {
            effect.zip_mut_with(&omega, |effect, &omega| *effect -= omega);
        }
        Ok(effect)
    }

    fn values(&self, effect: &Array2<T>) -> Result<Array1<f64>> {
        let mut wide = Vec::with_capacity(effect.ncols());
        let values = effect.rows().into_iter().zip(self.local.channels()).map(|(row, channel)| {
            let ratio = if self.denoised_form() { channel.a() / channel.s() } else { 1.0 };
            wide.clear();
            wide.extend(row.iter().map(|entry| ratio * entry.to_f64()));
            dot(&wide, &wide)
        });
        let values: Array1<f64> = values.collect();
        match values.iter().enumerate().find(|(_, value)| !value.is_finite()) {
            None => Ok(values),
            Some((n, &value)) => {
                Err(Error::NotFinite { what: "inner value", index: vec![n], value })
            }
        }
    }
}

fn difference<T: Real>(found: &Array2<T>, clean: &Array2<T>) -> Array2<T> {
    let mut difference = found.clone();
    Zip::from(&mut difference).and(clean).for_each(|found, &clean| *found -= clean);
    difference
}

impl Inner {
    /// The names that `from_str` reads.
    pub const NAMES: [&'static str; 2] = ["prediction-difference", "residual"];
}

impl fmt::Display for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Inner::PredictionDifference => Inner::NAMES[0],
            Inner::Residual => Inner::NAMES[1],
        })
    }
}

impl FromStr for Inner {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "prediction-difference" => Ok(Inner::PredictionDifference),
            "residual" => Ok(Inner::Residual),
            _ => unknown("inner objective", name, Inner::NAMES),
        }
    }
}

fn unknown<R>(what: &'static str, name: &str, names: [&'static str; 2]) -> Result<R> {
    Err(Error::Unknown { what, name: name.to_owned(), expected: names.join(", ") })
}
