//! What all requests share.

use std::sync::Arc;

use rgops_http::access::Access;
use rgops_web::listening::Tickets;

use super::numbers::Numbers;
use super::weight::Weight;
use crate::fleet::Fleet;
use crate::pprof::Flights;

/// What all requests share.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) fleet: Fleet,
    pub(super) flights: Arc<Flights>,
    pub(super) numbers: Arc<Numbers>,
    pub(super) weight: Weight,
}

/// What lets a request in.
pub(super) struct Gate {
    pub(super) access: Access,
    pub(super) tickets: Tickets,
    /// Counts answers.
    pub(super) numbers: Arc<Numbers>,
}
