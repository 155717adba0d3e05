//! Why profiles cannot be merged.

use crate::stop::Stopped;

/// Why profiles cannot be merged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// There is none.
    #[error("no profiles to merge")]
    None,
    /// There is no sample type that all have.
    #[error("profiles have empty common sample type list")]
    SampleTypes,
    /// Values of the same type have units that cannot be converted, or periods are of different types.
    #[error("{what}: incompatible types: {one} and {other}")]
    Incompatible {
        /// What they are: `sample types` or `period type`.
        what: &'static str,
        /// The type and unit of one.
        one: String,
        /// The type and unit of another.
        other: String,
    },
    /// It was stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}
