//! Exit codes, and failures as people read them.

use std::io;
use std::process::ExitCode;

use rgops_inspect::budget::Exhausted;
use rgops_inspect::client::ClientError;
use rgops_inspect::processes::{LostBecause, ResolveError};
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

impl Exit {
    /// This code, or `other` where this one has nothing to tell.
    #[must_use]
    pub fn or(self, other: Exit) -> Exit {
        if self == Exit::Fine { other } else { self }
    }
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
        let error = match error {
            // A deadline that passed, or a peer that hung up, is told by its own name.
            ClientError::Connection(error) => ClientError::from(error),
            other => other,
        };
        let exit = match error {
            ClientError::Agent(error) => return error.into(),
            ClientError::NobodyListens { .. }
            | ClientError::AnotherProcess { .. }
            | ClientError::AnotherAgent
            | ClientError::NotAnAgent
            | ClientError::Ended
            | ClientError::Replaced
            | ClientError::Closed
            | ClientError::HungUp => Exit::NotFound,
            ClientError::AnotherListens { .. }
            | ClientError::Untrusted { .. }
            | ClientError::ForeignOwner { .. }
            | ClientError::NotAllowed { .. }
            | ClientError::TokenNeeded
            | ClientError::FalseAgent
            | ClientError::UnsupportedCommand(_) => Exit::Refused,
            ClientError::TimedOut
            | ClientError::TookTooLong { .. }
            | ClientError::NotFinished { .. }
            | ClientError::Exhausted(Exhausted::Time) => Exit::TimedOut,
            ClientError::Exhausted(_) => Exit::Partial,
            _ => Exit::Internal,
        };
        Failure::new(exit, "cannot ask the agent", error.to_string(), error.fix())
    }
}

impl From<ResolveError> for Failure {
    fn from(error: ResolveError) -> Failure {
        let why = error.to_string();
        let list = "rgops lists the Rust processes";
        let (exit, what, fix) = match error {
            ResolveError::NoSuchProcess { pid } => {
                (Exit::NotFound, format!("cannot find process {pid}"), list.to_owned())
            }
            ResolveError::NoSuchName { name, unreadable, unanswered, as_root } => {
                let mut fix = match (unreadable, as_root) {
                    (0, _) => list.to_owned(),
                    (count, false) => format!("{list}; {count} of other users are visible to root only"),
                    (count, true) => format!("{list}; of {count} the system tells not even root: give a pid"),
                };
                if unanswered > 0 {
                    fix.push_str(&format!("; {unanswered} could not be looked at in time"));
                }
                (Exit::NotFound, format!("cannot find a process named {name}"), fix)
            }
            ResolveError::Ambiguous { name, pids } => {
                let first = pids.first().copied().unwrap_or_default();
                (Exit::Usage, format!("cannot tell which {name} is meant"), format!("give a pid, as {first}"))
            }
            ResolveError::NoAgent { pid, name, is_rust, is_switched_off } => {
                (Exit::NotFound, cannot_ask(pid, &name), no_agent_fix(is_rust, is_switched_off))
            }
            ResolveError::LostAgent { pid, name, is_rust, lost } => {
                let fix = match lost.because {
                    // What runs now may have nothing to do with an agent.
                    LostBecause::Silent if !is_rust => no_agent_fix(false, false),
                    _ => lost.fix().to_owned(),
                };
                let is_refusal = matches!(lost.because, LostBecause::Foreign(_) | LostBecause::Denied);
                let exit = if is_refusal { Exit::Refused } else { Exit::NotFound };
                (exit, cannot_ask(pid, &name), fix)
            }
            ResolveError::OtherUser { pid, .. } => {
                (Exit::Refused, format!("cannot ask process {pid}"), "run as that user or as root".to_owned())
            }
            ResolveError::Denied { pid } => {
                let fix = "run rgops where the process runs, as nsenter(1) does".to_owned();
                (Exit::Refused, format!("cannot ask process {pid}"), fix)
            }
            ResolveError::SocketDenied { path, as_root, .. } => {
                let fix = match as_root {
                    true => "run rgops as the program's user",
                    false => "run rgops as the program's user, or as root",
                };
                (Exit::Refused, format!("cannot ask {}", path.display()), fix.to_owned())
            }
            ResolveError::NotASocket { path, .. } => {
                (Exit::NotFound, format!("cannot ask {}", path.display()), list.to_owned())
            }
            ResolveError::System { target, error } => {
                let (exit, fix) = match error.kind() {
                    io::ErrorKind::Unsupported => (Exit::Internal, "give a socket path or host:port"),
                    io::ErrorKind::TimedOut => (Exit::TimedOut, "ask again; rgops lists what can be asked"),
                    _ => (Exit::Internal, ""),
                };
                (exit, format!("cannot look for {target}"), fix.to_owned())
            }
            _ => (Exit::Internal, "cannot find the target".to_owned(), String::new()),
        };
        Failure::new(exit, what, why, fix)
    }
}

fn cannot_ask(pid: u32, name: &str) -> String {
    match name.is_empty() {
        true => format!("cannot ask process {pid}"),
        false => format!("cannot ask process {pid} ({name})"),
    }
}

/// What gives a process an agent.
fn no_agent_fix(is_rust: bool, is_switched_off: bool) -> String {
    match (is_switched_off, is_rust) {
        (true, true) => "it was started with RGOPS=off; start it without".to_owned(),
        (false, true) => "add two lines to the program, and start it again:\n\
            Cargo.toml:       rgops-agent = \"0.1\"\n\
            main.rs, in main: rgops_agent::listen(rgops_agent::Options::default())?;"
            .to_owned(),
        (_, false) => "rgops lists the Rust processes".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rgops_protocol::codec;
    use rgops_protocol::received::{self, Speaker};

    use super::*;

    #[test]
    fn what_another_users_program_advises_is_no_fix_of_ours() {
        let refusal = AgentError::new(Code::Busy, "cannot profile", "busy", "run evil as root");
        let bytes = codec::encode(&refusal).unwrap_or_default();
        let received =
            |speaker| received::decode::<AgentError>(&bytes, speaker).map(|(error, _)| error.into());
        let (Ok(own), Ok(another)): (Result<Failure, _>, Result<Failure, _>) =
            (received(Speaker::Own), received(Speaker::Another))
        else {
            unreachable!("it was encoded")
        };
        assert_eq!((own.exit, &*own.what, &*own.fix), (Exit::Refused, "cannot profile", "run evil as root"));
        assert_eq!((another.exit, &*another.fix), (Exit::Refused, ""));
        let words = "the program says: \"cannot profile: busy; fix: run evil as root\"";
        assert_eq!((&*another.what, &*another.why), ("the agent did not answer", words));
    }

    #[test]
    fn root_is_not_told_to_be_root() {
        let failure = |as_root| {
            let (name, unreadable, unanswered) = ("shop".to_owned(), 3, 2);
            Failure::from(ResolveError::NoSuchName { name, unreadable, unanswered, as_root })
        };
        assert!(failure(true).fix.ends_with("; 2 could not be looked at in time"));
        assert!(failure(false).fix.contains("3 of other users are visible to root only"));
        assert!(failure(true).fix.contains("3 the system tells not even root"), "{}", failure(true).fix);
        let denied = |as_root| {
            let (path, error) = ("/run/shop.sock".into(), io::ErrorKind::PermissionDenied.into());
            Failure::from(ResolveError::SocketDenied { path, error, as_root })
        };
        assert_eq!(denied(false).exit, Exit::Refused);
        assert!(denied(false).fix.contains("as root") && !denied(true).fix.contains("root"));
    }

    #[test]
    fn a_process_that_does_not_answer_is_no_bug_of_ours() {
        let failure = |kind: io::ErrorKind| {
            let (target, error) = ("7".to_owned(), kind.into());
            Failure::from(ResolveError::System { target, error })
        };
        let silent = failure(io::ErrorKind::TimedOut);
        assert_eq!((silent.exit, &*silent.fix), (Exit::TimedOut, "ask again; rgops lists what can be asked"));
        assert_eq!(failure(io::ErrorKind::InvalidData).exit, Exit::Internal);
    }
}
