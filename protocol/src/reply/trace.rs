//! Answer of `trace`: `Data` packets, each one [`TracePart`], streamed while the trace runs.
//!
//! Times are nanoseconds since the beginning of the window.

use super::pprof_cpu::CpuSample;
use super::stack::SystemCall;
use super::{Known, Module};
use crate::codec::{Decode, Encode};
use crate::received::{NAME_CHARACTERS, Sentence, fields, parts, plain};

/// Arguments of `trace`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct TraceRequest {
    /// How long to trace, in milliseconds.
    pub duration_ms: u64,
    /// CPU samples per second of a thread's CPU time; 0 takes none.
    pub hz: u32,
    /// How often the states of threads are read, in microseconds; the agent may read less often.
    pub interval_us: u32,
}

/// One part of the answer: `Start` first, `Totals` last.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub enum TracePart {
    /// The window.
    Start(TraceStart),
    /// Threads seen for the first time, or renamed.
    Threads(Vec<TraceThread>),
    /// The loaded objects; they hold for the samples that follow.
    Modules(Vec<Module>),
    /// What threads did up to a moment.
    Activity(Vec<ThreadPoint>),
    /// CPU samples.
    Samples(Vec<CpuSample>),
    /// What runtimes had counted at a moment.
    Runtimes(Vec<RuntimePoint>),
    /// Clocks and losses.
    Totals(TraceTotals),
}

/// The window and its resolution.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct TraceStart {
    /// Beginning of the window, nanoseconds since the Unix epoch.
    pub unix_ns: u64,
    /// Beginning of the window by `CLOCK_MONOTONIC`, in nanoseconds.
    pub monotonic_ns: u64,
    /// Process id in the agent's pid namespace.
    pub pid: u32,
    /// Time between two readings, in nanoseconds; the agent stretches it to bound its own cost.
    pub interval_ns: u64,
    /// CPU time one weight of a sample stands for, in nanoseconds; 0 when no samples are taken.
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
    /// When it was first seen.
    pub first_ns: u64,
}

/// A thread's counters and state at a moment. A thread that has not run since its last point is
/// in the state it was in then, and sends no new one.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct ThreadPoint {
    /// When it was read.
    pub time_ns: u64,
    /// Kernel thread id.
    pub tid: u32,
    /// Time on a CPU since the thread began (`schedstat`), in nanoseconds.
    pub running_ns: u64,
    /// Time waiting for a CPU since the thread began (`schedstat`), in nanoseconds.
    pub runnable_ns: u64,
    /// State letter of proc(5) now; `X` when the thread has ended.
    pub state: char,
    /// System call it is in now.
    pub system_call: Known<SystemCall>,
    /// What the system call's descriptor is, when it takes one: `socket`, `pipe`, `eventpoll`, or a
    /// path's kind `file`; empty otherwise.
    pub descriptor: String,
    /// Kernel function it waits in, empty when it runs or the kernel hides it.
    pub wchan: String,
}

/// A runtime's counters at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct RuntimePoint {
    /// When it was read.
    pub time_ns: u64,
    /// Index into [`TraceStart::runtimes`].
    pub runtime: u32,
    /// Tasks that are not complete.
    pub alive_tasks: u64,
    /// Tasks in the global queue.
    pub global_queue: u64,
    /// Parked workers.
    pub parked: u32,
    /// Workers.
    pub workers: u32,
    /// Busy time of all workers since the runtime began, in nanoseconds, a stuck poll repaired as
    /// in [`super::stats::WorkerStats::busy_ns`].
    pub busy_ns: u64,
}

/// Clocks and losses of a trace.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct TraceTotals {
    /// Length of the window by the monotonic clock, in nanoseconds.
    pub duration_ns: u64,
    /// Readings made.
    pub readings: u64,
    /// Readings that came later than one interval after they were due.
    pub late_readings: u64,
    /// CPU time of the whole process in the window, in nanoseconds.
    pub process_cpu_ns: u64,
    /// Of this, the agent's own thread.
    pub agent_cpu_ns: u64,
    /// Samples sent.
    pub samples: u64,
    /// Weight of samples lost.
    pub dropped_weight: u64,
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

plain!(RuntimePoint, TraceTotals);
