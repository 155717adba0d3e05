//! The wrapper around the program's allocator: counts every block, and takes a sample when one is due.

use std::alloc::{GlobalAlloc, Layout};

#[cfg(all(native_engine, not(miri)))]
use crate::heap;

/// A sampled allocator `A`. The documentation is in `rgops_agent::alloc`, the path that programs use.
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

// SAFETY: every block comes from the wrapped allocator and returns to it with the same layout. In between,
// only its address and size are recorded, by code that does not allocate, unwind or access the block.
#[cfg(all(native_engine, not(miri)))]
unsafe impl<A: GlobalAlloc> GlobalAlloc for Sampling<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if heap::count_allocation(layout.size()) {
            // SAFETY: the caller upholds the contract of `alloc`, which is passed on.
            return unsafe { self.inner.alloc(layout) };
        }
        // SAFETY: as above.
        unsafe { self.alloc_slow(layout, A::alloc) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if heap::count_allocation(layout.size()) {
            // SAFETY: as in `alloc`.
            return unsafe { self.inner.alloc_zeroed(layout) };
        }
        // SAFETY: as in `alloc`.
        unsafe { self.alloc_slow(layout, A::alloc_zeroed) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // Counted before it is freed: after that, another thread may get the same address.
        if heap::count_free(block, layout.size()) {
            // SAFETY: as in `alloc`.
            return unsafe { self.inner.dealloc(block, layout) };
        }
        // SAFETY: as in `alloc`.
        unsafe { self.dealloc_slow(block, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let taken = heap::reallocating(block);
        // SAFETY: as in `alloc`.
        let new = unsafe { self.inner.realloc(block, layout, new_size) };
        if heap::count_reallocation(taken, block, layout.size(), new, new_size) {
            return new;
        }
        Self::count_slow(new, new_size)
    }
}

/// The slow paths: a sample may be due. Each is a frame of its own, which is omitted from the sampled stack
/// (`heap::caller`).
#[cfg(all(native_engine, not(miri)))]
impl<A: GlobalAlloc> Sampling<A> {
    /// # Safety
    /// The contract of `alloc`, which is one of [`GlobalAlloc`]'s.
    #[cold]
    #[inline(never)]
    unsafe fn alloc_slow(&self, layout: Layout, alloc: unsafe fn(&A, Layout) -> *mut u8) -> *mut u8 {
        // SAFETY: the caller upholds the contract of `alloc`, which is passed on.
        let block = unsafe { alloc(&self.inner, layout) };
        heap::allocated(heap::caller(), block, layout.size(), Self::name);
        block
    }

    #[cold]
    #[inline(never)]
    fn count_slow(new: *mut u8, new_size: usize) -> *mut u8 {
        heap::reallocated(heap::caller(), new, new_size, Self::name);
        new
    }

    /// # Safety
    /// The contract of [`GlobalAlloc::dealloc`].
    #[cold]
    #[inline(never)]
    unsafe fn dealloc_slow(&self, block: *mut u8, layout: Layout) {
        heap::freeing(block, layout.size());
        // SAFETY: the caller upholds the contract of `dealloc`, which is passed on.
        unsafe { self.inner.dealloc(block, layout) }
    }
}

// SAFETY: every call is passed on unchanged to the wrapped allocator.
#[cfg(not(all(native_engine, not(miri))))]
unsafe impl<A: GlobalAlloc> GlobalAlloc for Sampling<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller upholds the contract, which is passed on.
        unsafe { self.inner.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        unsafe { self.inner.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as in `alloc`.
        unsafe { self.inner.dealloc(block, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as in `alloc`.
        unsafe { self.inner.realloc(block, layout, new_size) }
    }
}
