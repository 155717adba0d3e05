//! What the lock-free parts are made of: std's atomics, or loom's in their models
//! (`RUSTFLAGS="--cfg rgops_loom" cargo test -p rgops-agent --lib --release loom`).
//!
//! Not `--cfg loom`, which would turn on the models of Tokio as well, and its sockets off.

#[cfg(rgops_loom)]
pub(super) use loom::{
    cell::UnsafeCell,
    sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, Ordering, fence},
};
#[cfg(not(rgops_loom))]
pub(super) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, Ordering, fence};

/// `std::cell::UnsafeCell`, asked for its pointer as loom's is.
#[cfg(not(rgops_loom))]
#[derive(Debug)]
pub(super) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

#[cfg(not(rgops_loom))]
impl<T> UnsafeCell<T> {
    pub(super) fn new(value: T) -> UnsafeCell<T> {
        UnsafeCell(std::cell::UnsafeCell::new(value))
    }

    /// Calls `look` with the pointer.
    pub(super) fn with_mut<R>(&self, look: impl FnOnce(*mut T) -> R) -> R {
        look(self.0.get())
    }
}
