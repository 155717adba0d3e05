//! Clocks of the process and its threads, in nanoseconds.

use std::io;

/// `CLOCK_MONOTONIC`. Async-signal-safe.
pub(crate) fn monotonic_ns() -> u64 {
    read(libc::CLOCK_MONOTONIC).unwrap_or_default()
}

/// CPU time of the whole process, threads that ended included.
pub(crate) fn process_cpu_ns() -> u64 {
    read(libc::CLOCK_PROCESS_CPUTIME_ID).unwrap_or_default()
}

/// CPU time of the calling thread.
pub(crate) fn own_cpu_ns() -> u64 {
    read(libc::CLOCK_THREAD_CPUTIME_ID).unwrap_or_default()
}

/// CPU time of a thread of this process; an error when it has ended.
#[cfg(native_engine)]
pub(super) fn thread_cpu_ns(tid: u32) -> io::Result<u64> {
    read(of_thread(tid))
}

/// The id of a thread's CPU clock: `CPUCLOCK_PERTHREAD_MASK | CPUCLOCK_SCHED` below the inverted id,
/// as pthread_getcpuclockid(3) builds it.
#[cfg(native_engine)]
pub(super) fn of_thread(tid: u32) -> libc::clockid_t {
    ((!tid << 3) | 6) as libc::clockid_t
}

fn read(clock: libc::clockid_t) -> io::Result<u64> {
    // SAFETY: `timespec` is plain data, valid when zeroed.
    let mut time: libc::timespec = unsafe { std::mem::zeroed() };
    // SAFETY: clock_gettime(2) writes into the one `timespec` it is given; an unknown clock fails.
    if unsafe { libc::clock_gettime(clock, &mut time) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}
