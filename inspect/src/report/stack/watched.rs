//! Which threads did not move between two dumps.

use std::collections::HashMap;

use rgops_protocol::reply::stack::{Capture, StackPart, ThreadStack};

use super::report::StackReport;
use super::thread::{Moved, Thread};

/// What the first dump kept of a thread.
#[derive(Debug)]
struct Before {
    cpu_ns: Option<u64>,
    /// The addresses of its stack.
    addresses: Vec<u64>,
    /// Whether a signal of the agent ran it.
    by_signal: bool,
}

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
        let before = |thread: ThreadStack| {
            let before = Before {
                cpu_ns: thread.cpu_ns.value().copied(),
                addresses: thread.stack.frames,
                by_signal: matches!(thread.capture, Capture::Signal { .. }),
            };
            (thread.tid, before)
        };
        Watched(threads.flatten().map(before).collect())
    }

    fn moved(&self, thread: &Thread, for_ns: u64) -> Moved {
        let Some(before) = self.0.get(&thread.tid) else { return Moved::Unknown };
        let (Some(cpu_before), Some(cpu_now)) = (before.cpu_ns, thread.cpu_ns.value()) else {
            return Moved::Unknown;
        };
        if before.addresses.is_empty() || thread.addresses.is_empty() {
            return Moved::Unknown;
        }
        let has_its_stack = before.addresses == thread.addresses;
        match cpu_before == *cpu_now {
            // The clock counts nanoseconds: a thread that ran has another one.
            true if has_its_stack => Moved::Not { for_ns },
            false if has_its_stack && before.by_signal => Moved::Unknown,
            _ => Moved::Ran,
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
