//! Answer of `schedtrace`: `Data` packets, each one [`SchedtracePart`], streamed while it runs.
//!
//! The metrics of stable Tokio are sent as numbers. The rest is in the runtime's memory: the client requests
//! ranges of it go with each moment ([`crate::request::SchedtraceRequest::ranges`]) and knows, by the
//! program's debug information, what they mean. Numbers and memory are read one right after the other.

use super::read::MemoryRange;
use super::{Known, tasks::RuntimeKind};
use crate::codec::{Decode, Encode};

use crate::received::{NAME_CHARACTERS, fields, parts};

/// Bytes one moment of `schedtrace` may ask for, over all its ranges: so that it fits a packet.
pub const MAX_MOMENT_BYTES: u64 = 256 * 1024;

/// Arguments of `schedtrace`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct SchedtraceRequest {
    /// Time from one moment to the next, in milliseconds; the agent keeps it within its bounds.
    pub interval_ms: u32,
    /// Number of moments to send; 0 for no limit: until `Finish` or until the client disconnects.
    pub count: u32,
    /// Memory to read at each moment; at most [`MAX_MOMENT_BYTES`] in all, allowed where
    /// [`crate::request::Command::Read`] is.
    pub ranges: Vec<MemoryRange>,
}

/// One part of the answer: `Runtimes` first, and again when one is watched meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub enum SchedtracePart {
    /// The watched runtimes, all of them; an index into it is a runtime's number.
    Runtimes(Vec<SchedtraceRuntime>),
    /// What they did in the interval that ends now.
    Moment(SchedtraceMoment),
}

/// A watched runtime.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct SchedtraceRuntime {
    /// The name it is watched under.
    pub name: String,
    /// What it is.
    pub kind: RuntimeKind,
    /// The words of the program's `tokio::runtime::Handle`: a tag and a pointer to the scheduler's
    /// shared state, which lives as long as the agent watches it. Empty when they cannot be read.
    pub handle_words: Vec<u64>,
}

/// All runtimes at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct SchedtraceMoment {
    /// Time since the command began, in nanoseconds.
    pub time_ns: u64,
    /// Time since the moment before, in nanoseconds; what `busy_ns` is a part of.
    pub interval_ns: u64,
    /// Threads of the process.
    pub threads: Known<u64>,
    /// Each runtime, in the order of [`SchedtracePart::Runtimes`].
    pub runtimes: Vec<RuntimeMoment>,
    /// The bytes of each range that was asked for, in order; `None` where a byte cannot be read.
    pub memory: Known<Vec<Option<Vec<u8>>>>,
}

/// A runtime at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct RuntimeMoment {
    /// Each worker, by its index; none when the runtime was shut down.
    pub workers: Vec<WorkerMoment>,
    /// Tasks that are not complete.
    pub alive_tasks: u64,
    /// Tasks in the global queue.
    pub global_queue: u64,
    /// Metrics that only a Tokio built with `--cfg tokio_unstable` has.
    pub unstable: Known<UnstableMoment>,
}

/// A worker at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct WorkerMoment {
    /// Whether it is parked (odd park-unpark count).
    pub parked: bool,
    /// Parks since the runtime began.
    pub parks: u64,
    /// Busy time of the interval with the stuck poll repaired, as in
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
    /// `num_blocking_threads`: threads of the blocking pool, the workers left out.
    pub blocking_threads: u64,
    /// `num_idle_blocking_threads`.
    pub idle_blocking_threads: u64,
    /// `blocking_queue_depth`.
    pub blocking_queue: u64,
    /// `worker_local_queue_depth` of each worker. The LIFO slot is in none of them.
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
