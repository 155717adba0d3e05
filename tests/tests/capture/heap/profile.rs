//! A heap profile of the program `sampled`, assembled from the parts of an answer.

use std::collections::HashMap;

use rgops_protocol::reply::pprof_heap::{
    Estimate, ExactCounters, HeapCounters, HeapStart, LiveBlock, PprofHeapPart,
};
use rgops_protocol::reply::{Module, Stack};
use rgops_protocol::request::{PprofHeapRequest, Request};
use rgops_tests::asking::ask;
use rgops_tests::directory::Directory;
use rgops_tests::target::Target;
use rgops_tests::waiting::until;

pub(super) fn start(directory: &Directory) -> Target {
    Target::run(directory, std::process::Command::new(env!("CARGO_BIN_EXE_sampled")), |_| {})
}

/// The last snapshot of an answer, assembled.
#[derive(Debug, Default)]
pub(super) struct Profile {
    pub(super) start: Option<HeapStart>,
    pub(super) modules: Vec<Module>,
    pub(super) stacks: HashMap<u32, Stack>,
    pub(super) sums: HashMap<u32, (Estimate, Estimate)>,
    /// The totals of each snapshot.
    pub(super) totals: Vec<(Estimate, Estimate)>,
    pub(super) live: Vec<LiveBlock>,
    pub(super) counters: HeapCounters,
}

impl Profile {
    pub(super) fn new(parts: Vec<PprofHeapPart>) -> Profile {
        let mut profile = Profile::default();
        for part in parts {
            match part {
                PprofHeapPart::Start(start) => profile.start = Some(start),
                PprofHeapPart::Modules(modules) => profile.modules = modules,
                PprofHeapPart::Stacks(stacks) => {
                    for stack in stacks {
                        assert!(profile.stacks.insert(stack.id, stack.stack).is_none(), "sent twice");
                    }
                }
                PprofHeapPart::Snapshot(_) => profile.live.clear(),
                PprofHeapPart::Buckets(buckets) => {
                    for bucket in buckets {
                        assert!(profile.stacks.contains_key(&bucket.stack), "{bucket:?} before its stack");
                        profile.sums.insert(bucket.stack, (bucket.allocated, bucket.freed));
                    }
                }
                PprofHeapPart::Live(blocks) => profile.live.extend(blocks),
                PprofHeapPart::Counters(counters) => {
                    profile.counters = counters;
                    let total = profile.total();
                    profile.totals.push(total);
                }
                PprofHeapPart::Jemalloc(_) => panic!("not jemalloc's"),
            }
        }
        profile
    }

    /// Totals of what was allocated and what was freed.
    pub(super) fn total(&self) -> (Estimate, Estimate) {
        self.sums.values().fold(Default::default(), |(allocated, freed), (more, less)| {
            (allocated.plus(*more), freed.plus(*less))
        })
    }

    pub(super) fn living(&self) -> Estimate {
        let (allocated, freed) = self.total();
        allocated.minus(freed)
    }

    pub(super) fn exact(&self) -> ExactCounters {
        self.counters.exact.expect("counted")
    }

    /// Invariants of a snapshot of a program that does not allocate meanwhile.
    pub(super) fn check(&self) {
        let living = self.living();
        let counters = &self.counters;
        assert_eq!(living.samples, counters.sampled - counters.sampled_freed);
        assert_eq!(self.live.len() as u64, living.samples, "the table matches the sums");
        let listed = self.live.iter().fold(Estimate::default(), |sum, block| {
            sum.plus(Estimate::of_block(block.size_bytes, block.mean_bytes))
        });
        assert_eq!(listed, living);
        assert_eq!(counters.lost, 0, "{counters:?}");
        let exact = self.exact();
        assert!(exact.allocations >= exact.frees && exact.allocated_bytes >= exact.freed_bytes, "{exact:?}");
    }
}

pub(super) fn profile(path: &str, duration_ms: u64, interval_ms: u32) -> Profile {
    let request = Request::PprofHeap(PprofHeapRequest { duration_ms, interval_ms, live: true });
    let collected = ask::<PprofHeapPart>(path, &request).unwrap();
    collected.end.unwrap();
    Profile::new(collected.parts)
}

/// A snapshot of a program that does not allocate: two equal snapshots. (The program prints its answer before it
/// frees that line's buffer and waits for the next order.)
pub(super) fn snapshot(path: &str) -> Profile {
    let mut last = profile(path, 0, 0);
    until("it is idle", || {
        let former = std::mem::replace(&mut last, profile(path, 0, 0));
        (former.total() == last.total() && former.live.len() == last.live.len()).then_some(())
    });
    last
}
