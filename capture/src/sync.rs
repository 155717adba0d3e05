//! Atomics for the lock-free parts: std's, or loom's in their models
//! (`RUSTFLAGS="--cfg rgops_loom" cargo test -p rgops-capture --lib --release loom`).
//!
//! The flag is not `--cfg loom`, because that would also enable Tokio's models and disable its sockets.

#[cfg(rgops_loom)]
pub(super) use loom::{
    cell::UnsafeCell,
    sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, Ordering, fence},
};
#[cfg(not(rgops_loom))]
pub(super) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, Ordering, fence};

/// `std::cell::UnsafeCell` with loom's interface.
#[cfg(not(rgops_loom))]
#[derive(Debug)]
pub(super) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

#[cfg(not(rgops_loom))]
impl<T> UnsafeCell<T> {
    pub(super) fn new(value: T) -> UnsafeCell<T> {
        UnsafeCell(std::cell::UnsafeCell::new(value))
    }

    /// Calls `work` with the pointer.
    pub(super) fn with_mut<R>(&self, work: impl FnOnce(*mut T) -> R) -> R {
        work(self.0.get())
    }
}
