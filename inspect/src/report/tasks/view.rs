//! How much of a report is shown.

use super::filter::Filter;

/// How much is shown.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct View {
    /// Every task by itself, also those at the same place.
    pub all: bool,
    /// Types as the compiler names them, whole paths, and Tokio's own futures and frames.
    pub verbose: bool,
    /// Which tasks.
    pub filter: Filter,
    /// What people typed for the process, for the command to run next.
    pub target: String,
}
