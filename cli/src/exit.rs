//! Exit codes, and failures as people read them.

use std::process::ExitCode;

use rgops_inspect::client::ClientError;
use rgops_inspect::processes::ResolveError;
use rgops_protocol::error::{Code, Error as AgentError};

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
///
/// Printed as `rgops: WHAT: WHY` and, when there is one, `fix: FIX`.
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

impl Failure {
    /// A failure with all its texts; `fix` is empty when nothing helps.
    pub fn new(
        exit: Exit,
        what: impl Into<String>,
        why: impl Into<String>,
        fix: impl Into<String>,
    ) -> Failure {
        Failure { exit, what: what.into(), why: why.into(), fix: fix.into() }
    }

    /// The same failure with another exit code, as when part of an answer was printed before it.
    #[must_use]
    pub fn with_exit(mut self, exit: Exit) -> Failure {
        self.exit = exit;
        self
    }
}

impl From<AgentError> for Failure {
    fn from(error: AgentError) -> Failure {
        let exit = match error.code() {
            Code::Internal | Code::Malformed => Exit::Internal,
            Code::TimedOut => Exit::TimedOut,
            Code::Refused
            | Code::Unauthenticated
            | Code::UnknownCommand
            | Code::UnknownVersion
            | Code::Busy
            | Code::NotAllowed
            | Code::Unsupported
            | Code::TooManyConnections => Exit::Refused,
        };
        Failure::new(exit, error.what, error.why, error.fix)
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Failure {
        let exit = match error {
            ClientError::Agent(error) => return error.into(),
            ClientError::NobodyListens { .. }
            | ClientError::AnotherProcess { .. }
            | ClientError::NotAnAgent
            | ClientError::HungUp => Exit::NotFound,
            ClientError::ForeignOwner { .. }
            | ClientError::NotAllowed { .. }
            | ClientError::TokenNeeded
            | ClientError::FalseAgent
            | ClientError::NotSpoken { .. } => Exit::Refused,
            ClientError::TimedOut => Exit::TimedOut,
            _ => Exit::Internal,
        };
        Failure::new(exit, "cannot ask the agent", error.to_string(), error.fix())
    }
}

impl From<ResolveError> for Failure {
    fn from(error: ResolveError) -> Failure {
        Failure::new(Exit::NotFound, "cannot find the target", error.to_string(), "")
    }
}
