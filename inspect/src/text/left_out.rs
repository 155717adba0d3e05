//! Why something is left out when a command reaches one of its limits.

use crate::budget::Exhausted;

/// The limit, and how to raise it.
pub(crate) fn reason(why: Exhausted) -> String {
    format!("{why}; allow more with --max-memory or --timeout")
}
