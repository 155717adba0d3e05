//! The interface of the two sources of snapshots: the wrapper, and jemalloc's profiler.

use rgops_protocol::reply::Note;
use rgops_protocol::reply::pprof_heap::HeapStart;

use crate::collect::{Sink, Stop};

/// A source of snapshots.
pub(super) trait Source {
    /// The part that precedes the first snapshot.
    fn start(&self, unix_ns: u64) -> HeapStart;

    /// Sends the parts after `Snapshot`, up to and including `Counters`. Returns the number of samples.
    async fn snapshot(&mut self, sink: &Sink, with_blocks: bool) -> Result<u64, Stop>;

    /// The notes that report what the answer lacks.
    fn notes(&self) -> Vec<Note>;
}
