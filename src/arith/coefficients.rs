//! The numbers that the functions of this room are made of, in both formats.
//!
//! Every polynomial is the minimax polynomial for a weighted error, found by the Remez exchange at 60 digits
//! and then rounded to the format, in order of rising power; `tests/judge/coefficients.py` derives the tables
//! again. "Method error" is the worst error of the rounded polynomial evaluated exactly, relative to the
//! function's result (to 1 for exp and cos). Private to the room. Floor 0. Spec: N3.

use super::format::Format;

/// Constants and polynomials of one format.
pub trait Coefficients: Format + 'static {
    /// log₂ e.
    const LOG2_E: Self;
    /// ln 2 = `LN2_HI` + `LN2_LO`, to twice the precision.
    const LN2_HI: Self;
    const LN2_LO: Self;
    /// 2π = `TAU_HI` + `TAU_LO`.
    const TAU_HI: Self;
    const TAU_LO: Self;
    /// 2π² = `TAU2_HI` + `TAU2_LO`.
    const TAU2_HI: Self;
    const TAU2_LO: Self;
    /// From here on eˣ overflows.
    const EXP_OVERFLOW: Self;
    /// Up to here eˣ rounds to zero.
    const EXP_UNDERFLOW: Self;
    /// (eʳ − 1 − r − r²/2)/r³ in r, |r| ≤ ln 2/2 + 2⁻²⁰. Method error 2⁻⁶⁰·⁵ (f64), 2⁻²⁸·¹ (f32).
    const EXP_TAIL: &'static [Self];
    /// (ln((1+s)/(1−s)) − 2s)/s³ in s², |s| ≤ (√2−1)/(√2+1). Method error 2⁻⁵⁸·⁹ (f64), 2⁻³¹·⁰ (f32).
    const LN_TAIL: &'static [Self];
    /// (sin 2πf − 2πf)/f³ in f², |f| ≤ 1/8. Method error 2⁻⁵⁷·⁶ (f64), 2⁻²⁹·¹ (f32).
    const SIN_TAIL: &'static [Self];
    /// (cos 2πf − 1 + 2π²f²)/f⁴ in f², |f| ≤ 1/8. Method error 2⁻⁵⁹·⁴ (f64), 2⁻³¹·¹ (f32).
    const COS_TAIL: &'static [Self];
}

impl Coefficients for f64 {
    const LOG2_E: Self = std::f64::consts::LOG2_E;
    const LN2_HI: Self = std::f64::consts::LN_2;
    const LN2_LO: Self = 2.3190468138462996e-17;
    const TAU_HI: Self = std::f64::consts::TAU;
    const TAU_LO: Self = 2.4492935982947064e-16;
    const TAU2_HI: Self = 19.739208802178716;
    const TAU2_LO: Self = 1.2530591017479423e-15;
    const EXP_OVERFLOW: Self = 710.0;
    const EXP_UNDERFLOW: Self = -746.0;
    const EXP_TAIL: &'static [Self] = &[
        0.16666666666666682,
        0.0416666666666667,
        0.00833333333331687,
        0.0013888888888865109,
        0.00019841269896788235,
        2.48015873652188e-05,
        2.7557234469314223e-06,
        2.755723857971737e-07,
        2.5112168158483346e-08,
        2.0925707913803675e-09,
    ];
    const LN_TAIL: &'static [Self] = &[
        0.6666666666666734,
        0.3999999999941457,
        0.2857142874241688,
        0.22222198569817783,
        0.18183564516528355,
        0.15314045336955417,
        0.1479600499773165,
    ];
    const SIN_TAIL: &'static [Self] = &[
        -41.34170224039976,
        81.60524927607496,
        -76.70585975300453,
        42.05869393000349,
        -15.094640489594754,
        3.819791798741204,
        -0.711698880145622,
    ];
    const COS_TAIL: &'static [Self] = &[
        64.93939402266818,
        -85.45681720660298,
        60.244641342496166,
        -26.426252114484562,
        7.903145183755116,
        -1.697789615393014,
    ];
}

impl Coefficients for f32 {
    const LOG2_E: Self = std::f32::consts::LOG2_E;
    const LN2_HI: Self = std::f32::consts::LN_2;
    const LN2_LO: Self = -1.9046542e-09;
    const TAU_HI: Self = std::f32::consts::TAU;
    const TAU_LO: Self = -1.7484555e-07;
    const TAU2_HI: Self = 19.739208;
    const TAU2_LO: Self = 5.807432e-07;
    const EXP_OVERFLOW: Self = 89.0;
    const EXP_UNDERFLOW: Self = -104.0;
    const EXP_TAIL: &'static [Self] = &[0.16666521, 0.04166639, 0.008368724, 0.0013941958];
    const LN_TAIL: &'static [Self] = &[0.6666666, 0.40000334, 0.28537306, 0.23582202];
    const SIN_TAIL: &'static [Self] = &[-41.3417, 81.60521, -76.69838, 41.48758];
    const COS_TAIL: &'static [Self] = &[64.93936, -85.44746, 59.36258];
}

/// A constant's or a polynomial's name and numbers.
pub type Named<T> = (&'static str, Vec<T>);

/// Every number that the functions of a format are made of, by the name that it has here; for the kernels, which are
/// compiled with them (`cuda::source`).
pub fn named<T: Coefficients>() -> Vec<Named<T>> {
    let single = [
        ("SHIFT", T::SHIFT),
        ("INTEGERS", T::INTEGERS),
        ("LOG2_E", T::LOG2_E),
        ("LN2_HI", T::LN2_HI),
        ("LN2_LO", T::LN2_LO),
        ("TAU_HI", T::TAU_HI),
        ("TAU_LO", T::TAU_LO),
        ("TAU2_HI", T::TAU2_HI),
        ("TAU2_LO", T::TAU2_LO),
        ("EXP_OVERFLOW", T::EXP_OVERFLOW),
        ("EXP_UNDERFLOW", T::EXP_UNDERFLOW),
    ];
    let tables = [
        ("EXP_TAIL", T::EXP_TAIL),
        ("LN_TAIL", T::LN_TAIL),
        ("SIN_TAIL", T::SIN_TAIL),
        ("COS_TAIL", T::COS_TAIL),
    ];
    let single = single.into_iter().map(|(name, x)| (name, vec![x]));
    single.chain(tables.into_iter().map(|(name, table)| (name, table.to_vec()))).collect()
}
