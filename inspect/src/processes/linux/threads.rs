//! The threads and the descriptors of one process, from `/proc`.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use crate::processes::details::Thread;
use crate::procfs::{self, MAX_DESCRIPTORS, Stat};

/// Maximum threads that are read.
const MAX_THREADS: usize = 32 * 1024;

/// The threads of a process with their CPU times in ticks, ascending by id.
pub(super) fn threads(pid: u32) -> io::Result<BTreeMap<u32, Stat>> {
    let mut threads = BTreeMap::new();
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))?.take(MAX_THREADS) {
        let tid = thread?.file_name().to_str().and_then(|tid| tid.parse().ok());
        // A thread may end meanwhile.
        threads.extend(tid.and_then(|tid| Some((tid, Stat::of_thread(pid, tid).ok()?))));
    }
    Ok(threads)
}

/// The threads with their CPU time; since `before` if given, otherwise since they started.
pub(super) fn list(
    now: BTreeMap<u32, Stat>,
    before: Option<&BTreeMap<u32, Stat>>,
    ticks: fn(u64) -> Duration,
) -> Vec<Thread> {
    let spent = |tid: &u32, stat: &Stat| {
        let earlier = before.and_then(|before| before.get(tid)).map_or(0, |stat| stat.cpu_ticks);
        ticks(stat.cpu_ticks.saturating_sub(earlier))
    };
    now.into_iter()
        .map(|(tid, stat)| Thread { tid, cpu: spent(&tid, &stat), name: stat.comm, state: stat.state })
        .collect()
}

/// How many descriptors are open and how many may be; `None` if any number may, or that is not known.
pub(crate) fn open_descriptors(pid: u32) -> Option<(u64, u64)> {
    Some((descriptors(pid).ok()?, descriptors_limit(pid).ok()??))
}

/// The number of open descriptors.
pub(super) fn descriptors(pid: u32) -> io::Result<u64> {
    let open = std::fs::read_dir(format!("{}/fd", procfs::directory(pid)))?.take(MAX_DESCRIPTORS).count();
    Ok(open as u64)
}

/// How many descriptors it may open; `None`: any number.
pub(super) fn descriptors_limit(pid: u32) -> io::Result<Option<u64>> {
    let malformed = || io::Error::new(io::ErrorKind::InvalidData, "malformed limits");
    let text = String::from_utf8(procfs::read(pid, "limits")?).map_err(|_| malformed())?;
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files")).ok_or_else(malformed)?;
    match line.split_ascii_whitespace().next() {
        Some("unlimited") => Ok(None),
        Some(number) => number.parse().map(Some).map_err(|_| malformed()),
        None => Err(malformed()),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn this_process_has_threads_and_descriptors() {
        let own = std::process::id();
        let threads = list(threads(own).unwrap(), None, Duration::from_nanos);
        assert!(
            threads.iter().any(|thread| thread.tid == own) && threads.is_sorted_by_key(|thread| thread.tid)
        );
        let open = descriptors(own).unwrap();
        assert!(open > 2 && descriptors_limit(own).unwrap().is_none_or(|limit| limit >= open));
    }
}
