//! What the tests read from answers.

use std::collections::HashSet;

use rgops_protocol::reply::StackEnd;
use rgops_protocol::reply::memstats::MemstatsReply;
use rgops_protocol::reply::pprof_heap::{HeapStack, PprofHeapPart};
use rgops_protocol::reply::stack::ThreadStack;
use rgops_protocol::reply::stats::StatsReply;
use rgops_protocol::reply::version::VersionReply;
use rgops_protocol::request::{MemstatsRequest, PprofHeapRequest, Request, StatsRequest, VersionRequest};
use rgops_tests::itself::Itself;

use crate::target::DEPTH;

pub(super) fn find<'t>(threads: &'t [ThreadStack], name: &str) -> &'t ThreadStack {
    threads.iter().find(|thread| thread.name == name).unwrap()
}

pub(super) fn is_whole(thread: &ThreadStack) -> bool {
    thread.stack.end == StackEnd::Root && thread.stack.frames.len() > DEPTH as usize
}

/// Runs every command that captures no stack.
pub(super) fn run_other_commands(target: &Itself) {
    let stats = target.ask::<StatsReply>(&Request::Stats(StatsRequest { window_ms: 50 })).unwrap();
    stats.end.unwrap();
    target.ask::<MemstatsReply>(&Request::Memstats(MemstatsRequest {})).unwrap().end.unwrap();
    target.ask::<VersionReply>(&Request::Version(VersionRequest {})).unwrap().end.unwrap();
}

/// Number of sampled blocks, and of those with a complete stack.
pub(super) fn heap_samples(target: &Itself) -> (u64, u64) {
    let request = Request::PprofHeap(PprofHeapRequest { duration_ms: 0, interval_ms: 0, live: false });
    let answer = target.ask::<PprofHeapPart>(&request).unwrap();
    answer.end.unwrap();
    let mut whole_stacks = HashSet::new();
    let (mut samples, mut whole) = (0, 0);
    for part in answer.parts {
        match part {
            PprofHeapPart::Stacks(stacks) => {
                let is_whole = |stack: &&HeapStack| stack.stack.end == StackEnd::Root;
                whole_stacks.extend(stacks.iter().filter(is_whole).map(|stack| stack.id));
            }
            PprofHeapPart::Buckets(buckets) => {
                for bucket in buckets {
                    samples += bucket.allocated.samples;
                    whole += if whole_stacks.contains(&bucket.stack) { bucket.allocated.samples } else { 0 };
                }
            }
            _ => {}
        }
    }
    (samples, whole)
}
