//! Why there is no report.

use std::io;

use crate::stop::Stopped;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// An option does not fit the profile: a regular expression that is not one, a sample type that it does not have.
    #[error("{0}")]
    Option(String),
    /// Nothing matches: `list` of a function that is not there.
    #[error("{0}")]
    NoMatch(String),
    /// It does not fit the memory.
    #[error("{0}")]
    TooLarge(String),
    /// It was stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// It cannot be written.
    #[error("cannot write the report: {0}")]
    Write(#[from] io::Error),
}
