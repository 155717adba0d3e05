//! Answer of `schedtrace`: `Data` packets, each one [`SchedtracePart`], streamed while it runs.
//!
//! The metrics of stable Tokio are sent as numbers. Everything else is in the runtime's memory: the client requests
//! that ranges of it are sent with each moment ([`crate::request::SchedtraceRequest::ranges`]), and interprets them
//! by the program's debug information. Numbers and memory are read directly after each other.

use super::read::MemoryRange;
use super::{Known, tasks::RuntimeKind};
use crate::codec::{Decode, Encode};

use crate::received::{NAME_CHARACTERS, fields, parts};

/// The maximum number of bytes in one moment of `schedtrace`, over all its ranges, so that it fits into a packet.
pub const MAX_MOMENT_BYTES: u64 = 256 * 1024;

/// Arguments of `schedtrace`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct SchedtraceRequest {
    /// Time from one moment to the next, in milliseconds; the agent keeps it within its bounds.
    pub interval_ms: u32,
    /// The number of moments to send; 0 for no limit: until `Finish` or until the client disconnects.
    pub count: u32,
    /// Memory to read at each moment; at most [`MAX_MOMENT_BYTES`] in total, and only if
    /// memory may be read on this connection.
    pub ranges: Vec<MemoryRange>,
}

/// One part of the answer: `Runtimes` first, and again whenever a new one is watched.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub enum SchedtracePart {
    /// All watched runtimes; an index into the list is a runtime's number.
    Runtimes(Vec<SchedtraceRuntime>),
    /// The state of all runtimes at the end of an interval.
    Moment(SchedtraceMoment),
}

/// A watched runtime.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct SchedtraceRuntime {
    /// The name it is watched under.
    pub name: String,
    /// The kind of its scheduler.
    pub kind: RuntimeKind,
    /// The words of the program's `tokio::runtime::Handle`: a tag and a pointer to the scheduler's
    /// shared state, which lives as long as the agent watches the runtime. Empty if they cannot be read.
    pub handle_words: Vec<u64>,
}

/// All runtimes at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct SchedtraceMoment {
    /// Time since the command started, in nanoseconds.
    pub time_ns: u64,
    /// Time since the previous moment, in nanoseconds, which `busy_ns` is a part of.
    pub interval_ns: u64,
    /// Threads of the process.
    pub threads: Known<u64>,
    /// Each runtime, in the order of [`SchedtracePart::Runtimes`].
    pub runtimes: Vec<RuntimeMoment>,
    /// The bytes of each requested range, in order; `None` if a byte of it cannot be read.
    pub memory: Known<Vec<Option<Vec<u8>>>>,
}

/// A runtime at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct RuntimeMoment {
    /// The workers by index; empty if the runtime was shut down.
    pub workers: Vec<WorkerMoment>,
    /// Tasks that are not complete.
    pub alive_tasks: u64,
    /// Tasks in the global queue.
    pub global_queue: u64,
    /// Metrics that are only available in a Tokio built with `--cfg tokio_unstable`.
    pub unstable: Known<UnstableMoment>,
}

/// A worker at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct WorkerMoment {
    /// Whether it is parked (odd park-unpark count).
    pub parked: bool,
    /// Parks since the runtime started.
    pub parks: u64,
    /// Busy time of the interval, corrected for a stuck poll, as in
    /// [`super::stats::WorkerStats::busy_ns`].
    pub busy_ns: Known<u64>,
}

impl WorkerMoment {
    /// The busy share of an interval, in percent, rounded.
    pub fn busy_percent(&self, interval_ns: u64) -> Option<u64> {
        let busy_ns = *self.busy_ns.value()?;
        let rounded = busy_ns.min(interval_ns).saturating_mul(100).saturating_add(interval_ns / 2);
        rounded.checked_div(interval_ns)
    }
}

/// Tokio's unstable metrics of a runtime.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct UnstableMoment {
    /// `num_blocking_threads`: threads of the blocking pool, without the workers.
    pub blocking_threads: u64,
    /// `num_idle_blocking_threads`.
    pub idle_blocking_threads: u64,
    /// `blocking_queue_depth`.
    pub blocking_queue: u64,
    /// `worker_local_queue_depth` of each worker, without the LIFO slots.
    pub local_queues: Vec<u64>,
    /// `worker_poll_count` of each worker.
    pub polls: Vec<u64>,
}

parts! {
    SchedtracePart { Runtimes, Moment }
}

fields! {
    SchedtraceRuntime { name: NAME_CHARACTERS, kind, handle_words }
    SchedtraceMoment { time_ns, interval_ns, threads, runtimes, memory }
    RuntimeMoment { workers, alive_tasks, global_queue, unstable }
    WorkerMoment { parked, parks, busy_ns }
    UnstableMoment { blocking_threads, idle_blocking_threads, blocking_queue, local_queues, polls }
}
