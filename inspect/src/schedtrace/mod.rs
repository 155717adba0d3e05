//! What the schedulers of a program's Tokio runtimes do, a line an interval: as Go's `schedtrace`.
//!
//! Stable Tokio tells how many workers and tasks there are, the length of the global queue and what
//! each worker did. The rest (the workers' own queues, the blocking pool, who searches for work) it
//! keeps in atomics of the scheduler's shared state, maintained in every build and only not told.
//! With the program's debug information their places are known, and the agent reads them along with
//! its own numbers. Without, or where a place does not look like what it should be, the number is
//! missing and the reason is said; a Tokio built with `--cfg tokio_unstable` tells them itself.

mod busy;
mod detail;
mod layout;
mod limits;
mod line;
mod path;
mod plan;
mod tracer;

pub use detail::{BusyTask, Detail, WorkerDetail};
pub use limits::{MOST_RUNTIMES, MOST_WORKERS};
pub use line::{RuntimeLine, Source, Worker};
pub use tracer::{Next, Options, Reconnect, Tracer};
