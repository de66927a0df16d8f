//! What one component contributes at a point, and how far rounding can move it.
//!
//! Every quantity is evaluated in f64 (the *centre*), with a radius such that both the exact value and the
//! value computed in T lie within it. U = u + 2⁻⁵³ bounds one rounding of both. The derivations are in
//! `docs/arithmetic.md`, "Error bounds"; the letters here are the letters there.
//!
//! Floor 1. Uses `law::{covariance, noised}`, `arith`. Spec: N4.

use super::super::covariance::{Covariance, FullCovariance};
use super::super::noised::Noised;
use crate::arith::{Hardware, Real, ln};

/// 2⁻⁵³, the unit roundoff of the f64 in which tables and centres are computed.
pub(super) const W: f64 = 1.0 / (1u64 << 53) as f64;

/// A centre and a radius for each number that one component gives at one point.
pub(super) struct Component {
    /// l_k, as `Noised::logit` defines it.
    pub logit: (f64, f64),
    /// V⁻¹z, a coordinate.
    pub precision: Vec<(f64, f64)>,
    /// aΣV⁻¹z, a coordinate.
    pub gain: Vec<(f64, f64)>,
    /// The largest that |z| can be, a coordinate: what a table entry that underflows is multiplied with.
    pub reach: Vec<f64>,
}

/// How far the inputs as rounded to T are from the inputs as given.
pub(super) struct Inputs<'a> {
    /// The point as given.
    pub x: &'a [f64],
    /// |x_i − T(x_i)|.
    pub moved: Vec<f64>,
    pub a: f64,
    /// |a − T(a)|.
    pub a_moved: f64,
    pub s: f64,
    /// u of T, plus 2⁻⁵³.
    pub unit: f64,
    /// The smallest positive number of T, or what it stands for in the scaled coordinates of a far point.
    pub tiny: f64,
    /// The largest number of T.
    pub largest: f64,
    /// Whether the point is evaluated in scaled coordinates (`law::far`).
    pub far: bool,
    /// 1/c of those coordinates, from above; 1 at other points.
    inverse_scale: f64,
}

impl<'a> Inputs<'a> {
    pub fn new<T: Real>(law: &Noised<T>, x: &'a [f64]) -> Self {
        let moved = |value: f64| (value - T::from_f64(value).to_f64()).abs();
        let (a, s) = (law.channel().a(), law.channel().s());
        let largest_of = |m: f64, x: &f64| m.max(x.abs());
        let reach = x.iter().fold(0.0, largest_of);
        // The evaluation compares the rounded point, which may be on the other side by one rounding.
        let far = 1.01 * reach > law.safe_radius.to_f64();
        let inverse_scale = if far {
            // `Noised::far_scale` quarters until a quarter of this is at most 1, so it stops above a quarter of it.
            1.01 * (reach + a.max(1.0) * law.law().means().iter().fold(0.0, largest_of)).max(1.0)
        } else {
            1.0
        };
        Inputs {
            x,
            moved: x.iter().map(|&x| moved(x)).collect(),
            a,
            a_moved: moved(a),
            s,
            unit: T::UNIT_ROUNDOFF + W,
            tiny: T::TINY * inverse_scale,
            largest: T::MAX.to_f64(),
            far,
            inverse_scale,
        }
    }

    /// z = x − aμ and its radius, a coordinate.
    fn difference<T: Real>(&self, law: &Noised<T>, k: usize) -> Vec<(f64, f64)> {
        let means = law.law().means();
        (0..self.x.len())
            .map(|i| {
                let mu = means[[k, i]];
                let mu_moved = (mu - law.mean[k * self.x.len() + i].to_f64()).abs();
                let z = (-self.a).mul_add(mu, self.x[i]);
                let input =
                    self.moved[i] + self.a_moved * mu.abs() + (self.a + self.a_moved) * mu_moved;
                (z, 1.01 * (self.unit * z.abs() + input) + self.tiny * (2.0 + self.a))
            })
            .collect()
    }

    /// a²λ + s².
    pub fn noised_variance(&self, variance: f64) -> f64 {
        (self.a * self.a).mul_add(variance, self.s * self.s)
    }
}

impl Component {
    pub fn new<T: Real>(law: &Noised<T>, inputs: &Inputs<'_>, k: usize) -> Self {
        let z = inputs.difference(law, k);
        let shape = match law.law().covariance() {
            Covariance::Isotropic(v) => coordinatewise(inputs, &z, |_| v[k]),
            Covariance::Diagonal(v) => coordinatewise(inputs, &z, |i| v[[k, i]]),
            Covariance::Full(v) => full(inputs, &z, &v[k]),
        };
        let Shape { square, log_determinant, precision, gain } = shape;
        let weight = law.law().weights()[k];
        let log_weight = ln::ln::<f64, Hardware>(weight);
        // Normalising the weights divides by a sum of K positive numbers.
        let weight_radius = (law.components() as f64 + 2.0) * W + 2.0 * W * log_weight.abs();
        let constant = log_weight - 0.5 * log_determinant.0;
        let offset = law.offset[k].to_f64();
        let logit = (-0.5f64).mul_add(square.0, offset);
        let radius = 0.5 * square.1
            + weight_radius
            + 0.5 * log_determinant.1
            + 2.0 * W * constant.abs()
            + inputs.unit * (offset.abs() + logit.abs());
        // A scaled form that underflows is divided by the scale twice.
        let underflow = (z.len() as f64 + 1.0) * inputs.tiny * inputs.inverse_scale;
        let reach = z.iter().map(|(z, e)| z.abs() + e).collect();
        Component { logit: (logit, 1.01 * radius + underflow), precision, gain, reach }
    }
}

/// The quadratic form, the log-determinant and the two products of one component.
struct Shape {
    square: (f64, f64),
    log_determinant: (f64, f64),
    precision: Vec<(f64, f64)>,
    gain: Vec<(f64, f64)>,
}

/// Σ ln v_i and its radius: v to 3 roundings, ln to 1 ULP, a sum of d terms.
fn log_determinant(variances: impl Iterator<Item = f64>) -> (f64, f64) {
    let (mut sum, mut magnitude, mut count) = (0.0f64, 0.0f64, 0.0f64);
    for v in variances {
        let log = ln::ln::<f64, Hardware>(v);
        sum += log;
        magnitude += log.abs();
        count += 1.0;
    }
    (sum, 3.0 * count * W + (count + 2.0) * W * magnitude)
}

/// Isotropic and diagonal: every coordinate has its own variance and meets no other.
fn coordinatewise(inputs: &Inputs<'_>, z: &[(f64, f64)], variance: impl Fn(usize) -> f64) -> Shape {
    let (unit, count) = (inputs.unit, z.len() as f64);
    // 1/v in the table: v has 3 roundings, its reciprocal one, all in f64; then one to T.
    let table = unit + 5.0 * W;
    let (mut square, mut radius) = (0.0f64, 0.0f64);
    let (mut precision, mut gain) = (Vec::new(), Vec::new());
    for (i, &(z, e)) in z.iter().enumerate() {
        let v = inputs.noised_variance(variance(i));
        let (p, g) = (1.0 / v, inputs.a * variance(i) / v);
        square = (z * p).mul_add(z, square);
        radius += p * (2.0 * z.abs() * e + e * e) + inputs.tiny * (p + 1.0);
        // A gain may be below the smallest normal number; then it is off by `tiny`, not by a part of itself.
        let underflow = inputs.tiny * (1.0 + z.abs() + e);
        precision.push((p * z, p * e * 1.01 + (p * z).abs() * (table + 2.0 * unit) + inputs.tiny));
        let rounding = (g * z).abs() * (table + 2.0 * W + 2.0 * unit);
        gain.push((g * z, g * e * 1.01 + rounding + underflow));
    }
    let variances = (0..z.len()).map(|i| inputs.noised_variance(variance(i)));
    Shape {
        square: (square, 1.01 * (radius + square * ((count + 2.0) * unit + table))),
        log_determinant: log_determinant(variances),
        precision,
        gain,
    }
}

/// How far the factorisation is from the covariance as given, in terms of V.
pub(super) struct Backward {
    /// ‖V̂⁻¹ − V⁻¹‖·v_min·(1 − ρ)/ρ ≤ 1 with ρ = ‖V̂ − V‖/v_min; infinite from ρ = 1/2 on.
    pub relative: f64,
    /// ‖QᵀQ − I‖.
    pub orthogonality: f64,
    /// ‖QΛQᵀ − Σ‖.
    pub residual: f64,
    pub lowest: f64,
    pub largest_variance: f64,
}

impl Backward {
    pub fn new(inputs: &Inputs<'_>, covariance: &FullCovariance) -> Self {
        let values = &covariance.eigen().values;
        let largest_variance = values.last().copied().unwrap_or(0.0);
        let lowest = inputs.noised_variance(values.first().copied().unwrap_or(0.0));
        let highest = inputs.noised_variance(largest_variance);
        let orthogonality = covariance.eigen().orthogonality;
        let residual = covariance.error();
        let moved = inputs.a * inputs.a * residual + 3.1 * orthogonality * highest;
        let rho = moved / lowest;
        let relative = if rho < 0.5 { rho / (1.0 - rho) } else { f64::INFINITY };
        Backward { relative, orthogonality, residual, lowest, largest_variance }
    }

    /// Bound of ‖(Ĝ − aΣV⁻¹)z‖ from ‖z‖ and ‖V̂⁻¹z‖: the better of two, for weak and for strong noise.
    fn gain(&self, inputs: &Inputs<'_>, z: f64, precision: f64) -> f64 {
        let by_noise =
            (self.orthogonality * z + inputs.s * inputs.s * self.relative * precision) / inputs.a;
        let by_data = inputs.a
            * (1.01 * self.largest_variance * self.orthogonality * z / self.lowest
                + self.residual * (1.0 + self.relative) * precision
                + self.largest_variance * self.relative * precision);
        if by_noise < by_data { by_noise } else { by_data }
    }
}

fn full(inputs: &Inputs<'_>, z: &[(f64, f64)], covariance: &FullCovariance) -> Shape {
    let (unit, d) = (inputs.unit, z.len());
    let count = d as f64;
    let eigen = covariance.eigen();
    let backward = Backward::new(inputs, covariance);
    // W in the table: 1/√v has 4 roundings in f64 and the product one, then one to T.
    let (table, sum) = (unit + 5.0 * W, (count + 1.0) * unit);
    let variance = |j: usize| inputs.noised_variance(eigen.values[j]);
    let whitener = |j: usize, i: usize| eigen.vectors[[i, j]] / variance(j).sqrt();
    let whitened: Vec<(f64, f64)> = (0..d)
        .map(|j| {
            let (mut u, mut e, mut magnitude) = (0.0f64, 0.0f64, 0.0f64);
            for (i, &(z, radius)) in z.iter().enumerate() {
                let w = whitener(j, i);
                u = w.mul_add(z, u);
                e += w.abs() * radius;
                magnitude += (w * z).abs();
            }
            let reach: f64 = z.iter().map(|(z, e)| 1.0 + z.abs() + e).sum();
            (u, 1.01 * (e + (sum + table) * magnitude) + inputs.tiny * reach)
        })
        .collect();
    let pull = |scale: &dyn Fn(usize) -> f64| -> Vec<(f64, f64)> {
        (0..d)
            .map(|i| {
                let (mut t, mut e, mut magnitude) = (0.0f64, 0.0f64, 0.0f64);
                let mut underflow = 0.0;
                for (j, &(u, radius)) in whitened.iter().enumerate() {
                    let w = whitener(j, i) * scale(j);
                    t = w.mul_add(u, t);
                    e += w.abs() * radius;
                    magnitude += (w * u).abs();
                    // Of the table of W, of the table of gains, and of either product.
                    underflow += (u.abs() + radius) * (1.0 + scale(j).abs() + whitener(j, i).abs())
                        + 1.0
                        + whitener(j, i).abs();
                }
                let rounding = (sum + 2.0 * table + unit) * magnitude;
                (t, 1.01 * (e + rounding + inputs.tiny * underflow))
            })
            .collect()
    };
    let mut precision = pull(&|_| 1.0);
    let mut gain = pull(&|j| inputs.a * eigen.values[j]);
    let norm = |values: &[(f64, f64)]| {
        values.iter().fold(0.0f64, |sum, v| sum + (v.0.abs() + v.1).powi(2)).sqrt()
    };
    let (z_norm, precision_norm) = (norm(z), norm(&precision));
    let backward_gain = backward.gain(inputs, z_norm, precision_norm);
    for entry in &mut precision {
        entry.1 += backward.relative * precision_norm;
    }
    for entry in &mut gain {
        entry.1 += backward_gain;
    }
    let mut square = (0.0f64, 0.0f64);
    for &(u, e) in &whitened {
        square.0 = u.mul_add(u, square.0);
        square.1 += 2.0 * u.abs() * e + e * e + inputs.tiny;
    }
    square.1 = 1.01 * (square.1 + square.0 * sum)
        + backward.relative * backward.lowest * precision_norm * precision_norm;
    let mut log_determinant = log_determinant((0..d).map(variance));
    log_determinant.1 += count * 1.01 * backward.orthogonality
        + (0..d).map(|j| backward.relative * backward.lowest / variance(j)).sum::<f64>();
    Shape { square, log_determinant, precision, gain }
}
