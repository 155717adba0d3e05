//! A value that signal handlers look at and the agent's thread takes away: the grace period.
//!
//! A handler counts itself in, then loads the pointer; the agent's thread first replaces the pointer,
//! then looks at the count. Between the two steps of each is a `SeqCst` fence, so either the handler gets
//! the new pointer or the agent sees the count (C++20, [atomics.order] 4). What was replaced may be freed
//! once the count was 0. `models.rs` shows it for every order of the steps.
//!
//! In a fork child the count has handlers of threads that are not there, and perhaps one of the thread that is. So
//! counts have a generation, of which the child begins a new one: who was counted in an earlier one is not counted
//! out, and what the parent's pointer leads to is never freed there. A handler that was counted in before and loaded
//! the pointer afterwards sees the new generation and begins again.

use super::sync::{AtomicPtr, AtomicU64, Ordering, fence};

/// What handlers look at; null when there is nothing.
pub(super) struct Guarded<T> {
    pointer: AtomicPtr<T>,
    /// Handlers that may be looking, in the lower half; their generation in the upper one.
    inside: AtomicU64,
}

/// One generation more, or its number.
const GENERATION: u64 = 1 << 32;

fn generation(inside: u64) -> u64 {
    inside / GENERATION
}

impl<T> Guarded<T> {
    #[cfg(not(rgops_loom))]
    pub(super) const fn new() -> Guarded<T> {
        Guarded { pointer: AtomicPtr::new(std::ptr::null_mut()), inside: AtomicU64::new(0) }
    }

    #[cfg(rgops_loom)]
    pub(super) fn new() -> Guarded<T> {
        Guarded { pointer: AtomicPtr::new(std::ptr::null_mut()), inside: AtomicU64::new(0) }
    }

    /// Calls `look` with the value, if there is one, and keeps it alive meanwhile. Async-signal-safe when
    /// `look` is.
    pub(super) fn look<R>(&self, look: impl FnOnce(Option<&T>) -> R) -> R {
        let (pointer, own) = loop {
            let own = generation(self.inside.fetch_add(1, Ordering::SeqCst));
            fence(Ordering::SeqCst);
            let pointer = self.pointer.load(Ordering::SeqCst);
            // A pointer that was put there in a later generation shows that generation, too.
            if generation(self.inside.load(Ordering::SeqCst)) == own {
                break (pointer, own);
            }
        };
        // SAFETY: whoever set the pointer frees it only after it was replaced and the count was 0 after
        // that (`replace`), and the count was raised before the load, in the generation that it was set in. One of
        // an earlier generation is never freed.
        let result = look(unsafe { pointer.as_ref() });
        self.leave(own);
        result
    }

    /// Counts a handler out, unless its generation is over.
    fn leave(&self, own: u64) {
        let mut inside = self.inside.load(Ordering::SeqCst);
        while generation(inside) == own {
            match self.inside.compare_exchange_weak(inside, inside - 1, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return,
                Err(now) => inside = now,
            }
        }
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
        self.inside.load(Ordering::SeqCst).is_multiple_of(GENERATION)
    }

    /// In a fork child: the handlers of the parent's threads are not here, nor is the value its own.
    pub(super) fn forget(&self) {
        self.pointer.store(std::ptr::null_mut(), Ordering::SeqCst);
        let mut inside = self.inside.load(Ordering::SeqCst);
        loop {
            let next = generation(inside).wrapping_add(1) % GENERATION * GENERATION;
            match self.inside.compare_exchange_weak(inside, next, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return,
                Err(now) => inside = now,
            }
        }
    }
}

#[cfg(all(test, not(rgops_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_handler_of_before_the_fork_is_not_counted_out_of_the_childs() {
        let guarded: Guarded<u32> = Guarded::new();
        guarded.look(|_| {
            assert!(!guarded.is_quiet());
            guarded.forget();
            assert!(guarded.is_quiet());
            guarded.look(|value| assert!(value.is_none() && !guarded.is_quiet()));
        });
        assert!(guarded.is_quiet());
        guarded.look(|_| assert!(!guarded.is_quiet(), "it counts"));
        assert!(guarded.is_quiet());
    }
}
