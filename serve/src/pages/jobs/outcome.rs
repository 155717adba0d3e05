//! What came out of a job.

use axum::body::Bytes;
use rgops_inspect::session::SessionError;
use rgops_web::Mounted;

/// What came out of a job.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// A profile.
    Profile {
        /// The analyser's pages.
        pages: Mounted,
        /// The file.
        file: Bytes,
        /// How much memory it needs, in bytes.
        cost: usize,
    },
    /// A report as text.
    Text(String),
    /// A trace.
    Trace {
        /// The file.
        file: Bytes,
        /// What is in it.
        summary: String,
    },
    /// There is no result.
    Failed {
        /// What failed.
        what: String,
        /// Why.
        why: String,
        /// What to do about it; may be empty.
        fix: String,
    },
    /// Somebody cancelled it.
    Cancelled,
}

impl Outcome {
    /// No result, because of this.
    pub(super) fn failed(what: &str, why: impl Into<String>, fix: &str) -> Outcome {
        Outcome::Failed { what: what.to_owned(), why: why.into(), fix: fix.to_owned() }
    }

    /// The memory that it needs, in bytes.
    pub(super) fn cost(&self) -> usize {
        match self {
            Outcome::Profile { file, cost, .. } => file.len().saturating_add(*cost),
            Outcome::Text(text) => text.len(),
            Outcome::Trace { file, summary } => file.len().saturating_add(summary.len()),
            Outcome::Failed { .. } | Outcome::Cancelled => 0,
        }
    }
}

impl From<SessionError> for Outcome {
    fn from(error: SessionError) -> Outcome {
        Outcome::Failed { what: error.what(), why: error.why(), fix: error.fix() }
    }
}
