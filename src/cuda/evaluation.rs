//! What a law's evaluation on a device leaves there, and which quantities are asked for.
//!
//! Uses `law`, `error`. Spec: T1, N3.

use ndarray::{Array1, Array3};

use super::array::DeviceArray;
use super::machine::{DeviceReal, Machine};
use crate::error::{Error, Result};
use crate::law::{Evaluation, Quantity, shaped};

/// Results that stay on the device; what was not asked for is `None`. Pass them to
/// [`super::DeviceLaw::evaluate_resident`] to have their memory used again.
pub struct DeviceEvaluation<M: Machine, T: DeviceReal> {
    /// N×1.
    pub log_density: Option<DeviceArray<M, T>>,
    /// N×d.
    pub score: Option<DeviceArray<M, T>>,
    /// N×d.
    pub denoiser: Option<DeviceArray<M, T>>,
    /// N×d.
    pub noise: Option<DeviceArray<M, T>>,
    /// N×K.
    pub responsibilities: Option<DeviceArray<M, T>>,
    /// N×d², a matrix a row.
    pub covariance: Option<DeviceArray<M, T>>,
}

impl<M: Machine, T: DeviceReal> Default for DeviceEvaluation<M, T> {
    fn default() -> Self {
        DeviceEvaluation {
            log_density: None,
            score: None,
            denoiser: None,
            noise: None,
            responsibilities: None,
            covariance: None,
        }
    }
}

impl<M: Machine, T: DeviceReal> DeviceEvaluation<M, T> {
    /// All of it on the host. Errors: `Device`.
    pub fn download(&self) -> Result<Evaluation<T>> {
        let copied = |array: &Option<DeviceArray<M, T>>| {
            array.as_ref().map(DeviceArray::download).transpose()
        };
        let log_density = copied(&self.log_density)?;
        let covariance = copied(&self.covariance)?.map(|rows| {
            let (n, entries) = rows.dim();
            matrices(n, entries.isqrt(), rows.into_raw_vec_and_offset().0)
        });
        Ok(Evaluation {
            log_density: log_density.map(|a| Array1::from_vec(a.into_raw_vec_and_offset().0)),
            score: copied(&self.score)?,
            denoiser: copied(&self.denoiser)?,
            noise: copied(&self.noise)?,
            covariance: covariance.transpose()?,
            responsibilities: copied(&self.responsibilities)?,
        })
    }
}

/// N matrices of d×d.
pub(super) fn matrices<T: DeviceReal>(n: usize, d: usize, values: Vec<T>) -> Result<Array3<T>> {
    let rows = shaped(n * d, d, values)?;
    rows.into_shape_with_order((n, d, d)).map_err(|error| Error::Shape {
        what: "covariance",
        found: vec![n * d, d],
        expected: error.to_string(),
    })
}

impl<M: Machine, T: DeviceReal> DeviceEvaluation<M, T> {
    /// In the order of `Wanted::flags`.
    pub(super) fn arrays(&self) -> [Option<&DeviceArray<M, T>>; 6] {
        let all = [
            &self.log_density,
            &self.score,
            &self.denoiser,
            &self.noise,
            &self.responsibilities,
            &self.covariance,
        ];
        all.map(Option::as_ref)
    }
}

/// Which quantities are computed.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub log_density: bool,
    pub score: bool,
    pub denoiser: bool,
    pub noise: bool,
    pub responsibilities: bool,
    pub covariance: bool,
}

impl Wanted {
    pub fn of(wanted: &[Quantity]) -> Self {
        let wants = |quantity| wanted.contains(&quantity);
        Wanted {
            log_density: wants(Quantity::LogDensity),
            score: wants(Quantity::Score),
            denoiser: wants(Quantity::Denoiser),
            noise: wants(Quantity::Noise),
            responsibilities: wants(Quantity::Responsibilities),
            covariance: wants(Quantity::Covariance),
        }
    }

    /// The covariance last: another kernel computes it.
    pub fn flags(self) -> [bool; 6] {
        [
            self.log_density,
            self.score,
            self.denoiser,
            self.noise,
            self.responsibilities,
            self.covariance,
        ]
    }

    /// Whether `mixture.cu` has something to compute.
    pub fn first_order(self) -> bool {
        self.flags()[..5].contains(&true)
    }

    /// Numbers a point of each.
    pub fn widths(d: usize, k: usize) -> [usize; 6] {
        [1, d, d, d, k, d * d]
    }

    /// Numbers a point of what is wanted.
    pub fn numbers(self, d: usize, k: usize) -> usize {
        self.flags().into_iter().zip(Self::widths(d, k)).filter(|(f, _)| *f).map(|(_, w)| w).sum()
    }
}
