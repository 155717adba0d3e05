//! The state of the agent that collectors share.

use std::time::Instant;

use crate::CpuEngine;
use crate::allocator::Allocators;
use crate::counters::Counters;
use crate::policy::Policy;
use crate::runtimes::WatchedRuntimes;
#[cfg(native_engine)]
use crate::wait_marks::WaitMarks;

/// The state of the agent that collectors share.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) started: Instant,
    /// As shown to users: a socket path or `host:port`.
    pub(crate) address: String,
    /// `crate version` as the program's author gave it to `Options::program`.
    pub(crate) program: Option<String>,
    pub(crate) counters: Counters,
    pub(crate) runtimes: WatchedRuntimes,
    /// Allocators that the program's author added, for `memstats`.
    pub(crate) allocators: Allocators,
    /// The engine that takes CPU profiles.
    pub(crate) cpu_engine: CpuEngine,
    /// Decides which requests are answered.
    pub(crate) policy: Policy,
    /// Why the heap is not sampled although the allocator is wrapped.
    pub(crate) heap_failure: Option<String>,
    /// Which threads did not run since an earlier dump.
    #[cfg(native_engine)]
    pub(crate) wait_marks: WaitMarks,
}

#[cfg(test)]
impl Context {
    /// A context without a listener.
    pub(crate) fn for_tests() -> Context {
        #[cfg(target_os = "linux")]
        rgops_capture::program_threads::begin().expect("a thread starts");
        Context {
            started: Instant::now(),
            address: "test".to_owned(),
            program: None,
            counters: Counters::default(),
            runtimes: WatchedRuntimes::default(),
            allocators: Allocators::default(),
            cpu_engine: CpuEngine::DEFAULT,
            policy: Policy::default(),
            heap_failure: None,
            #[cfg(native_engine)]
            wait_marks: WaitMarks::default(),
        }
    }
}
