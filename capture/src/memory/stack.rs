//! Reads of the own thread's stack, from a signal handler: each page is asked about first.
//!
//! The question is a rt_sigprocmask(2) that can only fail: with an invalid `how` the kernel first
//! copies the new set in (EFAULT when the page cannot be read), then looks at `how` (EINVAL; kernel/
//! signal.c). It changes nothing, takes no lock, needs no descriptor, and no sandbox denies it that
//! lets threads begin. One that does (whatever other errno) leaves the leaf alone and is reported.
//!
//! Between question and read another thread could unmap the page, so only the stack the thread runs
//! on is read: pages from the stack pointer up, without a gap, below the end that [`crate::stack_bounds`]
//! knows. Whoever unmaps that has taken the ground from under a running thread. A wrong unwind rule may ask
//! for anything else; it gets nothing.

use crate::arch;

/// How far above the stack pointer frames are looked for, in bytes: twice the usual limit of a main
/// thread (`ulimit -s`). It bounds the questions of a walk as well: 4096, 0.4 ms.
const MAX_STACK_BYTES: u64 = 16 * 1024 * 1024;

/// System pages are at least this large; a larger page only costs a question more.
pub(crate) const PAGE_BYTES: u64 = 4096;

/// The readable part of a stack.
pub(crate) struct StackMemory {
    lowest: u64,
    highest: u64,
    /// Pages found readable so far: from the stack pointer's up, without a gap.
    readable: std::ops::Range<u64>,
}

impl StackMemory {
    /// The stack of the calling thread from `sp` up to `highest`.
    pub(crate) fn between(sp: u64, highest: u64) -> StackMemory {
        // The 128 bytes below are the red zone of the x86_64 ABI; leaf functions keep data there.
        let lowest = sp.saturating_sub(128).max(PAGE_BYTES);
        let highest = sp.saturating_add(MAX_STACK_BYTES).min(highest);
        let first = sp.max(PAGE_BYTES) / PAGE_BYTES;
        StackMemory { lowest, highest, readable: first..first }
    }

    /// The word at `address`, or an error when it is not on the stack or cannot be read.
    #[inline]
    pub(crate) fn read(&mut self, address: u64) -> Result<u64, ()> {
        if address & 7 != 0 || address < self.lowest || address >= self.highest {
            return Err(());
        }
        let page = address / PAGE_BYTES;
        // Of the page before, only the red zone.
        if page < self.readable.start && !arch::is_readable(address) {
            return Err(());
        }
        while page >= self.readable.end {
            if !arch::is_readable(self.readable.end * PAGE_BYTES) {
                return Err(());
            }
            self.readable.end += 1;
        }
        // SAFETY: the address is aligned and its page was just shown to be readable, as were all
        // between it and the stack pointer: it belongs to the stack this thread runs on, which stays
        // mapped while it does.
        Ok(unsafe { arch::load(address) })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::memory::Pages;

    #[test]
    fn own_stack_is_read_and_strangers_are_refused() {
        let local = 0x1234_5678_9abc_def0u64;
        let address = std::ptr::from_ref(&local) as u64;
        let mut memory = StackMemory::between(address, u64::MAX);
        assert_eq!(memory.read(address), Ok(local));
        assert_eq!(memory.read(address + 4), Err(()), "misaligned");
        assert_eq!(memory.read(0), Err(()), "null page");
        assert_eq!(memory.read(address - 4096), Err(()), "below the stack pointer");
        let boxed = Box::new(1u64);
        assert_eq!(memory.read(std::ptr::from_ref(&*boxed) as u64), Err(()), "heap");
    }

    #[test]
    fn nothing_behind_a_gap_is_read() {
        let page = PAGE_BYTES as usize;
        let mut pages = Pages::zeroed(4 * page).unwrap();
        pages.fill(1);
        let start = pages.as_mut_ptr();
        // SAFETY: within our own mapping; nobody touches that page.
        assert_eq!(unsafe { libc::mprotect(start.add(2 * page).cast(), page, libc::PROT_NONE) }, 0);
        let sp = start as u64 + 256;
        let mut memory = StackMemory::between(sp, u64::MAX);
        let word = 0x0101_0101_0101_0101;
        assert_eq!(memory.read(sp + 3 * PAGE_BYTES), Err(()), "the neighbour's");
        assert_eq!(memory.read(sp + 2 * PAGE_BYTES), Err(()), "the guard page");
        assert_eq!(memory.read(sp + PAGE_BYTES), Ok(word));
        assert_eq!(memory.read(sp + 3 * PAGE_BYTES), Err(()), "the neighbour's");
        assert_eq!(StackMemory::between(sp, sp + 64).read(sp + 64), Err(()), "the control block");
    }

    #[test]
    fn unmapped_memory_is_not_readable() {
        assert!(!arch::is_readable(8));
        let local = 7u64;
        assert!(arch::is_readable(std::ptr::from_ref(&local) as u64));
    }
}
