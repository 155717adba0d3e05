//! `/proc/PID/stat`: name, state, parent, CPU time, start time.

use std::io;

use rgops_protocol::received::{NAME_CHARACTERS, text_of};

use super::file::read;

/// Flag of kernel threads in field 9 of `/proc/PID/stat` (`PF_KTHREAD`, include/linux/sched.h).
const KERNEL_THREAD: u64 = 0x0020_0000;

/// Bytes of a name that the kernel keeps (`TASK_COMM_LEN` without the NUL).
const COMM_BYTES: usize = 15;

/// The values of `/proc/PID/stat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stat {
    /// Name as the kernel keeps it: cut to 15 bytes; the program can change it.
    pub(crate) comm: String,
    /// State letter.
    pub(crate) state: char,
    pub(crate) parent: u32,
    pub(crate) is_kernel_thread: bool,
    /// CPU time in user mode and in the kernel, in clock ticks.
    pub(crate) cpu_ticks: u64,
    pub(crate) threads: u64,
    /// In clock ticks since boot.
    pub(crate) start_time: u64,
}

impl Stat {
    /// Reads `/proc/PID/stat`.
    pub(crate) fn read(pid: u32) -> io::Result<Stat> {
        let text = read(pid, "stat")?;
        Stat::parse(&text).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "malformed stat"))
    }

    /// Reads `/proc/PID/task/TID/stat`.
    pub(crate) fn of_thread(pid: u32, thread: u32) -> io::Result<Stat> {
        let text = super::file::read_of_thread(pid, thread, "stat")?;
        Stat::parse(&text).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "malformed stat"))
    }

    /// Whether its first thread has ended while others run.
    pub(crate) fn is_leaderless(&self) -> bool {
        self.state == 'Z' && self.threads > 1
    }

    /// Whether it has ended. A process whose first thread has ended shows `Z` while others run.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, 'X' | 'x') || self.state == 'Z' && self.threads <= 1
    }

    fn parse(text: &[u8]) -> Option<Stat> {
        // The name is in parentheses and may contain parentheses: the last one closes it.
        let open = text.iter().position(|&byte| byte == b'(')?;
        let close = text.iter().rposition(|&byte| byte == b')')?;
        let comm = text_of(text.get(open + 1..close)?, NAME_CHARACTERS);
        let rest = std::str::from_utf8(text.get(close + 1..)?).ok()?;
        // proc(5) counts fields from 1; the first one after the name is field 3.
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

/// Whether `comm` may be the kernel's shortened form of `name`.
pub(crate) fn is_cut_from(comm: &str, name: &str) -> bool {
    comm.len() >= COMM_BYTES && name.starts_with(comm)
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
    fn names_may_have_any_characters_up_to_a_limited_length() {
        let name = [
            b"7 (".as_slice(),
            &[0xff; 1 << 20],
            b") R 3 7 7 0 -1 4194560 1 2 3 4 50 60 7 8 20 0 9 0 1234 5",
        ];
        assert_eq!(Stat::parse(&name.concat()).unwrap().comm.chars().count(), NAME_CHARACTERS);
    }

    #[test]
    fn a_zombie_has_ended_and_a_process_without_its_first_thread_has_not() {
        let line = |state: &str, threads: u32| {
            Stat::parse(
                format!("7 (a) b) {state} 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 {threads} 0 99 5")
                    .as_bytes(),
            )
        };
        assert!(line("Z", 1).unwrap().is_over() && line("X", 1).unwrap().is_over());
        assert!(!line("Z", 2).unwrap().is_over() && !line("S", 1).unwrap().is_over());
        assert_eq!(line("R", 1).unwrap().start_time, 99);
    }

    #[test]
    fn only_a_name_of_full_length_may_be_cut() {
        assert!(is_cut_from("a-rather-long-n", "a-rather-long-name"));
        assert!(!is_cut_from("sho", "shop") && !is_cut_from("a-rather-long-n", "a-rather-short-name"));
    }

    #[test]
    fn the_test_process_has_threads() {
        assert!(Stat::read(std::process::id()).unwrap().threads >= 1);
    }
}
