//! A measured number with what it cannot be told from.
//!
//! Floor 7. Uses nothing.

/// A number at least 0, and the interval that the measurement leaves for it; chance is not in it, which is that of the seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Reading {
    /// What was measured, `least` ≤ `value` ≤ `most`.
    pub value: f64,
    /// What it may be at least.
    pub least: f64,
    /// What it may be at most.
    pub most: f64,
}

impl Reading {
    /// A number that is known.
    pub fn exact(value: f64) -> Reading {
        Reading { value, least: value, most: value }
    }

    /// A number of a measurement that tells nothing below `resolution` from 0: such a one counts as the resolution, and is anything from
    /// 0 to that.
    pub fn resolved(value: f64, resolution: f64) -> Reading {
        if value < resolution {
            Reading { value: resolution, least: 0.0, most: resolution }
        } else {
            Reading::exact(value)
        }
    }

    /// The ratio to another.
    pub fn over(self, below: Reading) -> Reading {
        Reading {
            value: self.value / below.value,
            least: self.least / below.most,
            most: self.most / below.least,
        }
    }
}
