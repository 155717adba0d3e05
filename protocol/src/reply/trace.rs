//! Answer of `trace`: `Data` packets, each one [`TracePart`], streamed while the trace runs.
//!
//! Times are nanoseconds since the start of the window.

use super::pprof_cpu::CpuSample;
use super::stack::SystemCall;
use super::{Known, Module};
use crate::codec::{Decode, Encode};
use crate::received::{NAME_CHARACTERS, Sentence, fields, parts, plain};
use crate::tail::Tail;

/// Arguments of `trace`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct TraceRequest {
    /// The duration of the trace in milliseconds.
    pub duration_ms: u64,
    /// CPU samples per second of a thread's CPU time; 0 for none.
    pub hz: u32,
    /// How often the states of threads are read, in microseconds; the agent may read less often.
    pub interval_us: u32,
}

/// One part of the answer: `Start` first, `Totals` last.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub enum TracePart {
    /// The window and its resolution.
    Start(TraceStart),
    /// Threads seen for the first time, or renamed.
    Threads(Vec<TraceThread>),
    /// The loaded modules, valid for the samples that follow.
    Modules(Vec<Module>),
    /// Counters and states of threads.
    Activity(Vec<ThreadPoint>),
    /// CPU samples.
    Samples(Vec<CpuSample>),
    /// Counters of runtimes.
    Runtimes(Vec<RuntimePoint>),
    /// CPU clocks and losses.
    Totals(TraceTotals),
}

/// The window and its resolution.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct TraceStart {
    /// Start of the window, in nanoseconds since the Unix epoch.
    pub unix_ns: u64,
    /// Start of the window by `CLOCK_MONOTONIC`, in nanoseconds.
    pub monotonic_ns: u64,
    /// Process id in the agent's pid namespace.
    pub pid: u32,
    /// Time between two readings, in nanoseconds; the agent increases it to limit its own cost.
    pub interval_ns: u64,
    /// CPU time that a weight of 1 stands for, in nanoseconds; 0 when no samples are taken.
    pub period_ns: u64,
    /// Why there are no samples; empty otherwise.
    pub no_samples: String,
    /// Names of the watched runtimes, in the order of [`RuntimePoint::runtime`].
    pub runtimes: Vec<String>,
}

/// A thread of the trace.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct TraceThread {
    /// Kernel thread id.
    pub tid: u32,
    /// Name (`comm`).
    pub name: String,
    /// Whether it belongs to the agent.
    pub is_agent: bool,
    /// The time of the first reading.
    pub first_ns: u64,
}

/// A thread's counters and state at one moment. No new point is sent for a thread that has not run since its last
/// point: its state is unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct ThreadPoint {
    /// The time of the reading.
    pub time_ns: u64,
    /// Kernel thread id.
    pub tid: u32,
    /// Time on a CPU since the thread started (`schedstat`), in nanoseconds.
    pub running_ns: u64,
    /// Time waiting for a CPU since the thread started (`schedstat`), in nanoseconds.
    pub runnable_ns: u64,
    /// Current state letter of proc(5); `X` when the thread has ended.
    pub state: char,
    /// Current system call.
    pub system_call: Known<SystemCall>,
    /// The kind of the system call's descriptor, if it has one: `socket`, `pipe`, `eventpoll`, or `file`
    /// for a path; empty otherwise.
    pub descriptor: String,
    /// The kernel function it waits in; empty when it runs or the kernel hides it.
    pub wchan: String,
}

/// A runtime's counters at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct RuntimePoint {
    /// The time of the reading.
    pub time_ns: u64,
    /// Index into [`TraceStart::runtimes`].
    pub runtime: u32,
    /// Tasks that are not complete.
    pub alive_tasks: u64,
    /// Tasks in the global queue.
    pub global_queue: u64,
    /// The number of parked workers.
    pub parked: u32,
    /// The number of workers.
    pub workers: u32,
    /// Busy time of all workers since the runtime started, in nanoseconds, corrected for a stuck poll as
    /// in [`super::stats::WorkerStats::busy_ns`].
    pub busy_ns: u64,
}

/// CPU clocks and losses of a trace.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct TraceTotals {
    /// Length of the window by the monotonic clock, in nanoseconds.
    pub duration_ns: u64,
    /// The number of readings.
    pub readings: u64,
    /// The number of readings that were more than one interval late.
    pub late_readings: u64,
    /// CPU time of the whole process in the window, in nanoseconds.
    pub process_cpu_ns: u64,
    /// The part of this used by the agent's own thread.
    pub agent_cpu_ns: u64,
    /// The number of samples sent.
    pub samples: u64,
    /// The weight of lost samples.
    pub dropped_weight: u64,
    /// How often threads were read.
    #[cfg_attr(test, wincode(skip))]
    pub resolution: Tail<TraceResolution>,
}

/// How often threads were read: means over the window. The agent's own threads are not counted as active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct TraceResolution {
    /// Threads that ran within half a second.
    pub active_threads: u32,
    /// Time between two readings of each of them, in nanoseconds.
    pub active_ns: u64,
    /// The other threads.
    pub idle_threads: u32,
    /// Time between two readings of each of them, in nanoseconds.
    pub idle_ns: u64,
}

parts! {
    TracePart { Start, Threads, Modules, Activity, Samples, Runtimes, Totals }
}

fields! {
    TraceStart {
        unix_ns, monotonic_ns, pid, interval_ns, period_ns, no_samples: Sentence, runtimes: NAME_CHARACTERS,
    }
    TraceThread { tid, name: NAME_CHARACTERS, is_agent, first_ns }
    ThreadPoint {
        time_ns, tid, running_ns, runnable_ns, state, system_call, descriptor: NAME_CHARACTERS,
        wchan: NAME_CHARACTERS,
    }
}

plain!(RuntimePoint, TraceResolution, TraceTotals);
