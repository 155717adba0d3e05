//! The innermost of three crates.

/// One step.
#[inline(always)]
pub fn step(value: u64) -> u64 {
    let shifted = value ^ (value >> 7);
    shifted.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
