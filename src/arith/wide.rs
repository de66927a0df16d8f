//! Double-word arithmetic: a number held as hi + lo, about 106 bits, and exp, ln and sine in it.
//!
//! A schedule needs log ᾱ summed over a thousand steps, 1 − ᾱ where ᾱ is nearly 1, and x^(1/ρ), each good to
//! the last bit of an f64. Computed with twice the bits and rounded once, each is, and no formula needs an
//! analysis of its own. None of it is on a hot path.
//!
//! The elementary operations are those of Joldes, Muller and Popescu, "Tight and rigorous error bounds for
//! basic building blocks of double-word arithmetic", ACM TOMS 44 (2017); their relative errors, in u² = 2⁻¹⁰⁶,
//! hold where no intermediate leaves the range 2^±900 and are named at each function.
//!
//! Floor 0. Uses nothing of the crate. Spec: N2, N3.

/// hi + lo with |lo| ≤ ulp(hi)/2, so that hi is the sum rounded to f64.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wide {
    hi: f64,
    lo: f64,
}

/// ln 2 to 107 bits.
const LN_2: Wide = Wide { hi: std::f64::consts::LN_2, lo: 2.319_046_813_846_299_6e-17 };
/// π/2 to 107 bits.
pub const HALF_TURN: Wide = Wide { hi: std::f64::consts::FRAC_PI_2, lo: 6.123_233_995_736_766e-17 };

/// a + b and its rounding error, exactly.
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let s = a + b;
    let a1 = s - b;
    let b1 = s - a1;
    (s, (a - a1) + (b - b1))
}

/// a + b and its rounding error, exactly, where |a| ≥ |b| or a = 0.
fn fast_two_sum(a: f64, b: f64) -> Wide {
    let s = a + b;
    Wide { hi: s, lo: b - (s - a) }
}

/// a·b and its rounding error, exactly.
fn two_product(a: f64, b: f64) -> (f64, f64) {
    let p = a * b;
    (p, a.mul_add(b, -p))
}

/// x·2^k; exact where neither number is subnormal.
fn scale(x: f64, k: i32) -> f64 {
    let half = k / 2;
    x * power_of_two(half) * power_of_two(k - half)
}

/// 2^k for |k| ≤ 1022, clamped to that range.
fn power_of_two(k: i32) -> f64 {
    f64::from_bits(((1023 + k.clamp(-1022, 1022)) as u64) << 52)
}

impl Wide {
    /// 0.
    pub const ZERO: Wide = Wide { hi: 0.0, lo: 0.0 };
    /// 1.
    pub const ONE: Wide = Wide { hi: 1.0, lo: 0.0 };

    /// The same number.
    pub fn new(x: f64) -> Wide {
        Wide { hi: x, lo: 0.0 }
    }

    /// a + b, exactly, where it is in f64's range and |a| ≤ |b| or |a|·(1 + 2u) is in f64's range too.
    pub fn sum(a: f64, b: f64) -> Wide {
        let (hi, lo) = two_sum(a, b);
        Wide { hi, lo }
    }

    /// a·b, exactly.
    pub fn product(a: f64, b: f64) -> Wide {
        let (hi, lo) = two_product(a, b);
        Wide { hi, lo }
    }

    /// The nearest f64.
    pub fn to_f64(self) -> f64 {
        self.hi
    }

    /// self + y. Relative error 3u² + 13u³ where the signs agree; exact in hi + lo terms otherwise up to
    /// 2u²(|self| + |y|).
    pub fn plus(self, y: Wide) -> Wide {
        let (sh, sl) = two_sum(self.hi, y.hi);
        let (th, tl) = two_sum(self.lo, y.lo);
        let v = fast_two_sum(sh, sl + th);
        fast_two_sum(v.hi, tl + v.lo)
    }

    /// −self, exactly.
    pub fn negated(self) -> Wide {
        Wide { hi: -self.hi, lo: -self.lo }
    }

    /// self − y, as `plus`.
    pub fn minus(self, y: Wide) -> Wide {
        self.plus(y.negated())
    }

    /// self·y. Relative error 5u².
    pub fn times(self, y: Wide) -> Wide {
        let (ch, cl) = two_product(self.hi, y.hi);
        let cross = self.lo.mul_add(y.hi, self.hi.mul_add(y.lo, self.lo * y.lo));
        fast_two_sum(ch, cl + cross)
    }

    /// self/y. Relative error 20u² (15u² in the paper, with a product of error 2u² where 5u² is used here).
    pub fn over(self, y: Wide) -> Wide {
        let th = self.hi / y.hi;
        let r = y.times(Wide::new(th));
        let rest = (self.hi - r.hi) + (self.lo - r.lo);
        fast_two_sum(th, rest / y.hi)
    }

    /// self·2^k, exactly.
    pub fn scaled(self, k: i32) -> Wide {
        Wide { hi: scale(self.hi, k), lo: scale(self.lo, k) }
    }

    /// √self for self ≥ 0; NaN below. Relative error 4u².
    pub fn sqrt(self) -> Wide {
        let root = self.hi.sqrt();
        if root == 0.0 {
            return Wide::ZERO;
        }
        let (p, e) = two_product(root, root);
        fast_two_sum(root, ((self.hi - p) - e + self.lo) / (root + root))
    }

    /// e^self. Relative error at most 2⁻⁹³ where the result is at least 2⁻⁹⁰⁰.
    ///
    /// Domain: all numbers; 0 below −745.2, infinite above 709.8.
    pub fn exp(self) -> Wide {
        let (k, e) = self.reduced_exp_m1();
        if k > 1025 {
            return Wide::new(f64::INFINITY);
        }
        if k < -1100 {
            return Wide::ZERO;
        }
        e.plus(Wide::ONE).scaled(k)
    }

    /// e^self − 1, with no loss near 0. Relative error at most 2⁻⁹¹.
    pub fn exp_m1(self) -> Wide {
        let (k, e) = self.reduced_exp_m1();
        if k == 0 {
            return e;
        }
        if k > 1025 {
            return Wide::new(f64::INFINITY);
        }
        if k < -1100 {
            return Wide::new(-1.0);
        }
        // Where k ≠ 0 the result is at least 0.29 in magnitude, so subtracting 1 costs a factor below 4.
        e.plus(Wide::ONE).scaled(k).minus(Wide::ONE)
    }

    /// (k, e^r − 1) with self = k·ln 2 + r, |r| ≤ 0.35.
    ///
    /// e^(r/64) − 1 is summed by Taylor to degree 12: |r/64| ≤ 0.0055 leaves (0.0055)¹²/13! < 2⁻¹²² of it.
    /// Six times then e ← e·(2 + e), which is e^(2y) − 1 from e^y − 1 and cancels nothing that is relative:
    /// each doubling adds at most 8u², the sum 13u², the reduction |k|·2⁻¹⁰⁷ of absolute error in r.
    fn reduced_exp_m1(self) -> (i32, Wide) {
        let k = (self.hi / LN_2.hi).round_ties_even().clamp(-2000.0, 2000.0);
        let r = self.minus(LN_2.times(Wide::new(k))).scaled(-6);
        let mut sum = Wide::ONE;
        for n in (2..=12).rev() {
            sum = r.over(Wide::new(f64::from(n))).times(sum).plus(Wide::ONE);
        }
        let mut e = r.times(sum);
        for _ in 0..6 {
            e = e.times(e.plus(Wide::new(2.0)));
        }
        (k as i32, e)
    }

    /// ln self for self > 0; −∞ at 0 and NaN below. Relative error at most 2⁻⁹⁵, and next to 1 too, where self
    /// is taken as exact.
    pub fn ln(self) -> Wide {
        if self.hi == 0.0 {
            return Wide::new(f64::NEG_INFINITY);
        }
        if !(self.hi > 0.0 && self.hi.is_finite()) {
            return Wide::new(if self.hi > 0.0 { f64::INFINITY } else { f64::NAN });
        }
        let lift = if self.hi < f64::MIN_POSITIVE { 64 } else { 0 };
        let lifted = self.scaled(lift);
        let mut k = ((lifted.hi.to_bits() >> 52) as i32) - 1023;
        if lifted.scaled(-k).hi > std::f64::consts::SQRT_2 {
            k += 1;
        }
        let m = lifted.scaled(-k);
        let part = twice_artanh(m.minus(Wide::ONE).over(m.plus(Wide::ONE)));
        LN_2.times(Wide::new(f64::from(k - lift))).plus(part)
    }

    /// ln(1 + self) for self > −1, with no loss near 0. Relative error at most 2⁻⁹⁵.
    pub fn ln_1p(self) -> Wide {
        if self.hi > -0.25 && self.hi < 0.4 {
            return twice_artanh(self.over(self.plus(Wide::new(2.0))));
        }
        self.plus(Wide::ONE).ln()
    }

    /// sin self for |self| ≤ 2. Relative error at most 2⁻⁹⁵ where |self| ≤ π/2 + 0.03.
    ///
    /// Taylor to degree 39: what is left out is below 2⁴¹/41! < 2⁻¹²³. The terms sum to at most sinh(1.6) = 2.4
    /// in magnitude and to at least 0.99·(2/π)·|self|.
    pub fn sin(self) -> Wide {
        let square = self.times(self).negated();
        let mut sum = Wide::ONE;
        for n in (1..=19).rev() {
            let divisor = f64::from(2 * n * (2 * n + 1));
            sum = square.over(Wide::new(divisor)).times(sum).plus(Wide::ONE);
        }
        self.times(sum)
    }

    /// self^power for self > 0 as e^(power·ln self). Relative error at most (1 + |power·ln self|)·2⁻⁹²; 0 at 0.
    pub fn powered(self, power: Wide) -> Wide {
        if self.hi == 0.0 {
            return Wide::ZERO;
        }
        self.ln().times(power).exp()
    }
}

/// 2 artanh z = 2(z + z³/3 + …) for |z| ≤ 0.172, to degree 47: what is left out is below 0.172⁴⁸/49 < 2⁻¹²⁷ of it.
fn twice_artanh(z: Wide) -> Wide {
    let square = z.times(z);
    let mut sum = Wide::ZERO;
    for n in (0..24).rev() {
        let term = Wide::ONE.over(Wide::new(f64::from(2 * n + 1)));
        sum = sum.times(square).plus(term);
    }
    z.times(sum).scaled(1)
}
