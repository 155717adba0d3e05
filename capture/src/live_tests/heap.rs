//! Tests that call the sampling wrapper directly, in this process. So they also run under AddressSanitizer, unlike the
//! tests of a program that has the wrapper as its global allocator.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::alloc::{GlobalAlloc as _, Layout, System};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::alloc::Sampling;
use crate::memory::Pages;
use crate::{arch, heap};

static ALLOCATOR: Sampling<System> = Sampling::new(System);

/// Sampling is begun and ended for the whole process, so one of these tests runs at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A block and its layout, freed by its owner.
struct Block(*mut u8, Layout);

// SAFETY: it owns the block, and the allocator accepts frees from any thread.
unsafe impl Send for Block {}

impl Block {
    fn new(size: usize, align: usize, is_zeroed: bool) -> Block {
        let layout = Layout::from_size_align(size, align).unwrap();
        // SAFETY: the layout is not empty; only bytes within its size are accessed.
        unsafe {
            let block = if is_zeroed { ALLOCATOR.alloc_zeroed(layout) } else { ALLOCATOR.alloc(layout) };
            assert!(!block.is_null());
            if is_zeroed {
                assert_eq!((*block, *block.add(size - 1)), (0, 0));
            }
            block.write_bytes(size as u8, size);
            Block(block, layout)
        }
    }

    fn check(&self) {
        let (last, byte) = (self.1.size() - 1, self.1.size() as u8);
        // SAFETY: both are within the block, which `new` and `resize` initialised.
        assert_eq!(unsafe { (*self.0, *self.0.add(last)) }, (byte, byte));
    }

    fn resize(&mut self, size: usize) {
        self.check();
        // SAFETY: the block was allocated with this layout; only bytes within its new size are written.
        unsafe {
            self.0 = ALLOCATOR.realloc(self.0, self.1, size);
            assert!(!self.0.is_null());
            self.0.write_bytes(size as u8, size);
        }
        self.1 = Layout::from_size_align(size, self.1.align()).unwrap();
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.check();
        // SAFETY: the block was allocated with this layout, and is not used any more.
        unsafe { ALLOCATOR.dealloc(self.0, self.1) };
    }
}

/// Two threads allocate, reallocate and free at random: their own blocks and each other's.
#[test]
fn freed_blocks_of_two_threads_leave_no_entries_in_the_tables() {
    let _alone = alone();
    drop(Block::new(1, 1, false)); // Registers the wrapper.
    heap::begin(4096).unwrap();
    let common = Mutex::new(Vec::<Block>::new());
    std::thread::scope(|scope| {
        for thread in 1..=2u64 {
            let common = &common;
            scope.spawn(move || {
                let mut random = 0x9E37_79B9_7F4A_7C15u64 ^ thread;
                let mut next = |below: u64| {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    ((random >> 11) % below) as usize
                };
                let mut own = Vec::new();
                for _ in 0..30_000 {
                    let size = 1 + if next(100) == 0 { next(100_000) } else { next(1000) };
                    match next(6) {
                        0 => own.push(Block::new(size, 1 << next(13), true)),
                        1 | 2 => own.push(Block::new(size, 8, false)),
                        3 if !own.is_empty() => {
                            let at = next(own.len() as u64);
                            own[at].resize(size);
                        }
                        4 if !own.is_empty() => {
                            let at = next(own.len() as u64);
                            let mut common = common.lock().unwrap();
                            common.push(own.swap_remove(at));
                            let theirs = next(common.len() as u64);
                            own.push(common.swap_remove(theirs));
                        }
                        _ => drop(own.pop()),
                    }
                }
            });
        }
    });
    let full = heap::read(true);
    assert_eq!(full.counters.sampled - full.counters.sampled_freed, full.live.len() as u64);
    drop(common);
    let empty = heap::read(true);
    assert!(empty.counters.sampled > 1000, "{:?}", empty.counters);
    assert_eq!(empty.counters.sampled, empty.counters.sampled_freed);
    assert!(empty.live.is_empty());
    assert!(empty.buckets.iter().all(|bucket| bucket.allocated == bucket.freed));
    let exact = empty.counters.exact.unwrap();
    assert_eq!((exact.allocations, exact.allocated_bytes), (exact.frees, exact.freed_bytes));
    heap::end();
}

/// The stack that a sample takes from the allocating thread, including the allocator's part. A coroutine's stack of
/// 4 KiB has only one or two kilobytes left. Without optimisation, half of it is used by
/// std and the allocator.
#[test]
fn a_sample_needs_little_stack() {
    const LIMIT: usize = if cfg!(debug_assertions) { 2560 } else { 1024 };
    const PAINT: u8 = 0xa5;

    extern "C" fn allocate(_: *mut libc::c_void) {
        for round in 0..40 {
            drop(Block::new(64 + round, 8, false));
            let mut block = Block::new(64, 8, true);
            block.resize(3000);
        }
    }
    extern "C" fn without_samples(_: *mut libc::c_void) {
        for round in 0..40 {
            let layout = Layout::from_size_align(64 + round, 8).unwrap();
            // SAFETY: the layout is not empty; the block is freed with the same layout.
            unsafe { System.dealloc(System.alloc(layout), layout) };
        }
    }
    let used = |work: extern "C" fn(*mut libc::c_void)| {
        let mut stack = Pages::zeroed(64 * 1024).unwrap();
        stack.fill(PAINT);
        let top = stack.as_ptr() as u64 + stack.len() as u64;
        // SAFETY: the stack is large and used by no other code; the work does not unwind and ignores its argument.
        unsafe { arch::call_on(top, work, std::ptr::null_mut()) };
        stack.len() - stack.iter().take_while(|byte| **byte == PAINT).count()
    };
    let _alone = alone();
    drop(Block::new(1, 1, false));
    heap::begin(1).unwrap();
    let before = heap::read(false).counters;
    // A thread's first allocation takes another path than later ones.
    let sampled =
        std::thread::scope(|scope| scope.spawn(|| [used(allocate), used(allocate)]).join().unwrap());
    let after = heap::read(false).counters;
    heap::end();
    assert!(after.sampled - before.sampled >= 40, "{after:?}");
    assert_eq!(after.without_stack, before.without_stack);
    let plain = used(without_samples);
    eprintln!("with samples {sampled:?} bytes, the allocator alone {plain}");
    assert!(
        sampled.iter().all(|used| used.saturating_sub(plain) < LIMIT),
        "{sampled:?} bytes, {plain} without"
    );
}
