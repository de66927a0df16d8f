//! The error of every function of one number: a bound, what was seen, and why the bound holds.
//!
//! Floor 0. Uses nothing of the crate. Spec: N3, N4. The reasons are written out in
//! `docs/arithmetic.md`; the tests iterate this table, so a function without a row or a test fails.

/// The error of one function in one format, in units of the last place at the exact result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FunctionBound {
    /// The function, and the part of its range that the row is about.
    pub name: &'static str,
    /// `"f32"` or `"f64"`.
    pub format: &'static str,
    /// No result is further from the exact one; tests assert it.
    pub bound_ulp: f64,
    /// The worst error seen: over every input in f32, over the tests' inputs in f64 (rounded up).
    pub worst_seen: f64,
    /// The terms that add up to the bound.
    pub reason: &'static str,
}

const EXP: &str = "1/2 (last addition) + 0.031 (sum of the small terms) + 0.099 (r², 1/2 + r q and r_lo in r²(1/2 \
                   + r q)) + method error 0.005 (f64), 0.057 (f32)";
const SUBNORMAL_EXP: &str = "half of the bound of exp, because the unit is at least twice that of the rounded \
                             factor, + 1/2 (second product)";
const LN: &str = "1/2 (last addition) + 0.222 (6.1 roundings of s(f²/2 + s²P), which is at most 0.0182 where ln m \
                  is 0.3466) + method error 0.016 (f64), 0.008 (f32)";
const SIN: &str = "1/2 (last addition) + 0.286 (f³S, at most 0.0783 where the sine is 0.7071) + method error 0.028; \
                   where the sine is within 2^(p+1) of the smallest number, 1/2 + 1/2 (two roundings of 2πf's low \
                   part to multiples of that number)";
const COS: &str = "1/2 + 0.286 + 0.028: the sine of an eighth, which it is around 1/4; around 0 and 1/2 it is \
                   1/2 + 0.072 (f⁴C, at most 0.0155) + method error 0.011";
const SIGMOID: &str = "e^−|x|: twice the bound of exp in u; 1 + z: one u; a result just below a power of two has \
                       a unit of u relative; + 1/2 (division)";
const SUBNORMAL_SIGMOID: &str = "that of exp there: 1 + z and the division by 1 are exact";

const fn row(
    name: &'static str,
    format: &'static str,
    bound_ulp: f64,
    worst_seen: f64,
    reason: &'static str,
) -> FunctionBound {
    FunctionBound { name, format, bound_ulp, worst_seen, reason }
}

/// One row for every function of one number, format and part of the range.
pub const BOUNDS: &[FunctionBound] = &[
    row("exp", "f64", 0.63, 0.603, EXP),
    row("exp", "f32", 0.69, 0.648, EXP),
    row("exp, subnormal result", "f64", 0.82, 0.746, SUBNORMAL_EXP),
    row("exp, subnormal result", "f32", 0.85, 0.777, SUBNORMAL_EXP),
    row("ln", "f64", 0.74, 0.611, LN),
    row("ln", "f32", 0.74, 0.652, LN),
    row("sin_turns", "f64", 1.0, 0.866, SIN),
    row("sin_turns", "f32", 1.0, 1.0, SIN),
    row("cos_turns", "f64", 0.82, 0.677, COS),
    row("cos_turns", "f32", 0.82, 0.699, COS),
    row("sigmoid", "f64", 2.76, 2.382, SIGMOID),
    row("sigmoid", "f32", 2.88, 2.402, SIGMOID),
    row("sigmoid, subnormal result", "f64", 0.82, 0.748, SUBNORMAL_SIGMOID),
    row("sigmoid, subnormal result", "f32", 0.85, 0.777, SUBNORMAL_SIGMOID),
];
