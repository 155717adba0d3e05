//! Values times a ratio.

use crate::filter::keep_samples;
use crate::profile::Profile;

/// Multiplies the values of each sample type by its ratio, and drops samples of which all scaled values became 0.
///
/// A value with the ratio 1 does not keep a sample, as in pprof, unless all ratios are 1: then nothing is changed.
pub(super) fn scale(profile: &mut Profile, ratios: &[f64]) {
    if ratios.iter().all(|ratio| *ratio == 1.0) || ratios.is_empty() {
        return;
    }
    for sample in profile.samples.values.chunks_exact_mut(ratios.len()) {
        for (value, ratio) in sample.iter_mut().zip(ratios) {
            if *ratio != 1.0 {
                *value = rounded(*value as f64 * ratio);
            }
        }
    }
    keep_samples(profile, |profile, at| {
        profile.values(at).iter().zip(ratios).any(|(value, ratio)| *ratio != 1.0 && *value != 0).then_some(())
    });
}

/// The nearest whole number; what is outside of the range is the smallest number, as on the machines that pprof runs on.
pub(super) fn rounded(value: f64) -> i64 {
    let value = value.round();
    if value >= i64::MIN as f64 && value < i64::MAX as f64 { value as i64 } else { i64::MIN }
}
