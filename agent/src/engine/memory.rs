//! Copies of our own memory that cannot fault: an address that is not mapped is an error.
//!
//! process_vm_readv(2) on ourselves; where a seccomp profile denies that, `/proc/self/mem`.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

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
    if copied < 0 && matches!(error.raw_os_error(), Some(libc::EPERM | libc::ENOSYS)) {
        return File::open("/proc/self/mem")?.read_exact_at(buffer, address);
    }
    Err(if copied < 0 { error } else { io::ErrorKind::UnexpectedEof.into() })
}

#[cfg(test)]
mod tests {
    use super::copy;

    #[test]
    fn mapped_memory_is_copied_and_unmapped_is_an_error() {
        let value = *b"rgops";
        let mut buffer = [0; 5];
        copy(value.as_ptr() as u64, &mut buffer).unwrap();
        assert_eq!(buffer, value);
        assert!(copy(16, &mut buffer).is_err());
    }
}
