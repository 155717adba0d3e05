//! What this process itself takes: memory and CPU time.

use std::time::Duration;

/// Resident memory but for files, in bytes (`resident - shared` of proc_pid_statm(5)). Takes some ten
/// microseconds. `None` where the system does not tell.
#[cfg(target_os = "linux")]
pub fn memory_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let mut pages = text.split_ascii_whitespace().skip(1).map(str::parse::<u64>);
    let (resident, shared) = (pages.next()?.ok()?, pages.next()?.ok()?);
    Some(resident.saturating_sub(shared).saturating_mul(rustix::param::page_size() as u64))
}

/// Not known on this system.
#[cfg(not(target_os = "linux"))]
pub fn memory_bytes() -> Option<u64> {
    None
}

/// CPU time of all threads since the process began (`CLOCK_PROCESS_CPUTIME_ID` of clock_gettime(2)).
/// `None` where the system does not tell.
#[cfg(unix)]
pub fn cpu_time() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Some(Duration::new(u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?))
}

/// Not known on this system.
#[cfg(not(unix))]
pub fn cpu_time() -> Option<Duration> {
    None
}
