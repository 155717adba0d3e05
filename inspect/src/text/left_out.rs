//! Why something is left out, where a command reached one of its limits.

use crate::budget::Exhausted;

/// The limit, and what would show more.
pub(crate) fn reason(why: Exhausted) -> String {
    format!("{why}; allow more with --max-memory or --timeout")
}
