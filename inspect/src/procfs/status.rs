//! `/proc/PID/status`: users, pid in the innermost namespace, resident memory.

use std::io;

use super::file::{read, read_of_thread};
use super::living::{is_leaderless, read_living};

/// The values of `/proc/PID/status`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Status {
    /// Real, effective, saved and file system user, as our own user namespace sees them.
    pub(crate) users: [u32; 4],
    /// Process id in the innermost pid namespace the process is in.
    pub(crate) inner_pid: u32,
    /// Resident memory; absent for a zombie.
    pub(crate) resident_bytes: Option<u64>,
}

impl Status {
    /// Reads `/proc/PID/status`.
    pub(crate) fn read(pid: u32) -> io::Result<Status> {
        let text = read(pid, "status")?;
        let malformed = || io::Error::new(io::ErrorKind::InvalidData, "malformed status");
        let mut status = Status::parse(&String::from_utf8_lossy(&text), pid).ok_or_else(malformed)?;
        // The kernel does not show the memory of a process whose first thread has ended.
        if status.resident_bytes.is_none() && is_leaderless(pid) {
            let text = read_living(pid, "status")?;
            status.resident_bytes =
                Status::parse(&String::from_utf8_lossy(&text), pid).ok_or_else(malformed)?.resident_bytes;
        }
        Ok(status)
    }

    /// The process that traces a thread.
    pub(crate) fn tracer(pid: u32, thread: u32) -> Option<u32> {
        let text = read_of_thread(pid, thread, "status").ok()?;
        let text = String::from_utf8_lossy(&text);
        let line = text.lines().find_map(|line| line.strip_prefix("TracerPid:"))?;
        line.trim().parse().ok().filter(|tracer| *tracer != 0)
    }

    /// Effective user.
    pub(crate) fn euid(&self) -> u32 {
        self.users[1]
    }

    /// Of the text of the file; `pid` if it does not state the one in the innermost namespace.
    pub(crate) fn parse(text: &str, pid: u32) -> Option<Status> {
        // `Name:` comes first and cannot contain a line end: the kernel escapes it.
        let field = |name: &str| {
            text.lines().find_map(|line| line.strip_prefix(name)).map(|rest| rest.split_ascii_whitespace())
        };
        Some(Status {
            users: field("Uid:")?.map_while(|user| user.parse().ok()).collect::<Vec<_>>().try_into().ok()?,
            // Not NSpid, which a thread's file has of the thread. Kernels before 4.1 do not have it.
            inner_pid: match field("NStgid:").and_then(|pids| pids.last()) {
                Some(inner) => inner.parse().ok()?,
                None => pid,
            },
            resident_bytes: field("VmRSS:")
                .and_then(|mut words| words.next()?.parse::<u64>().ok())
                .map(|kib| kib * 1024),
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_innermost_pid_is_the_last_of_nstgid() {
        let text = "Name:\tx\nUid:\t1\t2\t3\t4\nNStgid:\t900\t7\t1\nNSpid:\t901\t8\t2\nVmRSS:\t  12 kB\n";
        let status = Status::parse(text, 900).unwrap();
        assert_eq!(status, Status { users: [1, 2, 3, 4], inner_pid: 1, resident_bytes: Some(12288) });
        assert_eq!(status.euid(), 2);
        assert_eq!(Status::parse("Uid:\t0\t0\t0\t0\n", 5).unwrap().inner_pid, 5);
    }

    #[test]
    fn users_are_read_from_their_own_line() {
        let status = "Name:\tUid: 0 0 0 0\nUmask:\t0022\nUid:\t0\t65534\t0\t65534\nGid:\t1\t1\t1\t1\n";
        assert_eq!(Status::parse(status, 7).unwrap().users, [0, 65_534, 0, 65_534]);
        assert_eq!(Status::parse("Uid:\t0\t0", 7), None);
    }

    #[test]
    fn the_test_process_has_resident_memory() {
        assert!(Status::read(std::process::id()).unwrap().resident_bytes.unwrap() > 0);
    }
}
