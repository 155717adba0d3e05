//! Which threads did not move between two dumps.

use std::collections::HashMap;

use rgops_protocol::reply::stack::{StackPart, ThreadStack};

use super::report::StackReport;
use super::thread::{Moved, Thread};

/// What the first dump kept of a thread: its CPU time, and the addresses of its stack.
type Before = (Option<u64>, Vec<u64>);

/// The threads of the first dump.
#[derive(Debug, Default)]
pub(crate) struct Watched(HashMap<u32, Before>);

impl Watched {
    /// From the parts of a dump.
    pub(crate) fn new(parts: Vec<StackPart>) -> Watched {
        let threads = parts.into_iter().filter_map(|part| match part {
            StackPart::Threads(threads) => Some(threads),
            _ => None,
        });
        let before =
            |thread: ThreadStack| (thread.tid, (thread.cpu_ns.value().copied(), thread.stack.frames));
        Watched(threads.flatten().map(before).collect())
    }

    fn moved(&self, thread: &Thread, for_ns: u64) -> Moved {
        let Some((cpu_ns, addresses)) = self.0.get(&thread.tid) else { return Moved::Unknown };
        match (cpu_ns, thread.cpu_ns.value()) {
            (Some(before), Some(now)) if before != now => Moved::Ran,
            (Some(_), Some(_)) if addresses.is_empty() || thread.addresses.is_empty() => Moved::Unknown,
            // The clock counts nanoseconds: a thread that ran has another one.
            (Some(_), Some(_)) if *addresses == thread.addresses => Moved::Not { for_ns },
            (Some(_), Some(_)) => Moved::Ran,
            _ => Moved::Unknown,
        }
    }
}

impl StackReport {
    /// Marks the threads that did not move since the first dump, which ended `for_ns` before this one began.
    pub(crate) fn mark_moved(&mut self, watched: &Watched, for_ns: u64) {
        self.watched_ns = Some(for_ns);
        for thread in &mut self.threads {
            thread.moved = Some(watched.moved(thread, for_ns));
        }
    }
}
