//! The heap at a moment.

use rgops_protocol::reply::pprof_heap::HeapCounters;

/// A moment of the heap.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Snapshot {
    /// Since the answer's beginning, in nanoseconds.
    pub time_ns: u64,
    /// Exact counters, and what sampling lost.
    pub counters: HeapCounters,
    /// The sampled blocks that live, where they were asked for.
    pub(in crate::heap) live: Vec<Live>,
}

/// A sampled block that lives at a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::heap) struct Live {
    pub(in crate::heap) stack: u32,
    /// When it was allocated, in nanoseconds since the answer's beginning; negative for before.
    pub(in crate::heap) birth_ns: i64,
    pub(in crate::heap) size_bytes: u64,
    pub(in crate::heap) mean_bytes: u64,
}
