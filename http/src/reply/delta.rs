//! `seconds=`: the difference of two profiles.

use rgops_pprof::merge::{Base, MergeError, subtract};
use rgops_pprof::{Profile, Stop, proto};

/// Why two profiles have no difference.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeltaError {
    /// They are of different kinds.
    #[error("failed to compute delta: {0}")]
    Different(#[from] MergeError),
}

/// What happened between `before` and `after`: their difference, with the time between them as its length. Samples that
/// did not change are left out. [`encode_profile`](rgops_pprof::write::encode_profile) makes a file of it.
///
/// # Errors
/// [`DeltaError`].
pub fn delta(before: &proto::Profile, after: &proto::Profile) -> Result<Profile, DeltaError> {
    let duration_ns = after.time_nanos.saturating_sub(before.time_nanos).max(0);
    let (before, mut difference) = (Profile::from_proto(before), Profile::from_proto(after));
    let time_ns = difference.time_ns;
    difference = subtract(difference, before, Base::Subtracted, false, Stop::never())?;
    difference.time_ns = time_ns;
    difference.duration_ns = duration_ns;
    Ok(difference)
}
