//! The crate between.

/// All steps.
#[inline(always)]
pub fn mix(values: &[u64]) -> u64 {
    let mut sum = 0u64;
    for value in values {
        sum = sum.rotate_left(5) ^ inner::step(*value);
    }
    sum
}
