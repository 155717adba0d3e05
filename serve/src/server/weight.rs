//! The memory of answers that are being sent: a client that reads slowly keeps its answer for long.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::response::Response;
use rgops_http::reply::{Reply, try_again};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::pprof::Answered;

/// Bytes of a unit, because permits are counted in 32 bits.
const UNIT: usize = 1 << 10;
/// The most units of all answers together.
const UNITS: usize = (512 << 20) / UNIT;

/// The memory of all answers that are being sent.
#[derive(Debug, Clone)]
pub(super) struct Weight(Arc<Semaphore>);

impl Default for Weight {
    fn default() -> Weight {
        Weight(Arc::new(Semaphore::new(UNITS)))
    }
}

/// An answer's body, until it was sent.
struct Weighed {
    body: Bytes,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Weighed {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

impl Weight {
    /// The answer to send; 503 if others are so slow to read theirs that there is no memory for it. An answer that
    /// several share counts for each.
    pub(super) fn response(&self, answered: &Answered) -> Response {
        let units = u32::try_from(answered.body.len().div_ceil(UNIT)).unwrap_or(u32::MAX);
        let Ok(permit) = Arc::clone(&self.0).try_acquire_many_owned(units) else {
            return sent(try_again(
                "other clients are slow to read their answers",
                std::time::Duration::from_secs(5),
            ));
        };
        let body = Bytes::from_owner(Weighed { body: answered.body.clone(), _permit: permit });
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = answered.status;
        *response.headers_mut() = answered.headers.clone();
        response
    }
}

/// A small answer.
pub(super) fn sent(reply: Reply) -> Response {
    reply.map(Body::from)
}
