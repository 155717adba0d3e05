//! The slot of the calling thread.

use std::cell::Cell;

use super::slots::{self, Owner, Slot};
use super::tables::slots;

/// What a thread has: no destructor, no lazy initialisation, so it can be used at any time.
pub(super) struct Own {
    pub(super) slot: Cell<*const Slot>,
    /// No slot was free: it shares one.
    pub(super) shares: Cell<bool>,
}

thread_local! {
    pub(super) static OWN: Own = const { Own { slot: Cell::new(std::ptr::null()), shares: Cell::new(false) } };
}

/// The calling thread's slot; `None` when it has none yet, or shares one.
#[inline(always)]
pub(super) fn own_slot() -> Option<&'static Slot> {
    // SAFETY: null, or one of `SLOTS` (`claim`).
    OWN.with(|own| unsafe { own.slot.get().as_ref() })
}

/// Claims a slot for the calling thread; `None` when there is none, which is then remembered.
pub(super) fn claim() -> Option<&'static Slot> {
    if OWN.with(|own| own.shares.get()) {
        return None;
    }
    // SAFETY: errno's address is valid in every thread.
    let errno = unsafe { *libc::__errno_location() };
    // SAFETY: getpid(2) and gettid(2) take no argument, cannot fail and touch no memory.
    let (process, thread) = unsafe { (libc::getpid(), libc::syscall(libc::SYS_gettid)) };
    let owner = Owner { process: process as u32, thread: thread as u32 };
    let slot = slots::claim(slots(), owner, |other| is_alive(process, other));
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
    OWN.with(|own| match slot {
        Some(slot) => own.slot.set(slot),
        None => own.shares.set(true),
    });
    slot
}

/// Whether a thread of this process lives: signal 0 is never sent, only asked about (tgkill(2)). Where a
/// sandbox denies that, it is taken to live.
pub(super) fn is_alive(process: libc::pid_t, thread: u32) -> bool {
    // SAFETY: with signal 0 the call touches nothing.
    let result = unsafe { libc::syscall(libc::SYS_tgkill, process, thread as libc::pid_t, 0) };
    // SAFETY: errno's address is valid in every thread.
    result == 0 || unsafe { *libc::__errno_location() } != libc::ESRCH
}
