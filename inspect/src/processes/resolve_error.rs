//! Why a target text does not lead to an agent.

use std::io;
use std::path::PathBuf;

use super::process::LostAgent;

/// Why a target text means nothing that can be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// There is no process with this pid.
    #[error("there is no such process")]
    NoSuchProcess {
        /// The pid asked for.
        pid: u32,
    },
    /// No Rust process has this name.
    #[error("no Rust process has this name")]
    NoSuchName {
        /// The name asked for.
        name: String,
        /// Processes that could not be looked at.
        unreadable: usize,
        /// Processes that did not let themselves be looked at in time, or were not looked at because of those.
        unanswered: usize,
        /// Whether we are root, so that nobody would see more.
        as_root: bool,
    },
    /// Several processes have this name.
    #[error("{} processes have this name: {}", pids.len(), joined(pids))]
    Ambiguous {
        /// The name asked for.
        name: String,
        /// All of them, ascending.
        pids: Vec<u32>,
    },
    /// The process has no agent.
    #[error("{}", if *is_rust { "it has no agent" } else { "it is no Rust program and has no agent" })]
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
    /// There are traces of an agent in the process, and it cannot be asked.
    #[error("{lost}")]
    LostAgent {
        /// The process.
        pid: u32,
        /// Its name, from the process itself: to be escaped.
        name: String,
        /// Whether it is a Rust program.
        is_rust: bool,
        /// What is left of the agent.
        lost: LostAgent,
    },
    /// The process is another user's.
    #[error("it belongs to another user{}", uid.map(|uid| format!(" (uid {uid})")).unwrap_or_default())]
    OtherUser {
        /// The process.
        pid: u32,
        /// Whose, where that is known.
        uid: Option<u32>,
    },
    /// The system does not let us look at the process although it is ours, or we are root: it runs
    /// in another user namespace, or is hardened.
    #[error("the system denies access to it")]
    Denied {
        /// The process.
        pid: u32,
    },
    /// A path that we may not look at.
    #[error("{error}")]
    SocketDenied {
        /// The path.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
        /// Whether we are root, who may not either.
        as_root: bool,
    },
    /// A path that is no socket.
    #[error("{why}")]
    NotASocket {
        /// The path.
        path: PathBuf,
        /// The system's reason, or that it is another kind of file.
        why: String,
    },
    /// The system does not tell.
    #[error("{error}")]
    System {
        /// What was asked for.
        target: String,
        /// The system's reason.
        error: io::Error,
    },
}

fn joined(pids: &[u32]) -> String {
    let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
    pids.join(", ")
}
