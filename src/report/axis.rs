//! Axes: from numbers to places between 0 and 1, and the ticks that a reader finds there.
//!
//! Floor 8. Uses `arith`, `figure`. Spec: N3 (the logarithm is the canonical one, so a page has the same bytes anywhere).

use super::text::superscript;
use crate::arith::scalar::ln;
use crate::figure::Scale;

/// Beyond this a number cannot be placed on a linear axis: the length of a range could overflow.
const LINEAR_LIMIT: f64 = 1e100;

/// A tick: its place between 0 and 1, and its label, which is empty for a minor tick.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    /// The place, 0 at the range's low end and 1 at its high end.
    pub at: f64,
    /// What stands beside it.
    pub label: String,
}

/// The range of an axis in coordinates: the number itself, or its base-10 logarithm. Always lo < hi, both finite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    scale: Scale,
    lo: f64,
    hi: f64,
}

/// The coordinate of a number, or `None` where the scale has no place for it.
pub fn coordinate(scale: Scale, value: f64) -> Option<f64> {
    match scale {
        Scale::Linear => (value.abs() <= LINEAR_LIMIT).then_some(value),
        Scale::Log => (value.is_finite() && value > 0.0).then(|| log10(value)),
    }
}

impl Span {
    /// The range of coordinates, with `padding` of its length added at both ends. No coordinates give 0..1 (1..10 on a
    /// log scale); a range without length is widened about its middle.
    pub fn of(scale: Scale, coordinates: impl IntoIterator<Item = f64>, padding: f64) -> Self {
        let mut ends: Option<(f64, f64)> = None;
        for c in coordinates {
            ends = Some(ends.map_or((c, c), |(lo, hi)| (lo.min(c), hi.max(c))));
        }
        let Some((lo, hi)) = ends else { return Span { scale, lo: 0.0, hi: 1.0 } };
        let size = lo.abs().max(hi.abs());
        let (lo, hi) = match scale {
            // Under 0.8 decades there might be one labelled tick or none.
            Scale::Log if hi - lo < 0.8 => {
                let middle = 0.5 * (lo + hi);
                (middle - 0.4, middle + 0.4)
            }
            // Labels have at most some twelve digits.
            Scale::Linear if hi - lo <= 1e-11 * size || hi - lo < 1e-280 => {
                let middle = 0.5 * (lo + hi);
                let reach = if size < 1e-280 { 1.0 } else { 0.1 * size };
                (middle - reach, middle + reach)
            }
            _ => (lo, hi),
        };
        let margin = padding * (hi - lo);
        Span { scale, lo: lo - margin, hi: hi + margin }
    }

    /// The length of the range.
    pub fn length(self) -> f64 {
        self.hi - self.lo
    }

    /// The same middle with another length, if that is longer.
    pub fn widened(self, length: f64) -> Self {
        let more = 0.5 * (length - self.length());
        if more > 0.0 { Span { lo: self.lo - more, hi: self.hi + more, ..self } } else { self }
    }

    /// The place of a coordinate: 0 at the low end, 1 at the high end.
    pub fn place(self, coordinate: f64) -> f64 {
        (coordinate - self.lo) / (self.hi - self.lo)
    }

    /// Ticks within the range, about `wanted` of them labelled.
    pub fn ticks(self, wanted: usize) -> Vec<Tick> {
        match self.scale {
            Scale::Linear => self.linear_ticks(wanted.max(2)),
            Scale::Log => self.log_ticks(wanted.max(2)),
        }
    }

    fn linear_ticks(self, wanted: usize) -> Vec<Tick> {
        let raw = self.length() / wanted as f64;
        let mut power = log10(raw).floor() as i32;
        let mut factor = 1i64;
        // The first of 1, 2, 5, 10 times a power of ten that is no shorter than the raw step.
        for candidate in [1i64, 2, 5, 10] {
            factor = candidate;
            if candidate as f64 * power_of_ten(power) >= raw {
                break;
            }
        }
        if factor == 10 {
            factor = 1;
            power += 1;
        }
        let step = factor as f64 * power_of_ten(power);
        let first = (self.lo / step - 1e-9).ceil() as i64;
        let last = (self.hi / step + 1e-9).floor() as i64;
        let largest = first.unsigned_abs().max(last.unsigned_abs()) as i64 * factor;
        let top = digits_of(largest) + power - 1;
        (first..=last)
            .map(|i| Tick {
                at: self.place(i as f64 * step),
                label: decimal(i * factor, power, top),
            })
            .collect()
    }

    fn log_ticks(self, wanted: usize) -> Vec<Tick> {
        let (first, last) = (self.lo.floor() as i32, self.hi.floor() as i32);
        let decades = self.length();
        let stride = ((decades / wanted as f64).ceil() as i32).max(1);
        // One notation an axis: plain decimals where all its labels are short.
        let plain = self.lo > -3.5 && self.hi < 4.5;
        let digits = if stride == 1 { 1..=9i64 } else { 1..=1 };
        let mut ticks = Vec::new();
        for (exponent, digit) in (first..=last).flat_map(|e| digits.clone().map(move |d| (e, d))) {
            let at = self.place(f64::from(exponent) + log10(digit as f64));
            // A decade at the very end of the range may round out of it.
            if !(-1e-9..=1.0 + 1e-9).contains(&at) {
                continue;
            }
            let labelled = match digit {
                1 => exponent.rem_euclid(stride) == 0,
                2 | 5 => decades < 2.0,
                _ => false,
            };
            let label = if labelled { power_label(digit, exponent, plain) } else { String::new() };
            ticks.push(Tick { at, label });
        }
        ticks
    }
}

/// 10^power, correctly rounded: the decimal parser of the standard library is exact.
fn power_of_ten(power: i32) -> f64 {
    format!("1e{power}").parse().unwrap_or(f64::INFINITY)
}

fn digits_of(n: i64) -> i32 {
    n.max(1).to_string().len() as i32
}

/// The number n·10^power as a reader writes it, given the decimal exponent `top` of the axis's largest label.
fn decimal(n: i64, power: i32, top: i32) -> String {
    if n == 0 {
        return "0".to_owned();
    }
    let sign = if n < 0 { "−" } else { "" };
    let digits = n.unsigned_abs().to_string();
    // A large number keeps its plain form where its last digits are what distinguishes the ticks.
    if (-3..=4).contains(&top) || (5..=15).contains(&top) && top - power > 2 {
        return format!("{sign}{}", place_point(&digits, power));
    }
    let mantissa = place_point(&digits, power - top);
    format!("{sign}{mantissa}×10{}", superscript(&top.to_string()))
}

/// A digit string times 10^power in plain notation.
fn place_point(digits: &str, power: i32) -> String {
    if power >= 0 {
        return format!("{digits}{}", "0".repeat(power as usize));
    }
    let decimals = power.unsigned_abs() as usize;
    let padded = format!("{digits:0>width$}", width = decimals + 1);
    let (whole, part) = padded.split_at(padded.len() - decimals);
    let part = part.trim_end_matches('0');
    if part.is_empty() { whole.to_owned() } else { format!("{whole}.{part}") }
}

/// The label digit·10^exponent of a log axis.
fn power_label(digit: i64, exponent: i32, plain: bool) -> String {
    match (digit, exponent) {
        (_, 0 | 1) => place_point(&digit.to_string(), exponent),
        _ if plain => place_point(&digit.to_string(), exponent),
        (1, _) => format!("10{}", superscript(&exponent.to_string())),
        _ => format!("{digit}×10{}", superscript(&exponent.to_string())),
    }
}

/// log₁₀ v for finite v > 0: the canonical ln v, times log₁₀ e.
fn log10(value: f64) -> f64 {
    ln(value) * std::f64::consts::LOG10_E
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(scale: Scale, ends: [f64; 2], wanted: usize) -> Vec<String> {
        let coordinates = ends.iter().filter_map(|&v| coordinate(scale, v));
        let ticks = Span::of(scale, coordinates, 0.0).ticks(wanted);
        ticks.into_iter().map(|tick| tick.label).filter(|label| !label.is_empty()).collect()
    }

    #[test]
    fn labels_are_those_a_person_would_write() {
        assert_eq!(labels(Scale::Linear, [0.0, 1.0], 6), ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
        assert_eq!(labels(Scale::Linear, [-3.0, 3.0], 4), ["−2", "0", "2"]);
        assert_eq!(labels(Scale::Linear, [0.0, 4e-7], 3), ["0", "2×10⁻⁷", "4×10⁻⁷"]);
        assert_eq!(labels(Scale::Linear, [0.0, 2e9], 3), ["0", "1×10⁹", "2×10⁹"]);
        assert_eq!(labels(Scale::Linear, [1e6, 1e6 + 1.0], 2), ["1000000", "1000000.5", "1000001"]);
        assert_eq!(labels(Scale::Log, [0.01, 100.0], 8), ["0.01", "0.1", "1", "10", "100"]);
        assert_eq!(labels(Scale::Log, [1e-4, 1.0], 3), ["10⁻⁴", "10⁻²", "1"]);
        assert_eq!(labels(Scale::Log, [1e-9, 1e-8], 3), ["10⁻⁹", "2×10⁻⁹", "5×10⁻⁹", "10⁻⁸"]);
    }

    proptest! {
        #[test]
        fn every_range_has_legible_ticks_inside_it(a in any::<f64>(), b in any::<f64>(), log: bool, wanted in 0usize..12) {
            let scale = if log { Scale::Log } else { Scale::Linear };
            let coordinates: Vec<f64> = [a, b].iter().filter_map(|&v| coordinate(scale, v)).collect();
            let span = Span::of(scale, coordinates.clone(), 0.04);
            prop_assert!(span.length() > 0.0 && span.length().is_finite());
            for c in coordinates {
                prop_assert!((0.0..=1.0).contains(&span.place(c)));
            }
            let ticks = span.ticks(wanted);
            // A tick at an end may round outward, by a billionth of a step (linear) or of the range (log).
            prop_assert!(ticks.iter().all(|tick| (-1e-8..=1.0 + 1e-8).contains(&tick.at)));
            let labelled = ticks.iter().filter(|tick| !tick.label.is_empty()).count();
            prop_assert!((1..=24).contains(&labelled), "{} labels", labelled);
            prop_assert!(ticks.iter().all(|tick| tick.label.chars().count() <= 18));
        }
    }
}
