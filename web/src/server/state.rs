//! What all requests share.

use std::sync::Arc;

use super::address::Address;
use super::secret::Secret;
use super::tickets::Tickets;
use super::work::Work;
use crate::analyser::Analyser;

/// What all requests share.
pub(super) struct State {
    pub(super) analyser: Arc<Analyser>,
    pub(super) address: Address,
    pub(super) secret: Secret,
    pub(super) token: Secret,
    pub(super) tickets: Tickets,
    pub(super) work: Work,
}
