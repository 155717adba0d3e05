//! Reads the files of one process, and lists pids.

use std::fs::File;
use std::io::{self, BufReader, Read as _};

/// Longest file of `/proc/PID` that is read whole. A longer one is cut, so a process cannot make rgops hold a
/// gigabyte of arguments.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// The pids of the host that our `/proc` shows, ascending.
pub(crate) fn pids() -> io::Result<Vec<u32>> {
    let mut pids: Vec<u32> = std::fs::read_dir("/proc")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    Ok(pids)
}

/// Reads one file of `/proc/PID`, at most [`MAX_FILE_BYTES`] of it.
pub(crate) fn read(pid: u32, file: &str) -> io::Result<Vec<u8>> {
    read_at(&format!("/proc/{pid}/{file}"))
}

/// Reads a file of a thread.
pub(super) fn read_of_thread(pid: u32, thread: u32, file: &str) -> io::Result<Vec<u8>> {
    read(pid, &format!("task/{thread}/{file}"))
}

/// Opens a file, to be read line by line.
pub(super) fn open_at(path: &str) -> io::Result<BufReader<File>> {
    File::open(path).map(BufReader::new)
}

/// Reads a file, at most [`MAX_FILE_BYTES`] of it.
pub(super) fn read_at(path: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(2048);
    File::open(path)?.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn our_own_pid_is_listed() {
        assert!(pids().unwrap().contains(&std::process::id()));
    }
}
