//! The heap at one moment.

use rgops_protocol::reply::pprof_heap::HeapCounters;

/// The heap at one moment.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Snapshot {
    /// Time since the start of the answer, in nanoseconds.
    pub time_ns: u64,
    /// Exact counters, and losses of the sampling.
    pub counters: HeapCounters,
    /// The live sampled blocks, if requested.
    pub(in crate::heap) live: Vec<Live>,
}

/// A sampled block that is live at a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::heap) struct Live {
    pub(in crate::heap) stack: u32,
    /// When it was allocated, in nanoseconds since the start of the answer; negative if before.
    pub(in crate::heap) birth_ns: i64,
    pub(in crate::heap) size_bytes: u64,
    pub(in crate::heap) mean_bytes: u64,
}
