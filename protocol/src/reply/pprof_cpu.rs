//! Answer of `pprof-cpu`: `Data` packets, each one [`PprofCpuPart`], streamed while the profile runs.

use super::{Module, Stack};
use crate::codec::{Decode, Encode};
use crate::received::{NAME_CHARACTERS, Sentence, fields, parts};

/// Arguments of `pprof-cpu`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct PprofCpuRequest {
    /// The duration of sampling in milliseconds.
    pub duration_ms: u64,
    /// Samples per second of a thread's CPU time.
    pub hz: u32,
}

/// One part of the answer: `Start` first, `Totals` last, `Modules` again whenever they changed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub enum PprofCpuPart {
    /// How samples are taken.
    Start(CpuStart),
    /// The loaded modules, valid for the samples that follow.
    Modules(Vec<Module>),
    /// Samples in no particular order.
    Samples(Vec<CpuSample>),
    /// CPU clocks and losses.
    Totals(CpuTotals),
}

/// How samples are taken.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct CpuStart {
    /// Start of the window, in nanoseconds since the Unix epoch.
    pub unix_ns: u64,
    /// CPU time that a weight of 1 stands for, in nanoseconds: `1e9 / hz`.
    pub period_ns: u64,
    /// The engine: `native` (a timer per thread, framehop) or `pprof` (the crate of that name).
    pub engine: String,
    /// Why a better engine was not used; empty otherwise.
    pub fallback: String,
}

/// Threads whose kernel id the engine does not know are numbered from here on. No kernel id is as
/// high: `PID_MAX_LIMIT` is 2^22 (include/linux/threads.h).
pub const FIRST_NUMBERED_THREAD: u32 = 1 << 31;

/// A sample of a thread on a CPU.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct CpuSample {
    /// Time since the start of the window, in nanoseconds.
    pub time_ns: u64,
    /// Kernel thread id, or a number from [`FIRST_NUMBERED_THREAD`] on.
    pub tid: u32,
    /// Periods of CPU time this sample stands for: 1 + timer overruns.
    pub weight: u32,
    /// The thread's stack.
    pub stack: Stack,
}

/// CPU clocks and losses of a profile: weights × period plus losses add up to the CPU clocks.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct CpuTotals {
    /// Length of the window by the monotonic clock, in nanoseconds.
    pub duration_ns: u64,
    /// CPU time of the whole process in the window (`CLOCK_PROCESS_CPUTIME_ID`), in nanoseconds.
    pub process_cpu_ns: u64,
    /// The part of this used by the agent's own thread, which is not sampled.
    pub agent_cpu_ns: u64,
    /// The part of this without samples: of threads that had no timer or did not take its signal, and,
    /// by subtraction, the part used by no known thread. Notes state the observed reasons. For engine
    /// `pprof`: all CPU time without samples.
    pub unsampled_cpu_ns: u64,
    /// Ticks that were due by the threads' clocks but had not been delivered at the end of the window, times the
    /// period, in nanoseconds: the kernel checks CPU timers at its own ticks, while a thread runs.
    pub late_cpu_ns: u64,
    /// Every thread that had a timer.
    pub threads: Vec<CpuThread>,
    /// The number of samples sent.
    pub samples: u64,
    /// The sum of their weights.
    pub weight: u64,
    /// Weight lost because the ring was full.
    pub dropped_ring: u64,
    /// Weight lost because no unwind cache was free.
    pub dropped_cache: u64,
    /// Samples truncated at the depth limit.
    pub truncated: u64,
    /// Samples whose walk did not reach the root.
    pub lost_walks: u64,
    /// Signals with the same number from other senders, which were passed on.
    pub foreign_signals: u64,
    /// Threads for which no timer could be created.
    pub timer_failures: u64,
}

/// A sampled thread's CPU clock, the reference for its weights.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct CpuThread {
    /// Kernel thread id, or a number from [`FIRST_NUMBERED_THREAD`] on.
    pub tid: u32,
    /// Name (`comm`).
    pub name: String,
    /// CPU time from the start of its timer to the end of the window, or to the last reading before the thread ended, in nanoseconds. Unknown, and 0, for a thread without its kernel id.
    pub cpu_ns: u64,
    /// Sum of the weights of its samples.
    pub weight: u64,
    /// Whether it ended in the window.
    pub ended: bool,
}

parts! {
    PprofCpuPart { Start, Modules, Samples, Totals }
}

fields! {
    CpuStart { unix_ns, period_ns, engine: NAME_CHARACTERS, fallback: Sentence }
    CpuSample { time_ns, tid, weight, stack }
    CpuTotals {
        duration_ns, process_cpu_ns, agent_cpu_ns, unsampled_cpu_ns, late_cpu_ns, threads, samples, weight,
        dropped_ring, dropped_cache, truncated, lost_walks, foreign_signals, timer_failures,
    }
    CpuThread { tid, name: NAME_CHARACTERS, cpu_ns, weight, ended }
}
