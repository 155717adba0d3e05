//! Asks an agent: connects, checks who answers, sends one request and reads the answer's packets.

use std::path::PathBuf;
use std::time::Duration;

use rgops_protocol::auth::Token;
use rgops_protocol::codec::Decode;
use rgops_protocol::discovery::SocketName;
use rgops_protocol::error::Error as AgentError;
use rgops_protocol::hello::AgentHello;
use rgops_protocol::reply::{End, Progress};
use rgops_protocol::request::Request;

/// Where an agent listens.
#[derive(Debug, Clone)]
pub enum Endpoint {
    /// A local socket. It is refused when its owner or peer is another user than us or root.
    Local {
        /// Path of the socket, possibly through `/proc/PID/root`.
        path: PathBuf,
        /// Who must answer: the hello's pid and start time are held against it.
        expected: Option<SocketName>,
    },
    /// A TCP address, `host:port`.
    Tcp {
        /// `host:port`.
        address: String,
        /// The shared token; without one the agent refuses.
        token: Option<Token>,
    },
}

/// How long to wait.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// For the connection and the handshake.
    pub connect: Duration,
    /// For the next packet of an answer; agents send progress at least every second.
    pub silence: Duration,
}

/// Why an agent could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The agent answered with an error.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// placeholder (the client's author completes this list)
    #[error("{0}")]
    Other(String),
}

/// A connection to an agent, greeted and checked.
#[derive(Debug)]
pub struct Client {}

impl Client {
    /// Connects and shakes hands.
    pub fn connect(_endpoint: &Endpoint, _timeouts: Timeouts) -> Result<Client, ClientError> {
        Err(ClientError::Other("not written yet".into()))
    }

    /// Who answered.
    pub fn hello(&self) -> &AgentHello {
        unimplemented!()
    }

    /// Sends the one request of this connection.
    pub fn ask(self, _request: &Request) -> Result<Answer, ClientError> {
        Err(ClientError::Other("not written yet".into()))
    }
}

/// An answer as it arrives.
#[derive(Debug)]
pub struct Answer {}

/// A packet of an answer.
#[derive(Debug)]
pub enum Event {
    /// How far the command is.
    Progress(Progress),
    /// A part, to be decoded as the command's part type.
    Data(Vec<u8>),
    /// The answer is complete.
    End(End),
}

/// What arrived: all parts up to the end, or up to an error (partial results are kept).
#[derive(Debug)]
pub struct Collected<T> {
    /// The decoded parts, in order.
    pub parts: Vec<T>,
    /// How it ended.
    pub end: Result<End, ClientError>,
}

impl Answer {
    /// Waits for the next packet.
    pub fn next_event(&mut self) -> Result<Event, ClientError> {
        Err(ClientError::Other("not written yet".into()))
    }

    /// Reads all parts, telling `on_progress` of each progress packet.
    pub fn collect<T: Decode<()>>(&mut self, _on_progress: &mut dyn FnMut(&Progress)) -> Collected<T> {
        Collected { parts: Vec::new(), end: Err(ClientError::Other("not written yet".into())) }
    }

    /// A handle by which another thread (the Ctrl-C handler) asks the agent to finish early and
    /// send what it has.
    pub fn finisher(&self) -> Finisher {
        Finisher {}
    }
}

/// Asks the agent to end the running command and send what was gathered.
#[derive(Debug, Clone)]
pub struct Finisher {}

impl Finisher {
    /// Sends the `Finish` packet; errors show up in the answer.
    pub fn finish(&self) {}
}
