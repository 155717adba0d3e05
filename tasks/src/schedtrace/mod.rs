//! The state of Tokio's schedulers that stable Tokio does not report, found with the program's debug
//! information.
//!
//! The workers' own queues, the blocking pool and the searching workers are in atomics of the scheduler's
//! shared state, which every build maintains. A [`Plan`] states which memory of a runtime to read for each
//! sample, and decodes the bytes; [`details`] finds the workers' threads and tasks. Where the memory at a
//! place does not look as expected, the number is missing and the reason is reported.

mod busy;
mod detail;
mod layout;
mod limits;
mod line;
mod listing;
mod memory;
mod path;
mod plan;
mod workers;

pub use detail::{BusyTask, Detail, WorkerDetail, details};
pub use limits::{MAX_RUNTIMES, MAX_WORKERS, cost, shown};
pub use line::{Hidden, RuntimeLine, Source, Worker};
pub use listing::Listing;
pub use memory::{Memory, Read, whole};
pub use plan::Plan;

#[cfg(test)]
mod tests;
