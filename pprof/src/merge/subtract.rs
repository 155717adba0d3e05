//! A profile minus a base.

use super::combine::combine;
use super::error::MergeError;
use super::merger::check;
use super::scaling::scale;
use crate::filter::relabel;
use crate::profile::{BASE_KEY, Label, LabelValue, Profile, sort_labels};
use crate::stop::{Stop, Stopped};

/// What a base is subtracted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// `-base`: percentages are of the difference.
    Subtracted,
    /// `-diff_base`: percentages are of the base, whose samples keep the label `pprof::base`.
    Compared,
}

/// The profile minus `base`. With `normalize`, first scales the profile so that each sample type has the sum that it has
/// in the base.
///
/// # Errors
/// [`MergeError`] if they have nothing in common, or it was stopped.
pub fn subtract(
    mut profile: Profile,
    mut base: Profile,
    kind: Base,
    normalize: bool,
    stop: Stop<'_>,
) -> Result<Profile, MergeError> {
    if kind == Base::Compared {
        mark(&mut base, stop)?;
    }
    if normalize {
        check(&profile, &base)?;
        let ratios: Vec<f64> = sums(&base)
            .into_iter()
            .zip(sums(&profile))
            .map(|(base, profile)| if profile == 0 { 0.0 } else { base as f64 / profile as f64 })
            .collect();
        scale(&mut profile, &ratios);
    }
    let types = base.sample_types.len();
    scale(&mut base, &vec![-1.0; types]);
    combine(vec![profile, base])
}

/// Gives each sample the label of a `diff_base`.
fn mark(profile: &mut Profile, stop: Stop<'_>) -> Result<(), Stopped> {
    let (key, text) = (profile.texts.intern(BASE_KEY), profile.texts.intern("true"));
    let texts = profile.texts.clone();
    relabel(profile, stop, |labels| {
        labels.retain(|label| label.key != key || matches!(label.value, LabelValue::Number { .. }));
        labels.push(Label { key, value: LabelValue::Text(text) });
        sort_labels(&texts, labels);
    })
}

/// The sum of each sample type.
fn sums(profile: &Profile) -> Vec<i64> {
    let types = profile.sample_types.len();
    let mut sums = vec![0i64; types];
    for values in profile.samples.values.chunks_exact(types.max(1)) {
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum = sum.wrapping_add(*value);
        }
    }
    sums
}
