//! Signal dispositions (sigaction(2)): read, set and compare.

use std::io;

use crate::signal_number::Number;

/// Whether two dispositions are equal, ignoring what the C library and the kernel change in them.
pub(super) fn is_same(one: &libc::sigaction, other: &libc::sigaction) -> bool {
    /// Set by the C library for its own use (arch/x86/include/uapi/asm/signal.h).
    const SA_RESTORER: i32 = 0x0400_0000;
    let never = bit(libc::SIGKILL) | bit(libc::SIGSTOP);
    let parts = |disposition: &libc::sigaction| {
        let mask = mask_of(&disposition.sa_mask) & !never;
        (disposition.sa_sigaction, disposition.sa_flags & !SA_RESTORER, mask)
    };
    parts(one) == parts(other)
}

pub(super) fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

/// The mask of the kernel's 64 signals: the first 8 bytes of a `sigset_t` (sigaction(2), "C library/kernel
/// differences").
pub(super) fn mask_of(set: &libc::sigset_t) -> u64 {
    // SAFETY: a `sigset_t` has at least 8 bytes and their alignment, on glibc and on musl.
    unsafe { std::ptr::from_ref(set).cast::<u64>().read() }
}

pub(super) fn set_of(mask: u64) -> libc::sigset_t {
    let mut set = default_disposition().sa_mask;
    // SAFETY: as in `mask_of`.
    unsafe { (&raw mut set).cast::<u64>().write(mask) };
    set
}

pub(super) fn default_disposition() -> libc::sigaction {
    // SAFETY: `sigaction` is plain data (a nullable function pointer as usize), valid when zeroed.
    unsafe { std::mem::zeroed() }
}

/// sigaction(2): sets `new` if given, and returns the former disposition.
pub(super) fn exchange(number: Number, new: Option<&libc::sigaction>) -> io::Result<libc::sigaction> {
    let mut old = default_disposition();
    let new = new.map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: `new` is null or points to a valid disposition; `old` is a local that the call may write to.
    match unsafe { libc::sigaction(number.get(), new, &mut old) } {
        0 => Ok(old),
        _ => Err(io::Error::last_os_error()),
    }
}
