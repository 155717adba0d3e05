//! The wait graph: tasks, the resources they wait on, and their holders. A ring that no task outside of it can
//! resolve is a deadlock.
//!
//! A ring is reported only when it is certain, as far as memory shows. Each of its tasks sleeps, was decoded
//! completely, and *everything* it waits for (all branches of a `select!` or `join!`, including timeouts) is
//! held by tasks for which the same is true. So a lock with a timeout is not a deadlock, and neither is one
//! whose holder runs or waits for a socket. For semaphores and channels it is unknown who would have to act,
//! so they are shown but never reported as a deadlock.

mod build;
mod rings;
mod stuck;
mod wait_graph;

pub use wait_graph::{Deadlock, WaitGraph, Waited};

#[cfg(test)]
mod tests;
