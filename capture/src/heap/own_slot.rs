//! The slot of the calling thread.

use std::cell::Cell;

use super::slots::{self, Owner, Slot};
use super::tables::slots;

/// A thread's own state. It has no destructor and no lazy initialisation, so it can be used at any time.
pub(super) struct Own {
    pub(super) slot: Cell<*const Slot>,
    /// No slot was free, so the thread uses the shared counters.
    pub(super) shares: Cell<bool>,
}

thread_local! {
    pub(super) static OWN: Own = const { Own { slot: Cell::new(std::ptr::null()), shares: Cell::new(false) } };
}

/// The calling thread's slot; `None` when it has none yet, or uses the shared counters.
#[inline(always)]
pub(super) fn own_slot() -> Option<&'static Slot> {
    // SAFETY: null, or a pointer to one of `SLOTS`, which are static (`claim`).
    OWN.with(|own| unsafe { own.slot.get().as_ref() })
}

/// Claims a slot for the calling thread; `None` when none is free, which is not tried again.
pub(super) fn claim() -> Option<&'static Slot> {
    if OWN.with(|own| own.shares.get()) {
        return None;
    }
    // SAFETY: __errno_location returns a valid pointer in every thread.
    let errno = unsafe { *libc::__errno_location() };
    // SAFETY: getpid(2) and gettid(2) take no arguments, cannot fail and access no memory.
    let (process, thread) = unsafe { (libc::getpid(), libc::syscall(libc::SYS_gettid)) };
    let owner = Owner { process: process as u32, thread: thread as u32 };
    let slot = slots::claim(slots(), owner, |other| is_alive(process, other));
    // SAFETY: as for the load above.
    unsafe { *libc::__errno_location() = errno };
    OWN.with(|own| match slot {
        Some(slot) => own.slot.set(slot),
        None => own.shares.set(true),
    });
    slot
}

/// Whether a thread of this process lives. Signal 0 is never sent, it only checks for existence (tgkill(2)). If a
/// sandbox denies the call, the thread is assumed to live.
pub(super) fn is_alive(process: libc::pid_t, thread: u32) -> bool {
    // SAFETY: with signal 0 the call has no effect.
    let result = unsafe { libc::syscall(libc::SYS_tgkill, process, thread as libc::pid_t, 0) };
    // SAFETY: __errno_location returns a valid pointer in every thread.
    result == 0 || unsafe { *libc::__errno_location() } != libc::ESRCH
}
