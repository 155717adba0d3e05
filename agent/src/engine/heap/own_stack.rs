//! The stack a thread was made with, as its samples need it.
//!
//! A walk in the signal handler asks the kernel about each page it reads. A sample is taken too often for
//! that. But the stack a thread was made with ([`stack_bounds`]) stays mapped as long as the thread runs, so
//! the answer can be kept: pages are asked about once, from that of the stack pointer up to the end of the
//! stack, without a gap. A coroutine's stack has no such end.

use super::super::stack_memory::PAGE_BYTES;
use super::super::{arch, stack_bounds};

/// The part of the calling thread's own stack that was found to be mapped; empty at first.
#[derive(Default)]
pub(super) struct OwnStack {
    low: u64,
    high: u64,
}

impl OwnStack {
    /// Whether a walk from `sp` may read everything up to the end.
    #[inline]
    pub(super) fn holds(&mut self, sp: u64, is_main: bool) -> bool {
        (sp >= self.low && sp < self.high) || self.ask(sp, is_main)
    }

    /// The word at `address`, if it is on the stack, from the red zone below `sp` up.
    #[inline]
    pub(super) fn read(&self, sp: u64, address: u64) -> Result<u64, ()> {
        if address & 7 != 0 || address < sp.saturating_sub(128).max(self.low) || address > self.high - 8 {
            return Err(());
        }
        // SAFETY: `holds` was true for `sp`: every page from below it to `high` was found readable, and
        // they are of the stack this thread runs on (above), which stays mapped while it does.
        Ok(unsafe { arch::load(address) })
    }

    /// Whether the word at `address`, which is not below a stack pointer that `holds` was true for, is on
    /// the stack.
    #[inline]
    pub(super) fn reaches(&self, address: u64) -> bool {
        address < self.high && address & 7 == 0
    }

    /// The word at `address`.
    ///
    /// # Safety
    /// `reaches` must be true for it, or for an address above it; and it must not be below a stack pointer
    /// that `holds` was true for.
    #[inline]
    pub(super) unsafe fn word(&self, address: u64) -> u64 {
        // SAFETY: as in `read`: between two addresses of this thread's own stack.
        unsafe { arch::load(address) }
    }

    #[cold]
    #[inline(never)]
    fn ask(&mut self, sp: u64, is_main: bool) -> bool {
        let end = stack_bounds::own_end(is_main);
        if stack_bounds::pages(sp, end).is_none() {
            return false;
        }
        let known = if self.high == end && self.low > sp { self.low } else { end };
        if !stack_bounds::is_readable(sp, known) {
            return false;
        }
        (self.low, self.high) = (sp & !(PAGE_BYTES - 1), end);
        true
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::engine::arch::Registers;
    use crate::engine::memory::Pages;

    #[test]
    fn a_threads_own_stack_is_found_and_a_foreign_one_is_not() {
        let mut own = OwnStack::default();
        let sp = Registers::here().sp;
        assert!(own.holds(sp, false));
        let value = 0x1234_5678u64;
        let address = std::ptr::from_ref(&value) as u64;
        assert_eq!(own.read(sp, address), Ok(value));
        assert_eq!(own.read(sp, address + 1), Err(()));
        assert_eq!(own.read(sp, own.high), Err(()), "the control block");
        assert_eq!(own.read(sp, sp - 4096), Err(()), "below");
        // As a coroutine's, mapped where the kernel likes: whatever lies between, there is a gap.
        let pages = Pages::zeroed(64 * 4096).unwrap();
        assert!(!OwnStack::default().holds(pages.as_ptr() as u64 + 60 * 4096, false));
    }

    #[test]
    fn what_was_asked_once_is_known() {
        let mut own = OwnStack::default();
        let sp = Registers::here().sp;
        assert!(own.holds(sp, false));
        let (low, high) = (own.low, own.high);
        assert!(own.holds(sp + 64, false));
        assert_eq!((own.low, own.high), (low, high));
        assert!(own.holds(sp - 3 * PAGE_BYTES, false));
        assert!(own.low < low && own.high == high);
    }
}
