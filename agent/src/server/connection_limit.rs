//! A limit on the connections that are served at a time.

use std::sync::atomic::{AtomicU64, Ordering};

/// A limit on the connections that are served at a time, and their current number.
#[derive(Debug)]
pub(crate) struct ConnectionLimit {
    pub(crate) max: u64,
    open: AtomicU64,
}

impl ConnectionLimit {
    pub(crate) fn new(max: u64) -> ConnectionLimit {
        ConnectionLimit { max, open: AtomicU64::new(0) }
    }

    /// Counts a connection, unless the limit is reached.
    pub(crate) fn enter(&self) -> bool {
        let next = |open| (open < self.max).then_some(open + 1);
        self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }

    pub(crate) fn leave(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}
