//! How many connections are served at a time.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many connections may be served at a time.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) connections: u64,
    taken: AtomicU64,
}

impl Room {
    pub(crate) fn for_connections(connections: u64) -> Room {
        Room { connections, taken: AtomicU64::new(0) }
    }

    pub(crate) fn enter(&self) -> bool {
        let taken = |taken| (taken < self.connections).then_some(taken + 1);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok()
    }

    pub(crate) fn leave(&self) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
    }
}
