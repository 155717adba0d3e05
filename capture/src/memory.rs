//! Our own memory: copies that cannot fault, and pages straight from the kernel.
//!
//! Copies are made by process_vm_readv(2) on ourselves; where a seccomp profile denies that, by
//! `/proc/self/mem`. An address that is not mapped is an error.

use std::fs::File;
use std::io;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::FileExt;
use std::ptr::NonNull;

/// Fills `buffer` from `address`.
pub(super) fn copy(address: u64, buffer: &mut [u8]) -> io::Result<()> {
    let local = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let remote = libc::iovec { iov_base: address as *mut libc::c_void, iov_len: buffer.len() };
    // SAFETY: the local vector is `buffer`, which we borrow mutably; the remote one is only an
    // address for the kernel, which checks it and fails with EFAULT instead of a signal.
    let copied = unsafe { libc::process_vm_readv(libc::getpid(), &local, 1, &remote, 1, 0) };
    if copied == buffer.len() as isize {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    // Whatever a filter answers; only EFAULT is about the address.
    if copied < 0 && error.raw_os_error() != Some(libc::EFAULT) {
        return File::open("/proc/self/mem")?.read_exact_at(buffer, address);
    }
    Err(if copied < 0 { error } else { io::ErrorKind::UnexpectedEof.into() })
}

/// Fills as much of `buffer` from `address` on as is mapped without a gap; says how much.
pub(super) fn copy_start(address: u64, buffer: &mut [u8]) -> io::Result<usize> {
    const PAGE_BYTES: u64 = 4096;
    // A page an element: a transfer that meets an unmapped page is cut between elements
    // (process_vm_readv(2)). IOV_MAX is 1024.
    let mut remote = Vec::with_capacity(buffer.len() / PAGE_BYTES as usize + 2);
    let (mut from, end) = (address, address.saturating_add(buffer.len() as u64));
    while from < end && remote.len() < 1024 {
        let to = (from / PAGE_BYTES + 1).saturating_mul(PAGE_BYTES).min(end);
        remote.push(libc::iovec { iov_base: from as *mut libc::c_void, iov_len: (to - from) as usize });
        from = to;
    }
    let local = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: (from - address) as usize };
    // SAFETY: the local vector is within `buffer`, which we borrow mutably, because the remote ones sum
    // up to at most its length; these are only addresses for the kernel, which checks them.
    let copied = unsafe {
        libc::process_vm_readv(libc::getpid(), &local, 1, remote.as_ptr(), remote.len() as libc::c_ulong, 0)
    };
    if let Ok(copied) = usize::try_from(copied) {
        return Ok(copied);
    }
    let error = io::Error::last_os_error();
    if error.raw_os_error() != Some(libc::EFAULT) {
        return File::open("/proc/self/mem")?.read_at(buffer, address);
    }
    Err(error)
}

/// Zeroed bytes of an anonymous mapping, private to the process and given back when dropped.
///
/// Not from the program's allocator: glibc raises its mmap and trim thresholds for the whole
/// program when a large block is freed (mallopt(3), M_MMAP_THRESHOLD), so a large block of ours
/// would change how the program's own memory returns to the system.
#[derive(Debug)]
pub(super) struct Pages {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: it owns the mapping; access goes through `&` and `&mut` as for a `Box<[u8]>`.
unsafe impl Send for Pages {}
// SAFETY: as above.
unsafe impl Sync for Pages {}

impl Pages {
    /// At least one byte. Pages are taken from the system only as they are touched.
    pub(super) fn zeroed(length: usize) -> io::Result<Pages> {
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
    pub(super) fn start(&self) -> NonNull<u8> {
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

    use super::{Pages, copy, copy_start};

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

    #[test]
    fn mapped_memory_is_copied_and_unmapped_is_an_error() {
        let value = *b"rgops";
        let mut buffer = [0; 5];
        copy(value.as_ptr() as u64, &mut buffer).unwrap();
        assert_eq!(buffer, value);
        assert!(copy(16, &mut buffer).is_err());
    }

    #[test]
    fn a_copy_ends_where_the_mapping_does() {
        let mut pages = Pages::zeroed(3 * 4096).unwrap();
        pages.fill(7);
        let start = pages.as_ptr() as u64;
        // SAFETY: the last page of a mapping of ours; nothing reads it after.
        let result = unsafe { libc::mprotect((start + 2 * 4096) as *mut _, 4096, libc::PROT_NONE) };
        assert_eq!(result, 0);
        let mut buffer = vec![0; 64 * 1024];
        assert_eq!(copy_start(start + 8, &mut buffer).unwrap(), 2 * 4096 - 8);
        assert!(buffer[..2 * 4096 - 8].iter().all(|byte| *byte == 7));
        assert_eq!(copy_start(start + 8, &mut buffer[..100]).unwrap(), 100);
        assert!(copy_start(start + 2 * 4096, &mut buffer).is_err());
    }
}
