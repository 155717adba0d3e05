//! Bits of a task's state word (`runtime/task/state.rs` of Tokio).

/// The task is being polled.
pub(crate) const RUNNING: u64 = 1;
/// The task has ended; its future is gone.
pub(crate) const COMPLETE: u64 = 1 << 1;
/// The task is in a queue and will be polled.
pub(crate) const NOTIFIED: u64 = 1 << 2;
