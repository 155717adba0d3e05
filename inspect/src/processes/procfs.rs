//! Reads what `/proc/PID` says about one process (proc(5)); Linux only.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::ffi::OsStringExt;

use rgops_protocol::discovery::{DIRECTORY_VARIABLE, Environment, SWITCH_VARIABLE};
use rgops_protocol::received::{NAME_CHARACTERS, PATH_CHARACTERS, text_of};

/// Longest file of `/proc/PID` that is read whole; a longer one is cut, so a process cannot make us
/// hold its gigabyte of arguments.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// Characters kept of a command line: as many as of a path, more than a screen has.
const COMMAND_CHARACTERS: usize = PATH_CHARACTERS;

/// Flag of kernel threads in field 9 of `/proc/PID/stat` (`PF_KTHREAD`, include/linux/sched.h).
const KERNEL_THREAD: u64 = 0x0020_0000;

/// What `/proc/PID/stat` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stat {
    /// Name as the kernel keeps it: cut to 15 bytes, and the program can change it.
    pub(super) comm: String,
    /// State letter.
    pub(super) state: char,
    pub(super) parent: u32,
    pub(super) is_kernel_thread: bool,
    /// CPU time in user mode and in the kernel, in clock ticks.
    pub(super) cpu_ticks: u64,
    pub(super) threads: u64,
    /// In clock ticks since boot.
    pub(super) start_time: u64,
}

impl Stat {
    /// Reads `/proc/PID/stat`.
    pub(super) fn read(pid: u32) -> io::Result<Stat> {
        let text = read(pid, "stat")?;
        Stat::parse(&text).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "malformed stat"))
    }

    fn parse(text: &[u8]) -> Option<Stat> {
        // The name stands in parentheses and may contain some itself: the last one closes it.
        let open = text.iter().position(|&byte| byte == b'(')?;
        let close = text.iter().rposition(|&byte| byte == b')')?;
        let comm = text_of(text.get(open + 1..close)?, NAME_CHARACTERS);
        let rest = std::str::from_utf8(text.get(close + 1..)?).ok()?;
        // proc(5) counts fields from 1; the first one behind the name is field 3.
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Stat {
            comm,
            state: fields.first()?.chars().next()?,
            parent: u32::try_from(field(4)?).ok()?,
            is_kernel_thread: field(9)? & KERNEL_THREAD != 0,
            cpu_ticks: field(14)?.checked_add(field(15)?)?,
            threads: field(20)?,
            start_time: field(22)?,
        })
    }
}

/// What `/proc/PID/status` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Status {
    /// Effective user, as our own user namespace sees it.
    pub(super) euid: u32,
    /// Process id in the innermost pid namespace the process is in.
    pub(super) inner_pid: u32,
    /// Resident memory; absent for a zombie.
    pub(super) resident_bytes: Option<u64>,
}

impl Status {
    /// Reads `/proc/PID/status`.
    pub(super) fn read(pid: u32) -> io::Result<Status> {
        let text = read(pid, "status")?;
        Status::parse(&String::from_utf8_lossy(&text), pid)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "malformed status"))
    }

    fn parse(text: &str, pid: u32) -> Option<Status> {
        // `Name:` comes first and cannot contain a line end: the kernel escapes it.
        let field = |name: &str| {
            text.lines().find_map(|line| line.strip_prefix(name)).map(|rest| rest.split_ascii_whitespace())
        };
        Some(Status {
            euid: field("Uid:")?.nth(1)?.parse().ok()?,
            // Kernels before 4.1 have no NSpid.
            inner_pid: match field("NSpid:").and_then(|pids| pids.last()) {
                Some(inner) => inner.parse().ok()?,
                None => pid,
            },
            resident_bytes: field("VmRSS:")
                .and_then(|mut words| words.next()?.parse::<u64>().ok())
                .map(|kib| kib * 1024),
        })
    }
}

/// The variables that decide where a process has its agent's socket, as they were when it started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StartEnvironment {
    pub(super) discovery: Environment,
    /// Whether `RGOPS=off` forbids an agent.
    pub(super) is_switched_off: bool,
}

impl StartEnvironment {
    /// Reads `/proc/PID/environ`: readable for the same user and for root.
    pub(super) fn read(pid: u32, uid: u32) -> io::Result<StartEnvironment> {
        Ok(StartEnvironment::parse(&read(pid, "environ")?, uid))
    }

    fn parse(bytes: &[u8], uid: u32) -> StartEnvironment {
        let variable = |name: &str| {
            bytes.split(|&byte| byte == 0).find_map(|entry| {
                let value = entry.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
                Some(OsString::from_vec(value.to_vec()))
            })
        };
        StartEnvironment {
            discovery: Environment {
                rgops_dir: variable(DIRECTORY_VARIABLE),
                xdg_runtime_dir: variable("XDG_RUNTIME_DIR"),
                tmpdir: variable("TMPDIR"),
                uid,
            },
            is_switched_off: variable(SWITCH_VARIABLE).is_some_and(|value| value == "off"),
        }
    }
}

/// The arguments, NUL replaced by a space as `ps` does; empty for a zombie. Cut when they are longer than
/// [`COMMAND_CHARACTERS`].
pub(super) fn command_line(pid: u32) -> io::Result<String> {
    let bytes = read(pid, "cmdline")?;
    let spaced: Vec<u8> = bytes.iter().map(|byte| if *byte == 0 { b' ' } else { *byte }).collect();
    Ok(text_of(spaced.trim_ascii_end(), COMMAND_CHARACTERS))
}

/// The pids of the host that our `/proc` shows, ascending.
pub(super) fn pids() -> io::Result<Vec<u32>> {
    let mut pids: Vec<u32> = std::fs::read_dir("/proc")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    Ok(pids)
}

/// Opens one file of `/proc/PID`, to be read line by line.
pub(super) fn open(pid: u32, file: &str) -> io::Result<BufReader<File>> {
    File::open(format!("/proc/{pid}/{file}")).map(BufReader::new)
}

/// Reads one file of `/proc/PID`, at most [`MAX_FILE_BYTES`] of it.
pub(super) fn read(pid: u32, file: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(2048);
    File::open(format!("/proc/{pid}/{file}"))?.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_does_not_shift_the_fields() {
        let line = b"7 (a) R (b c) S 3 7 7 0 -1 4194560 1 2 3 4 50 60 7 8 20 0 9 0 1234 5 6";
        let stat = Stat::parse(line).unwrap();
        assert_eq!((stat.comm.as_str(), stat.parent, stat.start_time), ("a) R (b c", 3, 1234));
        assert_eq!((stat.cpu_ticks, stat.threads, stat.is_kernel_thread), (110, 9, false));
        assert_eq!(Stat::parse(b"7 (cut"), None);
        assert_eq!(Stat::parse(b"7 ) x ( 1"), None);
    }

    #[test]
    fn the_innermost_pid_is_the_last_of_nspid() {
        let text = "Name:\tx\nUid:\t1\t2\t3\t4\nNSpid:\t900\t7\t1\nVmRSS:\t  12 kB\n";
        let status = Status::parse(text, 900).unwrap();
        assert_eq!(status, Status { euid: 2, inner_pid: 1, resident_bytes: Some(12288) });
        assert_eq!(Status::parse("Uid:\t0\t0\t0\t0\n", 5).unwrap().inner_pid, 5);
    }

    #[test]
    fn the_environment_is_read_by_whole_names() {
        let environment = StartEnvironment::parse(b"XRGOPS_DIR=/no\0RGOPS_DIR=/a=b\0TMPDIR=\0RGOPS=off\0", 7);
        assert_eq!(environment.discovery.rgops_dir, Some("/a=b".into()));
        assert_eq!(environment.discovery.xdg_runtime_dir, None);
        assert!(environment.is_switched_off);
    }

    #[test]
    fn a_name_may_be_anything_but_not_of_any_length() {
        let name = [
            b"7 (".as_slice(),
            &[0xff; 1 << 20],
            b") R 3 7 7 0 -1 4194560 1 2 3 4 50 60 7 8 20 0 9 0 1234 5",
        ];
        assert_eq!(Stat::parse(&name.concat()).unwrap().comm.chars().count(), NAME_CHARACTERS);
    }

    #[test]
    fn we_see_ourselves() {
        let pid = std::process::id();
        assert!(pids().unwrap().contains(&pid));
        assert!(Stat::read(pid).unwrap().threads >= 1);
        assert!(Status::read(pid).unwrap().resident_bytes.unwrap() > 0);
        assert!(!command_line(pid).unwrap().is_empty());
    }
}
