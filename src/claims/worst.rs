//! The comparison that came nearest to its bound, out of many of one kind.
//!
//! Floor 7. Uses `claims::outcome`.

use super::outcome::Case;

/// 2⁻⁵³.
pub(super) const U: f64 = 1.0 / (1u64 << 53) as f64;

/// The comparison of largest measured/bound among those added.
///
/// A comparison fails where measured > bound, where either is NaN, and where the bound is infinite: a bound that
/// excludes nothing is no test. A failed comparison is worse than any that holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Worst {
    measured: f64,
    bound: f64,
    channel: String,
    count: usize,
}

impl Worst {
    pub fn add(&mut self, channel: &str, measured: f64, bound: f64) {
        self.count += 1;
        // An infinite bound is kept as NaN, which no measurement satisfies.
        let bound = if bound.is_finite() { bound } else { f64::NAN };
        if self.count == 1 || gravity(measured, bound) > gravity(self.measured, self.bound) {
            self.measured = measured;
            self.bound = bound;
            self.channel = channel.to_string();
        }
    }

    /// The case of this comparison; `None` where nothing was compared.
    pub fn case(&self, law: &str, quantity: &str) -> Option<Case> {
        let counted = format!("{quantity} (worst of {})", self.count);
        (self.count > 0)
            .then(|| Case::new(law, self.channel.clone(), counted, self.measured, self.bound))
    }
}

/// measured/bound, with everything that does not hold above everything that does.
fn gravity(measured: f64, bound: f64) -> f64 {
    if measured.is_nan() || bound.is_nan() {
        return f64::INFINITY;
    }
    if measured == 0.0 && bound >= 0.0 {
        return 0.0;
    }
    measured / bound.max(0.0)
}
