//! Why there is no server.

use std::io;
use std::net::SocketAddr;

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address is not one.
    #[error(
        "{address:?} is not an address to listen on: {why}. Write HOST:PORT, such as 127.0.0.1:8080, or :8080"
    )]
    Address {
        /// What was given.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// The system refuses to listen there.
    #[error("cannot listen on {address}: {source}. Port 0 takes a free one")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// The system has no random numbers or no threads.
    #[error("cannot start a server: {0}")]
    Start(String),
}
