//! Errors of a session: what failed, why, and the fix.

use std::io;

use rgops_protocol::error::{Code, Error as AgentError};

use crate::budget::Exhausted;
use crate::client::ClientError;
use crate::heap::{DumpError, Refused};
use crate::processes::{LostBecause, ResolveError};

/// An error of a session, with [`SessionError::what`], [`SessionError::why`] and [`SessionError::fix`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The target was not found, or has no agent.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The agent could not be asked, or did not answer.
    #[error(transparent)]
    Client(ClientError),
    /// The answer does not have the required parts.
    #[error("{why}")]
    WrongAnswer {
        /// Name of the command.
        command: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The program has no Tokio runtime of its own.
    #[error("{}", no_tokio_why(executors))]
    NoTokio {
        /// The target as the user typed it.
        target: String,
        /// The other executors that run its threads.
        executors: Vec<&'static str>,
    },
    /// A search for leaks needs the ages of blocks, which the samples do not have.
    #[error("jemalloc's profiler does not record the ages of blocks")]
    NoAges,
    /// A search for leaks needs two snapshots, and the window has one.
    #[error("only one snapshot was taken, and a comparison needs two")]
    OneSnapshot,
    /// The profile that jemalloc wrote cannot be read.
    #[error(transparent)]
    Dump(DumpError),
    /// The source of the samples does not count the requested sample type.
    #[error("jemalloc's profiler does not count freed blocks")]
    NotCounted {
        /// Name of the sample type.
        sample_type: &'static str,
    },
}

/// The kinds of [`SessionError`], and the exit codes of `rgops`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A bug in this process or in the agent.
    Internal,
    /// The request is ambiguous or invalid.
    Usage,
    /// No such process, or it has no agent.
    NotFound,
    /// Refused by the agent or the system, or because of a wrong token.
    Refused,
    /// The time limit was reached.
    TimedOut,
    /// Only a part of the answer is available.
    Partial,
}

impl SessionError {
    /// Its kind.
    pub fn kind(&self) -> ErrorKind {
        match self {
            SessionError::Resolve(error) => kind_of_resolve(error),
            SessionError::Client(error) => kind_of_client(error),
            SessionError::NoAges | SessionError::NotCounted { .. } => ErrorKind::Refused,
            SessionError::NoTokio { .. } => ErrorKind::NotFound,
            SessionError::OneSnapshot => ErrorKind::Partial,
            SessionError::WrongAnswer { .. } | SessionError::Dump(_) => ErrorKind::Internal,
        }
    }

    /// What failed, lower case.
    pub fn what(&self) -> String {
        match self {
            SessionError::Resolve(error) => what_of_resolve(error),
            SessionError::Client(ClientError::Agent(error)) => error.what.clone(),
            SessionError::Client(_) => "cannot query the agent".to_owned(),
            SessionError::WrongAnswer { command, .. } => format!("cannot read the answer to {command}"),
            SessionError::NoTokio { .. } => "cannot find a Tokio runtime".to_owned(),
            SessionError::NoAges => "cannot look for leaks".to_owned(),
            SessionError::OneSnapshot => "cannot measure growth".to_owned(),
            SessionError::Dump(_) => "cannot read the profile".to_owned(),
            SessionError::NotCounted { sample_type } => format!("cannot show {sample_type}"),
        }
    }

    /// Why, lower case.
    pub fn why(&self) -> String {
        match self {
            SessionError::Client(ClientError::Agent(error)) => error.why.clone(),
            other => other.to_string(),
        }
    }

    /// The fix, possibly several lines; empty if unknown.
    pub fn fix(&self) -> String {
        match self {
            SessionError::Resolve(error) => fix_of_resolve(error),
            SessionError::Client(error) => error.fix().to_owned(),
            SessionError::WrongAnswer { .. } => {
                "update rgops or the agent, so that both have the same version".to_owned()
            }
            SessionError::NoTokio { target, .. } => format!(
                "these work without one: rgops stack {target}, pprof-cpu, trace, stats, memstats, pprof-heap, leaks"
            ),
            SessionError::NoAges => NO_AGES_FIX.to_owned(),
            SessionError::OneSnapshot => "watch longer and do not stop early: --duration 10m".to_owned(),
            SessionError::Dump(_) => "update rgops, or report this with the version of jemalloc".to_owned(),
            SessionError::NotCounted { .. } => {
                "also set prof_accum:true in _RJEM_MALLOC_CONF or MALLOC_CONF, and restart the program"
                    .to_owned()
            }
        }
    }
}

fn no_tokio_why(executors: &[&str]) -> String {
    match executors {
        [] => "the program has none of its own".to_owned(),
        executors => {
            format!("the program has none of its own; its threads are run by {}", executors.join(", "))
        }
    }
}

const NO_AGES_FIX: &str = "wrap the allocator in rgops_agent::alloc::Sampling, which also works with jemalloc:\n\
     #[global_allocator]\n\
     static ALLOCATOR: rgops_agent::alloc::Sampling<Jemalloc> = rgops_agent::alloc::Sampling::new(Jemalloc);\n\
     or see what changed in a minute: rgops pprof-heap TARGET --duration 60s";

impl From<ClientError> for SessionError {
    fn from(error: ClientError) -> SessionError {
        SessionError::Client(match error {
            // A missed deadline and a disconnected peer have their own variants.
            ClientError::Connection(error) => ClientError::from(error),
            other => other,
        })
    }
}

impl From<Exhausted> for SessionError {
    fn from(exhausted: Exhausted) -> SessionError {
        SessionError::Client(exhausted.into())
    }
}

impl From<Refused> for SessionError {
    fn from(refused: Refused) -> SessionError {
        SessionError::Client(refused.into())
    }
}

impl From<AgentError> for SessionError {
    fn from(error: AgentError) -> SessionError {
        SessionError::Client(error.into())
    }
}

fn kind_of_agent(error: &AgentError) -> ErrorKind {
    match error.code() {
        Code::Internal | Code::Malformed => ErrorKind::Internal,
        Code::TimedOut => ErrorKind::TimedOut,
        Code::Refused
        | Code::Unauthenticated
        | Code::UnknownCommand
        | Code::UnknownVersion
        | Code::Busy
        | Code::NotAllowed
        | Code::Unsupported
        | Code::TooManyConnections => ErrorKind::Refused,
    }
}

fn kind_of_client(error: &ClientError) -> ErrorKind {
    match error {
        ClientError::Agent(error) => kind_of_agent(error),
        ClientError::ConnectionRefused { .. }
        | ClientError::AnotherProcess { .. }
        | ClientError::AnotherAgent
        | ClientError::NotAnAgent
        | ClientError::Ended
        | ClientError::Replaced
        | ClientError::Closed
        | ClientError::Disconnected => ErrorKind::NotFound,
        ClientError::AnotherListens { .. }
        | ClientError::Untrusted { .. }
        | ClientError::ForeignOwner { .. }
        | ClientError::NotAllowed { .. }
        | ClientError::TokenNeeded
        | ClientError::AuthenticationFailed
        | ClientError::UnsupportedCommand(_) => ErrorKind::Refused,
        ClientError::TimedOut
        | ClientError::TookTooLong { .. }
        | ClientError::NotFinished { .. }
        | ClientError::Exhausted(Exhausted::Time) => ErrorKind::TimedOut,
        ClientError::Exhausted(_) => ErrorKind::Partial,
        ClientError::Connection(_) | ClientError::Protocol(_) | ClientError::Unsupported => {
            ErrorKind::Internal
        }
    }
}

fn kind_of_resolve(error: &ResolveError) -> ErrorKind {
    match error {
        ResolveError::Ambiguous { .. } => ErrorKind::Usage,
        ResolveError::NoSuchProcess { .. }
        | ResolveError::NoSuchName { .. }
        | ResolveError::NoAgent { .. }
        | ResolveError::Ending { .. }
        | ResolveError::Zombie { .. }
        | ResolveError::NotASocket { .. } => ErrorKind::NotFound,
        ResolveError::Suspended { .. } => ErrorKind::TimedOut,
        ResolveError::LostAgent { lost, .. } => match lost.because {
            LostBecause::Foreign(_) | LostBecause::Denied => ErrorKind::Refused,
            _ => ErrorKind::NotFound,
        },
        ResolveError::OtherUser { .. }
        | ResolveError::OtherNamespace { .. }
        | ResolveError::Denied { .. }
        | ResolveError::SocketDenied { .. } => ErrorKind::Refused,
        ResolveError::System { error, .. } if error.kind() == io::ErrorKind::TimedOut => ErrorKind::TimedOut,
        ResolveError::System { .. } => ErrorKind::Internal,
    }
}

fn what_of_resolve(error: &ResolveError) -> String {
    match error {
        ResolveError::NoSuchProcess { pid } => format!("cannot find process {pid}"),
        ResolveError::NoSuchName { name, .. } => format!("cannot find a process named {name}"),
        ResolveError::Ambiguous { name, .. } => format!("cannot choose a process named {name}"),
        ResolveError::NoAgent { pid, name, .. }
        | ResolveError::LostAgent { pid, name, .. }
        | ResolveError::Suspended { pid, name, .. } => match name.is_empty() {
            true => format!("cannot inspect process {pid}"),
            false => format!("cannot inspect process {pid} ({name})"),
        },
        ResolveError::OtherUser { pid, .. }
        | ResolveError::OtherNamespace { pid, .. }
        | ResolveError::Denied { pid, .. }
        | ResolveError::Zombie { pid, .. }
        | ResolveError::Ending { pid } => {
            format!("cannot inspect process {pid}")
        }
        ResolveError::SocketDenied { path, .. } | ResolveError::NotASocket { path, .. } => {
            format!("cannot connect to {}", path.display())
        }
        ResolveError::System { target, .. } => format!("cannot search for {target}"),
    }
}

fn fix_of_resolve(error: &ResolveError) -> String {
    let list = "to list the Rust processes, run: rgops";
    match error {
        ResolveError::NoSuchProcess { .. }
        | ResolveError::NotASocket { .. }
        | ResolveError::Zombie { .. }
        | ResolveError::Ending { .. } => list.to_owned(),
        ResolveError::Suspended { pid, suspension, .. } => suspension.fix(*pid),
        ResolveError::OtherNamespace { pid, has_root: true, .. } => {
            format!("enter its user namespace: nsenter -U -t {pid} rgops …")
        }
        ResolveError::OtherNamespace { uid, .. } => {
            format!("run rgops as its user: sudo -u '#{uid}' rgops …")
        }
        ResolveError::NoSuchName { unreadable, unanswered, as_root, .. } => {
            let unreadable = match (unreadable, as_root) {
                (0, _) => String::new(),
                (count, false) => format!("{count} of other users visible only to root; "),
                (count, true) => format!("{count} hidden even from root: give a pid; "),
            };
            let unanswered = match unanswered {
                0 => String::new(),
                count => format!("{count} could not be inspected in time; "),
            };
            // The command is last, so that it can be pasted.
            format!("{unreadable}{unanswered}{list}")
        }
        ResolveError::Ambiguous { pids, .. } => {
            format!("give a pid, such as {}", pids.first().copied().unwrap_or_default())
        }
        ResolveError::NoAgent { is_rust, is_switched_off, .. } => {
            no_agent_fix(*is_rust, *is_switched_off).to_owned()
        }
        ResolveError::LostAgent { is_rust, lost, .. } => match lost.because {
            // The current program may never have had an agent.
            LostBecause::Silent if !is_rust => no_agent_fix(false, false).to_owned(),
            _ => lost.fix().to_owned(),
        },
        ResolveError::OtherUser { .. } => "run as that user or as root".to_owned(),
        ResolveError::Denied { is_elsewhere: true, .. } => {
            "enter the namespaces of the process with nsenter(1), then run rgops".to_owned()
        }
        // Nothing that this user can run makes it visible.
        ResolveError::Denied { .. } => String::new(),
        ResolveError::SocketDenied { as_root: true, .. } => "run rgops as the program's user".to_owned(),
        ResolveError::SocketDenied { .. } => "run rgops as the program's user, or as root".to_owned(),
        ResolveError::System { error, .. } => match error.kind() {
            io::ErrorKind::Unsupported => "give a socket path or host:port",
            io::ErrorKind::TimedOut => "try again; to list the Rust processes, run: rgops",
            _ => "",
        }
        .to_owned(),
    }
}

/// How to give a process an agent.
fn no_agent_fix(is_rust: bool, is_switched_off: bool) -> &'static str {
    match (is_switched_off, is_rust) {
        (true, true) => "it was started with RGOPS=off; start it without RGOPS=off",
        (false, true) => {
            "add two lines to the program and restart it:\n\
             Cargo.toml:       rgops-agent = \"0.1\"\n\
             main.rs, in main: rgops_agent::listen(rgops_agent::Options::default())?;"
        }
        (_, false) => "to list the Rust processes, run: rgops",
    }
}

#[cfg(test)]
mod tests {
    use rgops_protocol::codec;
    use rgops_protocol::received::{self, Speaker};

    use super::*;

    #[test]
    fn advice_from_another_users_program_is_not_a_fix() {
        let refusal = AgentError::new(Code::Busy, "cannot profile", "busy", "run evil as root");
        let bytes = codec::encode(&refusal).unwrap_or_default();
        let received =
            |speaker| received::decode::<AgentError>(&bytes, speaker).map(|(error, _)| error.into());
        let (Ok(own), Ok(another)): (Result<SessionError, _>, Result<SessionError, _>) =
            (received(Speaker::Own), received(Speaker::Another))
        else {
            unreachable!("it was encoded")
        };
        assert_eq!(
            (own.kind(), &*own.what(), &*own.fix()),
            (ErrorKind::Refused, "cannot profile", "run evil as root")
        );
        assert_eq!((another.kind(), &*another.fix()), (ErrorKind::Refused, ""));
        let words = "the program says: \"cannot profile: busy; fix: run evil as root\"";
        assert_eq!((&*another.what(), &*another.why()), ("the agent did not answer", words));
    }

    #[test]
    fn root_is_not_advised_to_run_as_root() {
        let error = |as_root| {
            let (name, unreadable, unanswered) = ("shop".to_owned(), 3, 2);
            SessionError::from(ResolveError::NoSuchName { name, unreadable, unanswered, as_root })
        };
        assert!(
            error(true)
                .fix()
                .ends_with("; 2 could not be inspected in time; to list the Rust processes, run: rgops")
        );
        assert!(error(false).fix().contains("3 of other users visible only to root"));
        assert!(error(true).fix().contains("3 hidden even from root"), "{}", error(true).fix());
        let denied = |as_root| {
            let (path, error) = ("/run/shop.sock".into(), io::ErrorKind::PermissionDenied.into());
            SessionError::from(ResolveError::SocketDenied { path, error, as_root })
        };
        assert_eq!(denied(false).kind(), ErrorKind::Refused);
        assert!(denied(false).fix().contains("as root") && !denied(true).fix().contains("root"));
    }

    #[test]
    fn a_process_that_does_not_answer_is_not_an_internal_error() {
        let error = |kind: io::ErrorKind| {
            let (target, error) = ("7".to_owned(), kind.into());
            SessionError::from(ResolveError::System { target, error })
        };
        let silent = error(io::ErrorKind::TimedOut);
        assert_eq!(
            (silent.kind(), &*silent.fix()),
            (ErrorKind::TimedOut, "try again; to list the Rust processes, run: rgops")
        );
        assert_eq!(error(io::ErrorKind::InvalidData).kind(), ErrorKind::Internal);
    }
}
