//! Exit codes, and failures as they are printed.

use std::process::ExitCode;

use rgops_inspect::processes::ResolveError;
use rgops_inspect::session::{ErrorKind, SessionError};

/// How `rgops` ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Answered in full.
    Success = 0,
    /// A bug in rgops or in the agent.
    Internal = 1,
    /// The command line is wrong.
    Usage = 2,
    /// No such process, or it has no agent.
    NotFound = 3,
    /// The agent, the system or a wrong token refused.
    Refused = 4,
    /// No data came in time.
    TimedOut = 5,
    /// Answered in part; the missing parts were reported.
    Partial = 6,
    /// `rgops diagnose` found something wrong with the program.
    Findings = 8,
    /// `rgops pprof -diff --fail-above`: something grew above the limit.
    Grew = 9,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

impl From<ErrorKind> for Exit {
    fn from(kind: ErrorKind) -> Exit {
        match kind {
            ErrorKind::Usage => Exit::Usage,
            ErrorKind::NotFound => Exit::NotFound,
            ErrorKind::Refused => Exit::Refused,
            ErrorKind::TimedOut => Exit::TimedOut,
            ErrorKind::Partial => Exit::Partial,
            _ => Exit::Internal,
        }
    }
}

/// A failure: what, why, and the command or setting that fixes it.
///
/// Printed as `rgops: WHAT: WHY` and, if there is a fix, `fix: FIX`.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What failed, lower case.
    pub what: String,
    /// Why.
    pub why: String,
    /// The fix, possibly several lines; empty if there is none.
    pub fix: String,
}

impl Failure {
    /// A failure with all its texts; `fix` is empty if there is none.
    pub fn new(
        exit: Exit,
        what: impl Into<String>,
        why: impl Into<String>,
        fix: impl Into<String>,
    ) -> Failure {
        Failure { exit, what: what.into(), why: why.into(), fix: fix.into() }
    }

    /// The same failure with another exit code, for example after a part of the answer was printed.
    #[must_use]
    pub fn with_exit(mut self, exit: Exit) -> Failure {
        self.exit = exit;
        self
    }
}

impl From<&SessionError> for Failure {
    fn from(error: &SessionError) -> Failure {
        Failure::new(error.kind().into(), error.what(), error.why(), error.fix())
    }
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Failure {
        Failure::from(&error)
    }
}

impl From<ResolveError> for Failure {
    fn from(error: ResolveError) -> Failure {
        SessionError::from(error).into()
    }
}
