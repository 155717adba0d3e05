//! Which of the values of a sample is meant.

use crate::proto::{Profile, ValueType};

/// The place of a sample type among the values of a sample: the one named `asked`; else the profile's default; else
/// the last.
pub fn value_index(profile: &Profile, asked: &str) -> usize {
    let named = |name: &str| {
        let mut types = profile.sample_type.iter();
        types.position(|found| !name.is_empty() && profile.text(found.r#type) == name)
    };
    named(asked)
        .or_else(|| named(profile.text(profile.default_sample_type)))
        .unwrap_or(profile.sample_type.len().saturating_sub(1))
}

/// The sample type there; one without name and unit when there is none.
pub fn value_type(profile: &Profile, index: usize) -> ValueType {
    profile.sample_type.get(index).copied().unwrap_or_default()
}
