//! The state that all connections of an agent share.

use std::sync::Arc;

use rgops_protocol::auth::Token;
use rgops_protocol::hello::AgentHello;

use super::connection_limit::ConnectionLimit;
use crate::collect::Context;

/// The state that all connections of an agent share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) context: Arc<Context>,
    pub(crate) hello: AgentHello,
    pub(crate) token: Option<Token>,
    /// Connections that are served now. Each way has its own limit, so that strangers on TCP cannot lock out the
    /// operator.
    pub(crate) local: ConnectionLimit,
    pub(crate) tcp: ConnectionLimit,
}
