//! Sessions end when nothing was heard of them for a while: one timer task each, as real services
//! have them, so that there is always a crowd of sleeping tasks.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::cart::Carts;

/// A session is over when it was quiet for so long.
const QUIET: Duration = Duration::from_secs(20);
/// More sessions than this are not kept alive.
const MOST: usize = 50_000;

/// All sessions with the time each was last heard of.
#[derive(Debug, Default)]
pub(crate) struct Sessions(RwLock<HashMap<u64, Instant>>);

impl Sessions {
    /// Notes that a session is alive; a new one gets a task that waits for its end.
    pub(crate) fn heard_of(self: &Arc<Self>, session: u64, carts: &Arc<Carts>) {
        let mut sessions = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() >= MOST {
            return;
        }
        if sessions.insert(session, Instant::now()).is_none() {
            tokio::spawn(expire(Arc::clone(self), Arc::clone(carts), session));
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// When the session is over, should nothing more be heard of it; removes it when that is past.
    fn end(&self, session: u64) -> Option<Instant> {
        let mut sessions = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let end = *sessions.get(&session)? + QUIET;
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
