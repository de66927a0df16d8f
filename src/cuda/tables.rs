//! A noised law's tables as `kernels/mixture.cu` reads them.
//!
//! Uses `law`, `arith`. Spec: T1, N3.

use crate::arith::Real;
use crate::law::{COMPONENT_BLOCK, Covariance, Form, Noised};

/// The most shared memory that a block stages its tables in: what every GPU gives without asking.
pub(super) const SHARED_LIMIT: usize = 48 * 1024;

/// The kind of covariance that a kernel is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// One variance a component.
    Isotropic,
    /// One variance a coordinate.
    Diagonal,
    /// A matrix a component.
    Full,
}

impl Kind {
    /// The kind of a law's covariances.
    pub fn of(covariance: &Covariance) -> Self {
        match covariance {
            Covariance::Isotropic(_) => Kind::Isotropic,
            Covariance::Diagonal(_) => Kind::Diagonal,
            Covariance::Full(_) => Kind::Full,
        }
    }

    /// The number that the kernel's FORM is.
    pub fn form(self) -> u8 {
        match self {
            Kind::Isotropic => 0,
            Kind::Diagonal => 1,
            Kind::Full => 2,
        }
    }

    /// Bytes of shared memory in which a block of 64 components is staged in dimension d; 0 where it does not fit and is
    /// read from global memory.
    pub fn shared_bytes<T: Real>(self, dimension: usize) -> usize {
        let d = dimension;
        let tables = match self {
            Kind::Isotropic => 2,
            Kind::Diagonal => 2 * d,
            Kind::Full => d + d * d,
        };
        let bytes = COMPONENT_BLOCK * (2 * d + 1 + tables) * size_of::<T>();
        if bytes <= SHARED_LIMIT { bytes } else { 0 }
    }
}

/// Everything of a law at a channel that a kernel reads, row-major.
#[derive(Clone, Copy, Debug)]
pub struct Tables<'a, T> {
    /// The kind of covariance.
    pub kind: Kind,
    /// K×d: μ.
    pub mean: &'a [T],
    /// d: a fixed point among the means.
    pub origin: &'a [T],
    /// K×d: μ − origin.
    pub shifted: &'a [T],
    /// K: ln w − ½ ln det V, less its largest value.
    pub offset: &'a [T],
    /// K or K×d: 1/v. Empty for full covariances.
    pub precision: &'a [T],
    /// K or K×d: aλ/v; for full covariances aλ.
    pub gain: &'a [T],
    /// K×d×d: the whiteners of full covariances, else empty.
    pub whitener: &'a [T],
    /// The channel's a.
    pub a: T,
    /// The channel's s.
    pub s: T,
    /// What the log density has beside the sum.
    pub reference: T,
    /// The largest |x_i| for which nothing can overflow; below 0 where no point qualifies.
    pub safe_radius: T,
    /// max |μ|.
    pub largest_mean: T,
}

impl<'a, T: Real> Tables<'a, T> {
    /// The tables of a noised law. Spec: T1.
    pub fn of(law: &'a Noised<T>) -> Self {
        let none: &[T] = &[];
        let (kind, precision, gain, whitener) = match &law.form {
            Form::Isotropic { precision, gain, .. } => {
                (Kind::Isotropic, precision.as_slice(), gain, none)
            }
            Form::Diagonal { precision, gain, .. } => {
                (Kind::Diagonal, precision.as_slice(), gain, none)
            }
            Form::Full { whitener, gain } => (Kind::Full, none, gain, whitener.as_slice()),
        };
        Tables {
            kind,
            mean: &law.mean,
            origin: &law.origin,
            shifted: &law.shifted,
            offset: &law.offset,
            precision,
            gain,
            whitener,
            a: law.a,
            s: law.s,
            reference: law.reference,
            safe_radius: law.safe_radius,
            largest_mean: law.mean.iter().fold(T::ZERO, |m, mu| m.larger(mu.abs())),
        }
    }

    /// K, K×d or K×d×d: each component's own posterior covariance s²ΣV⁻¹, which the covariance kernels alone read; for full covariances
    /// it is made at its first use. Spec: T2.
    pub fn within(law: &'a Noised<T>) -> &'a [T] {
        match &law.form {
            Form::Isotropic { within, .. } | Form::Diagonal { within, .. } => within,
            Form::Full { .. } => law.full_within(),
        }
    }
}
