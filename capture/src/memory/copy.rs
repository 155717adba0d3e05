//! Single copies of memory that cannot fault.
//!
//! They use process_vm_readv(2) on our own process, or `/proc/thread-self/mem` where a seccomp profile denies
//! that. An unmapped address is an error.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Fills `buffer` from `address`.
pub(crate) fn copy(address: u64, buffer: &mut [u8]) -> io::Result<()> {
    let local = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let remote = libc::iovec { iov_base: address as *mut libc::c_void, iov_len: buffer.len() };
    // SAFETY: the local vector is `buffer`, which is borrowed mutably. The remote one is only an
    // address for the kernel, which checks it and fails with EFAULT instead of a fault.
    let copied = unsafe { libc::process_vm_readv(libc::getpid(), &local, 1, &remote, 1, 0) };
    if copied == buffer.len() as isize {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    // A filter may return any other errno; only EFAULT concerns the address.
    if copied < 0 && error.raw_os_error() != Some(libc::EFAULT) {
        return File::open("/proc/thread-self/mem")?.read_exact_at(buffer, address);
    }
    Err(if copied < 0 { error } else { io::ErrorKind::UnexpectedEof.into() })
}

/// Fills `buffer` from `address` up to the first unmapped page, and returns the number of bytes.
pub(crate) fn copy_start(address: u64, buffer: &mut [u8]) -> io::Result<usize> {
    const PAGE_BYTES: u64 = 4096;
    // One element per page: a transfer that reaches an unmapped page ends between elements
    // (process_vm_readv(2)). IOV_MAX is 1024.
    let mut remote = Vec::with_capacity(buffer.len() / PAGE_BYTES as usize + 2);
    let (mut from, end) = (address, address.saturating_add(buffer.len() as u64));
    while from < end && remote.len() < 1024 {
        let to = (from / PAGE_BYTES + 1).saturating_mul(PAGE_BYTES).min(end);
        remote.push(libc::iovec { iov_base: from as *mut libc::c_void, iov_len: (to - from) as usize });
        from = to;
    }
    let local = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: (from - address) as usize };
    // SAFETY: the local vector is within `buffer`, which is borrowed mutably, because the remote ones add
    // up to at most its length. The remote addresses are only used by the kernel, which checks them.
    let copied = unsafe {
        libc::process_vm_readv(libc::getpid(), &local, 1, remote.as_ptr(), remote.len() as libc::c_ulong, 0)
    };
    if let Ok(copied) = usize::try_from(copied) {
        return Ok(copied);
    }
    let error = io::Error::last_os_error();
    if error.raw_os_error() != Some(libc::EFAULT) {
        return File::open("/proc/thread-self/mem")?.read_at(buffer, address);
    }
    Err(error)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::super::Pages;
    use super::{copy, copy_start};

    #[test]
    fn mapped_memory_is_copied_and_unmapped_is_an_error() {
        let value = *b"rgops";
        let mut buffer = [0; 5];
        copy(value.as_ptr() as u64, &mut buffer).unwrap();
        assert_eq!(buffer, value);
        assert!(copy(16, &mut buffer).is_err());
    }

    #[test]
    fn a_copy_ends_at_the_end_of_the_mapping() {
        let mut pages = Pages::zeroed(3 * 4096).unwrap();
        pages.fill(7);
        let start = pages.as_ptr() as u64;
        // SAFETY: the last page of a mapping of this test, which no code reads afterwards.
        let result = unsafe { libc::mprotect((start + 2 * 4096) as *mut _, 4096, libc::PROT_NONE) };
        assert_eq!(result, 0);
        let mut buffer = vec![0; 64 * 1024];
        assert_eq!(copy_start(start + 8, &mut buffer).unwrap(), 2 * 4096 - 8);
        assert!(buffer[..2 * 4096 - 8].iter().all(|byte| *byte == 7));
        assert_eq!(copy_start(start + 8, &mut buffer[..100]).unwrap(), 100);
        assert!(copy_start(start + 2 * 4096, &mut buffer).is_err());
    }
}
