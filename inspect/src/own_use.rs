//! Memory and CPU time of this process itself.

#[cfg(target_os = "linux")]
use std::fs::File;
#[cfg(target_os = "linux")]
use std::os::unix::fs::FileExt as _;
#[cfg(target_os = "linux")]
use std::sync::OnceLock;
use std::time::Duration;

/// Resident memory without files, in bytes (`resident - shared` of proc_pid_statm(5)). Takes about ten microseconds.
/// `None` if the system does not report it.
#[cfg(target_os = "linux")]
pub fn memory_bytes() -> Option<u64> {
    // It is read every few milliseconds, so it stays open.
    static STATM: OnceLock<Option<File>> = OnceLock::new();
    let mut line = [0; 128];
    let file = STATM.get_or_init(|| File::open("/proc/self/statm").ok()).as_ref()?;
    let length = file.read_at(&mut line, 0).ok()?;
    let text = std::str::from_utf8(line.get(..length)?).ok()?;
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
