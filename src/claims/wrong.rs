//! Denoisers that are wrong in a known way, for T4: its decomposition must hold for every prediction.
//!
//! Floor 7. Uses `law`, `denoiser`, `channel`, `arith`. Spec: T4.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use crate::arith::eigen::symmetric_eigen;
use crate::channel::Channel;
use crate::denoiser::{Affine, Denoiser};
use crate::error::Result;
use crate::law::{Mixture, Noised};

/// How a denoiser is wrong. None of them is the subject's: each is a function that the claim may choose freely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// D̂ = 0.
    Zero,
    /// D̂ = 0.75·D*.
    Shrunk,
    /// D̂ = the exact denoiser for the noise deviation 1.5·s.
    OtherNoise,
    /// The Wiener filter of the law's mean and covariance, pulled back to the ball about the mean that holds the law.
    Wiener,
}

impl Wrong {
    pub const ALL: [Wrong; 4] = [Wrong::Zero, Wrong::Shrunk, Wrong::OtherNoise, Wrong::Wiener];

    pub fn name(self) -> &'static str {
        match self {
            Wrong::Zero => "D̂ = 0",
            Wrong::Shrunk => "D̂ = ¾·D*",
            Wrong::OtherNoise => "D̂ exact for 1.5·s",
            Wrong::Wiener => "D̂ = Wiener filter",
        }
    }
}

/// A law seen through a channel, with what the wrong denoisers need.
pub(super) struct Predictor {
    exact: Noised<f64>,
    other: Noised<f64>,
    wiener: Affine,
    mean: Array1<f64>,
    /// Of the ball that the Wiener filter is pulled back to.
    radius: f64,
    channel: Channel,
}

/// 1.5·s.
pub(super) fn noisier(channel: Channel) -> Result<Channel> {
    Channel::new(channel.a(), 1.5 * channel.s())
}

impl Predictor {
    pub fn new(law: &Mixture, channel: Channel) -> Result<Self> {
        let mean = Array1::from_vec(law.mean());
        let eigen = symmetric_eigen(law.total_covariance().view())?;
        let values: Array1<f64> = eigen.values.iter().map(|value| value.max(0.0)).collect();
        Ok(Predictor {
            exact: law.through(channel)?,
            other: law.through(noisier(channel)?)?,
            wiener: Affine::wiener(mean.view(), values.view(), eigen.vectors.view())?,
            mean,
            radius: law.radius(),
            channel,
        })
    }

    /// D̂ at N×d points.
    pub fn predict(&self, wrong: Wrong, points: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        match wrong {
            Wrong::Zero => Ok(Array2::zeros(points.dim())),
            Wrong::Shrunk => Ok(self.exact.denoiser(points)? * 0.75),
            Wrong::OtherNoise => self.other.denoiser(points),
            Wrong::Wiener => {
                let mut found = self.wiener.denoise(self.channel, points)?;
                for mut row in found.axis_iter_mut(Axis(0)) {
                    row -= &self.mean;
                    let norm = row.iter().fold(0.0f64, |sum, v| v.mul_add(*v, sum)).sqrt();
                    if norm > self.radius {
                        row *= self.radius / norm;
                    }
                    row += &self.mean;
                }
                Ok(found)
            }
        }
    }
}
