//! Sessions end after a time without requests. Each has its own timer task, as in real services, so there are always
//! many sleeping tasks.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::cart::Carts;

/// A session ends after this time without requests.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// Maximum number of sessions with a timer.
const MAX_SESSIONS: usize = 50_000;

/// All sessions, with the time of their last request.
#[derive(Debug, Default)]
pub(crate) struct Sessions(RwLock<HashMap<u64, Instant>>);

impl Sessions {
    /// Records a request of a session. A new session gets a task that waits for its end.
    pub(crate) fn record_request(self: &Arc<Self>, session: u64, carts: &Arc<Carts>) {
        let mut sessions = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() >= MAX_SESSIONS {
            return;
        }
        if sessions.insert(session, Instant::now()).is_none() {
            tokio::spawn(expire(Arc::clone(self), Arc::clone(carts), session));
        }
    }

    /// The number of sessions.
    pub(crate) fn count(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The end of the session if there are no more requests. Removes the session if that time has passed.
    fn end(&self, session: u64) -> Option<Instant> {
        let mut sessions = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let end = *sessions.get(&session)? + IDLE_TIMEOUT;
        if end <= Instant::now() {
            sessions.remove(&session);
            return None;
        }
        Some(end)
    }
}

async fn expire(sessions: Arc<Sessions>, carts: Arc<Carts>, session: u64) {
    while let Some(end) = sessions.end(session) {
        sleep_until(end).await;
    }
    carts.take(session).await;
}
