//! The agent's counters about itself. `rgops stats` shows them, so that nothing is refused or dropped
//! silently.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only increases.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counters of one agent, in the order of `reply::stats::AgentStats`.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) connections: Counter,
    pub(crate) open_connections: AtomicU64,
    pub(crate) requests: Counter,
    pub(crate) refused_users: Counter,
    pub(crate) refused_tokens: Counter,
    pub(crate) refused_limits: Counter,
    pub(crate) malformed: Counter,
    pub(crate) busy: Counter,
    pub(crate) cancelled: Counter,
    pub(crate) dropped: Counter,
    pub(crate) sent_bytes: Counter,
    pub(crate) denied: Counter,
}
