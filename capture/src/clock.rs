//! CPU clocks and the monotonic clock, in nanoseconds.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

/// The id of the agent's other thread, which polls sockets; 0 for none.
static COMPANION: AtomicU32 = AtomicU32::new(0);

/// `CLOCK_MONOTONIC`. Async-signal-safe.
pub fn monotonic_ns() -> u64 {
    read(libc::CLOCK_MONOTONIC).unwrap_or_default()
}

/// CPU time of the whole process, including threads that have ended.
pub fn process_cpu_ns() -> u64 {
    read(libc::CLOCK_PROCESS_CPUTIME_ID).unwrap_or_default()
}

/// CPU time of the calling thread, which is the agent's, and of the thread that polls its sockets.
pub fn own_cpu_ns() -> u64 {
    read(libc::CLOCK_THREAD_CPUTIME_ID).unwrap_or_default() + companion_cpu_ns()
}

fn companion_cpu_ns() -> u64 {
    match companion() {
        Some(tid) => read(of_thread(tid)).unwrap_or_default(),
        None => 0,
    }
}

/// The id of the agent's other thread.
pub fn companion() -> Option<u32> {
    Some(COMPANION.load(Ordering::Relaxed)).filter(|tid| *tid != 0)
}

/// Counts the calling thread's CPU time as the agent's until the returned value is dropped.
#[cfg(target_os = "linux")]
pub fn count_for_the_agent() -> Counted {
    // SAFETY: gettid(2) takes no arguments and cannot fail.
    let tid = unsafe { libc::syscall(libc::SYS_gettid) } as u32;
    COMPANION.store(tid, Ordering::Relaxed);
    Counted(tid)
}

/// See [`count_for_the_agent`].
#[cfg(target_os = "linux")]
pub struct Counted(u32);

#[cfg(target_os = "linux")]
impl Drop for Counted {
    fn drop(&mut self) {
        // On an error, another agent's thread has replaced this one.
        let _ = COMPANION.compare_exchange(self.0, 0, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// CPU time of a thread of this process; fails when the thread has ended.
#[cfg(native_engine)]
pub(super) fn thread_cpu_ns(tid: u32) -> io::Result<u64> {
    read(of_thread(tid))
}

/// The id of a thread's CPU clock: `CPUCLOCK_PERTHREAD_MASK | CPUCLOCK_SCHED` below the inverted id,
/// as pthread_getcpuclockid(3) builds it.
pub(super) fn of_thread(tid: u32) -> libc::clockid_t {
    ((!tid << 3) | 6) as libc::clockid_t
}

fn read(clock: libc::clockid_t) -> io::Result<u64> {
    // SAFETY: `timespec` is plain data, valid when zeroed.
    let mut time: libc::timespec = unsafe { std::mem::zeroed() };
    // SAFETY: clock_gettime(2) writes into the one `timespec` it is given; an unknown clock makes it fail.
    if unsafe { libc::clock_gettime(clock, &mut time) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}
