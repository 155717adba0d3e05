//! Heap profiles of any allocator: a wrapper around the program's own.
//!
//! ```
//! use std::alloc::System;
//!
//! #[global_allocator]
//! static ALLOCATOR: rgops_agent::alloc::Sampling<System> = rgops_agent::alloc::Sampling::new(System);
//! # fn main() {}
//! ```
//!
//! With this line (and mimalloc, jemalloc or any other allocator in the place of [`System`](std::alloc::System)),
//! `rgops pprof-heap PID` shows where memory that lives was allocated, and where all of it was;
//! `rgops leaks PID` what grows; and `rgops memstats PID` counts allocations, frees and bytes exactly.
//!
//! # How
//! One block in 512 KiB, on the average, is **sampled** with its stack, by chance and in proportion to its
//! size; from the samples the whole is estimated without bias. `rgops heap-rate PID` changes the mean
//! while the program runs, and [`Options::heap_rate`](crate::Options::heap_rate) before. All other blocks
//! cost two additions: they are counted exactly.
//!
//! # What it costs
//! About 1 ns of a pair of `malloc` and `free` when the program's memory is in its caches, and 2 to 10 ns when
//! it is not; 0.2 to 2 µs a sample, likewise, and at 512 KiB a sample is rare
//! (*Heap sampling* in `docs/OVERHEAD.md` has the measurements). Its tables are of fixed size: 24 MB of
//! address space, of which what is touched is resident, at most 10 MB and 7 KB a thread. They do not exist
//! before [`listen`](crate::listen) was called: sampling begins there. What was allocated earlier is in
//! the exact counters only.
//!
//! # What it does not do
//! It takes no lock, allocates nothing, and opens nothing. Sizes are those asked for, not those the allocator
//! rounds them to.
//!
//! A block is counted before the allocator is asked for it; only where a sample is due (and so for every block
//! above 8 MiB) is it counted afterwards. So in a program that goes on after the allocator refused it a small
//! block, that block is in the counters for ever.
//!
//! On systems other than Linux, and on processors the engine does not know, it passes everything through and
//! counts nothing.

use std::alloc::{GlobalAlloc, Layout};

#[cfg(all(native_engine, not(miri)))]
use crate::engine::heap;

/// An allocator `A`, sampled. See the [module's documentation](self).
#[derive(Debug, Default, Clone, Copy)]
pub struct Sampling<A> {
    inner: A,
}

impl<A> Sampling<A> {
    /// Wraps an allocator.
    pub const fn new(inner: A) -> Sampling<A> {
        Sampling { inner }
    }
}

#[cfg(all(native_engine, not(miri)))]
impl<A> Sampling<A> {
    fn name() -> &'static str {
        std::any::type_name::<A>()
    }
}

// SAFETY: every block comes from the wrapped allocator and goes back to it with the same layout; in between
// only its address and size are noted, and nothing of that allocates, unwinds or touches the block.
#[cfg(all(native_engine, not(miri)))]
unsafe impl<A: GlobalAlloc> GlobalAlloc for Sampling<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if heap::count_allocation(layout.size()) {
            // SAFETY: the caller's promise is passed on.
            return unsafe { self.inner.alloc(layout) };
        }
        // SAFETY: as above.
        unsafe { self.alloc_and_look(layout, A::alloc) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if heap::count_allocation(layout.size()) {
            // SAFETY: as above.
            return unsafe { self.inner.alloc_zeroed(layout) };
        }
        // SAFETY: as above.
        unsafe { self.alloc_and_look(layout, A::alloc_zeroed) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // Before: another thread may get the address as soon as it was given back.
        if heap::count_free(block, layout.size()) {
            // SAFETY: as above.
            return unsafe { self.inner.dealloc(block, layout) };
        }
        // SAFETY: as above.
        unsafe { self.look_and_dealloc(block, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let taken = heap::reallocating(block);
        // SAFETY: as above.
        let new = unsafe { self.inner.realloc(block, layout, new_size) };
        if heap::count_reallocation(taken, block, layout.size(), new, new_size) {
            return new;
        }
        Self::look_at_reallocated(new, new_size)
    }
}

/// What is not done at once: a sample may be due. Each is a frame of its own, which is left out of the stack
/// (`heap::caller`).
#[cfg(all(native_engine, not(miri)))]
impl<A: GlobalAlloc> Sampling<A> {
    /// # Safety
    /// As that of `alloc`, one of [`GlobalAlloc`]'s.
    #[cold]
    #[inline(never)]
    unsafe fn alloc_and_look(&self, layout: Layout, alloc: unsafe fn(&A, Layout) -> *mut u8) -> *mut u8 {
        // SAFETY: the caller's promise is passed on.
        let block = unsafe { alloc(&self.inner, layout) };
        heap::allocated(heap::caller(), block, layout.size(), Self::name);
        block
    }

    #[cold]
    #[inline(never)]
    fn look_at_reallocated(new: *mut u8, new_size: usize) -> *mut u8 {
        heap::reallocated(heap::caller(), new, new_size, Self::name);
        new
    }

    /// # Safety
    /// As [`GlobalAlloc::dealloc`].
    #[cold]
    #[inline(never)]
    unsafe fn look_and_dealloc(&self, block: *mut u8, layout: Layout) {
        heap::freeing(block, layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { self.inner.dealloc(block, layout) }
    }
}

// SAFETY: everything is passed on as it comes.
#[cfg(not(all(native_engine, not(miri))))]
unsafe impl<A: GlobalAlloc> GlobalAlloc for Sampling<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is passed on.
        unsafe { self.inner.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { self.inner.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { self.inner.dealloc(block, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as above.
        unsafe { self.inner.realloc(block, layout, new_size) }
    }
}
