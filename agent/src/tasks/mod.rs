//! Finds the tasks of a Tokio runtime without its help: no `tokio_unstable`, no instrumentation, no stopped worker, no
//! polled future. It also works while every worker is stuck.
//!
//! ```text
//! layout    where the fields of a task are, calibrated once on reference tasks that never run
//! anchors   the agent's tasks on a watched runtime, one in each of the runtime's lists of tasks
//! cursor    from one anchor through its list in one direction, by checked reads
//! walk      all lists of one runtime at once
//! vtables   the vtables of the tasks; each has the offsets of the id and the trailer
//! found     the tasks found so far
//! list      all of it, for one runtime, with retries
//! cells     the bytes of the tasks' futures, read twice
//! ```
//!
//! The lists of `LocalSet`s that are not watched are walked from a task of the program
//! ([`crate::runtimes::private_sets`]).
//!
//! Only [`crate::runtimes::anchors`] touches the runtime, by `Handle::spawn` and `JoinHandle::abort`. It does so on an
//! offload thread ([`rgops_capture::offload_thread`]): `spawn` takes a lock of the runtime for an instant, and a
//! stopped thread may hold it. Everything else reads memory through copies made by the kernel
//! ([`rgops_capture::memory`]), checks it against the redundancy of the list, and drops and counts what does not fit.

pub(crate) mod cells;
mod cursor;
pub(crate) mod found;
pub(crate) mod list;
mod state;
#[cfg(test)]
mod tests;
pub(crate) mod vtables;
mod walk;
