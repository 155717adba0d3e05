//! What a look for one kind of finding gives.

use super::finding::{Finding, Gap};

/// What a look for one kind of finding gave.
#[derive(Debug, Clone, Default)]
pub(super) struct Look {
    /// What was found.
    pub(super) findings: Vec<Finding>,
    /// What was looked at, for people: `41 tasks, twice`; empty if nothing was.
    pub(super) at: String,
    /// What could not be looked at.
    pub(super) gaps: Vec<Gap>,
}
