//! Pages straight from the kernel.

use std::io;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// Zeroed bytes of an anonymous mapping, private to the process and given back when dropped.
///
/// Not from the program's allocator: glibc raises its mmap and trim thresholds for the whole
/// program when a large block is freed (mallopt(3), M_MMAP_THRESHOLD), so a large block of ours
/// would change how the program's own memory returns to the system.
#[derive(Debug)]
pub(crate) struct Pages {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: it owns the mapping; access goes through `&` and `&mut` as for a `Box<[u8]>`.
unsafe impl Send for Pages {}
// SAFETY: as above.
unsafe impl Sync for Pages {}

impl Pages {
    /// At least one byte. Pages are taken from the system only as they are touched.
    pub(crate) fn zeroed(length: usize) -> io::Result<Pages> {
        let length = length.max(1);
        // Miri knows no MAP_NORESERVE.
        let no_reserve = if cfg!(miri) { 0 } else { libc::MAP_NORESERVE };
        // SAFETY: an anonymous mapping at an address the kernel chooses touches no other memory.
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
    /// Where they begin. Not by way of a slice, whose bytes nobody may change while it is there.
    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }
}

impl Deref for Pages {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the mapping is `length` readable, initialised bytes until `drop`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl DerefMut for Pages {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, writable, and borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and no reference outlives `self`.
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
