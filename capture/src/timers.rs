//! CPU timers: each signals one thread according to that thread's own CPU clock.
//!
//! They use raw system calls, because glibc's `timer_t` is not the kernel's id, and a fork
//! child does not inherit timers (timer_create(2)), so an id must never be deleted there.

use std::io;

use super::clock;
use super::signal_info::Mark;

/// The kernel's `struct sigevent` for timer_create(2): 64 bytes, with the thread id after `notify`.
#[repr(C)]
struct SignalEvent {
    value: u64,
    signal: i32,
    notify: i32,
    tid: i32,
    padding: [i32; 11],
}

const SIGEV_THREAD_ID: i32 = 4;

/// A running timer; deleted when dropped.
#[derive(Debug)]
pub(super) struct CpuTimer {
    id: i32,
    process: u32,
}

impl CpuTimer {
    /// Sends the signal of `mark` to thread `tid` after every `period_ns` of its CPU time, the
    /// first time after `first_ns` (at least 1).
    pub(super) fn start(tid: u32, mark: Mark, period_ns: u64, first_ns: u64) -> io::Result<CpuTimer> {
        let mut event = SignalEvent {
            value: mark.value,
            signal: mark.number.get(),
            notify: SIGEV_THREAD_ID,
            tid: tid as i32,
            padding: [0; 11],
        };
        let mut id = 0i32;
        // SAFETY: timer_create(2) reads `event`, which has the kernel's layout, and writes `id`;
        // both are locals.
        let made = unsafe {
            libc::syscall(libc::SYS_timer_create, clock::of_thread(tid), &raw mut event, &raw mut id)
        };
        if made != 0 {
            return Err(io::Error::last_os_error());
        }
        let timer = CpuTimer { id, process: std::process::id() };
        match set(timer.id, period_ns, first_ns.max(1)) {
            0 => Ok(timer),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// timer_settime(2); 0 for `first_ns` disarms the timer.
fn set(id: i32, period_ns: u64, first_ns: u64) -> libc::c_long {
    let time = |ns: u64| libc::timespec {
        // The cast's type is inferred: musl is about to change the width of the C library's type.
        tv_sec: (ns / 1_000_000_000) as _,
        tv_nsec: (ns % 1_000_000_000) as libc::c_long,
    };
    let setting = libc::itimerspec { it_interval: time(period_ns), it_value: time(first_ns) };
    // SAFETY: timer_settime(2) reads `setting`, a local; with the null pointer it returns no old value.
    unsafe {
        libc::syscall(
            libc::SYS_timer_settime,
            id,
            0,
            &raw const setting,
            std::ptr::null_mut::<libc::itimerspec>(),
        )
    }
}

/// Stops a timer of ours, called in its signal's handler: timer_settime(2) is async-signal-safe (POSIX.1-2017,
/// 2.4.3). The timer is deleted as usual. Ids repeat only after 2^31 timers, so a late signal does not stop another.
#[cold]
pub(super) fn disarm(id: i32) {
    set(id, 0, 0);
}

impl Drop for CpuTimer {
    fn drop(&mut self) {
        if self.process == std::process::id() {
            // SAFETY: timer_create(2) returned the id in this process, and it is deleted once.
            unsafe {
                libc::syscall(libc::SYS_timer_delete, self.id);
            }
        }
    }
}
