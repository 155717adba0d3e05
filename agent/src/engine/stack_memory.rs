//! Reads of the own thread's stack, from a signal handler: each page is asked about first.
//!
//! What is read lies between the stack pointer and a bound above it, so on the stack the thread is
//! running on; nobody unmaps that under it. Anything else a wrong unwind rule may ask for is refused.

use super::arch;

/// How far above the stack pointer frames are looked for, in bytes. Larger than any usual stack.
const MAX_STACK_BYTES: u64 = 64 * 1024 * 1024;

/// System pages are at least this large; a larger page only costs a question more.
const PAGE_BYTES: u64 = 4096;

/// Stack a walk takes, in bytes. framehop and gimli use most of it: gimli copies a row of 192
/// register rules (6 KiB) by value. Measured by the test
/// `the_handler_uses_little_stack`; with the kernel's frame, on an alternate stack, by
/// `tests/tests/p05_detectors`.
pub(super) const WALK_BYTES: u64 = if cfg!(debug_assertions) { 48 } else { 12 } * 1024;

/// Whether the calling thread has [`WALK_BYTES`] of stack left. A coroutine's stack, or an alternate
/// one, may be that small; below it is a guard page, which the kernel says cannot be read.
#[inline(never)]
pub(super) fn has_room_to_walk() -> bool {
    let here = 0u8;
    let here = std::hint::black_box(std::ptr::from_ref(&here)) as u64;
    let mut depth = PAGE_BYTES;
    while depth <= WALK_BYTES {
        if !arch::is_readable(here.saturating_sub(depth)) {
            return false;
        }
        depth += PAGE_BYTES;
    }
    true
}

/// The readable part of a stack, and the pages found readable so far.
pub(super) struct StackMemory {
    lowest: u64,
    highest: u64,
    readable: [u64; 4],
    next: usize,
}

impl StackMemory {
    /// The stack of the calling thread, from `sp` up.
    pub(super) fn above(sp: u64) -> StackMemory {
        // The 128 bytes below are the red zone of the x86_64 ABI; leaf functions keep data there.
        let lowest = sp.saturating_sub(128).max(PAGE_BYTES);
        // The C libraries put a thread's control block above its stack, in the same mapping. Beyond it
        // are other threads' stacks, which may go at any time. The main thread's is below its stack.
        let control_block = Some(arch::thread_pointer()).filter(|pointer| *pointer > sp);
        let highest = sp.saturating_add(MAX_STACK_BYTES).min(control_block.unwrap_or(u64::MAX));
        StackMemory { lowest, highest, readable: [0; 4], next: 0 }
    }

    /// The word at `address`, or an error when it is not on the stack or cannot be read.
    #[inline]
    pub(super) fn read(&mut self, address: u64) -> Result<u64, ()> {
        if address & 7 != 0 || address < self.lowest || address >= self.highest {
            return Err(());
        }
        let page = address / PAGE_BYTES;
        if !self.readable.contains(&page) {
            if !arch::is_readable(address) {
                return Err(());
            }
            self.readable[self.next % self.readable.len()] = page;
            self.next += 1;
        }
        // SAFETY: the address is aligned and its page was just shown to be readable; it belongs to
        // the stack this thread runs on, which stays mapped while it does. Volatile, because the
        // words are other frames' locals, which this code does not own.
        Ok(unsafe { (address as *const u64).read_volatile() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_stack_is_read_and_strangers_are_refused() {
        let local = 0x1234_5678_9abc_def0u64;
        let address = std::ptr::from_ref(&local) as u64;
        let mut memory = StackMemory::above(address);
        assert_eq!(memory.read(address), Ok(local));
        assert_eq!(memory.read(address + 4), Err(()), "misaligned");
        assert_eq!(memory.read(0), Err(()), "null page");
        assert_eq!(memory.read(address - 4096), Err(()), "below the stack pointer");
        let boxed = Box::new(1u64);
        assert_eq!(memory.read(std::ptr::from_ref(&*boxed) as u64), Err(()), "heap");
    }

    #[test]
    fn unmapped_memory_is_not_readable() {
        assert!(!arch::is_readable(8));
        let local = 7u64;
        assert!(arch::is_readable(std::ptr::from_ref(&local) as u64));
    }
}
