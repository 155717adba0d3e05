//! What differs between processors, in twin files with the same names.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
pub(super) use aarch64::*;
#[cfg(target_arch = "x86_64")]
pub(super) use x86_64::*;

/// Sets the calling thread's signal mask and gives the former one back; `None` when the kernel refuses.
#[inline]
pub(super) fn set_signal_mask(mask: u64) -> Option<u64> {
    change_signal_mask(libc::SIG_SETMASK, mask)
}

/// Blocks these signals as well in the calling thread and gives the former mask back; `None` when the kernel refuses.
#[inline]
pub(super) fn block_signals(signals: u64) -> Option<u64> {
    change_signal_mask(libc::SIG_BLOCK, signals)
}

/// The opposite.
#[cold]
pub(super) fn unblock_signals(signals: u64) -> Option<u64> {
    change_signal_mask(libc::SIG_UNBLOCK, signals)
}
