//! What the schedulers of a program's Tokio runtimes keep and stable Tokio does not tell, found by the
//! program's debug information.
//!
//! The workers' own queues, the blocking pool and who searches for work are in atomics of the scheduler's shared
//! state, maintained in every build. A [`Plan`] says which memory to read of a runtime at each moment, and what
//! the bytes mean; [`details`] looks for the workers' threads and tasks. Where a place does not look like what it
//! should be, the number is missing and the reason is said.

mod busy;
mod detail;
mod layout;
mod limits;
mod line;
mod memory;
mod path;
mod plan;

pub use detail::{BusyTask, Detail, Listing, WorkerDetail, details};
pub use limits::{MOST_RUNTIMES, MOST_WORKERS, cost, shown};
pub use line::{Hidden, RuntimeLine, Source, Worker};
pub use memory::{Memory, Read, whole};
pub use plan::Plan;

#[cfg(test)]
mod tests;
