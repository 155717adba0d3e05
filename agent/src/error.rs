//! The errors of `listen`. Each text states the fix.

use std::io;
use std::path::PathBuf;

/// Why [`crate::listen`] failed. The program can continue without an agent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// This process has an agent already.
    #[error("an agent is already listening at {0}; close it first")]
    AlreadyListening(String),
    /// Another thread is inside `listen` or `close`.
    #[error("another thread is starting or closing the agent")]
    Underway,
    /// The socket directory cannot be created or read.
    #[error("cannot use {} for the agent's socket: {error}; set RGOPS_DIR (or Options::directory, if the program \
         calls it) to a directory this user can write", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// The socket directory is not safe.
    #[error("refused {} for the agent's socket: {why}", path.display())]
    UnsafeDirectory {
        /// The directory.
        path: PathBuf,
        /// The reason and the fix.
        why: String,
    },
    /// The socket cannot be created.
    #[error("cannot listen on {address}: {error}")]
    Socket {
        /// The path or address.
        address: String,
        /// The system's reason.
        error: io::Error,
    },
    /// The TCP address is invalid or not allowed.
    #[error("cannot listen on {address}: {why}")]
    Address {
        /// What was given.
        address: String,
        /// Why not.
        why: String,
    },
    /// TCP was requested without a token.
    #[error(
        "cannot listen on {0} without a token; add Options::token_file or Options::token_from_environment"
    )]
    NoToken(String),
    /// The token is not available. The text never contains the token.
    #[error("cannot use the token: {0}")]
    Token(String),
    /// The signal of `Options::signal` cannot be used.
    #[error(
        "cannot capture with signal {number}: {why}; use SIGPROF, SIGVTALRM, SIGUSR1, SIGUSR2 or a real-time signal"
    )]
    Signal {
        /// What was given.
        number: i32,
        /// Why not.
        why: &'static str,
    },
    /// The engine of `Options::cpu_engine` is not in this build.
    #[error("cannot take CPU profiles with engine {name}: {why}")]
    Engine {
        /// Its name in profiles.
        name: &'static str,
        /// The reason and the fix.
        why: &'static str,
    },
    /// The agent's thread or its runtime cannot be started.
    #[error("cannot start the agent's thread: {0}")]
    Thread(io::Error),
    /// Neither a local socket nor TCP was requested.
    #[error("no address to listen on: Options::without_local_socket needs Options::tcp")]
    Nowhere,
    /// The agent does not support this system yet.
    #[error("the agent is not supported on this system: it works only on Linux so far")]
    Unsupported,
}

impl From<ListenError> for io::Error {
    fn from(error: ListenError) -> io::Error {
        let kind = match &error {
            ListenError::AlreadyListening(_) => io::ErrorKind::AlreadyExists,
            ListenError::Directory { error, .. } | ListenError::Socket { error, .. } => error.kind(),
            ListenError::Thread(error) => error.kind(),
            ListenError::UnsafeDirectory { .. } => io::ErrorKind::PermissionDenied,
            ListenError::Address { .. }
            | ListenError::NoToken(_)
            | ListenError::Signal { .. }
            | ListenError::Nowhere => io::ErrorKind::InvalidInput,
            ListenError::Engine { .. } | ListenError::Unsupported => io::ErrorKind::Unsupported,
            ListenError::Underway | ListenError::Token(_) => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}
