//! The calling thread's signal mask, accessed without the C library.

#[cfg(target_arch = "aarch64")]
use super::aarch64::change_signal_mask;
#[cfg(target_arch = "x86_64")]
use super::x86_64::change_signal_mask;

/// Sets the calling thread's signal mask and returns the former one; `None` when the kernel refuses.
#[inline]
pub(crate) fn set_signal_mask(mask: u64) -> Option<u64> {
    change_signal_mask(libc::SIG_SETMASK, mask)
}

/// Blocks these signals in the calling thread and returns the former mask; `None` when the kernel refuses.
#[inline]
pub(crate) fn block_signals(signals: u64) -> Option<u64> {
    change_signal_mask(libc::SIG_BLOCK, signals)
}

/// Unblocks these signals in the calling thread and returns the former mask; `None` when the kernel refuses.
#[cold]
pub(crate) fn unblock_signals(signals: u64) -> Option<u64> {
    change_signal_mask(libc::SIG_UNBLOCK, signals)
}
