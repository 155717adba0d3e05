//! Who waits for whom: tasks, what they wait on and who holds it. A ring in it that nothing outside
//! can open is a deadlock.
//!
//! A ring is called so only when it is one for certain, as far as memory tells: each of its tasks
//! sleeps, was decoded whole, and *everything* it waits for (all branches of a `select!` or `join!`,
//! a timeout among them) is held by tasks of which the same is true. So a lock that is tried with a
//! timeout is no deadlock, nor is one whose holder runs or waits for a socket. Of semaphores and
//! channels nobody can say who would have to act, so they are shown but never blamed.

mod build;
mod rings;
mod stuck;
mod wait_graph;

pub use wait_graph::{Deadlock, WaitGraph, Waited};

#[cfg(test)]
mod tests;
