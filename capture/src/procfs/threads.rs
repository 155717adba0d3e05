//! The threads of the process: `/proc/self/task/TID/{stat,status,schedstat,syscall}`.
//!
//! A thread may end between two reads. Every reader then returns an error, never zeros.

use std::fs::File;
use std::io::{self, Read as _};

use super::file::{SMALL_FILE_BYTES, unexpected};
use super::stat::Stat;

/// The maximum number of threads in one answer; the others are counted as truncated.
pub const MAX_THREADS: usize = 8192;

/// The ids of all threads in ascending order, at most [`MAX_THREADS`], and the total number.
pub fn ids() -> io::Result<(Vec<u32>, usize)> {
    let mut ids: Vec<u32> = std::fs::read_dir("/proc/self/task")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    let found = ids.len();
    ids.sort_unstable();
    ids.truncate(MAX_THREADS);
    Ok((ids, found))
}

/// The id of the calling thread in this pid namespace.
pub fn own_id() -> io::Result<u32> {
    let link = std::fs::read_link("/proc/thread-self")?;
    let id = link.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
    id.ok_or_else(|| unexpected("thread id"))
}

/// A thread's `stat`.
pub fn stat(tid: u32) -> io::Result<Stat> {
    Stat::read(&format!("/proc/self/task/{tid}/stat"))
}

/// The time on a CPU and the time waiting for one, since the thread started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedstat {
    /// On a CPU, in nanoseconds.
    pub running_ns: u64,
    /// Runnable, waiting for a CPU, in nanoseconds.
    pub runnable_ns: u64,
}

/// A thread's `schedstat`. Requires `CONFIG_SCHED_INFO`, which every distribution sets.
pub fn schedstat(tid: u32) -> io::Result<Schedstat> {
    // A trace reads this file of every thread 200 times a second, so it is a single read(2) into
    // a buffer on the stack. The kernel returns the whole line in one read.
    let mut line = [0; 64];
    let length = File::open(format!("/proc/self/task/{tid}/schedstat"))?.read(&mut line)?;
    let line = line.get(..length).and_then(|line| std::str::from_utf8(line).ok());
    line.and_then(parse_schedstat).ok_or_else(|| unexpected("schedstat line"))
}

fn parse_schedstat(text: &str) -> Option<Schedstat> {
    let mut numbers = text.split_ascii_whitespace().map(str::parse);
    Some(Schedstat { running_ns: numbers.next()?.ok()?, runnable_ns: numbers.next()?.ok()? })
}

/// The number of context switches of a thread since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switches {
    /// It gave up the CPU itself: it slept.
    pub voluntary: u64,
    /// It was preempted.
    pub involuntary: u64,
}

/// A thread's context switches.
pub fn switches(tid: u32) -> io::Result<Switches> {
    let text = super::file::read(&format!("/proc/self/task/{tid}/status"), SMALL_FILE_BYTES)?;
    let counts = || {
        Some(Switches {
            voluntary: super::file::number(&text, "voluntary_ctxt_switches")?,
            involuntary: super::file::number(&text, "nonvoluntary_ctxt_switches")?,
        })
    };
    counts().ok_or_else(|| unexpected("context switches"))
}

/// A sleeping thread's stack pointer, the second-to-last number of `syscall`; `None` while it runs.
pub fn stack_pointer(tid: u32) -> io::Result<Option<u64>> {
    let text = super::file::read(&format!("/proc/self/task/{tid}/syscall"), SMALL_FILE_BYTES)?;
    Ok(parse_stack_pointer(&text))
}

fn parse_stack_pointer(text: &str) -> Option<u64> {
    let mut backwards = text.split_ascii_whitespace().rev();
    let _program_counter = backwards.next()?;
    u64::from_str_radix(backwards.next()?.strip_prefix("0x")?, 16).ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_sleeping_thread_is_found_by_its_name_and_stack() {
        let (stop, wait) = std::sync::mpsc::channel::<()>();
        let (sender, receiver) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("a sleeper".into())
            .spawn(move || {
                let local = 0_u8;
                sender.send((own_id().unwrap(), &raw const local as u64)).unwrap();
                let _ = wait.recv();
            })
            .unwrap();
        let (tid, local) = receiver.recv().unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        // A capture by another test may wake it.
        let found = loop {
            match (stat(tid).unwrap().state, stack_pointer(tid).unwrap()) {
                ('S', Some(found)) => break found,
                _ => assert!(std::time::Instant::now() < deadline),
            }
            std::thread::yield_now();
        };
        assert_eq!(stat(tid).unwrap().name, "a sleeper");
        assert!(ids().unwrap().0.contains(&tid));
        assert!(local.abs_diff(found) < 64 * 1024);
        assert!(switches(tid).unwrap().voluntary > 0);
        drop(stop);
        thread.join().unwrap();
        while stat(tid).is_ok() {
            assert!(std::time::Instant::now() < deadline);
            std::thread::yield_now();
        }
    }

    #[test]
    fn files_of_the_kernel_are_parsed() {
        assert_eq!(parse_schedstat("12 34 5\n"), Some(Schedstat { running_ns: 12, runnable_ns: 34 }));
        assert_eq!(parse_schedstat(""), None);
        assert_eq!(parse_stack_pointer("running\n"), None);
        assert_eq!(parse_stack_pointer("-1 0x7ffd10 0x55aa\n"), Some(0x7ffd10));
        assert_eq!(parse_stack_pointer("202 0x1 0x80 0x0 0x0 0x0 0x0 0x7f10 0x7f20\n"), Some(0x7f10));
    }
}
