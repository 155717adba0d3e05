//! What the kernel reports about this process's threads: their CPU clocks and whether they sleep.

use std::fs;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

/// The kernel's id of the calling thread.
///
/// # Errors
/// When `/proc` is not mounted.
pub fn own_id() -> io::Result<u32> {
    // The link reads PID/task/TID, see proc(5).
    let link = fs::read_link("/proc/thread-self")?;
    let id = link.file_name().and_then(|name| name.to_str()?.parse().ok());
    id.ok_or_else(|| io::Error::other(format!("/proc/thread-self is {}", link.display())))
}

/// CPU time of a thread of this process in nanoseconds.
///
/// # Errors
/// When the thread has ended, or the kernel was built without scheduler statistics.
pub fn cpu_ns(thread: u32) -> io::Result<u64> {
    // The first field is the time spent on a CPU, as in CLOCK_THREAD_CPUTIME_ID
    // (Documentation/scheduler/sched-stats.rst), without the time since the last tick.
    let text = fs::read_to_string(format!("/proc/self/task/{thread}/schedstat"))?;
    let first = text.split_ascii_whitespace().next().and_then(|word| word.parse().ok());
    first.ok_or_else(|| io::Error::other(format!("schedstat of thread {thread} reads {text:?}")))
}

/// Waits until all these threads sleep in the kernel.
///
/// # Errors
/// When one still runs at the deadline, or has ended.
pub fn wait_until_asleep(threads: &[u32], timeout: Duration) -> io::Result<()> {
    let deadline = Instant::now() + timeout;
    for &thread in threads {
        while state(thread)? != 'S' {
            if Instant::now() > deadline {
                return Err(io::Error::other(format!("thread {thread} is still running")));
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
    Ok(())
}

/// The state letter of proc_pid_stat(5): `R` is running, `S` is sleeping.
fn state(thread: u32) -> io::Result<char> {
    let text = fs::read_to_string(format!("/proc/self/task/{thread}/stat"))?;
    // The name before it is in parentheses and may contain parentheses: the last one ends it.
    let state = text.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    state.ok_or_else(|| io::Error::other(format!("stat of thread {thread} reads {text:?}")))
}
