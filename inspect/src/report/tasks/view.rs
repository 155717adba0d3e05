//! How much of a report is shown.

use super::filter::Filter;

/// How much is shown.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct View {
    /// Every task separately, without groups.
    pub all: bool,
    /// Types as the compiler names them, whole paths, and Tokio's own futures and frames.
    pub verbose: bool,
    /// Which tasks.
    pub filter: Filter,
}
