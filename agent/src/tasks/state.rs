//! What a task does, by the word it keeps of it.

/// Bits of a task's state word (`runtime/task/state.rs` of Tokio): it is being polled.
pub(crate) const RUNNING: u64 = 1;
/// It has ended; its future is gone.
pub(crate) const COMPLETE: u64 = 1 << 1;
/// It is in a queue, to be polled.
pub(crate) const NOTIFIED: u64 = 1 << 2;
