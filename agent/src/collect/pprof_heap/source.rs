//! Where snapshots come from.

use rgops_protocol::reply::Note;
use rgops_protocol::reply::pprof_heap::HeapStart;

use crate::collect::{Sink, Stop};

/// Where snapshots come from.
pub(super) trait Source {
    /// What is said before the first.
    fn start(&self, unix_ns: u64) -> HeapStart;

    /// Sends what belongs between `Snapshot` and the end of `Counters`, that included; how many samples
    /// there are.
    async fn snapshot(&mut self, sink: &Sink, with_blocks: bool) -> Result<u64, Stop>;

    /// What the answer lacks.
    fn notes(&self) -> Vec<Note>;
}
