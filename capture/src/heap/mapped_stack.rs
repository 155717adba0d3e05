//! The mapped part of a thread's own stack, for samples.
//!
//! A walk in the signal handler probes each page it reads, which is too slow for heap samples.
//! But a thread's own stack ([`stack_bounds`]) stays mapped as long as the thread runs, so
//! the result can be cached: each page is probed once, from the end of the stack down to the page of the stack
//! pointer, without a gap. A coroutine's stack has no known end.

use super::super::memory::PAGE_BYTES;
use super::super::sync::{AtomicU64, Ordering};
use super::super::{arch, stack_bounds};

/// The part of a thread's own stack that is known to be mapped; empty at first. Used only by that thread and by
/// signal handlers that interrupt it.
pub(crate) struct MappedStack {
    pub(super) low: AtomicU64,
    pub(super) high: AtomicU64,
    /// The number of readable pages from the end down to the first unreadable one; 0 if none was found yet.
    pub(super) before_gap: AtomicU64,
}

impl MappedStack {
    /// Whether a walk from `sp` may read everything up to the end, as far as is known.
    #[inline(always)]
    pub(super) fn contains(&self, sp: u64) -> bool {
        sp >= self.low.load(Ordering::Relaxed) && sp < self.high.load(Ordering::Relaxed)
    }

    /// Like [`MappedStack::contains`], but probes pages that are not known.
    #[cold]
    #[inline(never)]
    pub(super) fn probe(&self, sp: u64, is_main: bool) -> bool {
        let end = stack_bounds::own_end(is_main);
        let Some(wanted) = stack_bounds::pages(sp, end, is_main) else { return false };
        let (low, high) = (self.low.load(Ordering::Relaxed), self.high.load(Ordering::Relaxed));
        let before_gap = self.before_gap.load(Ordering::Relaxed);
        let known = match high == end {
            true if before_gap != 0 && wanted > before_gap => before_gap,
            true if low < high => (end - 1) / PAGE_BYTES + 1 - low / PAGE_BYTES,
            _ => 0,
        };
        let readable = stack_bounds::readable_pages(end, known.min(wanted), wanted);
        if readable < wanted {
            // The stack pointer is below the gap, so it is not on this stack. The pages above the gap are mapped, but
            // are read only after this thread was seen to use them.
            if high != end {
                self.low.store(end, Ordering::Relaxed);
                self.high.store(end, Ordering::Relaxed);
            }
            self.before_gap.store(readable, Ordering::Relaxed);
            return false;
        }
        if high != end {
            self.before_gap.store(0, Ordering::Relaxed);
        }
        // In this order, so that a signal handler in between sees the former part or none.
        self.low.store(sp & !(PAGE_BYTES - 1), Ordering::Relaxed);
        self.high.store(end, Ordering::Relaxed);
        true
    }

    /// Clears it for a new owner.
    pub(super) fn forget(&self) {
        self.high.store(0, Ordering::Relaxed);
        self.low.store(0, Ordering::Relaxed);
        self.before_gap.store(0, Ordering::Relaxed);
    }

    /// The word at `address`, if it is on the stack, from the red zone below `sp` upwards.
    #[inline]
    pub(super) fn read(&self, sp: u64, address: u64) -> Result<u64, ()> {
        let lowest = sp.saturating_sub(128).max(self.low.load(Ordering::Relaxed));
        if address & 7 != 0 || address < lowest || address > self.high.load(Ordering::Relaxed) - 8 {
            return Err(());
        }
        // SAFETY: `probe` found every page from `low` to `high` readable, and they belong to this thread's own
        // stack, which stays mapped as long as the thread runs.
        Ok(unsafe { arch::load(address) })
    }

    /// Whether the word at `address`, which must not be below a stack pointer on this stack, is on the stack.
    #[inline]
    pub(super) fn reaches(&self, address: u64) -> bool {
        address < self.high.load(Ordering::Relaxed) && address & 7 == 0
    }

    /// The word at `address`.
    ///
    /// # Safety
    /// `reaches` must be true for `address` or an address above it, and `address` must not be below a stack pointer
    /// for which [`MappedStack::contains`] or [`MappedStack::probe`] was true.
    #[inline]
    pub(super) unsafe fn word(&self, address: u64) -> u64 {
        // SAFETY: as in `read`: the caller guarantees that it is between two addresses of this thread's own stack.
        unsafe { arch::load(address) }
    }
}

#[cfg(all(test, not(rgops_loom)))]
mod tests {
    use super::*;
    use crate::arch::Registers;

    fn unknown() -> MappedStack {
        MappedStack { low: AtomicU64::new(0), high: AtomicU64::new(0), before_gap: AtomicU64::new(0) }
    }

    #[test]
    fn a_threads_own_stack_is_read_and_a_foreign_stack_is_not() {
        let own = unknown();
        let sp = Registers::here().sp;
        assert!(!own.contains(sp) && own.probe(sp, false) && own.contains(sp));
        let value = 0x1234_5678u64;
        let address = std::ptr::from_ref(&value) as u64;
        assert_eq!(own.read(sp, address), Ok(value));
        assert_eq!(own.read(sp, address + 1), Err(()));
        assert_eq!(own.read(sp, own.high.load(Ordering::Relaxed)), Err(()), "the control block");
        assert_eq!(own.read(sp, sp - 4096), Err(()), "below");
        let boxed = vec![0u8; 64 * 1024];
        assert!(!unknown().probe(boxed.as_ptr() as u64 + 60 * 1024, false), "the heap");
        own.forget();
        assert!(!own.contains(sp));
    }

    #[test]
    fn the_own_stack_is_still_read_after_a_foreign_stack_was_probed() {
        let own = unknown();
        let sp = Registers::here().sp;
        let foreign = crate::memory::Pages::zeroed(16 << 20).map(|pages| pages.as_ptr() as u64);
        let foreign = foreign.map_or(sp - (100 << 20), |foreign| foreign.min(sp - (100 << 20)));
        for _ in 0..3 {
            assert!(
                !own.probe(foreign, false) && !own.contains(foreign) && !own.contains(sp - 64 * PAGE_BYTES)
            );
        }
        assert!(own.probe(sp, false) && own.contains(sp) && !own.probe(foreign, false) && own.contains(sp));
        assert!(!own.contains(foreign));
        assert_eq!(own.read(sp, std::ptr::from_ref(&sp) as u64), Ok(sp));
    }

    #[test]
    fn a_probed_part_of_the_stack_stays_known() {
        let own = unknown();
        let sp = Registers::here().sp;
        assert!(own.probe(sp, false) && own.contains(sp + 64));
        let deeper = sp - 3 * PAGE_BYTES;
        assert!(
            !own.contains(deeper) && own.probe(deeper, false) && own.contains(deeper) && own.contains(sp)
        );
    }
}
