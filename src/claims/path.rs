//! Straight paths between channels, and how fast ln p can turn along one (`claims::t7` has the derivation).
//!
//! Floor 7. Uses `law`, `channel`, `error`. Spec: T7.

use super::stencil::power_of_two;
use super::worst::U;
use crate::channel::Channel;
use crate::error::Result;
use crate::law::{Covariance, Mixture};

/// a(t) = a + t·a', s(t) = s + t·s' for |t| ≤ h.
pub(super) struct Path {
    pub a: f64,
    pub s: f64,
    pub a_slope: f64,
    pub s_slope: f64,
    h: f64,
}

/// f_k' and f_k'' at t = 0, and bounds of |f_k''| and |f_k'''| on the path.
#[derive(Default)]
struct Derivatives {
    first: f64,
    /// The sum of the magnitudes of the terms of the first.
    first_size: f64,
    second: f64,
    second_bound: f64,
    third_bound: f64,
}

impl Path {
    /// The path through a channel with about this tangent. For h > 0 the tangent is moved so that a ± h·a' and s ± h·s'
    /// are exact: the moves are multiples of twice the last place.
    pub fn through(channel: Channel, tangent: (f64, f64), h: f64) -> Self {
        let exact = |centre: f64, slope: f64| -> f64 {
            if h == 0.0 {
                return slope;
            }
            let unit = power_of_two(centre) / (1u64 << 51) as f64;
            (h * slope / unit).round() * unit / h
        };
        Path {
            a: channel.a(),
            s: channel.s(),
            a_slope: exact(channel.a(), tangent.0),
            s_slope: exact(channel.s(), tangent.1),
            h,
        }
    }

    /// The channel at t = side·h.
    pub fn channel_at(&self, side: f64) -> Result<Channel> {
        let t = side * self.h;
        Channel::new(t.mul_add(self.a_slope, self.a), t.mul_add(self.s_slope, self.s))
    }

    /// A bound of |∂³_t ln p(x)| for |t| ≤ h.
    pub fn third_derivative(&self, law: &Mixture, x: &[f64], h: f64) -> f64 {
        let all: Vec<Derivatives> =
            (0..law.components()).map(|k| self.component(law, k, x, h)).collect();
        let range = |pick: &dyn Fn(&Derivatives) -> f64| -> f64 {
            let low = all.iter().map(pick).fold(f64::INFINITY, f64::min);
            let high = all.iter().map(pick).fold(f64::NEG_INFINITY, f64::max);
            high - low
        };
        let largest = |pick: &dyn Fn(&Derivatives) -> f64| all.iter().map(pick).fold(0.0, f64::max);
        let second = largest(&|f| f.second_bound);
        let third = largest(&|f| f.third_bound);
        if all.len() == 1 {
            return third * 1.001;
        }
        // f' and f'' are sums of d terms of at most 12 operations each; twice, for the two ends of a range.
        let rounding = 2.02 * (x.len() as f64 + 12.0) * U;
        let first = range(&|f| f.first) + 2.0 * h * second + rounding * largest(&|f| f.first_size);
        let exact = range(&|f| f.second) + 2.0 * h * third + rounding * second;
        let second = (2.0 * second).min(exact);
        1.001 * (third + 0.75 * second * first + first * first * first / 10.39)
    }

    fn component(&self, law: &Mixture, k: usize, x: &[f64], h: f64) -> Derivatives {
        let mut sum = Derivatives::default();
        let means = law.means();
        let mu = means.row(k);
        let mut add = |variance: f64, place: f64, mean: f64| {
            let one = self.coordinate(variance, place, mean, h);
            sum.first += one.first;
            sum.first_size += one.first_size;
            sum.second += one.second;
            sum.second_bound += one.second_bound;
            sum.third_bound += one.third_bound;
        };
        match law.covariance() {
            Covariance::Isotropic(v) => {
                for (x, mu) in x.iter().zip(mu) {
                    add(v[k], (-self.a).mul_add(*mu, *x), *mu);
                }
            }
            Covariance::Diagonal(v) => {
                for ((x, mu), v) in x.iter().zip(mu).zip(v.row(k)) {
                    add(*v, (-self.a).mul_add(*mu, *x), *mu);
                }
            }
            Covariance::Full(v) => {
                let eigen = v[k].eigen();
                for (l, &value) in eigen.values.iter().enumerate() {
                    let column = eigen.vectors.column(l);
                    let along = |y: &dyn Fn(usize) -> f64| -> f64 {
                        column.iter().enumerate().map(|(i, q)| q * y(i)).sum()
                    };
                    let place = along(&|i| (-self.a).mul_add(mu[i], x[i]));
                    add(value, place, along(&|i| mu[i]));
                }
            }
        }
        sum
    }

    /// −½(ln v + z²/v) and its derivatives, for v = a²λ + s² and z(t) = z − t·a'·m.
    fn coordinate(&self, variance: f64, z: f64, mean: f64, h: f64) -> Derivatives {
        let (da, ds) = (self.a_slope, self.s_slope);
        let v = (self.a * self.a).mul_add(variance, self.s * self.s);
        let v1 = 2.0 * (self.a * da * variance + self.s * ds);
        let v2 = 2.0 * (da * da * variance + ds * ds);
        let z1 = -da * mean;
        let (r1, r2) = (v1 / v, v2 / v);
        let first = r1 + (2.0 * z * z1 - z * z * r1) / v;
        let first_size = r1.abs() + (2.0 * (z * z1).abs() + z * z * r1.abs()) / v;
        let second = r2 - r1 * r1
            + (2.0 * z1 * z1 - 4.0 * z * z1 * r1 - z * z * r2 + 2.0 * z * z * r1 * r1) / v;
        // From here on magnitudes over |t| ≤ h.
        let (least_a, least_s) = (self.a - h * da.abs(), self.s - h * ds.abs());
        let v = (least_a * least_a).mul_add(variance, least_s * least_s);
        let (r1, r2) = ((v1.abs() + h * v2) / v, v2 / v);
        let (z, z1) = (z.abs() + h * z1.abs(), z1.abs());
        let (q0, q1, q2) = (z * z / v, z * z1 / v, z1 * z1 / v);
        let second_bound = r2 + r1 * r1 + 2.0 * q2 + 4.0 * q1 * r1 + q0 * (r2 + 2.0 * r1 * r1);
        let third_bound = 3.0 * r1 * r2
            + 2.0 * r1 * r1 * r1
            + 6.0 * q2 * r1
            + 6.0 * q1 * r2
            + 12.0 * q1 * r1 * r1
            + 6.0 * q0 * (r1 * r2 + r1 * r1 * r1);
        Derivatives {
            first: -0.5 * first,
            first_size: 0.5 * first_size,
            second: -0.5 * second,
            second_bound: 0.5 * second_bound,
            third_bound: 0.5 * third_bound,
        }
    }
}
