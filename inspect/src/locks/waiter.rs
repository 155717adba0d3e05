//! A thread that may wait for a lock.

use crate::symbols::Frame;

/// A blocked thread.
#[derive(Debug, Clone, Copy)]
pub struct Waiter<'a> {
    /// Its id.
    pub tid: u32,
    /// The address of the futex it waits at; `None` if it waits at none, or that is not known.
    pub futex: Option<u64>,
    /// The address of the lock of parking_lot that it waits for, if that is known: it waits at a futex of its own.
    pub parked_at: Option<u64>,
    /// The addresses of its stack: threads with the same ones have the same frames. Empty if they are not known.
    pub addresses: &'a [u64],
    /// Its stack, innermost first.
    pub frames: &'a [Frame],
}
