//! What every connection of an agent shares.

use std::sync::Arc;

use rgops_protocol::auth::Token;
use rgops_protocol::hello::AgentHello;

use super::room::Room;
use crate::collect::Context;

/// What every connection of an agent shares.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) context: Arc<Context>,
    pub(crate) hello: AgentHello,
    pub(crate) token: Option<Token>,
    /// Connections served now, by how they came: strangers on TCP must not lock out the operator.
    pub(crate) local: Room,
    pub(crate) tcp: Room,
}
