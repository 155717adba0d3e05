//! A value that signal handlers look at and the agent's thread takes away: the grace period.
//!
//! A handler counts itself in, then loads the pointer; the agent's thread first replaces the pointer,
//! then looks at the count. Between the two steps of each is a `SeqCst` fence, so either the handler gets
//! the new pointer or the agent sees the count (C++20, [atomics.order] 4). What was replaced may be freed
//! once the count was 0. `models.rs` shows it for every order of the steps.

use super::sync::{AtomicPtr, AtomicUsize, Ordering, fence};

/// What handlers look at; null when there is nothing.
pub(super) struct Guarded<T> {
    pointer: AtomicPtr<T>,
    /// Handlers that may be looking.
    inside: AtomicUsize,
}

impl<T> Guarded<T> {
    #[cfg(not(rgops_loom))]
    pub(super) const fn new() -> Guarded<T> {
        Guarded { pointer: AtomicPtr::new(std::ptr::null_mut()), inside: AtomicUsize::new(0) }
    }

    #[cfg(rgops_loom)]
    pub(super) fn new() -> Guarded<T> {
        Guarded { pointer: AtomicPtr::new(std::ptr::null_mut()), inside: AtomicUsize::new(0) }
    }

    /// Calls `look` with the value, if there is one, and keeps it alive meanwhile. Async-signal-safe when
    /// `look` is.
    pub(super) fn look<R>(&self, look: impl FnOnce(Option<&T>) -> R) -> R {
        self.inside.fetch_add(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        let pointer = self.pointer.load(Ordering::SeqCst);
        // SAFETY: whoever set the pointer frees it only after it was replaced and the count was 0 after
        // that (`replace`), and the count was raised before the load.
        let result = look(unsafe { pointer.as_ref() });
        self.inside.fetch_sub(1, Ordering::SeqCst);
        result
    }

    /// Puts another pointer there: null, or one to a value that lives until it was replaced and
    /// [`Guarded::is_quiet`] was true after that.
    ///
    /// # Safety
    /// The new pointer must keep that promise.
    pub(super) unsafe fn replace(&self, pointer: *mut T) {
        self.pointer.store(pointer, Ordering::SeqCst);
    }

    /// The same, and gives the former pointer back.
    ///
    /// # Safety
    /// As of [`Guarded::replace`].
    pub(super) unsafe fn swap(&self, pointer: *mut T) -> *mut T {
        self.pointer.swap(pointer, Ordering::SeqCst)
    }

    /// Whether no handler is looking: everything that was replaced before can be freed.
    pub(super) fn is_quiet(&self) -> bool {
        // Behind it is what the caller replaced, here or in the value.
        fence(Ordering::SeqCst);
        self.inside.load(Ordering::SeqCst) == 0
    }

    /// In a fork child: the handlers of the parent's threads are not here, nor is the value its own.
    pub(super) fn forget(&self) {
        self.pointer.store(std::ptr::null_mut(), Ordering::SeqCst);
        self.inside.store(0, Ordering::SeqCst);
    }
}
