//! The locks and the threads of a search for holders.

use std::collections::BTreeSet;

use super::kind::LockKind;
use super::waiter::Waiter;
use crate::symbols::Frame;

/// A thread of the program.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LockThread<'a> {
    pub(crate) tid: u32,
    /// Whether it is blocked, and not idle.
    pub(crate) is_blocked: bool,
    pub(crate) is_running: bool,
    /// The address of the futex it waits at.
    pub(crate) futex: Option<u64>,
    /// The lock of parking_lot that it waits for.
    pub(crate) parked_at: Option<u64>,
    pub(crate) cpu_ns: Option<u64>,
    /// Addresses, innermost first.
    pub(crate) addresses: &'a [u64],
    /// Frames, innermost first, inlined ones included.
    pub(crate) frames: &'a [Frame],
}

impl<'a> LockThread<'a> {
    /// As one that may wait for a lock.
    pub(crate) fn waiter(&self) -> Waiter<'a> {
        Waiter {
            tid: self.tid,
            futex: self.futex,
            parked_at: self.parked_at,
            addresses: self.addresses,
            frames: self.frames,
        }
    }
}

/// A function that a thread is in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Function<'a> {
    pub(super) frame: &'a Frame,
    pub(super) start: u64,
    /// Where the thread is in it: the address that the function it called returns to.
    pub(super) end: u64,
}

impl<'a> LockThread<'a> {
    /// The functions whose start is known, innermost first. Inlined ones are part of another.
    pub(super) fn functions(&self) -> impl Iterator<Item = Function<'a>> + use<'a> {
        let physical = self.frames.iter().filter(|frame| !frame.is_inlined);
        physical.zip(self.addresses).filter_map(|(frame, end)| {
            Some(Function { frame, start: end.checked_sub(frame.function_offset?)?, end: *end })
        })
    }
}

/// A lock that threads wait for.
#[derive(Debug)]
pub(super) struct Lock {
    pub(super) kind: LockKind,
    pub(super) address: u64,
    pub(super) waiters: Vec<u32>,
    /// Whether it is a mutex of the GNU C library.
    pub(super) stores_owner: bool,
    /// The starts of the functions by which the waiters came to the lock: the slow path of the lock, and what calls it, up
    /// to the innermost function of the program.
    pub(super) ways: BTreeSet<u64>,
}
