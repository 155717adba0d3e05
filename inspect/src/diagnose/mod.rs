//! What is wrong with a program: what was seen of it in a few seconds goes in, findings come out, worst first.
//!
//! One file per kind of finding, all behind the table in `table`. Each is a function of plain data ([`Seen`]): it
//! asks nobody and reads no file. It reports only what the data shows for the whole window; what it cannot look at, it
//! says with the reason. A healthy program under full load must have no finding, so each kind states what it must not
//! take for a fault.

mod agent_trouble;
mod blocking_call;
mod blocking_pool;
mod cpu_starvation;
mod deadlock;
mod descriptors;
mod finding;
mod futurelock;
mod growing_heap;
mod growing_tasks;
mod lock_convoy;
mod look;
mod memory_limit;
mod places;
mod report;
mod seen;
mod stuck_worker;
mod table;
mod tasks_look;
mod thread_deadlock;
mod timers_late;

#[cfg(test)]
mod tests;

pub use finding::{Concerned, Finding, Gap, Kind, Place};
pub use places::place;
pub use report::{JsonDiagnosis, render};
pub use seen::{
    DeadlockSeen, Dump, Growing, KeptSeen, LateTimer, Limits, MemoryLook, Seen, SeenThread, StepSeen,
    TaskLook,
};
pub(crate) use stuck_worker::wants_longer;
pub use table::{Diagnosis, LookedAt, diagnose};
