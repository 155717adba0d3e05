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
//! cost four additions: they are counted exactly.
//!
//! # What it costs
//! About 1 ns of a pair of `malloc` and `free`, and 0.2 to 1 µs a sample; at 512 KiB a sample is rare
//! (*Heap sampling* in `docs/OVERHEAD.md` has the measurements). Its tables are of fixed size: 23 MB of
//! address space, of which what is touched is resident, at most 10 MB and 7 KB a thread. They do not exist
//! before [`listen`](crate::listen) was called: sampling begins there. What was allocated earlier is in
//! the exact counters only.
//!
//! # What it does not do
//! It takes no lock, allocates nothing, and opens nothing. Sizes are those asked for, not those the allocator
//! rounds them to. On systems other than Linux, and on processors the engine does not know, it passes
//! everything through and counts nothing.

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
        // SAFETY: the caller's promise is passed on.
        let block = unsafe { self.inner.alloc(layout) };
        heap::allocated(block, layout.size(), Self::name);
        block
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        let block = unsafe { self.inner.alloc_zeroed(layout) };
        heap::allocated(block, layout.size(), Self::name);
        block
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // Before: another thread may get the address as soon as it was given back.
        heap::freeing(block, layout.size());
        // SAFETY: as above.
        unsafe { self.inner.dealloc(block, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let taken = heap::reallocating(block);
        // SAFETY: as above.
        let new = unsafe { self.inner.realloc(block, layout, new_size) };
        heap::reallocated(taken, block, layout.size(), new, new_size, Self::name);
        new
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
