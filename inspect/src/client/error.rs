//! Why an agent could not be asked, or did not answer.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use rgops_protocol::agreement::Disagreement;
use rgops_protocol::codec::{DecodeError, EncodeError};
use rgops_protocol::discovery::SocketName;
use rgops_protocol::error::Error as AgentError;

use crate::budget::Exhausted;

/// Why an agent could not be asked, or did not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The agent answered with an error.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// Nobody listens there.
    #[error("nobody listens at {address}: {error}")]
    ConnectionRefused {
        /// Path or `host:port`.
        address: String,
        /// The system's reason.
        error: io::Error,
    },
    /// The socket or the process behind it belongs to a user that is neither us nor root.
    #[error("{} belongs to uid {uid}, not to this user or root", path.display())]
    ForeignOwner {
        /// The socket.
        path: PathBuf,
        /// Its owner, or its listener's.
        uid: u32,
    },
    /// We may not open the socket.
    #[error("cannot open {}: {error}", path.display())]
    NotAllowed {
        /// The socket.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// Another process than the socket's name says answered.
    #[error("pid {} (started at {}) answered instead of pid {} (started at {})",
        found.pid, found.start_time, expected.pid, expected.start_time)]
    AnotherProcess {
        /// Whom the name promised.
        expected: SocketName,
        /// Who answered.
        found: SocketName,
    },
    /// The kernel says that another process listens there than the one that was meant.
    #[error("{} listens at {}, not pid {pid}", listener(*found), path.display())]
    AnotherListens {
        /// The socket.
        path: PathBuf,
        /// Who was meant.
        pid: u32,
        /// Who listens; 0 when it is in no pid namespace we see.
        found: u32,
    },
    /// What the path leads to cannot be a socket of an agent, or others could have put it there.
    #[error("{} is not to be trusted: {why}", path.display())]
    Untrusted {
        /// The socket or its directory.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Another agent answers than the one that was asked before.
    #[error("another agent answers there now: the program called listen again, or replaced itself (execve)")]
    AnotherAgent,
    /// What answered does not speak the protocol.
    #[error("what listens there is no rgops agent")]
    NotAnAgent,
    /// The agent asks for a token and none was given.
    #[error("this agent asks for a token")]
    TokenNeeded,
    /// The agent could not prove that it knows the token.
    #[error("what listens there does not know the token")]
    AuthenticationFailed,
    /// There is no version of the command that both sides know.
    #[error(transparent)]
    UnsupportedCommand(#[from] UnsupportedCommand),
    /// Nothing came in time.
    #[error("the agent did not answer in time")]
    TimedOut,
    /// Packets came, but never the last one.
    #[error("the answer was not complete after {:.1} s", waited.as_secs_f64())]
    TookTooLong {
        /// How long it was waited for packets.
        waited: Duration,
    },
    /// The agent was asked to end early and did not.
    #[error("the agent did not end within {seconds} s of being asked to")]
    NotFinished {
        /// How long it had.
        seconds: u64,
    },
    /// The command may not take more memory, or more time.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// The connection broke.
    #[error("the connection to the agent broke: {0}")]
    Connection(io::Error),
    /// The agent ended the connection in the middle of the answer: its process has probably ended.
    #[error("the agent hung up in the middle of the answer; its process may have ended")]
    Disconnected,
    /// The process ended.
    #[error("the process ended before it had answered")]
    Ended,
    /// The process is another program now, which has not this agent.
    #[error("the program replaced itself (execve) before it had answered")]
    Replaced,
    /// The agent ended the connection though its process lives.
    #[error("the agent hung up before it had answered; its process lives")]
    Closed,
    /// The agent's bytes are against the protocol.
    #[error("the agent sent what no agent sends: {0}")]
    Protocol(String),
    /// There are no local sockets of ours on this system.
    #[error("local sockets are unsupported here; ask a host:port")]
    Unsupported,
}

/// There is no version of a command that both sides know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the agent (version {agent}) does not answer this version of {command}")]
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
        0 => "a process that this pid namespace does not show".to_owned(),
        pid => format!("pid {pid}"),
    }
}

impl ClientError {
    /// What mends it, empty when nothing does.
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
                "run `rgops` to see who lives: the process has ended, or another has taken its socket's place"
            }
            ClientError::AnotherListens { .. } => {
                "nothing was asked; `rgops PID`, with the pid that listens, shows what it is"
            }
            ClientError::Untrusted { .. } => {
                "nothing was asked; start the program with RGOPS_DIR set to a directory that only its user can write"
            }
            ClientError::AnotherAgent => "ask again: the answer is then of the new agent",
            ClientError::NotAnAgent => "check the address: it must be that of rgops_agent::listen",
            ClientError::TokenNeeded => {
                "put the program's token into a file and pass --token-file FILE, or set RGOPS_TOKEN"
            }
            ClientError::AuthenticationFailed => {
                "do not trust this address: check it, and that the token is the program's"
            }
            ClientError::UnsupportedCommand(unsupported) => unsupported.why.fix(),
            ClientError::TimedOut => {
                "the process may be stopped (rgops PID shows its state); or wait longer with --timeout"
            }
            ClientError::Ended => "",
            ClientError::Replaced => {
                "ask again if `rgops` marks the process with *: then the new program has an agent"
            }
            ClientError::Closed => {
                "ask again; if `rgops` does not mark the process with * any more, it closed its agent: it has to call \
                 rgops_agent::listen again"
            }
            ClientError::TookTooLong { .. } | ClientError::Exhausted(Exhausted::Time) => {
                "wait longer with --timeout"
            }
            ClientError::Exhausted(Exhausted::File(_)) => "ask for a shorter time, or a lower --hz",
            ClientError::NotFinished { .. } => "run `rgops` to see whether the process lives",
            ClientError::Exhausted(Exhausted::Memory(_)) => {
                "ask for less (a shorter time, a lower --hz or --depth), or allow more with --max-memory"
            }
            ClientError::Connection(_) | ClientError::Disconnected => {
                "run `rgops` on its host to see whether the process lives"
            }
            ClientError::Protocol(_) => "",
            ClientError::Unsupported => "use a TCP address",
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
