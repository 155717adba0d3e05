//! Reads whole files of `/proc` with a size limit, and explains why one cannot be read.

use std::fs::File;
use std::io::{self, Read};

use rgops_protocol::reply::{Known, Unavailable};

/// Clock ticks per second in `/proc/PID/stat`: `USER_HZ`, which the kernel fixes at 100 for its
/// interfaces on every architecture this crate supports (time(7)).
pub const TICKS_PER_SECOND: u64 = 100;

/// The duration of a clock tick in nanoseconds.
pub const TICK_NS: u64 = 1_000_000_000 / TICKS_PER_SECOND;

/// The default size limit: `status`, `stat` and similar files are smaller than 4 KiB.
pub const SMALL_FILE_BYTES: usize = 64 * 1024;

/// Reads a whole text file of at most `limit` bytes. Invalid UTF-8 (in thread names) is
/// replaced.
pub fn read(path: &str, limit: usize) -> io::Result<String> {
    let mut bytes = Vec::with_capacity(limit.min(4096));
    File::open(path)?.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("longer than {limit} bytes")));
    }
    Ok(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

/// Why data of `path` is missing, for the reader of a report.
pub fn missing(path: &str, error: &io::Error) -> Unavailable {
    let fix =
        if path.starts_with("/proc/self/") { fix(error) } else { full_table(error).unwrap_or_default() };
    Unavailable { reason: format!("cannot read {path}: {error}"), fix: fix.to_owned() }
}

/// How to fix that a file of `/proc/self` cannot be read.
pub fn fix(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "start the program as its user: a program that changes its user, or is not dumpable (prctl(2), \
             PR_SET_DUMPABLE), may not read this about itself"
        }
        io::ErrorKind::NotFound => "run the program where /proc is mounted",
        _ => full_table(error).unwrap_or_default(),
    }
}

/// How to fix that no more files can be opened.
fn full_table(error: &io::Error) -> Option<&'static str> {
    match error.raw_os_error()? {
        libc::EMFILE => Some(
            "the program's limit of open files is too low for the agent, which has its own descriptor table: \
             raise it (ulimit -n)",
        ),
        libc::ENFILE => Some("the system reached its limit of open files: see sysctl fs.file-max"),
        _ => None,
    }
}

/// The value, or why `path` could not be read.
pub fn known<T>(path: &str, result: io::Result<T>) -> Known<T> {
    match result {
        Ok(value) => Known::Value(value),
        Err(error) => Known::Unavailable(missing(path, &error)),
    }
}

/// The text after `name` on its line: `VmRSS:     1024 kB` for `VmRSS`, `quota 5` for `quota`.
pub fn line_value<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines().find_map(|line| {
        let rest = line.strip_prefix(name)?;
        let rest = rest.strip_prefix(':').or_else(|| rest.strip_prefix([' ', '\t']))?;
        Some(rest.trim())
    })
}

/// The number after `name` on its line, without its unit.
pub fn number(text: &str, name: &str) -> Option<u64> {
    line_value(text, name)?.split_ascii_whitespace().next()?.parse().ok()
}

/// The number of kibibytes after `name` on its line, in bytes.
pub fn kibibytes(text: &str, name: &str) -> Option<u64> {
    number(text, name)?.checked_mul(1024)
}

/// The error for a file whose content differs from proc(5).
pub fn unexpected(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("no {what} in it"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_fix_depends_on_the_error() {
        let fix_of = |number| fix(&io::Error::from_raw_os_error(number));
        assert!(fix_of(libc::EMFILE).contains("ulimit -n"));
        assert!(fix_of(libc::ENFILE).contains("fs.file-max"));
        assert!(fix_of(libc::EACCES).contains("start the program as its user"));
        assert!(fix_of(libc::ENOENT).contains("where /proc is mounted"));
        assert_eq!(fix_of(libc::EIO), "");
        // Files outside /proc/self do not belong to the program.
        let cgroup = "/sys/fs/cgroup/memory.max";
        assert_eq!(missing(cgroup, &io::Error::from_raw_os_error(libc::EACCES)).fix, "");
        assert!(missing(cgroup, &io::Error::from_raw_os_error(libc::EMFILE)).fix.contains("ulimit -n"));
    }

    #[test]
    fn a_file_longer_than_the_limit_is_an_error() {
        assert!(read("/proc/self/status", 10).unwrap_err().to_string().contains("longer than 10"));
        assert!(read("/proc/self/status", SMALL_FILE_BYTES).unwrap().contains("VmRSS"));
    }

    #[test]
    fn lines_are_found_by_their_whole_name() {
        let text = "VmRSSX: 7 kB\nVmRSS:\t     12 kB\nnr_throttled 3\n";
        assert_eq!(kibibytes(text, "VmRSS"), Some(12 * 1024));
        assert_eq!(number(text, "nr_throttled"), Some(3));
        assert_eq!(number(text, "nr"), None);
    }
}
