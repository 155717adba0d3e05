//! Where an agent listens, and the timeouts of a connection.

use std::path::PathBuf;
use std::time::Duration;

use rgops_protocol::auth::Token;
use rgops_protocol::discovery::SocketName;

/// Where an agent listens.
#[derive(Debug, Clone)]
pub enum Endpoint {
    /// A local socket. It is refused when its owner or peer is a user other than the current user or root.
    Local {
        /// Path of the socket, possibly through `/proc/PID/root`.
        path: PathBuf,
        /// The process that must answer: it is compared with the hello's pid and start time.
        expected: Option<SocketName>,
    },
    /// A TCP address, `host:port`.
    Tcp {
        /// `host:port`.
        address: String,
        /// The shared token; without one the agent refuses the connection.
        token: Option<Token>,
    },
}

/// Timeouts of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// For name resolution, connection and handshake together.
    pub connect: Duration,
    /// For the next packet of an answer; agents send progress at least every two seconds. The limit for all
    /// packets of an answer together is this plus the requested duration.
    pub silence: Duration,
}
