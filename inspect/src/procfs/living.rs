//! The files of a process whose first thread has ended while others run.
//!
//! The kernel then shows nothing of the process in `/proc/PID`: no executable, no mappings, no descriptors, no
//! namespaces. The directories of its other threads still have all of it (proc(5)).

use std::fs::File;
use std::io::{self, BufReader};

use super::file::{open_at, read_at};
use super::stat::Stat;

/// Maximum threads that are looked at.
const MAX_THREADS: usize = 4096;

/// The directory that has the files of a process: `/proc/PID`, or that of another thread if the first one has ended.
/// An agent's thread is the last choice, because it has its own descriptors.
pub(crate) fn directory(pid: u32) -> String {
    let own = format!("/proc/{pid}");
    match living_thread(pid) {
        Some(thread) => format!("{own}/task/{thread}"),
        None => own,
    }
}

/// Another thread of a process whose first one has ended.
pub(crate) fn living_thread(pid: u32) -> Option<u32> {
    is_leaderless(pid).then(|| another_thread(pid)).flatten()
}

/// Whether the first thread of a process has ended while others run.
pub(crate) fn is_leaderless(pid: u32) -> bool {
    Stat::read(pid).is_ok_and(|stat| stat.is_leaderless())
}

fn another_thread(pid: u32) -> Option<u32> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let mut of_agent = None;
    for thread in threads.take(MAX_THREADS) {
        let Some(thread) = thread.ok().and_then(|thread| thread.file_name().to_str()?.parse().ok()) else {
            continue;
        };
        match Stat::of_thread(pid, thread) {
            Ok(stat) if matches!(stat.state, 'Z' | 'X' | 'x') => {}
            Ok(stat) if stat.comm.starts_with("rgops-") => of_agent = of_agent.or(Some(thread)),
            Ok(_) => return Some(thread),
            Err(_) => {}
        }
    }
    of_agent
}

/// Reads one file that describes the whole process, also when its first thread has ended: see [`directory`].
pub(crate) fn read_living(pid: u32, file: &str) -> io::Result<Vec<u8>> {
    read_at(&format!("{}/{file}", directory(pid)))
}

/// Opens one such file, to be read line by line.
pub(crate) fn open_living(pid: u32, file: &str) -> io::Result<BufReader<File>> {
    open_at(&format!("{}/{file}", directory(pid)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_its_first_thread_has_its_own_directory() {
        let own = std::process::id();
        assert_eq!(directory(own), format!("/proc/{own}"));
        assert!(!is_leaderless(own));
        assert_ne!(another_thread(own), None);
    }
}
