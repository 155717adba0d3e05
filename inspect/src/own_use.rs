//! Memory and CPU time of this process itself.

use std::time::Duration;

/// Resident memory without files, in bytes (`resident - shared` of proc_pid_statm(5)). Takes about ten microseconds.
/// `None` if the system does not report it.
#[cfg(target_os = "linux")]
pub fn memory_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let mut pages = text.split_ascii_whitespace().skip(1).map(str::parse::<u64>);
    let (resident, shared) = (pages.next()?.ok()?, pages.next()?.ok()?);
    Some(resident.saturating_sub(shared).saturating_mul(rustix::param::page_size() as u64))
}

/// Unavailable on this system.
#[cfg(not(target_os = "linux"))]
pub fn memory_bytes() -> Option<u64> {
    None
}

/// CPU time of all threads since the process started (`CLOCK_PROCESS_CPUTIME_ID` of clock_gettime(2)).
/// `None` if the system does not report it.
#[cfg(unix)]
pub fn cpu_time() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Some(Duration::new(u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?))
}

/// Unavailable on this system.
#[cfg(not(unix))]
pub fn cpu_time() -> Option<Duration> {
    None
}
