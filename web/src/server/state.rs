//! What all requests share.

use std::sync::Arc;

use super::address::Address;
use super::secret::Secret;
use super::tickets::Tickets;
use super::work::Work;
use crate::analyser::Analyser;

/// What the answers about a profile share.
pub(super) struct State {
    pub(super) analyser: Arc<Analyser>,
    /// The path that all addresses begin with, without a `/` at its end.
    pub(super) base: String,
    /// What forms send back, so that only our pages change something.
    pub(super) token: Secret,
    pub(super) work: Work,
}

/// What lets a request in.
pub(super) struct Gate {
    pub(super) address: Address,
    pub(super) secret: Secret,
    pub(super) tickets: Tickets,
}
