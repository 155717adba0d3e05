//! What the schedulers of a program's Tokio runtimes do, a line an interval: as Go's `schedtrace`.
//!
//! Stable Tokio tells how many workers and tasks there are, the length of the global queue and what
//! each worker did. The rest (the workers' own queues, the blocking pool, who searches for work) it
//! keeps in atomics of the scheduler's shared state, maintained in every build and only not told.
//! With the program's debug information their places are known, and the agent reads them along with
//! its own numbers. Without, or where a place does not look like what it should be, the number is
//! missing and the reason is said; a Tokio built with `--cfg tokio_unstable` tells them itself.

mod tracer;

pub use rgops_tasks::schedtrace::{
    BusyTask, Detail, MOST_RUNTIMES, MOST_WORKERS, RuntimeLine, Source, Worker, WorkerDetail,
};
pub use tracer::{Next, Options, Reconnect, Tracer};

#[cfg(test)]
mod tests;
