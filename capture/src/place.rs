//! Room for one handler to work in, claimed by one at a time.

use super::sync::{AtomicBool, Ordering, UnsafeCell};

/// A value that one handler at a time may use.
pub(super) struct Place<T> {
    taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the value is only touched by whoever changed `taken` from false to true, until it stores
// false again (acquire and release order the accesses).
unsafe impl<T: Send> Sync for Place<T> {}

impl<T> Place<T> {
    pub(super) fn new(value: T) -> Place<T> {
        Place { taken: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// Calls `work` with the value, unless another handler has it. Neither waits nor allocates.
    pub(super) fn try_use<R>(&self, work: impl FnOnce(&mut T) -> R) -> Option<R> {
        let is_taken = self.taken.load(Ordering::Relaxed)
            || self.taken.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_err();
        if is_taken {
            return None;
        }
        // SAFETY: we took the place (above), so nobody else has a reference to the value.
        let result = self.value.with_mut(|value| work(unsafe { &mut *value }));
        self.taken.store(false, Ordering::Release);
        Some(result)
    }
}
