//! Why a target text does not lead to an agent.

use std::io;
use std::path::PathBuf;

use super::process::{LostAgent, Suspension};

/// Why a target text does not lead to an agent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// There is no process with this pid.
    #[error("there is no such process")]
    NoSuchProcess {
        /// The requested pid.
        pid: u32,
    },
    /// No Rust process has this name.
    #[error("no Rust process has this name")]
    NoSuchName {
        /// The requested name.
        name: String,
        /// Processes that could not be read.
        unreadable: usize,
        /// Processes that could not be read in time, or were not read because of those.
        unanswered: usize,
        /// Whether the current user is root, so that no other user would see more.
        as_root: bool,
    },
    /// Several processes have this name.
    #[error("{} processes have this name: {}", pids.len(), joined(pids))]
    Ambiguous {
        /// The requested name.
        name: String,
        /// All of them, ascending.
        pids: Vec<u32>,
    },
    /// The process has no agent.
    #[error("{}", if *is_rust { "it has no agent" } else { "it is not a Rust program and has no agent" })]
    NoAgent {
        /// The process.
        pid: u32,
        /// Its name, from the process itself: to be escaped.
        name: String,
        /// Whether it is a Rust program.
        is_rust: bool,
        /// Whether it was started with `RGOPS=off`.
        is_switched_off: bool,
    },
    /// The process has ended, and its parent has not waited for it.
    #[error("it has ended: it is a zombie, which its parent (pid {parent}) has not waited for")]
    Zombie {
        /// The process.
        pid: u32,
        /// Its parent.
        parent: u32,
    },
    /// The process does not run, so its agent cannot answer.
    #[error("{}", suspension.why())]
    Suspended {
        /// The process.
        pid: u32,
        /// Its name, from the process itself: to be escaped.
        name: String,
        /// Why it does not run.
        suspension: Suspension,
    },
    /// The process is in another user namespace, as in a rootless container, whose users are not ours.
    #[error(
        "it runs in another user namespace (a rootless container?): its agent does not know the current user"
    )]
    OtherNamespace {
        /// The process.
        pid: u32,
        /// Its user, as we see it.
        uid: u32,
        /// Whether the namespace has a user 0.
        has_root: bool,
    },
    /// The process no longer has an executable.
    #[error("it has no executable any more: it is ending, or its main thread has ended")]
    Ending {
        /// The process.
        pid: u32,
    },
    /// The process has traces of an agent that cannot be asked.
    #[error("{lost}")]
    LostAgent {
        /// The process.
        pid: u32,
        /// Its name, from the process itself: to be escaped.
        name: String,
        /// Whether it is a Rust program.
        is_rust: bool,
        /// The traces of the agent.
        lost: LostAgent,
    },
    /// The process belongs to another user.
    #[error("it belongs to another user{}", uid.map(|uid| format!(" (uid {uid})")).unwrap_or_default())]
    OtherUser {
        /// The process.
        pid: u32,
        /// The other user, if known.
        uid: Option<u32>,
    },
    /// The system denies access to the process although it belongs to the current user, or this user is root:
    /// it runs in other namespaces, or is hidden or hardened.
    #[error("{}", match is_elsewhere {
        true => "the system denies access to it: it runs in other namespaces",
        false => "the system hides it, as hidepid, a sandbox and security modules do",
    })]
    Denied {
        /// The process.
        pid: u32,
        /// Whether it is seen to run in other namespaces, which can be entered.
        is_elsewhere: bool,
    },
    /// A path that the current user may not read.
    #[error("{error}")]
    SocketDenied {
        /// The path.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
        /// Whether the current user is root, so that root is denied also.
        as_root: bool,
    },
    /// A path that is not a socket.
    #[error("{why}")]
    NotASocket {
        /// The path.
        path: PathBuf,
        /// The system's reason, or that it is another kind of file.
        why: String,
    },
    /// The system could not answer.
    #[error("{error}")]
    System {
        /// The requested target.
        target: String,
        /// The system's reason.
        error: io::Error,
    },
}

fn joined(pids: &[u32]) -> String {
    let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
    pids.join(", ")
}
