//! Several profiles as one.

use super::error::MergeError;
use super::{compatible, merger};
use crate::profile::Profile;

/// One profile of several: their common sample types in the order of the first, in the finest of their units, and the sum
/// of equal samples. A single profile is returned as it is.
///
/// # Errors
/// [`MergeError`] if they have nothing in common.
pub fn combine(mut profiles: Vec<Profile>) -> Result<Profile, MergeError> {
    compatible::common_sample_types(&mut profiles)?;
    compatible::common_units(&mut profiles)?;
    match profiles.len() {
        0 => Err(MergeError::None),
        1 => profiles.pop().ok_or(MergeError::None),
        _ => merger::merge(&profiles),
    }
}

/// The same profile with tables only of what samples refer to, in the order in which they do, and equal samples as one.
pub fn compact(profile: &Profile) -> Profile {
    // One profile is compatible with itself.
    merger::merge(std::slice::from_ref(profile)).unwrap_or_default()
}
