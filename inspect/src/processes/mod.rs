//! Finds processes: which are Rust, which have an agent, what a target name means.

use rgops_protocol::auth::Token;

use crate::client::Endpoint;

/// What a target text meant.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where to ask.
    pub endpoint: Endpoint,
    /// The process in our own pid namespace, when it is on this host: its `/proc/PID` has the
    /// files that symbols come from.
    pub local_pid: Option<u32>,
}

/// Why a target text means nothing that can be asked (placeholder; `processes`' author completes it).
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// placeholder
    #[error("{0}")]
    Other(String),
}

/// Finds the agent a target names: a pid, a unique process name, a socket path or `host:port`.
pub fn resolve(_target: &str, _token: Option<Token>) -> Result<Target, ResolveError> {
    Err(ResolveError::Other("not written yet".into()))
}
