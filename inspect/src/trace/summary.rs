//! How each thread spent its time, summed up from its segments.

use std::collections::BTreeMap;

use super::classify::Kind;
use super::model::Segment;

/// Maximum ended threads with an entry of their own; later ones share one entry. A program may keep starting
/// threads for an hour.
const MAX_THREADS: usize = 64 * 1024;

/// One thread's time in the window.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThreadSummary {
    /// Kernel thread id; 0 for the shared entry.
    pub tid: u32,
    /// Name.
    pub name: String,
    /// Whether it belongs to the agent.
    pub is_agent: bool,
    /// When it was first seen, in nanoseconds since the start of the window.
    pub first_ns: u64,
    /// Whether it ended in the window.
    pub ended: bool,
    /// Nanoseconds by kind, in the order of [`Kind::ALL`].
    times: [u64; Kind::ALL.len()],
}

impl ThreadSummary {
    /// A thread without any time.
    pub fn new(tid: u32, name: String, is_agent: bool, first_ns: u64) -> ThreadSummary {
        ThreadSummary { tid, name, is_agent, first_ns, ended: false, times: [0; Kind::ALL.len()] }
    }

    /// Adds a segment.
    pub fn add(&mut self, segment: &Segment) {
        let time = &mut self.times[segment.kind as usize];
        *time = time.saturating_add(segment.end_ns - segment.start_ns);
    }

    /// Time of one kind, in nanoseconds.
    pub fn time(&self, kind: Kind) -> u64 {
        self.times[kind as usize]
    }

    /// Its lifetime in the window, in nanoseconds: the sum of all kinds.
    pub fn life_ns(&self) -> u64 {
        self.times.iter().fold(0, |sum, time| sum.saturating_add(*time))
    }
}

/// All threads of a trace.
#[derive(Debug, Default)]
pub struct Summary {
    live: BTreeMap<u32, ThreadSummary>,
    ended: Vec<ThreadSummary>,
}

impl Summary {
    /// The live thread with this id; added if it is new.
    pub fn thread(&mut self, tid: u32) -> &mut ThreadSummary {
        self.live.entry(tid).or_insert_with(|| ThreadSummary::new(tid, String::new(), false, 0))
    }

    /// The thread has ended: its id may be reused by another thread.
    pub fn end(&mut self, tid: u32) {
        let Some(mut thread) = self.live.remove(&tid) else { return };
        thread.ended = true;
        let is_full = self.ended.len() >= MAX_THREADS;
        match self.ended.last_mut() {
            Some(shared) if is_full => {
                shared.tid = 0;
                shared.name = "(other ended threads)".to_owned();
                for (sum, time) in shared.times.iter_mut().zip(thread.times) {
                    *sum = sum.saturating_add(time);
                }
            }
            _ => self.ended.push(thread),
        }
    }

    /// Every thread, by descending running time.
    pub fn threads(&self) -> Vec<&ThreadSummary> {
        let mut threads: Vec<&ThreadSummary> = self.live.values().chain(&self.ended).collect();
        let busy = |thread: &ThreadSummary| (thread.time(Kind::Running), thread.time(Kind::Runnable));
        threads.sort_by(|left, right| busy(right).cmp(&busy(left)).then(left.tid.cmp(&right.tid)));
        threads
    }
}
