//! For how long threads have waited at least: which of them did not run since an earlier dump of the stacks.
//!
//! Nothing looks at a thread between two dumps, so this costs nothing while nobody asks. The kernel counts the CPU time
//! of a thread in nanoseconds: one with the same count did not run. A capture by a signal runs the thread, so only
//! threads whose stacks were copied are found to wait.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use rgops_protocol::reply::stack::{ThreadStack, WaitingThread};

/// The threads of the last dump.
#[derive(Debug, Default)]
pub(crate) struct WaitMarks(Mutex<HashMap<u32, Mark>>);

#[derive(Debug, Clone, Copy)]
struct Mark {
    cpu_ns: u64,
    /// A moment after its CPU time was first found to be this.
    since: Instant,
}

impl WaitMarks {
    /// Takes the threads of a dump that began and ended at these moments, in place of those of the dump before it.
    /// Returns those that did not run in between.
    pub(crate) fn mark(&self, threads: &[ThreadStack], began: Instant, ended: Instant) -> Vec<WaitingThread> {
        let mut marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::take(&mut *marks);
        let mut waiting = Vec::new();
        for thread in threads.iter().filter(|thread| !thread.is_agent) {
            let Some(cpu_ns) = thread.cpu_ns.value().copied() else { continue };
            let known = before.get(&thread.tid).filter(|mark| mark.cpu_ns == cpu_ns);
            if let Some(mark) = known {
                let for_ns = began.saturating_duration_since(mark.since).as_nanos() as u64;
                waiting.push(WaitingThread { tid: thread.tid, for_ns });
            }
            marks.insert(thread.tid, known.copied().unwrap_or(Mark { cpu_ns, since: ended }));
        }
        waiting
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rgops_protocol::reply::stack::{Capture, SystemCall};
    use rgops_protocol::reply::{Known, Stack, StackEnd};

    use super::*;

    fn thread(tid: u32, cpu_ns: u64) -> ThreadStack {
        ThreadStack {
            tid,
            name: "worker".to_owned(),
            state: 'S',
            cpu_ns: Known::Value(cpu_ns),
            wchan: String::new(),
            system_call: Known::Value(SystemCall::NotInOne),
            is_agent: false,
            current_task: None,
            capture: Capture::Quiet,
            stack: Stack { frames: Vec::new(), end: StackEnd::Root },
        }
    }

    #[test]
    fn a_thread_that_did_not_run_waits_since_the_first_dump_that_saw_it_so() {
        let (marks, start) = (WaitMarks::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let dump = |threads: &[(u32, u64)], second: u64| -> Vec<(u32, u64)> {
            let threads: Vec<ThreadStack> = threads.iter().map(|(tid, ns)| thread(*tid, *ns)).collect();
            let waiting = marks.mark(&threads, at(second), at(second + 1)).into_iter();
            waiting.map(|thread| (thread.tid, thread.for_ns / 1_000_000_000)).collect()
        };
        assert_eq!(dump(&[(1, 10), (2, 20)], 0), []);
        assert_eq!(dump(&[(1, 10), (2, 21), (3, 30)], 61), [(1, 60)]);
        assert_eq!(dump(&[(1, 10), (2, 21)], 121), [(1, 120), (2, 59)]);
        // A thread that was not there is forgotten.
        assert_eq!(dump(&[(2, 21), (3, 30)], 181), [(2, 119)]);
        assert_eq!(dump(&[(1, 10)], 241), []);
    }

    #[test]
    fn the_agent_and_threads_without_a_clock_are_not_marked() {
        let (marks, now) = (WaitMarks::default(), Instant::now());
        let agent = ThreadStack { is_agent: true, ..thread(1, 10) };
        let unknown = ThreadStack { cpu_ns: Known::unavailable("denied", ""), ..thread(2, 0) };
        for _ in 0..2 {
            assert_eq!(marks.mark(&[agent.clone(), unknown.clone()], now, now), []);
        }
    }
}
