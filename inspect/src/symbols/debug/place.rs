//! Positions in the source.

use std::sync::Arc;

/// A position in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::symbols) struct Place {
    pub(in crate::symbols) file: Arc<str>,
    pub(in crate::symbols) line: Option<u32>,
    pub(in crate::symbols) column: Option<u16>,
}
