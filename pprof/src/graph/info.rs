//! What a node stands for.

use crate::profile::TextId;

/// What a node stands for. Two nodes of a graph differ in it; nodes of a call tree differ in it or in their callers.
///
/// What the granularity of the report leaves out is 0 or empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Info {
    /// The function, in the texts of the profile.
    pub name: TextId,
    /// The source file, in [`Frames::files`](super::Frames::files).
    pub file: TextId,
    /// The object file, in the texts of the profile; only of code without names, or if the report asks for it.
    pub object: TextId,
    /// The address.
    pub address: u64,
    /// The first line of the function; there if the object file is.
    pub start_line: i64,
    /// The line.
    pub line: i64,
    /// The column.
    pub column: i64,
}
