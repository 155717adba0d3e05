//! A value that signal handlers read and the agent's thread replaces, with a grace period before it is freed.
//!
//! A handler increments the count, then loads the pointer. The agent's thread replaces the pointer,
//! then reads the count. Between the two steps of each is a `SeqCst` fence, so either the handler loads
//! the new pointer or the agent sees the count (C++20, [atomics.order] 4). A replaced value may be freed
//! once the count was 0. `models.rs` proves it for every interleaving.
//!
//! In a fork child the count includes handlers of threads that do not exist there, and possibly one of the forking
//! thread. So counts have a generation, and the child starts a new one. A handler of an earlier generation does not
//! decrement the new count, and the value behind the parent's pointer is never freed in the child. A handler that was
//! counted before and loads the pointer after sees the new generation and starts again.

use super::sync::{AtomicPtr, AtomicU64, Ordering, fence};

/// A pointer that handlers may read; null when there is no value.
pub(super) struct Guarded<T> {
    pointer: AtomicPtr<T>,
    /// The number of running handlers in the lower half, and their generation in the upper half.
    inside: AtomicU64,
}

/// The unit of the generation.
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

    /// Calls `work` with the value, if there is one, and keeps the value alive during the call. Async-signal-safe if
    /// `work` is.
    pub(super) fn read<R>(&self, work: impl FnOnce(Option<&T>) -> R) -> R {
        let (pointer, own) = loop {
            let own = generation(self.inside.fetch_add(1, Ordering::SeqCst));
            fence(Ordering::SeqCst);
            let pointer = self.pointer.load(Ordering::SeqCst);
            // If the pointer was stored in a later generation, this load sees that generation.
            if generation(self.inside.load(Ordering::SeqCst)) == own {
                break (pointer, own);
            }
        };
        // SAFETY: the owner frees the value only after it replaced the pointer and then saw a count of 0
        // (`replace`). This call raised the count before it loaded the pointer, in the generation that the pointer was
        // stored in. Values of an earlier generation are never freed.
        let result = work(unsafe { pointer.as_ref() });
        self.leave(own);
        result
    }

    /// Decrements the count, unless its generation is over.
    fn leave(&self, own: u64) {
        let mut inside = self.inside.load(Ordering::SeqCst);
        while generation(inside) == own {
            match self.inside.compare_exchange_weak(inside, inside - 1, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return,
                Err(now) => inside = now,
            }
        }
    }

    /// Replaces the pointer.
    ///
    /// # Safety
    /// `pointer` is null, or its value lives until the pointer was replaced and [`Guarded::is_quiet`] was true
    /// after that.
    pub(super) unsafe fn replace(&self, pointer: *mut T) {
        self.pointer.store(pointer, Ordering::SeqCst);
    }

    /// Like [`Guarded::replace`], and returns the former pointer.
    ///
    /// # Safety
    /// The requirements of [`Guarded::replace`].
    pub(super) unsafe fn swap(&self, pointer: *mut T) -> *mut T {
        self.pointer.swap(pointer, Ordering::SeqCst)
    }

    /// Whether no handler is running. Then every value that was replaced before can be freed.
    pub(super) fn is_quiet(&self) -> bool {
        // Orders the caller's replacement, of this pointer or inside the value, before the load of the count.
        fence(Ordering::SeqCst);
        self.inside.load(Ordering::SeqCst).is_multiple_of(GENERATION)
    }

    /// For a fork child: starts a new generation, because neither the parent's handlers nor its value belong to it.
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
    fn a_handler_from_before_the_fork_does_not_decrement_the_childs_count() {
        let guarded: Guarded<u32> = Guarded::new();
        guarded.read(|_| {
            assert!(!guarded.is_quiet());
            guarded.forget();
            assert!(guarded.is_quiet());
            guarded.read(|value| assert!(value.is_none() && !guarded.is_quiet()));
        });
        assert!(guarded.is_quiet());
        guarded.read(|_| assert!(!guarded.is_quiet(), "the handler is counted"));
        assert!(guarded.is_quiet());
    }
}
