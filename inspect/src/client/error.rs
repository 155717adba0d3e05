//! Why an agent could not be reached or did not answer.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use rgops_protocol::agreement::Disagreement;
use rgops_protocol::codec::{DecodeError, EncodeError};
use rgops_protocol::discovery::SocketName;
use rgops_protocol::error::Error as AgentError;

use crate::budget::Exhausted;

/// Why an agent could not be reached or did not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The agent answered with an error.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// The connection was refused, or the address does not exist.
    #[error("cannot connect to {address}: {error}")]
    ConnectionRefused {
        /// Path or `host:port`.
        address: String,
        /// The system's reason.
        error: io::Error,
    },
    /// The socket or the process behind it belongs to a user other than the current user and root.
    #[error("{} belongs to uid {uid}, not to this user or root", path.display())]
    ForeignOwner {
        /// The socket.
        path: PathBuf,
        /// Its owner, or its listener's.
        uid: u32,
    },
    /// The current user may not open the socket.
    #[error("cannot open {}: {error}", path.display())]
    NotAllowed {
        /// The socket.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// A different process answered than the one in the socket's name.
    #[error("pid {} (started at {}) answered instead of pid {} (started at {})",
        found.pid, found.start_time, expected.pid, expected.start_time)]
    AnotherProcess {
        /// The process in the socket's name.
        expected: SocketName,
        /// The process that answered.
        found: SocketName,
    },
    /// According to the kernel, a different process listens at the socket than the expected one.
    #[error("{} listens at {}, not pid {pid}", listener(*found), path.display())]
    AnotherListens {
        /// The socket.
        path: PathBuf,
        /// The expected process.
        pid: u32,
        /// The process that listens; 0 when it is outside the pid namespaces that this process sees.
        found: u32,
    },
    /// The file at this path cannot be an agent's socket, or another user could have put it there.
    #[error("{} is not trusted: {why}", path.display())]
    Untrusted {
        /// The socket or its directory.
        path: PathBuf,
        /// Why it is not trusted.
        why: String,
    },
    /// A different agent answers than in the previous connection.
    #[error("a different agent answers now: the program called listen again or replaced itself (execve)")]
    AnotherAgent,
    /// The peer does not speak the protocol.
    #[error("the peer is not an rgops agent")]
    NotAnAgent,
    /// The agent requires a token and none was given.
    #[error("this agent requires a token")]
    TokenNeeded,
    /// The agent could not prove that it knows the token.
    #[error("the peer does not know the token")]
    AuthenticationFailed,
    /// Both sides have no common version of the command.
    #[error(transparent)]
    UnsupportedCommand(#[from] UnsupportedCommand),
    /// The agent did not answer before the timeout.
    #[error("the agent did not answer in time")]
    TimedOut,
    /// Packets arrived, but not the last one.
    #[error("the answer was not complete after {:.1} s", waited.as_secs_f64())]
    TookTooLong {
        /// Time spent waiting for packets.
        waited: Duration,
    },
    /// The agent was asked to stop early and did not.
    #[error("the agent did not stop within {seconds} s of the request")]
    NotFinished {
        /// Time that the agent had.
        seconds: u64,
    },
    /// The command reached its limit of memory or time.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// The connection failed.
    #[error("the connection to the agent failed: {0}")]
    Connection(io::Error),
    /// The agent closed the connection in the middle of the answer: its process has probably ended.
    #[error("the agent closed the connection in the middle of the answer; its process may have ended")]
    Disconnected,
    /// The process ended.
    #[error("the process ended before it answered")]
    Ended,
    /// The process now runs another program, which does not have this agent.
    #[error("the program replaced itself (execve) before it answered")]
    Replaced,
    /// The agent closed the connection but its process still runs.
    #[error("the agent closed the connection before it answered; its process still runs")]
    Closed,
    /// The agent sent bytes that violate the protocol.
    #[error("the agent violated the protocol: {0}")]
    Protocol(String),
    /// rgops does not support local sockets on this system.
    #[error("local sockets are not supported on this system")]
    Unsupported,
}

/// Both sides have no common version of a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the agent (version {agent}) does not support this version of {command}")]
pub struct UnsupportedCommand {
    /// The command's name.
    pub command: &'static str,
    /// Version of the agent.
    pub agent: String,
    /// Which side is too old.
    pub why: Disagreement,
}

fn listener(pid: u32) -> String {
    match pid {
        0 => "a process outside this pid namespace".to_owned(),
        pid => format!("pid {pid}"),
    }
}

impl ClientError {
    /// How to fix it; empty when there is no fix.
    pub fn fix(&self) -> &str {
        match self {
            ClientError::Agent(error) => &error.fix,
            ClientError::ConnectionRefused { .. } => {
                "run `rgops` on its host to see which processes have an agent"
            }
            ClientError::ForeignOwner { .. } | ClientError::NotAllowed { .. } => {
                "run rgops as the program's user, or as root"
            }
            ClientError::AnotherProcess { .. } => {
                "run `rgops` to see which processes run: this one has ended, or another has taken its socket's place"
            }
            ClientError::AnotherListens { .. } => {
                "no request was sent; run `rgops PID` with the pid that listens to see what it is"
            }
            ClientError::Untrusted { .. } => {
                "no request was sent; start the program with RGOPS_DIR set to a directory that only its user can write"
            }
            ClientError::AnotherAgent => "run the command again: the new agent then answers",
            ClientError::NotAnAgent => {
                "check the address: it must be the one on which rgops_agent::listen listens"
            }
            ClientError::TokenNeeded => {
                "put the program's token into a file and pass --token-file FILE, or set RGOPS_TOKEN"
            }
            ClientError::AuthenticationFailed => {
                "do not trust this address: check that the address and the token are the program's"
            }
            ClientError::UnsupportedCommand(unsupported) => unsupported.why.fix(),
            ClientError::TimedOut => {
                "the process may be stopped (rgops PID shows its state); or wait longer with --timeout"
            }
            ClientError::Ended => "",
            ClientError::Replaced => {
                "run the command again if `rgops` marks the process with *: the new program then has an agent"
            }
            ClientError::Closed => {
                "run the command again; if `rgops` no longer marks the process with *, it closed its agent and has to call \
                 rgops_agent::listen again"
            }
            ClientError::TookTooLong { .. } | ClientError::Exhausted(Exhausted::Time) => {
                "wait longer with --timeout"
            }
            ClientError::Exhausted(Exhausted::File(_)) => "use a shorter time or a lower --hz",
            ClientError::NotFinished { .. } => "run `rgops` to see whether the process still runs",
            ClientError::Exhausted(Exhausted::Memory(_)) => {
                "use a shorter time or a lower --hz or --depth, or raise the limit with --max-memory"
            }
            ClientError::Connection(_) | ClientError::Disconnected => {
                "run `rgops` on its host to see whether the process still runs"
            }
            ClientError::Protocol(_) => "",
            ClientError::Unsupported => "use a TCP address, HOST:PORT",
        }
    }
}

impl From<io::Error> for ClientError {
    fn from(error: io::Error) -> ClientError {
        match error.kind() {
            // A read or write timeout of a socket is EAGAIN (socket(7), SO_RCVTIMEO).
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => ClientError::TimedOut,
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted => ClientError::Disconnected,
            _ => ClientError::Connection(error),
        }
    }
}

impl From<DecodeError> for ClientError {
    fn from(error: DecodeError) -> ClientError {
        ClientError::Protocol(error.to_string())
    }
}

impl From<EncodeError> for ClientError {
    fn from(error: EncodeError) -> ClientError {
        ClientError::Protocol(error.to_string())
    }
}
