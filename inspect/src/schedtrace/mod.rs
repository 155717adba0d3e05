//! Shows what the schedulers of a program's Tokio runtimes do, one line per interval, like Go's `schedtrace`.
//!
//! Stable Tokio reports the number of workers and tasks, the length of the global queue and the counters of
//! each worker. The rest (the workers' own queues, the blocking pool, searching workers) is in atomics of the
//! scheduler's shared state, which every build maintains but does not report. With the program's debug
//! information their addresses are known, and the agent reads them together with its own numbers. Without it,
//! or where the memory there does not look as expected, the number is missing and the reason is reported. A
//! Tokio built with `--cfg tokio_unstable` reports them itself.

mod tracer;

pub use rgops_tasks::schedtrace::{
    BusyTask, Detail, MAX_RUNTIMES, MAX_WORKERS, RuntimeLine, Source, Worker, WorkerDetail,
};
pub use tracer::{Next, Options, Reconnect, Tracer};

#[cfg(test)]
pub(crate) mod tests;
