//! The syntaxes of instructions.

/// The syntax of instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// AT&T's.
    Att,
    /// Intel's.
    Intel,
}
