//! Where an agent listens, and how long it is waited for.

use std::path::PathBuf;
use std::time::Duration;

use rgops_protocol::auth::Token;
use rgops_protocol::discovery::SocketName;

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
    /// For the name's address, the connection and the handshake together.
    pub connect: Duration,
    /// For the next packet of an answer; agents send progress at least every two seconds. Over all packets
    /// of an answer together it is waited so long, and as long as was asked for.
    pub silence: Duration,
}
