//! What `rgops top` shows: the threads, tasks, functions, workers and memory of a program in one interval.
//!
//! A round asks several commands, one after another or side by side, and makes rows of their answers ([`Snapshot`]).
//! How often is decided by [`Pace`], from what the agent used.

mod pace;
mod rows;
mod snapshot;
mod text;

pub use pace::Pace;
pub(crate) use rows::{functions, memory, tasks, threads};
pub use snapshot::{FunctionRow, MemoryRow, Part, Snapshot, TaskRow, ThreadRow};
