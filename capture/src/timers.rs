//! One CPU timer a thread: it ticks on the thread's own CPU clock and signals that thread.
//!
//! `timer_create` by raw system call, because glibc's `timer_t` is not the kernel's id, and a fork
//! child has no timers of its parent (timer_create(2)), so an id must never be deleted there.

use std::io;

use super::clock;
use super::signal_info::Mark;

/// The kernel's `struct sigevent` as timer_create(2) takes it: 64 bytes, the thread id behind `notify`.
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
    /// Sends the signal of `mark` to thread `tid` each time it has used `period_ns` of CPU, the
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
        // SAFETY: timer_create(2) reads `event`, laid out as the kernel has it, and writes `id`;
        // both live on this stack.
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

/// timer_settime(2): 0 for `first_ns` is never.
fn set(id: i32, period_ns: u64, first_ns: u64) -> libc::c_long {
    let time = |ns: u64| libc::timespec {
        // Named by its field: the C library's type for it has another width on musl some day.
        tv_sec: (ns / 1_000_000_000) as _,
        tv_nsec: (ns % 1_000_000_000) as libc::c_long,
    };
    let setting = libc::itimerspec { it_interval: time(period_ns), it_value: time(first_ns) };
    // SAFETY: timer_settime(2) reads `setting`; the null pointer asks for no old value.
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

/// Stops a timer of ours, from its own signal's handler: timer_settime(2) is async-signal-safe (POSIX.1-2017,
/// 2.4.3). It is deleted as before. Numbers go round only after 2^31 timers, so a signal that came late stops no other.
#[cold]
pub(super) fn disarm(id: i32) {
    set(id, 0, 0);
}

impl Drop for CpuTimer {
    fn drop(&mut self) {
        if self.process == std::process::id() {
            // SAFETY: the id came from timer_create(2) in this process and is deleted once.
            unsafe {
                libc::syscall(libc::SYS_timer_delete, self.id);
            }
        }
    }
}
