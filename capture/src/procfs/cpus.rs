//! The number of online CPUs, and of CPUs that the process may use.

use std::io;

use super::file::{SMALL_FILE_BYTES, unexpected};

/// `/sys/devices/system/cpu/online`: a list of ranges.
pub const ONLINE: &str = "/sys/devices/system/cpu/online";
/// `/proc/self/status`, for the main thread's `Cpus_allowed_list`.
pub const ALLOWED: &str = "/proc/self/status";

/// The number of online CPUs of the machine.
pub fn online() -> io::Result<u32> {
    count(&super::file::read(ONLINE, SMALL_FILE_BYTES)?).ok_or_else(|| unexpected("list of CPUs"))
}

/// The number of CPUs the main thread may run on (`sched_getaffinity`).
pub fn allowed() -> io::Result<u32> {
    let text = super::file::read(ALLOWED, SMALL_FILE_BYTES)?;
    super::file::line_value(&text, "Cpus_allowed_list")
        .and_then(count)
        .ok_or_else(|| unexpected("list of CPUs"))
}

/// The number of CPUs in a list such as `0-3,8,10-11`.
fn count(list: &str) -> Option<u32> {
    list.trim().split(',').try_fold(0_u32, |sum, range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (first.parse::<u32>().ok()?, last.parse::<u32>().ok()?);
        sum.checked_add(last.checked_sub(first)?.checked_add(1)?)
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn lists_of_cpus_are_counted() {
        assert_eq!(count("0-3,8,10-11\n"), Some(7));
        assert_eq!(count("0"), Some(1));
        assert_eq!(count("3-1"), None);
        assert_eq!(count(""), None);
        assert!(allowed().unwrap() >= 1 && online().unwrap() >= 1);
    }
}
