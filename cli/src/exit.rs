//! Exit codes, and failures as people read them.

use std::process::ExitCode;

/// How `rgops` ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Answered in full.
    Fine = 0,
    /// A bug, ours or the agent's.
    Internal = 1,
    /// The command line is wrong.
    Usage = 2,
    /// No such process, or it has no agent.
    NotFound = 3,
    /// The agent, the system or a wrong token refused.
    Refused = 4,
    /// Nothing came in time.
    TimedOut = 5,
    /// Answered in part; what is missing was said.
    Partial = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// A failure: what, why, and the command or setting that mends it.
#[derive(Debug)]
pub struct Failure {
    /// The exit code it leads to.
    pub exit: Exit,
    /// What failed, lower case.
    pub what: String,
    /// Why.
    pub why: String,
    /// What to do, possibly several lines; empty when nothing helps.
    pub fix: String,
}
