//! A value that one signal handler at a time can claim, without waiting.

use super::sync::{AtomicBool, Ordering, UnsafeCell};

/// A value for exclusive use by one handler at a time.
pub(super) struct Place<T> {
    taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: only the thread that changed `taken` from false to true accesses the value, until it stores
// false again. Acquire and release order these accesses.
unsafe impl<T: Send> Sync for Place<T> {}

impl<T> Place<T> {
    pub(super) fn new(value: T) -> Place<T> {
        Place { taken: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// Calls `work` with the value, unless another handler uses it. Neither waits nor allocates.
    pub(super) fn try_use<R>(&self, work: impl FnOnce(&mut T) -> R) -> Option<R> {
        let is_taken = self.taken.load(Ordering::Relaxed)
            || self.taken.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_err();
        if is_taken {
            return None;
        }
        // SAFETY: we set `taken` (above), so no other reference to the value exists.
        let result = self.value.with_mut(|value| work(unsafe { &mut *value }));
        self.taken.store(false, Ordering::Release);
        Some(result)
    }
}
