//! Anonymous mappings, directly from the kernel.

use std::io;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// A private anonymous mapping of zeroed bytes, unmapped when dropped.
///
/// Not from the program's allocator: glibc raises its mmap and trim thresholds for the whole
/// program when a large block is freed (mallopt(3), M_MMAP_THRESHOLD). So a large block of ours
/// would change how the program's own memory returns to the system.
#[derive(Debug)]
pub(crate) struct Pages {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: it owns the mapping; access goes through `&` and `&mut` as for a `Box<[u8]>`.
unsafe impl Send for Pages {}
// SAFETY: safe shared access, through `Deref`, only reads. Code that writes through `start` is unsafe, and uses
// atomics.
unsafe impl Sync for Pages {}

impl Pages {
    /// A mapping of `length` bytes, at least one. Pages become resident only as they are touched.
    pub(crate) fn zeroed(length: usize) -> io::Result<Pages> {
        let length = length.max(1);
        // Miri does not support MAP_NORESERVE.
        let no_reserve = if cfg!(miri) { 0 } else { libc::MAP_NORESERVE };
        // SAFETY: an anonymous mapping at an address chosen by the kernel affects no other memory.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | no_reserve,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::other("mapped at address 0"))?;
        Ok(Pages { start, length })
    }
}

impl Pages {
    /// The start, for access through atomics. A slice would promise that its bytes do not change while it exists.
    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }
}

impl Deref for Pages {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the mapping has `length` readable, initialised bytes until `drop`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl DerefMut for Pages {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: the mapping has `length` writable, initialised bytes until `drop`, and `self` is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: this value owns the mapping, and no reference outlives it.
        unsafe {
            libc::munmap(self.start.as_ptr().cast(), self.length);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::Pages;
    use crate::memory::copy;

    #[test]
    fn pages_are_zero_writable_and_unmapped_when_dropped() {
        let mut pages = Pages::zeroed(100_000).unwrap();
        assert!(pages.iter().all(|byte| *byte == 0));
        pages[99_999] = 7;
        assert_eq!(pages[99_999], 7);
        let address = pages.as_ptr() as u64;
        drop(pages);
        assert!(copy(address, &mut [0]).is_err(), "still mapped");
    }
}
