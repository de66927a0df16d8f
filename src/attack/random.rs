//! Random perturbations: truly uniform, addressed and contained.
//!
//! Floor 5. Uses `arith`, `error`, `attack::{exact, length, norm}`. Spec: E4, N3.

use ndarray::Array2;

use super::exact::{floor_to, product_below};
use super::length::shrink;
use super::norm::Norm;
use crate::arith::scalar::{exp, ln};
use crate::arith::{Isa, Kernel, MulAdd, Real, fill_normal, fill_uniform};
use crate::error::{Error, Result};

/// The law of a random perturbation ω in d dimensions, of radius r.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// Uniform in the box [−r, r]ᵈ, the ball of ℓ∞.
    Box,
    /// Uniform in the ball ‖ω‖ ≤ r of a norm; that of ℓ∞ is `Box`.
    Ball(Norm),
    /// Uniform on the sphere ‖ω‖₂ = r.
    Sphere,
    /// N(0, r²I): r is the deviation of a coordinate, and nothing bounds ‖ω‖.
    Gaussian,
}

impl Shape {
    /// τ² of the covariance τ²I of ω: r²/3 (box), r²/(d+2) (ℓ2 ball), 2r²/((d+1)(d+2)) (ℓ1 ball), r²/d (sphere), r²
    /// (Gaussian).
    ///
    /// d is at least 1. Within 3 roundings. Spec: E4. Source: moments of the uniform laws; the ℓ1 ball by its
    /// Dirichlet(1, …, 1) magnitudes, E ω_i² = 2/((d+1)(d+2)).
    pub fn tau_squared(self, radius: f64, dimension: usize) -> f64 {
        let d = dimension as f64;
        let square = radius * radius;
        match self {
            Shape::Box | Shape::Ball(Norm::Linf) => square / 3.0,
            Shape::Ball(Norm::L2) => square / (d + 2.0),
            Shape::Ball(Norm::L1) => 2.0 * square / ((d + 1.0) * (d + 2.0)),
            Shape::Sphere => square / d,
            Shape::Gaussian => square,
        }
    }

    /// The norm whose ball of radius r holds every draw; none for the Gaussian.
    pub fn norm(self) -> Option<Norm> {
        match self {
            Shape::Box => Some(Norm::Linf),
            Shape::Ball(norm) => Some(norm),
            Shape::Sphere => Some(Norm::L2),
            Shape::Gaussian => None,
        }
    }

    /// Row n is a perturbation of radius `radii[n]`, in d = `dimension` coordinates: N×d.
    ///
    /// It depends on (seed, stream, first_row + n), d and its radius alone. The radius of the ℓ2 ball is drawn from the
    /// stream with its top bit turned, since uniforms and normals of one stream share words. A radius of 0 gives
    /// exactly 0.
    ///
    /// Contained in real arithmetic: r·(2u − 1) rounds to at most r, and what is scaled to a length is scaled from
    /// below. So the sphere is met from inside, a coordinate to 4u + 14·2⁻⁵³ of itself, u the scalar's.
    ///
    /// Spec: E4, N3. Source: Marsaglia 1972, Muller 1959 (directions by normals, radius u^(1/d)); Devroye 1986, V.2
    /// (the simplex by exponentials, of which one more than d are drawn). Errors: `Error::Entry` where a radius is not
    /// a finite number of at least 0; `Error::Domain` where d is 0 or the numbers are too many for memory.
    pub fn draw<T: Real>(
        self,
        address: Address,
        radii: &[T],
        dimension: usize,
    ) -> Result<Array2<T>> {
        check_radii(radii.len(), radii)?;
        let count = radii.len().checked_mul(dimension).filter(|n| *n <= isize::MAX as usize / 32);
        if dimension == 0 || count.is_none() {
            return Err(Error::Domain {
                what: "dimension",
                value: dimension as f64,
                expected: "at least 1, and a number of coordinates that memory can hold",
            });
        }
        let mut omega = Array2::default((radii.len(), dimension));
        let Some(out) = omega.as_slice_mut() else { return Ok(omega) };
        let rows = out.chunks_exact_mut(dimension.max(1)).zip(radii);
        let Address { seed, stream, first_row } = address;
        let start = first_row.wrapping_mul(dimension as u64);
        match self {
            Shape::Box | Shape::Ball(Norm::Linf) => {
                fill_uniform(seed, stream, start, out);
                each(out, radii, dimension, |u, r| r * (u + u - T::ONE));
            }
            Shape::Gaussian => {
                fill_normal(seed, stream, start, out);
                each(out, radii, dimension, |z, r| r * z);
            }
            Shape::Ball(Norm::L1) => {
                let mut uniforms = vec![0.0; dimension + 1];
                for (n, (row, radius)) in rows.enumerate() {
                    let at = first_row.wrapping_add(n as u64).wrapping_mul(dimension as u64 + 1);
                    fill_uniform(seed, stream, at, &mut uniforms);
                    in_simplex(&uniforms, radius.to_f64(), row);
                }
            }
            Shape::Ball(Norm::L2) | Shape::Sphere => {
                let mut normals = vec![0.0; radii.len() * dimension];
                fill_normal(seed, stream, start, &mut normals);
                let mut uniforms = vec![0.5; radii.len()];
                if self != Shape::Sphere {
                    fill_uniform(seed, stream ^ TOP, first_row, &mut uniforms);
                }
                for ((row, &radius), (z, u)) in
                    rows.zip(normals.chunks_exact(dimension).zip(uniforms))
                {
                    let part = if self == Shape::Sphere { 1.0 } else { root(u, dimension) };
                    along(z, radius.to_f64() * part, row);
                }
            }
        }
        Ok(omega)
    }
}

/// Where a draw comes from: elements of a stream of random numbers, by the row's index in the whole batch.
///
/// Two blocks of a batch give the bits of the whole if the second's `first_row` is the first's number of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Address {
    /// The seed of all streams.
    pub seed: u64,
    /// The stream, below 2⁴⁷.
    pub stream: u64,
    /// The index of the first row.
    pub first_row: u64,
}

/// The bit of a stream that marks the radii of balls.
const TOP: u64 = 1 << 63;

fn each<T: Real>(out: &mut [T], radii: &[T], dimension: usize, f: impl Fn(T, T) -> T) {
    for (row, &r) in out.chunks_exact_mut(dimension.max(1)).zip(radii) {
        row.iter_mut().for_each(|x| *x = if r == T::ZERO { T::ZERO } else { f(*x, r) });
    }
}

/// u^(1/d), at most 1.
fn root(u: f64, dimension: usize) -> f64 {
    exp(ln(u) / dimension as f64).min(1.0)
}

/// The length r along z; along the first axis where z is 0, which has probability below 2⁻⁵³.
fn along<T: Real>(z: &[f64], r: f64, out: &mut [T]) {
    if r == 0.0 {
        out.fill(T::ZERO);
    } else if let [z] = z {
        let r: T = floor_to(r);
        out.fill(if *z < 0.0 { -r } else { r });
    } else if z.iter().all(|z| *z == 0.0) {
        out.fill(T::ZERO);
        out[0] = floor_to(r);
    } else {
        shrink(z, r, out);
    }
}

/// r·E_i/(E_1 + … + E_(d+1)) with signs: a uniform u gives the sign by its half and E = −ln of its place in that half.
///
/// The factor is below r over the sum of the magnitudes that are used, by the d + 3 roundings of the sum and the
/// quotient, and each product is rounded toward zero: the magnitudes sum to at most r. The total is above 0: of −ln v with v in
/// (0, 1) the least is 2⁻⁵³.
fn in_simplex<T: Real>(uniforms: &[f64], r: f64, out: &mut [T]) {
    let mut magnitudes = uniforms.to_vec();
    Isa::best().run(Exponentials(&mut magnitudes));
    let total = magnitudes.iter().fold(0.0, |sum, e| sum + e);
    let margin = (uniforms.len() as f64 + 4.0) * (2.0 * f64::UNIT_ROUNDOFF);
    let factor = (r / total * (1.0 - margin)).next_down().max(0.0);
    for (out, (&u, e)) in out.iter_mut().zip(uniforms.iter().zip(magnitudes)) {
        let part: T = floor_to(product_below(factor, e));
        *out = if u < 0.5 && part > T::ZERO { -part } else { part };
    }
}

/// u becomes −ln of its place in its half of (0, 1).
struct Exponentials<'a>(&'a mut [f64]);

impl Kernel for Exponentials<'_> {
    type Output = ();

    #[inline(always)]
    fn run<M: MulAdd>(self) {
        for chunk in self.0.chunks_mut(8) {
            let mut places = [0.5; 8];
            for (place, u) in places.iter_mut().zip(chunk.iter()) {
                *place = if *u < 0.5 { u + u } else { u + u - 1.0 };
            }
            for place in &mut places {
                *place = -crate::arith::ln::<f64, M>(*place);
            }
            for (out, e) in chunk.iter_mut().zip(places) {
                *out = e;
            }
        }
    }
}

/// Errors where there is not one finite radius of at least 0 a row.
pub(super) fn check_radii<T: Real>(rows: usize, radii: &[T]) -> Result<()> {
    if radii.len() != rows {
        return Err(Error::Shape {
            what: "radii",
            found: vec![radii.len()],
            expected: format!("{rows} numbers, one a row of x"),
        });
    }
    match radii.iter().enumerate().find(|(_, r)| !(**r >= T::ZERO && r.is_finite())) {
        None => Ok(()),
        Some((n, r)) => Err(Error::Entry {
            what: "radii",
            index: vec![n],
            value: r.to_f64(),
            expected: "a finite number, at least 0",
        }),
    }
}
