//! The tasks of a Tokio runtime, found without its help: no `tokio_unstable`, nothing instrumented, no
//! worker stopped, no future polled, and all of it also while every worker is stuck.
//!
//! ```text
//! layout    where a task's fields lie, calibrated once on tasks of our own that never run
//! anchors   tasks spawned on a watched runtime: each is in one of the lists it keeps its tasks in
//! walk      from the anchors through those lists, by checked reads
//! list      all of it, for one runtime
//! cells     the bytes of the tasks' futures, read twice
//! ```
//!
//! Only [`crate::runtimes::anchors`] touches the runtime, by `Handle::spawn` and `JoinHandle::abort`, and does so on a
//! thread of its own ([`rgops_capture::offload_thread`]): `spawn` takes a lock of the runtime for an instant, and a
//! stopped thread may hold it. Everything else reads memory by copies of the kernel
//! ([`rgops_capture::memory`]), checks what it read against the list's own redundancy, and drops
//! and counts what does not fit.

pub(crate) mod cells;
pub(crate) mod list;
mod state;
#[cfg(test)]
mod tests;
pub(crate) mod walk;
