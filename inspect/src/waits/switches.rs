//! How often threads gave up their CPU to wait, as the kernel counts it (`voluntary_ctxt_switches` of proc(5)).

use std::collections::HashMap;

/// Threads that are read.
#[cfg(target_os = "linux")]
const MOST_THREADS: usize = 2_000;

/// By thread; empty if the program is on another machine, in another pid namespace or on another system.
#[derive(Debug, Clone, Default)]
pub(crate) struct Switches(HashMap<u32, u64>);

impl Switches {
    /// Of all threads of a process.
    #[cfg(target_os = "linux")]
    pub(crate) fn read(pid: u32) -> Switches {
        let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return Switches::default() };
        let tids = threads.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
        let count = |tid: u32| {
            let text = crate::procfs::read(pid, &format!("task/{tid}/status")).ok()?;
            parse(&String::from_utf8_lossy(&text)).map(|count| (tid, count))
        };
        Switches(tids.take(MOST_THREADS).filter_map(count).collect())
    }

    /// Not known on this system.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn read(_pid: u32) -> Switches {
        Switches::default()
    }

    /// Since an earlier moment, by thread.
    pub(crate) fn since(&self, before: &Switches) -> HashMap<u32, u64> {
        let gone_up = |(tid, now): (&u32, &u64)| Some((*tid, now.saturating_sub(*before.0.get(tid)?)));
        self.0.iter().filter_map(gone_up).collect()
    }
}

#[cfg(any(test, target_os = "linux"))]
fn parse(status: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_count_is_found() {
        let status = "Name:\tx\nvoluntary_ctxt_switches:\t150\nnonvoluntary_ctxt_switches:\t545\n";
        assert_eq!(parse(status), Some(150));
        assert_eq!(parse("Name:\tx\n"), None);
    }
}
