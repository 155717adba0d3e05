//! The selected value of a sample.

use crate::proto::{Profile, ValueType};

/// The index of a sample type in the values of a sample: the one named `requested`, otherwise the profile's default,
/// otherwise the last.
pub fn value_index(profile: &Profile, requested: &str) -> usize {
    let named = |name: &str| {
        let mut types = profile.sample_type.iter();
        types.position(|found| !name.is_empty() && profile.text(found.r#type) == name)
    };
    named(requested)
        .or_else(|| named(profile.text(profile.default_sample_type)))
        .unwrap_or(profile.sample_type.len().saturating_sub(1))
}

/// The sample type at an index; one without name and unit if there is none.
pub fn value_type(profile: &Profile, index: usize) -> ValueType {
    profile.sample_type.get(index).copied().unwrap_or_default()
}
